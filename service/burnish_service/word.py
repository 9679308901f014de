"""The word that a server leaves in its data folder: how to reach its Ray, for whoever deploys to it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pydantic import BaseModel

_WORD = "deployment.json"


class Word(BaseModel):
    """`pid`: of the server; `ray`: the address of its Ray; `settings` and `environment`: what runs there was given."""

    pid: int
    ray: str
    settings: dict[str, Any]
    environment: dict[str, str]


def leave(folder: Path, word: Word) -> Path:
    """Write the word down, for the eyes of this user alone: it holds a password."""
    path = folder / _WORD
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(word.model_dump_json())
    return fresh.replace(path)


def found(folder: Path) -> Word | None:
    """The word of the server that keeps its data in this folder, None when there is none now."""
    try:
        word = Word.model_validate_json((folder / _WORD).read_text())
        os.kill(word.pid, 0)
    except (OSError, ValueError):
        return None
    return word
