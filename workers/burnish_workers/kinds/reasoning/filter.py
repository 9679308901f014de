"""K5, a particle filter down the tree: a start that needs no acceptance, and a kernel by conditional filtering.

Particles take steps from pi_ref and carry weights V(s')/V(s), which telescope to tau(y)/V(root):

    log Z^ = log V(root) + sum over resampling times and the end of log mean w,     E[Z^] = Z = sum_y pi_ref(y) tau(y)

Resampling when the effective sample size falls below N/2. Finished particles stay and keep their weights.
As a kernel the current path is one of the particles and survives every resampling (conditional SMC, particle Gibbs:
Andrieu, Doucet, Holenstein 2010); one path is then drawn by weight. Exact for any N >= 2, also where the times of
resampling are chosen by the weights, since the rule treats the current path as one particle among the others.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from burnish_workers.kinds.reasoning.requests import Asks, Grow, Judge, Move, Replies, Setting, Work
from burnish_workers.kinds.reasoning.source import Source, by_log, log_mean
from burnish_workers.kinds.reasoning.state import Level, State

THRESHOLD = 0.5
"""Effective sample size over N below which particles are drawn anew."""


@dataclass(frozen=True)
class Filtered:
    """Finished particles with bare pools, their log weights, and log Z^ of the whole."""

    particles: tuple[State, ...]
    log_weights: tuple[float, ...]
    log_evidence: float

    def pick(self, source: Source) -> State | None:
        """A particle by weight; None where none has any."""
        index = by_log(source, self.log_weights)
        return None if index is None else self.particles[index]


def particle_filter(root: State, setting: Setting) -> Work[Filtered]:
    """N particles from the root to leaves; systematic resampling."""
    return (yield from _run(root, setting, None, systematic))


def conditional_filter(state: State, setting: Setting) -> Move:
    """One step of particle Gibbs. It acts on leaves alone; what it returns has bare pools."""
    if not state.at_leaf or state.log_weight(setting.beta) == -math.inf:
        return state
    state = yield from _judged(state, setting)
    found = yield from _run(state.cut(0), setting, state, multinomial)
    return found.pick(setting.source) or state


Resampling = Callable[[Sequence[float], Source], list[int]]


def _run(root: State, setting: Setting, kept: State | None, resample: Resampling) -> Work[Filtered]:
    """`kept`: the path that particle 0 follows, whatever happens."""
    size, beta, depth = setting.particles, setting.beta, 0
    particles, log_weights, log_evidence = [root] * size, [0.0] * size, root.root
    while not all(particle.at_leaf for particle in particles):
        if effective_size(log_weights) < THRESHOLD * size:
            log_evidence += log_mean(log_weights)
            ancestors = resample([math.exp(each - max(log_weights)) for each in log_weights], setting.source)
            if kept is not None:
                ancestors[0] = 0
            particles, log_weights = [particles[i] for i in ancestors], [0.0] * size
        grown = yield from _grow(particles, depth, setting, kept)
        gains = [_gain(a, b, beta) for a, b in zip(particles, grown, strict=True)]
        log_weights = [w + gain for w, gain in zip(log_weights, gains, strict=True)]
        particles, depth = grown, depth + 1
        if max(log_weights) == -math.inf:
            return Filtered(tuple(particles), tuple(log_weights), -math.inf)
    return Filtered(tuple(particles), tuple(log_weights), log_evidence + log_mean(log_weights))


def _grow(particles: list[State], depth: int, setting: Setting, kept: State | None) -> Work[list[State]]:
    """Each particle by one step, those at leaves by none."""
    free = [i for i, each in enumerate(particles) if not each.at_leaf and not (i == 0 and kept)]
    replies: Replies = []
    if free:
        asks: Asks = [Grow(particles[i].prefix, 1, setting.source) for i in free]
        replies = yield asks
    grown = list(particles)
    for i, pool in zip(free, replies, strict=True):
        grown[i] = particles[i].pushed(Level(pool))
    if kept is not None:
        grown[0] = kept.cut(depth + 1)
    return grown


def _gain(before: State, after: State, beta: float) -> float:
    """log V(s')/V(s); 0 for a particle that stayed, also where it stays at weight 0."""
    stayed = len(before.levels) == len(after.levels)
    return 0.0 if stayed else after.log_weight(beta) - before.log_weight(beta)


def _judged(state: State, setting: Setting) -> Move:
    """The path alone, with a value at each node."""
    unseen = [k for k, level in enumerate(state.levels) if level.taken.log_value is None]
    taken = [level.taken for level in state.levels]
    if unseen:
        replies = yield [Judge(state.prefix[: k + 1], setting.source) for k in unseen]
        for k, (seen,) in zip(unseen, replies, strict=True):
            taken[k] = replace(taken[k], log_value=seen.log_value)
    return replace(state, levels=tuple(Level((child,)) for child in taken))


def effective_size(log_weights: Sequence[float]) -> float:
    """(sum w)^2 / sum w^2, between 1 and N."""
    top = max(log_weights)
    weights = [math.exp(each - top) for each in log_weights]
    return sum(weights) ** 2 / sum(each * each for each in weights)


def multinomial(weights: Sequence[float], source: Source) -> list[int]:
    """Independent ancestors."""
    return [source.choose(weights) for _ in weights]


def systematic(weights: Sequence[float], source: Source) -> list[int]:
    """Ancestors under the points u + i, i = 0 .. N - 1, where the weights laid end to end have length N.

    The ancestors only change where u passes the fractional part of an end: a choice among at most N + 1 intervals.
    """
    size, total = len(weights), sum(weights)
    ends, reached = list[float](), 0.0
    for weight in weights:
        reached += weight * size / total
        ends.append(reached)
    marks = sorted({0.0, 1.0, *(end % 1.0 for end in ends)})
    chosen = source.choose([b - a for a, b in pairwise(marks)])
    point, found, i = (marks[chosen] + marks[chosen + 1]) / 2, list[int](), 0
    for place in range(size):
        while i < size - 1 and ends[i] <= place + point:
            i += 1
        found.append(i)
    return found
