"""What the blocks of an assimilation add up to. Torch-free: this runs where jobs are conducted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish.wire.layout import OutputPart
from burnish.wire.specs.assimilation import Assimilation
from burnish_workers.core.decisions import EVENLY, Ahead, Decision
from burnish_workers.core.estimator import Answer, Arrays, Plan, State, unflatten
from burnish_workers.core.guard import LARGEST_SPREAD, LEAST_EFFECTIVE, LEAST_REPLICATES, Refusal
from burnish_workers.core.islands import Islands
from burnish_workers.core.jackknife import combined, examined
from burnish_workers.core.moments import Moments
from burnish_workers.core.tracks import LEAST, Track, scaled, spread_of
from burnish_workers.kinds.posterior.assimilation.answers import Answers, answers_of
from burnish_workers.kinds.posterior.assimilation.setting import Setting
from burnish_workers.kinds.posterior.heaviest import by_island

_Array = NDArray[np.float64]

ISLANDS = "islands"
TRACK = "track"

_BETTER = "use more particles, or guided in place of bootstrap; later observations are answered again"

COLLAPSED = LARGEST_SPREAD
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
        bias, known = np.nan_to_num(found.cut), self.setting.consistent
        return Answer(
            combined=combined(found.islands, part),
            bias=bias,
            bias_known=known,
            parts={ISLANDS: part},
            floor=float(bias.max()) if known else None,
            diagnostics=self._diagnostics(track),
            refusal=self._refusal(track),
            examined=examined(found.islands, found.alone, self.tail),
            layout=self._layout(),
            exact=self._exact(track),
        )

    def _exact(self, track: Track) -> NDArray[np.bool_]:
        """Where nothing was seen, log p(nothing) is 0 for every island."""
        unseen = bool(track.rounds[0]) and not track.present.log_increment.any()
        names = [name for name, shape in self.layout() for _ in range(int(np.prod(shape)))]
        return np.array([unseen and name == "log_likelihood" for name in names])

    def _refusal(self, track: Track) -> Refusal | None:
        """Where the present observation leaves the answer to a few islands, by chance."""
        rounds, islands = int(track.rounds[0]), track.islands
        if rounds == 0 or islands < LEAST_REPLICATES:
            return None
        spread, effective = self._spread(track), _effective(scaled(track.weights(int(track.window[0]))))
        if spread <= COLLAPSED and effective >= LEAST_EFFECTIVE:
            return None
        told = f"over the last {min(LEAST, rounds)} observations log p(y) varies by {spread:.2f} between islands"
        why = f"{told} (limit {COLLAPSED:g}), and {effective:.1f} of {islands} carry the weight"
        numbers = {"sd_log_evidence": spread, "effective_islands": effective, "islands": float(islands)}
        return Refusal("weight_collapse", why, {k: v for k, v in numbers.items() if np.isfinite(v)}, _BETTER)

    def _layout(self) -> tuple[OutputPart, ...]:
        parts, start = list[OutputPart](), 0
        for name, shape in self.layout():
            parts.append(OutputPart.together(name, start, shape))
            start += int(np.prod(shape))
        return tuple(parts)

    def _nothing(self) -> Answers:
        """Before the first observation."""
        none = np.zeros((0, self.width))
        return Answers(Islands.empty(0), none, none, np.zeros(self.width))

    def _spread(self, track: Track) -> float:
        return spread_of(track.weights(min(LEAST, int(track.rounds[0]))))

    def _diagnostics(self, track: Track) -> dict[str, Any]:
        rounds = int(track.rounds[0])
        told = {"estimator": self.setting.method, "observations": rounds, "particles": self.setting.filter.particles}
        if rounds == 0:
            return told
        present, spread = track.present, self._spread(track)
        return {
            **told,
            "window": int(track.window[0]),
            "sd_log_evidence": spread if np.isfinite(spread) else None,
            "ess": {"median": float(np.median(present.ess)), "lowest": float(present.ess.min())},
            "by_island": by_island(track.weights(int(track.window[0])), np.ones(track.islands)),
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


def _effective(weights: _Array) -> float:
    """(sum V)^2 / sum V^2; 0 where all islands are dead."""
    return float(weights.sum() ** 2 / (weights**2).sum()) if weights.any() else 0.0


def statistics_of(spec: Assimilation, setting: Setting, tail: int = 16) -> AssimilationStatistics:
    """The statistics of a checked spec."""
    return AssimilationStatistics(setting, tuple(spec.outputs), tuple(spec.quantiles), tail)
