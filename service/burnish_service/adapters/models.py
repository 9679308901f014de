"""Language models of the catalogue as OpenAI's API lists models."""

from __future__ import annotations

from typing import Any

from burnish.wire import Catalogue, CatalogueEntry

OWNER = "burnish"


def listed(catalogue: Catalogue) -> list[dict[str, Any]]:
    """In the catalogue's order."""
    return [_model(entry) for entry in catalogue.data if (entry.kind, entry.type) == ("reasoning", "language")]


def _model(entry: CatalogueEntry) -> dict[str, Any]:
    """`created` is 0: a model is what its files are, whenever they were written."""
    said = {"summary": entry.summary, "details": entry.details}
    return {"id": entry.name, "object": "model", "created": 0, "owned_by": OWNER, "burnish": said}
