"""Store on Redis or Valkey, shared by every process of the service.

Every change of state is one Lua script, so nobody sees half of it and the epoch that fences it cannot move in between.
"""

from __future__ import annotations

from collections.abc import Mapping
from secrets import token_hex

from burnish.wire import Budget, DayUsage, Event, LedgerRow, Promise
from burnish_workers.engine.encoding import check_emission, decode_event, decode_record, encode_record, to_json
from burnish_workers.engine.records import (
    REFUSED,
    BudgetChanged,
    Created,
    Emission,
    Fenced,
    Heard,
    Idempotency,
    IdempotencyConflict,
    JobRecord,
    NotExtensible,
    NotResumable,
    ObservationDiffers,
    Page,
    Posted,
    Promised,
    PromisesMoved,
    Renewal,
    StillLive,
    Taken,
    TooManyJobs,
)
from burnish_workers.engine.redis_durability import check_room
from burnish_workers.engine.redis_link import RedisLink
from burnish_workers.engine.redis_scripts import emission_arguments
from burnish_workers.engine.redis_webhooks import RedisWebhooks
from burnish_workers.engine.schema import SCHEMA, check_store
from burnish_workers.engine.shared_reads import SharedReads
from burnish_workers.engine.tenants import DEFAULT
from burnish_workers.engine.usage import usage_rows

DAY = 86_400
SCAN = 500
"""Jobs or events looked at per call when most of them are filtered out."""
QUEUED = to_json({"status": "queued"})


