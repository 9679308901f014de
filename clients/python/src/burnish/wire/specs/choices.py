"""Unions of forms of one thing: errors speak of the form that was meant."""

from __future__ import annotations

from typing import Any, cast

from pydantic import Discriminator


def pick(*choices: tuple[str, str]) -> Discriminator:
    """Choose a union member by the field that only it has: (field, tag) pairs, the last tag where none is given."""

    def choose(value: Any) -> str:
        given = cast("dict[str, Any]", value) if isinstance(value, dict) else getattr(value, "model_fields_set", ())
        return next((tag for field, tag in choices if field in given), choices[-1][1])

    return Discriminator(choose)


def depth(value: Any) -> int:
    """How deep lists are nested, by their first elements: 0 for what is no list."""
    levels = 0
    while isinstance(value, list) and value:
        value, levels = cast("list[Any]", value)[0], levels + 1
    return levels + isinstance(value, list)


def nested(*tags: str) -> Discriminator:
    """Choose a union member by the depth of lists: tags for 0, 1, ... levels, the last for all that are deeper."""
    return Discriminator(lambda value: tags[min(depth(value), len(tags) - 1)])
