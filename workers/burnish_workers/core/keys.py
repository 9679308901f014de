"""The tree of random streams: a key is the only source of randomness that a block may use.

A key is a seed and a path of small integers. `numpy.random.SeedSequence(seed, spawn_key=path)` hashes both, so that
streams of different paths are independent for all practical purposes and none depends on the order in which the
others were asked for. The first integer of a path names a branch, so that what is drawn for one purpose (the
discarded pilot) is never drawn again for another (the blocks that count).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BLOCKS = 0
"""Branch of the blocks: (BLOCKS, lane, index)."""
PILOT = 1
"""Branch of the discarded pilot."""
LANES = 2
"""Branch of what a lane draws before its first block: (LANES, lane)."""
LOOKS = 3
"""Branch of what is drawn when a look is reported, such as bootstrap multipliers: (LOOKS, blocks)."""
FITS = 4
"""Branch of what a model is trained with: (FITS, 0), and (FITS, 1, i) for trial i, which is thrown away."""

_WORD = 2**32
_SEED_LIMIT = 2**128


@dataclass(frozen=True)
class Key:
    """A node in the tree of random streams.

    Args:
        seed: the job's seed, 0 <= seed < 2**128.
        path: the way from the root, each step in 0 <= step < 2**32.

    Raises:
        ValueError: a seed or step out of range. A step of two 32-bit words would hash like two steps of one word.
    """

    seed: int
    path: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.seed < _SEED_LIMIT:
            raise ValueError(f"seed {self.seed} is out of range: give an integer in [0, 2**128)")
        bad = [step for step in self.path if not 0 <= step < _WORD]
        if bad:
            raise ValueError(f"path {self.path} holds {bad[0]}: every step must be an integer in [0, 2**32)")

    def child(self, *path: int) -> Key:
        """The key at `path` below this one."""
        return Key(self.seed, self.path + path)

    def generator(self) -> np.random.Generator:
        """A fresh Philox generator at the start of this key's stream."""
        return np.random.Generator(np.random.Philox(self._sequence()))

    def bits64(self) -> int:
        """An integer in [0, 2**63) for libraries that are seeded by one number.

        A generator that keeps fewer bits of it makes keys collide: among B blocks with 32 bits the chance is
        about B^2 / 2^33, 1 % at B = 10^4. Such generators are to be filled from `words`.
        """
        return int(self._sequence().generate_state(1, np.uint64)[0] >> np.uint64(1))

    def words(self, count: int) -> NDArray[np.uint32]:
        """`count` 32-bit words of state, for generators whose state can be set as a whole (624 for Mersenne)."""
        return self._sequence().generate_state(count, np.uint32).astype(np.uint32, copy=False)

    def _sequence(self) -> np.random.SeedSequence:
        return np.random.SeedSequence(self.seed, spawn_key=self.path)


def block_key(seed: int, lane: int, index: int) -> Key:
    """The randomness of block `index` on `lane`."""
    return Key(seed, (BLOCKS, lane, index))


def lane_key(seed: int, lane: int) -> Key:
    """The randomness with which `lane` starts, before its first block."""
    return Key(seed, (LANES, lane))


def fit_key(seed: int) -> Key:
    """The randomness with which the job's model is trained."""
    return Key(seed, (FITS, 0))


def trial_fit_key(seed: int, index: int) -> Key:
    """The randomness of trial fit `index`."""
    return Key(seed, (FITS, 1, index))


def pilot_key(seed: int) -> Key:
    """The randomness of the discarded pilot, which shares nothing with any block."""
    return Key(seed, (PILOT,))
