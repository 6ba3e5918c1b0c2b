"""Downloads that come to an end, one way or the other, and are verified."""

from __future__ import annotations

import concurrent.futures
import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from threading import Thread
from urllib import request
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from ganctl.errors import explain
from ganctl.files import atomic_file, make_folder
from ganctl.notify import ignore
from ganctl.text import inert


class DownloadError(Exception):
    """No mirror gave the file; the message has each one's reason. It never leaves data/."""


@dataclass(frozen=True)
class Limits:
    """How long and how much a download may be."""

    connect: float = 10.0
    """Seconds spent on getting connected, up to the response headers, over all mirrors."""
    stall: float = 10.0
    """Seconds without a byte."""
    size: int = 2**30
    """Bytes."""


LIMITS = Limits()

Report = Callable[[str, int, int | None], None]
"""Called with a file's name, the bytes that are there, and all that will come, if that is known."""


def fetch(
    urls: Sequence[str],
    path: Path,
    sha256: str,
    limits: Limits = LIMITS,
    report: Report = ignore,
) -> float:
    """Download one file to ``path`` from the first mirror that serves it intact.

    A failure leaves no file behind, nor a part of one. What is returned is the seconds that are
    left of the connect limit, for the next file of a set.

    Args:
        urls: the file's http or https addresses, best first.
        path: where it goes; the folder is made if need be.
        sha256: what it must have, in hex.
        limits: how long and how much it may be.
        report: called with each piece that has come.

    Raises:
        DownloadError: no mirror served it.
        BadInput: ``path`` cannot be written.
        OutOfResources: the disk is full.
    """
    reasons = []
    budget = limits.connect
    for number, url in enumerate(urls):
        # A mirror that hangs must not use up the time of those after it.
        share = budget / (len(urls) - number)
        begun = time.monotonic()
        try:
            try:
                response = connect(url, share, limits.stall)
            finally:
                budget = max(0.0, budget - (time.monotonic() - begun))
            with response:
                make_folder(path.parent)
                with atomic_file(path) as file:
                    received = 0
                    total = response.length
                    for piece in receive(response, sha256, limits):
                        received += file.write(piece)
                        report(path.name, received, total)
            return budget
        except DownloadError as error:
            reasons.append(f"{urlsplit(url).hostname}: {error}")
    raise DownloadError("; ".join(reasons))


def connect(url: str, limit: float, stall: float) -> HTTPResponse:
    """Return the response to a GET as soon as its headers are there.

    The request runs in a thread of its own, because looking up a name knows no time limit; one
    that comes too late is closed.

    Raises:
        DownloadError: there is no good response within ``limit`` seconds.
    """
    answer: concurrent.futures.Future[HTTPResponse] = concurrent.futures.Future()

    def ask() -> None:
        try:
            get = request.Request(url, headers={"User-Agent": "ganctl"})
            answer.set_result(web_opener().open(get, timeout=stall))
        except Exception as error:  # it is raised where the answer is waited for
            answer.set_exception(error)

    Thread(target=ask, daemon=True).start()
    try:
        return answer.result(limit)
    except (concurrent.futures.TimeoutError, TimeoutError) as error:  # one class from 3.11 on
        answer.add_done_callback(close)
        raise DownloadError(f"no answer within {limit:.1f} s") from error
    except (OSError, HTTPException) as error:
        raise DownloadError(reason(error)) from error


def close(late: concurrent.futures.Future[HTTPResponse]) -> None:
    """Close a response that nobody waits for any more, if it is one."""
    if not late.exception():
        late.result().close()


def web_opener() -> request.OpenerDirector:
    """Return an opener for http and https only: no redirect leads to file:, ftp: or data:."""
    opener = request.OpenerDirector()
    for handler in (
        request.ProxyHandler,
        request.HTTPHandler,
        request.HTTPSHandler,
        request.HTTPRedirectHandler,
        request.HTTPErrorProcessor,
        request.HTTPDefaultErrorHandler,
        request.UnknownHandler,
    ):
        opener.add_handler(handler())
    return opener


def receive(response: HTTPResponse, sha256: str, limits: Limits) -> Iterator[bytes]:
    """Yield the body in pieces.

    Raises:
        DownloadError: it stalls, breaks off, is too long, or has another digest.
    """
    declared = response.length
    received = 0
    digest = hashlib.sha256()
    while piece := read_piece(response, limits.stall):
        received += len(piece)
        if received > limits.size:
            raise DownloadError(f"more than {limits.size:,} bytes")
        digest.update(piece)
        yield piece
    if declared is not None and received != declared:
        raise DownloadError(f"broke off after {received:,} of {declared:,} bytes")
    if digest.hexdigest() != sha256:
        raise DownloadError("served another file: its SHA-256 is wrong")


def read_piece(response: HTTPResponse, stall: float) -> bytes:
    """Return the bytes that are there, waiting for the first of them; b"" at the end."""
    try:
        return response.read1(2**16)
    except TimeoutError as error:
        raise DownloadError(f"no data for {stall:g} s") from error
    except (OSError, HTTPException) as error:
        raise DownloadError(reason(error)) from error


def reason(error: OSError | HTTPException) -> str:
    """Return why a request failed, in a few words."""
    if isinstance(error, HTTPError):
        with error:
            return f"HTTP status {error.code}"
    cause = error.reason if isinstance(error, URLError) else error
    text = explain(cause) if isinstance(cause, OSError) else str(cause)
    return inert(text)[:160]  # it may be what the server sent, and goes into the model card
