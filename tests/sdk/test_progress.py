"""Progress bars: how near to its end a job is, and what stands beside the bar."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from burnish import AsyncBurnish, Burnish, wire, words
from burnish.progress import fraction
from burnish.record import Record

NOW = datetime(2026, 1, 1, 0, 0, 30, tzinfo=UTC)
SPEC = {"kind": "correlated", "budget": {"units": 400}, "seed": 1}


def record(make, budget: dict, status: str = "running", **changes) -> Record:
    spec = make.job()["spec"] | {"budget": budget}
    return Record(wire.Job.model_validate(make.job(status, spec=spec, **changes)))


@pytest.mark.parametrize(
    ("budget", "changes", "expected"),
    [
        ({"seconds": 20}, {"spent": {"seconds": 5}}, 0.25),
        ({"seconds": 20, "units": 100}, {"spent": {"seconds": 5, "units": 90}}, 0.9),
        ({"tokens": 100}, {"spent": {"tokens": 130}}, 1.0),
        ({"abs_tol": 0.1}, {"spent": {"units": 90}}, 0.0),
        ({"deadline": "2026-01-01T00:01:00Z"}, {"started_at": "2026-01-01T00:00:00Z"}, 0.5),
        ({"deadline": "2026-01-01T00:01:00Z"}, {}, 0.0),
    ],
)
def test_the_nearest_limit_counts(make, budget: dict, changes: dict, expected: float) -> None:
    assert fraction(record(make, budget, **changes), NOW) == pytest.approx(expected)


def test_a_tolerance_counts_by_its_forecast(make) -> None:
    last = make.refinement(2, half=0.2, forecast={"units_to_target": 300})
    job = record(make, {"abs_tol": 0.1}, spent={"units": 100}, last_refinement=last)
    assert fraction(job, NOW) == pytest.approx(0.25)


def test_what_has_completed_is_full_and_what_was_cancelled_is_not(make) -> None:
    assert fraction(record(make, {"seconds": 20}, "completed"), NOW) == 1.0
    assert fraction(record(make, {"seconds": 20}, "cancelled", spent={"seconds": 5}), NOW) == 0.25


def test_watching_shows_a_bar_and_brings_the_refinements(capfd: pytest.CaptureFixture[str]) -> None:
    with Burnish.local(workers=1) as client:
        job = client.submit(SPEC)
        seen = [refinement.blocks for refinement in job.watch()]
        client.submit(SPEC).wait(progress=True)
        last = client.submit(SPEC).wait(timeout=60, progress=True)
    assert seen == sorted(seen)
    assert seen
    shown = capfd.readouterr().err
    assert shown.count("completed 100%|") >= 3
    assert words.headline(last.last, last.record.told) in shown.rsplit("completed", 1)[1]


def test_the_async_handle_too(capfd: pytest.CaptureFixture[str]) -> None:
    async def watch(url: str) -> int:
        async with AsyncBurnish(url) as client:
            await (await client.submit(SPEC)).wait(progress=True)
            return len([refinement async for refinement in (await client.submit(SPEC)).watch()])

    from tests.service.harness import in_memory, serving

    with serving(in_memory()) as service:
        assert asyncio.run(watch(service.url)) > 0
    assert capfd.readouterr().err.count("completed 100%|") >= 2
