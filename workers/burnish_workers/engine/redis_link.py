"""The connection to Redis or Valkey: commands, scripts, repeats, durability, subscriptions. The only file that imports
redis.

A command whose reply was lost is repeated; the scripts notice what has been done already.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
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

from burnish_workers.engine.cancellation import heeding
from burnish_workers.engine.records import StoreUnavailable
from burnish_workers.engine.redis_address import refusal
from burnish_workers.engine.redis_durability import Durability, judge
from burnish_workers.engine.redis_scripts import Keys, script
from burnish_workers.engine.wakeups import Message, Wakeups

T = TypeVar("T")


class RedisLink:
    """`retries`: how often a command is repeated, 0.05, 0.1, 0.2, ... at most 1 s apart. Runners ride out an outage of
    half a minute with 30; a front that has to answer 503 soon takes 3. `allow_volatile`: see `check_durability`.

    One link serves all ports of a process: jobs, models, coordination.
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
        self.keys = Keys(prefix)
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
        self.wakeups = Wakeups(self._subscribe, self.keys.work)
        known = pool.connection_kwargs
        self._tls = url.startswith("rediss:")
        self.name = known.get("path") or f"{known.get('host', 'localhost')}:{known.get('port', 6379)}"

    async def check_durability(self) -> None:
        """Raise `NotDurable` unless the server keeps what it acknowledged; call it once at startup.

        Refused: an eviction policy, `appendfsync no`, no append-only file (unless `allow_volatile`).
        """
        await self._learn_durability()

    async def close(self) -> None:
        await self.wakeups.close()
        await self._client.aclose()
        await self._listening.aclose()

    async def memory(self) -> Any:
        """What the server says of its memory (INFO memory)."""
        return await self._retried(lambda: self._client.info("memory"))

    async def command(self, *words: str | float) -> Any:
        """Run one command. Raises StoreUnavailable."""
        return await self._retried(lambda: self._client.execute_command(*words))

    async def run(self, name: str, keys: list[str], *arguments: str | float, durable: bool = False) -> Any:
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
                await self.command("WAITAOF", 0, 0, 0)
            except ResponseError:
                waitaof = False
            self._durability = judge(info, settings.get("appendfsync"), waitaof, self._allow_volatile)
        return self._durability

    async def _retried(self, do: Callable[[], Awaitable[T]]) -> T:
        async with self._translated():
            return await self._retry.call_with_retry(lambda: heeding(do()), _again, is_retryable=_transient)

    @asynccontextmanager
    async def _translated(self) -> AsyncIterator[None]:
        try:
            yield
        except AuthenticationError as error:
            what = "it wants a password, or another one: see its address, redis://:PASSWORD@HOST:PORT/0"
            raise StoreUnavailable(f"the store at {self.name} does not let us in ({error}): {what}") from error
        except (ConnectionError, TimeoutError, OutOfMemoryError, ReadOnlyError) as error:
            said = f"the store at {self.name} does not answer{' by TLS' if self._tls else ''}: {error}"
            raise StoreUnavailable((refusal(self.name, error) if self._tls else None) or said) from error
        except ResponseError as error:
            if not str(error).startswith(("MISCONF", "LOADING", "NOREPLICAS")):
                raise
            raise StoreUnavailable(f"the store at {self.name} takes no writes: {error}") from error

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
        # `aclose` does not wait until it is closed, since others may read (redis-py 3941), and none do any more. Behind
        # TLS that takes a round trip, and a loop that ends before leaves the socket open.
        if self._pubsub.connection is not None:
            with contextlib.suppress(RedisError, OSError):
                await self._pubsub.connection.disconnect()
        await self._pubsub.aclose()

    async def _spoken(self, command: Awaitable[T]) -> T:
        try:
            return await heeding(command)
        except (RedisError, OSError) as error:
            raise StoreUnavailable(f"the subscription broke: {error}") from error


async def _again(error: Exception) -> None:
    """Nothing to mend before another attempt: the pool replaces broken connections."""


def _transient(error: Exception) -> bool:
    return not isinstance(error, AuthenticationError)
