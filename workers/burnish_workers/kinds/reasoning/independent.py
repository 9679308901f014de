"""Particle-independent Metropolis-Hastings: a whole new particle filter at each step, accepted with min(1, Z^'/Z^).

Andrieu, Doucet and Holenstein (2010). The state is a path and the evidence of the filter that it came from; its law at
equilibrium is Q(y, Z^) Z^/Z, Q the law of a filter's outcome, so that y has the law pi* for any number of particles.
Its state is another than mu's, so it runs in chains of its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from burnish_workers.kinds.reasoning.filter import particle_filter
from burnish_workers.kinds.reasoning.requests import Setting, Work
from burnish_workers.kinds.reasoning.source import accept
from burnish_workers.kinds.reasoning.state import State


@dataclass(frozen=True, slots=True)
class Backed:
    """A path and log Z^ of its filter; -inf for a path that no filter stands for yet."""

    path: State
    log_evidence: float = -math.inf


def independent(state: Backed, setting: Setting) -> Work[Backed]:
    """One step."""
    found = yield from particle_filter(state.path.cut(0), setting)
    path = found.pick(setting.source)
    if path is None:
        return state
    new = Backed(path, found.log_evidence)
    if state.log_evidence == -math.inf or accept(setting.source, new.log_evidence - state.log_evidence):
        return new
    return state
