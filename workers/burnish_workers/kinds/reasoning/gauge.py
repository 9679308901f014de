"""The Bellman gauge: does a value promise what its continuations hold? By depth, and without any known answer.

E[B | s] = 1 at every s for the perfect value V*(s) = E[tau | s], B over fresh pools, rejected ones too. So the log of
the mean of B at a depth is 0 there; above 0 values grow on the way down (they promised too little), below 0 they
shrink. K1 visits the inner nodes of a depth in proportion to pi_ref V, where the mean of B is

    sum_s pi_ref(s) E[V(s') | s] / sum_s pi_ref(s) V(s)

so that, where all ends are equally deep, the sum of the gauge from a depth on is the log of Z over sum_s pi_ref(s)
V(s): by what factor values of that depth are wrong on the whole. The mean of log B would be negative for a perfect
value too, and stored pools are selected: neither tells anything. The gauge certifies how well the sampler is steered,
not that answers are right.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from burnish_workers.core.estimator import Plan
from burnish_workers.core.moments import Moments
from burnish_workers.kinds.reasoning.mixture import Shares
from burnish_workers.kinds.reasoning.plan import TOKEN_SHARES, Recipe, chances


def written(gauge: Moments) -> list[dict[str, Any]]:
    """For each depth log mean B, its standard error as if pools were independent, and how many there were."""
    found = list[dict[str, Any]]()
    for depth, count in enumerate(gauge.count):
        mean, error = float(gauge.mean[depth]), float(gauge.standard_error[depth])
        known = count > 1 and mean > 0
        found.append(
            {
                "depth": depth,
                "log_mean": math.log(mean) if count > 0 and mean > 0 else None,
                "standard_error": error / mean if known else None,
                "pools": int(count),
            }
        )
    return found


def distrust(gauge: Moments) -> float:
    """0 where the gauge is 0 at every depth, towards 1 where values are off by factors: 1 - exp(-rms)."""
    seen = (gauge.count > 0) & (gauge.mean > 0)
    if not seen.any():
        return 0.0
    return 1 - math.exp(-float(np.sqrt(np.mean(np.log(gauge.mean[seen]) ** 2))))


def tuned_shares(gauge: Moments, recipe: Recipe) -> Plan:
    """Chances of the kernels: tokens go from kernels that follow the values to those that do not, by the distrust."""
    d, own = distrust(gauge), TOKEN_SHARES
    moved = d * (own.excursion + own.filter) / 2
    shares = Shares(
        excursion=own.excursion * (1 - d / 2),
        block=own.block + moved / 2,
        restart=own.restart + moved / 2,
        filter=own.filter * (1 - d / 2),
    )
    found = chances(shares, recipe.pool, recipe.particles, recipe.depth)
    return {"excursion": found.excursion, "block": found.block, "restart": found.restart, "filter": found.filter}
