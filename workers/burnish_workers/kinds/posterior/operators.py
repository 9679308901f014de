"""Linear operators on samples as matrices A of shape (rows, d): y = A x + sigma noise. Torch-free.

A sample of shape (c, h, w) or (h, w) travels flat, row by row; pictures are treated channel by channel.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

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
from burnish_workers.kinds.posterior.arrays import array_of

_Array = NDArray[np.float64]

MOST_OBSERVED = 4_096
"""Numbers of an observation: covariances of that size are factorised at every step."""

SINGULAR = 1e-12
"""A row whose norm is below this times the largest sees nothing."""


def is_linear(operator: Operator) -> bool:
    """Whether the operator is a matrix."""
    return not isinstance(operator, Formula | Network)


@dataclass(frozen=True, eq=False)
class LinearOperator:
    """A of shape (rows, d), made when it is asked for: the door and the fold need only to know `rows`."""

    rows: int
    build: Callable[[], _Array]


def operator_of(operator: Operator, shape: tuple[int, ...], inputs: Inputs, pointer: str) -> LinearOperator:
    """A linear operator on samples of a shape. Raises SpecError where they do not fit, or a row of A is zero.

    Rows that depend on each other are fine: the noise of every number is positive.
    """
    found = _operator(operator, shape, math.prod(shape), inputs, pointer)
    if found.rows > MOST_OBSERVED:
        what = f"it observes {found.rows:,} numbers, more than the {MOST_OBSERVED:,} of an observation"
        raise SpecError(pointer, f"{what}; observe fewer of them")
    return found


def _operator(operator: Operator, shape: tuple[int, ...], dim: int, inputs: Inputs, pointer: str) -> LinearOperator:
    if isinstance(operator, Identity):
        return LinearOperator(dim, lambda: np.eye(dim))
    if isinstance(operator, Inpaint):
        seen = _seen(operator, shape, dim, inputs, pointer)
        return LinearOperator(len(seen), lambda: np.eye(dim)[seen])
    if isinstance(operator, Projection):
        rows, seed = operator.rows, operator.seed
        return LinearOperator(rows, lambda: np.random.default_rng(seed).standard_normal((rows, dim)) / math.sqrt(dim))
    if isinstance(operator, Matrix):
        matrix = _dense(operator, dim, inputs, pointer)
        return LinearOperator(len(matrix), lambda: matrix)
    if isinstance(operator, Blur | Downsample):
        channels, height, width = _picture(shape, operator.type, pointer)
        make = _blur if isinstance(operator, Blur) else _downsample
        one = make(operator, height, width, inputs, pointer)  # pyright: ignore[reportArgumentType]
        return LinearOperator(channels * one.rows, lambda: np.kron(np.eye(channels), one.build()).astype(np.float64))
    raise SpecError(pointer, f"operator {operator.type!r} is not linear")


def _seen(operator: Inpaint, shape: tuple[int, ...], dim: int, inputs: Inputs, pointer: str) -> NDArray[np.int64]:
    """Indices of the coordinates that are seen."""
    given = array_of(operator.mask, f"{pointer}/mask", inputs)
    # A mask of 4 x 16 for pictures of 8 x 8 is a mistake, although the number of pixels is right.
    fits = given.ndim == 1 or _proper(given.shape) == _proper(shape)
    if given.size != dim or not fits:
        what = f"the mask has {given.size} numbers in shape {given.shape}, samples have {dim} in shape {shape}"
        raise SpecError(f"{pointer}/mask", f"{what}; give one for each")
    if not np.isin(given, (0.0, 1.0)).all():
        raise SpecError(f"{pointer}/mask", "a mask is 1 where a coordinate is seen and 0 where it is missing")
    if not given.any():
        raise SpecError(f"{pointer}/mask", "the mask is 0 everywhere: nothing is seen")
    return np.flatnonzero(given)


def _proper(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape without its axes of length 1."""
    return tuple(n for n in shape if n != 1)


