"""Data assimilation: a state that moves by known dynamics, and observations of it that arrive one after the other.

x_0 ~ N(mean, covariance),   x_k = (steps times x -> M(x) + N(0, Q)),   y_k = h(x_k) + N(0, R),   k = 1, 2, ...
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self, cast

from pydantic import Discriminator, Field, Tag, model_validator

from burnish.wire.base import Wire
from burnish.wire.files import ModelName, ModelReference

MOST_STATE = 1_000
MOST_OBSERVATIONS = 100_000

Text = Annotated[str, Field(min_length=1, max_length=2_000)]
Row = Annotated[list[float], Field(min_length=1, max_length=MOST_STATE, fail_fast=True)]
Rows = Annotated[list[Row], Field(min_length=1, max_length=MOST_STATE)]


def _covariance_form(value: Any) -> str:
    if not isinstance(value, list):
        return "number"
    return "matrix" if value and isinstance(value[0], list) else "diagonal"


Covariance = Annotated[
    Annotated[float, Tag("number")] | Annotated[Row, Tag("diagonal")] | Annotated[Rows, Tag("matrix")],
    Discriminator(_covariance_form),
]
"""A variance of every coordinate, the variances, or the whole matrix: positive semi-definite."""


def _texts_form(value: Any) -> str:
    return "list" if isinstance(value, list | tuple) else "single"


Texts = Annotated[
    Annotated[Text, Tag("single")] | Annotated[list[Text], Field(min_length=1, max_length=MOST_STATE), Tag("list")],
    Discriminator(_texts_form),
]


class DiffusionChain(Wire):
    """The noise levels of a diffusion model: z = x + sigma_j e, from sigma_max down to sigma_min and then 0.

    sigma_j^(1/rho) falls evenly (Karras et al. 2022).
    """

    levels: int = Field(default=32, ge=2, le=1_000, description="Steps of the chain, network calls of a transition.")
    sigma_max: float = Field(gt=0, le=1e6, description="Well above the spread of a transition.")
    sigma_min: float = Field(gt=0, le=1e6, description="Well below it.")
    rho: float = Field(default=5.0, ge=1, le=20)

    @model_validator(mode="after")
    def _descends(self) -> Self:
        if not self.sigma_min < self.sigma_max:
            raise ValueError(f"sigma_min is {self.sigma_min} and sigma_max {self.sigma_max}: the first must be smaller")
        return self


class Motion(Wire):
    """What all dynamics share."""

    noise: Covariance = Field(default=0.0, description="Q, added after each of the `steps`. 0: the motion is exact.")
    steps: int = Field(default=1, ge=1, le=1_000, description="Noisy steps from one observation to the next.")
    diffusion: DiffusionChain | None = Field(
        default=None,
        description="Make each step by the reverse chain of a diffusion model; its denoiser is exact unless uploaded.",
    )


class NamedDynamics(Motion):
    """Dynamics of the catalogue: lorenz63, lorenz96. `substeps` Runge-Kutta steps of length `dt` make a step."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    parameters: dict[Annotated[str, Field(max_length=64)], float] = Field(
        default={}, max_length=16, description="Default: the catalogue's."
    )
    dim: int | None = Field(default=None, ge=1, le=MOST_STATE, description="Default: the catalogue's.")
    dt: float | None = Field(default=None, gt=0, le=1e3, description="Default: the catalogue's.")
    substeps: int = Field(default=1, ge=1, le=10_000)


class LinearDynamics(Motion):
    """M(x) = A x + b."""

    name: Literal["linear-gaussian"] = "linear-gaussian"
    matrix: Rows = Field(description="A, d x d.")
    offset: Row | None = Field(default=None, description="b. Default: 0.")


class ExpressionDynamics(Motion):
    """M by a vector formula in x (names: x, d, i), or by one scalar formula for each coordinate."""

    expression: Texts
    dim: int = Field(ge=1, le=MOST_STATE)
    form: Literal["map", "rate"] = Field(
        default="map", description="map: M(x) itself; rate: dx/dt, integrated by `substeps` Runge-Kutta steps of `dt`."
    )
    dt: float | None = Field(default=None, gt=0, le=1e3, description="For `rate`.")
    substeps: int = Field(default=1, ge=1, le=10_000)


class UploadedDynamics(Motion, ModelReference):
    """M by an uploaded model f(t, x) -> (rows, d), called with t = 0."""

    @property
    def reference(self) -> ModelReference:
        return self


