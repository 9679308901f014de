"""Reading what was sent: JSON and then the contract, with errors that say where and what to do."""

from __future__ import annotations

import json
from typing import Any, TypeVar, cast

from pydantic import BaseModel, ValidationError

from burnish.wire import FieldError
from burnish_workers.engine.pointers import field_errors, short
from burnish_workers.engine.refusals import Refusal, invalid

MISTAKES = 10_000

M = TypeVar("M", bound=BaseModel)

_JSON_TYPES = {list: "an array", str: "a string", bool: "a boolean", int: "a number", float: "a number"}


def read_json(body: bytes) -> dict[str, Any]:
    """The body as an object. NaN and infinities pass, so that the error for them can name the field."""
    try:
        given = json.loads(body.decode(), object_pairs_hook=_unique)
    except RecursionError:
        raise _malformed("it is nested too deeply") from None
    except ValueError as error:
        raise _malformed(str(error) if body else "it is empty") from None
    if not isinstance(given, dict):
        shown = _JSON_TYPES.get(type(given), "null")
        detail = f"the body must be a JSON object {{...}}, got {shown}"
        raise Refusal(422, "Invalid request", detail, [FieldError(pointer="", detail=detail)])
    return cast("dict[str, Any]", given)


def validated(model: type[M], body: bytes, given: dict[str, Any]) -> M:
    """The body as a model, strictly. Raises Refusal."""
    try:
        return model.model_validate_json(body, strict=True)
    except ValidationError as error:
        if error.error_count() > MISTAKES:  # to list them would take minutes and gigabytes
            detail = f"{error.error_count()} mistakes; see /v1/kinds for the schema, and send numbers, not strings"
            raise invalid([FieldError(pointer="", detail=detail)]) from None
        first = error.errors(include_url=False, include_input=False)[0]
        if first["type"] == "json_invalid":  # what Python's parser lets pass: lone surrogates
            raise _malformed(first["msg"].removeprefix("Invalid JSON: ")) from None
        raise invalid(field_errors(error, given, model)) from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON. Of a field given twice it is anybody's guess which was meant."""
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise ValueError(f"field {short(name)} is given more than once")
            seen.add(name)
    return found


def _malformed(why: str) -> Refusal:
    detail = f"the body is not JSON: {why}; send one object in UTF-8"
    return Refusal(400, "Malformed JSON", detail, [FieldError(pointer="", detail=detail)])
