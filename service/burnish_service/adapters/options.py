"""What OpenAI's API has no field for: `extra_body={"burnish": {...}}`, and what a budget is where none is named."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from burnish.wire.base import Wire
from burnish.wire.specs.language import AnswerRule, StepRule
from burnish.wire.specs.reasoning import ReasoningMethod, ReasoningVerifier

Effort = Literal["low", "medium", "high"]
EFFORTS: dict[Effort, int] = {"low": 4_000, "medium": 16_000, "high": 64_000}
"""Tokens of a job, all that are sampled, by `reasoning_effort`."""
USUAL: Effort = "medium"
CHAINS = 8
"""Fewer than a job has by itself: each must find a first path before it counts, and one waits for the answer."""


def _zero(value: float) -> float:
    if value != 0:
        raise ValueError("only 0 is served: a chain of reasoning is sampled by the model's own law")
    return value


Zero = Annotated[float, AfterValidator(_zero)]
"""A field that is only served at the value at which it asks for nothing."""


class BurnishOptions(Wire):
    """Fields of a `reasoning` spec under their own names. Their limits are the spec's, which judges them."""

    method: ReasoningMethod | None = None
    budget_tokens: int | None = Field(default=None, description="Tokens of the job, instead of an effort or a maximum.")
    budget_seconds: float | None = Field(default=None, description="Beside the tokens, a limit in seconds.")
    chains: int = CHAINS
    together: int | None = None
    beta: float | None = None
    ladder: list[float] | None = None
    verifier: ReasoningVerifier | None = None
    particles: int | None = None
    pool: int | None = None
    max_steps: int | None = None
    answers: list[str] | None = None
    most_answers: int | None = None
    level: float | None = None
    early_stop: bool = Field(default=True, description="Whether to stop as soon as the leading answer is decided.")
    steps: StepRule | None = Field(default=None, description="Where a step ends. Default: what the model's card says.")
    answer: AnswerRule | None = Field(default=None, description="What an answer is. Default: the model's card.")
    keep: bool = Field(default=False, description="Whether the job goes on when its reader disconnects.")

    def of_spec(self) -> dict[str, Any]:
        """The fields that are a spec's own."""
        apart = {"budget_tokens", "budget_seconds", "steps", "answer", "keep"}
        return self.model_dump(mode="json", exclude_none=True, exclude=apart)

    def of_problem(self) -> dict[str, Any]:
        """The fields that are its problem's."""
        return self.model_dump(mode="json", exclude_none=True, include={"steps", "answer"})


def budget_of(options: BurnishOptions, most: int | None, effort: Effort | None) -> dict[str, Any]:
    """`budget_tokens` where it is given; else the maximum, the effort's tokens, or the smaller of both."""
    named = EFFORTS[effort] if effort is not None else None
    tokens = options.budget_tokens
    if tokens is None:
        given = [amount for amount in (most, named) if amount is not None]
        tokens = min(given) if given else EFFORTS[USUAL]
    seconds = {} if options.budget_seconds is None else {"seconds": options.budget_seconds}
    return {"tokens": tokens, **seconds}
