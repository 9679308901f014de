"""The plan of looks: at which blocks an interval is published, and how far it must reach for all to hold jointly.

A stream job of K_max blocks is looked at after ceil(K_max 2^-(J-1-j)) blocks, j = 0..J-1, with the boundary of Wang
and Tsiatis at the actual counts of replicates: half-width z_j s_j/sqrt(n_j), z_j = c (n_max/n_j)^(1/4). An extensible
job has a ladder K_e = K_0 4^e that never ends: epoch 0 spends alpha/2; epoch e >= 1 is looked at after K_e/2 and K_e
blocks, with the mean of all blocks so far and a boundary of its own at alpha/2^(e+1). By the union bound all intervals
of all epochs hold jointly with chance 1 - alpha, because the ladder is fixed before the first block.

A job that assimilates observations has an answer of its own for each: every multiple of its L blocks is a look, without
end. Of a stream job observation j spends alpha_j = alpha/((j+1)(j+2)), j = 0, 1, ...: these add up to alpha, so that by
the union bound the intervals of all observations hold jointly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from burnish_workers.core.boundary import (
    DELTA,
    fixed_critical,
    last_critical,
    last_of_any,
    normal_tail,
    open_critical,
    student_critical,
    union_bound,
    wang_tsiatis,
)

Kind = Literal["stream", "fixed", "open", "bounded"]


@dataclass(frozen=True)
class Replicates:
    """Replicates after K blocks: first + per_block (K - 1). The first block may be smaller than the others.

    Where the number of replicates does not grow (chains that get longer), any count proportional to the information
    takes its place, such as steps per lane: only ratios of these numbers enter the boundary.
    """

    first: int
    per_block: int

    def __post_init__(self) -> None:
        if self.first < 1 or self.per_block < 1:
            raise ValueError(f"{self.first} replicates in the first block and {self.per_block} in others: give >= 1")

    def __call__(self, blocks: int) -> int:
        return self.first + self.per_block * (blocks - 1) if blocks > 0 else 0


@dataclass(frozen=True)
class Look:
    """A moment at which an interval is published.

    Attributes:
        blocks: K, length of the folded prefix.
        epoch: rung of the ladder, 0 for a job that cannot be extended.
        replicates: n_j, replicates (or information) after K blocks.
        critical: z_j; the half-width is z_j s_j/sqrt(n_j) where the variance is known well, see `critical_for`.
        closing: not on the plan: the job ended here and spent what was left of its epoch's alpha.
    """

    blocks: int
    epoch: int
    replicates: int
    critical: float
    closing: bool = False


@dataclass(frozen=True)
class Schedule:
    """All looks of a job, as a pure function of a few numbers of its resolved spec. See `plan` for the meaning.

    In what follows `closed` are the block counts at which the job ended in the past, in any order. Ending between
    looks spends what is left of that epoch's alpha, so later looks of that epoch are void. A fixed job spends nothing.
    """

    blocks_max: int
    first_look: int
    replicates: Replicates
    alpha: float
    extensible: bool
    extra: tuple[int, ...] = ()
    kind: Kind = "stream"
    adaptive: bool = False
    each: int | None = None

    @staticmethod
    def plan(
        blocks_max: int,
        first_look: int,
        replicates: Callable[[int], int],
        alpha: float,
        extensible: bool,
        extra: tuple[int, ...] = (),
        kind: Kind = "stream",
        adaptive: bool = False,
        each: int | None = None,
    ) -> Schedule:
        """Fix the looks of a job.

        Args:
            blocks_max: K_max, blocks that the budget pays for (K_0 of an extensible job), >= 1.
            first_look: blocks before which no interval is worth publishing.
            replicates: replicates after K blocks, linear in K from the first block on, see `Replicates`.
            alpha: joint chance of a miss over all looks, in (0, 1).
            extensible: whether the ladder goes on beyond K_max, at the price of alpha/2 in the first epoch.
            extra: further looks within the first epoch; those outside [first_look, K_max) are left out.
            kind: "stream", all looks hold jointly; "fixed", only the final answer counts, each look at level alpha;
                "open", any moment is a look, without end; "bounded", likewise, with intervals that need no critical
                value.
            adaptive: outputs get samples by what was seen of them, so that how their errors at the looks hang together
                is not known beforehand: the looks share alpha by the union bound.
            each: blocks of an observation, L; None for a job that assimilates none.

        Raises:
            ValueError: numbers out of range, or replicates that are not linear.
        """
        linear = Replicates(replicates(1), replicates(2) - replicates(1))
        if linear(blocks_max) != replicates(blocks_max):
            raise ValueError(
                f"{replicates(blocks_max)} replicates after {blocks_max} blocks where {linear(blocks_max)} follow from "
                "the first two: all blocks but the first must be equally large"
            )
        if blocks_max < 1 or not 0 < alpha < 1:
            raise ValueError(f"blocks_max is {blocks_max} and alpha {alpha}: give blocks_max >= 1 and 0 < alpha < 1")
        within = tuple(sorted({k for k in extra if first_look <= k < blocks_max}))
        return Schedule(blocks_max, first_look, linear, alpha, extensible, within, kind, adaptive, each)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON data, for the resolved spec."""
        return {**asdict(self), "extra": list(self.extra)}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Schedule:
        """Inverse of `to_json`."""
        plain = {**data, "replicates": Replicates(**data["replicates"]), "extra": tuple(data["extra"])}
        return Schedule(**cast("dict[str, Any]", plain))

    def epoch(self, blocks: int) -> int | None:
        """The rung of the ladder on which `blocks` lies; None beyond the end of a job that cannot be extended."""
        if self.each is not None:
            return 0
        rung = 0
        while self.blocks_max * 4**rung < blocks:
            rung += 1
        return rung if rung == 0 or self._climbs else None

    def look(self, blocks: int, closed: tuple[int, ...] = ()) -> Look | None:
        """The look after `blocks` blocks, planned or closing; None where there is none or its alpha is spent."""
        if self.each is not None:
            return self._of_observation(blocks)
        epoch = self.epoch(blocks)
        if epoch is None:
            return None
        end = self._end(epoch, closed)
        if end is not None and end < blocks:
            return None
        planned = next((look for look in _looks(self, epoch) if look.blocks == blocks), None)
        return self._closing(blocks, epoch) if planned is None and blocks in closed else planned

    def closing(self, blocks: int, closed: tuple[int, ...] = ()) -> Look | None:
        """The look to publish if the job ends after `blocks` blocks; None where no alpha is left.

        At a planned look that is the planned one; elsewhere it spends all that is left of the epoch's alpha. `blocks`
        is then a stopping time of the clock, so that the interval is asymptotic in the number of blocks.
        """
        return self.look(blocks, (*closed, blocks))

    def published(self, blocks: int, closed: tuple[int, ...] = (), *, ends: bool) -> Look | None:
        """The look whose interval goes with an answer after `blocks` blocks; `ends`: the job ends there."""
        anywhere = ends or self.kind == "bounded" or (self.kind == "open" and blocks >= self.first_look)
        return self.closing(blocks, closed) if anywhere else self.look(blocks, closed)

    def next_look(self, blocks: int, closed: tuple[int, ...] = ()) -> int | None:
        """The first planned look after more than `blocks` blocks that is not void; None where there is none."""
        if self.each is not None:
            return (blocks // self.each + 1) * self.each
        epoch = self.epoch(blocks + 1)
        while epoch is not None:
            end = self._end(epoch, closed)
            for look in _looks(self, epoch):
                if look.blocks > blocks and (end is None or look.blocks < end):
                    return look.blocks
            epoch = epoch + 1 if self._climbs else None
        return None

    def looks_until(self, blocks: int, closed: tuple[int, ...] = ()) -> tuple[Look, ...]:
        """The looks published on the way to `blocks`, that one included, closings too."""
        if self.each is not None:
            found = (self.look(place) for place in range(self.each, blocks + 1, self.each))
            return tuple(look for look in found if look is not None)
        last = self.epoch(min(blocks, self.blocks_max)) if not self._climbs else self.epoch(blocks)
        places = {look.blocks for epoch in range((last or 0) + 1) for look in _looks(self, epoch)} | set(closed)
        looks = (self.look(place, closed) for place in sorted(places) if place <= blocks)
        return tuple(look for look in looks if look is not None)

    def keeps(self, blocks: int) -> bool:
        """Whether what a job can be verified from is kept at this look: of observations at the first, second, fourth,
        eighth and so on, so that thousands of them leave a dozen files."""
        number = 0 if self.each is None else blocks // self.each
        return number & (number - 1) == 0

    def _of_observation(self, blocks: int) -> Look | None:
        """The look at which an observation has been taken into every lane."""
        assert self.each is not None
        number, rest = divmod(blocks, self.each)
        if rest or not number:
            return None
        alpha = self.alpha if self.kind == "fixed" else self.alpha / (number * (number + 1))
        return Look(blocks, 0, self.each, fixed_critical(alpha))

    @property
    def _climbs(self) -> bool:
        return self.extensible or self.kind != "stream"

    def _critical(self, replicates: int) -> float:
        """z of a kind of interval whose looks do not depend on each other."""
        if self.kind == "open":
            return open_critical(replicates, self.replicates(self.blocks_max), self.alpha)
        return fixed_critical(self.alpha)

    def _alpha(self, epoch: int) -> float:
        return self.alpha / 2 ** (epoch + 1) if self.extensible and self.kind == "stream" else self.alpha

    def _end(self, epoch: int, closed: tuple[int, ...]) -> int | None:
        """Where the epoch's alpha was spent by a closing: the first that is not at a planned look."""
        if self.kind != "stream":
            return None
        planned = {look.blocks for look in _looks(self, epoch)}
        return min((k for k in closed if self.epoch(k) == epoch and k not in planned), default=None)

    def _closing(self, blocks: int, epoch: int) -> Look | None:
        n, alpha = self.replicates(blocks), self._alpha(epoch)
        if self.kind != "stream":
            return Look(blocks, epoch, n, self._critical(n), closing=True)
        passed = [look for look in _looks(self, epoch) if look.blocks < blocks]
        rule = last_of_any if self.adaptive else last_critical
        z = rule([look.critical for look in passed], [*(look.replicates for look in passed), n], alpha)
        return Look(blocks, epoch, n, z, closing=True) if np.isfinite(z) else None


def critical_for(
    look: Look, dof: ArrayLike, skewness: ArrayLike = 0.0, replicates: ArrayLike = np.inf
) -> NDArray[np.float64]:
    """Critical value of Student's t with the tail of the look's normal one, t_dof^-1(Phi(z_j)), in the shape of dof.

    Computed from the tail probability Phi(-z_j), exact for any z up to 37. Where dof is large it is z_j itself; where
    dof is nan, so that no variance is known, it is nan. `skewness`, g, of that many replicates makes one tail of the
    studentised mean exp(c) times as heavy and the other lighter, c = |g| z^3/(3 sqrt n) to leading order (Hall 1987):
    the tail aimed at is Phi(-z_j)/cosh(c), so that both together have the chance they should. It matters far out, where
    many outputs share the confidence: of 42 gamma variables (g = 1) the mean misses 5.7 times as often as 5.7e-5
    without, 2.9 times with it.
    """
    c = np.abs(np.asarray(skewness, dtype=np.float64)) * look.critical**3 / (3 * np.sqrt(replicates))
    return student_critical(normal_tail(look.critical) / np.cosh(np.minimum(np.nan_to_num(c), _SKEWED)), dof)


_SKEWED = 8.0
"""c beyond which the expansion says nothing more."""


@lru_cache(maxsize=1024)
def _looks(schedule: Schedule, epoch: int) -> tuple[Look, ...]:
    """The planned looks of an epoch."""
    places = _places(schedule, epoch)
    counts = tuple(schedule.replicates(k) for k in places)
    alpha = schedule._alpha(epoch)  # pyright: ignore[reportPrivateUsage]
    if schedule.kind != "stream":
        z = [schedule._critical(n) for n in counts]  # pyright: ignore[reportPrivateUsage]
    else:
        c = union_bound(counts, alpha) if schedule.adaptive else wang_tsiatis(counts, alpha)
        z = [c * (n / counts[-1]) ** (DELTA - 0.5) for n in counts]
    return tuple(Look(k, epoch, n, value) for k, n, value in zip(places, counts, z, strict=True))


def _places(schedule: Schedule, epoch: int) -> tuple[int, ...]:
    top = schedule.blocks_max * 4**epoch
    if epoch > 0:
        return (top // 2, top)
    halvings = {-(-top // 2**i) for i in range(top.bit_length() + 1)}
    return tuple(sorted({k for k in halvings if k >= schedule.first_look} | set(schedule.extra) | {top}))
