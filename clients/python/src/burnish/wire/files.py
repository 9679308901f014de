"""Uploaded files, named by the sha256 of their bytes: models and arrays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field, PlainSerializer, WithJsonSchema

from burnish.wire.base import Received, Wire
from burnish.wire.problem import Problem

PREFIX = "sha256:"
DIGEST = r"^sha256:[0-9a-f]{64}$"
Digest = Annotated[str, Field(pattern=DIGEST, description="`sha256:` and 64 hexadecimal digits.")]

FileType = Literal["model", "array"]
FileState = Literal["checking", "ready", "rejected"]


class ModelReference(Wire):
    """An uploaded model, see `PUT /v1/models/{sha256}`."""

    model: Digest


def _reference(given: Any) -> Any:
    return given if isinstance(given, ModelReference) else {"model": given}


ModelName = Annotated[
    ModelReference,
    BeforeValidator(_reference),
    PlainSerializer(lambda reference: reference.model, return_type=str),
    WithJsonSchema({"type": "string", "pattern": DIGEST, "description": "An uploaded model, `sha256:...`."}),
]
"""The same as the value of a field that says what the model is for: `"classifier": "sha256:..."`."""


class ArrayReference(Wire):
    """An uploaded array file, see `PUT /v1/arrays/{sha256}`."""

    array: Digest


class StoredFile(Received):
    """An upload. `card` says what is in it (dimension, shapes, what the probe measured).

    A model is `checking` until a worker has tried it, then `ready`, or `rejected` with the `problem`; arrays are
    checked while they are uploaded.
    """

    id: str
    type: FileType
    state: FileState
    bytes: int
    created_at: str
    card: dict[str, Any] = {}
    problem: Problem | None = None


class FilePage(Received):
    """Uploads, newest first; ask again with `after=next` when `has_more`."""

    data: list[StoredFile]
    has_more: bool
    next: str | None


def references(value: Any, pointer: str = "") -> Iterator[tuple[str, ModelReference | ArrayReference]]:
    """The uploads that a spec names, each with the JSON pointer to where it does."""
    if isinstance(value, ModelReference | ArrayReference):
        yield pointer, value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from references(getattr(value, name), f"{pointer}/{name}")
    elif isinstance(value, list):
        # Lists of numbers are long and name nothing.
        for i, item in enumerate(value):  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
            if not isinstance(item, BaseModel | list):
                break
            yield from references(item, f"{pointer}/{i}")
