"""What a block tells of its steps: answers visited, fresh Bellman ratios, the best end, moves of the tree."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish_workers.core.estimator import Arrays, flatten
from burnish_workers.core.moments import Moments
from burnish_workers.core.notes import Notes
from burnish_workers.core.used import USED, Used
from burnish_workers.kinds.reasoning.oracle import Found, Oracle
from burnish_workers.kinds.reasoning.plan import GAUGE, NOTES, OTHER, VISITS, Recipe
from burnish_workers.kinds.reasoning.protocols import Backend, Prefix, PromptedBackend
from burnish_workers.kinds.reasoning.requests import Fresh
from burnish_workers.kinds.reasoning.state import State

MOVES_KEPT, LABELS_KEPT = 16, 64

_Values, _Present = NDArray[np.float64], NDArray[np.bool_]


@dataclass
class Journal:
    """Of one chain, number `index` of `chains`, in one block. `oracle` has the account."""

    recipe: Recipe
    backend: Backend
    oracle: Oracle
    fresh: Fresh
    chains: int
    index: int
    visited: list[str | None] = field(default_factory=list[str | None])
    moves: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    drawn: Counter[str] = field(default_factory=Counter[str])
    starts: int = 0
    changes: int = 0

    def attempted(self) -> None:
        """A start that may have found nothing yet."""
        self.starts += 1

    def moved(self, before: State, after: State, *, counted: bool) -> None:
        """A step of the chain; `counted`: warm-up is over."""
        self.visited.append(self.backend.answer(after.prefix) if counted and after.at_leaf else None)
        if before.prefix == after.prefix:
            return
        self.changes += 1
        old, new = self.backend.words(before.prefix), self.backend.words(after.prefix)
        kept = next((k for k, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
        self.moves.append({"kept": kept, "rolled_back": old[kept:], "accepted": new[kept:]})
        del self.moves[:-MOVES_KEPT]

    def drew(self, prefix: Prefix) -> None:
        """A finished path that is an independent draw from pi*, see `draws.py`."""
        label = self.backend.answer(prefix)
        self.drawn[label if label in self.recipe.labels else OTHER] += 1

    def visits(self) -> tuple[_Values, _Present]:
        """A column for each answer of each chain; those of other chains have no samples here."""
        labels = self.recipe.labels
        named = {label: j for j, label in enumerate(labels)}
        visited = [label for label in self.visited if label is not None]
        values = np.zeros((len(visited), self.chains * len(labels)))
        own = slice(self.index * len(labels), (self.index + 1) * len(labels))
        for i, label in enumerate(visited):
            place = named.get(label, named.get(OTHER))
            if place is not None:
                values[i, own.start + place] = 1.0
        present = np.zeros(values.shape, np.bool_)
        present[:, own] = True
        return values, present

    def best(self) -> Found | None:
        """The first end of the highest score."""
        found = [leaf for leaf in self.oracle.leaves if leaf.score > -math.inf]
        return max(found, key=lambda leaf: leaf.score, default=None)

    def paths(self) -> dict[str, dict[str, Any]]:
        """Of each answer that is counted by name the first end of the highest score."""
        found: dict[str, Found] = {}
        for leaf in self.oracle.leaves:
            if leaf.score > -math.inf and (name := self.backend.answer(leaf.prefix)) in self.recipe.named:
                kept = found.get(name)
                found[name] = leaf if kept is None or leaf.score > kept.score else kept
        return {name: _path(leaf, self.backend) for name, leaf in found.items()}

    def seen(self) -> Counter[str]:
        """Answers of all ends that were written, kept or not, unless the verifier refused them."""
        return Counter(self.backend.answer(leaf.prefix) for leaf in self.oracle.leaves if leaf.score > -math.inf)


def written(journals: Sequence[Journal]) -> Arrays:
    """What a block tells: of all chains of its lane, in order."""
    used = Used(sum(each.oracle.tokens for each in journals), sum(each.oracle.calls for each in journals))
    return flatten({VISITS: _visits(journals), GAUGE: _gauge(journals), USED: used, NOTES: Notes(_notes(journals))})


def _visits(journals: Sequence[Journal]) -> Moments:
    values, present = zip(*(each.visits() for each in journals), strict=True)
    return Moments.of(np.concatenate(values), 1, np.concatenate(present))


def _gauge(journals: Sequence[Journal]) -> Moments:
    """B of pools that were drawn in this block, by the depth of their parent."""
    ratios = [ratio for each in journals for ratio in each.fresh.ratios]
    values = np.full((len(ratios), journals[0].recipe.depth), np.nan)
    for i, (depth, log_ratio) in enumerate(ratios):
        values[i, depth] = math.exp(min(log_ratio, 700.0))
    return Moments.of(values, 1, np.isfinite(values))


def _notes(journals: Sequence[Journal]) -> dict[str, Any]:
    visited = Counter(label for each in journals for label in each.visited if label is not None)
    seen = sum((each.seen() for each in journals), Counter[str]())
    drawn = sum((each.drawn for each in journals), Counter[str]())
    return {
        "visited": dict(visited),
        "drawn": dict(drawn),
        "seen": dict(seen.most_common(LABELS_KEPT)),
        "best": _best(journals),
        "paths": reduce(better, (each.paths() for each in journals)),
        "prompt_tokens": len(backend.tokens) if isinstance(backend := journals[0].backend, PromptedBackend) else 0,
        "moves": next((each.moves for each in journals if each.index == 0), []),
        "starts": sum(each.starts for each in journals),
        "steps": sum(len(each.visited) for each in journals),
        "moved": sum(each.changes for each in journals),
    }


def _best(journals: Sequence[Journal]) -> dict[str, Any] | None:
    found = [best for each in journals if (best := each.best()) is not None]
    if not found:
        return None
    return _path(max(found, key=lambda leaf: leaf.score), journals[0].backend)


def _path(leaf: Found, backend: Backend) -> dict[str, Any]:
    """`length`: numbers that its steps are made of, which are tokens where a language model wrote them."""
    steps, length = backend.words(leaf.prefix), sum(map(len, leaf.prefix))
    return {"score": leaf.score, "answer": backend.answer(leaf.prefix), "steps": steps, "length": length}


def better(first: dict[str, dict[str, Any]], then: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Paths by answer: of two the one of the higher score, else the first."""
    won = {name: path for name, path in then.items() if name not in first or path["score"] > first[name]["score"]}
    return {**first, **won}
