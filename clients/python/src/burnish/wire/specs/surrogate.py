"""Kind `surrogate`: correct a learned PDE solution at chosen points.

d_t u + <mu, grad u> + 1/2 Tr(sigma sigma^T Hess u) + F(t, x, u, z) = 0,   u(T, .) = g,   z := sigma^T grad u
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from burnish.wire.array import Array
from burnish.wire.base import Wire
from burnish.wire.files import ArrayReference, ModelReference
from burnish.wire.specs.base import SpecBase
from burnish.wire.specs.choices import pick
from burnish.wire.specs.fit import FitSurrogate

MAX_DIM = 1_000
MAX_POINTS = 10_000

Text = Annotated[str, Field(min_length=1, max_length=2_000)]
Name = Annotated[str, Field(min_length=1, max_length=100)]
Row = Annotated[list[float], Field(max_length=MAX_DIM, fail_fast=True)]
"""A vector. One mistake in it is told, not a million."""


def _form(value: Any) -> str:
    """Unions of something and a list of it: errors speak of the form that was meant."""
    return "list" if isinstance(value, list | tuple) else "single"


Coordinates = Annotated[Annotated[float, Tag("single")] | Annotated[Row, Tag("list")], Discriminator(_form)]
Coefficient = Annotated[
    Annotated[Text, Tag("single")] | Annotated[list[Row], Field(max_length=MAX_DIM), Tag("list")], Discriminator(_form)
]


class Equation(Wire):
    """An equation stated by expressions over t, x, u, z, d, i."""

    dim: int = Field(ge=1, le=MAX_DIM)
    horizon: float = Field(gt=0, le=1e6, description="T; the terminal condition holds there.")
    drift: Text = Field(default="0", description="mu(t, x): one expression for all coordinates, scalar or vector.")
    diffusion: Coefficient = Field(
        description="sigma: a scalar, a vector (per coordinate, may depend on t and x), or a constant d x k matrix."
    )
    nonlinearity: Text = Field(default="0", description="F(t, x, u, z), scalar.")
    terminal: Text = Field(description="g(x), scalar.")


class NamedProblem(Wire):
    """A problem of the catalogue."""

    name: Name
    dim: int | None = Field(default=None, ge=1, le=MAX_DIM, description="Default: the catalogue's.")


class ZeroSurrogate(Wire):
    """No surrogate: plain simulation."""

    zero: Literal[True]


class ExpressionSurrogate(Wire):
    """u_hat(t, x) as an expression over t, x, d."""

    expression: Text


class NamedSurrogate(Wire):
    """A trained model of the catalogue."""

    name: Name


class Point(Wire):
    """Where the answer is wanted: 0 <= t < T, and x in R^d (a single number stands for all coordinates)."""

    t: float = 0.0
    x: Coordinates


class PointArrays(Wire):
    """Many points at once: t of shape (m,), x of shape (m, d)."""

    t: Array
    x: Array


Problem = Annotated[
    Annotated[NamedProblem, Tag("named")] | Annotated[Equation, Tag("equation")],
    pick(("name", "named"), ("terminal", "equation")),
]
Surrogate = Annotated[
    Annotated[ZeroSurrogate, Tag("zero")]
    | Annotated[ExpressionSurrogate, Tag("expression")]
    | Annotated[NamedSurrogate, Tag("named")]
    | Annotated[ModelReference, Tag("model")]
    | Annotated[FitSurrogate, Tag("to be fitted")],
    pick(
        ("zero", "zero"), ("expression", "expression"), ("model", "model"), ("fit", "to be fitted"), ("name", "named")
    ),
]


def _points_form(value: Any) -> str:
    if isinstance(value, list):
        return "list"
    named = isinstance(value, ArrayReference) or (isinstance(value, dict) and "array" in value)
    return "file" if named else "arrays"


Points = Annotated[
    Annotated[list[Point], Field(min_length=1, max_length=MAX_POINTS), Tag("list")]
    | Annotated[PointArrays, Tag("arrays")]
    | Annotated[ArrayReference, Tag("file")],
    Discriminator(_points_form),
]


class PicardLevels(Wire):
    """Full-history multilevel Picard: n iterates, nested means of M^l samples. The cost grows as M^(n - 1)."""

    levels: int = Field(default=2, ge=2, le=5, description="n, the iterate that is computed.")
    basis: int = Field(default=10, ge=2, le=64, description="M, samples of a nested mean to the power of its level.")


class SurrogateSpec(SpecBase):
    """Correct `surrogate` on `problem` at `points`."""

    kind: Literal["surrogate"]  # pyright: ignore[reportIncompatibleVariableOverride] (frozen: narrowing is sound)
    problem: Problem
    surrogate: Surrogate = Field(default=ZeroSurrogate(zero=True))
    points: Points
    outputs: list[Literal["value", "gradient"]] = Field(
        default=["value"],
        min_length=1,
        max_length=2,
        description="value: u; gradient: z = sigma^T grad u, k outputs more at every point, beside its value.",
    )
    method: Literal["auto", "linearised", "martingale", "picard", "plain"] = Field(
        default="auto", description="auto: a pilot compares those that apply, once, before the first block."
    )
    picard: PicardLevels | None = Field(default=None, description="For picard and plain. Default: the pilot chooses.")
    shrinkage: bool = Field(
        default=False, description="Also give u_hat + kappa v, a second estimate without an interval, in diagnostics."
    )
    steps: int | None = Field(default=None, ge=1, le=4_096, description="Time steps of a path. Default: resolved.")
    laplacian: Literal["auto", "forward", "nested", "hutchinson", "coordinates"] = Field(
        default="auto",
        description="How second derivatives of the surrogate are taken: exact in one forward pass, exact by nested "
        "autograd, or by random probes without bias. `auto`: forward; beyond 256 Brownian motions probes, where "
        "forward is dear.",
    )
