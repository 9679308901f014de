"""Answers as numpy arrays. numpy is imported where it is used: neither the contract nor the SDK depends on it."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from burnish.wire.extras import need

_DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "|u1", "BOOL": "|b1"}


def numpy() -> Any:
    """The module."""
    return need("numpy", "numpy", "to_numpy")


@dataclass(frozen=True)
class Numbers:
    """An answer as numpy arrays of float64, all of one shape; nan where there is no estimate or no interval."""

    value: Any
    standard_error: Any
    lower: Any
    upper: Any

    @classmethod
    def of(cls, columns: Mapping[str, Any]) -> Self:
        """Of `value`, `standard_error`, `lower` and `upper` as nested lists with None where nothing is known."""
        names = ("value", "standard_error", "lower", "upper")
        return cls(*(numpy().asarray(columns[name], dtype=float) for name in names))

    @property
    def half_width(self) -> Any:
        """(upper - lower)/2, of the same shape."""
        return (self.upper - self.lower) / 2


def safetensors(data: bytes) -> dict[str, Any]:
    """The arrays of a safetensors file, by name, each with its shape and type.

    Raises `ValueError` for a file that is cut off, or arrays of a type that numpy does not have.
    """
    if len(data) < 8:
        raise ValueError(f"{len(data)} bytes are no safetensors file")
    (length,) = struct.unpack("<Q", data[:8])
    header, body = json.loads(data[8 : 8 + length]), data[8 + length :]
    header.pop("__metadata__", None)
    return {name: _array(name, entry, body) for name, entry in header.items()}


def _array(name: str, entry: Mapping[str, Any], body: bytes) -> Any:
    begin, end = entry["data_offsets"]
    if end > len(body):
        raise ValueError(f"array {name!r} ends at byte {end}, the file at {len(body)}: it is cut off")
    if entry["dtype"] not in _DTYPES:
        raise ValueError(f"array {name!r} is {entry['dtype']}; known are {', '.join(_DTYPES)}")
    return numpy().frombuffer(body[begin:end], _DTYPES[entry["dtype"]]).reshape(entry["shape"])
