"""One typed request per kind; a spec that this SDK does not know is kept as it came."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from burnish.wire.base import Received
from burnish.wire.specs.base import Multiplicity, Resolution, SpecBase
from burnish.wire.specs.posterior import PosteriorSpec
from burnish.wire.specs.reasoning import ReasoningSpec
from burnish.wire.specs.surrogate import SurrogateSpec


class UnknownSpec(Received):
    """The spec of a kind, or with fields, that are newer than this SDK."""

    kind: str


JobSpec = Annotated[SurrogateSpec | PosteriorSpec | ReasoningSpec | UnknownSpec, Field(union_mode="left_to_right")]
"""Specs as the service echoes them: those of a newer service, with fields that this SDK does not know, are kept too."""

__all__ = [
    "JobSpec",
    "Multiplicity",
    "PosteriorSpec",
    "ReasoningSpec",
    "Resolution",
    "SpecBase",
    "SurrogateSpec",
    "UnknownSpec",
]
