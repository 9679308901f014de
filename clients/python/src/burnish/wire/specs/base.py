"""What every job asks for, whatever its kind, and what the server resolved it to."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from burnish.wire.base import Wire
from burnish.wire.budget import Budget

MAX_SEED = 2**53 - 1
"""Seeds travel through JSON, where integers beyond 2^53 lose bits."""


class Multiplicity(Wire):
    """The chance `alpha` of a miss that each of `outputs` outputs may have, so that all hold together.

    `sidak`: outputs that share no randomness, exact; `bonferroni`: any; `max_t`: by how they moved together in the
    pilot; `none`: one output, or each on its own.
    """

    method: Literal["none", "sidak", "bonferroni", "max_t"]
    outputs: int = Field(ge=1, le=10**7)
    alpha: float = Field(gt=0, lt=1)


class Resolution(Wire):
    """Everything the server decided before block 0, written into the job and never revised: where memory does not hold
    it, the job says so and begins again by another one.

    Post a job's `resolved` spec (the spec with this filled in) to replay it: the answer after K blocks is a pure
    function of (resolved spec, seed, K), where `replayable`. Counts of replicates are per output.
    """

    version: int = Field(ge=1, description="Version of the estimator's numerics.")
    estimator: str
    numeric_class: str = Field(max_length=200, description="Device, instruction set, torch version, threads.")
    first_block: int = Field(ge=1, le=10**6, description="Replicates in block 0, small so that something shows soon.")
    block: int = Field(ge=1, le=10**6, description="Replicates in each later block.")
    blocks_planned: int = Field(ge=1, le=10**7, description="K_0: the look schedule ends here (epoch 0).")
    first_look: int = Field(ge=1, le=10**7, description="The first look, in blocks, is not before this.")
    extra_looks: list[int] = Field(default=[], max_length=4)
    micro_batch: int = Field(ge=1, le=10**6, description="Rows per tensor operation; results depend on it.")
    tail: int = Field(ge=8, le=4096, description="Extreme replicates kept on each side, per output.")
    extensible: bool
    lanes: int | None = Field(
        default=None,
        ge=1,
        le=4_096,
        description="Chains: block i continues block i - lanes. null: none.",
    )
    each: int | None = Field(
        default=None,
        ge=1,
        le=4_096,
        description="Blocks of an observation, one in each lane: every multiple is a look, with an answer of its own. "
        "null: the job assimilates no observations.",
    )
    decides_from: int | None = Field(
        default=None,
        ge=1,
        le=10**7,
        description="Looks from this block count on decide how later blocks share their samples among outputs; null: "
        "evenly, always.",
    )
    multiplicity: Multiplicity | None = Field(default=None, description="null: each output on its own.")
    replayable: bool = Field(
        default=True,
        description="false: something outside the service draws too, such as the server of a language model. The same "
        "spec and seed then give another answer by the same law, and `verify` has nothing to compare.",
    )
    plan: dict[str, int | float | str | bool] = Field(default={}, description="What the kind itself resolved.")

    @model_validator(mode="after")
    def _one_block_in_each_lane(self) -> Self:
        if self.each is not None and (self.each != self.lanes or self.decides_from is not None):
            raise ValueError(
                f"each is {self.each}, lanes {self.lanes} and decides_from {self.decides_from}: with observations each "
                "is lanes, and decides_from null"
            )
        return self


class SpecBase(Wire):
    """The fields that all kinds share."""

    kind: str
    budget: Budget
    level: float = Field(default=0.95, ge=0.5, le=0.9999, description="Confidence level of the intervals.")
    interval: Literal["stream", "fixed", "open", "bounded"] = Field(
        default="stream",
        description="stream: at planned looks, valid whenever you stop watching; fixed: only the final answer counts; "
        "open: at every moment without end, wider; bounded: for replicates with declared `bounds`, never refused.",
    )
    bounds: list[float] | None = Field(
        default=None,
        min_length=2,
        max_length=2,
        description="[low, high]: where every replicate of every output lies, for `interval: bounded`.",
    )
    simultaneous: bool = Field(default=True, description="Whether intervals hold for all outputs together.")
    seed: int | None = Field(default=None, ge=0, le=MAX_SEED, description="Drawn by the server when not given.")
    extensible: bool | None = Field(
        default=None,
        description="Reserve confidence for thinking longer. Default: true, false with a tolerance and nothing else.",
    )
    weight: float = Field(default=1.0, ge=0.1, le=10, description="Share of the pool relative to other jobs.")
    metadata: dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=512)]] = Field(
        default={}, max_length=16
    )
    resolution: Resolution | None = Field(default=None, description="Given: replay exactly this; else resolved.")

    @model_validator(mode="after")
    def _bounds_where_needed(self) -> Self:
        if (self.bounds is not None) != (self.interval == "bounded"):
            raise ValueError(f"interval is {self.interval!r} and bounds are {self.bounds}: give both or neither")
        if self.bounds is not None and not self.bounds[0] < self.bounds[1]:
            raise ValueError(f"bounds are {self.bounds}: give [low, high] with low < high")
        return self
