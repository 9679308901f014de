"""For tests: allocators that refuse."""

from __future__ import annotations

import torch

EVER = 1 << 60
"""Bytes that no machine has."""


def host_refuses(rows: int) -> None:
    """What the processor's allocator raises, by asking it for more than there is."""
    torch.empty(EVER, dtype=torch.uint8)
    raise AssertionError(f"{EVER} bytes were there, and {rows} rows")


def gpu_refuses(rows: int) -> None:
    """What CUDA's allocator raises, at such length."""
    raise torch.OutOfMemoryError(f"CUDA out of memory. Tried to allocate {rows} rows.\nAnd much more is said.")
