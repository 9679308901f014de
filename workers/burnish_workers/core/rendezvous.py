"""Where blocks that run beside each other in one process meet to share a call: forward passes of one network.

One block computes at a time. A block that asks for a shared call waits until every other block that may share has asked
for one too, or has ended; then the last of them makes all calls, those of one network together, for everybody. Rows are
packed into micro-batches of a fixed size, so that results do not depend on who was there.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

Together = Callable[[Sequence[Any]], Sequence[Any]]
"""Requests of several blocks -> an answer to each."""


@dataclass
class Watch:
    """Seconds that a block has computed, its part of shared calls included, waiting left out."""

    seconds: float = 0.0
    since: float = field(default_factory=time.perf_counter)

    def pause(self) -> None:
        self.seconds += time.perf_counter() - self.since

    def go_on(self) -> None:
        self.since = time.perf_counter()


@dataclass(eq=False)
class _Asked:
    network: Any
    together: Together
    request: Any
    rows: int
    watch: Watch
    done: bool = False
    answer: Any = None
    failure: Exception | None = None


class Rendezvous:
    """One for each process that runs blocks. Threads that run a block take a `turn`."""

    def __init__(self) -> None:
        self._turn, self._counting = threading.Condition(), threading.Lock()
        self._parties, self._asked = 0, list[_Asked]()
        self._own = threading.local()
        self.calls = 0
        """Shared calls that were made: fewer than were asked for where blocks met."""

    @contextmanager
    def turn(self, *, shares: bool) -> Generator[Watch]:
        """Compute a block, alone but for the moments in which it waits for others that share."""
        self._count(int(shares))  # before its turn: the one who computes must know that somebody has come
        with self._turn:
            watch = self._own.watch = Watch()
            try:
                yield watch
            finally:
                watch.pause()
                self._own.watch = None
                self._count(-int(shares))
                self._serve()

    def _count(self, by: int) -> None:
        with self._counting:
            self._parties += by

    def call(self, network: Any, together: Together, request: Any, rows: int) -> Any:
        """The answer to a request, made alone where no other block may share it. Raises what the call raises."""
        watch: Watch | None = getattr(self._own, "watch", None)
        if watch is None or self._parties < 2:
            self.calls += 1
            return together([request])[0]
        asked = _Asked(network, together, request, rows, watch)
        watch.pause()
        self._asked.append(asked)
        self._serve()
        while not asked.done:
            self._turn.wait()
        watch.go_on()
        if asked.failure is not None:
            raise asked.failure
        return asked.answer

    def _serve(self) -> None:
        """Make all calls, if everybody who may share has asked."""
        if not self._asked or len(self._asked) < self._parties:
            return
        waiting, self._asked = self._asked, []
        while waiting:
            first = waiting[0]
            alike = [asked for asked in waiting if asked.network is first.network]
            waiting = [asked for asked in waiting if asked.network is not first.network]
            self._answer(alike)
        self._turn.notify_all()

    def _answer(self, alike: list[_Asked]) -> None:
        began, rows = time.perf_counter(), sum(asked.rows for asked in alike)
        self.calls += 1
        try:
            answers = alike[0].together([asked.request for asked in alike])
            for asked, answer in zip(alike, answers, strict=True):
                asked.answer = answer
        except Exception as error:
            for asked in alike:
                asked.failure = error
        took = time.perf_counter() - began
        for asked in alike:
            asked.watch.seconds += took * asked.rows / max(rows, 1)
            asked.done = True


HERE = Rendezvous()
"""That of this process."""
