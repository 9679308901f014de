"""Truth canaries: the service runs small jobs on itself whose answers are known, and counts how its statements fare.

One at a time, each with a seed of its own, by the runner that leads. An interval of level 0.95 may miss once in twenty;
what is loud is a number of misses that chance brings less than once in a thousand (binomial, one-sided).
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog
from scipy import special

from burnish.wire import Canaries, Canary, Refinement
from burnish.wire.specs.base import MAX_SEED
from burnish_workers.core.registry import Registry
from burnish_workers.engine.canary_table import KNOWN, LEVEL, Known
from burnish_workers.engine.clock import Clock
from burnish_workers.engine.foresight import Foresight
from burnish_workers.engine.ids import job_id
from burnish_workers.engine.records import JobRecord, StillLive, StoreUnavailable
from burnish_workers.engine.store import Store

log = structlog.get_logger()

UNLIKELY = 1e-3
PATIENCE = 600.0
"""Seconds after which a canary that has not ended is left to itself, uncounted."""


@dataclass(frozen=True)
class Fared:
    """How a canary ended: `held`, `missed`, `refused` or `broken`; `ratio`: half-width reached over forecast."""

    verdict: str
    ratio: float | None = None


def judge(known: Known, last: Refinement | None, looks: Sequence[Refinement] = ()) -> Fared:
    """What became of a known answer. Pure. `last`: None for a job that failed; `looks`: its refinements, in order."""
    if last is None:
        return Fared("broken")
    told = [look for look in looks if look.interval is not None and look.forecast is not None]
    ratio = Foresight.of(told).ratio(told[-1]) if told else None
    if last.interval is None:
        return Fared("refused", ratio)
    limits = list(zip(last.interval.lower, last.interval.upper, strict=True))
    if len(limits) != len(known.truth):
        return Fared("broken", ratio)
    pairs = zip(limits, known.truth, strict=True)
    held = all(low is not None and high is not None and low <= truth <= high for (low, high), truth in pairs)
    return Fared("held" if held else "missed", ratio)


def failing(missed: int, held: int, level: float = LEVEL) -> bool:
    """Whether so many misses are too many for chance: P(Binomial(n, 1 - level) >= missed) < 1/1000."""
    return missed > 0 and float(special.bdtrc(missed - 1, missed + held, 1 - level)) < UNLIKELY


def told(tallies: Mapping[str, float], every: float, table: Sequence[Known] = KNOWN) -> Canaries:
    """The counters of the store, as they are shown."""
    return Canaries(every=every, data=[_told(known, tallies) for known in table])


def _told(known: Known, tallies: Mapping[str, float]) -> Canary:
    counts = {name: round(tallies.get(_field(known, name), 0.0)) for name in ("held", "missed", "refused", "broken")}
    compared = tallies.get(_field(known, "compared"), 0.0)
    return Canary(
        name=known.name,
        kind=known.spec["kind"],
        level=LEVEL,
        runs=sum(counts.values()),
        **counts,
        calibration=tallies[_field(known, "ratios")] / compared if compared else None,
        failing=failing(counts["missed"], counts["held"]),
    )


def _field(known: Known, what: str) -> str:
    return f"canary|{known.name}|{what}"


class Keeper:
    """Runs the canaries in turn. `leads`: whether this runner is the one to do it."""

    def __init__(
        self, registry: Registry, store: Store, clock: Clock, leads: Callable[[], bool], table: Sequence[Known] = KNOWN
    ):
        self._registry, self._store, self._clock, self._leads = registry, store, clock, leads
        self._table = [known for known in table if known.spec["kind"] in registry]
        self._next = 0

    async def run(self, every: float) -> None:
        """One canary every so many seconds, for ever."""
        while True:
            await self._clock.sleep(every)
            if self._leads() and self._table:
                known, self._next = self._table[self._next % len(self._table)], self._next + 1
                with contextlib.suppress(StoreUnavailable):
                    await self.fly(known)

    async def fly(self, known: Known) -> Fared | None:
        """Run one and count how it fared; None when it did not end in time."""
        id = await self._queued(known)
        record = await self._ended(id)
        if record is None:
            log.warning("canary.late", canary=known.name, job_id=id)
            return None
        events = await self._store.events(id, after=0, limit=1_000, types=frozenset({"refinement"}))
        looks = [Refinement.model_validate(event.data) for event in events]
        fared = judge(known, record.last_refinement if record.status == "completed" else None, looks)
        await self._count(known, fared, record)
        with contextlib.suppress(StillLive):
            await self._store.delete(id)
        return fared

    async def _queued(self, known: Known) -> str:
        kind = self._registry.get(known.spec["kind"])
        spec = kind.spec.model_validate({**known.spec, "seed": secrets.randbelow(MAX_SEED), "level": LEVEL})
        dumped, now = spec.model_dump(mode="json"), self._clock.now()
        record = JobRecord(job_id(), kind.name, dumped, spec.budget, now, purpose="canary")
        return (await self._store.create(record)).record.id

    async def _ended(self, id: str) -> JobRecord | None:
        deadline, after = self._clock.monotonic() + PATIENCE, 0
        while (left := deadline - self._clock.monotonic()) > 0:
            record = await self._store.get(id)
            if record is None or record.done:
                return record
            after = record.sequence
            await self._store.wait(id, after=after, timeout=min(left, 10.0))
        await self._store.request_cancel(id)
        return None

    async def _count(self, known: Known, fared: Fared, record: JobRecord) -> None:
        more = {_field(known, fared.verdict): 1.0}
        if fared.ratio is not None:
            more |= {_field(known, "ratios"): fared.ratio, _field(known, "compared"): 1.0}
        await self._store.tally(more)
        now = _told(known, await self._store.tallied())
        said = {"canary": known.name, "job_id": record.id, "verdict": fared.verdict, "ratio": fared.ratio}
        counts = {"runs": now.runs, "missed": now.missed, "broken": now.broken}
        if now.failing or fared.verdict == "broken":
            log.error("canary.failing", **said, **counts, spec=record.spec, error=record.error and record.error.detail)
        elif fared.verdict == "missed":
            log.warning("canary.missed", **said, **counts, seed=record.spec["seed"])
        else:
            log.info("canary.flown", **said)
