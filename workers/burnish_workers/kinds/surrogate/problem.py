"""A posted equation, parsed and checked: what is left is known to have the right shapes. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from burnish.wire.files import ArrayReference, ModelReference
from burnish.wire.specs.fit import FitSurrogate
from burnish.wire.specs.surrogate import (
    MAX_POINTS,
    Equation,
    ExpressionSurrogate,
    NamedProblem,
    NamedSurrogate,
    PointArrays,
    SurrogateSpec,
    ZeroSurrogate,
)
from burnish_workers.core.array_file import ONLY
from burnish_workers.core.expression import Expression, ExpressionError
from burnish_workers.core.expression_factor import Factor
from burnish_workers.core.inputs import Inputs
from burnish_workers.core.kind import SpecError
from burnish_workers.core.registry import near
from burnish_workers.kinds.surrogate.catalogue import equations
from burnish_workers.kinds.surrogate.trained import TrainedModel, trained_models

Shape = Literal["scalar", "vector"]
_PLACE: Mapping[str, Shape] = {"x": "vector"}
_VARIABLES: Mapping[str, Shape] = {"t": "scalar", **_PLACE}
_WITH_SOLUTION: Mapping[str, Shape] = {**_VARIABLES, "u": "scalar", "z": "vector"}


@dataclass(frozen=True)
class Problem:
    """The equation, parsed. `diffusion` is an expression (scalar or per coordinate) or a constant (d, k) matrix."""

    dim: int
    horizon: float
    drift: Expression
    diffusion: Expression | NDArray[np.float64]
    nonlinearity: Expression
    terminal: Expression

    @property
    def linear(self) -> bool:
        """F is affine in (u, z): linearising it leaves no remainder."""
        degree = self.nonlinearity.degree_in({"u", "z"})
        return degree is not None and degree <= 1

    @property
    def proportional(self) -> tuple[Factor, Factor] | None:
        """m and s, () or (d,), where mu_i = m_i x_i and sigma_i = s_i x_i with constants, s_i not 0; else None."""
        if not isinstance(self.diffusion, Expression) or self.diffusion.is_constant:
            return None
        growth, volatility = self.drift.factor_of("x"), self.diffusion.factor_of("x")
        return None if growth is None or volatility is None or not volatility.all() else (growth, volatility)

    @property
    def steady(self) -> bool:
        """mu and sigma are constant, or constants times x: one step of a path without F in it is exact."""
        constant = not isinstance(self.diffusion, Expression) or self.diffusion.is_constant
        return (self.drift.is_constant and constant) or self.proportional is not None

    @property
    def exact_paths(self) -> bool:
        """F ignores u and z, and steps are exact: no discretisation anywhere, so no time-step bias."""
        return self.steady and not (self.nonlinearity.names & {"u", "z"})

    @property
    def noise_dim(self) -> int:
        """k, the number of Brownian motions."""
        return self.dim if isinstance(self.diffusion, Expression) else self.diffusion.shape[1]


@dataclass(frozen=True)
class _Parser:
    """Parses the expressions of one problem: `d` is a number there, `i` the vector 1, 2, ..., d, x has d coordinates
    and z one per Brownian motion."""

    dim: int
    noise_dim: int

    def __call__(self, text: str, pointer: str, variables: Mapping[str, Shape], *shapes: Shape) -> Expression:
        sizes = {"x": self.dim, "z": self.noise_dim}
        constants = {"d": float(self.dim), "i": tuple(range(1, self.dim + 1))}
        try:
            expression = Expression.parse(text, variables, sizes=sizes, constants=constants)
        except ExpressionError as error:
            raise SpecError(pointer, str(error)) from None
        if expression.shape not in shapes:
            wanted = " or a ".join(shapes)
            cure = "sum, mean or norm2 make a scalar of a vector"
            raise SpecError(pointer, f"{text!r} is a {expression.shape}, but a {wanted} belongs here; {cure}")
        return expression


def equation_of(spec: SurrogateSpec) -> tuple[Equation, str]:
    """The stated or named equation, and the pointer at which it was given."""
    if isinstance(spec.problem, Equation):
        return spec.problem, "/problem"
    named: NamedProblem = spec.problem
    known = equations()
    if named.name not in known:
        raise SpecError("/problem/name", f"{near(named.name, known)}; or state the equation by expressions")
    entry = known[named.name]
    return entry.equation(named.dim or entry.dim), "/problem"


def _matrix(equation: Equation, pointer: str) -> NDArray[np.float64] | None:
    """A constant (d, k) diffusion, or None where it is an expression."""
    if isinstance(equation.diffusion, str):
        return None
    rows = equation.diffusion
    widths = sorted({len(row) for row in rows})
    if len(rows) != equation.dim or len(widths) != 1 or not 1 <= widths[0] <= equation.dim:
        wanted = f"a diffusion matrix has dim = {equation.dim} rows of one length between 1 and {equation.dim}"
        raise SpecError(pointer, f"{wanted}; got {len(rows)} rows of lengths {widths}")
    return np.array(rows, dtype=np.float64)


def problem_of(spec: SurrogateSpec) -> Problem:
    """Parse the equation of a spec. Raises SpecError."""
    equation, at = equation_of(spec)
    matrix = _matrix(equation, f"{at}/diffusion")
    parse = _Parser(equation.dim, equation.dim if matrix is None else matrix.shape[1])
    if matrix is None:
        diffusion = parse(str(equation.diffusion), f"{at}/diffusion", _VARIABLES, "scalar", "vector")
    else:
        diffusion = matrix
    return Problem(
        dim=equation.dim,
        horizon=equation.horizon,
        drift=parse(equation.drift, f"{at}/drift", _VARIABLES, "scalar", "vector"),
        diffusion=diffusion,
        nonlinearity=parse(equation.nonlinearity, f"{at}/nonlinearity", _WITH_SOLUTION, "scalar"),
        terminal=parse(equation.terminal, f"{at}/terminal", _PLACE, "scalar"),
    )


@dataclass(frozen=True)
class Points:
    """Where the answer is wanted: t (m,), x (m, d), float64."""

    t: NDArray[np.float64]
    x: NDArray[np.float64]


def points_of(spec: SurrogateSpec, dim: int, horizon: float, inputs: Inputs) -> Points:
    """The query points as arrays. Raises SpecError where a point lies outside [0, T) x R^d."""
    points = _given(spec, dim, inputs)
    outside = np.flatnonzero((points.t < 0) | (points.t >= horizon))
    if len(outside):
        i = int(outside[0])
        what = f"t = {points.t[i]:g} of point {i} is outside [0, T) with T = {horizon:g}; at t = T the answer is g(x)"
        raise SpecError(_where(spec, i, "t"), what)
    close = np.flatnonzero(points.t.astype(np.float32) >= np.float32(horizon))
    if len(close):
        i = int(close[0])
        raise SpecError(
            f"/points/{i}/t", f"t = {points.t[i]:.17g} is T = {horizon:g} in single precision; there the answer is g(x)"
        )
    huge = np.flatnonzero(np.abs(points.x).max(axis=1) > 1e12)
    if len(huge):
        i = int(huge[0])
        what = f"a coordinate of point {i} is beyond 1e12, outside what single precision resolves"
        raise SpecError(_where(spec, i, "x"), what)
    return points


def _where(spec: SurrogateSpec, index: int, name: str) -> str:
    """Points given as arrays have no pointers of their own."""
    return f"/points/{index}/{name}" if isinstance(spec.points, list) else f"/points/{name}"


def _given(spec: SurrogateSpec, dim: int, inputs: Inputs) -> Points:
    if isinstance(spec.points, PointArrays):
        return _from_arrays(spec.points, dim)
    if isinstance(spec.points, ArrayReference):
        return _from_file(inputs.arrays(spec.points), dim)
    return _from_list(spec, dim)


def _from_list(spec: SurrogateSpec, dim: int) -> Points:
    rows: list[list[float]] = []
    listed = cast("list[Any]", spec.points)
    for i, point in enumerate(listed):
        row = point.x if isinstance(point.x, list) else [point.x] * dim
        if len(row) != dim:
            raise SpecError(f"/points/{i}/x", f"x has {len(row)} coordinates, the problem has dim = {dim}")
        rows.append(row)
    return Points(np.array([point.t for point in listed]), np.array(rows, dtype=np.float64))


def _from_arrays(arrays: PointArrays, dim: int) -> Points:
    if len(arrays.t.shape) != 1 or arrays.x.shape != [arrays.t.shape[0], dim]:
        raise SpecError("/points", f"t must be (m,) and x (m, {dim}); got t {arrays.t.shape} and x {arrays.x.shape}")
    _check_count(arrays.t.shape[0])
    return Points(np.array(arrays.t.flat()), np.array(arrays.x.flat(), dtype=np.float64).reshape(arrays.x.shape))


def _from_file(arrays: Mapping[str, NDArray[Any]], dim: int) -> Points:
    """`x` (m, d) with `t` (m,) or at t = 0; or one array (m, d), or (m, d + 1) with t in its first column."""
    if set(arrays) == {ONLY}:
        rows = arrays[ONLY]
        if rows.ndim != 2 or rows.shape[1] not in (dim, dim + 1):
            wanted = f"(m, {dim}), or (m, {dim + 1}) with t first"
            raise SpecError("/points/array", f"the array must be {wanted}; its shape is {rows.shape}")
        x, t = rows[:, -dim:], rows[:, 0] if rows.shape[1] == dim + 1 else np.zeros(len(rows))
    elif {"x"} <= set(arrays) <= {"x", "t"}:
        x = arrays["x"]
        t = arrays.get("t", np.zeros(len(x)))
    else:
        raise SpecError("/points/array", f"the file must hold x, and t if not 0; it holds {sorted(arrays)!s:.200}")
    if x.ndim != 2 or x.shape[1] != dim or t.shape != x.shape[:1]:
        raise SpecError("/points/array", f"t must be (m,) and x (m, {dim}); got t {t.shape} and x {x.shape}")
    _check_count(len(x))
    return Points(t.astype(np.float64), x.astype(np.float64))


def _check_count(count: int) -> None:
    if not 1 <= count <= MAX_POINTS:
        raise SpecError("/points", f"a job has 1..{MAX_POINTS} points, got {count}; split it into several jobs")


@dataclass(frozen=True)
class UploadedModel:
    """A model that was uploaded and checked."""

    reference: ModelReference
    dim: int


SurrogateOf = Expression | TrainedModel | UploadedModel | None


def surrogate_of(spec: SurrogateSpec, dim: int, inputs: Inputs) -> SurrogateOf:
    """The surrogate: an expression, a model of the catalogue or an upload, or None for `zero`. Raises SpecError."""
    given = spec.surrogate
    if isinstance(given, ZeroSurrogate):
        return None
    if isinstance(given, ExpressionSurrogate):
        return _Parser(dim, dim)(given.expression, "/surrogate/expression", _VARIABLES, "scalar")
    if isinstance(given, ModelReference):
        card = inputs.card(given)
        if card.get("gives"):
            what = "the model gives rows (B, k), as denoisers and classifiers for the kind posterior do"
            raise SpecError("/surrogate/model", f"{what}; a surrogate gives one number u (B,) for each point")
        uploaded = UploadedModel(given, int(card["dim"]))
        if uploaded.dim != dim:
            raise SpecError("/surrogate/model", f"the model has dim = {uploaded.dim}, the problem has dim = {dim}")
        return uploaded
    if isinstance(given, FitSurrogate):
        raise SpecError("/surrogate/fit", "the surrogate has not been fitted yet")
    named: NamedSurrogate = given
    models = trained_models()
    if named.name not in models:
        raise SpecError("/surrogate/name", near(named.name, models))
    model = models[named.name]
    if model.dim != dim:
        raise SpecError(
            "/surrogate/name", f"{named.name} was trained for dim = {model.dim}, the problem has dim = {dim}"
        )
    return model
