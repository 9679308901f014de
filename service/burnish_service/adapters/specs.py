"""From a request to the spec of a job, and from a pointer into that spec back to the field that was sent."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from burnish_service.adapters.messages import conversation
from burnish_service.adapters.models import judge_of
from burnish_service.adapters.options import Effort, budget_of
from burnish_service.adapters.requests import MARK, ChatRequest, Common, ResponseRequest


@dataclass(frozen=True)
class Asked:
    """A job to create. `renamed`: by pointers into its spec, the names under which a user gave these fields."""

    spec: dict[str, Any]
    renamed: dict[str, str]

    @property
    def body(self) -> bytes:
        return json.dumps(self.spec).encode()

    def param(self, pointer: str) -> str | None:
        """The field that was sent, as OpenAI's errors name it: `messages[0].content`."""
        for prefix, name in self.renamed.items():
            if pointer == prefix or pointer.startswith(f"{prefix}/"):
                return dotted(name, pointer[len(prefix) :])
        return dotted("burnish", pointer) if pointer else None


def dotted(name: str, pointer: str) -> str:
    """A JSON pointer below `name`, with dots and brackets."""
    for step in pointer.split("/")[1:]:
        name += f"[{step}]" if step.isdecimal() else f".{step}" if name else step
    return name


def chat_spec(request: ChatRequest) -> Asked:
    """Deterministic in the request: with an idempotency key the same body is the same job."""
    spec = _spec(request, conversation(request.messages), request.most, request.reasoning_effort)
    spec["metadata"][MARK] = _mark(api="chat", effort=request.reasoning_effort, most=request.most)
    if request.seed is not None:
        spec["seed"] = request.seed
    limit = "max_tokens" if request.max_tokens is not None else "max_completion_tokens"
    return Asked(spec, _renamed(request, "messages", limit))


def response_spec(request: ResponseRequest) -> Asked:
    """As `chat_spec`. Instructions are the first message, by the system."""
    asked = request.input
    messages = [{"role": "user", "content": asked}] if isinstance(asked, str) else conversation(asked)
    if request.instructions is not None:
        messages = [{"role": "system", "content": request.instructions}, *messages]
    spec = _spec(request, messages, request.most, request.reasoning.effort)
    spec["metadata"][MARK] = _mark(
        api="responses",
        effort=request.reasoning.effort,
        most=request.most,
        background=bool(request.background),
        instructions=request.instructions is not None,
    )
    return Asked(spec, _renamed(request, "input", "max_output_tokens"))


def _spec(request: Common, messages: list[dict[str, Any]], most: int | None, effort: Effort | None) -> dict[str, Any]:
    options, kept = request.burnish, {} if request.user is None else {"user": request.user}
    return {
        "kind": "reasoning",
        "problem": _problem(request, messages),
        "budget": budget_of(options, most, effort),
        **judge_of(request.model),
        **options.of_spec(),
        "metadata": {**(request.metadata or {}), **kept},
    }


def _problem(request: Common, messages: list[dict[str, Any]]) -> dict[str, Any]:
    asked = {"type": "language", "model": request.model, "messages": messages}
    return {**asked, **request.settings(), **request.burnish.of_problem()}


def _mark(**known: Any) -> str:
    return json.dumps({name: value for name, value in known.items() if value not in (None, False)})


def _renamed(request: Common, messages: str, limit: str) -> dict[str, str]:
    own = request.burnish.budget_tokens is not None
    return {
        "/problem/model": "model",
        "/problem/messages": messages,
        "/problem/temperature": "temperature",
        "/problem/top_p": "top_p",
        "/problem/steps": "burnish.steps",
        "/problem/answer": "burnish.answer",
        "/budget/tokens": "burnish.budget_tokens" if own else limit,
        "/budget/seconds": "burnish.budget_seconds",
        "/budget": "burnish.budget_tokens" if own else limit,
        "/seed": "seed",
        "/metadata": "metadata",
        "/problem": messages,
    }
