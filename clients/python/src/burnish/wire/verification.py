"""Whether blocks of a job reproduce when they are run again."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from burnish.wire.base import Received, Wire

MOST_BLOCKS = 1_000


class VerifyRequest(Wire):
    """Which blocks to run again: so many drawn at random, or those named."""

    blocks: int | None = Field(default=None, ge=1, le=MOST_BLOCKS, description="Default: 8, or all if there are fewer.")
    indices: list[int] | None = Field(default=None, min_length=1, max_length=MOST_BLOCKS)

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.blocks is not None and self.indices is not None:
            raise ValueError("give blocks (how many) or indices (which), not both")
        return self


class VerifiedBlock(Received):
    """One block, run again. `largest_difference`: of its means, relative to their size and spread."""

    index: int
    reproduced: bool
    digest: str
    expected: str
    numeric_class: str
    comparison: Literal["digest", "numbers"]
    largest_difference: float


class Verification(Received):
    """The verdict. `comparison` is `digest` (equal bits) where blocks ran again on the numeric class that they first
    ran on; else `numbers`: their means must agree to 1e-5, and the bits may differ.
    """

    job_id: str
    reproduced: bool
    comparison: Literal["digest", "numbers"]
    blocks: list[VerifiedBlock]
    of: int
