"""What chains add up to: chances of answers with intervals over chains, and what was found on the way. Torch-free."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish.wire import OutputPart
from burnish.wire.specs.reasoning import ReasoningSpec
from burnish_workers.core.components import combine
from burnish_workers.core.counted import Counted
from burnish_workers.core.decisions import EVENLY, Ahead, Decision
from burnish_workers.core.estimator import Answer, Arrays, Plan, State, unflatten
from burnish_workers.core.inputs import Inputs
from burnish_workers.core.kind import resolution_of
from burnish_workers.core.moments import Moments, merge
from burnish_workers.core.notes import Notes
from burnish_workers.core.samples import Samples
from burnish_workers.core.used import USED, Used
from burnish_workers.kinds.reasoning.gauge import tuned_shares, written
from burnish_workers.kinds.reasoning.journal import LABELS_KEPT, MOVES_KEPT, better
from burnish_workers.kinds.reasoning.methods import METHODS
from burnish_workers.kinds.reasoning.mixing import Mixing
from burnish_workers.kinds.reasoning.plan import CHAINS, GAUGE, NOTES, TRACES, VISITS, Recipe
from burnish_workers.kinds.reasoning.problem import outline_of

_Array = NDArray[np.float64]


@dataclass(frozen=True)
class ReasoningStatistics:
    """Outputs are the chances of the answers that the recipe lists; a chain is one replicate of all of them."""

    recipe: Recipe
    chains: int
    exact: bool
    early_stop: bool
    asked: tuple[str, ...] | None
    most_answers: int
    possible: frozenset[str] | None
    leading: str = CHAINS
    independent: bool = False

    def empty(self) -> State:
        columns = self.chains * len(self.recipe.labels)
        return {
            VISITS: Moments.empty(columns, 1),
            GAUGE: Moments.empty(self.recipe.depth, 1),
            USED: Used(),
            NOTES: Notes({}),
            TRACES: Samples.empty(len(self.recipe.labels)),
        }

    def fold(self, state: State, stats: Arrays) -> State:
        block = unflatten(stats)
        return {
            VISITS: merge(state[VISITS], block[VISITS]),
            GAUGE: merge(state[GAUGE], block[GAUGE]),
            USED: state[USED].plus(block[USED]),
            NOTES: Notes(added(state[NOTES].content, block[NOTES].content)),
            **({TRACES: state[TRACES].append(self._traces(block[VISITS]))} if TRACES in state else {}),
        }

    def _traces(self, visits: Moments) -> Samples:
        """Shares of the answers in one block, a row for each of its chains; their weights are steps."""
        shares, steps = self._shares(visits)
        own = np.flatnonzero(steps)
        return Samples(shares[own].astype(np.float32), np.log(steps[own]), own)

    def answer(self, state: State) -> Answer:
        shares, steps = self._by_chain(state)
        replicates = Moments.of(shares[steps > 0], 8)
        combined, labels = combine({CHAINS: replicates}, leading=CHAINS), self.recipe.labels
        return Answer(
            combined=combined,
            bias=np.zeros(len(labels)),
            bias_known=self.exact,
            parts={CHAINS: replicates},
            floor=0.0 if self.exact else None,
            diagnostics=self._diagnostics(state, shares, steps, combined.value),
            counted=self._counted(state) if self.exact else None,
            within=(0.0, 1.0),
            layout=(OutputPart.together("chance", 0, [len(labels)]),),
            settled=decided if self.early_stop else None,
        )

    def _by_chain(self, state: State) -> tuple[_Array, NDArray[np.int64]]:
        """Shares of the answers (C, m) and steps that were counted (C,)."""
        return self._shares(state[VISITS])

    def _shares(self, visits: Moments) -> tuple[_Array, NDArray[np.int64]]:
        labels = len(self.recipe.labels)
        return visits.mean.reshape(self.chains, labels), visits.count.reshape(self.chains, labels)[:, 0]

    def _counted(self, state: State) -> Counted:
        """Independent draws (`draws.py`) and the answers that they gave."""
        drawn = state[NOTES].content.get("drawn", {})
        hits = np.array([drawn.get(label, 0) for label in self.recipe.labels], np.int64)
        return Counted(sum(drawn.values()), hits)

    def _diagnostics(self, state: State, shares: _Array, steps: NDArray[np.int64], value: _Array) -> dict[str, Any]:
        labels, notes, used = self.recipe.labels, state[NOTES].content, state[USED]
        mixing = Mixing.of(shares[steps > 0], steps[steps > 0])
        top = int(np.argmax(np.nan_to_num(value))) if len(value) else 0
        return {
            "answers": labels,
            "leader": labels[top] if np.isfinite(value[top]) else None,
            "leading": self._leading(notes, value),
            "best": notes.get("best"),
            "prompt_tokens": int(notes.get("prompt_tokens", 0)),
            "tokens": used.tokens,
            "verifier_calls": used.verifier_calls,
            "pilot_tokens": self.recipe.pilot_tokens,
            "chains": int((steps > 0).sum()),
            "steps": int(notes.get("steps", 0)),
            "starts": int(notes.get("starts", 0)),
            "moved": int(notes.get("moved", 0)),
            "r_hat": mixing.r_hat,
            "effective_steps": mixing.effective,
            "independent_draws": sum(notes.get("drawn", {}).values()),
            "gauge": written(state[GAUGE]),
            "tree": notes.get("moves", []),
            "unlisted": {name: n for name, n in notes.get("visited", {}).items() if name not in labels},
        }

    def _leading(self, notes: dict[str, Any], value: _Array) -> dict[str, Any] | None:
        """The best path of the likeliest answer that has a name; None before any of them was counted."""
        named = np.nan_to_num(value[: len(self.recipe.named)])
        return notes.get("paths", {}).get(self.recipe.named[int(named.argmax())]) if named.any() else None

    def units(self, replicates: int) -> int:
        """Steps of chains: in a replicate each of the chains of a lane makes one."""
        return replicates * self.recipe.together

    def cost(self, replicates: int) -> float:
        return float(self.units(replicates))

    def tuned(self, state: State) -> Plan:
        """The answers that are counted by name, and the shares of the kernels by the Bellman gauge."""
        notes = state[NOTES].content
        ranked = Counter(notes.get("visited", {})), Counter(notes.get("seen", {}))
        met = sorted({*ranked[0], *ranked[1]}, key=lambda name: (-ranked[0][name], -ranked[1][name], name))
        names = list(self.asked) if self.asked is not None else met[: self.most_answers]
        complete = self.possible is not None and self.possible <= set(names)
        shares = tuned_shares(state[GAUGE], self.recipe)
        tokens, named = state[USED].tokens, json.dumps(names)
        found = replace(self.recipe, answers=named, complete=complete, pilot=False, pilot_tokens=tokens)
        return {**found.to_plan(), **shares}

    def decide(self, state: State, ahead: Ahead) -> Decision:
        return EVENLY


def decided(value: _Array, half_width: _Array) -> bool:
    """Whether the lower limit of the leading answer passes every other's upper limit, or a half."""
    lower = value - half_width
    if not np.isfinite(lower).any():
        return False
    top = int(np.nanargmax(lower))
    others = np.delete(value + half_width, top)
    return bool(lower[top] > 0.5 or (len(others) > 0 and (lower[top] > others).all()))


