"""Answers that hardly any chain or every chain gives: limits by counting independent draws, that cover."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy.stats import binom

from burnish.wire.specs.reasoning import ReasoningSpec
from burnish_workers.core.inputs import NOTHING
from burnish_workers.core.keys import block_key, lane_key
from burnish_workers.core.registry import registry
from burnish_workers.kinds.reasoning import statistics as statistics_file
from burnish_workers.testing import ChaosFleet

from ..laws.bench import House
from .test_reasoning_jobs import resolved, run_bare

KIND = registry().get("reasoning")
BASE = {"wrong": 0.9, "A": 0.0925, "B": 0.005, "C": 0.0025}
TRUTH = {"A": 0.925, "B": 0.05, "C": 0.025}
"""By an exact check that refuses nine ends of ten: chains stick, and an answer of some per cent is missed often."""


def rare(units: int, seed: int = 1, *, tau: dict[str, float] | None = None, **more):
    values = tau or {}
    steps = [
        {"step": name, "chance": chance, "value": values.get(name, float(name != "wrong"))}
        for name, chance in BASE.items()
    ]
    plan = {"answers": json.dumps(["A", "B"]), "complete": False, "depth": 1, "warmup": 4, **more.pop("plan", {})}
    spec = resolved(units, seed, problem={"type": "tree", "value": 0.1, "steps": steps}, plan=plan, **more)
    spec["resolution"]["multiplicity"] = {"method": "bonferroni", "outputs": 3, "alpha": 0.05 / 3}
    return spec


STICKY = {"excursion": 0.0, "block": 0.0, "restart": 1.0, "filter": 0.0}


def misses(runs: int, **more) -> tuple[int, int]:
    """Jobs of which an interval misses, and intervals in all that were got by counting."""
    missed = counted = 0
    for seed in range(runs):
        found = run_bare(rare(2 * 16 * 10, seed, block=10, plan=STICKY, **more))
        assert found.interval is not None
        assert found.refused is None
        inside = [
            low <= p <= high
            for low, high, p in zip(found.interval.lower, found.interval.upper, TRUTH.values(), strict=True)
        ]
        missed += not all(inside)
        counted += sum(value == 0 or value == 1 for value in found.value)
    return missed, counted


@pytest.mark.slow
def test_limits_of_answers_that_no_chain_or_each_chain_gives_cover():
    runs = 400
    missed, counted = misses(runs)
    assert counted > runs / 4
    assert binom.sf(missed - 1, runs, 0.05) > 1e-5, f"{missed} misses in {runs} runs"


@pytest.mark.slow
def test_a_mutant_that_counts_steps_like_tosses_is_caught(monkeypatch):
    """Chains that stick: steps say nothing new."""
    real = statistics_file.Counted
    monkeypatch.setattr(statistics_file, "Counted", lambda draws, hits: real(16 * 16, hits * 16 * 16 // max(draws, 1)))
    runs = 400
    missed, _ = misses(runs)
    assert binom.sf(missed - 1, runs, 0.05) < 1e-5


@pytest.mark.parametrize("tau", [{}, {"A": 2.0, "B": 0.7, "wrong": 0.1}])
@pytest.mark.parametrize("beta", [1.0, 2.0])
def test_draws_have_the_law_of_the_target(tau, beta):
    """Those from rollouts and those where counting begins, of many short chains."""
    spec = ReasoningSpec.model_validate(rare(16 * 500, tau=tau, beta=beta, block=500, plan={"restart": 3.0}))
    simulator, counts = KIND.load()(spec, "cpu", NOTHING), {"A": 0, "B": 0, "other": 0}
    for lane in range(8):
        _, stats = simulator.advance(simulator.init(lane_key(1, lane)), block_key(1, lane, lane), 0, 500)
        for name, n in json.loads(stats["notes/json"].tobytes())["drawn"].items():
            counts[name] += n
    weights = {name: chance * tau.get(name, float(name != "wrong")) ** (1 / beta) for name, chance in BASE.items()}
    total, n = sum(weights.values()), sum(counts.values())
    assert n > 8 + 100
    for name, count in counts.items():
        chance = (weights[name] if name in weights else weights["wrong"] + weights["C"]) / total
        assert abs(count / n - chance) < 5.5 * math.sqrt(chance * (1 - chance) / n), name


def test_an_answer_that_never_came_has_an_upper_limit_and_a_unanimous_one_a_lower_limit():
    found = run_bare(rare(2 * 16 * 40, tau={"B": 0.0, "C": 0.0}))
    draws = found.diagnostics["independent_draws"]
    assert draws > 2 * 16
    assert found.refused is None
    assert np.array_equal(found.value, [1.0, 0.0, 0.0])
    alpha = 1 - found.interval.lower[0] ** draws
    assert 0 < found.interval.upper[1] < 3 / 16
    assert found.interval.upper[1] == pytest.approx(1 - found.interval.lower[0])
    assert 1 - alpha == pytest.approx((1 - found.interval.upper[1]) ** draws)


def test_methods_of_unknown_bias_get_no_limits_by_counting():
    found = run_bare(rare(2 * 16 * 40, tau={"B": 0.0, "C": 0.0}, method="best_of_n"))
    assert found.interval is None
    assert found.refused.code == "bias_unknown"


async def test_a_job_with_a_tolerance_ends_although_an_answer_never_comes():
    house = House(ChaosFleet(1))
    spec = rare(64 * 16 * 40, tau={"B": 0.0, "C": 0.0}, budget={"abs_tol": 0.1, "units": 64 * 16 * 40})
    async with house.runner():
        ended = await house.ended(await house.post(spec))
    assert ended.stopped_by == "tolerance"
    assert max(ended.last_refinement.interval.upper[1:]) <= 0.1


def test_limits_of_chances_are_chances():
    found = run_bare(rare(2 * 16 * 10, 3, block=10, plan=STICKY))
    assert min(found.interval.lower) >= 0
    assert max(found.interval.upper) <= 1
    assert (found.half_width <= 1).all()
