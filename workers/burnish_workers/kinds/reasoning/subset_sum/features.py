"""What the two small networks see of a plan that is half made. Shared by training and by inference."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

LARGEST = 150
"""Numbers are drawn from 1 .. LARGEST."""

MOST_NUMBERS = 20
"""Numbers of a whole problem; a shorter one looks like the end of one."""

WIDTH = 15
_NEXT = 4


def features(numbers: NDArray[Any], remaining: NDArray[Any]) -> NDArray[np.float32]:
    """What is left to choose from and to reach: numbers (..., m), remaining (...) -> (..., WIDTH).

    The remaining sum, the sum, squares, largest and smallest of the numbers left, the next four, whether the target is
    reached, passed, or equal to a number left, and how far it lies from half the sum in units of its spread.
    """
    left, size = numbers.shape[-1], remaining.shape
    if left == 0:
        numbers = np.zeros((*numbers.shape[:-1], 1))
    total, squares = numbers.sum(-1), (numbers**2).sum(-1)
    largest, smallest = numbers.max(-1), numbers.min(-1)
    following = [numbers[..., k] if k < left else np.zeros(size) for k in range(_NEXT)]
    columns = [
        remaining / 250,
        total / 250,
        np.full(size, left / MOST_NUMBERS),
        squares / 10_000,
        largest / LARGEST,
        smallest / LARGEST,
        *(each / LARGEST for each in following),
        (remaining == 0) * 1.0,
        (remaining < 0) * 1.0,
        np.tanh(remaining / 5),
        (remaining - total / 2) / (1 + np.sqrt(squares) / 2),
        (numbers == remaining[..., None]).any(-1) & (remaining != 0),
    ]
    return np.stack(np.broadcast_arrays(*columns), -1).astype(np.float32)
