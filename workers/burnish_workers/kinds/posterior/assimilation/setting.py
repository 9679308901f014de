"""A posted assimilation, parsed and checked: what is left is known to have the right shapes. Torch-free."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from burnish.wire.specs.assimilation import (
    Assimilation,
    DiffusionChain,
    ExpressionDynamics,
    Filter,
    LinearDynamics,
    NamedDynamics,
    ObservationOperator,
    Text,
    UploadedDenoiser,
    UploadedDynamics,
)
from burnish_workers.core.expression import Expression, ExpressionError
from burnish_workers.core.inputs import Inputs
from burnish_workers.core.kind import SpecError
from burnish_workers.core.registry import near
from burnish_workers.kinds.posterior.assimilation.catalogue import CATALOGUE, LINEAR
from burnish_workers.kinds.posterior.assimilation.covariances import covariance, definite, matrix, root

_Array = NDArray[np.float64]


@dataclass(frozen=True)
class LinearMotion:
    """M(x) = A x + b."""

    matrix: _Array
    offset: _Array


@dataclass(frozen=True)
class NamedMotion:
    """A rate of the catalogue, integrated by Runge-Kutta steps."""

    name: str
    parameters: Mapping[str, float]
    dt: float
    substeps: int


@dataclass(frozen=True)
class FormulaMotion:
    """M(x) by formulas, or a rate to be integrated (`dt` is there)."""

    formulas: tuple[Expression, ...]
    dt: float | None
    substeps: int


@dataclass(frozen=True)
class UploadedMotion:
    """M by an uploaded model, or the denoiser of a transition."""

    given: UploadedDynamics | UploadedDenoiser


Motion = LinearMotion | NamedMotion | FormulaMotion | UploadedMotion


@dataclass(frozen=True)
class Operator:
    """h: rows of a matrix (dy, d), or formulas. `places`: the coordinates it sees, where it sees coordinates."""

    size: int
    matrix: _Array | None
    formulas: tuple[Expression, ...]
    places: tuple[int, ...] | None


@dataclass(frozen=True)
class Setting:
    """x' = M(x) + F w, w ~ N(0, I_r), `steps` times; y = h(x) + N(0, R).

    `noise_root` F (d, r); `initial_mean` (d,), `initial_root` (d, r0); `observation_noise` R (dy, dy).
    """

    dim: int
    motion: Motion
    noise_root: _Array
    steps: int
    chain: DiffusionChain | None
    initial_mean: _Array
    initial_root: _Array
    operator: Operator
    observation_noise: _Array
    filter: Filter

    @property
    def linear(self) -> bool:
        """All is linear and Gaussian: the Kalman filter is exact."""
        return isinstance(self.motion, LinearMotion) and self.operator.matrix is not None and self.chain is None

    @property
    def noisy(self) -> bool:
        """Something random moves the state."""
        return self.noise_root.shape[1] > 0

    @cached_property
    def method(self) -> str:
        """The filter that `auto` means here."""
        asked = self.filter.method
        if asked != "auto":
            return asked
        if self.chain is not None:
            return "surge" if self.operator.matrix is not None else "bootstrap"
        if self.dim > MANY:
            return "etkf" if definite(self.observation_noise) else "enkf"
        return "guided" if self.noisy else "bootstrap"

    @property
    def ring(self) -> bool:
        """Coordinates lie around a ring, the last beside the first."""
        return isinstance(self.motion, NamedMotion) and self.motion.name == "lorenz96"

    @property
    def consistent(self) -> bool:
        """The answer tends to the exact one as particles grow in number; otherwise it has a bias of unknown size."""
        return self.method in ("bootstrap", "guided", "surge") and self.filter.jitter == 0

    def observed(self, given: list[float | None] | None, pointer: str) -> _Array:
        """One observation as an array (dy,), nan where nothing was seen. Raises SpecError."""
        if given is None:
            return np.full(self.operator.size, np.nan)
        if len(given) != self.operator.size:
            raise SpecError(pointer, f"an observation has {self.operator.size} numbers here, got {len(given)}")
        return np.array([np.nan if value is None else value for value in given], dtype=np.float64)


MANY = 50
"""Beyond so many coordinates the weights of particles collapse, and `auto` turns to ensembles."""


def setting_of(spec: Assimilation, inputs: Inputs, at: str = "") -> Setting:
    """Parse, and check what is stated by itself. `at`: pointer to the assimilation in the spec. Raises SpecError."""
    dim = len(spec.initial.mean)
    motion = _motion(spec, dim, inputs, f"{at}/dynamics")
    operator = _operator(spec.observe, dim, f"{at}/observe")
    return Setting(
        dim=dim,
        motion=motion,
        noise_root=root(covariance(spec.dynamics.noise, dim, f"{at}/dynamics/noise")),
        steps=spec.dynamics.steps,
        chain=spec.dynamics.diffusion,
        initial_mean=np.array(spec.initial.mean),
        initial_root=root(covariance(spec.initial.covariance, dim, f"{at}/initial/covariance")),
        operator=operator,
        observation_noise=covariance(spec.observe.noise, operator.size, f"{at}/observe/noise"),
        filter=spec.filter,
    )


def _motion(spec: Assimilation, dim: int, inputs: Inputs, at: str) -> Motion:
    given = spec.dynamics
    if isinstance(given, LinearDynamics):
        rows = matrix(given.matrix, f"{at}/matrix", (dim, dim))
        offset = np.zeros(dim) if given.offset is None else np.array(given.offset)
        if len(offset) != dim:
            raise SpecError(f"{at}/offset", f"the offset has {len(offset)} numbers, the state has {dim}")
        return LinearMotion(rows, offset)
    if isinstance(given, NamedDynamics):
        return _named(given, dim, at)
    if isinstance(given, ExpressionDynamics):
        _same(dim, given.dim, f"{at}/dim")
        if (given.dt is None) == (given.form == "rate"):
            raise SpecError(f"{at}/dt", f"dt is the time step of a rate; form is {given.form} and dt {given.dt}")
        return FormulaMotion(_formulas(given.expression, dim, dim, f"{at}/expression"), given.dt, given.substeps)
    wanted, pointer = (dim, f"{at}/model") if isinstance(given, UploadedDynamics) else (2 * dim, f"{at}/denoiser")
    found = int(inputs.card(given.reference)["dim"])
    if found != wanted:
        raise SpecError(pointer, f"the model takes rows of {found} numbers; for a state of {dim} it must take {wanted}")
    return UploadedMotion(given)


def _same(dim: int, stated: int, pointer: str) -> None:
    if stated != dim:
        raise SpecError(pointer, f"the dynamics have {stated} coordinates and initial/mean has {dim}")


def _named(given: NamedDynamics, dim: int, at: str) -> NamedMotion:
    if given.name not in CATALOGUE:
        names = [*CATALOGUE, LINEAR]
        missing = f"{LINEAR} needs `matrix`, A (d x d)" if given.name == LINEAR else None
        raise SpecError(f"{at}/name", missing or near(given.name, names))
    known = CATALOGUE[given.name]
    stated = given.dim or (known.dim if known.fixed else dim)
    if stated < known.least or (known.fixed and stated != known.dim):
        what = f"exactly {known.dim}" if known.fixed else f"at least {known.least}"
        raise SpecError(f"{at}/dim", f"{given.name} has {what} coordinates, not {stated}")
    _same(dim, stated, f"{at}/dim")
    for name in given.parameters:
        if name not in known.parameters:
            raise SpecError(f"{at}/parameters/{name}", near(name, known.parameters))
    return NamedMotion(given.name, {**known.parameters, **given.parameters}, given.dt or known.dt, given.substeps)


def _formulas(given: Text | list[Text], dim: int, size: int | None, at: str) -> tuple[Expression, ...]:
    """One vector formula, or scalar ones (`size` of them, any number where None)."""
    if isinstance(given, str):
        return (_parsed(given, dim, at, ("scalar", "vector") if dim == 1 or size is None else ("vector",)),)
    if size is not None and len(given) != size:
        raise SpecError(at, f"{len(given)} formulas are given for {size} coordinates")
    return tuple(_parsed(text, dim, f"{at}/{i}", ("scalar",)) for i, text in enumerate(given))


def _parsed(text: str, dim: int, at: str, shapes: tuple[str, ...]) -> Expression:
    constants = {"d": dim, "i": tuple(float(i) for i in range(1, dim + 1))}
    try:
        found = Expression.parse(text, {"x": "vector"}, sizes={"x": dim}, constants=constants)
    except ExpressionError as error:
        raise SpecError(at, str(error)) from None
    if found.shape not in shapes:
        raise SpecError(at, f"{text!r} is a {found.shape} and must be a {' or '.join(shapes)}")
    return found


def _operator(given: ObservationOperator, dim: int, at: str) -> Operator:
    if given.expression is not None:
        formulas = _formulas(given.expression, dim, None, f"{at}/expression")
        size = dim if formulas[0].shape == "vector" else len(formulas)
        return Operator(size, None, formulas, None)
    if given.matrix is not None:
        rows = matrix(given.matrix, f"{at}/matrix", (None, dim))
        return Operator(len(rows), rows, (), None)
    places = tuple(range(dim)) if given.indices is None else tuple(given.indices)
    beyond = [i for i, place in enumerate(places) if place >= dim]
    if beyond:
        what = f"coordinate {places[beyond[0]]} is observed of a state with coordinates 0 to {dim - 1}"
        raise SpecError(f"{at}/indices/{beyond[0]}", what)
    return Operator(len(places), np.eye(dim)[list(places)], (), places)
