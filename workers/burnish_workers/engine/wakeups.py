"""Waking thousands of readers over one connection.

Pub/sub delivers at most once, so a message is only a hint to look: every channel carries a number that grows (the
sequence of a job's last event), a new subscriber looks the number up after subscribing, and a lost connection wakes
everybody. What still slips through is caught when readers look again at their next heartbeat.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

from burnish_workers.engine.records import StoreUnavailable


class Bell:
    """Wakes its sleepers when its number grows. It remembers the number: who comes late does not sleep."""

    def __init__(self) -> None:
        self.number = 0
        self._sleepers: set[asyncio.Future[None]] = set()

    def ring(self, number: int) -> None:
        if number > self.number:
            self.number = number
            self.wake()

    def wake(self) -> None:
        """Wake everybody, whatever the number."""
        sleepers, self._sleepers = self._sleepers, set()
        for sleeper in sleepers:
            if not sleeper.done():
                sleeper.set_result(None)

    async def sleep(self, after: int) -> None:
        """Return once the number exceeds `after`, or at the next `wake`."""
        if self.number > after:
            return
        sleeper = asyncio.get_running_loop().create_future()
        self._sleepers.add(sleeper)
        try:
            await sleeper
        finally:
            self._sleepers.discard(sleeper)


async def slept(bell: Bell, after: int, timeout: float) -> bool:
    """Sleep until the bell's number exceeds `after`; False when the timeout came first."""
    try:
        async with asyncio.timeout(timeout):
            await bell.sleep(after)
    except TimeoutError:
        return bell.number > after
    return True


class Message(NamedTuple):
    kind: Literal["subscribed", "published", "other"]
    channel: str = ""
    number: int = 0


class Subscription(Protocol):
    """One pub/sub connection. All methods raise `StoreUnavailable` when it is lost."""

    async def subscribe(self, *channels: str) -> None: ...

    async def unsubscribe(self, channel: str) -> None: ...

    async def next(self, timeout: float) -> Message | None:
        """The next message; None when there was silence for `timeout` seconds."""
        ...

    async def ping(self) -> None:
        """Provoke a message."""
        ...

    async def close(self) -> None: ...


@dataclass
class _Channel:
    """`known`: the bell's number was looked up after the subscription began, so nothing has been missed."""

    name: str
    bell: Bell = field(default_factory=Bell)
    users: int = 0
    requested: bool = False
    subscribed: asyncio.Event = field(default_factory=asyncio.Event)
    known: bool = False


class Wakeups:
    """Shares one subscription among all waiters; it is opened by the first of them and reopened when it breaks.

    `connect` opens it. `home` is a channel that stays subscribed. A channel is left `linger` seconds after its last
    waiter, because readers come back at once. After `silence` seconds without a message the connection is probed.
    """

    def __init__(
        self, connect: Callable[[], Awaitable[Subscription]], home: str, linger: float = 2.0, silence: float = 10.0
    ) -> None:
        self._connect = connect
        self._linger = linger
        self._silence = silence
        self._channels = {home: _Channel(home, users=1)}
        self._orders: asyncio.Queue[tuple[Literal["subscribe", "unsubscribe"], str]] = asyncio.Queue()
        self._listener: asyncio.Task[None] | None = None

    async def wait(self, name: str, after: int, timeout: float, look: Callable[[], Awaitable[int]]) -> bool:
        """Sleep until the channel's number may exceed `after`; False when the timeout came first.

        `look` asks the store for the number; it raises `StoreUnavailable` when that is away.
        """
        channel = self._enter(name)
        try:
            async with asyncio.timeout(timeout):
                await self._sleep(channel, after, look)
            return True
        except TimeoutError:
            if not channel.known:
                channel.bell.ring(await look())
            return channel.bell.number > after
        finally:
            channel.users -= 1
            if not channel.users:
                asyncio.get_running_loop().call_later(self._linger, self._leave, channel)

    def number(self, name: str) -> int:
        """The highest number heard on a channel."""
        channel = self._channels.get(name)
        return channel.bell.number if channel else 0

    async def close(self) -> None:
        """Drop the connection and wake everybody."""
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.cancel()
            await asyncio.gather(listener, return_exceptions=True)
        self._forget()

    def _enter(self, name: str) -> _Channel:
        if self._listener is None or self._listener.done():
            self._listener = asyncio.create_task(self._listen())
        channel = self._channels.get(name)
        if channel is None:
            channel = self._channels[name] = _Channel(name)
        channel.users += 1
        return channel

    def _leave(self, channel: _Channel) -> None:
        if channel.users or self._channels.get(channel.name) is not channel:
            return
        if channel.requested and not channel.subscribed.is_set():
            # Its confirmation is under way and must not be taken for that of a later channel of this name.
            asyncio.get_running_loop().call_later(self._linger, self._leave, channel)
            return
        del self._channels[channel.name]
        self._orders.put_nowait(("unsubscribe", channel.name))

    async def _sleep(self, channel: _Channel, after: int, look: Callable[[], Awaitable[int]]) -> None:
        if not channel.requested:
            channel.requested = True
            self._orders.put_nowait(("subscribe", channel.name))
        await channel.subscribed.wait()
        if not channel.known:
            number = await look()
            # A connection lost while we looked may have swallowed a message: then stay ignorant and look again.
            channel.known = channel.subscribed.is_set()
            channel.bell.ring(number)
        await channel.bell.sleep(after)

    async def _listen(self) -> None:
        delay = 0.05
        while True:
            with contextlib.suppress(StoreUnavailable):
                await self._converse(await self._connect())
                delay = 0.05
            await asyncio.sleep(delay)
            delay = min(2 * delay, 1.0)

    async def _converse(self, subscription: Subscription) -> None:
        """Speak and listen until the connection is lost."""
        try:
            self._orders = asyncio.Queue()
            for channel in self._channels.values():
                channel.requested = True
            await subscription.subscribe(*self._channels)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._speak(subscription))
                group.create_task(self._hear(subscription))
        except* StoreUnavailable:
            pass
        finally:
            self._forget()
            await subscription.close()

    async def _speak(self, subscription: Subscription) -> None:
        """Only this task writes: a waiter whose time is up must not break off half a command."""
        while True:
            order, name = await self._orders.get()
            if order == "subscribe":
                await subscription.subscribe(name)
            elif name not in self._channels:
                await subscription.unsubscribe(name)

    async def _hear(self, subscription: Subscription) -> None:
        silent = False
        while True:
            message = await subscription.next(self._silence)
            if message is None and silent:
                raise StoreUnavailable(f"the subscription was silent for {2 * self._silence:g} s, in spite of a ping")
            silent = message is None
            if message is None:
                await subscription.ping()
            elif (channel := self._channels.get(message.channel)) is not None:
                if message.kind == "published":
                    channel.bell.ring(message.number)
                elif message.kind == "subscribed":
                    channel.subscribed.set()

    def _forget(self) -> None:
        """The connection is gone: wake everybody to look for themselves, and trust no number."""
        for channel in self._channels.values():
            channel.requested = channel.known = False
            channel.subscribed.clear()
            channel.bell.wake()
