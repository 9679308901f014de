"""Other ways to spend tokens, by their published names, on the same backends and with the same account. None is exact.

Each run gives one finished path; independent runs give the law of a method's answers. Rejected candidates count.

    best_of_n, weighted_majority, self_consistency: N rollouts of the base law
    beam: N/4 prefixes, 4 candidates each, the best by value go on
    particle_filter: K5 without an acceptance, consistent in N, biased at any N
    particle_filter_its: weights V(s') at every step in the place of V(s')/V(s) (arXiv 2502.01618)
    vgb: a reversible walk on the tree (arXiv 2510.03149), in Metropolis form
    power: pi_ref to a power, no verifier (`power.py`)
    suffix_regeneration: cut anywhere, write anew, keep: what backtracking does without values; the best so far
    search: best prefix first, which loses worth with every visit, up to the first end with a value
"""

from __future__ import annotations

import heapq
import math
from collections import defaultdict
from collections.abc import Callable

from burnish_workers.kinds.reasoning.filter import multinomial, particle_filter
from burnish_workers.kinds.reasoning.power import power
from burnish_workers.kinds.reasoning.requests import Grow, Setting, Work, together
from burnish_workers.kinds.reasoning.restart import rollout
from burnish_workers.kinds.reasoning.source import accept, below, by_log
from burnish_workers.kinds.reasoning.state import Level, State

Run = Callable[[State, Setting], Work[State | None]]
"""From the root to a finished path, or to None where the method ends without one."""

BRANCHES = 4
"""Candidates of each prefix of a beam."""

FADED = math.log(0.7)
"""What a prefix of a search loses with each visit."""


def _rollouts(root: State, setting: Setting) -> Work[list[State]]:
    return together([rollout(root, setting) for _ in range(setting.particles)])


def best_of_n(root: State, setting: Setting) -> Work[State | None]:
    """The rollout of the highest score, the first of equals."""
    paths = yield from _rollouts(root, setting)
    return max(paths, key=lambda path: path.log_weight(setting.beta))


def weighted_majority(root: State, setting: Setting) -> Work[State | None]:
    """A rollout with the answer whose rollouts have the largest sum of tau; None where all are refused."""
    paths = yield from _rollouts(root, setting)
    found = _voted(paths, [math.exp(path.log_weight(setting.beta)) for path in paths], setting)
    return found if found.log_weight(setting.beta) > -math.inf else None


def self_consistency(root: State, setting: Setting) -> Work[State | None]:
    """A rollout with the most frequent answer; scores have no part in it."""
    paths = yield from _rollouts(root, setting)
    return _voted(paths, [1.0] * len(paths), setting)


def _voted(paths: list[State], votes: list[float], setting: Setting) -> State:
    total: dict[str, float] = defaultdict(float)
    for path, vote in zip(paths, votes, strict=True):
        total[setting.answer(path.prefix)] += vote
    winner = max(total, key=lambda answer: total[answer])
    return next(path for path in paths if setting.answer(path.prefix) == winner)


def beam(root: State, setting: Setting) -> Work[State | None]:
    """The best finished path of a beam."""
    width, prefixes = max(1, setting.particles // BRANCHES), [root]
    while not all(prefix.at_leaf for prefix in prefixes):
        free = [prefix for prefix in prefixes if not prefix.at_leaf]
        pools = yield [Grow(prefix.prefix, BRANCHES, setting.source) for prefix in free]
        grown = [prefix for prefix in prefixes if prefix.at_leaf]
        for prefix, pool in zip(free, pools, strict=True):
            grown += [prefix.pushed(Level((child,))) for child in dict.fromkeys(pool)]
        prefixes = sorted(grown, key=lambda each: -each.log_weight(setting.beta))[:width]
    return prefixes[0]


def filtered(root: State, setting: Setting) -> Work[State | None]:
    """A path by weight from a particle filter."""
    return (yield from particle_filter(root, setting)).pick(setting.source)


def filtered_its(root: State, setting: Setting) -> Work[State | None]:
    """The published rule: at every step particles are drawn anew by the values of where they stand."""
    particles = [root] * setting.particles
    while not all(particle.at_leaf for particle in particles):
        free = [i for i, particle in enumerate(particles) if not particle.at_leaf]
        pools = yield [Grow(particles[i].prefix, 1, setting.source) for i in free]
        for i, pool in zip(free, pools, strict=True):
            particles[i] = particles[i].pushed(Level(pool))
        log_weights = [particle.log_weight(setting.beta) for particle in particles]
        if max(log_weights) == -math.inf:
            return None
        weights = [math.exp(each - max(log_weights)) for each in log_weights]
        particles = [particles[i] for i in multinomial(weights, setting.source)]
    index = by_log(setting.source, [particle.log_weight(setting.beta) for particle in particles])
    return None if index is None else particles[index]


def walk(root: State, setting: Setting) -> Work[State | None]:
    """Up or down with equal chance, from the root until a leaf with a value; None after so many moves as N rollouts."""
    state = root
    for _ in range(2 * setting.particles * setting.depth):
        if state.at_leaf:
            return state
        if below(setting.source, 2):
            (pool,) = yield [Grow(state.prefix, 1, setting.source)]
            proposed = state.pushed(Level(pool))
        else:
            proposed = state.cut(max(len(state.levels) - 1, 0))
        if accept(setting.source, proposed.log_weight(setting.beta) - state.log_weight(setting.beta)):
            state = proposed
    return None


def suffixes(root: State, setting: Setting) -> Work[State | None]:
    """Rollouts, each after the first from a uniform cut of the one before; the best score of N tokens' worth."""
    best = current = yield from rollout(root, setting)
    for _ in range(2 * setting.particles - 2):
        current = yield from rollout(current.cut(below(setting.source, len(current.levels))), setting)
        best = max(best, current, key=lambda path: path.log_weight(setting.beta))
    return best


def search(root: State, setting: Setting) -> Work[State | None]:
    """A persistent pool of prefixes; the one of the highest value gets a child. Ends at the first leaf with a value."""
    waiting, count = [(-root.root, 0, root)], 0
    for _ in range(setting.particles * setting.depth):
        worth, _, state = heapq.heappop(waiting)
        (pool,) = yield [Grow(state.prefix, 1, setting.source)]
        child = state.pushed(Level(pool))
        if child.at_leaf and child.log_weight(setting.beta) > -math.inf:
            return child
        count += 2
        heapq.heappush(waiting, (worth - FADED, count, state))
        if not child.at_leaf:
            heapq.heappush(waiting, (-child.log_weight(setting.beta), count + 1, child))
    return None


RUNS: dict[str, Run] = {
    "best_of_n": best_of_n,
    "weighted_majority": weighted_majority,
    "self_consistency": self_consistency,
    "beam": beam,
    "particle_filter": filtered,
    "particle_filter_its": filtered_its,
    "vgb": walk,
    "power": power,
    "suffix_regeneration": suffixes,
    "search": search,
}
