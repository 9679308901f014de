"""Reading the arrays of an answer without numpy: safetensors files of float64.

Eight bytes with the length n of the header, little-endian; n bytes of JSON, name -> {dtype, shape, data_offsets}; the
numbers. With numpy, `safetensors.numpy.load(data)` gives the same as arrays.
"""

from __future__ import annotations

import json
import math
import struct
import sys
from array import array


def read(data: bytes) -> dict[str, list[float | None]]:
    """The arrays by name, flat; `None` for nan. Raises ValueError for anything but float64 in a whole file."""
    if len(data) < 8:
        raise ValueError(f"{len(data)} bytes are no safetensors file")
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    body = data[8 + length :]
    found: dict[str, list[float | None]] = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        if entry["dtype"] != "F64" or end > len(body) or (end - begin) % 8:
            raise ValueError(
                f"array {name!r} is {entry['dtype']} at {begin}..{end} of {len(body)} bytes; float64 is read"
            )
        numbers = array("d", body[begin:end])
        if sys.byteorder == "big":
            numbers.byteswap()
        found[name] = [None if math.isnan(x) else x for x in numbers]
    return found
