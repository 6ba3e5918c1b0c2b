from __future__ import annotations

import hashlib
import socket
import threading
import time
from collections.abc import Callable
from http.client import HTTPResponse
from pathlib import Path
from urllib import request

import pytest

from ganctl.data import download
from ganctl.data.download import DownloadError, fetch
from ganctl.errors import BadInput

from .server import (
    Handler,
    Reply,
    Server,
    closed_port,
    hang,
    missing,
    redirect,
    serve,
    serve_without_length,
    stall,
    truncate,
)

CONTENT = bytes(range(256)) * 400
SHA256 = hashlib.sha256(CONTENT).hexdigest()

FAILURES = {
    "HTTP status 404": missing,
    "no answer within": hang,
    "no data for 0.2 s": stall(CONTENT),
    "stopped after 102,399 of 102,400 bytes": truncate(CONTENT),
    "its SHA-256 is wrong": serve(CONTENT[::-1]),
    "more than 102,400 bytes": serve(CONTENT + b"!"),
}


@pytest.fixture(autouse=True)
def limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "STALL_SECONDS", 0.2)
    monkeypatch.setattr(download, "MAX_BYTES", len(CONTENT))


@pytest.mark.parametrize("reply", [serve(CONTENT), serve_without_length(CONTENT)])
def test_a_file_arrives_in_a_new_folder(tmp_path: Path, server: Server, reply: Reply) -> None:
    path = tmp_path / "new" / "folder" / "file"
    fetch([server.add("/file", reply)], path, SHA256)
    assert path.read_bytes() == CONTENT
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("reason", FAILURES)
def test_a_failure_leaves_nothing_behind_and_the_next_mirror_is_tried(
    tmp_path: Path, server: Server, reason: str
) -> None:
    bad, path = server.add("/bad", FAILURES[reason]), tmp_path / "file"
    with pytest.raises(DownloadError, match=f"^127.0.0.1: .*{reason}"):
        fetch([bad], path, SHA256, 1.0)
    assert list(tmp_path.iterdir()) == []
    server.requests.clear()
    fetch([bad, server.add("/good", serve(CONTENT))], path, SHA256, 1.0)
    assert path.read_bytes() == CONTENT
    assert server.requests == ["/bad", "/good"]


def test_every_reason_is_named(tmp_path: Path, server: Server) -> None:
    mirrors = [closed_port(), server.add("/file", missing)]
    with pytest.raises(DownloadError) as caught:
        fetch(mirrors, tmp_path / "file", SHA256)
    assert str(caught.value) == "127.0.0.1: connection refused; 127.0.0.1: HTTP status 404"


def time_to_fail(call: Callable[[], object]) -> float:
    start = time.monotonic()
    with pytest.raises(DownloadError, match="no answer within"):
        call()
    return time.monotonic() - start


def test_mirrors_that_hang_share_one_limit(tmp_path: Path, server: Server) -> None:
    mirrors = [server.add(f"/{n}", hang) for n in range(8)]
    seconds = time_to_fail(lambda: fetch(mirrors, tmp_path / "file", SHA256, 0.4))
    assert 0.35 < seconds < 0.9  # not 8 × 0.4
    assert len(server.requests) == 8


def test_the_rest_of_the_limit_is_returned(tmp_path: Path, server: Server) -> None:
    mirrors = [server.add("/bad", hang), server.add("/good", serve(CONTENT))]
    assert 0.1 < fetch(mirrors, tmp_path / "file", SHA256, 1.0) <= 0.8


def test_a_response_that_comes_too_late_is_closed(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    late, closed, urlopen = threading.Event(), threading.Event(), request.urlopen

    def open_late(url: request.Request, timeout: float) -> HTTPResponse:
        response: HTTPResponse = urlopen(url, timeout=timeout)
        close = response.close

        def note_close() -> None:
            close()
            closed.set()

        monkeypatch.setattr(response, "close", note_close)
        late.wait(10)
        return response

    monkeypatch.setattr(request, "urlopen", open_late)
    seconds = time_to_fail(
        lambda: fetch([server.add("/file", serve(CONTENT))], tmp_path / "file", SHA256, 0.1)
    )
    assert seconds < 1 and not closed.is_set()
    late.set()
    assert closed.wait(5)


def test_a_name_that_is_never_resolved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    def never(*_: object, **__: object) -> None:
        over.wait()
        raise socket.gaierror("too late")

    monkeypatch.setattr(socket, "getaddrinfo", never)
    mirrors = ["http://mirror.invalid/file"]
    assert time_to_fail(lambda: fetch(mirrors, tmp_path / "file", SHA256, 0.3)) < 1.0
    over.set()


@pytest.mark.parametrize("protocol", ["file", "data", "ftp"])
def test_a_redirect_is_followed_but_only_to_http(
    tmp_path: Path, server: Server, protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    fetch([server.add("/old", redirect(server.add("/new", serve(CONTENT))))], path, SHA256)
    assert path.read_bytes() == CONTENT
    path.unlink()
    (tmp_path / "secret").write_bytes(CONTENT)
    monkeypatch.setattr(request.FTPHandler, "ftp_open", lambda *_: path)
    urls = {"file": (tmp_path / "secret").as_uri(), "data": "data:,x", "ftp": "ftp://127.0.0.1/x"}
    with pytest.raises(DownloadError):
        fetch([server.add("/file", redirect(urls[protocol]))], path, SHA256)
    assert not path.exists()


def test_an_unwritable_place_is_not_the_mirrors_fault(tmp_path: Path, server: Server) -> None:
    (tmp_path / "file").touch()
    mirrors = [server.add("/1", serve(CONTENT)), server.add("/2", serve(CONTENT))]
    with pytest.raises(BadInput, match="cannot write"):
        fetch(mirrors, tmp_path / "file" / "below", SHA256)
    assert server.requests == ["/1"]


def test_what_a_server_sends_as_a_reason_is_short_and_printable(
    tmp_path: Path, server: Server
) -> None:
    def bad_status(handler: Handler) -> None:
        handler.wfile.write(b"\x1b[2J" + b"x" * 1000 + b"\r\n\r\n")

    with pytest.raises(DownloadError) as caught:
        fetch([server.add("/file", bad_status)], tmp_path / "file", SHA256)
    assert str(caught.value) == r"127.0.0.1: \x1b[2J" + "x" * 153
