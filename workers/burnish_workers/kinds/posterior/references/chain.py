"""The exact law of a chain's last state where the prior is a single Gaussian: what sampling by K steps really targets.

The denoiser of N(mu, C) is linear, x0^ = mu + G_k (x - alpha_k mu) with G_k = alpha_k C (alpha_k^2 C + sigma_k^2 I)^-1,
and so is every step: the states x_k ~ N(m_k, P_k) with

    M = keep_k I + pull_k G_k,  m_{k+1} = M m_k + pull_k (mu - alpha_k G_k mu),  P_{k+1} = M P_k M^T + s_k^2 I.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from burnish_workers.kinds.posterior.chain import Chain
from burnish_workers.kinds.posterior.references.mixture import Gaussians

Floats = NDArray[np.float64]


def chain_law(
    chain: Chain, mean: Floats, covariance: Floats, marginal: bool = False, steps: int | None = None
) -> Gaussians:
    """The law of x_K, a Gaussian: mean mu (d,) and covariance C (d, d) of the prior.

    `marginal`: x_0 has the prior's law at the first noise level; else N(0, start^2 I). `steps`: the law of another x_k.
    """
    unit = np.eye(len(mean))
    alpha, sigma = float(chain.alpha[0]), float(chain.sigma[0])
    m = alpha * mean if marginal else np.zeros_like(mean)
    p = alpha**2 * covariance + sigma**2 * unit if marginal else chain.start**2 * unit
    for k in range(chain.steps if steps is None else steps):
        alpha, sigma = float(chain.alpha[k]), float(chain.sigma[k])
        gain = alpha * np.linalg.solve(alpha**2 * covariance + sigma**2 * unit, covariance)
        step = chain.keep[k] * unit + chain.pull[k] * gain
        m = step @ m + chain.pull[k] * (mean - alpha * gain @ mean)
        p = step @ p @ step.T + chain.noise[k] ** 2 * unit
    return Gaussians(np.ones(1), m[None], p[None])
