"""The driver: keeps the work of several chains going at once, so that their rows share the batches of a backend.

No chain waits for another: one whose rows are finished goes on at once, and its new rows join those on their way. Each
chain has its own randomness and its own account, and what a row gets does not depend on who is beside it: so what a
chain comes to does not depend on which others go on beside it, nor on who is faster.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from burnish_workers.kinds.reasoning.oracle import Oracle, rows_of
from burnish_workers.kinds.reasoning.protocols import Backend, Drawn, Extension, Stream, Streaming
from burnish_workers.kinds.reasoning.requests import Asks, Replies, Work


@dataclass
class Rounds:
    """A stream of a backend that answers at once: all rows that have come since are one batch."""

    backend: Backend
    rows: list[tuple[int, Extension]] = field(default_factory=list[tuple[int, Extension]])
    count: int = 0

    def submit(self, row: Extension) -> int:
        self.count += 1
        self.rows.append((self.count, row))
        return self.count

    def advance(self) -> list[tuple[int, list[Drawn]]]:
        rows, self.rows = self.rows, []
        found = self.backend.extend([row for _, row in rows])
        return [(ticket, drawn) for (ticket, _), drawn in zip(rows, found, strict=True)]

    def close(self) -> None:
        self.rows.clear()


@dataclass
class _Waiting:
    """A chain, what it asked, the tickets of its rows and what has come back for them."""

    oracle: Oracle
    work: Work[None]
    asks: Asks = ()
    tickets: list[int] = field(default_factory=list[int])
    found: dict[int, list[Drawn]] = field(default_factory=dict[int, list[Drawn]])

    @property
    def complete(self) -> bool:
        return len(self.found) == len(self.tickets)


def drive(backend: Backend, chains: Sequence[tuple[Oracle, Work[None]]]) -> None:
    """Do the work of all chains. Raises what a backend or a verifier raises."""
    owners = dict[int, _Waiting]()
    with _stream(backend) as stream:
        for oracle, work in chains:
            _go_on(_Waiting(oracle, work), None, stream, owners)
        while owners:
            for ticket, drawn in stream.advance():
                waiting = owners.pop(ticket)
                waiting.found[ticket] = drawn
                if waiting.complete:
                    _go_on(waiting, _reply(waiting), stream, owners)


@contextmanager
def _stream(backend: Backend) -> Iterator[Stream]:
    stream = backend.stream() if isinstance(backend, Streaming) else Rounds(backend)
    try:
        yield stream
    finally:
        stream.close()


def _go_on(waiting: _Waiting, replies: Replies | None, stream: Stream, owners: dict[int, _Waiting]) -> None:
    """Until the chain needs rows, or is done. What needs none is answered at once."""
    try:
        while True:
            asks = next(waiting.work) if replies is None else waiting.work.send(replies)
            rows = rows_of(asks)
            if rows:
                break
            replies = waiting.oracle.reply(asks, [])
    except StopIteration:
        return
    waiting.asks, waiting.found = asks, {}
    waiting.tickets = [stream.submit(row) for row in rows]
    owners.update(dict.fromkeys(waiting.tickets, waiting))


def _reply(waiting: _Waiting) -> Replies:
    return waiting.oracle.reply(waiting.asks, [waiting.found[ticket] for ticket in waiting.tickets])
