"""How a chain comes to its first finished answer: attempts until one has a weight.

Most attempts are particle filters that follow the values; a share are plain rollouts, weighed by tau alone: best-of-N,
for values that mislead. They are small, N/2 particles: at equal tokens a first success comes no later with two small
filters than with a large one, and something is there sooner. A path is drawn by weight; the warm-up of the chain does
the rest.
"""

from __future__ import annotations

from dataclasses import replace

from burnish_workers.kinds.reasoning.filter import particle_filter
from burnish_workers.kinds.reasoning.requests import Setting, Work, together
from burnish_workers.kinds.reasoning.restart import rollout
from burnish_workers.kinds.reasoning.source import by_log
from burnish_workers.kinds.reasoning.state import State

BLIND = 0.1
"""Share of the attempts that do not look at values."""


def attempt(root: State, setting: Setting) -> Work[State | None]:
    """Particles, or as many rollouts; None where none of them has a weight."""
    setting = replace(setting, particles=max(2, setting.particles // 2))
    if setting.source.choose((1 - BLIND, BLIND)) == 0:
        return (yield from particle_filter(root, setting)).pick(setting.source)
    paths = yield from together([rollout(root, setting) for _ in range(setting.particles)])
    index = by_log(setting.source, [path.log_weight(setting.beta) for path in paths])
    return None if index is None else paths[index]
