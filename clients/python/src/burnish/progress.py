"""A progress bar for a job that is watched, in a terminal or a notebook. Needs tqdm."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Protocol, Self

from burnish import wire, words
from burnish.record import Record
from burnish.wire.extras import need

_FORMAT = "{desc} {percentage:3.0f}%|{bar}| {elapsed}{postfix}"
_AMOUNTS = ("seconds", "worker_seconds", "gpu_seconds", "units", "tokens", "verifier_calls")


class Showing(Protocol):
    """What is told how a job is, after each event."""

    def show(self, record: Record) -> None: ...


class Bar(AbstractContextManager["Bar"]):
    """How much of the budget is used, and the answer so far: `running  42%|████    | 00:05, 0.05281 ± 2.9e-4`.

    Full when the job has completed. In a notebook it is a widget where ipywidgets is installed.
    """

    def __init__(self, record: Record) -> None:
        tqdm: Any = need("tqdm.auto", "progress", "a progress bar").tqdm
        self._bar = tqdm(total=100, bar_format=_FORMAT)
        self.show(record)

    def show(self, record: Record) -> None:
        """Draw the job as it is now."""
        self._bar.set_description_str(record.job.status, refresh=False)
        self._bar.set_postfix_str(words.headline(record.last, record.told), refresh=False)
        self._bar.n = round(100 * fraction(record, datetime.now(UTC)), 1)
        self._bar.refresh()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()


class _Silent:
    def show(self, record: Record) -> None:
        pass


def bar_of(record: Record, shown: bool) -> AbstractContextManager[Showing]:
    """A progress bar, or nothing."""
    return Bar(record) if shown else nullcontext(_Silent())


def fraction(record: Record, now: datetime) -> float:
    """How near to its end a job is, by the limit that is nearest: 0 to 1.

    A tolerance counts by the forecast of what is left to spend for it.
    """
    job = record.job
    if job.status == "completed":
        return 1.0
    if not isinstance(job.spec, wire.SpecBase):
        return 0.0
    budget, spent = job.spec.budget, job.spent
    used = [(getattr(spent, name), getattr(budget, name)) for name in _AMOUNTS]
    parts = [amount / limit for amount, limit in used if limit]
    if budget.deadline and job.started_at:
        start, end = (datetime.fromisoformat(moment) for moment in (job.started_at, budget.deadline))
        parts.append((now - start) / (end - start) if end > start else 1.0)
    ahead = next((r.forecast for r in reversed(record.history) if r.forecast), None)
    if ahead and ahead.units_to_target and spent.units:
        parts.append(spent.units / (spent.units + ahead.units_to_target))
    return min(max(parts, default=0.0), 1.0)
