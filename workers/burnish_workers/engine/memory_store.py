"""The twin of `RedisStore` in one process: local mode, notebooks, tests. What it keeps goes with the process."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from burnish.wire import Budget, DayUsage, Event, LedgerRow, Promise, Spent
from burnish_workers.engine.encoding import check_emission, decode_event, decode_record, encode_record, to_json
from burnish_workers.engine.memory_keys import MemoryKeys
from burnish_workers.engine.memory_tallies import MemoryTallies
from burnish_workers.engine.memory_usage import MemoryUsage
from burnish_workers.engine.memory_webhooks import MemoryWebhooks
from burnish_workers.engine.records import (
    BudgetChanged,
    Created,
    Emission,
    Fenced,
    Heard,
    Idempotency,
    IdempotencyConflict,
    JobRecord,
    NewEvent,
    NotExtensible,
    NotResumable,
    ObservationDiffers,
    ObservationGap,
    ObservationsBeyond,
    Page,
    Posted,
    Promised,
    PromisesMoved,
    Renewal,
    StillLive,
    Taken,
    TakesNoMore,
    TooManyJobs,
)
from burnish_workers.engine.usage import SPENT
from burnish_workers.engine.wakeups import Bell, slept

QUEUED = NewEvent("status", {"status": "queued"})


@dataclass
class _Entry:
    """A job and what belongs to it. `lease`: when it expires; None while nobody holds the job."""

    record: JobRecord
    events: list[tuple[str, float, str, int]] = field(default_factory=list)
    ledger: dict[int, LedgerRow] = field(default_factory=dict)
    lease: float | None = None
    refined: int = 0
    bell: Bell = field(default_factory=Bell)
    observations: list[str] = field(default_factory=list)
    observed: Bell = field(default_factory=Bell)

    def copy(self) -> JobRecord:
        """What a store that writes text would give back: nobody can change what is kept, and NaN is refused."""
        return decode_record(encode_record(self.record) | {"refined": str(self.refined)})


class MemoryStore:
    """`now` is the clock of leases and idempotency keys, `wall` that of the times that events carry (seconds)."""

    def __init__(self, now: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time) -> None:
        self._now = now
        self._wall = wall
        self._jobs: dict[str, _Entry] = {}
        self._live: set[str] = set()
        self._done = MemoryKeys(now)
        self._usage = MemoryUsage(wall)
        self._promises: dict[str, Promise] = {}
        self._promised = 0
        self._tallies = MemoryTallies()
        self.webhooks = MemoryWebhooks(wall, self._tallies)
        self._work = Bell()
        self._work_seen = 0

    async def ping(self) -> None: ...

    async def open(self) -> None:
        """Nothing was kept before this process."""

    async def close(self) -> None: ...

    # --- what the front calls -----------------------------------------------------------------------------------------
    async def create(
        self,
        record: JobRecord,
        idempotency: Idempotency | None = None,
        *,
        promised: int | None = None,
        most: int | None = None,
    ) -> Created:
        before = None if idempotency is None else await self.replayed(idempotency)
        if before is not None:
            return Created(before, replayed=True)
        if record.id not in self._jobs:
            if promised is not None and promised != self._promised:
                raise PromisesMoved(f"{self._promised - promised} more were promised something")
            self._admit(record, most)
            entry = _Entry(record.with_changes({"sequence": 0}))
            entry.record = entry.copy()
            self._jobs[record.id] = entry
            self._done.remember(idempotency, record.id)
            self._append(entry, QUEUED)
            self._live.add(record.id)
            if record.purpose == "answer":
                self._usage.spend(record, "jobs", 1)
            if record.promise is not None:
                self._promised += 1
                self._promises[record.id] = record.promise
                self._usage.spend(record, "promises_made", 1)
            self._signal()
        return Created(self._jobs[record.id].copy(), replayed=False)

    async def replayed(self, idempotency: Idempotency) -> JobRecord | None:
        before = self._done.before(idempotency)
        if before is None:
            return None
        if before.job_id not in self._jobs:
            raise IdempotencyConflict(f"job {before.job_id}, made under this idempotency key, was deleted")
        return self._jobs[before.job_id].copy()

    async def promises(self) -> Promised:
        return Promised(self._promised, dict(self._promises))

    async def get(self, job_id: str) -> JobRecord | None:
        entry = self._jobs.get(job_id)
        return entry.copy() if entry else None

    async def list(
        self,
        *,
        limit: int,
        after: str | None = None,
        status: str | None = None,
        kind: str | None = None,
        canaries: bool = False,
        tenant: str | None = None,
    ) -> Page:
        found = [
            self._jobs[job_id]
            for job_id in sorted(self._jobs, reverse=True)
            if (after is None or job_id < after)
            and status in (None, self._jobs[job_id].record.status)
            and kind in (None, self._jobs[job_id].record.kind)
            and _told(self._jobs[job_id].record, tenant, canaries)
        ]
        return Page([entry.copy() for entry in found[:limit]], has_more=len(found) > limit)

    async def events(self, job_id: str, *, after: int, limit: int, types: frozenset[str] | None = None) -> list[Event]:
        entry = self._jobs.get(job_id)
        if entry is None:
            return []
        later = enumerate(entry.events[after:], start=after + 1)
        wanted = [(sequence, *event) for sequence, event in later if types is None or event[0] in types]
        return [decode_event(job_id, *event) for event in wanted[:limit]]

    async def wait(self, job_id: str, *, after: int, timeout: float) -> bool:
        entry = self._jobs.get(job_id)
        return await slept(entry.bell if entry else Bell(), after, timeout)

    async def ledger(self, job_id: str, *, after: int, limit: int) -> list[LedgerRow]:
        entry = self._jobs.get(job_id)
        rows = sorted((entry.ledger if entry else {}).items())
        return [row for index, row in rows if index > after][:limit]

    async def extend(
        self, job_id: str, more: Budget, idempotency: Idempotency | None = None, *, most: int | None = None
    ) -> JobRecord | None:
        entry = self._jobs.get(job_id)
        if entry is None:
            return None
        before = self._done.before(idempotency)
        if before is not None and before.job_id != job_id:
            raise IdempotencyConflict("the idempotency key was used with another request")
        if before is None:
            self._extend(entry, more, most)
            self._done.remember(idempotency, job_id)
        return entry.copy()

    def _extend(self, entry: _Entry, more: Budget, most: int | None) -> None:
        record = entry.record
        if record.status in ("failed", "crashed"):
            raise NotExtensible(f"job {record.id} is {record.status}; only live, completed and cancelled jobs go on")
        changes: dict[str, Any] = {"budget": record.budget.plus(more), "budget_version": record.budget_version + 1}
        if record.done:
            self._admit(record, most)
            cleared = dict.fromkeys(("stage", "finished_at", "stopped_by", "error"))
            changes |= {"status": "queued", "cancel_requested": False, **cleared}
        entry.record = record.with_changes(changes)
        if record.done:
            self._live.add(record.id)
            self._append(entry, QUEUED)
        self._signal()

    async def observe(self, job_id: str, posted: Posted) -> Taken | None:
        entry = self._jobs.get(job_id)
        if entry is None:
            return None
        record, kept = entry.record, entry.observations
        if posted.first > len(kept):
            raise ObservationGap(entry.copy())
        for number, (sent, known) in enumerate(zip(posted.texts, kept[posted.first :], strict=False), posted.first):
            if sent != known:
                raise ObservationDiffers(number, known)
        end = posted.first + len(posted.texts)
        if posted.last and end < len(kept):
            raise ObservationsBeyond(entry.copy())
        if end <= len(kept) and (record.observed_last or not posted.last):
            return Taken(entry.copy(), replayed=True)
        if record.done or record.observed_last or end > posted.most:
            raise TakesNoMore(entry.copy())
        kept += posted.texts[len(kept) - posted.first :]
        entry.record = record.with_changes({"observed": len(kept), "observed_last": posted.last})
        entry.observed.ring(len(kept) + posted.last)
        return Taken(entry.copy(), replayed=False)

    async def observations(self, job_id: str, *, start: int, limit: int) -> Heard:
        entry = self._jobs.get(job_id)
        if entry is None:
            return Heard([], last=False)
        return Heard(entry.observations[start : start + limit], entry.record.observed_last)

    async def wait_for_observations(self, job_id: str, *, after: int, timeout: float) -> bool:
        entry = self._jobs.get(job_id)
        return await slept(entry.observed if entry else Bell(), after, timeout)

    async def resume(self, job_id: str, *, most: int | None = None) -> JobRecord | None:
        entry = self._jobs.get(job_id)
        if entry is None:
            return None
        record = entry.record
        if record.done and record.status != "crashed":
            raise NotResumable(f"job {job_id} is {record.status}; only crashed jobs are resumed")
        if record.done:
            self._admit(record, most)
            cleared = dict.fromkeys(("stage", "finished_at", "stopped_by", "error"))
            fresh: dict[str, Any] = {"status": "queued", "cancel_requested": False, "resumable": False, **cleared}
            entry.record = record.with_changes(fresh)
            self._live.add(job_id)
            self._append(entry, QUEUED)
            self._signal()
        return entry.copy()

    async def delete(self, job_id: str) -> bool:
        entry = self._jobs.get(job_id)
        if entry is None:
            return False
        if not entry.record.done:
            raise StillLive(f"job {job_id} is {entry.record.status}; cancel it first")
        del self._jobs[job_id]
        entry.bell.wake()
        return True

    async def usage(self, days: int, tenant: str | None = None) -> list[DayUsage]:
        return self._usage.rows(days, tenant)

    async def spent_today(self, tenant: str) -> tuple[float, float]:
        return self._usage.today(tenant)

    async def live(self, tenant: str) -> int:
        return self._count(tenant)

    async def tenant_of(self, job_id: str) -> str | None:
        entry = self._jobs.get(job_id)
        return entry.record.tenant if entry else None

    async def tally(self, more: Mapping[str, float]) -> None:
        self._tallies.update(more)

    async def tallied(self) -> dict[str, float]:
        return self._tallies.all()

    async def census(self) -> dict[str, int]:
        live = (self._jobs[job_id].record for job_id in self._live)
        return dict(Counter(record.status for record in live if record.purpose != "canary"))

    async def request_cancel(self, job_id: str) -> JobRecord | None:
        entry = self._jobs.get(job_id)
        if entry is None:
            return None
        if not entry.record.done and not entry.record.cancel_requested:
            entry.record = entry.record.with_changes({"cancel_requested": True})
            self._signal()
        return entry.copy()

    # --- what a runner calls ------------------------------------------------------------------------------------------
    async def claim(self, lease: float, limit: int, held: frozenset[str]) -> list[JobRecord]:
        now = self._now()
        live = [self._jobs[job_id] for job_id in sorted(self._live - held)]
        free = [entry for entry in live if entry.lease is None or entry.lease <= now][: max(limit, 0)]
        for entry in free:
            if entry.lease is not None:
                self._tallies.add("takeovers")
            entry.record = entry.record.with_changes({"epoch": entry.record.epoch + 1})
            entry.lease = now + lease
        return [entry.copy() for entry in free]

    async def renew(self, job_id: str, epoch: int, lease: float) -> Renewal:
        entry = self._held(job_id, epoch)
        if entry is None:
            return Renewal("fenced")
        entry.lease = self._now() + lease
        record = entry.record
        return Renewal("held", record.cancel_requested, record.budget, record.budget_version)

    async def emit(self, job_id: str, epoch: int, emission: Emission) -> int:
        check_emission(emission)
        entry = self._held(job_id, epoch)
        if entry is None:
            self._tallies.add("fenced")
            raise Fenced(f"epoch {epoch} does not hold job {job_id} any more")
        if emission.ends and 0 <= emission.budget_version != entry.record.budget_version:
            raise BudgetChanged(f"the budget of job {job_id} moved on from version {emission.budget_version}")
        changed = replace(entry, record=entry.record.with_changes(emission.changes)).copy()
        written = [(event.type, to_json(event.data)) for event in emission.events]
        # Nothing can fail from here on: all of it or none.
        self._charge(entry.record, changed.spent)
        for name, more in emission.counts.items():
            self._usage.spend(changed, name, more)
        entry.record = changed
        for type, data in written:
            self._append_text(entry, type, data)
        if emission.anew:
            entry.ledger.clear()
        self._tallies.blocks(changed.kind, (row for row in emission.ledger if row.index not in entry.ledger))
        entry.ledger |= {row.index: row for row in emission.ledger}
        if emission.ends:
            if changed.purpose != "canary":
                self._tallies.add(f"ended|{changed.kind}|{changed.status}")
                self.webhooks.announce(entry.record)
            entry.lease = None
            self._live.discard(job_id)
            self._promises.pop(job_id, None)
        return entry.record.sequence

    async def release(self, job_id: str, epoch: int) -> None:
        entry = self._held(job_id, epoch)
        if entry is not None:
            entry.lease = None
            self._signal()

    async def wait_for_work(self, timeout: float) -> bool:
        woken = await slept(self._work, self._work_seen, timeout)
        self._work_seen = self._work.number
        return woken

    # --- inside -------------------------------------------------------------------------------------------------------
    def _admit(self, record: JobRecord, most: int | None) -> None:
        """Raises TooManyJobs when one more would be more than `most`."""
        if most is not None and (live := self._count(record.tenant)) >= most:
            raise TooManyJobs(f"tenant {record.tenant} has {live} live jobs")

    def _count(self, tenant: str) -> int:
        live = (self._jobs[job_id].record for job_id in self._live)
        return sum(record.tenant == tenant and record.purpose != "canary" for record in live)

    def _held(self, job_id: str, epoch: int) -> _Entry | None:
        """The job, if `epoch` holds it: a lease that ran out still holds until somebody else claims the job."""
        entry = self._jobs.get(job_id)
        return entry if entry and entry.record.epoch == epoch and entry.lease is not None else None

    def _append(self, entry: _Entry, event: NewEvent) -> None:
        self._append_text(entry, event.type, to_json(event.data))

    def _append_text(self, entry: _Entry, type: str, data: str) -> None:
        sequence = entry.record.sequence + 1
        entry.record = entry.record.with_changes({"sequence": sequence})
        entry.refined = sequence if type == "refinement" else entry.refined
        entry.events.append((type, self._wall(), data, entry.refined))
        entry.bell.ring(sequence)

    def _charge(self, record: JobRecord, spent: Spent) -> None:
        """Usage grows by what the job has spent since it last said so; canaries are nobody's."""
        if record.purpose == "canary":
            return
        for name in SPENT:
            more = getattr(spent, name) - getattr(record.spent, name)
            self._usage.spend(record, name, max(0, more))  # a job that begins again has spent what it spent
        self._tallies.charge(record, spent)

    def _signal(self) -> None:
        self._work.ring(self._work.number + 1)


def _told(record: JobRecord, tenant: str | None, canaries: bool) -> bool:
    """Whether a list of this tenant's jobs (None: of all) shows it."""
    return canaries if record.purpose == "canary" else tenant in (None, record.tenant)
