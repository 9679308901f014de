"""Method `pimh`: plain means over pairs of chains, each without bias. Torch-free.

Means have no bias at any number of replicates. The standard deviation is a plug-in, sqrt(mean of x^2 less the squared
mean): its bias of order 1/R is removed by the jackknife, what is left of it is not zero.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish_workers.core.components import combine
from burnish_workers.core.decisions import EVENLY, Ahead, Decision
from burnish_workers.core.estimator import Answer, Arrays, Plan, State, unflatten
from burnish_workers.core.islands import Islands, append
from burnish_workers.core.jackknife import deviations, evidence, log_evidence, means, pseudo_values
from burnish_workers.core.kind import COMPARED
from burnish_workers.core.moments import Moments
from burnish_workers.kinds.posterior.coupled import LAST
from burnish_workers.kinds.posterior.heaviest import by_island
from burnish_workers.kinds.posterior.limits import most_particles
from burnish_workers.kinds.posterior.outputs import layout_of
from burnish_workers.kinds.posterior.plan import CHAINS, ISLANDS, NOTES, Recipe
from burnish_workers.kinds.posterior.tuning import particles_by

_NOTES = (*NOTES, "drawn", "met", "variance")


@dataclass(frozen=True)
class PimhStatistics:
    """Pairs of chains as replicates; see `PosteriorStatistics` for the fields."""

    shape: tuple[int, ...]
    steps: int
    asked: tuple[str, ...]
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
        return CHAINS

    @property
    def independent(self) -> bool:
        return False

    def empty(self) -> State:
        # Of equal widths, so that both merge rows at the same counts.
        width = self.dim * (1 + ("std" in self.asked))
        return {name: Islands.empty(width, 0, len(_NOTES)) for name in (CHAINS, ISLANDS)}

    def fold(self, state: State, stats: Arrays) -> State:
        block = unflatten(stats)
        return {name: append(state[name], block[name]) for name in (CHAINS, ISLANDS)}

    def answer(self, state: State) -> Answer:
        replicates = Moments.of(self.replicates(state), self.tail)
        found = combine({CHAINS: replicates}, CHAINS)
        return Answer(
            combined=found,
            bias=np.zeros(len(found.value)),
            bias_known=True,
            parts={CHAINS: replicates},
            floor=0.0,
            layout=layout_of(self.asked, self.shape, 0),
            diagnostics=self._diagnostics(state),
        )

    def replicates(self, state: State) -> NDArray[np.float64]:
        """Pseudo-values of all outputs, (R, m); for means the H of each pair themselves."""
        first, second = slice(0, self.dim), slice(self.dim, 2 * self.dim)
        columns = {
            "mean": (CHAINS, means(first)),
            "std": (CHAINS, deviations(first, second)),
            "log_evidence": (ISLANDS, evidence),
        }
        found = (columns[name] for name in self.asked)
        return np.concatenate([pseudo_values(state[part], functional) for part, functional in found], axis=1)

    def _diagnostics(self, state: State) -> dict[str, Any]:
        islands: Islands = state[ISLANDS]
        notes = dict(zip(_NOTES, islands.notes.T, strict=True))
        total, size = log_evidence(islands), islands.size
        mean = (lambda name: float(size @ notes[name] / size.sum())) if len(islands) else lambda name: None
        variance = mean("variance")
        found: dict[str, Any] = {
            "estimator": f"pimh: {self.recipe.guidance} guidance, {self.recipe.potential} potential",
            "particles": self.recipe.particles,
            "steps": self.steps,
            "pairs": islands.count,
            "islands": round(float(size @ notes["drawn"])),
            "mean_meeting_time": mean("met"),
            "latest_meeting_time": float(notes["met"].max()) if len(islands) else None,
            "sd_log_evidence": None if variance is None or np.isnan(variance) else variance**0.5,
            "log_evidence": total if np.isfinite(total) else None,
            "by_island": by_island(islands.log_weight, islands.size),
            "dead_particles": round(float(size @ notes["dead"])),
            "resampled": mean("resampled"),
        }
        return found | ({COMPARED: self.compared} if self.compared else {})

    def units(self, replicates: int) -> int:
        """Forward passes of the prior's network, by the islands that pairs of the pilot took."""
        return round(self.cost(replicates))

    def cost(self, replicates: int) -> float:
        islands = replicates * max(self.recipe.drawn, LAST + 1)
        return float(islands * self.recipe.particles * self.steps * self.recipe.evaluations)

    def tuned(self, state: State) -> Plan:
        """Particles by the spread of log Z between islands, and the islands that a pair took."""
        notes = dict(zip(_NOTES, state[ISLANDS].notes.T, strict=True))
        wanted = self.given or particles_by(float(notes["variance"].mean()), self.recipe.particles)
        return {"drawn": float(notes["drawn"].mean()), "particles": min(wanted, most_particles(self.dim))}

    def decide(self, state: State, ahead: Ahead) -> Decision:
        return EVENLY
