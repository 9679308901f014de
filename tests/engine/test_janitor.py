"""Retention, on a clock that is moved by days."""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from burnish_workers.core.registry import registry
from burnish_workers.engine.artifacts import Artifacts
from burnish_workers.engine.clock import FrozenClock, SystemClock
from burnish_workers.engine.dispatcher import Dispatcher, Terms
from burnish_workers.engine.file_artifacts import FileArtifacts
from burnish_workers.engine.fleet import InlineFleet
from burnish_workers.engine.janitor import EVERY, Janitor, Retention
from burnish_workers.engine.memory_artifacts import MemoryArtifacts
from burnish_workers.engine.memory_library import MemoryLibrary
from burnish_workers.engine.ports import Ports
from burnish_workers.engine.records import Emission, JobRecord, NewEvent
from burnish_workers.engine.store import Store
from burnish_workers.engine.uploads import Uploads

from .test_webhooks_store import endpoint

Make = Callable[..., JobRecord]
DAY = 86_400.0
BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(params=["memory", "file"])
def artifacts(request: pytest.FixtureRequest, tmp_path: Path) -> Artifacts:
    return MemoryArtifacts() if request.param == "memory" else FileArtifacts(tmp_path)


@pytest.fixture
def ports(store: Store, artifacts: Artifacts) -> Ports:
    return Ports(InlineFleet(1), store, artifacts, FrozenClock(BEGINNING.timestamp()), MemoryLibrary())


def janitor(ports: Ports, **days: float) -> Janitor:
    return Janitor(registry(), ports, Retention(**days), lambda: True)


async def ended(ports: Ports, record: JobRecord, status: str = "completed") -> str:
    """A job that has just ended and left a file."""
    await ports.store.create(record)
    (held,) = await ports.store.claim(60.0, 1, frozenset())
    await ports.artifacts.write(f"{record.id}/checkpoint-1-1.npz", b"x")
    changes = {"status": status, "finished_at": ports.clock.now(), "checkpoint": f"{record.id}/checkpoint-1-1.npz"}
    event = NewEvent("completed", {"status": status})
    await ports.store.emit(held.id, held.epoch, Emission((event,), changes, ends=True, budget_version=-1))
    return record.id


def pass_days(ports: Ports, days: float) -> None:
    assert isinstance(ports.clock, FrozenClock)
    ports.clock.advance(days * DAY)


async def test_by_default_everything_is_kept(ports: Ports, record: Make) -> None:
    job = await ended(ports, record())
    pass_days(ports, 10_000)
    assert set((await janitor(ports).sweep()).values()) == {0}
    assert await ports.store.get(job) is not None
    assert await ports.store.tallied() == {"ended|surrogate|completed": 1.0}


async def test_a_job_goes_so_many_days_after_its_end_with_all_it_left(ports: Ports, record: Make) -> None:
    old = await ended(ports, record(1))
    pass_days(ports, 3)
    young = await ended(ports, record(2))
    pass_days(ports, 6)
    assert (await janitor(ports, jobs=7).sweep())["jobs"] == 1
    assert await ports.store.get(old) is None
    assert await ports.store.events(old, after=0, limit=10) == []
    assert await ports.artifacts.owners() == [young]
    assert await ports.store.get(young) is not None
    assert (await ports.store.tallied())["removed|jobs"] == 1.0


@pytest.mark.parametrize("held", [True, False])
async def test_a_live_job_stays_however_old(ports: Ports, record: Make, held: bool) -> None:
    await ports.store.create(record())
    if held:
        await ports.store.claim(60.0, 1, frozenset())
    pass_days(ports, 10_000)
    assert (await janitor(ports, jobs=1).sweep())["jobs"] == 0
    assert await ports.store.get(record().id) is not None


async def test_a_job_that_goes_on_while_the_janitor_looks_stays(ports: Ports, record: Make) -> None:
    job = await ended(ports, record(1), "crashed")
    pass_days(ports, 30)
    forget = (swept := janitor(ports, jobs=7))._app.forget

    async def too_late(id: str) -> None:
        await ports.store.resume(id)
        await forget(id)

    swept._app.forget = too_late  # type: ignore[method-assign]
    assert (await swept.sweep())["jobs"] == 0
    kept = await ports.store.get(job)
    assert kept is not None
    assert kept.status == "queued"
    assert kept.checkpoint is not None
    assert await ports.artifacts.read(kept.checkpoint) == b"x"


