"""Readers who are far behind: what is held for each is little, and who wants the latest gets it at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from burnish_workers.core.registry import registry
from burnish_workers.engine.app import EVENT_PAGE, FEW, App
from burnish_workers.engine.clock import SystemClock
from burnish_workers.engine.memory_artifacts import MemoryArtifacts
from burnish_workers.engine.memory_library import MemoryLibrary
from burnish_workers.engine.memory_store import MemoryStore
from burnish_workers.engine.records import Emission, JobRecord, NewEvent
from burnish_workers.engine.uploads import Uploads

BEHIND = EVENT_PAGE + 30


async def test_a_stream_reads_a_few_at_a_time_and_the_latest_whole(
    record: Callable[..., JobRecord], claimed: Callable[..., Awaitable[JobRecord]]
) -> None:
    store, clock = MemoryStore(), SystemClock()
    app = App(registry(), store, Uploads(MemoryLibrary(), MemoryArtifacts(), store, clock), clock)
    job = await claimed(store, record())
    for number in range(BEHIND):
        kind = "status" if number % 300 == 0 else "refinement"
        await store.emit(job.id, job.epoch, Emission((NewEvent(kind, {}),)))
    whole = await store.events(job.id, after=0, limit=2 * BEHIND)
    seen: list[int] = []
    while events := await app.next_events(job.id, seen[-1] if seen else 0, 0.0):
        assert len(events) <= FEW
        seen += [event.sequence for event in events]
    assert seen == [event.sequence for event in whole]
    latest = await app.next_events(job.id, 0, 0.0, latest=True)
    refined = max(event.sequence for event in whole if event.type == "refinement")
    assert latest == [event for event in whole if event.type != "refinement" or event.sequence == refined]
    assert await app.next_events(job.id, latest[-1].sequence, 0.0, latest=True) == []
