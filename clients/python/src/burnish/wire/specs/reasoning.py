"""Kind `reasoning`: sample chains of reasoning steps from a model's law tilted by a verifier.

pi*(y) is proportional to pi_ref(y) tau(y)^(1/beta), y a path of steps, tau a verifier's judgement of finished paths.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from burnish.wire.base import Wire
from burnish.wire.specs.base import SpecBase
from burnish.wire.specs.language import LanguageProblem, ServerProblem
from burnish.wire.specs.verifiers import ReasoningVerifier

ReasoningMethod = Literal[
    "mh_backtracking",
    "parallel_tempering",
    "pimh",
    "best_of_n",
    "weighted_majority",
    "self_consistency",
    "beam",
    "particle_filter",
    "particle_filter_its",
    "vgb",
    "power",
    "suffix_regeneration",
    "search",
]


class Branch(Wire):
    """A step of an explicit tree, and what may follow it; without `steps` it ends the chain of reasoning."""

    step: str = Field(min_length=1, max_length=200)
    chance: float = Field(default=1.0, gt=0, le=1e12, description="Among its siblings, up to a factor.")
    value: float = Field(ge=0, le=1e12, description="tau at an end; before it a guess of the mean of tau.")
    answer: str | None = Field(default=None, max_length=200, description="Of an end. Default: its steps.")
    tokens: int = Field(default=1, ge=1, le=10**6, description="What it takes to write the step.")
    steps: list[Branch] = Field(default=[], max_length=64)


class TreeProblem(Wire):
    """An explicit tree: what can be computed by hand, shown, and tested."""

    type: Literal["tree"]
    value: float = Field(default=1.0, gt=0, le=1e12, description="A guess of the mean of tau.")
    steps: list[Branch] = Field(min_length=1, max_length=64)


class SubsetSumProblem(Wire):
    """Choose numbers that add up to a target, two at a step, by a small learned policy with a learned value."""

    type: Literal["subset_sum"]
    numbers: list[Annotated[int, Field(ge=1, le=150)]] = Field(min_length=4, max_length=20)
    target: int = Field(ge=0, le=3_000)
    answer: Literal["count", "subset"] = Field(default="count", description="How many are taken, or which.")

    @model_validator(mode="after")
    def _even(self) -> Self:
        if len(self.numbers) % 2:
            raise ValueError(f"{len(self.numbers)} numbers: a step decides on two, so give an even number of them")
        return self


ReasoningProblem = Annotated[
    TreeProblem | SubsetSumProblem | LanguageProblem | ServerProblem, Field(discriminator="type")
]


class ReasoningSpec(SpecBase):
    """Sample reasoning by chains that back up where later steps do not hold what earlier ones promised."""

    kind: Literal["reasoning"]  # pyright: ignore[reportIncompatibleVariableOverride] (frozen: narrowing is sound)
    problem: ReasoningProblem
    verifier: ReasoningVerifier = ReasoningVerifier()
    method: ReasoningMethod = Field(
        default="mh_backtracking",
        description="mh_backtracking: a mixture of backtracking, block rollback, restarts and conditional particle "
        "filters, each exact; parallel_tempering: the same at several temperatures that exchange; pimh: independent "
        "particle filters, accepted by their evidence. The others are published methods for comparison: what they "
        "answer has a bias that is not known, so it gets no interval.",
    )
    beta: float = Field(default=1.0, gt=0, le=1e3, description="Temperature of the tilt, tau^(1/beta).")
    power: float | None = Field(
        default=None, gt=1, le=64, description="Exponent alpha of method power, which samples pi_ref^alpha. Default: 4."
    )
    ladder: list[Annotated[float, Field(gt=0, le=1e6)]] | None = Field(
        default=None, min_length=1, max_length=16, description="Hotter betas, ascending, for parallel_tempering."
    )
    chains: int = Field(default=16, ge=2, le=512, description="R: the replicates of the intervals.")
    together: int | None = Field(
        default=None, ge=1, le=512, description="Chains that share the batches of one lane. Default: resolved."
    )
    pool: int | None = Field(default=None, ge=1, le=64, description="K, candidates of a step. Default: resolved.")
    particles: int | None = Field(default=None, ge=2, le=1024, description="N of a filter. Default: resolved.")
    max_steps: int | None = Field(default=None, ge=1, le=256, description="T_max: a path of so many steps is finished.")
    answers: list[Annotated[str, Field(min_length=1, max_length=200)]] | None = Field(
        default=None, max_length=64, description="Whose chances are estimated. Default: those that the pilot meets."
    )
    most_answers: int = Field(default=8, ge=1, le=64, description="Up to so many are taken from the pilot.")
    early_stop: bool = Field(default=False, description="Stop at the look at which the leading answer is decided.")

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if (self.ladder is not None) != (self.method == "parallel_tempering"):
            raise ValueError(
                f"method is {self.method!r} and ladder is {self.ladder}: parallel_tempering needs a ladder"
            )
        if self.power is not None and self.method != "power":
            raise ValueError(f"method is {self.method!r} and power is {self.power}: only the method power has one")
        rungs = [self.beta, *(self.ladder or [])]
        if any(b <= a for a, b in pairwise(rungs)):
            raise ValueError(f"ladder: {rungs} must ascend, beta first")
        given = self.answers or []
        if len(set(given)) < len(given):
            raise ValueError(f"answers name {next(a for a in given if given.count(a) > 1)!r} twice")
        if "other" in given:
            raise ValueError("answers name 'other', which stands for all that are not named")
        return self
