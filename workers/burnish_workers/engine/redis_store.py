"""Store on Redis or Valkey, shared by every process of the service. The only file that imports redis.

Every change of state is one Lua script, so nobody sees half of it and the epoch that fences it cannot move in between.
A command whose reply was lost is repeated; the scripts notice what has been done already.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from secrets import token_hex
from typing import Any, TypeVar

from redis import asyncio as redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.exceptions import (
    AuthenticationError,
    ConnectionError,
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TimeoutError,
)

from burnish.wire import Budget, Event, LedgerRow
from burnish_workers.engine.encoding import check_emission, decode_event, decode_record, encode_record, to_json
from burnish_workers.engine.records import (
    BudgetChanged,
    Created,
    Emission,
    Fenced,
    Idempotency,
    IdempotencyConflict,
    JobRecord,
    NotExtensible,
    Page,
    Renewal,
    StoreUnavailable,
)
from burnish_workers.engine.redis_durability import Durability, check_room, judge
from burnish_workers.engine.redis_scripts import Keys, emission_arguments, script
from burnish_workers.engine.wakeups import Message, Wakeups

T = TypeVar("T")

DAY = 86_400
SCAN = 500
"""Jobs or events looked at per call when most of them are filtered out."""
QUEUED = to_json({"status": "queued"})


class RedisStore:
    """`retries`: how often a command is repeated, 0.05, 0.1, 0.2, ... at most 1 s apart. Runners ride out an outage of
    half a minute with 30; a front that has to answer 503 soon takes 3. `allow_volatile`: see `check_durability`.
    """

    def __init__(
        self,
        url: str,
        prefix: str = "burnish:",
        *,
        retries: int = 30,
        connections: int = 64,
        allow_volatile: bool = False,
    ) -> None:
        self._keys = Keys(prefix)
        self._retry = Retry(ExponentialBackoff(cap=1, base=0.05), retries)
        self._allow_volatile = allow_volatile
        self._durability: Durability | None = None
        # Repeating is done here, where a lost reply can be told to the script, and not in the connections.
        options: dict[str, Any] = {
            "decode_responses": True,
            "retry": Retry(NoBackoff(), 0),
            "socket_connect_timeout": 2,
            "socket_timeout": 5,
            "socket_keepalive": True,
        }
        pool = redis.BlockingConnectionPool.from_url(
            url, max_connections=connections, timeout=5, health_check_interval=10, **options
        )
        self._client = redis.Redis.from_pool(pool)
        self._listening = redis.Redis.from_url(url, **options)
        self._wakeups = Wakeups(self._subscribe, self._keys.work)
        self._work_seen = 0
        known = pool.connection_kwargs
        self._name = known.get("path") or f"{known.get('host', 'localhost')}:{known.get('port', 6379)}"

    async def ping(self) -> None:
        await self._command("PING")

    async def check_durability(self) -> None:
        """Raise `NotDurable` unless the server keeps what it acknowledged; call it once at startup.

        Refused: an eviction policy, `appendfsync no`, no append-only file (unless `allow_volatile`).
        """
        await self._learn_durability()

    async def close(self) -> None:
        await self._wakeups.close()
        await self._client.aclose()
        await self._listening.aclose()

    # --- what the front calls -----------------------------------------------------------------------------------------
    async def create(self, record: JobRecord, idempotency: Idempotency | None = None) -> Created:
        keys = self._keys
        check_room(await self._retried(lambda: self._client.info("memory")))
        touched = [keys.job(record.id), keys.events(record.id), keys.jobs, keys.queue, keys.work]
        body = ""
        if idempotency is not None:
            touched.append(keys.once(idempotency.key))
            body = idempotency.body
        record = record.with_changes({"sequence": 0})
        fields = [text for pair in encode_record(record).items() for text in pair]
        answer = await self._run("create", touched, record.id, body, DAY, QUEUED, *fields, durable=True)
        if answer[0] == "conflict":
            raise IdempotencyConflict("the idempotency key was used with another body")
        if answer[0] == "replayed":
            before = await self.get(answer[1])
            assert before is not None
            return Created(before, replayed=True)
        return Created(record.with_changes({"sequence": 1}), replayed=False)

    async def get(self, job_id: str) -> JobRecord | None:
        fields = await self._command("HGETALL", self._keys.job(job_id))
        return decode_record(fields) if fields else None

    async def list(
        self, *, limit: int, after: str | None = None, status: str | None = None, kind: str | None = None
    ) -> Page:
        records: list[JobRecord] = []
        start = "+" if after is None else f"({after}"
        while start and len(records) <= limit:
            wanted = limit + 1 - len(records)
            batch = SCAN if status or kind else wanted
            query = (self._keys.prefix, wanted, batch, status or "", kind or "", start)
            start, found = await self._run("list", [self._keys.jobs], *query)
            records += [decode_record(_paired(fields)) for fields in found]
        return Page(records[:limit], has_more=len(records) > limit)

    async def events(self, job_id: str, *, after: int, limit: int, types: frozenset[str] | None = None) -> list[Event]:
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

        return await self._wakeups.wait(self._keys.events(job_id), after, timeout, look)

    async def ledger(self, job_id: str, *, after: int, limit: int) -> list[LedgerRow]:
        key = self._keys.ledger(job_id)
        rows = await self._command("ZRANGEBYSCORE", key, f"({after}", "+inf", "LIMIT", 0, limit)
        return [LedgerRow.model_validate_json(row) for row in rows]

    async def extend(self, job_id: str, more: Budget, idempotency: Idempotency | None = None) -> JobRecord | None:
        # Without a key of the client's one of our own, so that a repeated call never adds twice.
        once = idempotency or Idempotency(f"extend {job_id} {token_hex(8)}", "")
        keys = self._keys
        touched = [keys.job(job_id), keys.events(job_id), keys.queue, keys.work, keys.once(once.key)]
        while True:
            before = await self.get(job_id)
            if before is None:
                return None
            budget = before.budget.plus(more).model_dump_json()
            answer = await self._run(
                "extend", touched, job_id, once.body, DAY, before.budget_version, budget, QUEUED, durable=True
            )
            match answer:
                case ["extended", fields]:
                    return decode_record(_paired(fields))
                case ["missing"]:
                    return None
                case ["conflict"]:
                    raise IdempotencyConflict("the idempotency key was used with another request")
                case ["closed", status]:
                    raise NotExtensible(f"job {job_id} is {status}; only live, completed and cancelled jobs go on")
            # ["moved"]: somebody else topped it up in between; add to what they left.

    async def request_cancel(self, job_id: str) -> JobRecord | None:
        fields = await self._run("cancel", [self._keys.job(job_id), self._keys.work])
        return decode_record(_paired(fields)) if fields else None

    # --- what a runner calls ------------------------------------------------------------------------------------------
    async def claim(self, lease: float, limit: int, held: frozenset[str]) -> list[JobRecord]:
        keys = self._keys
        touched = [keys.queue, keys.leases]
        claimed = await self._run("claim", touched, keys.prefix, lease, limit, token_hex(8), *held)
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
        touched = [keys.job(job_id), keys.events(job_id), keys.ledger(job_id), keys.queue, keys.leases]
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

        woken = await self._wakeups.wait(self._keys.work, self._work_seen, timeout, look)
        self._work_seen = max(self._work_seen, self._wakeups.number(self._keys.work))
        return woken

    # --- talking to the server ----------------------------------------------------------------------------------------
    async def _command(self, *words: str | float) -> Any:
        return await self._retried(lambda: self._client.execute_command(*words))

    async def _run(self, name: str, keys: list[str], *arguments: str | float, durable: bool = False) -> Any:
        """Run a script; `durable`: return when what it wrote is on disk."""
        waits = durable and (await self._learn_durability()).waits
        attempts = itertools.count()

        async def attempt() -> Any:
            repeated = "1" if next(attempts) else "0"
            words = (len(keys), *keys, repeated, *arguments)
            try:
                return await self._evaluate(("EVALSHA", script(name).sha1, *words), waits)
            except NoScriptError:
                return await self._evaluate(("EVAL", script(name).source, *words), waits)

        return await self._retried(attempt)

    async def _evaluate(self, words: tuple[str | float, ...], waits: bool) -> Any:
        if not waits:
            return await self._client.execute_command(*words)
        # One pipeline is one connection: WAITAOF waits for the writes of its own.
        pipeline = self._client.pipeline(transaction=False)
        pipeline.execute_command(*words)
        pipeline.execute_command("WAITAOF", 1, 0, 2000)
        answer, written = await pipeline.execute(raise_on_error=False)
        for result in (answer, written):
            if isinstance(result, Exception):
                raise result
        if written[0] < 1:
            raise TimeoutError("not on disk within 2 s")
        return answer

    async def _learn_durability(self) -> Durability:
        if self._durability is None:
            info = await self._retried(lambda: self._client.info("everything"))
            try:
                settings = await self._retried(lambda: self._client.config_get("appendfsync"))
            except (ResponseError, NoPermissionError):  # managed services hide CONFIG
                settings = {}
            waitaof = True
            try:
                await self._command("WAITAOF", 0, 0, 0)
            except ResponseError:
                waitaof = False
            self._durability = judge(info, settings.get("appendfsync"), waitaof, self._allow_volatile)
        return self._durability

    async def _retried(self, do: Callable[[], Awaitable[T]]) -> T:
        async with self._translated():
            return await self._retry.call_with_retry(do, _again, is_retryable=_transient)

    @asynccontextmanager
    async def _translated(self) -> AsyncIterator[None]:
        try:
            yield
        except (ConnectionError, TimeoutError, OutOfMemoryError, ReadOnlyError) as error:
            raise StoreUnavailable(f"the store at {self._name} does not answer: {error}") from error
        except ResponseError as error:
            if not str(error).startswith(("MISCONF", "LOADING", "NOREPLICAS")):
                raise
            raise StoreUnavailable(f"the store at {self._name} takes no writes: {error}") from error

    async def _subscribe(self) -> _Subscription:
        pubsub = self._listening.pubsub()
        async with self._translated():
            await pubsub.connect()
        return _Subscription(pubsub)


class _Subscription:
    """A pub/sub connection of redis-py, as `Wakeups` wants it."""

    def __init__(self, pubsub: PubSub) -> None:
        self._pubsub = pubsub

    async def subscribe(self, *channels: str) -> None:
        await self._spoken(self._pubsub.subscribe(*channels))

    async def unsubscribe(self, channel: str) -> None:
        await self._spoken(self._pubsub.unsubscribe(channel))

    async def ping(self) -> None:
        await self._spoken(self._pubsub.ping())

    async def next(self, timeout: float) -> Message | None:
        raw = await self._spoken(self._pubsub.get_message(timeout=timeout))
        match raw:
            case None:
                return None
            case {"type": "message", "channel": channel, "data": number}:
                return Message("published", channel, int(number))
            case {"type": "subscribe", "channel": channel}:
                return Message("subscribed", channel)
        return Message("other")

    async def close(self) -> None:
        await self._pubsub.aclose()

    async def _spoken(self, command: Awaitable[T]) -> T:
        try:
            return await command
        except (RedisError, OSError) as error:
            raise StoreUnavailable(f"the subscription broke: {error}") from error


async def _again(error: Exception) -> None:
    """Nothing to mend before another attempt: the pool replaces broken connections."""


def _transient(error: Exception) -> bool:
    return not isinstance(error, AuthenticationError)


def _paired(flat: list[str]) -> Mapping[str, str]:
    return dict(zip(flat[::2], flat[1::2], strict=True))
