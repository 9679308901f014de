"""Uploaded arrays: `.npy` (one array) or safetensors (named ones), read without pickles and without torch."""

from __future__ import annotations

import io
import json
import math
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load

NPY = b"\x93NUMPY"
ONLY = "array"
"""The name of the one array of a `.npy` file."""

_TYPES = {"<f4", "<f8", "<i4", "<i8", "|u1", "|b1"}
_MOST_AXES = 4
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


class ArrayFileError(ValueError):
    """The bytes are no array file that is accepted here; the message says why and what to send."""


def read_arrays(data: bytes) -> dict[str, NDArray[Any]]:
    """The arrays of a file by name, read-only. Raises ArrayFileError.

    Accepted are little-endian float32, float64, int32, int64, uint8 and bool of one to four axes, all values finite.
    """
    arrays = {ONLY: _npy(data)} if data.startswith(NPY) else _safetensors(data)
    for name, array in arrays.items():
        _check(name, array)
        array.flags.writeable = False  # safetensors hands out its own copies
    return arrays


def describe(arrays: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """What a card says of them."""
    return {"arrays": {name: {"shape": list(a.shape), "dtype": str(a.dtype)} for name, a in arrays.items()}}


def _npy(data: bytes) -> NDArray[Any]:
    stream = io.BytesIO(data)
    shape, fortran, dtype = _npy_header(stream)
    if dtype.str not in _TYPES:
        raise ArrayFileError(f"dtype {dtype.str!r:.80} is not accepted; send one of {', '.join(sorted(_TYPES))}")
    if len(shape) > _MOST_AXES:
        raise ArrayFileError(f"an array of {len(shape)} axes is not accepted; send 1 to {_MOST_AXES} axes")
    # Before anything of that size is made: the header may say what it likes.
    expected, got = math.prod(shape) * dtype.itemsize, len(data) - stream.tell()
    if any(n < 0 for n in shape) or expected != got:
        raise ArrayFileError(f"shape {_shown(shape)} of {dtype} needs {_shown(expected)} bytes, the file holds {got}")
    flat: NDArray[Any] = np.frombuffer(data, dtype, offset=stream.tell())
    return flat.reshape(shape, order="F" if fortran else "C")


def _npy_header(stream: io.BytesIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether in Fortran's order, and type."""
    try:
        read = _HEADERS.get(np.lib.format.read_magic(stream))
        if read is not None:
            with warnings.catch_warnings():  # of headers that Python 2 wrote, and of escapes in made-up ones
                warnings.simplefilter("ignore")
                return read(stream)
    except Exception as error:  # whatever numpy makes of a header that was meant to break it
        raise ArrayFileError(f"the header of the .npy file cannot be read ({error!s:.200})") from None
    raise ArrayFileError("the .npy file is of a version that is not read here; write it with numpy.save")


def _shown(number: int | tuple[int, ...]) -> str:
    """Short; Python does not write out numbers of thousands of digits."""
    try:
        return f"{number!s:.80}"
    except ValueError:
        return "beyond all measure"


def _safetensors(data: bytes) -> dict[str, NDArray[Any]]:
    try:
        arrays = load(data)
    except (SafetensorError, KeyError, ValueError, TypeError, json.JSONDecodeError) as error:
        raise ArrayFileError(f"neither .npy nor safetensors ({error!s:.200}); write it with numpy.save") from None
    if not arrays:
        raise ArrayFileError("the file holds no array")
    return arrays


def _check(name: str, array: NDArray[Any]) -> None:
    if array.dtype.str not in _TYPES:
        raise ArrayFileError(f"{name}: dtype {array.dtype} is not accepted; send one of {', '.join(sorted(_TYPES))}")
    if not 1 <= array.ndim <= _MOST_AXES or array.size == 0:
        raise ArrayFileError(f"{name}: shape {array.shape} is not accepted; send 1 to {_MOST_AXES} axes, none empty")
    if not np.isfinite(array).all():
        raise ArrayFileError(f"{name}: it holds NaN or infinity; every number must be finite")
