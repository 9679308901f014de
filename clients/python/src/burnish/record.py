"""What a handle knows of its job: the last snapshot, and every refinement it has seen. No I/O."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

from burnish import errors, wire

V = TypeVar("V")


class Record:
    """The knowledge behind a handle. `cursor`: the last event seen without a gap before it."""

    def __init__(self, job: wire.Job) -> None:
        self.job = job
        self.cursor = 0
        self._seen: dict[int, wire.Refinement] = {}
        # The snapshot may be ahead of the events that are still to be read: older news must not set it back.
        self._news = job.last_refinement.sequence if job.last_refinement else 0
        self._note(job.last_refinement)

    def replace(self, job: wire.Job) -> None:
        """A newer snapshot."""
        self.job = job
        self._note(job.last_refinement)
        if job.last_refinement:
            self._news = max(self._news, job.last_refinement.sequence)

    def take(self, event: wire.Event) -> wire.Refinement | None:
        """Learn from one event; its refinement, if it is one."""
        self.cursor = max(self.cursor, event.sequence)
        refinement = wire.Refinement.model_validate(event.data) if event.type == "refinement" else None
        self._note(refinement)
        if event.sequence > self._news:
            self._news = event.sequence
            self.job = self._after(event, refinement)
        return refinement

    def take_refinement(self, refinement: wire.Refinement) -> None:
        """Learn from one that was read by itself."""
        self._note(refinement)

    def _after(self, event: wire.Event, refinement: wire.Refinement | None) -> wire.Job:
        if event.type in wire.TERMINAL_EVENTS and "id" in event.data:
            return wire.Job.model_validate(event.data)
        if refinement is not None:
            return self.job.model_copy(update={"last_refinement": refinement, "spent": refinement.spent})
        # On a page, a terminal event says the status only; in a stream it carries the whole job.
        status = event.type if event.type in wire.TERMINAL_EVENTS else event.data.get("status", self.job.status)
        why = {"stage": event.data.get("detail")} if event.type == "status" else {}
        return self.job.model_copy(update={"status": status, **why})

    def _note(self, refinement: wire.Refinement | None) -> None:
        if refinement is not None:
            self._seen[refinement.sequence] = refinement

    @property
    def history(self) -> list[wire.Refinement]:
        return [self._seen[sequence] for sequence in sorted(self._seen)]

    @property
    def last(self) -> wire.Refinement | None:
        return self.history[-1] if self._seen else None

    @property
    def interval(self) -> wire.Interval | None:
        """The newest interval seen: between looks, refinements bring none. A refusal of all outputs withdraws it."""
        return self.told.interval if self.told else None

    @property
    def told(self) -> wire.Refinement | None:
        """The refinement that brought the newest interval."""
        told = (r for r in reversed(self.history) if r.interval or (r.refused and r.refused.outputs is None))
        newest = next(told, None)
        return newest if newest and newest.interval else None

    def verdict(self) -> errors.JobError | None:
        """The error that the job's ending stands for, if it does; a cancelled job keeps its answer."""
        if self.job.status in ("failed", "crashed"):
            return errors.from_job(self.job.id, self.job.status, self.job.error)
        return None


class Known(Generic[V]):
    """An attribute of a handle that is read from its record."""

    def __init__(self, read: Callable[[Record], V], doc: str) -> None:
        self._read = read
        self.__doc__ = doc

    @overload
    def __get__(self, handle: None, owner: type) -> Known[V]: ...
    @overload
    def __get__(self, handle: Any, owner: type) -> V: ...
    def __get__(self, handle: Any, owner: type) -> V | Known[V]:
        return self if handle is None else self._read(handle.record)
