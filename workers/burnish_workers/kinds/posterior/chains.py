"""From what a spec asks of the chain, and what the prior is, to the chain's numbers. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import replace as changed

import numpy as np
from numpy.typing import NDArray

from burnish.wire.specs.priors import Chain as Asked
from burnish.wire.specs.priors import ScoreNetwork
from burnish_workers.core.kind import SpecError
from burnish_workers.kinds.posterior.chain import (
    Chain,
    ancestral,
    flow,
    geometric_levels,
    karras_levels,
    ve_euler,
    vp_euler,
    widened,
)
from burnish_workers.kinds.posterior.directory import Prior
from burnish_workers.kinds.posterior.mixture import MixtureNumbers
from burnish_workers.kinds.posterior.schedules import Schedule, alphas_cumprod

WIDEST = 1e9
"""Ratio of the largest noise level to the smallest: their squares are to differ in double precision."""

CLEAN, FAR_FROM_NORMAL = 0.1, 4.0
"""Noise levels of mixtures: the last in standard deviations of the narrowest component, and the first in those of the
mixture, where it starts from normal noise."""

STEPS = 60
"""Of a chain for which the spec does not say."""

_TRAINED = {"linear": "linear", "scaled_linear": "scaled_linear", "cosine": "squaredcos_cap_v2"}

_FAMILIES = {
    "vp": ("ddpm", "ddim", "vp"),
    "ve": ("ve", "ve_euler", "edm"),
    "edm": ("edm", "ve", "ve_euler"),
    "flow": ("flow",),
}
"""Schedulers that a network of each family can be simulated by, its own first."""


@dataclass(frozen=True)
class Levels:
    """Bounds of the noise of a chain whose noise explodes."""

    low: float
    high: float


def chain_of(asked: Asked, prior: MixtureNumbers | Prior | ScoreNetwork, guidance: str, normal: bool = False) -> Chain:
    """Raises SpecError for a scheduler that the prior cannot be simulated by, and for guidance without noise.

    `normal`: whether a chain that could start from the prior's marginal is to start from N(0, I) all the same.
    """
    if isinstance(prior, MixtureNumbers):
        found = _of_mixture(asked, prior, normal)
    else:
        schedule = prior.schedule if isinstance(prior, Prior) else schedule_of(prior)
        found = _of_network(asked, schedule)
        if asked.start == "marginal":
            raise SpecError("/chain/start", "the marginal law of a network is not known; leave start out")
        if isinstance(prior, Prior) and asked.clip is None:
            found = changed(found, clip=prior.clip)
    if asked.clip is not None:
        found = changed(found, clip=asked.clip)
    _check_noise(found, guidance)
    return found


def schedule_of(network: ScoreNetwork) -> Schedule:
    """The schedule that the card of an uploaded network states."""
    if network.schedule == "flow":
        return Schedule("flow", train_steps=1)
    if network.schedule == "ve":
        return Schedule("edm")
    return Schedule("vp", alphas_cumprod(_TRAINED[network.schedule], 1_000, *_ENDS[network.schedule]))


def default_time(network: ScoreNetwork) -> str:
    """What an uploaded network takes for t, where its card does not say."""
    return "sigma" if network.schedule == "ve" else "unit"


_ENDS = {"linear": (1e-4, 0.02), "scaled_linear": (0.00085, 0.012), "cosine": (1e-4, 0.02)}
"""First and last beta of the usual schedules of 1,000 steps."""


def _check_noise(chain: Chain, guidance: str) -> None:
    """A step without noise cannot be guided: there is no density to weigh the push by."""
    silent = np.flatnonzero(chain.noise[:-1] == 0)
    if len(silent) and guidance not in ("auto", "none"):
        what = f"step {silent[0]} of the chain has no noise (eta = 0), so that guidance {guidance!r} cannot be weighed"
        raise SpecError("/chain/eta", f"{what}; choose eta > 0, or guidance none")


def _of_mixture(asked: Asked, prior: MixtureNumbers, normal: bool) -> Chain:
    steps, scheduler = asked.steps or STEPS, asked.scheduler or "edm"
    eta = _eta(asked, scheduler)
    if scheduler in ("ve", "ve_euler", "edm"):
        smallest = float(np.sqrt(prior.variance.min()))
        # The fewer levels are passed through, the finer the steps: the marginal need not be drowned in noise.
        drowned = FAR_FROM_NORMAL * prior.spread if normal else prior.spread
        levels = Levels(asked.sigma_min or CLEAN * smallest, asked.sigma_max or max(drowned, smallest))
        found = _exploding(scheduler, steps, eta, levels, None)
        return found if scheduler == "ve_euler" else widened(found, prior.variance, prior.weights, eta)
    _no_levels(asked, scheduler)
    if scheduler == "vp":
        return vp_euler(steps, eta)
    if scheduler == "flow":
        return flow(steps, eta)
    return _tabled(Schedule("vp", alphas_cumprod("linear", 1_000, 1e-4, 0.02)), steps, eta)


def _of_network(asked: Asked, schedule: Schedule) -> Chain:
    known = _FAMILIES[schedule.family]
    scheduler = asked.scheduler or known[0]
    if scheduler not in known:
        what = f"the model is of the family {schedule.family!r}, which is simulated by {', '.join(known)}"
        raise SpecError("/chain/scheduler", f"{what}; {scheduler!r} is none of them")
    steps, eta = asked.steps or STEPS, _eta(asked, scheduler)
    if schedule.family == "flow":
        _no_levels(asked, scheduler)
        return changed(flow(steps, eta), time=np.linspace(0.999, 1e-3, steps + 1)[:-1])
    if schedule.family == "vp":
        _no_levels(asked, scheduler)
        if scheduler == "vp":
            raise SpecError(
                "/chain/scheduler", "vp is for mixtures and networks of continuous time; choose ddpm or ddim"
            )
        return _tabled(schedule, steps, eta)
    low, high = schedule.log_snr_range
    levels = Levels(asked.sigma_min or float(np.exp(-high / 2)), asked.sigma_max or float(np.exp(-low / 2)))
    return _exploding(scheduler, steps, eta, levels, schedule)


def _eta(asked: Asked, scheduler: str) -> float:
    if asked.eta is not None and scheduler == "ve_euler":
        raise SpecError("/chain/eta", "steps of ve_euler have the noise of their own SDE; leave eta out, or choose ve")
    return 1.0 if asked.eta is None else asked.eta


def _no_levels(asked: Asked, scheduler: str) -> None:
    for name in ("sigma_min", "sigma_max"):
        if getattr(asked, name) is not None:
            raise SpecError(f"/chain/{name}", f"{name} belongs to ve, ve_euler and edm; the scheduler is {scheduler}")


def _tabled(schedule: Schedule, steps: int, eta: float) -> Chain:
    """Ancestral steps over indices of the table, and onto the clean sample."""
    if steps > len(schedule.table):
        what = f"the model was trained with {len(schedule.table)} noise levels, fewer than {steps} steps"
        raise SpecError("/chain/steps", what)
    times = schedule.walk(steps)
    alpha, sigma = schedule.level(times)
    return ancestral(np.append(alpha, 1.0), np.append(sigma, 0.0), times, eta)


def _exploding(scheduler: str, steps: int, eta: float, levels: Levels, schedule: Schedule | None) -> Chain:
    if levels.low >= levels.high:
        what = f"sigma_min is {levels.low:g} and sigma_max {levels.high:g}: the first must be the smaller one"
        raise SpecError("/chain/sigma_min", what)
    if levels.high > WIDEST * levels.low:
        what = f"sigma_max is {levels.high:g}, more than {WIDEST:.0e} times sigma_min = {levels.low:g}"
        raise SpecError("/chain/sigma_max", f"{what}; steps between such levels cannot be told apart")
    spaced = karras_levels if scheduler == "edm" else geometric_levels
    sigma = spaced(steps, levels.low, levels.high)
    time = _times(sigma[:-1], schedule)
    if scheduler == "ve_euler":
        return ve_euler(sigma, time)
    return ancestral(np.ones_like(sigma), sigma, time, eta, start=float(sigma[0]))


def _times(sigma: NDArray[np.float64], schedule: Schedule | None) -> NDArray[np.float64]:
    """What a network is told at a noise level: sigma where it is told that, else the time of its schedule."""
    return sigma if schedule is None or schedule.family == "edm" else schedule.time(-2 * np.log(sigma))
