"""How verifiers read a path: steps are the backend's integers, checks and formulas want text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from burnish.wire.specs.language import Prompted
from burnish_workers.kinds.reasoning.protocols import Prefix


@dataclass(frozen=True)
class Reading:
    """`text`: what was written along a path, behind the prompt; `words`: its steps as people read them; `asked`:
    {"prompt": text} or {"messages": [...]}, nothing where a problem is no text."""

    text: Callable[[Prefix], str]
    words: Callable[[Prefix], list[str]]
    asked: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def prompt(self) -> str:
        """What checks judge an answer by: the prompt, or the last message."""
        messages = self.asked.get("messages")
        return str(messages[-1]["content"] if messages else self.asked.get("prompt", ""))


def asked_of(problem: Prompted) -> Mapping[str, Any]:
    """What a reward model is told of a problem."""
    if problem.prompt is not None:
        return {"prompt": problem.prompt}
    return {"messages": [message.model_dump() for message in problem.messages or []]}
