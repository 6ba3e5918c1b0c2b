"""Verified downloads over http and https that always end, whatever the server does."""

from __future__ import annotations

import concurrent.futures
import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from threading import Thread
from urllib import request
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from ganctl.errors import explain
from ganctl.files import atomic_file, make_folder
from ganctl.text import printable

CONNECT_SECONDS = 10.0  # until the response headers arrive, for all mirrors together
STALL_SECONDS = 10.0  # without a byte
MAX_BYTES = 2**30

Progress = Callable[[str, int, int | None], None]  # file name, bytes received, total if known


class DownloadError(Exception):
    """No mirror served the file; the message gives the reason of each."""


def fetch(
    urls: Sequence[str],
    path: Path,
    sha256: str,
    seconds: float = CONNECT_SECONDS,
    progress: Progress | None = None,
) -> float:
    """Download a file to ``path`` from the first of ``urls`` that serves it intact.

    Connecting to all mirrors together may take ``seconds``; what is left of them is returned. A
    failure leaves nothing behind.

    Raises:
        DownloadError: no mirror served it.
        BadInput: ``path`` cannot be written.
        OutOfResources: the disk is full.
    """
    reasons = []
    for number, url in enumerate(urls):
        start = time.monotonic()
        try:
            try:  # a mirror that hangs leaves time for the next ones
                response = connect(url, seconds / (len(urls) - number))
            finally:
                seconds = max(0.0, seconds - (time.monotonic() - start))
            with response:
                make_folder(path.parent)
                with atomic_file(path) as file:
                    received, total = 0, response.length
                    for chunk in _receive(response, sha256):
                        received += file.write(chunk)
                        if progress:
                            progress(path.name, received, total)
            return seconds
        except DownloadError as error:
            reasons.append(f"{urlsplit(url).hostname}: {error}")
    raise DownloadError("; ".join(reasons))


def connect(url: str, timeout: float) -> HTTPResponse:
    """Return the response to a GET request; DownloadError if there is none within ``timeout``.

    The request runs in a thread because looking up a host name has no timeout.
    """
    future: concurrent.futures.Future[HTTPResponse] = concurrent.futures.Future()

    def send() -> None:
        try:
            get = request.Request(url, headers={"User-Agent": "ganctl"})
            response = request.urlopen(get, timeout=STALL_SECONDS)
            if not isinstance(response, HTTPResponse):
                raise DownloadError("redirects to another protocol")
            future.set_result(response)
        except Exception as error:
            future.set_exception(error)

    Thread(target=send, daemon=True).start()
    try:
        return future.result(timeout)
    except (concurrent.futures.TimeoutError, TimeoutError) as error:  # one class from 3.11 on
        future.add_done_callback(_close_late)
        raise DownloadError(f"no answer within {timeout:.1f} s") from error
    except (OSError, HTTPException) as error:
        raise DownloadError(_reason(error)) from error


def _close_late(future: concurrent.futures.Future[HTTPResponse]) -> None:
    if not future.exception():
        future.result().close()


def _receive(response: HTTPResponse, sha256: str) -> Iterator[bytes]:
    """Yield the body in chunks; raise DownloadError unless it is complete and as expected."""
    expected, received, digest = response.length, 0, hashlib.sha256()
    while True:
        try:
            chunk = response.read1(2**16)
        except TimeoutError as error:
            raise DownloadError(f"no data for {STALL_SECONDS:g} s") from error
        except (OSError, HTTPException) as error:
            raise DownloadError(_reason(error)) from error
        if not chunk:
            break
        received += len(chunk)
        if received > MAX_BYTES:
            raise DownloadError(f"more than {MAX_BYTES:,} bytes")
        digest.update(chunk)
        yield chunk
    if expected is not None and received != expected:
        raise DownloadError(f"stopped after {received:,} of {expected:,} bytes")
    if digest.hexdigest() != sha256:
        raise DownloadError("served another file: its SHA-256 is wrong")


def _reason(error: OSError | HTTPException) -> str:
    """Return why a request failed, in a few words that are safe to print."""
    if isinstance(error, HTTPError):
        with error:
            return f"HTTP status {error.code}"
    cause = error.reason if isinstance(error, URLError) else error
    text = explain(cause) if isinstance(cause, OSError) else str(cause)
    return printable(text)[:160]  # may be text of the server, and goes into the model card
