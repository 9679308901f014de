"""`{"fit": {...}}`: a surrogate that the service trains first, as a stage of the job."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from burnish.wire.base import Wire

Optimiser = Literal["adam", "steepest", "levenberg-marquardt"]
Sampling = Literal["path", "box"]

MOST_JACOBIAN = 5_000
"""Parameters of a network that Levenberg-Marquardt trains: it solves systems of up to that size."""


class Fit(Wire):
    """A tanh network that is trained on the equation's residual and on its terminal condition.

    At most one of `steps`, `seconds` and `share` says for how long; with none of them short trial fits measure what
    training buys, and the budget is split so that the error at its end is least.
    """

    width: int | None = Field(default=None, ge=1, le=1_024, description="Default: 50 (30, levenberg-marquardt).")
    depth: int | None = Field(
        default=None, ge=1, le=16, description="Hidden layers. Default: 5 (2, levenberg-marquardt)."
    )
    optimiser: Optimiser | None = Field(
        default=None,
        description="adam: under a one-cycle schedule; steepest: the gradient of each unit's weights at unit length, "
        "with decoupled weight decay; levenberg-marquardt: damped Gauss-Newton, for nets of at most 5,000 parameters. "
        "Default: levenberg-marquardt where its network is small enough, else adam.",
    )
    steps: int | None = Field(default=None, ge=1, le=10**7, description="Training steps.")
    seconds: float | None = Field(default=None, gt=0, le=7 * 86_400.0, description="About so many seconds of training.")
    share: float | None = Field(default=None, gt=0, le=0.9, description="About this part of the budget's time.")
    batch: int = Field(default=256, ge=2, le=65_536, description="Residual points, and terminal points, of a step.")
    sampling: Sampling = Field(
        default="path",
        description="path: along the diffusion's own paths from the starting points, and at their ends; "
        "box: uniformly in the box and the time left.",
    )
    box: list[float] | None = Field(
        default=None,
        min_length=2,
        max_length=2,
        description="[low, high] of every coordinate, where training starts instead of at the query points.",
    )
    rate: float | None = Field(default=None, gt=0, le=10, description="Peak step size. Default: by the optimiser.")
    decay: float = Field(default=0.0, ge=0, le=10, description="Decoupled weight decay, for steepest.")
    terminal_weight: float = Field(
        default=1.0, ge=0, le=1e6, description="Weight of the squared terminal mismatch beside the squared residual."
    )

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        given = [name for name in ("steps", "seconds", "share") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} each say how long to train: give one of them, or none")
        if self.box is not None and not self.box[0] < self.box[1]:
            raise ValueError(f"box is {self.box}: give [low, high] with low < high")
        if self.decay and self.optimiser != "steepest":
            raise ValueError(f"decay belongs to optimiser steepest, and it is {self.optimiser or 'not given'}")
        return self

    def settled(self, dim: int) -> Fit:
        """The same with optimiser, width and depth filled in, for x in R^dim."""
        if self.optimiser is None:
            small = self.model_copy(update={"optimiser": "levenberg-marquardt"}).settled(dim)
            fits = small.parameters(dim) <= MOST_JACOBIAN
            return small if fits else self.model_copy(update={"optimiser": "adam"}).settled(dim)
        width, depth = (30, 2) if self.optimiser == "levenberg-marquardt" else (50, 5)
        return self.model_copy(update={"width": self.width or width, "depth": self.depth or depth})

    def parameters(self, dim: int) -> int:
        """Weights and biases of the settled network for x in R^dim."""
        width, depth = self.width or 0, self.depth or 0
        return (dim + 2) * width + (depth - 1) * (width + 1) * width + width + 1


class FitSurrogate(Wire):
    """A surrogate that is trained on the service before the job simulates. `resolved` names it by its sha256."""

    fit: Fit
