"""What islands add up to: posterior means, deviations, quantiles and the evidence. Torch-free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish.wire.specs.posterior import PosteriorSpec
from burnish_workers.core.decisions import EVENLY, Ahead, Decision
from burnish_workers.core.estimator import Answer, Arrays, Plan, State, unflatten
from burnish_workers.core.inputs import Inputs
from burnish_workers.core.islands import Islands, append
from burnish_workers.core.jackknife import (
    combined,
    deviations,
    effective_islands,
    evidence,
    log_evidence,
    means,
    pseudo_values,
    quantile_pseudo_values,
    weight_spread,
)
from burnish_workers.core.kind import COMPARED, resolution_of
from burnish_workers.core.moments import Moments
from burnish_workers.core.samples import Samples
from burnish_workers.kinds.posterior.plan import ISLANDS, NOTES, SAMPLES, Recipe
from burnish_workers.kinds.posterior.problem import setting_of
from burnish_workers.kinds.posterior.tuning import particles_for

_Array = NDArray[np.float64]


@dataclass(frozen=True)
class PosteriorStatistics:
    """Ratios of evidence-weighted means, with jackknife pseudo-values of the islands as replicates.

    `steps`: K of the chain; `asked`: the outputs, in the order asked for; `fixed`: whether the spec says how many
    particles an island has.
    """

    dim: int
    steps: int
    asked: tuple[str, ...]
    levels: tuple[float, ...]
    recipe: Recipe
    tail: int
    fixed: bool
    compared: str | None = None

    @property
    def leading(self) -> str:
        return ISLANDS

    @property
    def independent(self) -> bool:
        return False

    def empty(self) -> State:
        second, sketched = "std" in self.asked, "quantiles" in self.asked
        islands = Islands.empty(self.dim * (1 + second), self.dim * sketched, len(NOTES))
        return {ISLANDS: islands, **({SAMPLES: Samples.empty(self.dim)} if self.recipe.kept else {})}

    def fold(self, state: State, stats: Arrays) -> State:
        block = unflatten(stats)
        folded = {ISLANDS: append(state[ISLANDS], block[ISLANDS])}
        return {**folded, **({SAMPLES: state[SAMPLES].append(block[SAMPLES])} if SAMPLES in state else {})}

    def answer(self, state: State) -> Answer:
        islands: Islands = state[ISLANDS]
        replicates = Moments.of(self.replicates(islands), self.tail)
        found = combined(islands, replicates)
        return Answer(
            combined=found,
            bias=np.zeros(len(found.value)),
            bias_known=True,
            parts={ISLANDS: replicates},
            floor=0.0,
            diagnostics=self._diagnostics(islands, state.get(SAMPLES)),
        )

    def replicates(self, islands: Islands) -> _Array:
        """Pseudo-values of all outputs, (R, m), in the order in which they were asked for."""
        found = [self._output(name, islands) for name in self.asked if name != SAMPLES]
        return np.concatenate(found, axis=1) if found else np.zeros((len(islands), 0))

    def _output(self, name: str, islands: Islands) -> _Array:
        first, second = slice(0, self.dim), slice(self.dim, 2 * self.dim)
        if name == "quantiles":
            return quantile_pseudo_values(islands, self.levels).reshape(len(islands), -1)
        functional = {"mean": means(first), "std": deviations(first, second), "log_evidence": evidence}[name]
        return pseudo_values(islands, functional)

    def _diagnostics(self, islands: Islands, samples: Samples | None) -> dict[str, Any]:
        notes = dict(zip(NOTES, islands.notes.T, strict=True))
        total = log_evidence(islands)
        found: dict[str, Any] = {
            "estimator": f"{self.recipe.method}: {self.recipe.guidance} guidance, {self.recipe.potential} potential",
            "particles": self.recipe.particles,
            "steps": self.steps,
            "islands": islands.count,
            "effective_islands": effective_islands(islands),
            "sd_log_evidence": weight_spread(islands),
            "log_evidence": total if np.isfinite(total) else None,
            "dead_particles": int(notes["dead"].sum()),
            "dead_islands": int((~islands.live).sum()),
            "resampled": _mean(notes["resampled"]),
            "least_effective_share": float(notes["least"].min()) if len(islands) else None,
            "tail_index": _median(notes["tail_index"]),
        }
        if samples is not None:
            found |= {"samples": len(samples), "effective_samples": samples.effective}
        return found | ({COMPARED: self.compared} if self.compared else {})

    def units(self, replicates: int) -> int:
        """Forward passes of the prior's network, one particle at one step each."""
        return round(replicates * self.recipe.particles * self.steps * self.recipe.evaluations)

    def cost(self, replicates: int) -> float:
        return float(replicates * self.recipe.particles * self.steps * self.recipe.evaluations)

    def tuned(self, state: State) -> Plan:
        """As many particles as make the evidence of an island certain enough."""
        if self.fixed:
            return {}
        return {"particles": particles_for(state[ISLANDS], self.recipe.particles)}

    def decide(self, state: State, ahead: Ahead) -> Decision:
        return EVENLY


def statistics(spec: PosteriorSpec, inputs: Inputs) -> PosteriorStatistics:
    """The statistics of a resolved spec."""
    resolution, setting = resolution_of(spec), setting_of(spec, inputs)
    compared = resolution.plan.get(COMPARED)
    return PosteriorStatistics(
        dim=setting.dim,
        steps=setting.chain.steps,
        asked=tuple(spec.outputs),
        levels=tuple(spec.quantiles),
        recipe=Recipe.from_plan(resolution.plan),
        tail=resolution.tail,
        fixed=spec.particles is not None,
        compared=str(compared) if compared else None,
    )


def _mean(values: Sequence[float] | _Array) -> float | None:
    return float(np.mean(values)) if len(values) else None


def _median(values: _Array) -> float | None:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else None
