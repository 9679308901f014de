"""Arrays on the wire: nested lists where people type them, base64 little-endian where programs send them."""

from __future__ import annotations

import base64
import binascii
import math
import struct
from typing import Literal, Self

from pydantic import Field, model_validator

from burnish.wire.base import Wire

_FORMAT = {"float32": "f", "float64": "d"}


class Array(Wire):
    """`{"shape": [n, d], "dtype": "float32", "data": "<base64, little-endian, row-major>"}`."""

    shape: list[int] = Field(min_length=1, max_length=4)
    dtype: Literal["float32", "float64"] = "float32"
    data: str

    @model_validator(mode="after")
    def _sizes_agree(self) -> Self:
        if any(n < 0 for n in self.shape):
            raise ValueError(f"shape {self.shape} has a negative length")
        expected = math.prod(self.shape) * struct.calcsize(_FORMAT[self.dtype])
        try:
            got = len(base64.b64decode(self.data, validate=True))
        except (binascii.Error, ValueError) as error:
            raise ValueError(f"data is not base64: {error}") from None
        if got != expected:
            raise ValueError(f"shape {self.shape} of {self.dtype} needs {expected} bytes, data holds {got}")
        if not all(map(math.isfinite, self.flat())):
            raise ValueError("data holds NaN or infinity; every number must be finite")
        return self

    def flat(self) -> tuple[float, ...]:
        """The numbers, row by row."""
        raw = base64.b64decode(self.data)
        return struct.unpack(f"<{math.prod(self.shape)}{_FORMAT[self.dtype]}", raw)

    @classmethod
    def pack(cls, shape: list[int], numbers: list[float], dtype: Literal["float32", "float64"] = "float64") -> Array:
        """Encode `numbers` (row-major) as an array of `shape`."""
        raw = struct.pack(f"<{len(numbers)}{_FORMAT[dtype]}", *numbers)
        return cls(shape=shape, dtype=dtype, data=base64.b64encode(raw).decode())
