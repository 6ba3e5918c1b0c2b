from __future__ import annotations

import hashlib
import socket
import threading
import time
from collections.abc import Callable
from http.client import BadStatusLine
from pathlib import Path

import pytest

from ganctl.data import download
from ganctl.data.download import DownloadError, Limits, connect, fetch, reason
from ganctl.errors import BadInput

from .server import (
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
QUICK = Limits(connect=1.0, stall=0.2, size=len(CONTENT))

FAILURES = {
    "HTTP status 404": missing,
    "no answer within": hang,
    "no data for 0.2 s": stall(CONTENT),
    "broke off after 102,399 of 102,400 bytes": truncate(CONTENT),
    "its SHA-256 is wrong": serve(CONTENT[::-1]),
    "more than 102,400 bytes": serve(CONTENT + b"!"),
}


@pytest.mark.parametrize("reply", [serve(CONTENT), serve_without_length(CONTENT)])
def test_a_file_arrives_in_a_new_folder(tmp_path: Path, server: Server, reply: Reply) -> None:
    path = tmp_path / "new" / "folder" / "file"
    fetch([server.add("/file", reply)], path, SHA256, QUICK)
    assert path.read_bytes() == CONTENT
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("reason", FAILURES)
def test_a_failure_leaves_nothing_behind(tmp_path: Path, server: Server, reason: str) -> None:
    with pytest.raises(DownloadError, match=f"^127.0.0.1: .*{reason}"):
        fetch([server.add("/file", FAILURES[reason])], tmp_path / "file", SHA256, QUICK)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("reason", FAILURES)
def test_the_next_mirror_is_tried(tmp_path: Path, server: Server, reason: str) -> None:
    mirrors = [server.add("/bad", FAILURES[reason]), server.add("/good", serve(CONTENT))]
    fetch(mirrors, tmp_path / "file", SHA256, QUICK)
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert server.requests == ["/bad", "/good"]


def test_every_reason_is_named(tmp_path: Path, server: Server) -> None:
    mirrors = [closed_port(), server.add("/file", missing)]
    with pytest.raises(DownloadError) as caught:
        fetch(mirrors, tmp_path / "file", SHA256, QUICK)
    assert str(caught.value) == "127.0.0.1: connection refused; 127.0.0.1: HTTP status 404"


def time_to_fail(call: Callable[[], object]) -> float:
    begun = time.monotonic()
    with pytest.raises(DownloadError, match="no answer within"):
        call()
    return time.monotonic() - begun


def test_mirrors_that_hang_share_one_limit(tmp_path: Path, server: Server) -> None:
    mirrors = [server.add(f"/{n}", hang) for n in range(8)]
    limits = Limits(connect=0.4, stall=10.0)
    seconds = time_to_fail(lambda: fetch(mirrors, tmp_path / "file", SHA256, limits))
    assert 0.35 < seconds < 0.9  # not 8 × 0.4
    assert len(server.requests) == 8


def test_what_is_left_of_the_limit_is_returned(tmp_path: Path, server: Server) -> None:
    mirrors = [server.add("/bad", hang), server.add("/good", serve(CONTENT))]
    assert 0.1 < fetch(mirrors, tmp_path / "file", SHA256, QUICK) <= QUICK.connect - QUICK.stall


def test_a_response_that_comes_too_late_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    late, closed = threading.Event(), threading.Event()

    class Opener:
        def open(self, *_: object, **__: object) -> Opener:
            late.wait()
            return self

        def close(self) -> None:
            closed.set()

    monkeypatch.setattr(download, "web_opener", Opener)
    with pytest.raises(DownloadError, match=r"no answer within 0\.1 s"):
        connect("http://mirror.invalid/file", 0.1, 0.1)
    late.set()
    assert closed.wait(5)


def test_a_name_that_is_never_resolved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    def never(*_: object, **__: object) -> None:
        over.wait()
        raise socket.gaierror("too late")

    monkeypatch.setattr(socket, "getaddrinfo", never)
    mirrors = ["http://mirror.invalid/file"]
    limits = Limits(connect=0.3, stall=0.1)
    assert time_to_fail(lambda: fetch(mirrors, tmp_path / "file", SHA256, limits)) < 1.0
    over.set()


@pytest.mark.parametrize("redirected", [False, True])
def test_only_http_is_spoken(tmp_path: Path, server: Server, redirected: bool) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(CONTENT)
    url = server.add("/file", redirect(secret.as_uri())) if redirected else secret.as_uri()
    with pytest.raises(DownloadError):
        fetch([url], tmp_path / "file", SHA256, QUICK)
    assert not (tmp_path / "file").exists()


def test_a_redirect_is_followed(tmp_path: Path, server: Server) -> None:
    url = server.add("/old", redirect(server.add("/new", serve(CONTENT))))
    fetch([url], tmp_path / "file", SHA256, QUICK)
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_place_that_cannot_be_written_is_no_fault_of_the_mirror(
    tmp_path: Path, server: Server
) -> None:
    (tmp_path / "file").touch()
    mirrors = [server.add("/1", serve(CONTENT)), server.add("/2", serve(CONTENT))]
    with pytest.raises(BadInput, match="cannot write"):
        fetch(mirrors, tmp_path / "file" / "below", SHA256, QUICK)
    assert server.requests == ["/1"]


def test_what_a_server_sends_as_a_reason_is_short_and_inert() -> None:
    assert reason(BadStatusLine("\x1b[2J" + "x" * 1000)) == r"\x1b[2J" + "x" * 153
