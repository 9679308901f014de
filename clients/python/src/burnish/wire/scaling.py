"""Scaling laws fitted to a user's own records: Risk(D, C) = A/D^a + B/C^b + floor."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from burnish.wire.base import Received, Wire
from burnish.wire.forecast import Range

Amount = Annotated[float, Field(gt=0, le=1e300)]


class ScalingRecord(Wire):
    """One run: how much data and compute went in, and the risk (a loss, an error) that came out."""

    data: Amount | None = None
    compute: Amount | None = None
    risk: Amount


class ScalingPoint(Wire):
    """Where the risk is to be foretold."""

    data: Amount | None = None
    compute: Amount | None = None


class Prices(Wire):
    """How a budget is to be split: price_data D + price_compute C = budget."""

    budget: Amount
    price_data: Amount
    price_compute: Amount


class ScalingRequest(Wire):
    """At least six records that all have the same axes."""

    records: list[ScalingRecord] = Field(min_length=6, max_length=10_000)
    at: list[ScalingPoint] = Field(default=[], max_length=1_000)
    split: Prices | None = None
    level: float = Field(default=0.95, ge=0.5, le=0.999)


class Foretold(Received):
    """The risk to expect there."""

    data: float | None
    compute: float | None
    risk: Range


class Split(Received):
    """The split of the budget with the least risk."""

    data: float
    compute: float
    risk: Range


class ScalingLaw(Received):
    """The fitted law. A term is `null` where the records cannot tell it; `floor` where none is needed to foretell them.

    `chosen`, `why`: with or without a floor, by how well larger records are foretold from smaller ones.
    """

    data_scale: Range | None
    data_exponent: Range | None
    compute_scale: Range | None
    compute_exponent: Range | None
    floor: Range | None
    chosen: Literal["with_floor", "without_floor"]
    why: str
    typical_error: float
    predictions: list[Foretold] = []
    split: Split | None = None
