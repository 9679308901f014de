"""Keys and values of R rows, each of a fixed length, written at a place of its own.

Attention always goes over the whole length, what a row may not see is masked: so shapes, and with them the order of all
sums, never depend on how far a row is or who is beside it. One more place behind the end takes what idle rows write.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import Cache, CacheLayerMixin


class _Layer(CacheLayerMixin):
    """Keys and values (R, heads, length + 1, d) of one layer."""

    def __init__(self, memory: Memory):
        super().__init__()
        self.memory = memory

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        # Zeros: what is masked has weight 0 and must be finite.
        shape = (self.memory.rows, key_states.shape[1], self.memory.length + 1)
        self.keys = key_states.new_zeros(*shape, key_states.shape[3])
        self.values = value_states.new_zeros(*shape, value_states.shape[3])
        self.is_initialized = True

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        assert self.keys is not None
        assert self.values is not None
        rows, at = self.memory.places
        self.keys[rows, :, at] = key_states.transpose(1, 2)
        self.values[rows, :, at] = value_states.transpose(1, 2)
        return self.keys, self.values

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self.memory.length + 1, 0

    def get_seq_length(self) -> int:
        return 0

    def get_max_length(self) -> int:
        return self.memory.length


class Memory:
    """Of `rows` rows and `length` places, and the one behind them, number `length`."""

    def __init__(self, rows: int, length: int, layers: int):
        self.rows, self.length = rows, length
        self.layers = [_Layer(self) for _ in range(layers)]
        self.cache = Cache(layers=list(self.layers))
        self.places: tuple[Tensor, Tensor] = (torch.zeros(0), torch.zeros(0))

    def write_at(self, places: Tensor) -> None:
        """Where the next pass writes: (R, q) for q tokens of each row."""
        self.places = (torch.arange(self.rows, device=places.device)[:, None], places)

    def take(self, row: int, other: Memory, source: int, length: int) -> None:
        """Copy the first `length` places of row `source` of another memory, or of this one."""
        for own, layer in zip(self.layers, other.layers, strict=True):
            assert layer.keys is not None
            assert layer.values is not None
            if not own.is_initialized:
                own.lazy_initialization(layer.keys, layer.values)
            assert own.keys is not None
            assert own.values is not None
            own.keys[row, :, :length] = layer.keys[source, :, :length]
            own.values[row, :, :length] = layer.values[source, :, :length]
