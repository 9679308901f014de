"""What is sent: a prompt and the steps so far, in one of two interfaces and with what the server understands.

completions       prompt + steps; the server goes on
chat, prefill     the steps are the beginning of the assistant's turn, which is to be continued (vLLM, SGLang)
chat, message     the steps stand behind the last message of the user: for servers that cannot continue a turn
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from burnish.wire.specs.language import ServerProblem, StepRule

LINES = StepRule()
"""Where the problem does not say what a step is."""

_PREFILL = {"continue_final_message": True, "add_generation_prompt": False}


@dataclass(frozen=True)
class Dialect:
    """What a server understands and how it tells what happened; found out once (`learning.py`).

    `most`: candidates in one call, 1 where it takes no `n`; `seeds`, `stops`: whether it takes `seed` and `stop`;
    `keeps`: the stop text stays in what it answers, so that where there is none the model ended; `configures`: it
    draws by a generation_config of its own, which must be sent with each request (transformers serve, which else
    takes the likeliest token where the model's files do not say `do_sample`).
    """

    most: int = 1
    seeds: bool = True
    stops: bool = True
    keeps: bool = False
    configures: bool = False


@dataclass(frozen=True)
class Call:
    """One request: so many candidates for the step after these texts. `seed`: None where none is sent."""

    steps: tuple[str, ...]
    count: int
    seed: int | None


@dataclass(frozen=True)
class Asker:
    """Makes requests of a problem."""

    problem: ServerProblem

    @property
    def path(self) -> str:
        return "/completions" if self.problem.api == "completions" else "/chat/completions"

    @property
    def rule(self) -> StepRule:
        return self.problem.steps.over(LINES)

    def body(self, call: Call, dialect: Dialect) -> dict[str, Any]:
        """The request. A seed goes with single draws alone: some servers give all of `n` the same one."""
        problem, tokens = self.problem, self.rule.tokens
        found: dict[str, Any] = {"model": problem.model, "max_tokens": tokens, **self.text(call.steps)}
        found |= {"temperature": problem.temperature, "top_p": problem.top_p}
        if dialect.stops and self.rule.stops:
            found["stop"] = self.rule.stops
        if call.count > 1:
            found["n"] = call.count
        elif dialect.seeds and call.seed is not None:
            found["seed"] = call.seed
        if dialect.configures:
            found["generation_config"] = json.dumps({"do_sample": True, "top_k": 0})
        return found

    def text(self, steps: Sequence[str]) -> dict[str, Any]:
        """What the model reads."""
        problem, written = self.problem, "".join(steps)
        if problem.api == "completions":
            return {"prompt": (problem.prompt or "") + written}
        messages = [{"role": each.role, "content": each.content} for each in problem.messages or ()]
        messages = messages or [{"role": "user", "content": problem.prompt or ""}]
        if not written:
            return {"messages": messages}
        if problem.continues == "prefill":
            return {"messages": [*messages, {"role": "assistant", "content": written}], **_PREFILL}
        *before, last = messages
        return {"messages": [*before, {**last, "content": f"{last['content']}\n\n{written}"}]}
