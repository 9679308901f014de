"""A small server for tests: it speaks as several kinds of OpenAI-compatible servers do, by a law that is known, and
fails on order."""

from __future__ import annotations

import contextlib
import json
import random
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

Style = Literal["vllm", "sglang", "plain", "keeps"]

LAW = (("a\n", 0.5), ("b\n", 0.3), ("c", 0.2))
"""Steps and their chances, whatever came before; "c" ends the answer."""

TOKENS = {"a\n": 2, "b\n": 2, "c": 2}
"""With the token that ends."""

Fault = Callable[["Handler"], None]


@dataclass
class StandIn:
    """`faults`: what the next requests get instead of an answer; `bodies`: what was asked; `forbids`: fields that are
    refused; `most`: candidates of one answer, however many are asked for; `refuses_over`: the largest `n` it takes."""

    style: Style = "vllm"
    faults: list[Fault] = field(default_factory=list[Fault])
    bodies: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    keys: list[str | None] = field(default_factory=list["str | None"])
    forbids: frozenset[str] = frozenset()
    most: int = 100
    refuses_over: int = 100
    model: str = "tiny"
    value: Callable[[dict[str, Any]], Any] | None = None
    always: Fault | None = None
    url: str = ""
    seed: int = 1
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    @property
    def host(self) -> str:
        return self.url.removeprefix("http://").removesuffix("/v1")

    def fault(self) -> Fault | None:
        with self._lock:
            return self.faults.pop(0) if self.faults else self.always

    def answer(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        with self._lock:
            self.bodies.append(body)
            if refused := self.forbids & set(body):
                return 422, {"detail": f"Unexpected fields in the request: {sorted(refused)}"}
            if path == "/v1/values" and self.value is not None:
                return 200, {"values": [self.value(each) for each in body["inputs"]]}
            if path not in ("/v1/completions", "/v1/chat/completions"):
                return 404, {"detail": "Not Found"}
            if body.get("model") != self.model:
                return 404, {"error": {"message": f"The model `{body.get('model')}` does not exist.", "code": 404}}
            if body.get("n", 1) > self.refuses_over:
                return 400, {"error": {"message": f"n must be at most {self.refuses_over}"}}
            drawn = [self._draw(body) for _ in range(min(body.get("n", 1), self.most))]
        chat = path.endswith("/chat/completions")
        choices = [self._choice(i, text, ended, body, chat=chat) for i, (text, ended) in enumerate(drawn)]
        usage = {"completion_tokens": sum(TOKENS.get(text, 2) for text, _ in drawn)}
        return 200, {"choices": choices, "usage": usage}

    def _draw(self, body: dict[str, Any]) -> tuple[str, bool]:
        if body["temperature"] == 0:
            return "a\n", False
        steps, weights = zip(*LAW, strict=True)
        text = self._random.choices(steps, weights)[0]
        return text, text == "c"

    def _choice(self, index: int, text: str, ended: bool, body: dict[str, Any], *, chat: bool) -> dict[str, Any]:
        met = next((stop for stop in body.get("stop", []) if stop in text), None)
        if met is not None:
            text = text[: text.index(met)] + (met if self.style == "keeps" else "")
        found: dict[str, Any] = {"index": index, "finish_reason": "stop"}
        if met is None and not ended:
            found["finish_reason"] = "length"
        if self.style == "vllm":
            found["stop_reason"] = met
        elif self.style == "sglang":
            found["matched_stop"] = met if met is not None else (2 if ended else None)
        return {**found, "message": {"role": "assistant", "content": text}} if chat else {**found, "text": text}


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or every answer takes 40 ms
    stand_in: StandIn
    body: dict[str, Any]

    def do_POST(self) -> None:
        self.body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.stand_in.keys.append(self.headers.get("authorization"))
        (self.stand_in.fault() or serves)(self)

    def do_GET(self) -> None:
        known = {"object": "list", "data": [{"id": self.stand_in.model}]}
        self.send(*((200, known) if self.path == "/v1/models" else (404, {"detail": "Not Found"})))

    def send(self, status: int, content: Any, **headers: str) -> None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Tests are silent."""


def serves(handler: Handler) -> None:
    """As it should."""
    handler.send(*handler.stand_in.answer(handler.path, handler.body))


def says(status: int, content: Any, **headers: str) -> Fault:
    return lambda handler: handler.send(status, content, **headers)


def breaks_off(handler: Handler) -> None:
    """Half of an answer, then nothing."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [')
    handler.wfile.flush()
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


def drips(handler: Handler) -> None:
    """A byte now and then: no read ever times out."""
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    with contextlib.suppress(ConnectionError):
        for _ in range(3_000):
            handler.wfile.write(b" ")
            handler.wfile.flush()
            time.sleep(0.02)
    handler.close_connection = True


def hangs(handler: Handler) -> None:
    """Nothing, until the client hangs up."""
    select.select([handler.connection], [], [], 60)
    handler.close_connection = True


class _Threads(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 128

    def __init__(self, *arguments: Any):
        super().__init__(*arguments)
        self.open: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self.open.add(request)
        super().process_request(request, client_address)

    def cut(self) -> None:
        """As when the process dies: connections end where they are."""
        for connection in self.open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients hang up: that is what is tested."""


@contextlib.contextmanager
def standing_in(stand_in: StandIn, port: int = 0) -> Iterator[StandIn]:
    """Serves until the block ends; then nothing answers there any more."""
    handler = type("_Handler", (Handler,), {"stand_in": stand_in, "timeout": 5})
    server = _Threads(("127.0.0.1", port), handler)
    stand_in.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield stand_in
    finally:
        server.shutdown()
        thread.join()
        server.cut()
        server.server_close()
