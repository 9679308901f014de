"""JSON that a schema accepts, by jsonschema_rs: patterns in linear time, nothing fetched."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import jsonschema_rs

from burnish_workers.core.kind import SpecError

MOST_CHARACTERS, MOST_REFERENCES = 20_000, 24
"""Of a schema. References to references could otherwise take exponentially long."""

_FENCED = re.compile(r"```[a-zA-Z]*\n(.*)\n```", re.DOTALL)


def schema_passes(schema: dict[str, Any], at: str) -> Callable[[str, str], bool]:
    """Raises SpecError at `at` for what is no schema, or one that refers to others."""
    written = json.dumps(schema)
    references = written.count('"$ref"') + written.count('"$dynamicRef"')
    if len(written) > MOST_CHARACTERS or references > MOST_REFERENCES:
        limits = f"{MOST_CHARACTERS:,} characters and {MOST_REFERENCES} references"
        raise SpecError(at, f"the schema has {len(written):,} characters and {references} references; most: {limits}")
    try:
        validator = jsonschema_rs.validator_for(schema, offline=True, pattern_options=jsonschema_rs.RegexOptions())
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        raise SpecError(at, f"no JSON Schema: {str(error).splitlines()[0]}") from None

    def passes(prompt: str, text: str) -> bool:
        try:
            return validator.is_valid(_parsed(text))
        except (ValueError, RecursionError):
            return False

    return passes


def _parsed(text: str) -> Any:
    """Raises ValueError, RecursionError."""
    text = text.strip()
    fenced = _FENCED.fullmatch(text)
    return json.loads(text if fenced is None else fenced[1], parse_constant=_refused)


def _refused(name: str) -> float:
    raise ValueError(f"{name} is no JSON")