class UploadedDenoiser(Motion):
    """The conditional diffusion model of a transition: f(time, [z, x_before]) -> (rows, d), rows of 2 d numbers in."""

    denoiser: ModelName
    predicts: Literal["sample", "epsilon"] = Field(
        default="sample", description="sample: E[x' | z]; epsilon: E[e | z] with z = x' + sigma e."
    )
    time: Literal["sigma", "log-sigma"] = Field(default="sigma", description="What the network is told of the level.")
    diffusion: DiffusionChain  # pyright: ignore[reportIncompatibleVariableOverride, reportGeneralTypeIssues] - needed

    @property
    def reference(self) -> ModelReference:
        return self.denoiser


_FORMS = ("matrix", "expression", "model", "denoiser")


def _dynamics_form(value: Any) -> str:
    given = cast("dict[str, Any]", value) if isinstance(value, dict) else getattr(value, "model_fields_set", ())
    return next((form for form in _FORMS if form in given), "name")


Dynamics = Annotated[
    Annotated[NamedDynamics, Tag("name")]
    | Annotated[LinearDynamics, Tag("matrix")]
    | Annotated[ExpressionDynamics, Tag("expression")]
    | Annotated[UploadedDynamics, Tag("model")]
    | Annotated[UploadedDenoiser, Tag("denoiser")],
    Discriminator(_dynamics_form),
]


class Initial(Wire):
    """x_0 ~ N(mean, covariance), one transition before the first observation."""

    mean: Row
    covariance: Covariance = Field(default=1.0)


class ObservationOperator(Wire):
    """y = h(x) + N(0, noise): h by coordinates that are seen, by a matrix, or by formulas in x. Default: all of x."""

    indices: list[Annotated[int, Field(ge=0, lt=MOST_STATE)]] | None = Field(
        default=None, min_length=1, max_length=MOST_STATE
    )
    matrix: Rows | None = Field(default=None, description="H, observations x d.")
    expression: Texts | None = Field(default=None, description="One scalar formula per observed number, or a vector.")
    noise: Covariance = Field(description="R.")

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        given = [name for name in ("indices", "matrix", "expression") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} each say what is observed: give one of them")
        return self


Method = Literal["auto", "bootstrap", "guided", "enkf", "etkf", "surge"]


class Filter(Wire):
    """How the state is followed. `islands` independent filters of `particles` members each answer together."""

    method: Method = Field(
        default="auto",
        description="bootstrap: particles move blindly; guided: towards what is observed, with exact weights; "
        "enkf, etkf: ensemble Kalman filters, stochastic and square root, cheap in many dimensions and biased unless "
        "all is linear and Gaussian; surge: guided inside the chain of a diffusion model.",
    )
    particles: int = Field(default=1_000, ge=2, le=10**6)
    islands: int = Field(default=16, ge=2, le=1_024)
    resampling: Literal["systematic", "stratified", "residual", "multinomial"] = "systematic"
    ess: float = Field(default=0.5, ge=0, le=1, description="Resample when ESS is at most this share of `particles`.")
    jitter: float = Field(
        default=0.0,
        ge=0,
        le=10,
        description="Regularised resampling for motion with little noise: a kernel of `jitter` times the optimal "
        "bandwidth. A bias that falls with `particles`.",
    )
    inflation: float = Field(default=1.0, ge=1, le=10, description="Of ensemble deviations, for enkf and etkf.")
    localisation: float | None = Field(
        default=None, gt=0, le=MOST_STATE, description="Gaspari-Cohn half-width, in coordinates, for enkf and etkf."
    )
    guidance: float = Field(default=1.0, ge=0, le=10, description="Strength of the pull in surge; weights stay exact.")
    precision: Literal["single", "double"] = Field(default="single", description="Of particles; weights are double.")


class Assimilation(Wire):
    """Follow a state through observations. null: nothing was seen at that time; null entries of one: partly seen."""

    dynamics: Dynamics
    initial: Initial
    observe: ObservationOperator
    observations: list[list[float | None] | None] = Field(
        default=[], max_length=MOST_OBSERVATIONS, description="Those known already, y_1 first; more may be posted."
    )
    filter: Filter = Field(default=Filter())
    outputs: list[Literal["mean", "std", "quantiles", "log_likelihood", "log_evidence"]] = Field(
        default=["mean", "std", "log_likelihood", "log_evidence"],
        min_length=1,
        max_length=5,
        description="After each observation: filtered mean and standard deviation and quantiles of every coordinate, "
        "log p(y_k | y_1 .. y_k-1), and log p(y_1 .. y_k).",
    )
    quantiles: list[Annotated[float, Field(ge=0.01, le=0.99)]] = Field(
        default=[0.05, 0.5, 0.95], min_length=1, max_length=9
    )