def added(total: dict[str, Any], block: dict[str, Any]) -> dict[str, Any]:
    """Notes of the prefix and of the block after it. Only the first labels to be visited are kept by name."""
    visited = Counter(total.get("visited", {}))
    for name, count in sorted(block["visited"].items()):
        if name in visited or len(visited) < LABELS_KEPT:
            visited[name] += count
    drawn = Counter(total.get("drawn", {})) + Counter(block["drawn"])
    seen = Counter(total.get("seen", {})) + Counter(block["seen"])
    best, new = total.get("best"), block["best"]
    improved = new is not None and (best is None or new["score"] > best["score"])
    return {
        "visited": dict(visited),
        "drawn": dict(sorted(drawn.items())),
        "seen": dict(sorted(seen.items(), key=lambda each: (-each[1], each[0]))[:LABELS_KEPT]),
        "best": new if improved else best,
        "paths": better(total.get("paths", {}), block["paths"]),
        "prompt_tokens": block["prompt_tokens"],
        "moves": [*total.get("moves", []), *block["moves"]][-MOVES_KEPT:],
        **{name: total.get(name, 0) + block[name] for name in ("starts", "steps", "moved")},
    }


def statistics(spec: ReasoningSpec, inputs: Inputs) -> ReasoningStatistics:
    """Of a resolved spec."""
    return ReasoningStatistics(
        recipe=Recipe.of(resolution_of(spec)),
        chains=spec.chains,
        exact=METHODS[spec.method].exact,
        early_stop=spec.early_stop,
        asked=None if spec.answers is None else tuple(spec.answers),
        most_answers=spec.most_answers,
        possible=outline_of(spec).answers,
    )
