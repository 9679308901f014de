"""The law at the level of the kind, the two halves of the kind, and what its pilot decides."""

from __future__ import annotations

import ast
import itertools
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import burnish_workers.kinds.surrogate as package
from burnish.wire.specs.surrogate import SurrogateSpec
from burnish_workers.core.digest import digest
from burnish_workers.core.estimator import Arrays, flatten
from burnish_workers.core.fold import OrderedFold
from burnish_workers.core.keys import block_key
from burnish_workers.core.kind import resolution_of
from burnish_workers.core.moments import Moments
from burnish_workers.core.report import report, schedule_of
from burnish_workers.kinds.surrogate.plan import PATH, REMAINDER, STEP, SURROGATE, steps_for

from .surrogates import ZERO, built, resolved, simulated, spec_of

BURGERS: dict[str, Any] = {"name": "viscous-burgers", "dim": 3}
WRONG = {"expression": "sigmoid(t + sum(x))*(1 + 0.1*cos(sum(x)))"}
X = np.array([[0.1, 0.2, 0.3], [0.0, -0.4, 0.1]])
SPEC = resolved(spec_of(BURGERS, WRONG, X), step_share=3, remainder_share=5)


METHODS = {
    "linearised": {},
    "martingale": {},
    "picard": {"picard": {"levels": 3, "basis": 3}},
    "plain": {"picard": {"levels": 3, "basis": 3}},
}


def by(method: str, **more: Any) -> SurrogateSpec:
    """SPEC by another method, corrections every third and fifth replicate."""
    spec = resolved(spec_of(BURGERS, WRONG, X, method=method, **METHODS[method], **more))
    shares = iter((3, 5) if method in ("linearised", "martingale") else (5, 7))
    plan = {
        name: next(shares) if name.endswith("_share") else value for name, value in resolution_of(spec).plan.items()
    }
    return spec.model_copy(update={"resolution": resolution_of(spec).model_copy(update={"plan": plan})})


@pytest.mark.parametrize("method", METHODS)
def test_the_same_block_gives_the_same_bits(method: str) -> None:
    spec = by(method, outputs=["value", "gradient"])
    (first, _), (second, _) = built(spec), built(spec)
    key = block_key(5, 0, 7)
    once, again = (simulator.advance({}, key, 40, 30)[1] for simulator in (first, second))
    assert once.keys() == again.keys()
    for name in once:
        np.testing.assert_array_equal(once[name], again[name])
    other = first.advance({}, block_key(5, 0, 8), 40, 30)[1]
    assert not np.array_equal(once["path/mean"], other["path/mean"])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("sizes", [[37], [1] * 37, [4, 9, 9, 9, 6], [30, 7]])
def test_blocks_add_up_to_the_composition(sizes: list[int], method: str) -> None:
    """However a job is cut into blocks, each component has the samples that its replicates call for."""
    simulator, statistics = built(by(method))
    state = statistics.empty()
    starts = itertools.accumulate([0, *sizes[:-1]])
    for index, (start, size) in enumerate(zip(starts, sizes, strict=True)):
        state = statistics.fold(state, simulator.advance({}, block_key(1, 0, index), start, size)[1])
    composition = simulator.composition
    for name in composition.components:
        for measured in composition.measured(name):
            assert (state[measured].count == composition.samples(name, sum(sizes))).all()
    first, second = composition.components[1:]
    assert composition.samples(first, 37) == (12 if first == STEP else 7)
    assert composition.samples(second, 37) == (7 if first == STEP else 5)
    paths = sum(composition.paths(n) * composition.samples(n, 37) for n in composition.components)
    assert statistics.units(37) == 2 * paths


def test_the_answer_does_not_depend_on_the_order_of_arrival() -> None:
    simulator, statistics = built(SPEC)
    blocks: list[Arrays] = [simulator.advance({}, block_key(1, 0, k), 20 * k, 20)[1] for k in range(12)]
    schedule = schedule_of(SPEC.model_copy(update={"resolution": SPEC.resolution}))
    digests: set[str] = set()
    for seed in range(5):
        order = list(range(len(blocks)))
        random.Random(seed).shuffle(order)
        fold, state = OrderedFold[Arrays](), statistics.empty()
        for k in order:
            for _, stats in fold.put(k, blocks[k], str(k)).ready:
                state = statistics.fold(state, stats)
        answer = statistics.answer(state)
        digests.add(report(SPEC, schedule, statistics, answer, len(blocks)).digest + digest(flatten(state)))
    assert len(digests) == 1


def test_the_surrogate_itself_is_a_component_without_variance() -> None:
    state, statistics = simulated(SPEC, 20)
    t, x = np.zeros(2), X
    exact = 1 / (1 + np.exp(-(t + x.sum(1)))) * (1 + 0.1 * np.cos(x.sum(1)))
    np.testing.assert_allclose(state[SURROGATE].mean, exact, rtol=1e-6)
    assert not state[SURROGATE].standard_error.any()
    answer = statistics.answer(state)
    parts = (PATH, STEP, REMAINDER)
    total = state[SURROGATE].mean + sum(state[name].mean for name in parts)
    np.testing.assert_allclose(answer.combined.value, total, rtol=1e-12)
    error = np.sqrt(sum(state[name].standard_error ** 2 for name in parts))
    np.testing.assert_allclose(answer.combined.standard_error, error, rtol=1e-12)
    assert tuple(answer.parts) == parts


