"""What came back: texts, whether the model ended or only the step, and how many tokens that took.

A stop text belongs to its step. Servers strip it, and say `finish_reason: "stop"` both where they met one and where the
model ended its answer. These tell which:

    vLLM                `stop_reason`: the stop text, or null (or a token) where the model ended
    SGLang              `matched_stop`: the same
    transformers serve  leaves the stop text where it is (`Dialect.keeps`): where there is none the model ended
    others              do not tell. A text that is not empty is taken to have met the stop, an empty one to be the end:
                        a model that has ended says so again, with nothing, when it is asked to go on

`finish_reason: "length"` is a step of the most tokens, which ends there; any other reason ends the chain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from burnish_workers.kinds.reasoning.backends.server.asking import Dialect
from burnish_workers.kinds.reasoning.outbound.faults import ServerFault, excerpt
from burnish_workers.kinds.reasoning.protocols import Drawn, Step
from burnish_workers.kinds.reasoning.texts import step_of

TOLD = ("stop_reason", "matched_stop")
MOST_CHARACTERS = 200_000


@dataclass(frozen=True)
class Choice:
    """A text and why it stopped. `told`: whether the server says which text stopped it; `stop`: which, None: none."""

    text: str
    finish: str
    told: bool
    stop: str | None


@dataclass(frozen=True)
class Reply:
    """`tokens`: generated for all choices together."""

    choices: tuple[Choice, ...]
    tokens: int


def read(server: str, content: Any, count: int) -> Reply:
    """A server's answer with at least `count` choices. Raises ServerFault."""
    given = content.get("choices") if isinstance(content, dict) else None
    if not isinstance(given, list) or not given:
        raise _garbage(server, "an answer without choices", content)
    if len(given) < count:
        raise _garbage(server, f"{len(given)} of the {count} candidates that it was asked for", content)
    usage = content.get("usage")
    tokens = usage.get("completion_tokens") if isinstance(usage, dict) else None
    if not isinstance(tokens, int) or isinstance(tokens, bool) or tokens < 0:
        raise _garbage(server, "an answer without usage.completion_tokens, which budgets are counted by", content)
    return Reply(tuple(_choice(server, each) for each in given), tokens)


def drawn(reply: Reply, count: int, stops: Sequence[str], dialect: Dialect) -> list[Drawn]:
    """`count` steps of a reply. Only the tokens of all together are known: they are shared evenly."""
    each, left = divmod(reply.tokens, count)
    steps = [_step(choice, stops, dialect) for choice in reply.choices[:count]]
    return [Drawn(step, each + (i < left)) for i, step in enumerate(steps)]


def _step(choice: Choice, stops: Sequence[str], dialect: Dialect) -> Step:
    if (behind := _behind(choice.text, stops)) is not None:
        return step_of(choice.text[:behind], ended=False)
    if choice.finish != "stop":
        return step_of(choice.text, ended=choice.finish != "length")
    if choice.told:
        return step_of(choice.text + (choice.stop or ""), ended=choice.stop is None)
    if dialect.keeps or not dialect.stops or not stops or not choice.text:
        return step_of(choice.text, ended=True)
    return step_of(choice.text + stops[0], ended=False)


def _behind(text: str, stops: Sequence[str]) -> int | None:
    """Where the first stop text that is complete ends."""
    return min((place + len(stop) for stop in stops if (place := text.find(stop)) >= 0), default=None)


def _choice(server: str, given: Any) -> Choice:
    """One choice of either interface."""
    if not isinstance(given, dict):
        raise _garbage(server, "a choice that is none", given)
    message = given.get("message")
    text = message.get("content") if isinstance(message, dict) else given.get("text")
    if isinstance(message, dict) and not text and (message.get("reasoning_content") or message.get("reasoning")):
        what = "keeps what the model thinks apart from what it says (reasoning_content)"
        raise ServerFault(f"the server {server} {what}; start it without a reasoning parser, or use api: completions")
    text = "" if text is None and isinstance(message, dict) else text
    finish = given.get("finish_reason")
    if not isinstance(text, str) or not isinstance(finish, str) or len(text) > MOST_CHARACTERS:
        raise _garbage(server, "a choice without a text or a finish_reason", given)
    name = next((name for name in TOLD if name in given), None)
    stop = given[name] if name is not None else None
    return Choice(text, finish, name is not None, stop if isinstance(stop, str) else None)


def _garbage(server: str, what: str, content: Any) -> ServerFault:
    return ServerFault(f"the server {server} gave {what}: {excerpt(str(content))!r}; is it OpenAI-compatible?")
