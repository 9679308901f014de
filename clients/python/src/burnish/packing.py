"""Arrays of any library within a spec: small ones are packed into it, large ones uploaded and named. No I/O here."""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping, Sequence
from typing import Any, Protocol, cast, runtime_checkable

from pydantic import BaseModel

from burnish import wire

LARGEST = 2**20
"""Bytes of an array that travels within a spec; a larger one is uploaded first."""

_MODELS = ("model", "classifier", "denoiser")
"""Fields whose value is the id of an uploaded model."""


@runtime_checkable
class Tensor(Protocol):
    """Arrays and tensors of any library that numpy understands."""

    @property
    def shape(self) -> Sequence[int]: ...
    @property
    def dtype(self) -> Any: ...
    def tolist(self) -> Any: ...
    def __array__(self) -> Any: ...


Uploading = Generator[Tensor, str, Any]
"""Yields arrays that are to be uploaded, is sent the id of each, and returns the value in the terms of the wire."""


def packed(value: Any, field: str = "") -> Uploading:
    """The value as JSON can hold it: what `upload_model` and `upload_array` gave by id, arrays packed or uploaded.

    `field`: the name of the field that the value is of.
    """
    if isinstance(value, wire.StoredFile):
        return value.id if field in _MODELS else {value.type: value.id}
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_unset=True)
    if isinstance(value, Tensor):
        return (yield from _array(value))
    if isinstance(value, Mapping):
        result = dict[str, Any]()
        for name, item in cast("Mapping[str, Any]", value).items():
            result[name] = yield from packed(item, name)
        return result
    if isinstance(value, list | tuple):
        items = list[Any]()
        for item in cast("Sequence[Any]", value):
            items.append((yield from _listed(item)))
        return items
    return value


def _listed(value: Any) -> Uploading:
    """An item of a list, which has no field: rows may be arrays, and stay rows."""
    if isinstance(value, Tensor):
        return value.tolist()
    return (yield from packed(value))


def _array(value: Tensor) -> Uploading:
    shape = [int(n) for n in value.shape]
    single = "float32" in str(value.dtype)
    if not shape:
        return value.tolist()
    if math.prod(shape) * (4 if single else 8) > LARGEST:
        return {"array": (yield value)}
    return wire.Array.pack(shape, _flat(value.tolist(), len(shape)), "float32" if single else "float64").model_dump()


def _flat(rows: Any, axes: int) -> list[float]:
    if axes == 1:
        return [float(number) for number in rows]
    return [number for row in rows for number in _flat(row, axes - 1)]
