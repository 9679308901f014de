"""Exact checks of finished texts, by name. Pure functions of the prompt and the generated text, torch-free."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from burnish_workers.kinds.reasoning.checks import arithmetic, dyck

_PASSES = {"arithmetic": arithmetic.passes, "balanced": dyck.passes}


def judge(check: Mapping[str, Any], prompt: str, text: str) -> float:
    """v of an end: 0 where the check passes, -inf where it does not."""
    kind = check["type"]
    if kind in _PASSES:
        return 0.0 if _PASSES[kind](prompt, text) else -math.inf
    if kind != "pattern":
        raise ValueError(f"unknown check {kind!r}; known: {', '.join([*_PASSES, 'pattern'])}")
    return 0.0 if re.search(check["pattern"], text) else -math.inf
