"""Pictures of a posterior over images: mean, standard deviation and samples side by side, as a PNG.

Written here, not by an imaging library: jobs are conducted where nothing but numpy need be installed, and a PNG is
deflated rows of bytes (ISO/IEC 15948).
"""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import ArrayLike, NDArray

_Pixels = NDArray[np.uint8]

SAMPLES, COLUMNS, CELL, GAP = 16, 6, 64, 4
"""At most so many samples, cells in a row, pixels of a cell's shorter side, and pixels between cells."""

_PAGE, _INK = 40, 220
"""Greys of the page, which sets black cells apart, and of its labels."""

_LABEL = 14
"""Pixels above a cell for its label: glyphs of 3 x 5 dots, two pixels each."""
_GLYPHS = {
    "0": "75557",
    "1": "26227",
    "2": "71747",
    "3": "71317",
    "4": "55711",
    "5": "74717",
    "6": "74757",
    "7": "71122",
    "8": "75757",
    "9": "75717",
    "a": "07357",
    "d": "11757",
    "e": "07747",
    "m": "05775",
    "n": "06555",
    "s": "03616",
    "t": "27223",
}
"""Each glyph is five rows of three dots, as octal digits."""


def posterior_png(mean: ArrayLike, std: ArrayLike, samples: ArrayLike) -> bytes:
    """A picture of the mean, the standard deviation, and up to 16 samples, each labelled.

    Mean and samples share one scale, black at their least value and white at their greatest; the standard deviation has
    its own, from 0. Unknown values are black. Pixels are enlarged to cells of at least 64.

    Args:
        mean, std: (h, w), (1, h, w) or (3, h, w), channels first.
        samples: (n,) and the same.

    Raises:
        ValueError: no picture has such a shape.
    """
    centre, spread, drawn = (np.asarray(x, np.float64) for x in (mean, std, samples))
    if centre.ndim not in (2, 3) or (centre.ndim == 3 and centre.shape[0] not in (1, 3)) or 0 in centre.shape:
        raise ValueError(f"shape {centre.shape} is no picture: give (h, w), (1, h, w) or (3, h, w)")
    drawn = drawn[:SAMPLES]
    known = np.concatenate([centre.ravel(), drawn.ravel()])
    known = known[np.isfinite(known)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    cells = [("mean", centre, low, high), ("std", spread, 0.0, float(np.nanmax(spread, initial=0.0)))]
    cells += [(str(i + 1), sample, low, high) for i, sample in enumerate(drawn)]
    return png(_grid([_cell(label, _grey(values, lowest, top)) for label, values, lowest, top in cells]))


def png(pixels: _Pixels) -> bytes:
    """An image (h, w, 3) of bytes as a PNG of eight bits a channel."""
    height, width, _ = pixels.shape
    rows = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, -1)], axis=1)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _grey(values: NDArray[np.float64], low: float, high: float) -> _Pixels:
    """(h, w) or (c, h, w) on a scale from low to high, enlarged: (H, W, 3)."""
    planes = values[None] if values.ndim == 2 else values
    scaled = np.clip((planes - low) / (high - low if high > low else 1.0), 0.0, 1.0)
    levels = np.round(255 * np.nan_to_num(scaled)).astype(np.uint8)
    pixels = np.moveaxis(np.broadcast_to(levels, (3, *levels.shape[1:])), 0, 2)
    factor = -(-CELL // min(pixels.shape[:2]))
    return pixels.repeat(factor, axis=0).repeat(factor, axis=1)


def _cell(label: str, pixels: _Pixels) -> _Pixels:
    """The pixels below their label."""
    strip = np.full((_LABEL, pixels.shape[1], 3), _PAGE, np.uint8)
    x = 0
    for letter in label:
        dots = np.array([[int(row) >> (2 - i) & 1 for i in range(3)] for row in _GLYPHS[letter]], np.uint8)
        dots = dots.repeat(2, axis=0).repeat(2, axis=1)
        strip[1 : 1 + len(dots), x : x + 6] = np.where(dots, _INK, _PAGE)[:, :, None]
        x += 8
    return np.concatenate([strip, pixels])


def _grid(cells: list[_Pixels]) -> _Pixels:
    height, width, _ = cells[0].shape
    columns = min(COLUMNS, len(cells))
    rows = -(-len(cells) // columns)
    page = np.full((rows * (height + GAP) + GAP, columns * (width + GAP) + GAP, 3), _PAGE, np.uint8)
    for i, cell in enumerate(cells):
        top, left = (GAP + at * (size + GAP) for at, size in zip(divmod(i, columns), (height, width), strict=True))
        page[top : top + height, left : left + width] = cell
    return page
