"""Coupled particle-independent Metropolis-Hastings: means without bias from islands whose weighted means are biased.

A chain proposes island after island and goes to a proposal with chance min(1, Z'/Z); its stationary mean of f_b is
pi(f) exactly (Andrieu, Doucet, Holenstein, JRSS B 72, 2010). Two of them that lag by one, X_t and Y_{t-1}, see the same
proposals and the same uniforms, so that both soon sit on the same island; with tau the first time that they do,

    H = 1/(m-k+1) sum_{t=k}^m f(X_t) + sum_{t=k+1}^{tau-1} min(1, (t-k)/(m-k+1)) (f(X_t) - f(Y_{t-1}))

has mean pi(f) (Middleton, Deligiannidis, Doucet, Jacob, AISTATS 2019; Jacob, O'Leary, Atchade, JRSS B 82, 2020). A
chain is always run to its meeting and to m, whatever it costs: nothing is selected by how long it took. Torch-free.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_Array = NDArray[np.float64]

FIRST, LAST = 1, 5
"""k and m. LAST + 1 islands are drawn at least; at sd(log Z) = 0.3 three chains in four have met after two."""

MOST_ISLANDS = 20_000
"""A chain that has not met by then never will in practice: its job fails rather than leave it out."""


class NeverMet(RuntimeError):
    """A pair of chains has not met; the message says what to do."""


class Pair:
    """Two chains that lag by one, island by island. `uniforms`: the randomness of acceptance."""

    def __init__(self, uniforms: np.random.Generator, first: int = FIRST, last: int = LAST):
        self._uniforms, self._first, self._last = uniforms, first, last
        self._x: tuple[float, _Array] | None = None
        self._y: tuple[float, _Array] | None = None
        self._total: _Array | float = 0.0
        self.drawn = 0
        self.met: int | None = None

    @property
    def done(self) -> bool:
        """Whether both chains have met and X has got to m."""
        return self.met is not None and self.drawn > self._last

    @property
    def estimate(self) -> _Array:
        """H, (m,); nan where every island was dead. Call when done."""
        assert self.done
        assert self._x is not None
        return np.asarray(self._total) if np.isfinite(self._x[0]) else np.full_like(self._x[1], np.nan)

    def take(self, log_evidence: float, values: _Array) -> None:
        """The next island: log Z^, -inf where all its particles died, and f_b (m,). Raises NeverMet."""
        island, time = (log_evidence, values), self.drawn
        self.drawn += 1
        if time == 0:
            self._x = island
        else:
            self._step(island, time)
        assert self._x is not None
        share = 1 / (self._last - self._first + 1)
        if self._first <= time <= self._last:
            self._total = self._total + share * self._x[1]
        if self.met is None and time > self._first:
            assert self._y is not None
            self._total = self._total + min(1.0, (time - self._first) * share) * (self._x[1] - self._y[1])
        if self.met is None and self.drawn >= MOST_ISLANDS:
            what = f"two chains of islands have not met after {self.drawn} islands: their evidence varies too much"
            raise NeverMet(f"{what}; use more particles, or the method smc")

    def _step(self, island: tuple[float, _Array], time: int) -> None:
        """X_time and Y_{time-1} by the same proposal and uniform."""
        chance = np.log1p(-self._uniforms.random())
        assert self._x is not None
        x_goes = chance + self._x[0] <= island[0]
        # Y begins with the second island whatever it is worth: as X began with the first.
        y_goes = self._y is None or chance + self._y[0] <= island[0]
        self._x = island if x_goes else self._x
        self._y = island if y_goes else self._y
        if self.met is None and x_goes and y_goes:
            self.met = time
