"""Covariances as users write them, and their square roots. Torch-free."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from burnish.wire.specs.assimilation import Covariance
from burnish_workers.core.kind import SpecError

_Array = NDArray[np.float64]

ROUNDING = 1e-10
"""Eigenvalues down to minus this part of the largest are taken for zeros that rounding has moved."""


def covariance(given: Covariance, dim: int, pointer: str) -> _Array:
    """The matrix (dim, dim), symmetric and positive semi-definite. Raises SpecError."""
    values: _Array = _matrix(given, dim, pointer) if isinstance(given, list) else np.diag(np.full(dim, given))
    lowest, highest = _ends(values)
    if lowest < -ROUNDING * highest:
        raise SpecError(pointer, f"a covariance has no negative eigenvalue; the lowest of this one is {lowest:g}")
    return values


def _matrix(given: list[float] | list[list[float]], dim: int, pointer: str) -> _Array:
    if not isinstance(given[0], list):
        if len(given) != dim:
            raise SpecError(pointer, f"{len(given)} variances are given for {dim} coordinates")
        return np.diag(np.array(given, dtype=np.float64))
    rows = matrix(given, pointer, (dim, dim))
    if not np.allclose(rows, rows.T, rtol=1e-9, atol=1e-12 * float(np.abs(rows).max(initial=0.0))):
        i, j = np.unravel_index(int(np.abs(rows - rows.T).argmax()), rows.shape)
        what = f"entry [{i}][{j}] is {rows[i, j]:g} and [{j}][{i}] is {rows[j, i]:g}"
        raise SpecError(pointer, f"a covariance is symmetric; {what}")
    return (rows + rows.T) / 2


def matrix(given: object, pointer: str, shape: tuple[int | None, int | None]) -> _Array:
    """Rows of equal lengths as an array of that shape (None: any). Raises SpecError."""
    rows = list(given) if isinstance(given, list) else []
    lengths = sorted({len(row) for row in rows})
    found = (len(rows), lengths[0] if len(lengths) == 1 else None)
    if len(lengths) != 1 or any(w is not None and w != f for w, f in zip(shape, found, strict=True)):
        wanted = " x ".join("any" if n is None else str(n) for n in shape)
        seen = f"{found[0]} rows of {' or '.join(map(str, lengths))} numbers"
        raise SpecError(pointer, f"a matrix of {wanted} is needed here, got {seen}")
    return np.array(rows, dtype=np.float64)


def root(values: _Array) -> _Array:
    """F (d, r) with F F^T = values and r the rank: Cholesky's where it exists, else by eigenvectors."""
    if not values.any():
        return np.zeros((len(values), 0))
    try:
        return np.asarray(np.linalg.cholesky(values), np.float64)
    except np.linalg.LinAlgError:
        weights, vectors = np.linalg.eigh(values)
        kept = weights > ROUNDING * weights[-1]
        return vectors[:, kept] * np.sqrt(weights[kept])


def definite(values: _Array) -> bool:
    """Whether a covariance can be inverted."""
    lowest, highest = _ends(values)
    return lowest > ROUNDING * max(highest, 0.0)


def _ends(values: _Array) -> tuple[float, float]:
    """The lowest and highest eigenvalue."""
    weights = np.linalg.eigvalsh(values)
    return float(weights[0]), float(weights[-1])
