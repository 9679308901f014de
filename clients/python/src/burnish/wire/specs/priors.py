"""What a `posterior` job starts from: a prior, and the chain that simulates it.

The chain (scheduler, steps, eta, clipping) is the prior: x_0 ~ N(0, start^2 I), then K steps
x_{k+1} ~ N(m_k(x_k), s_k^2 I). With other steps the same network is another distribution, and the answer is about the
one that was asked for.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self, cast

from pydantic import Discriminator, Field, Tag, model_validator

from burnish.wire.array import Array
from burnish.wire.base import Wire
from burnish.wire.files import ArrayReference, ModelReference
from burnish.wire.specs.choices import depth, nested, pick

MOST_DIM = 65_536
"""Coordinates of a sample: a picture of 256 x 256, or of 148 x 148 in colour."""

MOST_COMPONENTS = 4_096

_LISTS = ("row", "rows", "planes")


def _form(value: Any) -> str:
    if isinstance(value, Array) or (isinstance(value, dict) and "array" not in cast("dict[str, Any]", value)):
        return "packed"
    if isinstance(value, dict | ArrayReference):
        return "uploaded"
    return _LISTS[min(max(depth(value), 1), len(_LISTS)) - 1]


Numbers = Annotated[
    Annotated[list[float], Tag("row")]
    | Annotated[list[list[float]], Tag("rows")]
    | Annotated[list[list[list[float]]], Tag("planes")]
    | Annotated[Array, Tag("packed")]
    | Annotated[ArrayReference, Tag("uploaded")],
    Discriminator(_form),
]
"""Nested lists where people type them, packed or uploaded where programs send them."""

_Positive = Annotated[float, Field(gt=0, le=1e12)]

Name = Annotated[str, Field(min_length=1, max_length=100)]
Size = Annotated[int, Field(ge=1, le=MOST_DIM)]


class NamedPrior(Wire):
    """A pretrained diffusion model of the catalogue, or a directory that the operator registered."""

    name: Name
    label: int | None = Field(default=None, ge=0, le=10**6, description="Class, for models that are conditional.")


class Mixture(Wire):
    """A Gaussian mixture: its score is known exactly, and with a linear observation its posterior too."""

    means: Numbers = Field(description="One row per component, (c, d).")
    weights: list[_Positive] | None = Field(
        default=None, max_length=MOST_COMPONENTS, description="Default: equal. They are scaled to add up to 1."
    )
    variance: (
        Annotated[Annotated[_Positive, Tag("one")] | Annotated[list[_Positive], Tag("each")], nested("one", "each")]
        | None
    ) = Field(default=None, description="Of every coordinate: one number, or one per component. Default: 1.")
    covariances: Numbers | None = Field(default=None, description="In place of `variance`: (d, d) or (c, d, d).")

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        if self.variance is not None and self.covariances is not None:
            raise ValueError("variance and covariances are both given: leave one out")
        return self


class MixturePrior(Wire):
    """`{"mixture": {...}}`: a Gaussian mixture stated in the request."""

    mixture: Mixture


class ScoreNetwork(ModelReference):
    """`{"model": "sha256:...", "shape": [...]}`: an uploaded network of t and x, with the card of what it predicts."""

    shape: list[Size] = Field(min_length=1, max_length=3, description="Of one sample: (d,), (h, w) or (c, h, w).")
    predicts: Literal["epsilon", "v", "sample", "flow", "score"] = Field(
        default="epsilon",
        description="epsilon: the noise; v: alpha eps - sigma x_0; sample: x_0; flow: eps - x_0; score: -eps/sigma.",
    )
    schedule: Literal["linear", "scaled_linear", "cosine", "ve", "flow"] = Field(
        default="linear", description="How noise grows: variance preserving (three schedules), exploding, or flow."
    )
    time: Literal["index", "unit", "sigma", "log_sigma_4"] | None = Field(
        default=None,
        description="What it takes for t: the index of one of 1,000 training steps; t in (0, 1]; sigma; log(sigma)/4. "
        "Default: unit, sigma for `ve`.",
    )
    label: int | None = Field(default=None, ge=0, le=10**6, description="Class, for networks that take labels.")


Prior = Annotated[
    Annotated[NamedPrior, Tag("named")]
    | Annotated[MixturePrior, Tag("stated")]
    | Annotated[ScoreNetwork, Tag("network")],
    pick(("mixture", "stated"), ("model", "network"), ("name", "named")),
]


class Chain(Wire):
    """How the prior is simulated. `null`: the model's own."""

    scheduler: Literal["ddpm", "ddim", "vp", "ve", "ve_euler", "edm", "flow"] | None = Field(
        default=None,
        description="ddpm, ddim: ancestral steps over the model's schedule; vp: Euler steps of the variance-preserving "
        "SDE; ve: ancestral steps, variance exploding; ve_euler: Euler steps; edm: ve on the levels of Karras et al.; "
        "flow: the SDE of a rectified flow.",
    )
    steps: int | None = Field(default=None, ge=2, le=10_000, description="K. Default: resolved.")
    eta: float | None = Field(
        default=None, ge=0, le=1, description="Noise of a step over that of the posterior q(x_{k+1} | x_k, x_0)."
    )
    sigma_max: float | None = Field(default=None, gt=0, le=1e6, description="Largest noise level, for ve and edm.")
    sigma_min: float | None = Field(default=None, ge=1e-9, le=1e3, description="Smallest, for ve and edm.")
    clip: float | None = Field(
        default=None, gt=0, le=1e12, description="Estimates of x_0 are kept within [-clip, clip]."
    )
    start: Literal["normal", "marginal"] | None = Field(
        default=None,
        description="x_0 ~ N(0, I) (times sigma_max), or the prior's own marginal at the first noise level, where that "
        "is known (mixtures).",
    )
