"""What judges reasoning: exact checks or scores of finished paths, and values of unfinished ones.

Ends decide what is sampled: pi*(y) ~ pi_ref(y) exp(v(y)/beta), v = 0 or minus infinity for an exact check. Values of
unfinished paths guess the mean of exp(v/beta) over what may follow, and only decide how soon the answer comes.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from burnish.wire.base import Wire

Formula = Annotated[str, Field(min_length=1, max_length=500)]


class MatchesCheck(Wire):
    """The pattern is found in what was written: `^`, `$` and `(?s)` as usual, but no look-around and no references
    to groups, so that it takes linear time."""

    type: Literal["matches"]
    pattern: str = Field(min_length=1, max_length=500, description="A regular expression, as of RE2.")


class EqualsCheck(Wire):
    """What was written, without the white space around it, is this text."""

    type: Literal["equals"]
    text: str = Field(min_length=1, max_length=10_000)
    case: bool = Field(default=True, description="false: capital and small letters are the same.")


class NumberCheck(Wire):
    """The last number that was written is near enough to this value, with a unit behind it where one is named."""

    type: Literal["number"]
    value: float
    abs_tol: float = Field(default=0.0, ge=0)
    rel_tol: float = Field(default=1e-9, ge=0, lt=1)
    unit: str | None = Field(
        default=None, min_length=1, max_length=40, description="Of `value`. Whatever converts to it will do: 3.2 km."
    )


class SchemaCheck(Wire):
    """What was written is JSON that this JSON Schema (draft 2020-12) accepts; a Markdown fence around it is left out.

    References only go to places within the schema.
    """

    type: Literal["json_schema"]
    json_schema: dict[str, Any] = Field(max_length=1_000)


class ArithmeticCheck(Wire):
    """The last number that was written is the value of the sum that the prompt asks for."""

    type: Literal["arithmetic"]


class BalancedCheck(Wire):
    """Prompt and text together are brackets that all close, ( with ) and [ with ]."""

    type: Literal["balanced"]


Check = Annotated[
    MatchesCheck | EqualsCheck | NumberCheck | SchemaCheck | ArithmeticCheck | BalancedCheck,
    Field(discriminator="type"),
]
"""Exact: a finished path passes or it does not."""


class ScoreFormula(Wire):
    """The score v of a finished path as a formula: tau = exp(v/beta).

    Variables: `steps` and `characters` of what was written, and `passed`, 1 or 0 by the problem's own check where it
    has one. log(passed) - 0.01*characters keeps that check and prefers short answers.
    """

    type: Literal["expression"]
    expression: Formula


class ValueFormula(Wire):
    """The value V > 0 of an unfinished path as a formula: a guess of the mean of tau over what may follow.

    Variables: `steps` and `characters` of what was written, and `p`, the value that the problem itself brings.
    """

    type: Literal["expression"]
    expression: Formula


class HttpVerifier(Wire):
    """A reward model behind a server that the operator allows: asked with prompt and steps, it answers with numbers.

    For an unfinished path that is its value V > 0, for a finished one its tau >= 0, at beta = 1: v = log tau.
    """

    type: Literal["http"]
    url: str = Field(min_length=1, max_length=2_000)
    model: str | None = Field(default=None, min_length=1, max_length=200, description="As the server names it.")
    timeout: float = Field(default=30.0, gt=0, le=600, description="Seconds that one request may take.")
    noisy: bool = Field(
        default=False,
        description="Whether it may answer differently when it is asked again. The mean of exp(v/beta) over its "
        "answers must then be right for finished paths; what a chain was told of its path is kept.",
    )


class OwnValues(Wire):
    """Those that the problem brings: of a tree's nodes, of a value network, of a model's value head."""

    type: Literal["own"]


class ConstantValues(Wire):
    """Nothing is known before the end."""

    type: Literal["constant"]


Values = Annotated[OwnValues | ConstantValues | ValueFormula | HttpVerifier, Field(discriminator="type")]
Ends = Annotated[
    MatchesCheck
    | EqualsCheck
    | NumberCheck
    | SchemaCheck
    | ArithmeticCheck
    | BalancedCheck
    | ScoreFormula
    | HttpVerifier,
    Field(discriminator="type"),
]


class ReasoningVerifier(Wire):
    """Who judges: `ends` decide what is sampled, `values` only how soon it is found."""

    values: Values = OwnValues(type="own")
    ends: Ends | None = Field(
        default=None,
        description="Judges finished paths. Default: what the problem brings; trees and subset sums have no other.",
    )
    floor: float = Field(default=1e-4, gt=0, le=1, description="Least value of an unfinished path; ends have none.")
