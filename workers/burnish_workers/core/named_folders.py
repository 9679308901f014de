"""Folders that an operator gives names to in a variable: NAME=/absolute/path, separated by commas."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


def named_folders(variable: str, setting: str, shipped: Mapping[str, Path], example: str) -> dict[str, Path]:
    """Those of a setting behind the shipped ones. `example`: a name for messages, which also name `variable`.

    Raises ValueError for what is no such list, and for a name that stands twice.
    """
    folders = dict(shipped)
    for item in filter(None, map(str.strip, setting.split(","))):
        name, equals, path = item.partition("=")
        if not equals or not _NAME.fullmatch(name) or not Path(path).is_absolute():
            what = f"names (lower case, digits, hyphens) and absolute paths, as in {example}=/models/{example}"
            raise ValueError(f"{variable} holds {item!r}; it lists {what}, separated by commas")
        if name in folders:
            raise ValueError(f"{variable} registers {name!r}, which there is already; choose another name")
        folders[name] = Path(path)
    return folders
