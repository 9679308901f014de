"""A receiver of webhooks on a real port of this machine, which answers as it is told to."""

from __future__ import annotations

import contextlib
import http.server
import socketserver
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Reply = int | str
"""A status; or `hang` (no answer until the receiver ends), `drip` (an answer that never ends its headers), `pour` (a
body without end), `cut` (the connection is closed)."""


@dataclass
class Heard:
    """One request."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


@dataclass
class Receiver:
    """`replies`: to the next requests, then `usually`; `headers`: of all replies."""

    usually: Reply = 204
    replies: list[Reply] = field(default_factory=list[Reply])
    headers: dict[str, str] = field(default_factory=dict[str, str])
    heard: list[Heard] = field(default_factory=list[Heard])
    port: int = 0
    ended: threading.Event = field(default_factory=threading.Event)
    changed: threading.Condition = field(default_factory=threading.Condition)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}/hook"

    def take(self, heard: Heard) -> Reply:
        with self.changed:
            self.heard.append(heard)
            self.changed.notify_all()
            return self.replies.pop(0) if self.replies else self.usually

    def wait(self, count: int, timeout: float = 30.0) -> list[Heard]:
        """So many requests, as soon as they were heard."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.heard) >= count, timeout), f"heard {len(self.heard)}"
            return list(self.heard)


class _Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    block_on_close = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever asked has left: no news in a test."""


@contextlib.contextmanager
def receiving(receiver: Receiver | None = None) -> Iterator[Receiver]:
    """Listens until the block ends; then nobody does."""
    receiver = receiver or Receiver()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.close_connection = True
            self.answer(receiver.take(Heard(self.path, headers, body)))

        def answer(self, reply: Reply) -> None:
            if reply == "hang":
                receiver.ended.wait(60)
            elif reply == "drip":
                self.wfile.write(b"HTTP/1.1 200 OK\r\nx-slow: ")
                while not receiver.ended.wait(0.05):
                    self.wfile.write(b".")
            elif reply == "pour":
                self.wfile.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
                while not receiver.ended.is_set():
                    self.wfile.write(b"10000\r\n" + b"x" * 65_536 + b"\r\n")
            elif isinstance(reply, int):
                self.send_response(reply)
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                if reply != 204:
                    self.send_header("content-length", "6")
                self.end_headers()
                if reply != 204:
                    self.wfile.write(b"secret")

        def log_message(self, format: str, *args: Any) -> None: ...

    server = _Server(("127.0.0.1", receiver.port), Handler)
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.ended.set()
        server.shutdown()
        thread.join()
        server.server_close()
