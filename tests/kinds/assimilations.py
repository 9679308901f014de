"""Linear-Gaussian models with their exact answers, and bare loops over assimilations."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish.wire.specs.assimilation import Assimilation
from burnish_workers.core.estimator import Answer, flatten, unflatten
from burnish_workers.core.inputs import NOTHING
from burnish_workers.core.keys import block_key, lane_key
from burnish_workers.core.tracks import Round
from burnish_workers.kinds.posterior.assimilation.requirements import checked
from burnish_workers.kinds.posterior.assimilation.simulator import AssimilationSimulator, build
from burnish_workers.kinds.posterior.assimilation.statistics import statistics_of

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Linear:
    """x' = A x + b + N(0, Q), y = H x + N(0, R), x_0 ~ N(m, P): off-centre and without symmetry."""

    a: Array
    b: Array
    q: Array
    h: Array
    r: Array
    m: Array
    p: Array

    def spec(
        self, outputs: Sequence[str] = ("mean", "std", "log_likelihood", "log_evidence"), **options: Any
    ) -> Assimilation:
        dynamics = {"matrix": self.a.tolist(), "offset": self.b.tolist(), "noise": self.q.tolist()}
        dynamics |= options.pop("dynamics", {})
        posted = {
            "dynamics": dynamics,
            "initial": {"mean": self.m.tolist(), "covariance": self.p.tolist()},
            "observe": {"matrix": self.h.tolist(), "noise": self.r.tolist()} | options.pop("observe", {}),
            "outputs": list(outputs),
            "filter": options,
        }
        return Assimilation.model_validate(posted)

    def observations(self, count: int, seed: int = 0) -> Array:
        rng = np.random.default_rng(seed)
        x, found = rng.multivariate_normal(self.m, self.p), []
        for _ in range(count):
            x = self.a @ x + self.b + rng.multivariate_normal(np.zeros(len(x)), self.q)
            found.append(self.h @ x + rng.multivariate_normal(np.zeros(len(self.r)), self.r))
        return np.array(found)

    def kalman(self, observations: Array) -> tuple[Array, Array, Array]:
        """Filtered means (K, d) and covariances (K, d, d), log p(y_k | before) (K,). nan: not seen."""
        m, p, found = self.m, self.p, []
        for y in observations:
            m, p = self.a @ m + self.b, self.a @ p @ self.a.T + self.q
            seen = np.flatnonzero(np.isfinite(y))
            h, r, gain = self.h[seen], self.r[np.ix_(seen, seen)], 0.0
            if len(seen):
                s, e = h @ p @ h.T + r, y[seen] - h @ m
                gain = -0.5 * (e @ np.linalg.solve(s, e) + np.linalg.slogdet(2 * math.pi * s)[1])
                k = np.linalg.solve(s, h @ p).T
                m, p = m + k @ e, p - k @ h @ p
            found.append((m, p, gain))
        return tuple(np.array(part) for part in zip(*found, strict=True))  # pyright: ignore[reportReturnType]


PLANE = Linear(
    a=np.array([[0.9, 0.3], [-0.2, 0.8]]),
    b=np.array([0.5, -0.2]),
    q=np.array([[0.5, 0.2], [0.2, 0.4]]),
    h=np.array([[1.0, 0.5]]),
    r=np.array([[0.4]]),
    m=np.array([1.0, -1.0]),
    p=np.array([[1.0, -0.3], [-0.3, 0.5]]),
)
TWICE_SEEN = Linear(
    PLANE.a, PLANE.b, PLANE.q, np.array([[1.0, 0.5], [0.3, -1.0]]), np.array([[0.4, 0.1], [0.1, 0.6]]), PLANE.m, PLANE.p
)
LINE = Linear(
    *(np.array([[v]]) if i not in (1, 5) else np.array([v]) for i, v in enumerate([0.9, 0.1, 1.0, 1.0, 0.25, 0.5, 3.0]))
)


def follow(simulator: AssimilationSimulator, observations: Array, seed: int = 1, lane: int = 0) -> Iterator[Round]:
    """What one island says after each observation."""
    islands = simulator.setting.filter.islands
    carry = simulator.init(lane_key(seed, lane))
    for k, y in enumerate(observations):
        key = block_key(seed, lane, k * islands + lane)
        carry, told = simulator.advance(carry, key, k, 1, {"observation": y, "number": np.array(k)})
        yield unflatten(told)["round"]


def evidence(simulator: AssimilationSimulator, observations: Array, seed: int) -> float:
    """log Z^ of one island."""
    return sum(float(told.log_increment[0]) for told in follow(simulator, observations, seed))


def answers(spec: Assimilation, observations: Array, seed: int = 1) -> list[Answer]:
    """The answer after each observation, of all islands together."""
    simulator = build(spec)
    statistics = statistics_of(spec, checked(spec, NOTHING))
    state, found = statistics.empty(), []
    for told in zip(*(follow(simulator, observations, seed, lane) for lane in range(spec.filter.islands)), strict=True):
        for block in told:
            state = statistics.fold(state, flatten({"round": block}))
        found.append(statistics.answer(state))
    return found
