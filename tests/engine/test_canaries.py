"""Known answers that a service runs on itself: what is counted, what is hidden, and that the table is true."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from burnish.wire import Estimate, Forecast, Interval, Refinement, Spent
from burnish_workers.core.registry import registry
from burnish_workers.engine.canaries import UNLIKELY, Fared, Keeper, failing, judge, told
from burnish_workers.engine.canary_table import KNOWN, Known
from burnish_workers.engine.clock import SystemClock
from burnish_workers.engine.dispatcher import Terms
from burnish_workers.engine.fleet import InlineFleet
from burnish_workers.engine.storage import Storage
from burnish_workers.engine.store import Store

MEAN = Known("mean", {"kind": "correlated", "budget": {"units": 4_000}}, (1.0,))
WRONG = Known("wrong", {"kind": "correlated", "budget": {"units": 4_000}}, (2.0,))
BREAKS = Known("breaks", {"kind": "correlated", "budget": {"units": 4_000}, "fail_at": 100}, (1.0,))

Fly = Callable[[Known], Awaitable[Fared | None]]


@contextlib.asynccontextmanager
async def flying(store: Store) -> AsyncIterator[Fly]:
    """A service on this store whose canaries are sent by hand."""
    storage = replace(Storage.in_memory(), store=store)
    dispatcher = storage.dispatcher(registry(), InlineFleet(1), SystemClock(), Terms(lease=5.0, poll=0.05))
    running = asyncio.create_task(dispatcher.run())
    keeper = Keeper(registry(), store, SystemClock(), lambda: True, (MEAN, WRONG, BREAKS))
    try:
        yield keeper.fly
    finally:
        await dispatcher.leave()
        await running


async def test_they_are_counted_and_leave_nothing_behind(store: Store) -> None:
    async with flying(store) as fly:
        found = [await fly(known) for known in (MEAN, WRONG, BREAKS)]
    assert [each and each.verdict for each in found] == ["held", "missed", "broken"]
    mean, wrong, breaks = told(await store.tallied(), 60.0, (MEAN, WRONG, BREAKS)).data
    assert (mean.runs, mean.held, wrong.missed, breaks.broken) == (1, 1, 1, 1)
    assert mean.calibration is None or 0.3 < mean.calibration < 3
    assert (await store.list(limit=10, canaries=True)).records == []
    assert await store.usage(10) == [], "canaries are nobody's usage"


async def test_lists_hide_them_unless_asked(store: Store, record) -> None:
    await store.create(record(1))
    await store.create(record(2, purpose="canary"))
    assert [each.id for each in (await store.list(limit=10)).records] == [record(1).id]
    assert len((await store.list(limit=10, canaries=True)).records) == 2


async def test_a_runner_that_leads_sends_them_by_itself() -> None:
    storage = Storage.in_memory()
    terms = Terms(lease=5.0, poll=0.05, canaries=0.05)
    dispatcher = storage.dispatcher(registry(), InlineFleet(1), SystemClock(), terms)
    running = asyncio.create_task(dispatcher.run())
    async with asyncio.timeout(60):
        while not (found := (await storage.store.list(limit=5, canaries=True)).records):
            assert not running.done()
            await asyncio.sleep(0.05)
    assert (found[0].purpose, found[0].kind) == ("canary", KNOWN[0].spec["kind"])
    await storage.store.request_cancel(found[0].id)
    await dispatcher.leave()
    await running


def look(units: int, half: float, twice: float, low: float = 0.9) -> Refinement:
    interval = Interval.model_validate(
        {
            "lower": [low],
            "upper": [low + 2 * half],
            "level": 0.95,
            "kind": "group_sequential",
            "joint": True,
            "blocks": units,
        }
    )
    return Refinement(
        blocks=units,
        replicates=units,
        estimate=Estimate(value=[low + half], standard_error=[half / 2]),
        interval=interval,
        digest="",
        spent=Spent(units=units),
        forecast=Forecast(half_width=half, error_at={"2x": twice}),
    )


def test_what_was_forecast_is_compared_with_what_came() -> None:
    looks = [look(100, 0.5, 0.3), look(200, 0.25, 0.2), look(400, 0.18, 0.1)]
    assert judge(MEAN, looks[-1], looks) == Fared("held", pytest.approx(0.18 / 0.2))
    assert judge(MEAN, look(400, 0.01, 0.1), [looks[0], look(900, 0.1, 0.1)]).ratio is None
    assert judge(MEAN, looks[-1].model_copy(update={"interval": None}), looks).verdict == "refused"
    assert judge(replace(MEAN, truth=(1.0, 2.0)), looks[-1]).verdict == "broken"
    assert judge(replace(MEAN, truth=(0.89,)), looks[-1]).verdict == "missed"
    assert judge(MEAN, None).verdict == "broken"


def test_an_alarm_is_rare_where_all_is_well_and_sure_where_it_is_not() -> None:
    assert not failing(0, 0)
    assert not failing(1, 19)
    assert failing(3, 0)
    misses = next(k for k in range(200) if failing(k, 200 - k))
    assert stats.binom.sf(misses - 1, 200, 0.05) < UNLIKELY <= stats.binom.sf(misses - 2, 200, 0.05)


def test_the_truths_are_those_of_the_exact_solutions() -> None:
    from burnish_workers.kinds.posterior.references.mixture import Gaussians
    from burnish_workers.kinds.surrogate.references import hjb_log

    hjb, mixture, tree = KNOWN
    exact = hjb_log(np.array([0.0, 0.5]), np.array([[0.0] * 20, [0.3] * 20]))
    assert hjb.truth == pytest.approx(exact, abs=2e-8)
    prior = Gaussians.of(np.array([[-1.0, 0.5], [1.5, 0.0]]), np.array([1.0, 2.0]), 0.5)
    posterior = prior.posterior(np.array([[0.8, 0.6]]), np.array([0.4]), np.array([0.09]))
    assert mixture.truth == pytest.approx(posterior.mean, abs=2e-8)
    twelve, thirteen = 0.75 / 3 * 0.2 + 0.25 / 2 * 0.9, 0.75 * 2 / 3 * 0.05 + 0.25 / 2 * 0.1
    assert tree.truth == pytest.approx((twelve / (twelve + thirteen), thirteen / (twelve + thirteen)), abs=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("known", KNOWN, ids=lambda known: known.name)
async def test_each_of_the_table_ends_with_an_interval(known: Known) -> None:
    async with flying(Storage.in_memory().store) as fly:
        fared = await fly(known)
    assert fared is not None
    assert fared.verdict in ("held", "missed"), "seeds are drawn anew each time: one in twenty misses"
