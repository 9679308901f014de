"""Problems that a language model reasons about: which model, what it is asked, what a step and an answer are."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from burnish.wire.base import Wire

Text = Annotated[str, Field(min_length=1, max_length=200_000)]


class Message(Wire):
    """A turn of a conversation; the model's chat template makes a prompt of all of them."""

    role: Literal["system", "user", "assistant"]
    content: Text


Stop = Annotated[str, Field(min_length=1, max_length=32)]


class StepRule(Wire):
    """Where a step ends: behind the first of these texts, at the end of the answer, or after so many tokens."""

    stops: list[Stop] = Field(default=["\n"], max_length=4)
    tokens: int = Field(default=64, ge=1, le=4_096, description="A step of so many tokens ends there.")


class StepChoice(Wire):
    """The same, where a problem says it; what is left out is what the model's card says, else lines of 64 tokens."""

    stops: list[Stop] | None = Field(default=None, max_length=4)
    tokens: int | None = Field(default=None, ge=1, le=4_096, description="A step of so many tokens ends there.")

    def over(self, rule: StepRule) -> StepRule:
        """A rule with what is chosen here in its place."""
        stops = rule.stops if self.stops is None else self.stops
        return StepRule(stops=stops, tokens=rule.tokens if self.tokens is None else self.tokens)


class PatternAnswer(Wire):
    """What the pattern's first group finds last in the text, or the whole match where it has no group."""

    type: Literal["pattern"]
    pattern: str = Field(min_length=1, max_length=500, description="A regular expression in the syntax of RE2.")


class PlainAnswer(Wire):
    """text: all that was written; last_step: its last step; number: the last number in it, written the shortest way."""

    type: Literal["text", "last_step", "number"]


AnswerRule = Annotated[PatternAnswer | PlainAnswer, Field(discriminator="type")]


class Prompted(Wire):
    """What all of these have. pi_ref, of proposals and target alike, is the model's law with these settings."""

    prompt: Text | None = Field(default=None, description="Text that the model goes on from.")
    messages: list[Message] | None = Field(default=None, min_length=1, max_length=256, description="Or a conversation.")
    steps: StepChoice = Field(default=StepChoice(), description="Where a step ends.")
    temperature: float = Field(default=1.0, gt=0, le=10)
    top_p: float = Field(default=1.0, gt=0, le=1)
    answer: AnswerRule | None = Field(default=None, description="Default: what the model's card says, else the text.")

    @model_validator(mode="after")
    def _asked_once(self) -> Self:
        if (self.prompt is None) == (self.messages is None):
            raise ValueError("give either prompt, a text to go on from, or messages, a conversation")
        if self.messages is not None and self.messages[-1].role != "user":
            raise ValueError(f"messages end with the role {self.messages[-1].role!r}; the last one must be the user's")
        return self


class LanguageProblem(Prompted):
    """A causal language model that runs in the workers: a shipped one, or one that the operator registered."""

    type: Literal["language"]
    model: str = Field(min_length=1, max_length=63, description="Its name in the catalogue.")


class ServerProblem(Prompted):
    """A model behind an OpenAI-compatible server that the operator allows (vLLM, SGLang, transformers serve, ...)."""

    type: Literal["server"]
    url: str = Field(min_length=1, max_length=2_000, description="Up to and with /v1.")
    model: str = Field(min_length=1, max_length=200, description="As the server names it.")
    api: Literal["completions", "chat"] = "completions"
    continues: Literal["prefill", "message"] = Field(
        default="prefill",
        description="How chat goes on from steps: prefill, as the beginning of the assistant's turn (vLLM, SGLang); "
        "message, behind the last message of the user, for servers that cannot.",
    )
