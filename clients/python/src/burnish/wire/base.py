"""The base of every wire type: strict, closed, finite.

Strict because a string where a number belongs is a mistake worth hearing about; closed because a misspelt field that
is silently ignored costs an afternoon; finite because JSON has no infinities: what is unknown is `null`.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Wire(BaseModel):
    """A value that travels: immutable, no unknown fields, no NaN, no infinity."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Received(BaseModel):
    """A value that the service sends: unknown fields are kept, so that an older SDK reads a newer service."""

    model_config = ConfigDict(extra="allow", frozen=True)
