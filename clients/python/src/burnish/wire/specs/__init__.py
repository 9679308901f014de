"""One typed request per kind, discriminated by `kind`; a kind that this SDK does not know is kept as it came."""

from __future__ import annotations

from typing import Annotated, Any, cast

from pydantic import Discriminator, Tag

from burnish.wire.base import Received
from burnish.wire.specs.base import Resolution, SpecBase
from burnish.wire.specs.surrogate import SurrogateSpec


class UnknownSpec(Received):
    """The spec of a kind that is newer than this SDK."""

    kind: str


_KNOWN = ("surrogate",)


def _by_kind(value: Any) -> str:
    kind = cast("dict[str, Any]", value).get("kind") if isinstance(value, dict) else getattr(value, "kind", None)
    return kind if kind in _KNOWN else "other"


JobSpec = Annotated[
    Annotated[SurrogateSpec, Tag("surrogate")] | Annotated[UnknownSpec, Tag("other")],
    Discriminator(_by_kind),
]

__all__ = ["JobSpec", "Resolution", "SpecBase", "SurrogateSpec", "UnknownSpec"]
