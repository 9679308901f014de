"""u*(t, x) = 1.6 + sin(sum x / 10) exp(d (t - 1)/200) solves the catalogue's diffusion-reaction equation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def diffusion_reaction(t: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """u at times t (m,) and places x (m, d)."""
    return 1.6 + np.sin(0.1 * x.sum(axis=1)) * np.exp(0.005 * x.shape[1] * (t - 1))
