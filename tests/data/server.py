"""A small web server that serves files and misbehaves on demand."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Reply = Callable[["Handler"], None]


class Server:
    """Answers GET requests on 127.0.0.1 from ``replies``: path → what to do."""

    def __init__(self) -> None:
        self.replies: dict[str, Reply] = {}
        self.requests: list[str] = []
        self.over = threading.Event()
        server = self

        class Bound(Handler):
            owner = server

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Bound)
        self.url = f"http://127.0.0.1:{self.http.server_port}"

    def __enter__(self) -> Server:
        # The poll interval is how long shutdown takes.
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.http.shutdown()
        self.http.server_close()

    def add(self, path: str, reply: Reply) -> str:
        """Answer ``path`` so from now on; return its address."""
        self.replies[path] = reply
        return self.url + path


class Handler(BaseHTTPRequestHandler):
    owner: Server

    def do_GET(self) -> None:
        self.owner.requests.append(self.path)
        self.owner.replies.get(self.path, missing)(self)

    def log_message(self, *_: object) -> None:
        pass

    def start(self, status: int = 200, **headers: object) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()


def serve(content: bytes) -> Reply:
    def reply(handler: Handler) -> None:
        handler.start(Content_Length=len(content))
        handler.wfile.write(content)

    return reply


def serve_without_length(content: bytes) -> Reply:
    def reply(handler: Handler) -> None:
        handler.start()
        handler.wfile.write(content)

    return reply


def truncate(content: bytes) -> Reply:
    def reply(handler: Handler) -> None:
        handler.start(Content_Length=len(content))
        handler.wfile.write(content[:-1])

    return reply


def stall(content: bytes) -> Reply:
    def reply(handler: Handler) -> None:
        handler.start(Content_Length=len(content))
        handler.wfile.write(content[:-1])
        handler.wfile.flush()
        handler.owner.over.wait()

    return reply


def redirect(url: str) -> Reply:
    return lambda handler: handler.start(302, Location=url, Content_Length=0)


def missing(handler: Handler) -> None:
    handler.start(404, Content_Length=0)


def hang(handler: Handler) -> None:
    handler.owner.over.wait()


def closed_port() -> str:
    """Return an address at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"
