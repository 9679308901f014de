"""Torch generators from keys; no other file on this floor makes one."""

from __future__ import annotations

import numpy as np
import torch

from burnish_workers.core.keys import Key

_MERSENNE_WORDS = 624
# torch's CPU state: seed (8 bytes), words left (4), seeded flag (4), next word (8), 624 words of 8 bytes each, then
# the cached normals.
_FIRST_WORD = 24
_CPU_STATE_BYTES = 5056


def torch_generator(key: Key, device: torch.device | str = "cpu") -> torch.Generator:
    """A fresh generator whose stream is determined by the key (and by the kind of device).

    A GPU's Philox takes 64 bits of seed. The CPU's Mersenne twister keeps only 32 bits of what manual_seed is given,
    so that two of 10^5 blocks would share a stream with probability 0.7; it is filled from 624 words of the key.
    Raises RuntimeError where this torch lays out the state of its CPU generator differently.
    """
    device = torch.device(device)
    if device.type == "meta":  # shapes alone: nothing is drawn, and there are no generators for it
        device = torch.device("cpu")
    generator = torch.Generator(device).manual_seed(key.bits64())
    if device.type == "cpu":
        _fill(generator, key)
    return generator


def _fill(generator: torch.Generator, key: Key) -> None:
    state = generator.get_state().numpy()
    words = state[_FIRST_WORD : _FIRST_WORD + 8 * _MERSENNE_WORDS].view(np.uint64)
    if len(state) != _CPU_STATE_BYTES or words[0] != key.bits64() % 2**32:
        raise RuntimeError(
            f"torch {torch.__version__} keeps its CPU generator's state in a layout this version does not know "
            f"({len(state)} bytes); install the torch version that burnish-server pins"
        )
    words[:] = key.words(_MERSENNE_WORDS)
    generator.set_state(torch.from_numpy(state))
