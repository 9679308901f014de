"""Jobs of kind `posterior` without the engine: islands of a spec with their samples and CPU-seconds, in one thread."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from burnish.wire.specs.posterior import PosteriorSpec
from burnish_workers.core.estimator import State
from burnish_workers.core.inputs import NOTHING
from burnish_workers.core.islands import Islands
from burnish_workers.core.keys import block_key, pilot_key
from burnish_workers.core.kind import Contestant
from burnish_workers.core.registry import registry
from burnish_workers.core.resampling import systematic
from burnish_workers.core.samples import MOST, Samples
from burnish_workers.engine.resolve import provisional
from burnish_workers.kinds.posterior.plan import ISLANDS, SAMPLES
from burnish_workers.kinds.posterior.problem import setting_of

Array = NDArray[np.float64]

KIND = registry().get("posterior")


@dataclass(frozen=True, eq=False)
class Run:
    """Folded islands of a spec; `build`: CPU-seconds before the first island, `seconds`: of all islands."""

    state: State
    build: float
    seconds: float
    units: int

    @property
    def islands(self) -> Islands:
        return self.state[ISLANDS]

    def draws(self, count: int, seed: int = 0) -> Array:
        """Samples with equal weights, (count, d): systematic in the weights of all islands together."""
        samples: Samples = self.state[SAMPLES]
        generator, weight = np.random.default_rng(seed), samples.weights
        size = len(weight)
        repeats = -(-count // size)
        index = np.concatenate([systematic(weight, generator) for _ in range(repeats)])
        return samples.x[generator.permutation(index)[:count]].astype(np.float64)


def resolved(body: dict[str, Any], **plan: Any) -> PosteriorSpec:
    """A posted spec with a resolution good for single blocks, and numbers of the plan that are to be other ones."""
    spec = PosteriorSpec.model_validate({"kind": "posterior", "budget": {"units": 1}, "seed": 1, **body})
    KIND.check(spec, NOTHING)
    resolution = provisional(KIND.draft(spec, "any", NOTHING), "any")
    size = spec.particles or int(resolution.plan["particles"])
    kept = min(size, MOST // max(setting_of(spec, NOTHING).dim, 1)) if "samples" in spec.outputs else 0
    chosen = {**resolution.plan, "particles": size, "kept": kept, **plan}
    changed = resolution.model_copy(update={"plan": chosen})
    return spec.model_copy(update={"resolution": changed})


def piloted(body: dict[str, Any], seed: int) -> tuple[PosteriorSpec, float]:
    """The same by the proposal that a pilot chooses among the kind's own, and the CPU-seconds that the pilot took."""
    spec, began = resolved(body), time.process_time()
    first = KIND.draft(spec, "any", NOTHING)
    contestants: list[Contestant] = []
    for draft in (first, *first.rivals):
        trial = spec.model_copy(update={"resolution": provisional(draft, "any")})
        simulator, statistics = KIND.load()(trial, "cpu", NOTHING), KIND.statistics(trial, NOTHING)
        _, stats = simulator.advance({}, pilot_key(seed), 0, draft.pilot)
        state = statistics.fold(statistics.empty(), stats)
        contestants.append(Contestant(draft, statistics, state, statistics.units(1)))
    chosen = contestants[KIND.choose(spec, contestants, 1)[0]].draft
    plan = {name: value for name, value in chosen.plan.items() if name not in ("particles", "kept")}
    return resolved(body, **plan), time.process_time() - began


def run(spec: PosteriorSpec, islands: int, seed: int = 1, block: int = 16) -> Run:
    """So many islands of a resolved spec, in blocks."""
    torch.set_num_threads(1)
    began = time.process_time()
    simulator, statistics = KIND.load()(spec, "cpu", NOTHING), KIND.statistics(spec, NOTHING)
    ready, state = time.process_time(), statistics.empty()
    for index, start in enumerate(range(0, islands, block)):
        _, stats = simulator.advance({}, block_key(seed, 0, index), start, min(block, islands - start))
        state = statistics.fold(state, stats)
    return Run(state, ready - began, time.process_time() - ready, statistics.units(islands))


def sliced(a: Array, b: Array, generator: np.random.Generator, slices: int = 100) -> float:
    """Sliced 2-Wasserstein distance of two samples of equal size (n, d), over random directions."""
    directions = generator.standard_normal((slices, a.shape[1]))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    one, two = (np.sort(each @ directions.T, axis=0) for each in (a, b))
    return float(np.sqrt(((one - two) ** 2).mean()))
