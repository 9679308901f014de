"""Language models of the catalogue as OpenAI's API lists models."""

from __future__ import annotations

from typing import Any

from burnish.wire import Catalogue, CatalogueEntry
from burnish_workers.kinds.reasoning.backends.language.directory import ModelError
from burnish_workers.kinds.reasoning.backends.language.registered import model_named

OWNER = "burnish"


def listed(catalogue: Catalogue) -> list[dict[str, Any]]:
    """In the catalogue's order."""
    return [_model(entry) for entry in catalogue.data if (entry.kind, entry.type) == ("reasoning", "language")]


def _model(entry: CatalogueEntry) -> dict[str, Any]:
    """`created` is 0: a model is what its files are, whenever they were written."""
    said = {"summary": entry.summary, "details": entry.details}
    return {"id": entry.name, "object": "model", "created": 0, "owned_by": OWNER, "burnish": said}


def judge_of(name: str) -> dict[str, Any]:
    """Who judges where the request does not say: the check of the model's card; without one all answers are as good,
    and their chances are those that the model gives them. An unknown model is refused where the job is created."""
    try:
        judged = model_named(name).check is not None
    except ModelError:
        judged = True
    return {} if judged else {"verifier": {"ends": {"type": "expression", "expression": "0"}}}