class RedisStore:
    """Jobs, events and ledgers over one link, which may serve other ports too."""

    def __init__(self, link: RedisLink) -> None:
        self.link, self._keys = link, link.keys
        self._command, self._run = link.command, link.run
        self.webhooks = RedisWebhooks(link)
        self._work_seen = 0
        self._reads = SharedReads[list[Event]]()

    async def ping(self) -> None:
        await self._command("PING")

    async def open(self) -> None:
        check_store(int(await self._run("open", [self._keys.schema], SCHEMA)), f"the store at {self.link.name}")

    async def close(self) -> None:
        await self.link.close()

    # --- what the front calls -----------------------------------------------------------------------------------------
    async def create(
        self,
        record: JobRecord,
        idempotency: Idempotency | None = None,
        *,
        promised: int | None = None,
        most: int | None = None,
    ) -> Created:
        keys = self._keys
        check_room(await self.link.memory())
        touched = [keys.job(record.id), keys.events(record.id), keys.jobs, keys.queue, keys.work, keys.usage]
        touched += [keys.promises, keys.promised]
        body, terms = "", ("" if promised is None else promised, _limit(most), record.tenant)
        if idempotency is not None:
            touched.append(keys.once(idempotency.key))
            body = idempotency.body
        record = record.with_changes({"sequence": 0})
        fields = [text for pair in encode_record(record).items() for text in pair]
        answer = await self._run("create", touched, record.id, body, DAY, QUEUED, *terms, *fields, durable=True)
        if answer[0] == "conflict":
            raise IdempotencyConflict("the idempotency key was used with another body")
        if answer[0] == "moved":
            raise PromisesMoved("others were promised something meanwhile")
        if answer[0] == "full":
            raise TooManyJobs(f"tenant {record.tenant} has {answer[1]} live jobs")
        if answer[0] == "replayed":
            return Created(await self._made(answer[1]), replayed=True)
        return Created(record.with_changes({"sequence": 1}), replayed=False)

    async def replayed(self, idempotency: Idempotency) -> JobRecord | None:
        body, job = await self._command("HMGET", self._keys.once(idempotency.key), "body", "job")
        if job is None:
            return None
        if body != idempotency.body:
            raise IdempotencyConflict("the idempotency key was used with another body")
        return await self._made(job)

    async def _made(self, job_id: str) -> JobRecord:
        before = await self.get(job_id)
        if before is None:
            raise IdempotencyConflict(f"job {job_id}, made under this idempotency key, was deleted")
        return before

    async def promises(self) -> Promised:
        # In this order: one that is made in between shows in neither the version nor, at worst, the promises.
        version = int(await self._command("GET", self._keys.promised) or 0)
        kept = await self._command("HGETALL", self._keys.promises)
        return Promised(version, {job: Promise.model_validate_json(text) for job, text in kept.items()})

    async def get(self, job_id: str) -> JobRecord | None:
        fields = await self._command("HGETALL", self._keys.job(job_id))
        return decode_record(fields) if fields else None

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
        records: list[JobRecord] = []
        start = "+" if after is None else f"({after}"
        while start and len(records) <= limit:
            wanted = limit + 1 - len(records)
            batch = SCAN if status or kind or tenant else wanted
            also = "1" if canaries else "0"
            query = (self._keys.prefix, wanted, batch, status or "", kind or "", also, tenant or "", start)
            start, found = await self._run("list", [self._keys.jobs], *query)
            records += [decode_record(_paired(fields)) for fields in found]
        return Page(records[:limit], has_more=len(records) > limit)

    async def events(self, job_id: str, *, after: int, limit: int, types: frozenset[str] | None = None) -> list[Event]:
        return await self._reads.get((job_id, after, limit, types), lambda: self._events(job_id, after, limit, types))

    async def _events(self, job_id: str, after: int, limit: int, types: frozenset[str] | None) -> list[Event]:
        key = self._keys.events(job_id)
        found: list[Event] = []
        batch = limit if types is None else max(limit, SCAN)
        while len(found) < limit:
            entries = await self._command("XRANGE", key, f"(0-{after}", "+", "COUNT", batch)
            for entry, fields in entries:
                after = int(entry[2:])
                if types is None or fields["type"] in types:
                    at, refined = float(fields["at"]), int(fields["refined"])
                    found.append(decode_event(job_id, after, fields["type"], at, fields["data"], refined))
            if len(entries) < batch:
                break
        return found[:limit]

    async def wait(self, job_id: str, *, after: int, timeout: float) -> bool:
        async def look() -> int:
            return int(await self._command("HGET", self._keys.job(job_id), "sequence") or 0)

        return await self.link.wakeups.wait(self._keys.events(job_id), after, timeout, look)

    async def ledger(self, job_id: str, *, after: int, limit: int) -> list[LedgerRow]:
        key = self._keys.ledger(job_id)
        rows = await self._command("ZRANGEBYSCORE", key, f"({after}", "+inf", "LIMIT", 0, limit)
        return [LedgerRow.model_validate_json(row) for row in rows]

    async def extend(
        self, job_id: str, more: Budget, idempotency: Idempotency | None = None, *, most: int | None = None
    ) -> JobRecord | None:
        # Without a key of the client's one of our own, so that a repeated call never adds twice.
        once = idempotency or Idempotency(f"extend {job_id} {token_hex(8)}", "")
        keys = self._keys
        touched = [keys.job(job_id), keys.events(job_id), keys.queue, keys.work, keys.once(once.key)]
        while True:
            before = await self.get(job_id)
            if before is None:
                return None
            budget = before.budget.plus(more).model_dump_json(exclude_none=True)
            words = (job_id, once.body, DAY, before.budget_version, budget, QUEUED, _limit(most))
            answer = await self._run("extend", touched, *words, durable=True)
            match answer:
                case ["extended", fields]:
                    return decode_record(_paired(fields))
                case ["missing"]:
                    return None
                case ["full", live]:
                    raise TooManyJobs(f"tenant {before.tenant} has {live} live jobs")
                case ["conflict"]:
                    raise IdempotencyConflict("the idempotency key was used with another request")
                case ["closed", status]:
                    raise NotExtensible(f"job {job_id} is {status}; only live, completed and cancelled jobs go on")
            # ["moved"]: somebody else topped it up in between; add to what they left.

    async def observe(self, job_id: str, posted: Posted) -> Taken | None:
        check_room(await self.link.memory())
        touched = [self._keys.job(job_id), self._keys.observations(job_id)]
        last = "1" if posted.last else "0"
        match await self._run("observe", touched, posted.first, last, posted.most, *posted.texts, durable=True):
            case ["taken", replayed, fields]:
                return Taken(decode_record(_paired(fields)), replayed == "1")
            case ["differs", number, text]:
                raise ObservationDiffers(int(number), text)
            case [refused, fields]:
                raise REFUSED[refused](decode_record(_paired(fields)))
        return None

    async def observations(self, job_id: str, *, start: int, limit: int) -> Heard:
        # In this order: what was the last one then is among the texts now.
        last = await self._command("HGET", self._keys.job(job_id), "observed_last")
        texts = await self._command("LRANGE", self._keys.observations(job_id), start, start + limit - 1)
        return Heard(texts, last == "1")

    async def wait_for_observations(self, job_id: str, *, after: int, timeout: float) -> bool:
        async def look() -> int:
            observed = await self._command("HMGET", self._keys.job(job_id), "observed", "observed_last")
            return sum(int(number or 0) for number in observed)

        return await self.link.wakeups.wait(self._keys.observations(job_id), after, timeout, look)

    async def resume(self, job_id: str, *, most: int | None = None) -> JobRecord | None:
        keys = self._keys
        touched = [keys.job(job_id), keys.events(job_id), keys.queue, keys.work]
        match await self._run("resume", touched, job_id, QUEUED, _limit(most), durable=True):
            case ["full", live]:
                raise TooManyJobs(f"the tenant has {live} live jobs")
            case ["resumed", fields]:
                return decode_record(_paired(fields))
            case ["closed", status]:
                raise NotResumable(f"job {job_id} is {status}; only crashed jobs are resumed")
        return None

    async def delete(self, job_id: str) -> bool:
        keys = self._keys
        touched = [keys.job(job_id), keys.events(job_id), keys.ledger(job_id), keys.jobs, keys.observations(job_id)]
        match await self._run("delete", touched, job_id, durable=True):
            case ["live", status]:
                raise StillLive(f"job {job_id} is {status}; cancel it first")
            case ["deleted"]:
                return True
        return False

    async def usage(self, days: int, tenant: str | None = None) -> list[DayUsage]:
        seconds, _ = await self._command("TIME")
        return usage_rows(await self._command("HGETALL", self._keys.usage_of(tenant)), int(seconds) // DAY, days)

    async def spent_today(self, tenant: str) -> tuple[float, float]:
        seconds = int((await self._command("TIME"))[0])
        units = await self._command("HGET", self._keys.units, f"{tenant}|{seconds // DAY}")
        return float(units or 0), DAY - seconds % DAY

    async def live(self, tenant: str) -> int:
        return int(await self._command("SCARD", self._keys.live(tenant)))

    async def tenant_of(self, job_id: str) -> str | None:
        id, tenant = await self._command("HMGET", self._keys.job(job_id), "id", "tenant")
        return None if id is None else tenant or DEFAULT

    async def tally(self, more: Mapping[str, float]) -> None:
        for name, amount in more.items():
            await self._command("HINCRBYFLOAT", self._keys.tallies, name, amount)

    async def tallied(self) -> dict[str, float]:
        kept = await self._command("HGETALL", self._keys.tallies)
        return {name: float(amount) for name, amount in kept.items()}

    async def census(self) -> dict[str, int]:
        flat = await self._run("census", [self._keys.queue, self._keys.leases], self._keys.prefix)
        return {status: int(count) for status, count in zip(flat[::2], flat[1::2], strict=True)}

    async def request_cancel(self, job_id: str) -> JobRecord | None:
        fields = await self._run("cancel", [self._keys.job(job_id), self._keys.work])
        return decode_record(_paired(fields)) if fields else None

    # --- what a runner calls ------------------------------------------------------------------------------------------
    async def claim(self, lease: float, limit: int, held: frozenset[str]) -> list[JobRecord]:
        keys = self._keys
        touched = [keys.queue, keys.leases, keys.tallies]
        claimed = await self._run("claim", touched, keys.prefix, lease, limit, token_hex(8), SCHEMA, *held)
        return [decode_record(_paired(fields)) for fields in claimed]

    async def renew(self, job_id: str, epoch: int, lease: float) -> Renewal:
        touched = [self._keys.job(job_id), self._keys.queue, self._keys.leases]
        answer = await self._run("renew", touched, job_id, epoch, lease)
        if answer[0] == "fenced":
            return Renewal("fenced")
        _, cancelled, budget, version = answer
        return Renewal("held", cancelled == "1", Budget.model_validate_json(budget), int(version))

    async def emit(self, job_id: str, epoch: int, emission: Emission) -> int:
        check_emission(emission)
        keys = self._keys
        touched = [keys.job(job_id), keys.events(job_id), keys.ledger(job_id), keys.queue, keys.leases, keys.usage]
        touched += [keys.promises, keys.tallies]
        arguments = emission_arguments(emission)
        answer = await self._run("emit", touched, job_id, epoch, token_hex(8), *arguments, durable=emission.ends)
        if answer[0] == "fenced":
            raise Fenced(f"epoch {epoch} does not hold job {job_id} any more")
        if answer[0] == "budget":
            raise BudgetChanged(f"the budget of job {job_id} moved on from version {emission.budget_version}")
        return answer[1]

    async def release(self, job_id: str, epoch: int) -> None:
        keys = self._keys
        await self._run("release", [keys.job(job_id), keys.queue, keys.leases, keys.work], job_id, epoch)

    async def wait_for_work(self, timeout: float) -> bool:
        async def look() -> int:
            return int(await self._command("GET", self._keys.work) or 0)

        woken = await self.link.wakeups.wait(self._keys.work, self._work_seen, timeout, look)
        self._work_seen = max(self._work_seen, self.link.wakeups.number(self._keys.work))
        return woken


def _limit(most: int | None) -> str:
    return "" if most is None else str(most)


def _paired(flat: list[str]) -> Mapping[str, str]:
    return dict(zip(flat[::2], flat[1::2], strict=True))
