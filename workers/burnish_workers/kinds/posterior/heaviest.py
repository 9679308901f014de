"""The evidence of single islands, for those who look at a job: which carry the answer, and how far apart they are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_Array = NDArray[np.float64]

LISTED = 64
"""Islands that a refinement lists: it is to stay small, however many there are."""

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


def by_island(log_evidence: _Array, size: _Array) -> dict[str, Any] | None:
    """`island`, `log_evidence` (log Z_b, natural) and `weight` (share of sum Z_b) of the LISTED heaviest live islands.

    In the order of the islands. `live` of them there are, with `quantiles` of log Z_b at LEVELS. A row of
    several islands, `size` (R,), is listed under its first, with their mean Z. None where none is alive.
    """
    live = np.isfinite(log_evidence)
    if not live.any():
        return None
    first = np.concatenate([[0.0], size.cumsum()[:-1]]).astype(int)
    relative = size * np.exp(log_evidence - log_evidence[live].max())
    heaviest = np.argsort(-relative, kind="stable")[: min(LISTED, int(live.sum()))]
    chosen = np.sort(heaviest)
    return {
        "island": first[chosen].tolist(),
        "log_evidence": log_evidence[chosen].tolist(),
        "weight": (relative / relative.sum())[chosen].tolist(),
        "live": int(size[live].sum()),
        "quantiles": np.quantile(log_evidence[live], LEVELS).tolist(),
    }
