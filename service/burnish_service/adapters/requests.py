"""What may be asked of `/v1/chat/completions` and `/v1/responses`. A field that is not here is refused, never ignored.

Some fields are served only at the value at which they ask for nothing: clients send them along.
"""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from burnish.wire.base import Wire
from burnish_service.adapters.messages import ChatMessage, InputItem
from burnish_service.adapters.options import BurnishOptions, Effort, Zero

MARK = "openai"
"""The key of a job's metadata under which an adapter keeps what it needs to know again."""
MOST_METADATA = 14
"""Of the user's own; a job has 16, `openai` and `user` among them."""

Metadata = dict[str, str]


class StreamOptions(Wire):
    """`include_usage`: a last chunk tells what was used (chat)."""

    include_usage: bool | None = None
    include_obfuscation: Literal[False] | None = None


class PlainText(Wire):
    type: Literal["text"]


class TextSettings(Wire):
    format: PlainText | None = None


class ReasoningSettings(Wire):
    """`summary`: progress is always told."""

    effort: Effort | None = None
    summary: Literal["auto"] | None = None


class Common(Wire):
    """What both have."""

    model: str = Field(min_length=1, description="A language model of the catalogue.")
    temperature: float | None = None
    top_p: float | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    user: str | None = Field(default=None, max_length=512, description="Kept in the job's metadata.")
    metadata: Metadata | None = Field(default=None, max_length=MOST_METADATA, description="Kept in the job.")
    burnish: BurnishOptions = BurnishOptions()
    tools: list[Any] | None = Field(default=None, max_length=0)
    tool_choice: Literal["none", "auto"] | None = None
    parallel_tool_calls: bool | None = Field(default=None, description="There are no tools to call.")
    service_tier: Literal["auto", "default"] | None = None
    top_logprobs: Literal[0] | None = None

    def settings(self) -> dict[str, Any]:
        """Of the model's law, where they are given."""
        return self.model_dump(exclude_none=True, include={"temperature", "top_p"})

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if self.stream_options is not None and not self.stream:
            raise ValueError("stream_options are given without stream: true")
        taken = {MARK, *([] if self.user is None else ["user"])} & set(self.metadata or {})
        if taken:
            raise ValueError(f"metadata may not name {min(taken)!r}, which the service keeps itself")
        return self


class ChatRequest(Common):
    """The body of `POST /v1/chat/completions`."""

    messages: list[ChatMessage] = Field(min_length=1, max_length=256)
    seed: int | None = None
    max_completion_tokens: int | None = Field(default=None, description="Tokens of the job, rejected ones too.")
    max_tokens: int | None = Field(default=None, description="The older name of max_completion_tokens.")
    reasoning_effort: Effort | None = None
    n: Literal[1] | None = None
    frequency_penalty: Zero | None = None
    presence_penalty: Zero | None = None
    logit_bias: dict[str, float] | None = Field(default=None, max_length=0)
    logprobs: Literal[False] | None = None
    store: Literal[False] | None = None
    response_format: PlainText | None = None
    modalities: list[Literal["text"]] | None = None

    @property
    def most(self) -> int | None:
        return self.max_completion_tokens if self.max_completion_tokens is not None else self.max_tokens

    @model_validator(mode="after")
    def _one_budget(self) -> Self:
        if self.max_tokens is not None and self.max_completion_tokens is not None:
            raise ValueError("max_tokens and max_completion_tokens are two names of one thing: give one of them")
        _no_second_budget(self.burnish, self.most, self.reasoning_effort)
        return self


class ResponseRequest(Common):
    """The body of `POST /v1/responses`."""

    input: str | list[InputItem] = Field(min_length=1, max_length=200_000)
    instructions: str | None = Field(default=None, min_length=1)
    max_output_tokens: int | None = Field(default=None, description="Tokens of the job, rejected ones too.")
    reasoning: ReasoningSettings = ReasoningSettings()
    background: bool | None = Field(default=None, description="Answer at once; the job outlives its reader.")
    store: Literal[True] | None = Field(default=None, description="Jobs are kept until they are deleted.")
    text: TextSettings | None = None
    truncation: Literal["disabled"] | None = None
    include: list[Any] | None = Field(default=None, max_length=0)

    @property
    def most(self) -> int | None:
        return self.max_output_tokens

    @model_validator(mode="after")
    def _one_budget(self) -> Self:
        _no_second_budget(self.burnish, self.most, self.reasoning.effort)
        if self.stream_options is not None and self.stream_options.include_usage is not None:
            raise ValueError("stream_options.include_usage is of chat completions; the last event has the usage")
        return self


def _no_second_budget(options: BurnishOptions, most: int | None, effort: Effort | None) -> None:
    if options.budget_tokens is not None and (most is not None or effort is not None):
        raise ValueError("burnish.budget_tokens is the whole budget: leave the maximum and the effort out")
