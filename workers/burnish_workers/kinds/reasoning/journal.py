"""What a block tells of its steps: answers visited, fresh Bellman ratios, the best end, moves of the tree."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from burnish_workers.core.estimator import Arrays, flatten
from burnish_workers.core.moments import Moments
from burnish_workers.core.notes import Notes
from burnish_workers.core.used import USED, Used
from burnish_workers.kinds.reasoning.oracle import Found, Oracle
from burnish_workers.kinds.reasoning.plan import GAUGE, NOTES, OTHER, VISITS, Recipe
from burnish_workers.kinds.reasoning.protocols import Backend, Prefix
from burnish_workers.kinds.reasoning.requests import Fresh
from burnish_workers.kinds.reasoning.state import State

MOVES_KEPT, LABELS_KEPT = 16, 64


@dataclass
class Journal:
    """Of one block of one chain. `oracle` has the account."""

    recipe: Recipe
    backend: Backend
    oracle: Oracle
    fresh: Fresh
    chains: int
    lane: int
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

    def to_arrays(self) -> Arrays:
        oracle = self.oracle
        parts = {
            VISITS: self._visits(),
            GAUGE: self._gauge(),
            USED: Used(oracle.tokens, oracle.calls),
            NOTES: Notes(
                {
                    "visited": dict(Counter(label for label in self.visited if label is not None)),
                    "drawn": dict(self.drawn),
                    "seen": self._seen(),
                    "best": self._best(),
                    "moves": self.moves if self.lane == 0 else [],
                    "starts": self.starts,
                    "steps": len(self.visited),
                    "moved": self.changes,
                }
            ),
        }
        return flatten(parts)

    def _visits(self) -> Moments:
        """A column for each answer of each chain; those of other chains have no samples here."""
        labels = self.recipe.labels
        named = {label: j for j, label in enumerate(labels)}
        visited = [label for label in self.visited if label is not None]
        values = np.zeros((len(visited), self.chains * len(labels)))
        own = slice(self.lane * len(labels), (self.lane + 1) * len(labels))
        for i, label in enumerate(visited):
            place = named.get(label, named.get(OTHER))
            if place is not None:
                values[i, own.start + place] = 1.0
        present = np.zeros(values.shape, np.bool_)
        present[:, own] = True
        return Moments.of(values, 1, present)

    def _gauge(self) -> Moments:
        """B of pools that were drawn in this block, by the depth of their parent."""
        values = np.full((len(self.fresh.ratios), self.recipe.depth), np.nan)
        for i, (depth, log_ratio) in enumerate(self.fresh.ratios):
            values[i, depth] = math.exp(min(log_ratio, 700.0))
        return Moments.of(values, 1, np.isfinite(values))

    def _seen(self) -> dict[str, int]:
        """Answers of all ends that were written, kept or not, unless the verifier refused them."""
        found = Counter(self.backend.answer(leaf.prefix) for leaf in self.oracle.leaves if leaf.score > -math.inf)
        return dict(found.most_common(LABELS_KEPT))

    def _best(self) -> dict[str, Any] | None:
        """The first end of the highest score."""
        best: Found | None = None
        for leaf in self.oracle.leaves:
            if leaf.score > -math.inf and (best is None or leaf.score > best.score):
                best = leaf
        if best is None:
            return None
        steps = self.backend.words(best.prefix)
        return {"score": best.score, "answer": self.backend.answer(best.prefix), "steps": steps}
