"""JSON of unknown origin: each value is asked for by what it must be. Raises ModelRejected."""

from __future__ import annotations

import json
from typing import Any, cast

from burnish_workers.core.model_rejected import ModelRejected


def parse_json(text: bytes, where: str) -> Any:
    """Raises ModelRejected on anything but JSON."""
    try:
        return json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ModelRejected("bad_graph", f"{where} is not JSON: {error!s:.120}") from None


def single(value: Any) -> tuple[tuple[str, Any]]:
    """Tagged unions are objects with one field."""
    found = an_object(value)
    if len(found) != 1:
        raise bad(f"an object with one field was expected, got fields {sorted(found)!s:.80}")
    return (next(iter(found.items())),)


def an_object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise bad(f"an object was expected, got {value!r:.40}")
    return cast("dict[str, Any]", value)


def a_list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise bad(f"a list was expected, got {value!r:.40}")
    return cast("list[Any]", value)


def a_name(value: Any) -> str:
    return a_text(an_object(value).get("name"))


def a_text(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= 400:
        raise bad(f"a name was expected, got {value!r:.40}")
    return value


def an_integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > 2**63:
        raise bad(f"a whole number was expected, got {value!r:.40}")
    return value


def bad(why: str) -> ModelRejected:
    return ModelRejected("bad_graph", why)
