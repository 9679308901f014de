"""Limits of chances by counting independent draws: where an event was met never, always, or by one replicate alone.

Replicates that are all equal have no variance, and one that is unlike all others has too much of it: the central limit
theorem says nothing there. Counts among independent draws do, for any chance and any number of draws (Clopper and
Pearson 1934): with h hits in n draws the limits are the alpha/2 quantile of Beta(h, n - h + 1), 0 where h = 0, and the
1 - alpha/2 quantile of Beta(h + 1, n - h), 1 where h = n. With none in n draws the upper limit is about
log(2/alpha)/n.
"""

# scipy comes without type stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

_DIGITS = 12
"""Limits are rounded to this many decimals: the last bits of special functions differ between processors."""


@dataclass(frozen=True, eq=False)
class Counted:
    """`draws` n: independent draws of the law whose chances are the outputs; `hits` (m,): in how many each was met."""

    draws: int
    hits: NDArray[np.int64]

    def limits(self, alpha: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lower and upper limits (m,), each missed with chance alpha/2 at most; 0 and 1 where nothing was drawn.

        Raises ValueError: more hits than draws.
        """
        n, hits = self.draws, self.hits.astype(np.float64)
        if (self.hits > n).any() or (self.hits < 0).any():
            raise ValueError(f"{self.hits.tolist()} hits among {n} draws")
        lower, upper = np.zeros(len(hits)), np.ones(len(hits))
        some, rest = hits > 0, hits < n
        lower[some] = special.betaincinv(hits[some], n - hits[some] + 1, alpha / 2)
        upper[rest] = special.betainccinv(hits[rest] + 1, n - hits[rest], alpha / 2)
        return np.round(lower, _DIGITS), np.round(upper, _DIGITS)
