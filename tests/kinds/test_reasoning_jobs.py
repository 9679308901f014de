"""Whole jobs of kind `reasoning`: known laws, intervals that cover, budgets in tokens, early stopping."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

from burnish.wire import Refinement
from burnish.wire.specs.reasoning import ReasoningSpec
from burnish_workers.core.estimator import unflatten
from burnish_workers.core.inputs import NOTHING
from burnish_workers.core.keys import block_key, lane_key
from burnish_workers.core.kind import SpecError
from burnish_workers.core.registry import registry
from burnish_workers.core.report import report, schedule_of
from burnish_workers.engine.fleet import InlineFleet
from burnish_workers.engine.refusals import Refusal
from burnish_workers.engine.resolve import resolve
from burnish_workers.kinds.reasoning.carry import carried, chains_of
from burnish_workers.kinds.reasoning.examples import EXAMPLES
from burnish_workers.testing import ChaosFleet, lawful_digests

from ..laws.bench import House, unlawful

KIND = registry().get("reasoning")
TREE = EXAMPLES[0]
TRUTH = {"12": 0.10625 / 0.15, "13": 0.025 / 0.15, "102": 0.0125 / 0.15, "112": 0.00625 / 0.15}
"""Of the tree, by hand."""


def resolved(units: int, seed: int = 1, *, block: int = 40, chains: int = 16, **more: Any) -> dict[str, Any]:
    plan = {
        "pool": 2,
        "particles": 4,
        "moves": 24,
        "depth": 3,
        "warmup": 8,
        "excursion": 0.4,
        "block": 0.3,
        "restart": 0.2,
        "filter": 0.1,
        "answers": json.dumps(list(TRUTH)),
        "complete": True,
        "pilot": False,
    }
    resolution = {
        "version": 1,
        "estimator": more.get("method", "mh_backtracking"),
        "numeric_class": "any",
        "first_block": block,
        "block": block,
        "blocks_planned": units // block,
        "first_look": chains,
        "micro_batch": 1,
        "tail": 32,
        "extensible": False,
        "lanes": chains,
        "multiplicity": {"method": "bonferroni", "outputs": 4, "alpha": 0.0125},
        "plan": {**plan, **more.pop("plan", {})},
    }
    return {**TREE, "chains": chains, "budget": {"units": units}, "seed": seed, "resolution": resolution, **more}


def run_bare(spec: dict[str, Any], blocks: int | None = None) -> Any:
    """The last report of a resolved job of so many blocks, without an engine."""
    parsed = ReasoningSpec.model_validate(spec)
    simulator, statistics = KIND.load()(parsed, "cpu", NOTHING), KIND.statistics(parsed, NOTHING)
    state, carries, r = statistics.empty(), {}, parsed.resolution
    blocks = blocks or r.blocks_planned
    for k in range(blocks):
        lane = k % r.lanes
        carry = carries.get(lane) or simulator.init(lane_key(parsed.seed, lane))
        carries[lane], stats = simulator.advance(carry, block_key(parsed.seed, lane, k), 0, r.block)
        state = statistics.fold(state, stats)
    return report(parsed, schedule_of(parsed), statistics, statistics.answer(state), blocks, ends=True)


@pytest.mark.parametrize("method", ["mh_backtracking", "parallel_tempering", "pimh"])
@pytest.mark.parametrize("verifier", ["own", "constant"])
def test_the_chances_are_those_of_the_enumerated_posterior(method, verifier):
    more = {"ladder": [1.5, 3.0]} if method == "parallel_tempering" else {}
    found = run_bare(resolved(4 * 16 * 40, method=method, verifier={"type": verifier}, **more))
    error = np.array(found.estimate.standard_error)
    assert (error < 0.03).all()
    assert (np.abs(found.value - list(TRUTH.values())) < 5.5 * error).all()


def test_inner_values_do_not_change_the_answer_but_leaves_do():
    wild = json.loads(json.dumps(TREE["problem"]))
    wild["steps"][0]["value"], wild["steps"][1]["value"] = 40.0, 0.001
    found = run_bare(resolved(4 * 16 * 40, problem=wild))
    error = np.array(found.estimate.standard_error)
    assert (np.abs(found.value - list(TRUTH.values())) < 5.5 * error).all()
    wild["steps"][0]["steps"][1]["value"] *= 4
    moved = run_bare(resolved(4 * 16 * 40, problem=wild))
    assert moved.value[1] - TRUTH["13"] > 5.5 * moved.estimate.standard_error[1]


@pytest.mark.slow
def test_intervals_over_chains_cover():
    runs, misses = 500, 0
    for seed in range(runs):
        found = run_bare(resolved(2 * 16 * 20, seed, block=20))
        if found.interval is None:
            continue
        inside = [
            low is None or low <= truth <= high
            for low, high, truth in zip(found.interval.lower, found.interval.upper, TRUTH.values(), strict=True)
        ]
        misses += not all(inside)
    assert binom.sf(misses - 1, runs, 0.05) > 1e-5, f"{misses} misses in {runs} runs"


async def test_a_job_in_tokens_is_lawful_and_stops_by_them():
    spec = resolved(64 * 40, budget={"tokens": 4_000})
    law = lawful_digests(spec, 80)
    house = House(ChaosFleet(4, seed=2, death_rate=0.1))
    async with house.runner():
        job = await house.post(spec)
        ended = await house.ended(job)
    last: Refinement = ended.last_refinement
    assert ended.stopped_by == "tokens"
    assert await unlawful(house, job, law) in ([], [last.blocks]), "an end spends what is left of alpha"
    assert last.digest == run_bare(spec, last.blocks).digest
    assert last.spent.tokens == last.diagnostics["tokens"] >= 4_000 * 0.9
    assert last.spent.tokens < 6_000
    assert last.spent.verifier_calls == last.diagnostics["verifier_calls"] > 0


async def test_tokens_limit_only_kinds_that_generate_them():
    """An amount that is never used up would never end a job, posted or topped up."""
    house = House(ChaosFleet(1))
    with pytest.raises(Refusal) as posted:
        await house.post({"kind": "correlated", "budget": {"tokens": 5, "units": 64}, "seed": 1})
    assert posted.value.problem.errors[0].pointer == "/budget/tokens"
    assert "use up no tokens" in posted.value.problem.errors[0].detail
    async with house.runner():
        job = await house.post({"kind": "correlated", "budget": {"units": 64}, "seed": 1})
        await house.ended(job)
        with pytest.raises(Refusal) as topped_up:
            await house.app.extend(job, b'{"verifier_calls": 9}')
    assert topped_up.value.problem.errors[0].pointer == "/verifier_calls"


async def test_it_stops_early_where_the_leader_is_decided():
    house = House(ChaosFleet(1))
    async with house.runner():
        ended = await house.ended(await house.post(resolved(64 * 40, early_stop=True)))
    found = ended.last_refinement
    assert ended.stopped_by == "settled"
    assert (found.diagnostics["leader"], found.blocks) == ("12", 16)
    assert found.interval.lower[0] > max(found.interval.upper[1:])


async def test_the_pilot_meets_the_answers():
    body = {**TREE, "budget": {"units": 2_000}}
    spec: Any = await resolve(KIND.spec.model_validate(body), KIND, InlineFleet(1), NOTHING)
    plan = spec.resolution.plan
    assert plan["complete"]
    assert set(json.loads(plan["answers"])) == set(TRUTH)
    assert spec.resolution.multiplicity.outputs == 4
    assert spec.resolution.blocks_planned >= 2 * 16


def test_a_carry_is_what_it_was():
    spec = ReasoningSpec.model_validate(resolved(640))
    simulator = KIND.load()(spec, "cpu", NOTHING)
    carry, _ = simulator.advance(simulator.init(lane_key(1, 3)), block_key(1, 3, 0), 0, 40)
    lane, (again,) = chains_of(carry)
    assert again.state is not None
    assert (lane, again.index) == (3, 3)
    assert np.array_equal(carried(lane, [again])["chains"], carry["chains"])


def test_notes_tell_the_best_end_and_the_tree():
    found = run_bare(resolved(2 * 16 * 40)).diagnostics
    assert found["best"]["answer"] == "12"
    assert found["best"]["steps"] == ["multiply first", "carry the one", "so 12"]
    assert {tuple(move) for move in found["tree"]} == {("accepted", "kept", "rolled_back")}
    assert 0 < len(found["tree"]) <= 16
    assert found["gauge"][0]["pools"] > 100


def test_the_gauge_is_what_it_says():
    """At the inner nodes of each depth, by hand: sum pi_ref E[V'] / sum pi_ref V."""
    spec = resolved(4 * 16 * 40, plan={"pool": 1, "moves": 400, "excursion": 0.8, "block": 0.1, "restart": 0.05})
    levels = run_bare(spec).diagnostics["gauge"]
    for level, ratio in zip(levels, (0.425 / 0.3, 0.1375 / 0.425, 0.0625 / 0.05), strict=True):
        # Pools of one chain are not independent: three times the error that they would have.
        assert abs(level["log_mean"] - np.log(ratio)) < 3 * 3 * level["standard_error"]
        assert level["standard_error"] < 0.05


def test_the_gauge_is_zero_for_a_perfect_value_and_finds_a_lie():
    perfect = json.loads(json.dumps(TREE["problem"]))
    perfect["value"] = 0.15
    perfect["steps"][0]["value"], perfect["steps"][1]["value"] = 0.1, 0.3
    perfect["steps"][1]["steps"][0]["value"] = 0.5
    honest = run_bare(resolved(4 * 16 * 40, problem=perfect)).diagnostics["gauge"]
    for level in honest:
        assert abs(level["log_mean"]) < 5.5 * level["standard_error"] + 1e-9
    perfect["steps"][1]["value"] = 3.0
    lied = run_bare(resolved(4 * 16 * 40, problem=perfect)).diagnostics["gauge"]
    assert lied[0]["log_mean"] > 1.0
    assert lied[1]["log_mean"] < -0.5


@pytest.mark.parametrize(
    ("change", "pointer", "said"),
    [
        ({"answers": ["14"]}, "/answers", "the problem knows 102, 112, 12, 13"),
        ({"problem": {"type": "tree", "steps": [{"step": "a", "value": 0}]}}, "/problem/steps", "nothing to sample"),
        (
            {"problem": {"type": "tree", "steps": [{"step": "a", "value": 0, "steps": [{"step": "b", "value": 1}]}]}},
            "/problem/steps",
            "'a' is 0",
        ),
        ({"problem": {"type": "subset_sum", "numbers": [1, 2, 3, 4], "target": 5}, "max_steps": 3}, "/max_steps", "2"),
        ({"interval": "bounded", "bounds": [0, 1]}, "/interval", "not independent"),
    ],
)
def test_bad_specs_are_judged_at_the_door(change, pointer, said):
    with pytest.raises(SpecError, match=said) as error:
        KIND.check(ReasoningSpec.model_validate({**TREE, **change}), NOTHING)
    assert error.value.pointer == pointer


@pytest.mark.parametrize(
    "change", [{"pool": 0}, {"beta": 0}, {"method": "magic"}, {"answers": ["x", "x"]}, {"chains": 1}, {"ladder": [2.0]}]
)
def test_bad_numbers_are_not_accepted(change):
    with pytest.raises(ValueError, match=next(iter(change))):
        ReasoningSpec.model_validate({**TREE, **change})


def test_blocks_return_parts_that_can_be_read_back():
    spec = ReasoningSpec.model_validate(resolved(640))
    simulator = KIND.load()(spec, "cpu", NOTHING)
    _, stats = simulator.advance(simulator.init(lane_key(1, 0)), block_key(1, 0, 0), 0, 40)
    assert set(unflatten(stats)) == {"visits", "gauge", "used", "notes"}
