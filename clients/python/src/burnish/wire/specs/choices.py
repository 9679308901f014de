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
