"""How well chains agree: R-hat and the effective number of steps, from the shares of each chain alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Mixing:
    """`r_hat`: of the worst answer; `effective`: steps of independent draws with the same spread, of the worst answer.

    An answer is an indicator, so that its variance within chain c is p_c (1 - p_c). With W the mean of those, B/n the
    variance of the p_c and n steps of a chain: R-hat^2 = ((n-1)/n W + B/n) / W (Gelman and Rubin 1992) and
    effective = p (1-p)/(B/n) C, no more than C n. None where there is nothing to compare.
    """

    r_hat: float | None
    effective: float | None

    @staticmethod
    def of(shares: NDArray[np.float64], steps: NDArray[np.int64]) -> Mixing:
        """shares (C, m) of m answers in C chains, steps (C,)."""
        if len(shares) < 2:
            return Mixing(None, None)
        pooled = shares.mean(axis=0)
        seen = (pooled > 0) & (pooled < 1)
        if not seen.any():
            return Mixing(None, None)
        shares, pooled, n = shares[:, seen], pooled[seen], float(steps.mean())
        within, between = (shares * (1 - shares)).mean(axis=0), shares.var(axis=0, ddof=1)
        with np.errstate(divide="ignore"):
            r_hat = np.sqrt((n - 1) / n + between / within)
            effective = np.minimum(pooled * (1 - pooled) / between, n) * len(shares)
        worst = float(r_hat.max())
        return Mixing(worst if np.isfinite(worst) else None, float(effective.min()))
