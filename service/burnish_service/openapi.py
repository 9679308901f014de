"""The OpenAPI document. `python -m burnish_service.openapi > docs/openapi.json` writes it, for review with a change."""

from __future__ import annotations

import json
import sys
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

REFERENCE = "#/components/schemas/{model}"


def body_of(*models: type[BaseModel]) -> dict[str, Any]:
    """The body of a route that validates it by hand, so that its errors carry JSON pointers."""
    schemas = [{"$ref": REFERENCE.format(model=model.__name__)} for model in models]
    schema = schemas[0] if len(schemas) == 1 else {"oneOf": schemas}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def bytes_body() -> dict[str, Any]:
    """A body of raw bytes."""
    schema = {"type": "string", "format": "binary"}
    return {"requestBody": {"required": True, "content": {"application/octet-stream": {"schema": schema}}}}


def problem_responses(*codes: int) -> dict[int | str, dict[str, Any]]:
    """The problems that a route answers with."""
    content = {"application/problem+json": {"schema": {"$ref": REFERENCE.format(model="Problem")}}}
    return {code: {"description": "Problem", "content": content} for code in codes}


def document(app: FastAPI, *models: type[BaseModel]) -> dict[str, Any]:
    """What FastAPI derives from the routes, plus `models`, which only appear in parts written by hand."""
    # One schema for each model: a field with a default need not be sent, whatever is always there in answers.
    found = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        routes=app.routes,
        separate_input_output_schemas=False,
    )
    _say_who(found)
    schemas = found.setdefault("components", {}).setdefault("schemas", {})
    for model in models:
        schema = model.model_json_schema(ref_template=REFERENCE)
        for name, definition in schema.pop("$defs", {}).items():
            schemas.setdefault(name, definition)
        schemas[model.__name__] = schema
    found["components"]["schemas"] = dict(sorted(schemas.items()))
    return found


def _say_who(found: dict[str, Any]) -> None:
    """What all operations that take a key answer without a good one: in OpenAI's shape where that is the route's."""
    keyless = problem_responses(401, 403)
    for path in found["paths"].values():
        for operation in path.values():
            if "security" in operation:
                responses = operation["responses"]
                shown = responses.get("default")
                responses |= {str(code): shown or one for code, one in keyless.items()}
                operation["responses"] = dict(sorted(responses.items()))


def text() -> str:
    """The document of this version as it is kept in docs/openapi.json."""
    from burnish_service.context import Context
    from burnish_service.main import create_app

    async def connect() -> Context:
        raise RuntimeError("the document is written without a store")

    return json.dumps(create_app(connect).openapi(), indent=1) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
