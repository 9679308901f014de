"""Messages of a conversation as OpenAI's API writes them, in the plain form that a spec takes."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from burnish.wire.base import Wire

_ROLES = {"developer": "system"}


class TextPart(Wire):
    """A piece of a message. Only text is served."""

    type: Literal["text", "input_text", "output_text"]
    text: str
    annotations: list[Any] | None = Field(default=None, max_length=0)
    logprobs: list[Any] | None = Field(default=None, max_length=0)


class ChatMessage(Wire):
    """A turn. The fields that an answer has beside these are served while they are empty."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[TextPart]
    refusal: None = None
    annotations: list[Any] | None = Field(default=None, max_length=0)
    tool_calls: list[Any] | None = Field(default=None, max_length=0)
    function_call: None = None
    audio: None = None


class MessageItem(Wire):
    """A turn as /v1/responses takes it, or as it gave it."""

    type: Literal["message"] = "message"
    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[TextPart]
    id: str | None = None
    status: Literal["in_progress", "completed", "incomplete"] | None = None
    phase: None = None


class ReasoningItem(Wire):
    """What an earlier answer told of its progress: no part of the conversation, and left out of it."""

    type: Literal["reasoning"]
    id: str | None = None
    summary: list[Any] = []
    content: list[Any] | None = None
    encrypted_content: None = None
    status: Literal["in_progress", "completed", "incomplete"] | None = None


InputItem = MessageItem | ReasoningItem


def conversation(items: list[ChatMessage] | list[InputItem]) -> list[dict[str, Any]]:
    """The turns, in order."""
    turns = [item for item in items if not isinstance(item, ReasoningItem)]
    return [{"role": _ROLES.get(turn.role, turn.role), "content": _text(turn.content)} for turn in turns]


def _text(content: str | list[TextPart]) -> str:
    return content if isinstance(content, str) else "".join(part.text for part in content)
