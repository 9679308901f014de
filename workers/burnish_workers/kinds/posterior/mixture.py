"""Gaussian mixtures as priors, as numbers: p(x) = sum_c w_c N(mu_c, C_c). Torch-free."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from burnish.wire.specs.priors import MOST_COMPONENTS, MOST_DIM, Mixture
from burnish_workers.core.inputs import Inputs
from burnish_workers.core.kind import SpecError
from burnish_workers.kinds.posterior.arrays import array_of

_Array = NDArray[np.float64]

MOST_ENTRIES = 2**24
"""Of all covariances: 128 MB."""

LEAST_VARIANCE = 1e-12


@dataclass(frozen=True, eq=False)
class MixtureNumbers:
    """weights (c,), adding up to 1; means (c, d); variance (c, d) along the axes `axes` (c, d, d); None:
    coordinates."""

    weights: _Array
    means: _Array
    variance: _Array
    axes: _Array | None

    @property
    def dim(self) -> int:
        """d."""
        return self.means.shape[1]

    @property
    def spread(self) -> float:
        """Largest standard deviation of a coordinate of the mixture, which noise must drown: the scale of sigma_max."""
        mean = self.weights @ self.means
        within = self.variance if self.axes is None else np.einsum("cij,cj->ci", self.axes**2, self.variance)
        return float(np.sqrt((self.weights @ ((self.means - mean) ** 2 + within)).max()))

    @property
    def extent(self) -> float:
        """Largest distance of a mean from the mixture's own."""
        return float(np.linalg.norm(self.means - self.weights @ self.means, axis=1).max())


def mixture_of(given: Mixture, inputs: Inputs, pointer: str = "/prior/mixture") -> MixtureNumbers:
    """The numbers of a mixture. Raises SpecError where shapes do not fit or a covariance is not positive definite."""
    means = array_of(given.means, f"{pointer}/means", inputs)
    if means.ndim != 2 or len(means) > MOST_COMPONENTS or means.shape[1] > MOST_DIM:
        what = f"means must be (components, d), at most {MOST_COMPONENTS} and {MOST_DIM}; their shape is {means.shape}"
        raise SpecError(f"{pointer}/means", what)
    count, dim = means.shape
    weights = np.ones(count) if given.weights is None else np.array(given.weights)
    if len(weights) != count:
        raise SpecError(f"{pointer}/weights", f"there are {len(weights)} weights and {count} means")
    variance, axes = _spreads(given, count, dim, inputs, pointer)
    return MixtureNumbers(weights / weights.sum(), means, variance, axes)


def _spreads(given: Mixture, count: int, dim: int, inputs: Inputs, pointer: str) -> tuple[_Array, _Array | None]:
    if given.covariances is None:
        each = np.ravel(1.0 if given.variance is None else given.variance)
        if len(each) not in (1, count):
            raise SpecError(f"{pointer}/variance", f"there are {len(each)} variances and {count} means")
        _check_variance(each, f"{pointer}/variance")
        return np.broadcast_to(each[:, None], (count, dim)).copy(), None
    if count * dim**2 > MOST_ENTRIES:
        what = f"{count} covariances of {dim} x {dim} have more than the {MOST_ENTRIES:,} entries of a prior"
        raise SpecError(f"{pointer}/covariances", f"{what}; use variance, or fewer components")
    matrices = array_of(given.covariances, f"{pointer}/covariances", inputs)
    if matrices.shape not in ((dim, dim), (count, dim, dim)):
        what = f"covariances must be ({dim}, {dim}) or ({count}, {dim}, {dim}); their shape is {matrices.shape}"
        raise SpecError(f"{pointer}/covariances", what)
    if not np.allclose(matrices, np.swapaxes(matrices, -1, -2), rtol=1e-8, atol=1e-12):
        raise SpecError(f"{pointer}/covariances", "a covariance is not symmetric")
    # One for all is decomposed once.
    values, axes = np.linalg.eigh(matrices.reshape(-1, dim, dim))
    if values.min() <= 0:
        what = f"a covariance is not positive definite: its smallest eigenvalue is {values.min():.3g}"
        raise SpecError(f"{pointer}/covariances", what)
    _check_variance(values, f"{pointer}/covariances")
    return np.broadcast_to(values, (count, dim)).copy(), np.broadcast_to(axes, (count, dim, dim))


def _check_variance(variance: _Array, pointer: str) -> None:
    if variance.min() < LEAST_VARIANCE:
        what = f"the smallest variance is {variance.min():.3g}, below {LEAST_VARIANCE:.0e}"
        raise SpecError(pointer, f"{what}; choose other units")
