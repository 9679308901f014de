"""For authors of kinds with lanes: Markov chains whose mean is known, the smallest kind whose blocks hang together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pydantic import Field

from burnish.wire import SpecBase
from burnish_workers.core.components import combine
from burnish_workers.core.decisions import EVENLY, Ahead, Decision
from burnish_workers.core.estimator import Answer, Arrays, Plan, Simulator, State, flatten, unflatten
from burnish_workers.core.inputs import Inputs
from burnish_workers.core.keys import Key
from burnish_workers.core.kind import Draft, Kind
from burnish_workers.core.moments import Moments, merge

PERSISTENCE = 0.9
"""x' = PERSISTENCE x + (1 - PERSISTENCE) e with e exponential: the mean is 1."""

STEPS = "steps"


class WalkSpec(SpecBase):
    """Estimate the mean of autoregressive chains (it is 1) from `lanes` of them."""

    kind: Literal["walk"]  # pyright: ignore[reportIncompatibleVariableOverride] - specs are frozen
    lanes: int = Field(default=8, ge=2, le=64)


@dataclass(frozen=True)
class WalkStatistics:
    """A column for each lane; the replicates are the means of the lanes."""

    lanes: int
    leading: str = "lanes"
    independent: bool = True

    def empty(self) -> State:
        return {STEPS: Moments.empty(self.lanes, 8)}

    def fold(self, state: State, stats: Arrays) -> State:
        return {STEPS: merge(state[STEPS], unflatten(stats)[STEPS])}

    def answer(self, state: State) -> Answer:
        steps = state[STEPS]
        means = Moments.of(steps.mean[steps.count > 0][:, None], 8)
        combined = combine({self.leading: means}, leading=self.leading)
        return Answer(combined, np.zeros(1), bias_known=True, parts={self.leading: means}, floor=0.0)

    def units(self, replicates: int) -> int:
        return replicates

    def cost(self, replicates: int) -> float:
        return float(replicates)

    def tuned(self, state: State) -> Plan:
        return {}

    def decide(self, state: State, ahead: Ahead) -> Decision:
        return EVENLY


@dataclass(frozen=True)
class WalkSimulator:
    lanes: int

    def init(self, lane: Key) -> Arrays:
        """At the mean, in the column of this lane: the last number of its key."""
        return {"x": np.array([1.0]), "lane": np.array([lane.path[-1]])}

    def advance(
        self, carry: Arrays, block: Key, start: int, replicates: int, decision: Decision = EVENLY
    ) -> tuple[Arrays, Arrays]:
        x, lane = float(carry["x"][0]), int(carry["lane"][0])
        values = np.full((replicates, self.lanes), np.nan)
        for i, shock in enumerate(block.generator().exponential(size=replicates)):
            x = PERSISTENCE * x + (1 - PERSISTENCE) * float(shock)
            values[i, lane] = x
        moments = Moments.of(values, 8)
        clean = {**moments.to_arrays(), "nonfinite": np.zeros(self.lanes, dtype=np.int64)}
        return {"x": np.array([x]), "lane": carry["lane"]}, flatten({STEPS: Moments.from_arrays(clean)})


def _draft(spec: WalkSpec, numeric_class: str, inputs: Inputs) -> Draft:
    return Draft("mean", 1, 1, spec, 1, 8, 1, {}, lanes=spec.lanes)


def _build(spec: WalkSpec, device: str, inputs: Inputs) -> Simulator:
    return WalkSimulator(spec.lanes)


KIND = Kind(
    name="walk",
    summary="A test: chains whose blocks go on from each other.",
    spec=WalkSpec,
    check=lambda spec, inputs: None,
    draft=_draft,
    statistics=lambda spec, inputs: WalkStatistics(spec.lanes),
    load=lambda: _build,
    examples=lambda: [{"kind": "walk", "budget": {"units": 4096}, "seed": 1}],
)
"""Registered by BURNISH_EXTRA_KINDS=burnish_workers.testing_lanes."""


def resolved_walk(steps: int, *, lanes: int = 8, block: int = 32, seed: int = 3, **more: Any) -> Mapping[str, Any]:
    """A resolved spec of so many blocks in each lane."""
    return {
        "kind": "walk",
        "lanes": lanes,
        "budget": {"units": steps * lanes * block},
        "seed": seed,
        "resolution": {
            "version": 1,
            "estimator": "mean",
            "numeric_class": "any",
            "first_block": block,
            "block": block,
            "blocks_planned": steps * lanes,
            "first_look": 2 * lanes,
            "micro_batch": 1,
            "tail": 8,
            "extensible": True,
            "lanes": lanes,
        },
        **more,
    }
