"""What was done under which idempotency key, as `MemoryStore` remembers it: for a day."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from burnish_workers.engine.memory_usage import DAY
from burnish_workers.engine.records import Idempotency, IdempotencyConflict


@dataclass(frozen=True)
class Done:
    """What was done under a key."""

    body: str
    job_id: str
    expires: float


class MemoryKeys:
    """`now`: seconds of a clock that only goes forward."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._done: dict[str, Done] = {}

    def before(self, idempotency: Idempotency | None) -> Done | None:
        """What was done under this key with this body; raises `IdempotencyConflict` when it was another body."""
        if idempotency is None:
            return None
        # All live equally long, so the oldest are the first.
        while self._done and next(iter(self._done.values())).expires <= self._now():
            del self._done[next(iter(self._done))]
        before = self._done.get(idempotency.key)
        if before is not None and before.body != idempotency.body:
            raise IdempotencyConflict("the idempotency key was used with another body")
        return before

    def remember(self, idempotency: Idempotency | None, job_id: str) -> None:
        if idempotency is not None:
            self._done[idempotency.key] = Done(idempotency.body, job_id, self._now() + DAY)
