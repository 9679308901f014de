"""What the blocks of an assimilation add up to. Torch-free: this runs where jobs are conducted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish.wire.specs.assimilation import Assimilation
from burnish_workers.core.decisions import EVENLY, Ahead, Decision
from burnish_workers.core.estimator import Answer, Arrays, Plan, State, unflatten
from burnish_workers.core.islands import Islands
from burnish_workers.core.jackknife import combined
from burnish_workers.core.moments import Moments
from burnish_workers.core.tracks import LEAST, Track, spread_of
from burnish_workers.kinds.posterior.assimilation.answers import Answers, answers_of
from burnish_workers.kinds.posterior.assimilation.setting import Setting

_Array = NDArray[np.float64]

ISLANDS = "islands"
TRACK = "track"

COLLAPSED = 2.0
"""Standard deviation of log V over the shortest window, beyond which a few islands decide by chance."""


@dataclass(frozen=True)
class AssimilationStatistics:
    """The filtered state after each observation that all islands have assimilated."""

    setting: Setting
    outputs: tuple[str, ...]
    levels: tuple[float, ...]
    tail: int
    leading: str = ISLANDS
    independent: bool = False

    @property
    def width(self) -> int:
        """m, how many numbers the outputs are."""
        return sum(int(np.prod(shape)) for _, shape in self.layout())

    def layout(self) -> list[tuple[str, tuple[int, ...]]]:
        """Outputs as they lie side by side, with their shapes."""
        dim = (self.setting.dim,)
        shapes = {"mean": dim, "std": dim, "quantiles": (len(self.levels), *dim)}
        return [(name, shapes.get(name, ())) for name in self.outputs]

    def empty(self) -> State:
        dim = self.setting.dim
        sketched = dim if "quantiles" in self.outputs else 0
        return {TRACK: Track.empty(self.setting.filter.islands, dim, sketched)}

    def fold(self, state: State, stats: Arrays) -> State:
        (block,) = unflatten(stats).values()
        return {TRACK: state[TRACK].fold(block)}

    def answer(self, state: State) -> Answer:
        track: Track = state[TRACK]
        found = answers_of(track, self.outputs, self.levels) if track.rounds[0] else self._nothing()
        part = Moments.of(found.replicates, self.tail)
        bias = np.nan_to_num(found.cut)
        known = self.setting.consistent and not self.collapsed(track)
        return Answer(
            combined=combined(found.islands, part),
            bias=bias,
            bias_known=known,
            parts={ISLANDS: part},
            floor=float(bias.max()) if known else None,
            diagnostics=self._diagnostics(track),
        )

    def _nothing(self) -> Answers:
        """Before the first observation."""
        return Answers(Islands.empty(0), np.zeros((0, self.width)), np.zeros(self.width))

    def collapsed(self, track: Track) -> bool:
        """Whether the present observation leaves the answer to a few islands."""
        return bool(track.rounds[0] > 0) and spread_of(track.weights(self._least(track))) > COLLAPSED

    def _least(self, track: Track) -> int:
        return min(LEAST, int(track.rounds[0]))

    def _diagnostics(self, track: Track) -> dict[str, Any]:
        rounds = int(track.rounds[0])
        told = {"estimator": self.setting.method, "observations": rounds, "particles": self.setting.filter.particles}
        if rounds == 0:
            return told
        present, spread = track.present, spread_of(track.weights(self._least(track)))
        return {
            **told,
            "window": int(track.window[0]),
            "sd_log_evidence": spread if np.isfinite(spread) else None,
            "ess": {"median": float(np.median(present.ess)), "lowest": float(present.ess.min())},
            "dead_islands": int(np.isneginf(present.log_increment).sum()),
            "nonfinite": int(present.nonfinite.sum()),
        }

    def units(self, replicates: int) -> int:
        return replicates * self.setting.filter.particles

    def cost(self, replicates: int) -> float:
        return float(self.units(replicates) * self.setting.dim * self.setting.steps)

    def tuned(self, state: State) -> Plan:
        return {}

    def decide(self, state: State, ahead: Ahead) -> Decision:
        return EVENLY


def statistics_of(spec: Assimilation, setting: Setting, tail: int = 16) -> AssimilationStatistics:
    """The statistics of a checked spec."""
    return AssimilationStatistics(setting, tuple(spec.outputs), tuple(spec.quantiles), tail)
