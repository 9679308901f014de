"""Method `power`: leaves pi_ref^alpha as it is, by full enumeration of trees with ends at several depths."""

from __future__ import annotations

import math
from collections import Counter, defaultdict

import numpy as np
import pytest

from burnish.wire.specs.reasoning import ReasoningSpec
from burnish_workers.core.inputs import NOTHING
from burnish_workers.core.keys import block_key, lane_key
from burnish_workers.core.kind import SpecError
from burnish_workers.core.registry import registry
from burnish_workers.kinds.reasoning import power as powers
from burnish_workers.kinds.reasoning.backends.enumerable import TreeBackend
from burnish_workers.kinds.reasoning.power import log_chance, power, resampled
from burnish_workers.kinds.reasoning.protocols import Drawn, Extension
from burnish_workers.kinds.reasoning.requests import Move, Setting
from burnish_workers.kinds.reasoning.restart import rollout
from burnish_workers.kinds.reasoning.source import Random
from burnish_workers.kinds.reasoning.state import State
from burnish_workers.kinds.reasoning.subset_sum.task import SubsetSum

from .reasoning_exhaustive import EXACT, TREE, WRONG, Space, distance, law_of, outcomes
from .test_reasoning_jobs import resolved

ALPHA = 3.0
SPACE = Space(TREE, pool=1, depth=3)


def target() -> dict[State, float]:
    """pi_ref^alpha of each finished path, from the chances that the tree itself says."""
    found = dict[State, float]()
    for state, chance in law_of(lambda source: rollout(State(0.0), SPACE.setting(source)), SPACE).items():
        node, by_hand = TREE, 1.0
        for (branch,) in state.prefix:
            by_hand *= node.children[branch].chance / sum(child.chance for child in node.children)
            node = node.children[branch]
        assert chance == pytest.approx(by_hand, abs=EXACT)
        assert math.exp(log_chance(state)) == pytest.approx(by_hand, abs=EXACT)
        found[state] = by_hand**ALPHA
    total = sum(found.values())
    return {state: mass / total for state, mass in found.items()}


def error(kernel) -> float:
    law, after = target(), defaultdict[State, float](float)
    for state, mass in law.items():
        for end, chance in law_of(lambda s, state=state: kernel(state, SPACE.setting(s, power=ALPHA)), SPACE).items():
            after[end] += mass * chance
    return distance(after, law)


def test_invariant_with_ends_at_several_depths():
    assert {len(state.levels) for state in target()} == {1, 2, 3}
    assert error(resampled) <= EXACT


def test_a_mutant_that_cuts_by_the_current_length_is_caught():
    def kernel(state: State, setting: Setting) -> Move:
        own = Setting(setting.source, 1, len(state.levels), power=ALPHA)
        return (yield from resampled(state, own))

    assert error(kernel) >= WRONG


def test_a_mutant_with_all_powers_in_the_ratio_is_caught():
    def kernel(state: State, setting: Setting) -> Move:
        return (yield from resampled(state, Setting(setting.source, 1, setting.depth, power=ALPHA + 1)))

    assert error(kernel) >= WRONG


def test_a_mutant_that_divides_by_the_length_is_caught(monkeypatch):
    monkeypatch.setattr(powers, "log_chance", lambda s, d=0: log_chance(s, d) / max(len(s.levels) - d, 1))
    assert error(resampled) >= WRONG


def test_many_steps_come_to_the_power_of_the_law():
    law = {state.prefix: mass for state, mass in target().items()}
    runs, found, source = 1_000, Counter(), Random(np.random.default_rng(8))
    setting = SPACE.setting(source, power=ALPHA, particles=12)
    for _ in range(runs):
        found[SPACE.oracle().run(power(State(0.0), setting)).prefix] += 1
    for prefix, chance in law.items():
        assert abs(found[prefix] / runs - chance) < 5.5 * math.sqrt(chance * (1 - chance) / runs)


@pytest.mark.parametrize(
    ("backend", "prefix"),
    [(TreeBackend(TREE, 3), ()), (TreeBackend(TREE, 3), ((1,),)), (SubsetSum((3, 5, 7, 11), 10), ((1, 0),))],
)
def test_backends_tell_the_chances_that_they_draw_by(backend, prefix):
    met = dict[tuple[int, ...], float]()
    for ((drawn,),), chance in outcomes(lambda source: backend.extend([Extension(prefix, 1, source)])):
        assert math.exp(drawn.log_chance) == pytest.approx(chance, abs=EXACT)
        met[drawn.step] = chance
    assert len(met) > 1
    assert sum(met.values()) == pytest.approx(1)


def test_a_job_of_it_prefers_what_the_model_finds_likely_and_has_no_interval():
    spec = ReasoningSpec.model_validate(resolved(640, method="power", power=8.0, plan={"particles": 16}))
    simulator = registry().get("reasoning").load()(spec, "cpu", NOTHING)
    _, stats = simulator.advance(simulator.init(lane_key(1, 0)), block_key(1, 0, 0), 0, 40)
    assert stats["visits/mean"][1] > 0.9, "13 is the likeliest end"
    statistics = registry().get("reasoning").statistics(spec, NOTHING)
    assert not statistics.answer(statistics.fold(statistics.empty(), stats)).bias_known


def test_a_backend_that_does_not_tell_is_refused(monkeypatch):
    real = TreeBackend.extend

    def silent(self, rows):
        return [[Drawn(each.step, each.tokens) for each in row] for row in real(self, rows)]

    monkeypatch.setattr(TreeBackend, "extend", silent)
    spec = ReasoningSpec.model_validate(resolved(640, method="power"))
    simulator = registry().get("reasoning").load()(spec, "cpu", NOTHING)
    with pytest.raises(SpecError, match="probability of each step") as refused:
        simulator.advance(simulator.init(lane_key(1, 0)), block_key(1, 0, 0), 0, 40)
    assert refused.value.pointer == "/method"
