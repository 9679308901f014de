"""Training as workers do it: slices of steps from a carry, and the model as a file when it is asked for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from burnish.wire.specs.surrogate import SurrogateSpec
from burnish_workers.core.decisions import EVENLY, Decision
from burnish_workers.core.estimator import Arrays
from burnish_workers.core.fitting import MODEL, as_array
from burnish_workers.core.inputs import Inputs
from burnish_workers.core.keys import Key
from burnish_workers.kinds.surrogate.fits import fit_of
from burnish_workers.kinds.surrogate.fitting import Trainer
from burnish_workers.kinds.surrogate.problem import equation_of, points_of, problem_of
from burnish_workers.tensors.cards import card_bytes
from burnish_workers.tensors.devices import resolve_device

DONE = "done"


@dataclass(frozen=True)
class FittingSimulator:
    """The simulator of a spec that is to be fitted: a replicate is a training step."""

    spec: SurrogateSpec
    trainer: Trainer
    total: int

    def init(self, lane: Key) -> Arrays:
        return {**self.trainer.begin(lane), DONE: np.array(0)}

    def advance(
        self, carry: Arrays, block: Key, start: int, replicates: int, decision: Decision = EVENLY
    ) -> tuple[Arrays, Arrays]:
        state = {name: array for name, array in carry.items() if name != DONE}
        if replicates == 0:
            about = {**_about(self.spec), "steps": int(carry[DONE]), "seed": block.seed}
            return carry, {MODEL: as_array(card_bytes(self.trainer.field(state), about))}
        state, sums = self.trainer.advance(state, block, start, replicates, self.total)
        return {**state, DONE: np.array(start + replicates)}, sums


def build_fitting(spec: SurrogateSpec, device: str, inputs: Inputs) -> FittingSimulator:
    """The trainer of a spec whose fit says how many steps it has."""
    fit, problem = fit_of(spec), problem_of(spec)
    assert fit is not None
    assert fit.steps is not None
    points = points_of(spec, problem.dim, problem.horizon, inputs)
    return FittingSimulator(spec, Trainer.of(problem, points, fit, resolve_device(device)), fit.steps)


def _about(spec: SurrogateSpec) -> dict[str, object]:
    """Provenance: nothing that depends on who trained it, or how fast."""
    fit = fit_of(spec)
    assert fit is not None
    return {
        "problem": equation_of(spec)[0].model_dump(mode="json"),
        "trained": "physics-informed network, fitted as a stage of a job",
        "fit": fit.model_dump(mode="json", exclude_none=True),
    }
