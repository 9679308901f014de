"""Block order, not arrival order: what is published is the fold over the contiguous prefix of blocks.

Averaging whatever has come back by some moment selects on duration, and so on value where the two are correlated
(Glynn and Heidelberger 1990, 1991). The first K blocks, for any K fixed beforehand, are free of that bias, and folded
in index order they give the same bits for any number of workers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Arrival(Generic[T]):
    """What the arrival of one block led to.

    Attributes:
        ready: the blocks that may now be folded, (index, item) in index order; empty while one before them is missing.
        duplicate: the block had arrived before, so that this copy was dropped.
        conflict: it was a duplicate of another digest than the first copy: the block is no pure function of its key,
            or ran on another numeric class.
    """

    ready: tuple[tuple[int, T], ...] = ()
    duplicate: bool = False
    conflict: bool = False


class OrderedFold(Generic[T]):
    """A buffer that takes blocks in any order and hands them on in index order, each once.

    A block may be run twice (its worker was thought dead, or it straggled): the first copy counts.

    Args:
        frontier: first index that has not been folded yet; > 0 when a job resumes from its store. Copies of blocks
            that were folded before that are dropped without a comparison of digests.
    """

    def __init__(self, frontier: int = 0) -> None:
        if frontier < 0:
            raise ValueError(f"frontier {frontier} is negative: the first block has index 0")
        self._frontier = frontier
        self._waiting: dict[int, T] = {}
        self._digests: dict[int, str] = {}

    @property
    def frontier(self) -> int:
        """K, the length of the contiguous prefix: blocks 0..K-1 have been handed on."""
        return self._frontier

    @property
    def waiting(self) -> int:
        """Blocks that have arrived but wait for one before them."""
        return len(self._waiting)

    def put(self, index: int, item: T, digest: str) -> Arrival[T]:
        """Take block `index` whose statistics have this digest."""
        if index < 0:
            raise ValueError(f"block {index} cannot be: the first block has index 0")
        if index < self._frontier or index in self._waiting:
            return Arrival(duplicate=True, conflict=self._digests.get(index, digest) != digest)
        self._waiting[index], self._digests[index] = item, digest
        start = self._frontier
        while self._frontier in self._waiting:
            self._frontier += 1
        return Arrival(ready=tuple((i, self._waiting.pop(i)) for i in range(start, self._frontier)))
