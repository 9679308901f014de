"""For tests of what happens when memory runs out: a kind whose blocks take rows of memory, and find so much of it.

As in kinds that compute on tensors, results depend on the micro-batch: every one of a block has a stream of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pydantic import Field

from burnish.wire import SpecBase
from burnish_workers.core.decisions import EVENLY, Decision
from burnish_workers.core.estimator import Arrays, Simulator, flatten
from burnish_workers.core.inputs import Inputs
from burnish_workers.core.keys import Key
from burnish_workers.core.kind import Draft, Kind, resolution_of
from burnish_workers.core.moments import Moments
from burnish_workers.testing import MEAN, CorrelatedStatistics


class HungrySpec(SpecBase):
    """Estimate the mean of exponential variables (it is 1), in micro-batches of up to `rows` replicates."""

    kind: Literal["hungry"]  # pyright: ignore[reportIncompatibleVariableOverride] - specs are frozen
    rows: int = Field(default=64, ge=1, le=10**6, description="The micro-batch that is drafted.")
    room: int = Field(default=10**6, ge=0, description="Rows that fit into memory.")
    since: int = Field(default=0, ge=0, description="The replicate from which on only so many fit.")
    memory: Literal["gpu", "host"] = Field(default="gpu", description="Whose allocator refuses.")


@dataclass(frozen=True)
class HungrySimulator:
    spec: HungrySpec
    rows: int
    tail: int

    def init(self, lane: Key) -> Arrays:
        return {}

    def advance(
        self, carry: Arrays, block: Key, start: int, replicates: int, decision: Decision = EVENLY
    ) -> tuple[Arrays, Arrays]:
        if self.rows > self.spec.room and start + replicates > self.spec.since:
            self._run_out()
        parts = range(0, replicates, self.rows)
        drawn = [
            block.child(i).generator().exponential(size=min(self.rows, replicates - at)) for i, at in enumerate(parts)
        ]
        return carry, flatten({MEAN: Moments.of(np.concatenate(drawn)[:, None], self.tail)})

    def _run_out(self) -> None:
        from burnish_workers.tensors.refusing import gpu_refuses, host_refuses  # torch is imported where blocks run

        (host_refuses if self.spec.memory == "host" else gpu_refuses)(self.rows)


def _draft(spec: HungrySpec, numeric_class: str, inputs: Inputs) -> Draft:
    return Draft("mean", 1, 1, spec, 1, 8, spec.rows, {})


def _build(spec: HungrySpec, device: str, inputs: Inputs) -> Simulator:
    resolution = resolution_of(spec)
    return HungrySimulator(spec, resolution.micro_batch, resolution.tail)


KIND = Kind(
    name="hungry",
    summary="A test: blocks that may not fit into memory.",
    spec=HungrySpec,
    check=lambda spec, inputs: None,
    draft=_draft,
    statistics=lambda spec, inputs: CorrelatedStatistics(resolution_of(spec).tail),
    load=lambda: _build,
    examples=lambda: [{"kind": "hungry", "budget": {"units": 256}, "seed": 1}],
)
"""Registered by BURNISH_EXTRA_KINDS=burnish_workers.testing_memory."""


def resolved_hungry(blocks: int, *, replicates: int = 16, rows: int = 8, **more: Any) -> dict[str, Any]:
    """A spec of `blocks` equal blocks that is resolved already."""
    resolution = {
        "version": 1,
        "estimator": "mean",
        "numeric_class": "any",
        "first_block": replicates,
        "block": replicates,
        "blocks_planned": blocks,
        "first_look": 2,
        "micro_batch": rows,
        "tail": 64,
        "extensible": True,
    }
    budget = {"units": blocks * replicates}
    return {"kind": "hungry", "budget": budget, "seed": 11, "rows": rows, "resolution": resolution, **more}
