"""What the port promises of observations, held by every implementation: durable, in order, idempotent by number."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from burnish_workers.engine.records import (
    Emission,
    Heard,
    JobRecord,
    NewEvent,
    ObservationDiffers,
    ObservationGap,
    ObservationsBeyond,
    Posted,
    TakesNoMore,
)
from burnish_workers.engine.store import Store

Make = Callable[..., JobRecord]
Claimed = Callable[..., Awaitable[JobRecord]]
JOB = "job_000001"


def posted(first: int, *texts: str, last: bool = False, most: int = 100) -> Posted:
    return Posted(first, texts, last, most)


async def kept(store: Store) -> list[str]:
    return (await store.observations(JOB, start=0, limit=100)).texts


async def test_they_are_kept_in_order(store: Store, record: Make) -> None:
    await store.create(record(given=2))
    first = await store.observe(JOB, posted(0, "[1.0]", "null"))
    assert first is not None
    assert (first.record.observed, first.record.observed_last, first.replayed) == (2, False, False)
    second = await store.observe(JOB, posted(2, "[3.0]", last=True))
    assert second is not None
    assert (second.record.observed, second.record.observed_last) == (3, True)
    assert await kept(store) == ["[1.0]", "null", "[3.0]"]
    assert await store.observations(JOB, start=1, limit=1) == Heard(["null"], last=True)
    assert await store.observations(JOB, start=3, limit=5) == Heard([], last=True)
    found = await store.get(JOB)
    assert found is not None
    assert (found.given, found.observed, found.observed_last) == (2, 3, True)
    shown = found.to_job().observations
    assert shown is not None
    assert (shown.count, shown.last, shown.closed) == (5, True, True)


async def test_the_same_again_changes_nothing(store: Store, record: Make) -> None:
    await store.create(record(given=0))
    await store.observe(JOB, posted(0, "[1.0]", "[2.0]"))
    again = await store.observe(JOB, posted(0, "[1.0]", "[2.0]"))
    assert again is not None
    assert again.replayed
    over = await store.observe(JOB, posted(1, "[2.0]", "[3.0]"))
    assert over is not None
    assert not over.replayed, "a batch that goes on from known ones adds the rest"
    assert await kept(store) == ["[1.0]", "[2.0]", "[3.0]"]


async def test_another_content_is_refused_whole(store: Store, record: Make) -> None:
    await store.create(record(given=0))
    await store.observe(JOB, posted(0, "[1.0]", "[2.0]"))
    with pytest.raises(ObservationDiffers) as differs:
        await store.observe(JOB, posted(0, "[1.0]", "[9.0]", "[3.0]"))
    assert (differs.value.number, differs.value.kept) == (1, "[2.0]")
    assert await kept(store) == ["[1.0]", "[2.0]"]


async def test_a_gap_is_refused(store: Store, record: Make) -> None:
    await store.create(record(given=0))
    await store.observe(JOB, posted(0, "[1.0]"))
    with pytest.raises(ObservationGap) as gap:
        await store.observe(JOB, posted(2, "[3.0]"))
    assert gap.value.record.observed == 1
    assert await kept(store) == ["[1.0]"]


async def test_nothing_comes_after_the_last(store: Store, record: Make) -> None:
    await store.create(record(given=0))
    await store.observe(JOB, posted(0, "[1.0]", "[2.0]"))
    with pytest.raises(ObservationsBeyond):
        await store.observe(JOB, posted(0, "[1.0]", last=True))
    closing = await store.observe(JOB, posted(2, last=True))
    assert closing is not None
    assert not closing.replayed
    with pytest.raises(TakesNoMore):
        await store.observe(JOB, posted(2, "[3.0]"))
    for repeated in (posted(1, "[2.0]", last=True), posted(0, "[1.0]"), posted(2, last=True)):
        again = await store.observe(JOB, repeated)
        assert again is not None
        assert again.replayed


async def test_no_more_than_it_may(store: Store, record: Make) -> None:
    await store.create(record(given=0))
    await store.observe(JOB, posted(0, "[1.0]", most=2))
    with pytest.raises(TakesNoMore):
        await store.observe(JOB, posted(1, "[2.0]", "[3.0]", most=2))
    assert await kept(store) == ["[1.0]"]


async def test_a_job_that_ended_only_compares(store: Store, record: Make, claimed: Claimed) -> None:
    await claimed(store, record(given=0))
    await store.observe(JOB, posted(0, "[1.0]"))
    ending = Emission((NewEvent("cancelled", {}),), {"status": "cancelled"}, ends=True, budget_version=-1)
    await store.emit(JOB, 1, ending)
    again = await store.observe(JOB, posted(0, "[1.0]"))
    assert again is not None
    assert again.replayed
    for more in (posted(1, "[2.0]"), posted(0, "[1.0]", last=True)):
        with pytest.raises(TakesNoMore) as over:
            await store.observe(JOB, more)
        assert over.value.record.status == "cancelled"
    assert await store.delete(JOB)
    assert await kept(store) == [], "they go with the job"


async def test_what_is_not_there(store: Store) -> None:
    assert await store.observe("job_9", posted(0, "[1.0]")) is None
    assert await store.observations("job_9", start=0, limit=10) == Heard([], last=False)


async def test_a_runner_cannot_unsay_them(store: Store, record: Make, claimed: Claimed) -> None:
    await claimed(store, record(given=0))
    await store.observe(JOB, posted(0, "[1.0]"))
    await store.emit(JOB, 1, Emission((NewEvent("progress", {}),), {"stage": "x"}))
    found = await store.get(JOB)
    assert found is not None
    assert found.observed == 1
    for name in ("given", "expected", "observed", "observed_last"):
        with pytest.raises(ValueError, match=name):
            await store.emit(JOB, 1, Emission(changes={name: 7}))


async def test_waiting_ends_with_the_next_one(store: Store, record: Make) -> None:
    await store.create(record(given=0))
    await store.observe(JOB, posted(0, "[1.0]"))
    assert await store.wait_for_observations(JOB, after=0, timeout=5.0)
    assert not await store.wait_for_observations(JOB, after=1, timeout=0.05)

    async def later(what: Posted) -> None:
        await asyncio.sleep(0.1)
        await store.observe(JOB, what)

    for after, what in ((1, posted(1, "[2.0]")), (2, posted(2, last=True))):
        began = time.monotonic()
        woken, _ = await asyncio.gather(store.wait_for_observations(JOB, after=after, timeout=10.0), later(what))
        assert woken
        assert time.monotonic() - began < 2.0


async def test_of_many_writers_one_wins(store: Store, record: Make) -> None:
    await store.create(record(given=0))

    async def write(text: str) -> Any:
        try:
            return await store.observe(JOB, posted(0, text))
        except ObservationDiffers as error:
            return error.kept

    found = await asyncio.gather(*(write(f"[{i}.0]") for i in range(8)))
    (winner,) = await kept(store)
    taken = [each for each in found if not isinstance(each, str)]
    assert len(taken) == 1
    assert [each for each in found if isinstance(each, str)] == [winner] * 7
