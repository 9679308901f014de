"""The observations of a job that runs: those that its spec brought, then those that are posted, as they come."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence

import structlog

from burnish.wire import SpecBase
from burnish_workers.core.decisions import EVENLY, Decision
from burnish_workers.core.feed import Feed, told
from burnish_workers.core.inputs import Inputs
from burnish_workers.core.kind import Kind, resolution_of
from burnish_workers.engine.records import StoreUnavailable
from burnish_workers.engine.store import Store

log = structlog.get_logger()

PAGE = 1_000
PATIENCE = 10.0
"""Seconds between two looks when nothing wakes the job: wake-ups are told at most once."""

AWAY = 1.0
"""Seconds until the next try while the store cannot be reached."""


class Inflow:
    """What is known so far. `each`: blocks of an observation, L. Grows only, and its beginning never changes."""

    def __init__(self, feed: Feed, each: int):
        self.each, self._feed = each, feed
        self._known = [feed.array(observation, number) for number, observation in enumerate(feed.given)]
        self._posted, self._last = 0, False
        self._keeping: asyncio.Task[None] | None = None

    @property
    def known(self) -> int:
        """Observations known."""
        return len(self._known)

    @property
    def closed(self) -> bool:
        """Whether none is to come."""
        expected = self._feed.expected
        return self._last or (expected is not None and self.known >= expected)

    def ready(self, block: int) -> bool:
        """Whether the observation of a block is known."""
        return block // self.each < self.known

    def room(self, block: int) -> int:
        """How many blocks from `block` on have theirs."""
        return max(0, self.known * self.each - block)

    def exhausted(self, block: int) -> bool:
        """Whether no block from this one on will ever have one."""
        return self.closed and not self.ready(block)

    def whole(self, blocks: int) -> bool:
        """Whether so many blocks take their last observation into every lane."""
        return blocks % self.each == 0

    def of(self, block: int) -> Decision:
        """What a block that is `ready` is told."""
        number = block // self.each
        return told(self._known[number], number)

    def take(self, observations: Sequence[str], *, last: bool) -> None:
        """Posted observations, as they are kept; `last`: none comes after them."""
        for text in observations:
            self._known.append(self._feed.read(json.loads(text), self.known))
        self._posted, self._last = self._posted + len(observations), self._last or last

    async def catch_up(self, job: str, store: Store) -> bool:
        """Take what has been posted; whether there was anything new."""
        before, full = (self._posted, self._last), True
        while full:
            page = await store.observations(job, start=self._posted, limit=PAGE)
            full = len(page.texts) == PAGE
            self.take(page.texts, last=page.last and not full)
        return before != (self._posted, self._last)

    def check(self) -> None:
        """Raise what ended the keeping up: an observation that cannot be read is never going to be taken in."""
        if self._keeping is not None and self._keeping.done():
            self._keeping.result()

    def begin(self, job: str, store: Store, changed: asyncio.Event) -> asyncio.Task[None]:
        """Keep up from now on; `changed` is set at its end, too."""
        self._keeping = asyncio.create_task(self.keep_up(job, store, changed))
        self._keeping.add_done_callback(lambda _: changed.set())
        return self._keeping

    async def keep_up(self, job: str, store: Store, changed: asyncio.Event) -> None:
        """Take what is posted, as soon as it is, and set `changed`; until none is to come."""
        while not self.closed:
            try:
                await store.wait_for_observations(job, after=self._posted + self._last, timeout=PATIENCE)
                if await self.catch_up(job, store):
                    changed.set()
            except StoreUnavailable as error:
                log.warning("store.unavailable", why=str(error))
                await asyncio.sleep(AWAY)


@contextlib.asynccontextmanager
async def kept_up(inflow: Inflow | None, job: str, store: Store, changed: asyncio.Event) -> AsyncIterator[None]:
    """Meanwhile take what is posted."""
    keeping = None if inflow is None else inflow.begin(job, store, changed)
    try:
        yield
    finally:
        if keeping is not None:
            keeping.cancel()


async def inflow_of(job: str, spec: SpecBase, kind: Kind, inputs: Inputs, store: Store) -> Inflow | None:
    """The observations of a job known so far; None for one that assimilates none."""
    each, feed = resolution_of(spec).each, kind.feed(spec, inputs)
    if each is None or feed is None:
        return None
    inflow = Inflow(feed, each)
    await inflow.catch_up(job, store)
    return inflow


def first_of(feed: Feed | None) -> Decision:
    """What the block of a pilot is told: the first observation where it is known, else that nothing was seen."""
    return EVENLY if feed is None else told(feed.array(feed.given[0] if feed.given else None, 0), 0)
