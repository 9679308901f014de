"""What a `reasoning` job has found: chances of answers, which one leads, the best path, and how its chain moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from burnish import wire
from burnish.wire.base import Received

OTHER = "other"
"""Stands for all answers that have no name in the table."""


class Best(Received):
    """The first finished path of the highest score. `score`: the verifier's v, 0 for an exact check that holds."""

    answer: str
    score: float
    steps: list[str]


class Move(Received):
    """A step of the first chain that changed its path: what it went back over, and what it went on with."""

    kept: int
    rolled_back: list[str]
    accepted: list[str]


class Depth(Received):
    """The Bellman gauge at a depth: the log of the mean of B over `pools` fresh pools, 0 for a perfect value.

    Above 0 the value promised too little there, below 0 too much.
    """

    depth: int
    log_mean: float | None
    standard_error: float | None
    pools: int


@dataclass(frozen=True)
class Chance:
    """The chance of an answer under the tilted law; limits are None where there is no interval (yet).

    Limits are those that the service gives: early ones may reach beyond 0 and 1.
    """

    answer: str
    value: float | None
    lower: float | None = None
    upper: float | None = None


class _Said(Received):
    """The diagnostics of the kind, as far as they are read here."""

    answers: list[str]
    leader: str | None = None
    best: Best | None = None
    tree: list[Move] = []
    gauge: list[Depth] = []
    chains: int = 0
    steps: int = 0
    moved: int = 0
    r_hat: float | None = None
    effective_steps: float | None = None
    unlisted: dict[str, int] = {}


@dataclass(frozen=True)
class Reasoned:
    """`answers`: by name, those of the greatest chance first, `other` last. `leader`: the greatest chance; `decided`:
    whether its lower limit passes all other upper limits, or one half. `moves`: the last ones of the first chain.

    `r_hat`, `effective_steps`: how well the `chains` agree (None: nothing to compare), over `steps` of which `moved`
    changed the path. `unlisted`: how often answers came that are counted in `other`.
    """

    answers: Mapping[str, Chance]
    leader: str | None
    decided: bool
    best: Best | None
    moves: Sequence[Move]
    gauge: Sequence[Depth]
    chains: int
    steps: int
    moved: int
    r_hat: float | None
    effective_steps: float | None
    unlisted: Mapping[str, int]
    tokens: int
    verifier_calls: int

    @staticmethod
    def of(refinement: wire.Refinement, interval: wire.Interval | None = None) -> Reasoned:
        """What a refinement says. `interval`: that of the last look, for refinements between looks.

        Raises:
            LookupError: the refinement is not of kind `reasoning`.
        """
        names = refinement.diagnostics.get("answers")
        if not _is_table(refinement, names):
            known = ", ".join(part.name for part in refinement.layout or ()) or "none has a name"
            raise LookupError(f"the answer is no table of chances; its parts: {known}")
        said = _Said.model_validate(refinement.diagnostics)
        chances = _chances(refinement, said.answers, refinement.interval or interval)
        return Reasoned(
            answers={chance.answer: chance for chance in sorted(chances, key=_rank)},
            leader=said.leader,
            decided=_decided(chances),
            best=said.best,
            moves=said.tree,
            gauge=said.gauge,
            chains=said.chains,
            steps=said.steps,
            moved=said.moved,
            r_hat=said.r_hat,
            effective_steps=said.effective_steps,
            unlisted=said.unlisted,
            tokens=refinement.spent.tokens,
            verifier_calls=refinement.spent.verifier_calls,
        )

    @property
    def paths(self) -> list[list[str | None]]:
        """The paths of the first chain, oldest first: the one before `moves` and the one after each of them.

        None stands for steps that were kept through all of them, which moves do not name.
        """
        if not self.moves:
            return []
        found = [_before(self.moves)]
        for move in self.moves:
            found.append([*found[-1][: move.kept], *move.accepted])
        return found

    @property
    def path(self) -> list[str | None]:
        """Where the first chain is now; empty before its first move. See `paths`."""
        return self.paths[-1] if self.moves else []


def seen(last: wire.Refinement | None, interval: wire.Interval | None) -> Reasoned | None:
    """Of the newest refinement, with the newest interval; None for other kinds and before the first."""
    return Reasoned.of(last, interval) if last is not None and named(last) else None


def named(refinement: wire.Refinement) -> list[str]:
    """The answers whose chances are the outputs, in the order of these; empty where outputs are something else."""
    names: Any = refinement.diagnostics.get("answers")
    return [str(name) for name in names] if _is_table(refinement, names) else []


def _is_table(refinement: wire.Refinement, names: Any) -> bool:
    chances = any(part.name == "chance" for part in refinement.layout or ())
    return chances and isinstance(names, list) and len(refinement.estimate.value) == len(cast("list[Any]", names))


def _chances(refinement: wire.Refinement, names: Sequence[str], interval: wire.Interval | None) -> list[Chance]:
    values = refinement.estimate.value
    if interval is None:
        return [Chance(*pair) for pair in zip(names, values, strict=True)]
    return [Chance(*row) for row in zip(names, values, interval.lower, interval.upper, strict=True)]


def _rank(chance: Chance) -> tuple[bool, float]:
    return chance.answer == OTHER, -(chance.value or 0.0)


def _decided(chances: Sequence[Chance]) -> bool:
    """As `early_stop` has it: the greatest lower limit passes every other upper limit, or one half."""
    limits = [(c.lower, c.upper) for c in chances if c.lower is not None and c.upper is not None]
    if not limits:
        return False
    top = max(range(len(limits)), key=lambda i: limits[i][0])
    lower, others = limits[top][0], [upper for i, (_, upper) in enumerate(limits) if i != top]
    all_known = len(limits) == len(chances)
    return lower > 0.5 or (all_known and bool(others) and lower > max(others))


def _before(moves: Sequence[Move]) -> list[str | None]:
    """The path that the first move began from: its kept part is what later moves kept or rolled back of it."""
    first = moves[0]
    path: list[str | None] = [None] * first.kept + [*first.rolled_back]
    reach = first.kept  # of the unknown steps, only those below every cut so far are still the same
    for move in moves[1:]:
        if move.kept < reach:
            path[move.kept : reach] = move.rolled_back[: reach - move.kept]
            reach = move.kept
    return path