def _dense(operator: Matrix, dim: int, inputs: Inputs, pointer: str) -> _Array:
    matrix = array_of(operator.matrix, f"{pointer}/matrix", inputs)
    if matrix.ndim != 2 or matrix.shape[1] != dim:
        raise SpecError(f"{pointer}/matrix", f"the matrix must be (rows, {dim}); its shape is {matrix.shape}")
    norms = np.linalg.norm(matrix, axis=1)
    empty = np.flatnonzero(norms <= SINGULAR * norms.max())
    if len(empty):
        what = f"row {empty[0]} of the matrix is zero: that number of y says nothing"
        raise SpecError(f"{pointer}/matrix", f"{what}; leave it out")
    return matrix


def _picture(shape: tuple[int, ...], name: str, pointer: str) -> tuple[int, int, int]:
    if len(shape) not in (2, 3):
        raise SpecError(pointer, f"{name} acts on pictures, (h, w) or (c, h, w); samples of this prior are {shape}")
    return (1, *shape) if len(shape) == 2 else (shape[0], shape[1], shape[2])


def _blur(operator: Blur, height: int, width: int, inputs: Inputs, pointer: str) -> LinearOperator:
    if (operator.width is None) == (operator.kernel is None):
        raise SpecError(pointer, "blur takes a width or a kernel: give one of them")
    kernel = _kernel(operator, height, width, inputs, f"{pointer}/kernel")
    return LinearOperator(height * width, lambda: _convolution(kernel, height, width))


def _kernel(operator: Blur, height: int, width: int, inputs: Inputs, pointer: str) -> _Array:
    if operator.width is not None:
        return _gaussian(operator.width)
    kernel = array_of(operator.kernel, pointer, inputs)
    if kernel.ndim != 2 or kernel.shape[0] % 2 == 0 or kernel.shape[1] % 2 == 0:
        raise SpecError(pointer, f"a kernel has two odd sizes; its shape is {kernel.shape}")
    most = (2 * height - 1, 2 * width - 1)
    if kernel.shape[0] > most[0] or kernel.shape[1] > most[1]:
        what = f"the kernel's shape is {kernel.shape}, of pictures of {height} x {width} no more than {most} matters"
        raise SpecError(pointer, f"{what}; cut it")
    blind = np.argwhere(~_sighted(kernel, height, width))
    if len(blind):
        row, column = (int(i) for i in blind[0])
        what = f"the kernel sees nothing at pixel ({row}, {column}): that number of y says nothing"
        raise SpecError(pointer, f"{what}; choose another kernel")
    return kernel


def _sighted(kernel: _Array, height: int, width: int) -> NDArray[np.bool_]:
    """Where a convolution with the kernel sees any pixel, (h, w)."""
    found = np.zeros((height, width), dtype=bool)
    for down, right in np.argwhere(kernel) - np.array(kernel.shape) // 2:
        found[max(0, -down) : max(0, height - down), max(0, -right) : max(0, width - right)] = True
    return found


def _convolution(kernel: _Array, height: int, width: int) -> _Array:
    """The matrix of a convolution with zero padding, (h w, h w)."""
    (row, within_rows), (column, within_columns) = (
        _offsets(size, length) for size, length in zip((height, width), kernel.shape, strict=True)
    )
    inside = within_rows[:, None, :, None] & within_columns[None, :, None, :]
    matrix = np.where(inside, kernel[row[:, None, :, None], column[None, :, None, :]], 0.0)
    return matrix.reshape(height * width, height * width)


def _offsets(size: int, length: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Which entry of a kernel of a length links pixel i to pixel j, (size, size), and whether there is one."""
    place = np.arange(size)
    index = place[None, :] - place[:, None] + length // 2
    return np.clip(index, 0, length - 1), (index >= 0) & (index < length)


def _gaussian(width: float) -> _Array:
    reach = max(1, math.ceil(3 * width))
    line = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    kernel = np.outer(line, line)
    return kernel / kernel.sum()


def _downsample(operator: Downsample, height: int, width: int, inputs: Inputs, pointer: str) -> LinearOperator:
    factor = operator.factor
    if height % factor or width % factor:
        raise SpecError(f"{pointer}/factor", f"pictures of {height} x {width} do not divide into blocks of {factor}")
    rows, columns = height // factor, width // factor
    line = np.full((1, factor), 1 / factor)

    def build() -> _Array:
        return np.kron(np.kron(np.eye(rows), line), np.kron(np.eye(columns), line)).astype(np.float64)

    return LinearOperator(rows * columns, build)
