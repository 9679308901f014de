"""Numbers of a spec as arrays: nested lists, packed, or uploaded. Errors say where and what was expected."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish.wire.array import Array
from burnish.wire.files import ArrayReference
from burnish_workers.core.array_file import ONLY
from burnish_workers.core.inputs import Inputs
from burnish_workers.core.kind import SpecError

_Array = NDArray[np.float64]


LARGEST = 1e12
"""Squares of numbers, and sums of those, are to stay finite in single precision."""


def array_of(given: Any, pointer: str, inputs: Inputs) -> _Array:
    """The numbers, in double precision. Raises SpecError where rows differ in length, or a number is too large."""
    if isinstance(given, Array):
        found = np.array(given.flat(), dtype=np.float64).reshape(given.shape)
    elif isinstance(given, ArrayReference):
        found = _from_file(given, pointer, inputs)
    else:
        found = _from_lists(given, pointer)
    if found.size == 0:
        raise SpecError(pointer, f"the array is empty, its shape is {found.shape}; give at least one number")
    largest = float(np.abs(found).max())
    if largest > LARGEST:
        raise SpecError(pointer, f"a number of size {largest:.3g} is beyond {LARGEST:.0e}; choose other units")
    return found


def _from_lists(given: Any, pointer: str) -> _Array:
    try:
        return np.array(given, dtype=np.float64)
    except ValueError:
        raise SpecError(pointer, "rows differ in length: give a rectangular array") from None


def _from_file(given: ArrayReference, pointer: str, inputs: Inputs) -> _Array:
    arrays = inputs.arrays(given)
    if set(arrays) != {ONLY} and len(arrays) != 1:
        raise SpecError(f"{pointer}/array", f"the file must hold one array; it holds {sorted(arrays)!s:.200}")
    # A copy: files are read-only, and tensors are not made of what cannot be written.
    return np.array(next(iter(arrays.values())), dtype=np.float64)
