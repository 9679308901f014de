"""What pilot islands decide: the proposal, and how many particles an island has. Torch-free.

E log Z^ <= log Z with a gap of about half the variance of log Z^: the better a proposal, the higher the mean of log Z^
(Doucet, Pitt, Deligiannidis, Kohn, Biometrika 102, 2015). Fresh islands then answer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from burnish.wire.specs.posterior import PosteriorSpec
from burnish.wire.specs.priors import MixturePrior
from burnish_workers.core.islands import Islands
from burnish_workers.core.jackknife import log_evidence
from burnish_workers.core.kind import Contestant, Draft
from burnish_workers.kinds.posterior.plan import ISLANDS, Recipe

WANTED = 0.3
"""sd(log Z^) of an island that is aimed at: ratios of islands then lose under a tenth of their number to weights."""

FEWEST, MOST = 64, 1_024
"""Particles of an island, where the spec does not say."""

ENOUGH, LEAST = 32, 16
"""Islands that an interval should rest on, and particles that an island should have at least."""

PATIENT = 60.0
"""Seconds of a budget from which on rivals of a network's first draft are tried."""

CLEAR = 1.3
"""By how much a rival must be better than the first draft: pilots of a few islands are noisy."""


def spread_of(islands: Islands, total: float) -> float:
    """Variance of log Z^, from a few islands: the larger of their own and twice the gap of their mean to `total`."""
    found = islands.log_weight[islands.live]
    if len(found) < len(islands) or not len(found):
        return math.inf
    own = float(found.var(ddof=1)) if len(found) > 1 else 0.0
    return max(own, 2 * (total - float(found.mean())))


def particles_for(islands: Islands, particles: int) -> int:
    """Particles at which sd(log Z^) would be WANTED, by islands of so many."""
    return particles_by(spread_of(islands, log_evidence(islands)), particles)


def particles_by(variance: float, particles: int) -> int:
    """Particles at which sd(log Z^) would be WANTED, by its variance at so many: it falls as 1/N. A power of two."""
    if not math.isfinite(variance):
        return MOST
    wanted = particles * variance / WANTED**2
    return int(2 ** round(math.log2(np.clip(wanted, FEWEST, MOST))))


def rivals(spec: PosteriorSpec, first: Contestant, workers: int) -> tuple[Draft, ...]:
    """None where the first draft's evidence is certain enough already: a trial costs as much as an answer's islands.

    Where the prior is a network and the budget is short, none either: trials would eat it.
    """
    islands: Islands = first.state[ISLANDS]
    clock = min((each for each in (spec.budget.seconds, spec.budget.worker_seconds) if each), default=math.inf)
    if clock < PATIENT and not isinstance(spec.prior, MixturePrior):
        return ()
    return () if spread_of(islands, log_evidence(islands)) <= WANTED**2 / 4 else first.draft.rivals


def afford(spec: PosteriorSpec, draft: Draft, islands: float) -> Draft:
    """Smaller islands, where the budget pays for fewer of them than an interval needs: halved until it does."""
    particles = int(draft.plan["particles"])
    while spec.particles is None and islands < ENOUGH and particles > LEAST:
        particles, islands = particles // 2, 2 * islands
    plan = {**draft.plan, "particles": particles, "kept": min(particles, int(draft.plan["kept"]))}
    return draft if plan == draft.plan else replace(draft, plan=plan)


def choose(spec: object, contestants: Sequence[Contestant], workers: int) -> tuple[int, str]:
    """The draft whose evidence varies least per second; the first one unless another is CLEARly better."""
    found: list[Islands] = [contestant.state[ISLANDS] for contestant in contestants]
    totals = [log_evidence(islands) for islands in found]
    best = max((total for total in totals if math.isfinite(total)), default=0.0)
    losses = [spread_of(islands, best) * _price(each) for islands, each in zip(found, contestants, strict=True)]
    least = int(np.argmin(losses))
    index = least if losses[least] * CLEAR < losses[0] else 0
    return index, "; ".join(_said(each, islands) for each, islands in zip(contestants, found, strict=True))


def _price(contestant: Contestant) -> float:
    """Nominal cost of a particle: a proposal that costs twice as much gets half as many of them."""
    return Recipe.from_plan(contestant.draft.plan).evaluations


def _said(contestant: Contestant, islands: Islands) -> str:
    plan, live = contestant.draft.plan, islands.log_weight[islands.live]
    mean = f"{live.mean():.2f}" if len(live) else "-inf"
    return f"{plan['guidance']}, {plan['tempering']} tempering: mean log Z {mean}"