def test_before_the_first_corrections_there_is_an_estimate_but_no_interval() -> None:
    state, statistics = simulated(SPEC, 4)
    answer = statistics.answer(state)
    assert np.isfinite(answer.combined.value).all()
    assert not answer.bias_known
    assert statistics.answer(simulated(SPEC, 8)[0]).bias_known


@pytest.mark.parametrize("method", METHODS)
def test_components_share_no_randomness(method: str) -> None:
    """Correlation of block means of path and corrections: none."""
    simulator, _ = built(resolved(spec_of(BURGERS, WRONG, X[:1], method=method, **METHODS[method])))
    means: dict[str, list[float]] = {name: [] for name in simulator.composition.components}
    for k in range(100):
        stats = simulator.advance({}, block_key(1, 0, k), 0, 8)[1]
        for name, values in means.items():
            values.append(float(stats[f"{name}/mean"][0]))
    correlation = np.corrcoef([means[name] for name in means])
    assert np.abs(correlation - np.eye(3)).max() < 0.5


@pytest.mark.parametrize(("method", "component"), [("linearised", PATH), ("martingale", PATH), ("plain", "level_1")])
def test_points_share_no_randomness(method: str, component: str) -> None:
    x = np.zeros((2, 3))
    simulator, _ = built(resolved(spec_of(BURGERS, WRONG, x, method=method, **METHODS[method])))
    means = [simulator.advance({}, block_key(1, 0, k), 0, 8)[1][f"{component}/mean"] for k in range(100)]
    assert abs(np.corrcoef(np.array(means).T)[0, 1]) < 0.5


def test_outputs_of_a_point_are_known_to_share_theirs() -> None:
    assert built(by("linearised"))[1].independent
    statistics = built(by("linearised", outputs=["value", "gradient"]))[1]
    assert not statistics.independent
    assert statistics.outputs == 2 * 4
    assert statistics.points == 2
    state, _ = simulated(by("linearised", outputs=["value", "gradient"]), 8)
    assert statistics.answer(state).diagnostics["outputs"] == ["value", "z[0]", "z[1]", "z[2]"]


STIFF = {"dim": 2, "horizon": 1.0, "drift": "-5*x", "diffusion": "1", "terminal": "sum(x) + norm2(x)"}
MILD = {"dim": 2, "horizon": 1.0, "drift": "-0.02*x", "diffusion": "1", "terminal": "sum(x) + norm2(x)"}


def test_the_pilot_asks_for_more_times_where_the_step_matters() -> None:
    plans = {}
    for name, problem in (("stiff", STIFF), ("mild", MILD)):
        state, statistics = simulated(resolved(spec_of(problem, ZERO, np.ones((2, 2)))), 64)
        plans[name] = statistics.tuned(state)
    assert plans["mild"]["steps"] == 4
    assert plans["stiff"]["steps"] == 64
    assert plans["stiff"]["outer_steps"] == 16
    assert plans["stiff"]["inner_steps"] == 8


def test_the_user_may_fix_the_times() -> None:
    state, statistics = simulated(resolved(spec_of(STIFF, ZERO, np.ones((2, 2)), steps=8)), 64)
    assert statistics.composition.steps == 8
    assert "steps" not in statistics.tuned(state)


@pytest.mark.parametrize(
    ("first", "second", "wanted"),
    [(0.0, 0.0, 4), (0.0099, 0.0029, 4), (0.011, 0.0, 8), (0.0, 0.0031, 8), (0.16, 0.04, 16), (2.0, 3.0, 64)],
)
def test_steps_for(first: float, second: float, wanted: int) -> None:
    assert steps_for(4, first, second) == wanted


def test_shares_follow_neyman() -> None:
    """n_path/n_c = (s_path/s_c) sqrt(cost_c/cost_path), between the limits."""
    composition = built(SPEC)[1].composition
    for name in (STEP, REMAINDER):
        ratio = (composition.cost(name) / composition.cost(PATH)) ** 0.5
        assert composition.share(name, 1.0, 10.0) == int(10 * ratio)
        assert composition.share(name, 1.0, 0.01) == 2
        assert composition.share(name, 1e-9, 1.0) == composition.share(name, 0.0, 1.0) == 64


def test_the_torch_free_half_runs_without_torch() -> None:
    code = """
import sys
sys.modules["torch"] = None
from burnish_workers.kinds.surrogate.kind import KIND
from burnish_workers.kinds.surrogate.statistics import statistics
from burnish_workers.engine.resolve import provisional
from burnish_workers.core.inputs import NOTHING
for example in KIND.examples():
    spec = KIND.spec.model_validate(example)
    KIND.check(spec, NOTHING)
    drafted = KIND.draft(spec, "any", NOTHING)
    found = KIND.statistics(spec.model_copy(update={"resolution": provisional(drafted, "any")}), NOTHING)
    found.empty(), found.units(100), found.cost(100)
KIND.catalogue()
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_no_estimator_imports_the_exact_solutions() -> None:
    root = Path(package.__file__).parent
    for path in root.rglob("*.py"):
        if "references" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or "", *(a.name for a in node.names)] if isinstance(node, ast.ImportFrom) else []
            assert not any("references" in name.split(".") for name in names), path.name


def test_statistics_survive_a_checkpoint() -> None:
    state, statistics = simulated(SPEC, 16)
    for name, part in state.items():
        copy = Moments.from_arrays(part.to_arrays())
        np.testing.assert_array_equal(copy.mean, part.mean, err_msg=name)
    assert set(state) == set(statistics.empty())
