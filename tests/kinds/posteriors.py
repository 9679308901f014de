"""Jobs of kind `posterior` in miniature, for tests: a spec, its islands, its statistics."""

from __future__ import annotations

from typing import Any

import numpy as np

from burnish.wire.specs.posterior import PosteriorSpec
from burnish_workers.core.estimator import Answer, Simulator, Statistics
from burnish_workers.core.inputs import NOTHING
from burnish_workers.core.keys import block_key
from burnish_workers.core.registry import registry
from burnish_workers.engine.resolve import provisional
from burnish_workers.kinds.posterior.references.mixture import Gaussians

KIND = registry().get("posterior")
MEANS = [[-3.0, -3.0], [0.0, 3.0], [3.0, 0.0]]
MATRIX, Y, SIGMA = [[0.8, 0.6]], [1.0], 0.5
BODY: dict[str, Any] = {
    "kind": "posterior",
    "prior": {"mixture": {"means": MEANS, "weights": [1.0, 2.0, 1.0]}},
    "observation": {"operator": {"type": "matrix", "matrix": MATRIX}, "y": Y, "sigma": SIGMA},
    "outputs": ["mean"],
    "budget": {"units": 10_000},
    "seed": 1,
}


def exact() -> Gaussians:
    """The posterior of the mixture in BODY."""
    prior = Gaussians.of(np.array(MEANS), np.array([1.0, 2.0, 1.0]))
    return prior.posterior(np.array(MATRIX), np.array(Y), np.array([SIGMA**2]))


def spec_of(**more: Any) -> PosteriorSpec:
    return PosteriorSpec.model_validate({**BODY, **more})


def resolved(spec: PosteriorSpec, **plan: Any) -> PosteriorSpec:
    """With a resolution good for single blocks."""
    KIND.check(spec, NOTHING)
    resolution = provisional(KIND.draft(spec, "any", NOTHING), "any")
    changed = resolution.model_copy(update={"plan": {**resolution.plan, **plan}})
    return spec.model_copy(update={"resolution": changed})


def built(spec: PosteriorSpec) -> tuple[Simulator, Statistics]:
    return KIND.load()(spec, "cpu", NOTHING), KIND.statistics(spec, NOTHING)


def simulated(spec: PosteriorSpec, *replicates: int, seed: int = 1) -> tuple[Any, Answer]:
    """The folded state and the answer of blocks of so many replicates."""
    simulator, statistics = built(spec)
    state, start = statistics.empty(), 0
    for index, count in enumerate(replicates):
        _, block = simulator.advance({}, block_key(seed, 0, index), start, count)
        state, start = statistics.fold(state, block), start + count
    return state, statistics.answer(state)
