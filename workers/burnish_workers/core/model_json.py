"""JSON of unknown origin: each value is asked for by what it must be. Raises ModelRejected."""

from __future__ import annotations

import json
import reprlib
from typing import Any, cast

from burnish_workers.core.model_rejected import ModelRejected

MOST_TEXT = 8 * 2**20
"""Bytes of JSON that are parsed: as Python objects they are up to twenty-four times as many."""

_SHORT = reprlib.Repr()
_SHORT.maxlevel, _SHORT.maxstring, _SHORT.maxother = 2, 60, 60


def shown(value: Any) -> str:
    """A value in a message: short, however large or deep it is."""
    return _SHORT.repr(value)[:100]


def parse_json(text: bytes, where: str) -> Any:
    """Raises ModelRejected on anything but JSON, and on too much of it."""
    if len(text) > MOST_TEXT:
        raise ModelRejected("too_large", f"{where} has {len(text)} bytes; at most {MOST_TEXT} are accepted")
    try:
        return json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ModelRejected("bad_graph", f"{where} is not JSON: {error!s:.120}") from None


def single(value: Any) -> tuple[tuple[str, Any]]:
    """Tagged unions are objects with one field."""
    found = an_object(value)
    if len(found) != 1:
        raise bad(f"an object with one field was expected, got fields {shown(sorted(found))}")
    return (next(iter(found.items())),)


def an_object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise bad(f"an object was expected, got {shown(value)}")
    return cast("dict[str, Any]", value)


def a_list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise bad(f"a list was expected, got {shown(value)}")
    return cast("list[Any]", value)


def a_name(value: Any) -> str:
    return a_text(an_object(value).get("name"))


def a_text(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= 400:
        raise bad(f"a name was expected, got {shown(value)}")
    return value


def an_integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > 2**63:
        raise bad(f"a whole number was expected, got {shown(value)}")
    return value


def bad(why: str) -> ModelRejected:
    return ModelRejected("bad_graph", why)
