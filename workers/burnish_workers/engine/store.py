"""Port: where jobs, their events and their ledgers live. What a runner writes is fenced by the epoch of its claim."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from burnish.wire import Budget, DayUsage, Event, LedgerRow
from burnish_workers.engine.records import (
    Created,
    Emission,
    Heard,
    Idempotency,
    JobRecord,
    Page,
    Posted,
    Promised,
    Renewal,
    Taken,
)
from burnish_workers.engine.webhooks import Webhooks


class FrontStore(Protocol):
    """What fronts need. All methods raise `StoreUnavailable` when the store cannot be reached within its retries."""

    @property
    def webhooks(self) -> Webhooks:
        """Of all tenants, and the outbox in which the ends of jobs are put by the step that ends them."""
        ...

    async def ping(self) -> None:
        """Answer, or raise."""
        ...

    async def open(self) -> None:
        """Call once, before anything else: the store is marked with this version. Raises StoreTooNew."""
        ...

    async def create(
        self,
        record: JobRecord,
        idempotency: Idempotency | None = None,
        *,
        promised: int | None = None,
        most: int | None = None,
    ) -> Created:
        """Store a queued job with its first event (`status` queued, sequence 1); durable when this returns.

        With an idempotency key that was used within 24 h: the same body returns the job made then, another body raises
        `IdempotencyConflict`. Atomic: of concurrent calls with one key exactly one creates.

        `promised`: the version of the promises by which this one was judged; raises `PromisesMoved` when others were
        made since. `most`: live jobs that the tenant may have; raises `TooManyJobs`. Canaries do not count.
        """
        ...

    async def replayed(self, idempotency: Idempotency) -> JobRecord | None:
        """The job that was made under this key; raises `IdempotencyConflict` as `create` does."""
        ...

    async def promises(self) -> Promised:
        """The open promises of live jobs."""
        ...

    async def get(self, job_id: str) -> JobRecord | None: ...

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
        """Newest first; `after` is the id of the last job of the page before. `tenant`: only those of this one;
        `canaries`: with those, which are nobody's."""
        ...

    async def events(self, job_id: str, *, after: int, limit: int, types: frozenset[str] | None = None) -> list[Event]:
        """Events with sequence > after, in order; a refinement's data carries its sequence."""
        ...

    async def wait(self, job_id: str, *, after: int, timeout: float) -> bool:
        """Sleep until an event with sequence > after may exist; False when the timeout came first."""
        ...

    async def ledger(self, job_id: str, *, after: int, limit: int) -> list[LedgerRow]:
        """Rows with index > after, by index."""
        ...

    async def extend(
        self, job_id: str, more: Budget, idempotency: Idempotency | None = None, *, most: int | None = None
    ) -> JobRecord | None:
        """Top the budget up (`Budget.plus`); a completed or cancelled job goes back to `queued` with a status event.

        Raises `NotExtensible` for failed and crashed jobs, `IdempotencyConflict` and `TooManyJobs` as `create` does.
        """
        ...

    async def observe(self, job_id: str, posted: Posted) -> Taken | None:
        """Add observations to a live job, and wake who conducts it; durable when this returns. None: no such job.

        Atomic, and idempotent by number: what the job has already is compared, also after its end. Raises
        `ObservationDiffers`, `ObservationGap`, `TakesNoMore`; then nothing was added.
        """
        ...

    async def observations(self, job_id: str, *, start: int, limit: int) -> Heard:
        """The texts of posted observations from number `start` on, in order."""
        ...

    async def wait_for_observations(self, job_id: str, *, after: int, timeout: float) -> bool:
        """Sleep until `observed` plus one for `observed_last` may exceed `after`; False when the timeout came first."""
        ...

    async def resume(self, job_id: str, *, most: int | None = None) -> JobRecord | None:
        """A crashed job goes back to `queued`, to go on from its frontier; idempotent on live jobs.

        Raises `NotResumable` for one that ended in another way, `TooManyJobs` as `create` does.
        """
        ...

    async def delete(self, job_id: str) -> bool:
        """Forget a job that has ended, its events and its ledger; False when there is none. Raises `StillLive`."""
        ...

    async def usage(self, days: int, tenant: str | None = None) -> list[DayUsage]:
        """What was spent on each of the last `days` UTC days, by kind, newest first; deleted jobs included."""
        ...

    async def spent_today(self, tenant: str) -> tuple[float, float]:
        """Units that a tenant has spent in this UTC day, and seconds that are left of it."""
        ...

    async def live(self, tenant: str) -> int:
        """How many live jobs a tenant has, canaries not counted; seldom more than there are."""
        ...

    async def tenant_of(self, job_id: str) -> str | None:
        """Whose job it is; None when there is none."""
        ...

    async def tally(self, more: Mapping[str, float]) -> None:
        """Add to counters that live as long as the store, such as how canaries fared."""
        ...

    async def tallied(self) -> dict[str, float]:
        """Those counters by name; what was never added to is not there.

        The store counts by itself, with what it counts: `blocks|<kind>` folded, `reissued|<kind>` among them,
        `ended|<kind>|<status>`, `spent|<tenant>|<kind>|<amount>`, `takeovers` of jobs whose lease ran out, `fenced`
        writes.
        """
        ...

    async def census(self) -> dict[str, int]:
        """How many live jobs there are of each status, canaries excepted."""
        ...

    async def request_cancel(self, job_id: str) -> JobRecord | None:
        """Ask the holder to stop; idempotent; no effect on a job that has ended."""
        ...

    async def close(self) -> None: ...


class Store(FrontStore, Protocol):
    """And what runners need."""

    async def claim(self, lease: float, limit: int, held: frozenset[str]) -> list[JobRecord]:
        """Take up to `limit` live jobs that nobody holds (never claimed, or lease expired), oldest first.

        Those that a newer version wrote are left to its runners.

        Each has its epoch counted up and leased for `lease` seconds by the store's own clock. `held`: jobs that this
        runner believes to hold; they are skipped.
        """
        ...

    async def renew(self, job_id: str, epoch: int, lease: float) -> Renewal: ...

    async def emit(self, job_id: str, epoch: int, emission: Emission) -> int:
        """Write all of `emission` or nothing; the sequence number of the last event. Raises `Fenced`, `BudgetChanged`.

        A terminal emission (`ends`) also gives the lease up and is durable when this returns.
        """
        ...

    async def release(self, job_id: str, epoch: int) -> None:
        """Give the lease up at once, so that another runner can go on with the job."""
        ...

    async def wait_for_work(self, timeout: float) -> bool:
        """Sleep until a job was queued, extended, cancelled or released; False when the timeout came first.

        Returns at once when that has happened since the last return, so that nothing is slept through.
        """
        ...
