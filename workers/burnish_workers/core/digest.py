"""Digests: equal answers have equal bytes, whatever wrote them down.

`canonical` is the JSON canonicalisation scheme of RFC 8785: keys sorted by UTF-16 code units, no spaces, numbers as
ECMAScript prints them. So 1.0 and 1 are the same number, -0.0 is 0, and a client in another language that reads a
payload and canonicalises it gets the same digest. One deviation: integers beyond 2**53 are written exactly.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray


def canonical(value: object) -> bytes:
    """Canonical JSON of plain data: None, bool, int, float, str, sequences, mappings by str, numpy arrays and numbers.

    Raises:
        ValueError: a nan or infinity, which JSON cannot hold: say None where a number is unknown.
        TypeError: anything else, or a key that is not a str.
    """
    return _write(value, "$").encode()


def digest(value: object) -> str:
    """sha256 of the canonical JSON, as "sha256:<hex>"."""
    return "sha256:" + hashlib.sha256(canonical(value)).hexdigest()


def digest_arrays(arrays: Mapping[str, NDArray[Any]]) -> str:
    """sha256 of named arrays, in order of name: type, shape and little-endian bytes in C order, as "sha256:<hex>".

    Every nan counts as the same nan; -0.0 and 0.0 differ.

    Raises:
        TypeError: an array that is not of booleans, integers or floats.
    """
    total = hashlib.sha256()
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        if array.dtype.kind not in "biuf":
            raise TypeError(f"array {name!r} has type {array.dtype}: only booleans, integers and floats have a digest")
        if array.dtype.kind == "f":
            array = np.where(np.isnan(array), np.array(np.nan, array.dtype), array)
        array = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        total.update(canonical([name, array.dtype.str, list(array.shape)]) + b"\n")
        total.update(array.tobytes())
    return "sha256:" + total.hexdigest()


def _write(value: object, where: str) -> str:
    if isinstance(value, np.generic | np.ndarray):
        value = cast("object", value.tolist())
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float):
        return _number(float(value), where)
    if isinstance(value, Mapping):
        return _object(cast("Mapping[object, object]", value), where)
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        items = cast("Sequence[object]", value)
        return "[" + ",".join(_write(item, f"{where}[{i}]") for i, item in enumerate(items)) + "]"
    raise TypeError(f"{where} is a {type(value).__name__}: only plain JSON data and numpy arrays have a canonical form")


def _object(value: Mapping[object, object], where: str) -> str:
    keys: list[str] = []
    for key in value:
        if not isinstance(key, str):
            raise TypeError(f"{where} has the key {key!r}: keys must be strings")
        keys.append(key)
    keys.sort(key=lambda key: key.encode("utf-16-be"))
    return "{" + ",".join(f"{_write(key, where)}:{_write(value[key], f'{where}.{key}')}" for key in keys) + "}"


def _number(value: float, where: str) -> str:
    """The shortest digits that read back as `value`, laid out as ECMAScript's Number::toString does."""
    if not math.isfinite(value):
        raise ValueError(f"{where} is {value}: JSON has no such number, put None where a value is unknown")
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    parts = Decimal(repr(abs(value))).as_tuple()
    digits = "".join(map(str, parts.digits))
    return sign + _layout(digits.rstrip("0"), len(digits) + int(parts.exponent))


def _layout(digits: str, point: int) -> str:
    """0.digits times 10**point, in plain or exponent form."""
    if len(digits) <= point <= 21:
        return digits.ljust(point, "0")
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return "0." + "0" * -point + digits
    part = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{digits[0]}{part}e{point - 1:+d}"
