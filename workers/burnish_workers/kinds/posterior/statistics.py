"""What islands add up to: posterior means, deviations, quantiles and the evidence. Torch-free."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish.wire.specs.posterior import PosteriorSpec
from burnish_workers.core.decisions import EVENLY, Ahead, Decision
from burnish_workers.core.estimator import Answer, Arrays, Plan, State, unflatten
from burnish_workers.core.guard import LEAST_REPLICATES, Refusal, collapse
from burnish_workers.core.inputs import Inputs
from burnish_workers.core.islands import Islands, append
from burnish_workers.core.jackknife import (
    Functional,
    alone,
    combined,
    deviations,
    effective_islands,
    evidence,
    examined,
    log_evidence,
    means,
    pseudo_values,
    quantile_pseudo_values,
    quantiles_alone,
    weight_spread,
)
from burnish_workers.core.kind import COMPARED, resolution_of
from burnish_workers.core.moments import Moments
from burnish_workers.core.samples import Samples
from burnish_workers.kinds.posterior.agreement import disagreement
from burnish_workers.kinds.posterior.heaviest import by_island
from burnish_workers.kinds.posterior.limits import most_kept, most_particles
from burnish_workers.kinds.posterior.outputs import layout_of
from burnish_workers.kinds.posterior.pimh_statistics import PimhStatistics
from burnish_workers.kinds.posterior.plan import CHECK, ISLANDS, NOTES, SAMPLES, Recipe, checks_before
from burnish_workers.kinds.posterior.problem import setting_of
from burnish_workers.kinds.posterior.tuning import check_alive, particles_for

_Array = NDArray[np.float64]


@dataclass(frozen=True)
class PosteriorStatistics:
    """Ratios of evidence-weighted means, with jackknife pseudo-values of the islands as replicates.

    `shape`: of a sample; `steps`: K of the chain; `asked`: the outputs, in the order asked for; `given`: particles of
    an island, where the spec says.
    """

    shape: tuple[int, ...]
    steps: int
    asked: tuple[str, ...]
    levels: tuple[float, ...]
    recipe: Recipe
    tail: int
    given: int | None
    compared: str | None = None

    @property
    def dim(self) -> int:
        """d."""
        return math.prod(self.shape)

    @property
    def leading(self) -> str:
        return ISLANDS

    @property
    def independent(self) -> bool:
        return False

    def empty(self) -> State:
        second, sketched = "std" in self.asked, "quantiles" in self.asked
        islands = Islands.empty(self.dim * (1 + second), self.dim * sketched, len(NOTES))
        return {
            ISLANDS: islands,
            CHECK: Islands.empty(0),
            **({SAMPLES: Samples.empty(self.dim)} if self.recipe.kept else {}),
        }

    def fold(self, state: State, stats: Arrays) -> State:
        block = unflatten(stats)
        folded = {name: append(state[name], block[name]) for name in (ISLANDS, CHECK)}
        return {**folded, **({SAMPLES: state[SAMPLES].append(block[SAMPLES])} if SAMPLES in state else {})}

    def answer(self, state: State) -> Answer:
        islands: Islands = state[ISLANDS]
        replicates = Moments.of(self.replicates(islands), self.tail)
        found = combined(islands, replicates)
        apart = disagreement(islands, state[CHECK])
        diagnostics = self._diagnostics(islands, state.get(SAMPLES))
        return Answer(
            combined=found,
            bias=np.zeros(len(found.value)),
            bias_known=not self.recipe.biased,
            parts={ISLANDS: replicates},
            floor=None if self.recipe.biased else 0.0,
            diagnostics={**diagnostics, "check_islands": state[CHECK].count, "proposals_apart": apart},
            refusal=None if self.recipe.biased else self._refusal(islands, diagnostics["tail_index"], apart),
            layout=layout_of(self.asked, self.shape, len(self.levels)),
            examined=examined(islands, self._columns(islands, alone, quantiles_alone), self.tail),
        )

    def _refusal(self, islands: Islands, tail_index: float | None, apart: float | None) -> Refusal | None:
        if islands.count < LEAST_REPLICATES:  # too few to judge weights by: the guard says so
            return None
        effective = effective_islands(islands)
        return collapse(weight_spread(islands), tail_index, islands.count, effective, apart)

    def replicates(self, islands: Islands) -> _Array:
        """Pseudo-values of all outputs, (R, m), in the order in which they were asked for."""
        return self._columns(islands, pseudo_values, quantile_pseudo_values)

    def _columns(
        self,
        islands: Islands,
        of: Callable[[Islands, Functional], _Array],
        of_quantiles: Callable[[Islands, Sequence[float]], _Array],
    ) -> _Array:
        first, second = slice(0, self.dim), slice(self.dim, 2 * self.dim)
        known = {"mean": means(first), "std": deviations(first, second), "log_evidence": evidence}
        asked = [name for name in self.asked if name != SAMPLES]
        quantiles = of_quantiles(islands, self.levels).reshape(len(islands), -1) if "quantiles" in asked else None
        found = [quantiles if name == "quantiles" else of(islands, known[name]) for name in asked]
        return np.concatenate([each for each in found if each is not None], axis=1)

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
            "by_island": by_island(islands.log_weight, islands.size),
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
        return round(self.cost(replicates))

    def cost(self, replicates: int) -> float:
        checks = checks_before(replicates) if self.recipe.checked else 0
        return float((replicates * self.recipe.evaluations + checks) * self.recipe.particles * self.steps)

    def tuned(self, state: State) -> Plan:
        """As many particles as the spec asks for, or as make the evidence of an island certain enough.

        Raises SpecError where no particle of the pilot is alive: nothing else would come of the job.
        """
        check_alive(state[ISLANDS], self.recipe.particles)
        wanted = self.given or min(particles_for(state[ISLANDS], self.recipe.particles), most_particles(self.dim))
        return {"particles": wanted, "kept": min(wanted, most_kept(self.dim)) if SAMPLES in self.asked else 0}

    def decide(self, state: State, ahead: Ahead) -> Decision:
        return EVENLY


def statistics(spec: PosteriorSpec, inputs: Inputs) -> PosteriorStatistics | PimhStatistics:
    """The statistics of a resolved spec."""
    resolution, setting = resolution_of(spec), setting_of(spec, inputs)
    compared, recipe = resolution.plan.get(COMPARED), Recipe.from_plan(resolution.plan)
    common: dict[str, Any] = {
        "shape": setting.shape,
        "steps": setting.chain.steps,
        "asked": tuple(spec.outputs),
        "recipe": recipe,
        "tail": resolution.tail,
        "given": spec.particles,
        "compared": str(compared) if compared else None,
    }
    if recipe.method == "pimh":
        return PimhStatistics(**common)
    return PosteriorStatistics(levels=tuple(spec.quantiles), **common)


def _mean(values: Sequence[float] | _Array) -> float | None:
    return float(np.mean(values)) if len(values) else None


def _median(values: _Array) -> float | None:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else None
