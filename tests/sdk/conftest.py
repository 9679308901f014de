"""A scripted HTTP server on a real port, for what a healthy service does not do: cut streams, 503s, garbage."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from burnish import Burnish
from tests.service.harness import in_memory, serving

Json = dict[str, Any]
LINKS = dict.fromkeys(("self", "events", "refinements", "budget", "cancel"), "/v1/jobs/job_1")


@dataclass
class Answer:
    """One scripted answer. `chunks`: a streamed body; `end` then says how the connection goes: close, cut, or hang."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    chunks: list[bytes] | None = None
    end: str = "close"


@dataclass
class Seen:
    """One request as it came."""

    method: str
    path: str
    params: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass
class Script:
    """The server: answers in the order in which they were scripted, the last one again and again."""

    url: str = ""
    answers: list[Answer | str] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    release: threading.Event = field(default_factory=threading.Event)

    def play(self, *answers: Answer | str) -> Script:
        self.answers = list(answers)
        return self

    def next(self, request: Seen) -> Answer | str:
        self.seen.append(request)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def problem(status: int, detail: str = "no", errors: list[Json] | None = None, **headers: str) -> Answer:
    body = {"title": "Bad", "status": status, "detail": detail, "errors": errors or [], "request_id": "req_7"}
    kind = {"Content-Type": "application/problem+json"}
    return Answer(status, json.dumps(body).encode(), kind | {k.replace("_", "-"): v for k, v in headers.items()})


def ok(value: Any, status: int = 200) -> Answer:
    return Answer(status, json.dumps(value).encode(), {"Content-Type": "application/json"})


def sse(*events: tuple[int, str, Any], end: str = "close", first: bytes = b": hello\n\n") -> Answer:
    """A stream of (sequence, type, data)."""
    chunks = [first] + [f"id: {n}\nevent: {kind}\ndata: {json.dumps(data)}\n\n".encode() for n, kind, data in events]
    return Answer(200, headers={"Content-Type": "text/event-stream"}, chunks=chunks, end=end)


def page(*data: Any, next: Any = None) -> Answer:
    return ok({"data": list(data), "has_more": next is not None, "next": next})


def refinement(sequence: int = 2, values: tuple[float | None, ...] = (0.5,), **changes: Any) -> Json:
    """One refinement; `half` sets the half-width of every output."""
    half = changes.pop("half", None)
    blocks = changes.setdefault("blocks", sequence)
    limits = {
        "level": 0.95,
        "kind": "group_sequential",
        "joint": True,
        "simultaneous": len(values) > 1,
        "blocks": blocks,
    }
    interval = half and limits | {
        "lower": [None if v is None else v - half for v in values],
        "upper": [None if v is None else v + half for v in values],
    }
    return {
        "sequence": sequence,
        "job_id": "job_1",
        "replicates": 256 * blocks,
        "estimate": {"value": list(values), "standard_error": [0.1 for _ in values]},
        "interval": interval,
        "digest": "sha256:0",
        "spent": {"seconds": 0.1 * blocks, "units": 256 * blocks},
    } | changes


def job(status: str = "running", **changes: Any) -> Json:
    spec = {
        "kind": "surrogate",
        "problem": {"name": "viscous-burgers"},
        "points": [{"t": 0.0, "x": 0.1}],
        "budget": {"seconds": 20, "abs_tol": 0.001},
    }
    return {
        "id": "job_1",
        "kind": "surrogate",
        "status": status,
        "created_at": "2026-01-01T00:00:00Z",
        "spec": spec,
        "links": LINKS,
    } | changes


def _handler(script: Script) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = script.next(Seen(self.command, url.path, dict(parse_qsl(url.query)), headers, body))
            if isinstance(answer, str):
                return self._leave(answer)
            return self._send(answer)

        do_POST = do_PUT = do_DELETE = do_GET

        def _send(self, answer: Answer) -> None:
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if answer.chunks is None:
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)
                return
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for chunk in answer.chunks:
                self.wfile.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
                self.wfile.flush()
            if answer.end == "close":
                self.wfile.write(b"0\r\n\r\n")
            else:
                self._leave(answer.end)

        def _leave(self, how: str) -> None:
            """cut: end the connection in the middle; reset: with an error; hang: fall silent."""
            if how == "hang":
                script.release.wait(20)
            if how == "reset":
                time.sleep(0.05)  # let the client read what came before the reset throws it away
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that leave early are part of these tests."""


@pytest.fixture
def server() -> Iterator[Script]:
    script = Script()
    http = _Server(("127.0.0.1", 0), _handler(script))
    script.url = f"http://127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield script
    script.release.set()
    http.shutdown()
    http.server_close()
    thread.join()


class Make:
    """The builders above, for test modules (which import nothing from each other)."""

    Answer: Callable[..., Answer] = Answer
    problem = staticmethod(problem)
    ok = staticmethod(ok)
    sse = staticmethod(sse)
    page = staticmethod(page)
    refinement = staticmethod(refinement)
    job = staticmethod(job)


@pytest.fixture
def make() -> type[Make]:
    return Make


@pytest.fixture(scope="module", params=["local", "port"])
def client(request: pytest.FixtureRequest) -> Iterator[Burnish]:
    """A client over both transports: a service inside this process, and one on a real port."""
    if request.param == "local":
        with Burnish.local(workers=2) as client:
            yield client
        return
    with serving(in_memory(max_body=2**20)) as service, Burnish(service.url) as client:
        yield client
