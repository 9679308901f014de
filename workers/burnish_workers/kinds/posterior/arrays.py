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


def array_of(given: Any, pointer: str, inputs: Inputs) -> _Array:
    """The numbers, in double precision. Raises SpecError where rows differ in length or a number is not finite."""
    if isinstance(given, Array):
        return np.array(given.flat(), dtype=np.float64).reshape(given.shape)
    if isinstance(given, ArrayReference):
        return _from_file(given, pointer, inputs)
    try:
        found = np.array(given, dtype=np.float64)
    except ValueError:
        raise SpecError(pointer, "rows differ in length: give a rectangular array") from None
    if found.size == 0:
        raise SpecError(pointer, "the array is empty")
    return found


def _from_file(given: ArrayReference, pointer: str, inputs: Inputs) -> _Array:
    arrays = inputs.arrays(given)
    if set(arrays) != {ONLY} and len(arrays) != 1:
        raise SpecError(f"{pointer}/array", f"the file must hold one array; it holds {sorted(arrays)!s:.200}")
    found = np.asarray(next(iter(arrays.values())), dtype=np.float64)
    if not np.isfinite(found).all():
        raise SpecError(f"{pointer}/array", "the array holds NaN or infinity; every number must be finite")
    return found


def vector_of(given: Any, length: int, pointer: str, inputs: Inputs, what: str) -> _Array:
    """A flat array of `length` numbers, whatever its shape was. Raises SpecError."""
    found = array_of(given, pointer, inputs)
    if found.size != length:
        raise SpecError(pointer, f"{what} has {found.size} numbers (shape {found.shape}), it needs {length}")
    return found.reshape(-1)
