"""Observations that a job assimilates: those it has, the next ones, and what became of them."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from burnish.wire.array import Array
from burnish.wire.base import Received, Wire

MOST_AT_ONCE = 10_000
"""Observations of one request."""

MOST_OBSERVATIONS = 100_000
"""Observations of one job."""

Component = Annotated[float, Field(allow_inf_nan=False)] | None
Observation = list[Component] | Array | None
"""The numbers of one observation; null where there is none: a moment at which nothing was seen, or one component."""


def plain(observation: Observation) -> list[float | None] | None:
    """The numbers, whichever way they were written. Raises ValueError for an array of more than one dimension."""
    if not isinstance(observation, Array):
        return observation
    if len(observation.shape) != 1:
        raise ValueError(f"an observation is a vector, got shape {observation.shape}; send shape [n]")
    return list(observation.flat())


class Observe(Wire):
    """The next observation, `{"index": 7, "y": [..]}`, or several, `{"from": 7, "observations": [[..], ..]}`.

    Indices count all observations of the job from 0, those of its spec included; the same content again under the same
    index changes nothing. `last`: none comes after these.
    """

    index: int | None = Field(default=None, ge=0, le=MOST_OBSERVATIONS)
    y: Observation = Field(default=None, description="null: nothing was seen at this moment.")
    start: int | None = Field(default=None, ge=0, le=MOST_OBSERVATIONS, alias="from")
    observations: list[Observation] | None = Field(default=None, max_length=MOST_AT_ONCE)
    last: bool = Field(default=False, description="No observation comes after this.")

    @model_validator(mode="after")
    def _one_or_several(self) -> Self:
        one = self.index is not None and "y" in self.model_fields_set
        several = self.start is not None and self.observations is not None
        given = {"index", "y", "start", "observations"} & self.model_fields_set
        if not (one and given == {"index", "y"}) and not (several and given == {"start", "observations"}):
            raise ValueError("give index and y, or from and observations")
        if several and not self.observations and not self.last:
            raise ValueError("observations is empty: give some, or say that none is to come with last: true")
        return self

    @property
    def first(self) -> int:
        """Index of the first observation of the request."""
        return self.start if self.start is not None else self.index or 0

    @property
    def listed(self) -> list[Observation]:
        """The observations of the request, also where it is only one."""
        return [self.y] if self.observations is None else self.observations

    def pointer(self, at: int) -> str:
        """The JSON pointer of the observation at this place of the request."""
        return "/y" if self.observations is None else f"/observations/{at}"


class Observations(Received):
    """Where the observations of a job stand.

    `count`: those known, of the spec and posted; the next has this index. `last`: whether one was marked the last.
    `expected`: how many there will be, where the spec says so. `closed`: no more are taken. `assimilated`: those that
    the last refinement contains.
    """

    count: int
    last: bool = False
    expected: int | None = None
    closed: bool = False
    assimilated: int = 0


class Observed(Received):
    """What became of posted observations; `replayed`: the job had them already."""

    job_id: str
    observations: Observations
    replayed: bool = False


class ObservationPage(Received):
    """Observations in order, the first at index `start`; ask again with `after=next` when `has_more`."""

    data: list[list[float | None] | None]
    start: int
    has_more: bool
    next: int | None
