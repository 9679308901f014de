"""Linear operators on samples as matrices A of shape (rows, d): y = A x + sigma noise. Torch-free.

A sample of shape (c, h, w) or (h, w) travels flat, row by row; pictures are treated channel by channel.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from burnish.wire.specs.targets import (
    Blur,
    Downsample,
    Formula,
    Identity,
    Inpaint,
    Matrix,
    Network,
    Operator,
    Projection,
)
from burnish_workers.core.inputs import Inputs
from burnish_workers.core.kind import SpecError
from burnish_workers.kinds.posterior.arrays import array_of, vector_of

_Array = NDArray[np.float64]

MOST_ENTRIES = 2**26
"""Of a dense matrix: half a gigabyte."""

SINGULAR = 1e-12
"""A row whose norm is below this times the largest sees nothing."""


def is_linear(operator: Operator) -> bool:
    """Whether the operator is a matrix."""
    return not isinstance(operator, Formula | Network)


def matrix_of(operator: Operator, shape: tuple[int, ...], inputs: Inputs, pointer: str) -> _Array:
    """A of a linear operator for samples of a shape. Raises SpecError where they do not fit, or a row is zero."""
    dim = math.prod(shape)
    matrix = _matrix(operator, shape, dim, inputs, pointer)
    norms = np.linalg.norm(matrix, axis=1)
    empty = np.flatnonzero(norms <= SINGULAR * max(float(norms.max(initial=0)), SINGULAR))
    if len(empty):
        raise SpecError(pointer, f"row {empty[0]} of the operator is zero: that number of y says nothing; leave it out")
    return matrix


def _matrix(operator: Operator, shape: tuple[int, ...], dim: int, inputs: Inputs, pointer: str) -> _Array:
    if isinstance(operator, Identity):
        _check_size(dim, dim, pointer)
        return np.eye(dim)
    if isinstance(operator, Inpaint):
        return _inpaint(operator, dim, inputs, pointer)
    if isinstance(operator, Projection):
        _check_size(operator.rows, dim, pointer)
        return np.random.default_rng(operator.seed).standard_normal((operator.rows, dim)) / math.sqrt(dim)
    if isinstance(operator, Matrix):
        return _dense(operator, dim, inputs, pointer)
    if isinstance(operator, Blur | Downsample):
        channels, height, width = _picture(shape, operator.type, pointer)
        _check_size(dim, dim, pointer)
        one = (
            _blur(operator, height, width, inputs, pointer)
            if isinstance(operator, Blur)
            else _downsample(operator.factor, height, width, pointer)
        )
        return np.kron(np.eye(channels), one).astype(np.float64)
    raise SpecError(pointer, f"operator {operator.type!r} is not linear")


def _check_size(rows: int, dim: int, pointer: str) -> None:
    if rows * dim > MOST_ENTRIES:
        raise SpecError(
            pointer, f"a matrix of {rows} x {dim} has more than the {MOST_ENTRIES:,} entries of an operator"
        )


def _inpaint(operator: Inpaint, dim: int, inputs: Inputs, pointer: str) -> _Array:
    mask = vector_of(operator.mask, dim, f"{pointer}/mask", inputs, "the mask")
    if not np.isin(mask, (0.0, 1.0)).all():
        raise SpecError(f"{pointer}/mask", "a mask is 1 where a coordinate is seen and 0 where it is missing")
    seen = np.flatnonzero(mask)
    if not len(seen):
        raise SpecError(f"{pointer}/mask", "the mask is 0 everywhere: nothing is seen")
    _check_size(len(seen), dim, pointer)
    return np.eye(dim)[seen]


def _dense(operator: Matrix, dim: int, inputs: Inputs, pointer: str) -> _Array:
    matrix = array_of(operator.matrix, f"{pointer}/matrix", inputs)
    if matrix.ndim != 2 or matrix.shape[1] != dim:
        raise SpecError(f"{pointer}/matrix", f"the matrix must be (rows, {dim}); its shape is {matrix.shape}")
    _check_size(len(matrix), dim, pointer)
    return matrix


def _picture(shape: tuple[int, ...], name: str, pointer: str) -> tuple[int, int, int]:
    if len(shape) not in (2, 3):
        raise SpecError(pointer, f"{name} acts on pictures, (h, w) or (c, h, w); samples of this prior are {shape}")
    return (1, *shape) if len(shape) == 2 else (shape[0], shape[1], shape[2])


def _blur(operator: Blur, height: int, width: int, inputs: Inputs, pointer: str) -> _Array:
    if (operator.width is None) == (operator.kernel is None):
        raise SpecError(pointer, "blur takes a width or a kernel: give one of them")
    kernel = _gaussian(operator.width) if operator.width else array_of(operator.kernel, f"{pointer}/kernel", inputs)
    if kernel.ndim != 2 or kernel.shape[0] % 2 == 0 or kernel.shape[1] % 2 == 0:
        raise SpecError(f"{pointer}/kernel", f"a kernel has two odd sizes; its shape is {kernel.shape}")
    matrix = np.zeros((height, width, height, width))
    up, left = kernel.shape[0] // 2, kernel.shape[1] // 2
    for row in range(height):
        for column in range(width):
            for i in range(max(0, row - up), min(height, row + up + 1)):
                for j in range(max(0, column - left), min(width, column + left + 1)):
                    matrix[row, column, i, j] = kernel[i - row + up, j - column + left]
    return matrix.reshape(height * width, height * width)


def _gaussian(width: float) -> _Array:
    reach = max(1, math.ceil(3 * width))
    line = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    kernel = np.outer(line, line)
    return kernel / kernel.sum()


def _downsample(factor: int, height: int, width: int, pointer: str) -> _Array:
    if height % factor or width % factor:
        raise SpecError(f"{pointer}/factor", f"pictures of {height} x {width} do not divide into blocks of {factor}")
    rows, columns = height // factor, width // factor
    line = np.full((1, factor), 1 / factor)
    return np.kron(np.kron(np.eye(rows), line), np.kron(np.eye(columns), line)).astype(np.float64)
