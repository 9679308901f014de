"""What a request makes of a model: the prompt, the rules of steps and answers, T_max. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass

from burnish.wire.specs.language import LanguageProblem, PatternAnswer, PlainAnswer, StepRule
from burnish_workers.core.kind import SpecError
from burnish_workers.kinds.reasoning.answers import check_rule
from burnish_workers.kinds.reasoning.backends.language.directory import LanguageModel, ModelError
from burnish_workers.kinds.reasoning.backends.language.registered import model_named


@dataclass(frozen=True)
class Setup:
    """`depth`: T_max."""

    model: LanguageModel
    problem: LanguageProblem
    steps: StepRule
    answer: PatternAnswer | PlainAnswer
    depth: int

    @property
    def longest(self) -> int:
        """Tokens of the longest chain of reasoning, without the prompt."""
        return self.depth * self.steps.tokens


def setup_of(problem: LanguageProblem, max_steps: int | None) -> Setup:
    """Raises SpecError: an unknown model, steps that do not fit into its context."""
    try:
        model = model_named(problem.model)
    except ModelError as error:
        raise SpecError("/problem/model", str(error)) from None
    rule = problem.answer or model.answer
    check_rule(rule, "/problem/answer/pattern")
    setup = Setup(model, problem, problem.steps.over(model.steps), rule, max_steps or model.max_steps)
    if setup.longest >= model.context:
        what = f"{setup.depth} steps of up to {setup.steps.tokens} tokens are {setup.longest:,}"
        where = "/max_steps" if max_steps else "/problem/steps/tokens"
        detail = f"{what}, and the context of {model.name!r} is {model.context:,}"
        raise SpecError(where, f"{detail}; lower max_steps or problem.steps.tokens")
    return setup