async def test_more_than_a_page(ports: Ports, record: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("burnish_workers.engine.janitor._PAGE", 2)
    for number in range(5):
        await ended(ports, record(number))
    pass_days(ports, 2)
    kept = await ended(ports, record(9))
    assert (await janitor(ports, jobs=1).sweep())["jobs"] == 5
    assert [found.id for found in (await ports.store.list(limit=10)).records] == [kept]


async def test_files_of_jobs_that_are_gone(ports: Ports, record: Make) -> None:
    job = await ended(ports, record(1))
    await ports.artifacts.write("job_000077/checkpoint-8-1.npz", b"left by a killed front")
    await ports.artifacts.write("models/abc", b"no job's")
    assert await janitor(ports).sweep() == {"jobs": 0, "models": 0, "arrays": 0, "orphans": 1}
    assert await ports.artifacts.owners() == [job, "models"]
    assert await janitor(ports).sweep() == {"jobs": 0, "models": 0, "arrays": 0, "orphans": 0}


def an_array(number: int) -> tuple[str, bytes]:
    file = io.BytesIO()
    np.save(file, np.full(3, float(number)))
    return hashlib.sha256(file.getvalue()).hexdigest(), file.getvalue()


async def test_uploads_that_no_job_names(ports: Ports, record: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("burnish_workers.engine.janitor._PAGE", 2)
    monkeypatch.setattr("burnish_workers.engine.uploads.YOUNG", -1.0)  # its own clock does not move with ours
    uploads = Uploads(ports.library, ports.artifacts, ports.store, ports.clock)
    files = [await uploads.put("array", *an_array(number)) for number in range(5)]
    await ports.store.create(record())
    assert await ports.library.use("array", files[2].id, record().id)
    pass_days(ports, 8)
    fresh = await uploads.put("array", *an_array(9))
    assert await janitor(ports, arrays=7).sweep() == {"jobs": 0, "models": 0, "arrays": 4, "orphans": 0}
    kept = await ports.library.list("array", limit=10)
    assert {file.id for file in kept.files} == {files[2].id, fresh.id}
    assert await janitor(ports, models=7).sweep() == {"jobs": 0, "models": 0, "arrays": 0, "orphans": 0}


class Enough(Exception):
    pass


async def test_only_the_leader_sweeps_and_does_so_by_the_clock(ports: Ports, record: Make) -> None:
    job = await ended(ports, record())
    pass_days(ports, 2)
    for leads in (False, True):
        turns, before = [leads, leads], ports.clock.monotonic()

        def leading(turns: list[bool] = turns) -> bool:
            if not turns:
                raise Enough
            return turns.pop()

        with pytest.raises(Enough):
            await Janitor(registry(), ports, Retention(jobs=1), leading).run()  # its sleep moves the clock
        assert ports.clock.monotonic() == before + 3 * EVERY
        assert (await ports.store.get(job) is None) == leads


async def test_runners_have_one(ports: Ports, record: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("burnish_workers.engine.janitor.EVERY", 0.05)
    job = await ended(ports, record())
    pass_days(ports, 2)
    real = replace(ports, clock=SystemClock())  # by which the job ended long ago
    dispatcher = Dispatcher(registry(), real, Terms(retention=Retention(jobs=1)))
    task = asyncio.create_task(dispatcher.run())
    async with asyncio.timeout(20):
        while await ports.store.get(job) is not None:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    await dispatcher.leave()
    await task


async def test_what_is_told_of_webhooks_goes_after_some_days(ports: Ports, record: Make) -> None:
    await ports.store.webhooks.add(endpoint(), most=9)
    await ended(ports, record())
    found = await ports.store.webhooks.claim(60.0, frozenset())
    assert found is not None
    assert await ports.store.webhooks.settle(found, found.delivery.with_changes(state="delivered"), None, 9)
    assert "deliveries" not in await janitor(ports).sweep()
    assert (await janitor(ports, deliveries=1).sweep())["deliveries"] == 0
    assert (await janitor(ports, deliveries=1e-12).sweep())["deliveries"] == 1
    assert (await ports.store.tallied())["removed|deliveries"] == 1.0
