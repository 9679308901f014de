"""What the service knows: kinds of jobs, named problems, named models."""

from __future__ import annotations

from typing import Any

from burnish.wire.base import Received


class KindInfo(Received):
    """A kind of job: its request schema (JSON Schema) and examples that can be posted as they are."""

    name: str
    summary: str
    spec: dict[str, Any]
    examples: list[dict[str, Any]]


class CatalogueEntry(Received):
    """A problem or a model that a spec may name. `details` holds what its kind says of it (equation, reference...)."""

    kind: str
    type: str
    name: str
    summary: str
    details: dict[str, Any] = {}


class Kinds(Received):
    data: list[KindInfo]


class Catalogue(Received):
    data: list[CatalogueEntry]
