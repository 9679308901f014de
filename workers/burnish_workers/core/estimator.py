"""The protocol of every job kind: an answer that can be refined for as long as somebody pays.

A kind comes in two halves, because they live in different places:

- `Simulator` runs on workers (torch, GPUs). Its only randomness is the key it is given.
- `Statistics` runs where jobs are conducted (numpy only). It folds what blocks returned, in index order.

The law that both must keep, tested for every kind: *the answer after K blocks is a pure function of (resolved spec,
seed, K)*. So `advance` may not look at clocks, at global generators or at other blocks, and `fold` may not look at
arrival order, seconds or the number of workers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from burnish.wire import OutputPart
from burnish_workers.core.betting import Betting, Bounds
from burnish_workers.core.components import Combined
from burnish_workers.core.counted import Counted
from burnish_workers.core.decisions import EVENLY, Ahead, Decision
from burnish_workers.core.guard import Refusal
from burnish_workers.core.islands import Islands
from burnish_workers.core.keys import Key
from burnish_workers.core.moments import Moments
from burnish_workers.core.notes import Notes
from burnish_workers.core.samples import Samples
from burnish_workers.core.tracks import Round, Track
from burnish_workers.core.used import Used

Arrays = Mapping[str, NDArray[Any]]
"""What blocks return and checkpoints hold: named arrays. No pickles."""

State = dict[str, Any]
"""Folded statistics: a `Moments` or `Islands` per independent component of the answer (and the `Betting` of a job with
bounds); each has `to_arrays` and `from_arrays`, and what blocks return a `summary` too."""


class Simulator(Protocol):
    """Built once per job and worker from the resolved spec.

    One whose blocks may share calls with those of other jobs (`core.rendezvous`) says so by an attribute `shares`.
    """

    def init(self, lane: Key) -> Arrays:
        """The carry with which a lane starts; empty for kinds whose blocks do not depend on each other."""
        ...

    def advance(
        self, carry: Arrays, block: Key, start: int, replicates: int, decision: Decision = EVENLY
    ) -> tuple[Arrays, Arrays]:
        """Simulate replicates start .. start + replicates - 1: (carry out, statistics). Pure in its arguments.

        `decision`: what the statistics decided at a look for this block; empty for kinds that decide nothing.
        """
        ...


Plan = dict[str, int | float | str | bool]
"""What a kind resolves for itself, as it is written into the resolution."""


@dataclass(frozen=True)
class Answer:
    """What the statistics say after K blocks, before intervals.

    Attributes:
        combined: value, standard error and degrees of freedom of each of m outputs.
        bias: (m,), added to every half-width because it does not shrink with sampling.
        bias_known: whether all biases are measured or excluded; if not, no interval is honest.
        parts: the components that the guard must examine.
        floor: the error that no sampling removes where it is known, 0 for an unbiased estimator, None where it is not.
        diagnostics: part of the digest: numbers only that obey the law.
        bias_error: the standard error of the bias, (m,); None where the bias is exact.
        remedy: what would lower the bias below a tolerance (m,), in words.
        bets: those of a job with declared bounds.
        refusal: why the kind itself lets no output have an interval.
        examined: what the guard examines instead of the leading component, where replicates have weights, which
            `refusal` has judged: outliers of the products say nothing more.
        exact: outputs (m,) that need no examining: their replicates are equal by nature, not by chance.
        layout: names and shapes of the outputs, where they have any.
        counted: independent draws of the events whose chances the outputs are, where there are any: the limits of
            outputs whose replicates say nothing of their variance.
        within: where the outputs must lie, as chances in [0, 1]; limits beyond it say nothing and are cut.
        settled: whether estimates and half-widths (nan where there are none) at a look decide what the job asks.
    """

    combined: Combined
    bias: NDArray[np.float64]
    bias_known: bool
    parts: Mapping[str, Moments]
    floor: float | None = None
    diagnostics: dict[str, Any] = field(default_factory=dict[str, Any])
    bias_error: NDArray[np.float64] | None = None
    remedy: Callable[[NDArray[np.float64]], str] | None = None
    bets: tuple[Bounds, Betting] | None = None
    refusal: Refusal | None = None
    examined: Moments | None = None
    exact: NDArray[np.bool_] | None = None
    layout: tuple[OutputPart, ...] = ()
    counted: Counted | None = None
    within: tuple[float, float] | None = None
    settled: Callable[[NDArray[np.float64], NDArray[np.float64]], bool] | None = None


class Statistics(Protocol):
    """The torch-free half: folds blocks, reports answers."""

    @property
    def leading(self) -> str:
        """The component whose count is the number of replicates R."""
        ...

    @property
    def independent(self) -> bool:
        """Whether no two outputs share randomness."""
        ...

    def empty(self) -> State: ...

    def fold(self, state: State, stats: Arrays) -> State:
        """Add one block's statistics. Called in block order."""
        ...

    def answer(self, state: State) -> Answer: ...

    def units(self, replicates: int) -> int:
        """Units of the budget (paths, particles, steps, tokens) of the first `replicates` replicates of a job."""
        ...

    def cost(self, replicates: int) -> float:
        """Their nominal cost in operations of any unit: scales the seconds of a pilot to another plan."""
        ...

    def tuned(self, state: State) -> Plan:
        """The plan (or a part of it) that a pilot with these statistics suggests. Called once, at resolution."""
        ...

    def decide(self, state: State, ahead: Ahead) -> Decision:
        """How later blocks share their samples among outputs and components, by the prefix at a look.

        Called at the looks of jobs whose resolution says so (`decides_from`), see `core.decisions`.
        """
        ...


class _Arrays(Protocol):
    def to_arrays(self) -> Mapping[str, NDArray[Any]]: ...


def flatten(parts: Mapping[str, _Arrays]) -> dict[str, NDArray[Any]]:
    """Named components as named arrays, `component/field`: what travels and what checkpoints hold."""
    return {f"{name}/{key}": value for name, part in parts.items() for key, value in part.to_arrays().items()}


def unflatten(arrays: Arrays) -> State:
    """The inverse of `flatten`."""
    grouped: dict[str, dict[str, NDArray[Any]]] = {}
    for name, value in arrays.items():
        part, _, key = name.partition("/")
        grouped.setdefault(part, {})[key] = value
    return {name: _part(fields) for name, fields in grouped.items()}


def _part(fields: dict[str, NDArray[Any]]) -> Any:
    return next((part for name, part in _PARTS.items() if name in fields), Moments).from_arrays(fields)


_PARTS: dict[str, Any] = {
    "bets": Betting,
    "increments": Track,
    "island": Samples,
    "json": Notes,
    "lane": Round,
    "log_weight": Islands,
    "verifier_calls": Used,
}
"""Parts by a field that no other has."""
