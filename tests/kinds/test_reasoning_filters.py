"""Particle filters and ladders of temperatures, by full enumeration: unbiased evidence, exact laws."""

from __future__ import annotations

import math
from collections import defaultdict

import pytest

from burnish_workers.kinds.reasoning.backends.enumerable import posterior
from burnish_workers.kinds.reasoning.filter import Filtered, multinomial, particle_filter, systematic
from burnish_workers.kinds.reasoning.independent import Backed, independent
from burnish_workers.kinds.reasoning.mixture import Shares, step
from burnish_workers.kinds.reasoning.pools import fill
from burnish_workers.kinds.reasoning.requests import Setting, Work, together
from burnish_workers.kinds.reasoning.state import State
from burnish_workers.kinds.reasoning.tempering import Ladder, climb, exchange

from .reasoning_exhaustive import EXACT, TREE, WITH_ZERO, WRONG, Space, distance, law_of, outcomes


def evidence(space: Space) -> float:
    """Z = sum_y pi_ref(y) tau(y): the mass at leaves over that at the root, times V(root)."""
    leaves = sum(mass for state, mass in space.measure.items() if state.at_leaf)
    root = sum(mass for state, mass in space.measure.items() if not state.levels)
    return math.exp(space.root_value) * leaves / root


@pytest.mark.parametrize("root", [TREE, WITH_ZERO])
@pytest.mark.parametrize("particles", [1, 2, 3])
def test_the_evidence_is_unbiased_and_so_are_weighted_means(root, particles):
    space, law = Space(root), posterior(root, 2)
    mean, mass = 0.0, dict.fromkeys(law, 0.0)

    def run(source) -> Filtered:
        return space.oracle().run(particle_filter(State(space.root_value), space.setting(source, particles=particles)))

    for found, chance in outcomes(run):
        z = math.exp(found.log_evidence)
        mean += chance * z
        weights = [math.exp(each) for each in found.log_weights]
        for particle, weight in zip(found.particles, weights, strict=True):
            if z > 0:
                mass[particle.prefix] += chance * z * weight / sum(weights)
    assert mean == pytest.approx(evidence(space), abs=EXACT)
    assert distance({prefix: m / mean for prefix, m in mass.items()}, law) <= EXACT


@pytest.mark.parametrize("scheme", [systematic, multinomial])
@pytest.mark.parametrize("weights", [(0.2, 0.5, 1.3), (1.0, 1.0), (0.0, 0.7, 0.0, 0.1)])
def test_ancestors_come_in_proportion_to_weights(scheme, weights):
    expected = [0.0] * len(weights)
    for found, chance in outcomes(lambda source: scheme(weights, source)):
        assert len(found) == len(weights)
        for ancestor in found:
            expected[ancestor] += chance
    scale = len(weights) / sum(weights)
    assert expected == pytest.approx([weight * scale for weight in weights], abs=EXACT)


def independent_error(space: Space, kernel) -> float:
    """Total variation between nu P and nu, nu(y, Z^) ~ Q(y, Z^) Z^, where Q is the law of a filter's outcome."""
    begin = Backed(State(space.root_value))
    proposals = law_of(lambda source: independent(begin, space.setting(source, particles=2)), space)
    measure = {state: q * math.exp(state.log_evidence) for state, q in proposals.items()}
    total, after = sum(measure.values()), defaultdict(float)
    measure = {state: mass / total for state, mass in measure.items() if mass > 0}
    for state, mass in measure.items():
        for end, chance in law_of(lambda s, b=state: kernel(b, space.setting(s, particles=2)), space).items():
            after[end] += mass * chance
    paths = defaultdict(float)
    for state, mass in measure.items():
        paths[state.path.prefix] += mass
    assert distance(paths, posterior(space.root, space.depth)) <= EXACT
    return distance(after, measure)


def test_independent_filters_are_accepted_by_their_evidence():
    assert independent_error(Space(WITH_ZERO), independent) <= EXACT


def test_a_mutant_that_accepts_every_filter_is_caught():
    def forgetful(state: Backed, setting: Setting) -> Work[Backed]:
        return (yield from independent(Backed(state.path), setting))

    assert independent_error(Space(WITH_ZERO), forgetful) >= WRONG


BETAS = (1.0, 2.5)


def ladder_error(swap, monkeypatch=None) -> float:
    """Total variation between nu P and nu for two rungs, each with the measure mu of its own beta, independently."""
    rungs = [Space(TREE, beta=beta).measure for beta in BETAS]
    space, after = Space(TREE), defaultdict(float)
    measure = {(a, b): p * q * 4 for a, p in rungs[0].items() for b, q in rungs[1].items() if not (a.up or b.up)}
    assert sum(measure.values()) == pytest.approx(1)
    if monkeypatch is not None:
        monkeypatch.setattr(State, "at_leaf", property(lambda state: bool(state.levels)))
    for states, mass in measure.items():
        for end, chance in outcomes(lambda source, s=states: swap(s, space.setting(source), BETAS)):
            after[end] += mass * chance
    return distance(after, measure)


def test_the_exchange_of_temperatures_is_invariant():
    assert ladder_error(exchange) <= EXACT


def test_a_step_of_a_whole_ladder_is_invariant():
    """All rungs by the mixture of kernels and then exchanged: at leaves, where the kernels keep to."""
    rungs, after = [], defaultdict(float)
    for beta in BETAS:
        leaves = {state: m for state, m in Space(TREE, pool=1, beta=beta).measure.items() if state.at_leaf}
        rungs.append({state: 2 * m / sum(leaves.values()) for state, m in leaves.items() if not state.up})
    space, shares = Space(TREE, pool=1), Shares(excursion=0.5, block=0.3, restart=0.2)
    measure = {(a, b): p * q for a, p in rungs[0].items() for b, q in rungs[1].items()}
    for states, mass in measure.items():

        def run(source, states=states):
            setting = space.setting(source, betas=BETAS, moves=2)
            return filled(climb(states, setting, lambda state, own: step(state, own, shares)), setting)

        for end, chance in law_of(run, space).items():
            after[end] += mass * chance
    assert distance(after, measure) <= EXACT


def filled(work: Work[Ladder], setting: Setting) -> Work[Ladder]:
    states = yield from work
    return tuple((yield from together([fill(state, 0, setting) for state in states])))


def test_a_mutant_that_exchanges_the_wrong_way_is_caught():
    def wrong(states: Ladder, setting: Setting, betas) -> Ladder:
        return exchange(states, setting, betas[::-1])

    assert ladder_error(wrong) >= WRONG


def test_a_mutant_that_exchanges_inner_nodes_is_caught(monkeypatch):
    """With the value of an inner node in the place of a leaf's score."""
    assert ladder_error(exchange, monkeypatch) >= WRONG
