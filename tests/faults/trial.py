"""One trial: the load, its clients, one fault at a random moment of the work, and what became of it all."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from burnish import AsyncBurnish, wire
from burnish.errors import BurnishError, StatusError

from .load import BLOCKS, EACH, KNOWN, Work, latecomer
from .readers import Reader, client

READERS = 50
LATE = 12
"""Small jobs that are posted from the fault on, one every two seconds."""

PATIENCE = 240.0
"""Seconds after the fault in which all must be over."""


@dataclass(frozen=True)
class Hit:
    """What a fault did. `held`: the victim was at work; `what`: how that was seen."""

    held: bool
    what: str


Strike = Callable[["Scene"], Hit]
"""Does its harm, undoes it where that is part of the fault, and returns; runs in a thread."""


@dataclass
class Scene:
    """What runs while the fault strikes."""

    url: str
    works: Sequence[Work]
    jobs: list[str] = field(default_factory=list[str])
    readers: list[Reader] = field(default_factory=list[Reader])
    accepted: list[str] = field(default_factory=list[str])
    refused: dict[str, int] = field(default_factory=dict[str, int])
    struck: float = 0.0

    def harm(self) -> None:
        """To be called at the moment of the harm; from then on recovery is counted."""
        self.struck = time.time()

    @property
    def streams(self) -> int:
        """Clients that still follow their job."""
        return sum(not reader.ended for reader in self.readers)


@dataclass
class Outcome:
    """What became of a trial; `wrong` is empty when every promise was kept. Seconds."""

    fault: str
    seed: int
    jobs: int = 0
    at: float = 0.0
    hit: str = ""
    gap: float = 0.0
    first: float = 0.0
    every: float = 0.0
    took: float = 0.0
    again: int = 0
    claimed: int = 0
    resumed: int = 0
    accepted: int = 0
    refused: dict[str, int] = field(default_factory=dict[str, int])
    wrong: list[str] = field(default_factory=list[str])


async def trial(fault: str, seed: int, url: str, works: Sequence[Work], strike: Strike) -> Outcome:
    """Run the load, strike once, wait for the end, judge."""
    chance = random.Random(f"{fault} {seed}")
    outcome, scene = Outcome(fault, seed, len(works)), Scene(url, works)
    begun = time.monotonic()
    async with AsyncBurnish(url, max_retries=8) as service, client(url) as http:
        scene.jobs = [(await service.submit(work.spec)).id for work in works]
        scene.readers = [Reader(scene.jobs[n % len(scene.jobs)]) for n in range(READERS)]
        async with asyncio.TaskGroup() as group:
            following = [group.create_task(reader.follow(http)) for reader in scene.readers]
            feeding = [
                group.create_task(_feed(service, job, work)) for job, work in zip(scene.jobs, works, strict=True)
            ]
            outcome.at = chance.uniform(0.1, 0.5)
            await _under_way(service, scene, outcome.at)
            late = group.create_task(_come_late(url, scene, seed))
            scene.harm()
            hit = await asyncio.to_thread(strike, scene)
            outcome.hit = hit.what
            if not hit.held:
                outcome.wrong.append(f"the fault hit an idle process: {hit.what}")
            await _over(service, [*following, *feeding], scene, outcome)
            late.cancel()
        outcome.took = time.monotonic() - begun
        await _judge(service, scene, outcome)
    return outcome


async def _feed(service: AsyncBurnish, job: str, work: Work) -> None:
    """Post the observations that come later, one by one; again and again until each is taken."""
    for number, seen in enumerate(work.later, start=KNOWN):
        last = number == KNOWN + len(work.later) - 1
        await asyncio.sleep(0.4)
        await _insisting(lambda n=number, s=seen, end=last: service.observe(job, [s], start=n, last=end))


async def _insisting(call: Callable[[], Awaitable[object]]) -> None:
    while True:
        try:
            await call()
            return
        except (BurnishError, OSError):
            await asyncio.sleep(0.5)


async def _come_late(url: str, scene: Scene, seed: int) -> None:
    """Small jobs, each posted once: whatever was accepted must be done."""
    async with AsyncBurnish(url, max_retries=0, timeout=10.0) as service:
        for number in range(LATE):
            try:
                scene.accepted.append((await service.submit(latecomer(10**6 * (seed + 1) + number))).id)
            except StatusError as error:
                why = str(error.status)
                scene.refused[why] = scene.refused.get(why, 0) + 1
            except (BurnishError, OSError):
                scene.refused["no answer"] = scene.refused.get("no answer", 0) + 1
            await asyncio.sleep(2.0)


async def _under_way(service: AsyncBurnish, scene: Scene, part: float) -> None:
    """Until that part of all blocks has been folded."""
    wanted = part * BLOCKS * len(scene.jobs)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        jobs = [await service.get(job) for job in scene.jobs]
        if sum(job.last.blocks if job.last else 0 for job in jobs) >= wanted:
            return
        await asyncio.sleep(0.3)
    raise TimeoutError(f"{part:.0%} of the blocks were not done within {PATIENCE:g} s")


async def _over(service: AsyncBurnish, tasks: list[asyncio.Task[None]], scene: Scene, outcome: Outcome) -> None:
    """Until every client has seen its job end; those that have not within PATIENCE are called off."""
    _, left = await asyncio.wait(tasks, timeout=PATIENCE)
    for task in left:
        task.cancel()
    for reader in scene.readers:
        if not reader.ended:
            outcome.wrong.append(f"a client of {reader.job} saw {len(reader.seen)} events and no end")
    for job in scene.accepted:
        with contextlib.suppress(BurnishError):
            await (await service.get(job)).wait(60)


async def _judge(service: AsyncBurnish, scene: Scene, outcome: Outcome) -> None:
    """Compare what the store has, what the clients saw and what the law says."""
    recoveries: list[float] = []
    said: dict[str, list[int]] = {}
    for job, work in zip(scene.jobs, scene.works, strict=True):
        found = await service.get(job)
        if found.status != "completed":
            outcome.wrong.append(f"{job} ({work.name}) is {found.status}: {found.snapshot.error}")
        events = [event async for event in await service.events(job, limit=1000)]
        said[job] = [event.sequence for event in events]
        if said[job] != list(range(1, len(events) + 1)):
            outcome.wrong.append(f"the events of {job} are {said[job]}")
        outcome.wrong += await asyncio.to_thread(_unlawful, job, work, events)
        after = [t for t in map(_at, (e for e in events if e.type == "refinement")) if t > scene.struck]
        if after:
            recoveries.append(min(after) - scene.struck)
        rows = [row async for row in await service.ledger(job, limit=1000)]
        if [row.index for row in rows] != list(range(found.last.blocks if found.last else 0)):
            outcome.wrong.append(f"the ledger of {job} has {len(rows)} rows, which are not its blocks in order")
        outcome.again += sum(row.attempts - 1 for row in rows)
        outcome.claimed += max((row.epoch for row in rows), default=1) - 1
    for reader in scene.readers:
        outcome.wrong += reader.wrong
        if reader.ended and reader.seen != said[reader.job]:
            outcome.wrong.append(f"a client of {reader.job} saw {reader.seen}, the store has {said[reader.job]}")
    for job in scene.accepted:
        status = (await service.get(job)).status
        if status != "completed":
            outcome.wrong.append(f"{job}, accepted during the fault, is {status}")
    if not recoveries:
        outcome.wrong.append("no job was refined after the fault")
    outcome.first, outcome.every = min(recoveries, default=0.0), max(recoveries, default=0.0)
    outcome.gap = max(reader.gap for reader in scene.readers)
    outcome.resumed = sum(reader.connections for reader in scene.readers) - len(scene.readers)
    outcome.accepted, outcome.refused = len(scene.accepted), scene.refused


def _unlawful(job: str, work: Work, events: list[wire.Event]) -> list[str]:
    wrong: list[str] = []
    refinements = [wire.Refinement.model_validate(event.data) for event in events if event.type == "refinement"]
    for refinement in refinements:
        if refinement.digest != work.law.digest(refinement.blocks):
            wrong.append(f"{job} ({work.name}) after {refinement.blocks} blocks is not what the law says")
    last = refinements[-1].blocks if refinements else 0
    if last < BLOCKS - EACH:
        wrong.append(f"{job} ({work.name}) ended after {last} blocks")
    return wrong


def _at(event: wire.Event) -> float:
    return datetime.fromisoformat(event.at).timestamp()
