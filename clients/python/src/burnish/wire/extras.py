"""Libraries that the SDK uses where they are installed, and does not depend on."""

from __future__ import annotations

import importlib
from typing import Any


def need(module: str, extra: str, what: str) -> Any:
    """The module that `what` needs.

    Raises `ImportError`, which says what to install, where it is missing.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        missing = error.name or module
        raise ImportError(f"{what} needs {missing}: pip install 'burnish[{extra}]'", name=missing) from error
