"""How verifiers read a path: steps are the backend's integers, checks and formulas want text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from burnish_workers.kinds.reasoning.protocols import Prefix


@dataclass(frozen=True)
class Reading:
    """`text`: what was written along a path, behind the prompt; `words`: its steps as people read them."""

    text: Callable[[Prefix], str]
    words: Callable[[Prefix], list[str]]
    prompt: str = ""
