"""Exact checks of finished texts, by name. Pure functions of the prompt and the generated text, torch-free."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any


def judge(check: Mapping[str, Any], prompt: str, text: str) -> float:
    """v of an end: 0 where the check passes, -inf where it does not."""
    if check["type"] != "pattern":
        raise ValueError(f"unknown check {check['type']!r}; known: pattern")
    return 0.0 if re.search(check["pattern"], text) else -math.inf
