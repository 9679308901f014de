"""For authors of kinds that assimilate observations: particle filters whose expectations are known from Kalman's."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from burnish.wire import Observation, SpecBase
from burnish_workers.core.components import combine
from burnish_workers.core.decisions import EVENLY, Ahead, Decision
from burnish_workers.core.estimator import Answer, Arrays, Plan, Simulator, State, flatten, unflatten
from burnish_workers.core.feed import NUMBER, OBSERVATION, Components, Feed
from burnish_workers.core.inputs import Inputs
from burnish_workers.core.keys import Key
from burnish_workers.core.kind import Draft, Kind, SpecError
from burnish_workers.core.moments import Moments, merge

PERSISTENCE, PUSH, NOISE = 0.9, 0.5, 1.0
"""x_j = PERSISTENCE x_{j-1} + PUSH e, y_j = x_j + NOISE e', e and e' standard normal; x begins stationary."""

SPREAD = PUSH / math.sqrt(1 - PERSISTENCE**2)
LARGEST = 1e6
ROUND = "round"


class TrackingSpec(SpecBase):
    """Follow a hidden number by noisy observations, with `lanes` bootstrap filters of `particles` particles each.

    Two answers for observation j: the evidence of y_0..y_j over its exact value (the mean is 1), and that times the
    filtered mean of x_j (the mean is Kalman's). A block sleeps `nap` seconds.
    """

    kind: Literal["tracking"]  # pyright: ignore[reportIncompatibleVariableOverride] - specs are frozen
    lanes: int = Field(default=16, ge=2, le=64)
    particles: int = Field(default=128, ge=2, le=10_000)
    nap: float = Field(default=0.0, ge=0, le=60)
    observations: list[Observation] = Field(default=[], max_length=10_000)
    expected: int | None = Field(default=None, ge=1)


@dataclass(frozen=True)
class Kalman:
    """The exact filter of the same model: `mean`, `variance` of x_j, and the log evidence of all observations."""

    mean: float = 0.0
    variance: float = SPREAD**2
    evidence: float = 0.0

    def step(self, y: float) -> Kalman:
        """Predict, and where y is no nan correct."""
        mean, variance = PERSISTENCE * self.mean, PERSISTENCE**2 * self.variance + PUSH**2
        if math.isnan(y):
            return Kalman(mean, variance, self.evidence)
        total, off = variance + NOISE**2, y - mean
        evidence = self.evidence - 0.5 * (off**2 / total + math.log(2 * math.pi * total))
        return Kalman(mean + variance / total * off, variance * NOISE**2 / total, evidence)


@dataclass(frozen=True)
class TrackingStatistics:
    """The replicates of an observation are the lanes; the next observation begins anew."""

    lanes: int
    particles: int
    leading: str = ROUND
    independent: bool = False

    def empty(self) -> State:
        return {ROUND: Moments.empty(2, 8)}

    def fold(self, state: State, stats: Arrays) -> State:
        before = state if state[ROUND].count.max() < self.lanes else self.empty()
        return {ROUND: merge(before[ROUND], unflatten(stats)[ROUND])}

    def answer(self, state: State) -> Answer:
        return Answer(combine(state, leading=ROUND), np.zeros(2), bias_known=True, parts=state, floor=0.0)

    def units(self, replicates: int) -> int:
        return replicates * self.particles

    def cost(self, replicates: int) -> float:
        return float(replicates * self.particles)

    def tuned(self, state: State) -> Plan:
        return {}

    def decide(self, state: State, ahead: Ahead) -> Decision:
        return EVENLY


@dataclass(frozen=True)
class TrackingSimulator:
    """One bootstrap filter a lane; Kalman's filter is carried beside it."""

    particles: int
    nap: float

    def init(self, lane: Key) -> Arrays:
        x = SPREAD * lane.generator().standard_normal(self.particles)
        return {"x": x, "excess": np.array(0.0), "exact": np.array([0.0, SPREAD**2, 0.0]), "next": np.array(0)}

    def advance(
        self, carry: Arrays, block: Key, start: int, replicates: int, decision: Decision = EVENLY
    ) -> tuple[Arrays, Arrays]:
        if self.nap:
            time.sleep(self.nap)
        number, y = int(decision[NUMBER]), float(decision[OBSERVATION][0])
        if number != int(carry["next"]):
            raise RuntimeError(f"observation {number} came where {int(carry['next'])} was due")
        rng = block.generator()
        x = PERSISTENCE * carry["x"] + PUSH * rng.standard_normal(self.particles)
        exact = Kalman(*map(float, carry["exact"]))
        now = exact.step(y)
        log_weight = np.zeros_like(x) if math.isnan(y) else _log_normal(y - x)
        top = float(log_weight.max())
        weight = np.exp(log_weight - top)
        excess = float(carry["excess"]) + top + math.log(weight.mean()) - (now.evidence - exact.evidence)
        weight /= weight.sum()
        values = math.exp(excess) * np.array([[1.0, float(weight @ x)]])
        if not math.isnan(y):
            x = x[np.searchsorted(np.cumsum(weight)[:-1], (rng.random() + np.arange(len(x))) / len(x))]
        stats = flatten({ROUND: Moments.of(values, 8)})
        exactly = np.array([now.mean, now.variance, now.evidence])
        return {"x": x, "excess": np.array(excess), "exact": exactly, "next": np.array(number + 1)}, stats


def _log_normal(off: NDArray[np.float64]) -> NDArray[np.float64]:
    return -0.5 * (off / NOISE) ** 2 - math.log(math.sqrt(2 * math.pi) * NOISE)


def _read(observation: Components, number: int) -> NDArray[np.float64]:
    if observation is None:
        return np.array([np.nan])
    if len(observation) != 1:
        raise SpecError("", f"observation {number} has {len(observation)} numbers; y has 1")
    y = np.array(observation, dtype=np.float64)
    if np.abs(y) > LARGEST:
        raise SpecError("/0", f"observation {number} is {y[0]:g}; give at most {LARGEST:g} in absolute value")
    return y


def _feed(spec: TrackingSpec, inputs: Inputs) -> Feed:
    return Feed(spec.observations, _read, spec.expected)


def _check(spec: TrackingSpec, inputs: Inputs) -> None:
    feed = _feed(spec, inputs)
    for number, observation in enumerate(feed.given):
        try:
            feed.array(observation, number)
        except SpecError as error:
            raise SpecError(f"/observations/{number}{error.pointer}", str(error)) from None
    if spec.expected is not None and spec.expected < len(feed.given):
        raise SpecError("/expected", f"expected is {spec.expected}, but {len(feed.given)} observations are given")


def _draft(spec: TrackingSpec, numeric_class: str, inputs: Inputs) -> Draft:
    return Draft("bootstrap", 1, 2, spec, 2, 1, 1, {}, lanes=spec.lanes, fed=_feed(spec, inputs))


def _build(spec: TrackingSpec, device: str, inputs: Inputs) -> Simulator:
    return TrackingSimulator(spec.particles, spec.nap)


KIND = Kind(
    name="tracking",
    summary="A test: filters that take in observations as they come.",
    spec=TrackingSpec,
    check=_check,
    draft=_draft,
    statistics=lambda spec, inputs: TrackingStatistics(spec.lanes, spec.particles),
    load=lambda: _build,
    examples=lambda: [
        {"kind": "tracking", "budget": {"units": 10**6}, "seed": 1, "observations": [[0.5]], "expected": 1}
    ],
    feed=_feed,
)
"""Registered by BURNISH_EXTRA_KINDS=burnish_workers.testing_feed."""


def resolved_tracking(
    observations: Sequence[Any] = (), *, lanes: int = 8, particles: int = 16, seed: int = 3, **more: Any
) -> dict[str, Any]:
    """A resolved spec that brings these observations."""
    return {
        "kind": "tracking",
        "lanes": lanes,
        "particles": particles,
        "observations": list(observations),
        "budget": {"units": 10**9},
        "seed": seed,
        "resolution": {
            "version": 1,
            "estimator": "bootstrap",
            "numeric_class": "any",
            "first_block": 1,
            "block": 1,
            "blocks_planned": lanes,
            "first_look": lanes,
            "micro_batch": 1,
            "tail": 8,
            "extensible": True,
            "lanes": lanes,
            "each": lanes,
            "multiplicity": {"method": "bonferroni", "outputs": 2, "alpha": 0.025},
            **more.pop("resolution", {}),
        },
        **more,
    }


def seen(count: int, seed: int = 0) -> list[list[float]]:
    """Observations of the model, of so many steps."""
    rng = np.random.default_rng(seed)
    x, found = SPREAD * rng.standard_normal(), list[list[float]]()
    for _ in range(count):
        x = PERSISTENCE * x + PUSH * rng.standard_normal()
        found.append([float(x + NOISE * rng.standard_normal())])
    return found
