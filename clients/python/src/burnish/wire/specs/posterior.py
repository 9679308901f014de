"""Kind `posterior`: unbiased samples of a diffusion prior given an observation, a reward or a class.

pi(x) is proportional to p(x) p(y | x) exp(R(x)/tau) p(c | x), p the law of the prior's chain at its last step.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from burnish.wire.base import Wire
from burnish.wire.specs.assimilation import (
    MOST_OBSERVATIONS,
    Assimilation,
    Dynamics,
    Filter,
    Initial,
    ObservationOperator,
)
from burnish.wire.specs.base import SpecBase
from burnish.wire.specs.priors import Chain, Prior
from burnish.wire.specs.targets import Condition, Observation, Reward

PosteriorOutput = Literal["mean", "std", "quantiles", "log_evidence", "samples", "log_likelihood"]


class Guidance(Wire):
    """Where particles are pushed: only a proposal, which exact weights correct. `null` fields: the pilot's choice."""

    type: Literal["auto", "kalman", "gradient", "ensemble", "classifier_free", "none"] = Field(
        default="auto",
        description="kalman: the calibrated Gaussian's, without back-propagation; gradient: of the potential through "
        "the network; ensemble: gains from perturbed particles, for any operator; classifier_free: towards `label`.",
    )
    strength: float | None = Field(default=None, ge=0, le=100, description="gamma, times the guidance.")
    label: int | None = Field(default=None, ge=0, le=10**6, description="For classifier_free.")


class Potential(Wire):
    """What weighs particles on the way: any choice gives the same answer, a good one with less spread."""

    type: Literal["auto", "twist", "naive", "none"] = Field(
        default="auto",
        description="twist: the observation's noise plus the calibrated spread of the denoiser; naive: the "
        "observation's noise alone; none: only the last step is weighed.",
    )
    tempering: Literal["auto", "linear", "adaptive", "none"] = Field(
        default="auto",
        description="linear: to the power k/K at step k; adaptive: to the largest power that leaves an effective "
        "sample size of 0.8 N; none: at full strength from the start.",
    )
    inflation: float | None = Field(default=None, gt=0, le=1e4, description="Times the calibrated covariance.")


class Resampling(Wire):
    """When and how particles are drawn anew by their weights."""

    scheme: Literal["systematic", "stratified", "residual", "multinomial"] = "systematic"
    threshold: float = Field(
        default=0.5, ge=0, le=1, description="Effective sample size over N below which it happens; 1: at every step."
    )


class PosteriorSpec(SpecBase):
    """Sample the posterior of a diffusion prior by islands of particles, or of a state that moves (`dynamics`)."""

    kind: Literal["posterior"]  # pyright: ignore[reportIncompatibleVariableOverride] (frozen: narrowing is sound)
    prior: Prior | None = Field(default=None, description="What is sampled from. With `dynamics` there is none.")
    chain: Chain = Chain()
    observation: Observation | None = None
    reward: Reward | None = None
    condition: Condition | None = None
    method: Literal["auto", "smc", "pimh", "urge", "fk_steering", "dps", "mcgdiff"] = Field(
        default="auto",
        description="smc: islands weighed by their evidence; pimh: unbiased means by coupled particle-independent "
        "Metropolis-Hastings over islands. urge, fk_steering, dps, mcgdiff: published methods, for comparison; those "
        "that are biased get no interval.",
    )
    particles: int | None = Field(default=None, ge=2, le=10**6, description="N, of an island. Default: resolved.")
    guidance: Guidance = Guidance()
    potential: Potential = Potential()
    resampling: Resampling = Resampling()
    outputs: list[PosteriorOutput] = Field(default=["mean", "std", "log_evidence"], min_length=1, max_length=5)
    quantiles: list[Annotated[float, Field(ge=0.01, le=0.99)]] = Field(
        default=[0.05, 0.5, 0.95], min_length=1, max_length=9, description="Levels, for the output `quantiles`."
    )
    dynamics: Dynamics | None = Field(
        default=None, description="In place of a prior: follow a state through observations as they arrive."
    )
    initial: Initial | None = Field(default=None, description="Of the state, with `dynamics`.")
    observe: ObservationOperator | None = Field(default=None, description="What is seen of the state.")
    observations: list[list[float | None] | None] = Field(
        default=[],
        max_length=MOST_OBSERVATIONS,
        description="With `dynamics`: those known already, the first first; null where nothing was seen. More may be "
        "posted while the job runs.",
    )
    expected: int | None = Field(
        default=None, ge=1, le=MOST_OBSERVATIONS, description="How many observations there will be, where it is known."
    )
    filter: Filter = Field(default=Filter(), description="How the state is followed.")

    @property
    def assimilation(self) -> Assimilation | None:
        """The part that speaks of a state and its observations; None for a job with a prior, or where some is
        missing."""
        if self.dynamics is None or self.initial is None or self.observe is None:
            return None
        return Assimilation(
            dynamics=self.dynamics,
            initial=self.initial,
            observe=self.observe,
            observations=self.observations,
            filter=self.filter,
            outputs=[name for name in self.outputs if name != "samples"],
            quantiles=self.quantiles,
        )
