"""Do two proposals find the same evidence? Both are unbiased, so that one which does not misses a part of the target.

Torch-free.
"""

from __future__ import annotations

import numpy as np
from scipy import special

from burnish_workers.core.islands import Islands
from burnish_workers.core.jackknife import evidence, log_evidence, pseudo_values, weight_spread

CERTAIN = 1.0
"""sd(log Z) up to which the mean of a few islands is about normal."""

LEAST = 8
"""Islands of either proposal below which a standard error says little."""


def disagreement(islands: Islands, check: Islands) -> float | None:
    """|log Z - log Z'| in standard errors; None where either is too uncertain to tell.

    With few islands of the check the difference is put into standard errors by Student's t, at the same chance of a
    larger one. An estimate with a large spread mostly comes out too low, and then says nothing; but it hardly ever
    comes out much too high: P(Z' >= k Z) <= 1/k by Markov's inequality. So a check that finds 1,000 times the
    evidence is believed whatever its spread.
    """
    if min(len(islands), len(check)) < LEAST or not islands.live.any():
        return None
    apart = log_evidence(check) - log_evidence(islands)
    if apart > np.log(1_000):
        return float(apart)
    spreads = weight_spread(islands), weight_spread(check)
    if not check.live.all() or any(spread is None or spread > CERTAIN for spread in spreads):
        return None
    variances = [float(pseudo_values(each, evidence).var(ddof=1)) / len(each) for each in (islands, check)]
    return float(_normal(abs(apart) / np.sqrt(sum(variances)), _freedom(variances, len(islands), len(check))))


def _freedom(variances: list[float], first: int, second: int) -> float:
    """Welch and Satterthwaite."""
    one, two = variances
    return (one + two) ** 2 / (one**2 / (first - 1) + two**2 / (second - 1))


def _normal(t: float, freedom: float) -> float:
    """The normal deviate that is exceeded as rarely as t is."""
    return float(special.ndtri(special.stdtr(freedom, t)))
