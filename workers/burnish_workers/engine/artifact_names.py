"""Names of artifacts are relative paths of plain words, so that no name leads out of the folder that keeps them."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

_WORD = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,199}"
_NAME = re.compile(rf"{_WORD}(/{_WORD})*")
_PREFIX = re.compile(rf"({_WORD}/)*({_WORD})?")
_LONGEST = 1000
_MEDIA_TYPES = {".json": "application/json", ".png": "image/png"}


def checked_name(name: str) -> str:
    """`name`, or ValueError: it must be words of letters, digits and `._-`, not led by a dot, separated by `/`."""
    if len(name) > _LONGEST or not _NAME.fullmatch(name):
        raise ValueError(
            f"{name[:200]!r} cannot name an artifact; use letters, digits, '.', '_' and '-', with '/' between words "
            "that begin with a letter, a digit or '_'"
        )
    return name


def checked_prefix(prefix: str) -> str:
    """`prefix`, or ValueError: it must be the beginning of a name and not empty, which would mean everything."""
    if not prefix or len(prefix) > _LONGEST or not _PREFIX.fullmatch(prefix):
        raise ValueError(f"{prefix[:200]!r} is not the beginning of an artifact's name")
    return prefix


def media_type_of(name: str) -> str:
    """As what an artifact is sent, by the end of its name: nothing that a browser would run."""
    return _MEDIA_TYPES.get(PurePosixPath(name).suffix, "application/octet-stream")
