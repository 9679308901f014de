"""The noise level of each row of a batch. Imports torch."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, eq=False)
class Noise:
    """x = alpha x_clean + sigma eps, and the `time` that the network is told: shape (rows,) each.

    Rows of one call may be at different levels, so that islands and jobs can share a forward pass.
    """

    alpha: Tensor
    sigma: Tensor
    time: Tensor
