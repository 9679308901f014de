"""Many outputs at once: the chance of a miss that each output may have, so that all hold together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from burnish_workers.core.boundary import fixed_critical, normal_tail

Method = Literal["none", "sidak", "bonferroni", "max_t"]

FEW = 100
"""Up to this many outputs Bonferroni's alpha/m: at worst it costs a third of the width where all move together."""

DRAWS = 4_000
"""Multiplier draws: the 95 % quantile of the maximum is then known to 1 %."""

LEAST = 30
"""Replicates from which a bootstrap is drawn; fewer say too little of how outputs hang together."""


@dataclass(frozen=True)
class Multiplicity:
    """`alpha`: the chance of a miss that each of `outputs` outputs may have over all looks; `method`: why that."""

    method: Method
    outputs: int
    alpha: float


def per_output(
    alpha: float, outputs: int, *, independent: bool, replicates: NDArray[np.float64] | None = None, seed: int = 0
) -> Multiplicity:
    """The chance for each of m outputs such that all hold together with chance 1 - alpha.

    Outputs that share no randomness: 1 - (1 - alpha)^(1/m), exactly (Sidak 1967). Else alpha/m; for more than 100
    outputs by the distribution of the largest |t| under a multiplier bootstrap of replicates that no answer uses
    (Chernozhukov, Chetverikov and Kato, Annals of Statistics 41, 2013), which profits from outputs moving together.

    Args:
        alpha: joint chance of a miss, in (0, 1).
        outputs: m >= 1.
        independent: the outputs share no randomness.
        replicates: those of the discarded pilot, shape (n, m).
        seed: of the multipliers.
    """
    if outputs == 1:
        return Multiplicity("none", 1, alpha)
    if independent:
        return Multiplicity("sidak", outputs, float(-np.expm1(np.log1p(-alpha) / outputs)))
    if outputs <= FEW or replicates is None or len(replicates) < LEAST:
        return Multiplicity("bonferroni", outputs, alpha / outputs)
    return Multiplicity("max_t", outputs, _by_largest(replicates, alpha, seed))


def _by_largest(replicates: NDArray[np.float64], alpha: float, seed: int) -> float:
    """alpha' = 2(1 - Phi(q)), q the 1 - alpha quantile of max_k |sum_i g_i (x_ik - mean_k)| / (sqrt(n) s_k).

    Never below Bonferroni's, nor above alpha.
    """
    n, outputs = replicates.shape
    centred = replicates - replicates.mean(axis=0)
    deviation = np.sqrt((centred**2).mean(axis=0))
    scaled = (centred / np.where(deviation > 0, deviation, 1.0)) / np.sqrt(n)
    rng = np.random.Generator(np.random.Philox(np.random.SeedSequence(seed)))
    largest = np.concatenate([np.abs(rng.standard_normal((200, n)) @ scaled).max(axis=1) for _ in range(DRAWS // 200)])
    q = min(float(np.quantile(largest, 1 - alpha, method="higher")), fixed_critical(alpha / outputs))
    return min(alpha, 2 * normal_tail(q))
