"""Validation errors of pydantic as field errors: JSON pointers into the body as it was sent, and what to do."""

from __future__ import annotations

import difflib
import re
import reprlib
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from burnish.wire import FieldError
from burnish_workers.core.registry import near

MAX_ERRORS = 20
LONGEST = 80
"""Characters of what was sent that an error repeats."""

_NAMES = {"literal_error": "expected", "union_tag_invalid": "expected_tags"}
"""Errors about a name that is not among those known, and where pydantic lists these."""

_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = LONGEST


def field_errors(error: ValidationError, given: Any, model: type[BaseModel]) -> list[FieldError]:
    """One FieldError for each mistake, the first 20."""
    details = error.errors(include_url=False, include_context=True)[:MAX_ERRORS]
    return [FieldError(pointer=_where(item, given), detail=_say(item, given, error, model)) for item in details]


def _where(item: ErrorDetails, given: Any) -> str:
    """Of a union whose members are told apart by a field, that field is at fault."""
    telling = item.get("ctx", {}).get("discriminator", "").strip("'")
    at = pointer(item["loc"], given, missing=item["type"] == "missing")
    return f"{at}/{telling}" if item["type"].startswith("union_tag") and telling.isidentifier() else at


def pointer(loc: Sequence[str | int], given: Any, *, missing: bool = True) -> str:
    """The JSON pointer of a pydantic location: steps that name union members, not fields, are left out.

    `missing`: whether the last step may be a field that is not there.
    """
    steps: list[str] = []
    here = given
    for i, step in enumerate(loc):
        last = i == len(loc) - 1
        if isinstance(here, dict) and (step in here or (missing and last and isinstance(step, str))):
            here = here.get(step)
        elif isinstance(here, list) and isinstance(step, int) and step < len(here):
            here = here[step]
        else:
            continue
        steps.append(str(step).replace("~", "~0").replace("/", "~1"))
    # A pointer can be no shorter than the name it points at: of an absurd name, the parent is pointed at.
    kept = steps[:-1] if steps and len(steps[-1]) > 10 * LONGEST else steps
    return "".join(f"/{step}" for step in kept)


def _say(item: ErrorDetails, given: Any, error: ValidationError, model: type[BaseModel]) -> str:
    kind, message = item["type"], item["msg"].removeprefix("Value error, ")
    field = str(item["loc"][-1])[:LONGEST] if item["loc"] else ""
    if kind == "extra_forbidden":
        known = _fields_beside(item["loc"], model)
        if field in known:  # of another member of a union
            return f"field {field!r} does not go with the others that are given here; leave one or the other out"
        match = difflib.get_close_matches(field, known, n=1, cutoff=0.5)
        hint = f"; did you mean {match[0]!r}?" if match else ""
        return f"unknown field {field!r}{hint} (known here: {', '.join(sorted(known))})"
    if kind == "missing":
        return f"required field {field!r} is missing"
    if kind == "union_tag_not_found":
        return f"required field {item.get('ctx', {}).get('discriminator', '')} is missing"
    if kind in _NAMES:
        context = item.get("ctx", {})
        given_name, known = context.get("tag", item["input"]), re.findall(r"'([^']*)'", context.get(_NAMES[kind], ""))
        if known and isinstance(given_name, str):
            return near(given_name[:LONGEST], known)
    if kind == "finite_number":
        return "NaN and infinity are not numbers here; send a finite number, or leave the field out"
    return f"{message}; got {short(item['input'])}"


def _fields_beside(loc: Sequence[str | int], model: type[BaseModel]) -> list[str]:
    """The fields of the model that refused the last step of `loc`, found by walking the JSON schema."""
    schema = model.model_json_schema()
    definitions = schema.get("$defs", {})
    nodes = [schema]
    for step in loc[:-1]:
        reached = [child for node in nodes for child in _children(node, step, definitions)]
        # A step that leads nowhere names a union member: stay.
        nodes = reached or nodes
    return sorted({name for node in _open(nodes, definitions) for name in node.get("properties", {})})


def _open(nodes: Sequence[dict[str, Any]], definitions: dict[str, Any]) -> list[dict[str, Any]]:
    """Nodes with references and unions resolved."""
    found: list[dict[str, Any]] = []
    for node in nodes:
        if "$ref" in node:
            found += _open([definitions[node["$ref"].rsplit("/", 1)[-1]]], definitions)
        elif "anyOf" in node or "oneOf" in node:
            found += _open([*node.get("anyOf", []), *node.get("oneOf", [])], definitions)
        else:
            found.append(node)
    return found


def _children(node: dict[str, Any], step: str | int, definitions: dict[str, Any]) -> list[dict[str, Any]]:
    opened = _open([node], definitions)
    if isinstance(step, int):
        return [n["items"] for n in opened if isinstance(n.get("items"), dict)]
    return [n["properties"][step] for n in opened if step in n.get("properties", {})]


def short(value: Any) -> str:
    """As Python writes it, cut to 80 characters."""
    text = _REPR.repr(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
