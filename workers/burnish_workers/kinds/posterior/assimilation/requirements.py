"""What each filter needs of a setting. Torch-free."""

from __future__ import annotations

import numpy as np

from burnish.wire.specs.assimilation import Assimilation
from burnish_workers.core.inputs import Inputs
from burnish_workers.core.kind import SpecError
from burnish_workers.kinds.posterior.assimilation.covariances import definite
from burnish_workers.kinds.posterior.assimilation.setting import Setting, UploadedMotion, setting_of

MOST_NUMBERS = 10**8
"""Particles times coordinates of an island: what a worker holds, 400 MB in single precision."""


def checked(spec: Assimilation, inputs: Inputs, at: str = "") -> Setting:
    """Parse and check. `at`: pointer to the assimilation within the spec. Raises SpecError."""
    setting = setting_of(spec, inputs, at)
    _check_dynamics(setting, f"{at}/filter/method", f"{at}/observe/noise")
    _check_options(setting, f"{at}/filter", f"{at}/observe/noise")
    for i, given in enumerate(spec.observations):
        setting.observed(given, f"{at}/observations/{i}")
    return setting


def _check_dynamics(setting: Setting, at: str, noise: str) -> None:
    method, chain = setting.method, setting.chain is not None
    if method == "guided":
        what = "guided steers the noise of the dynamics, which is 0: use bootstrap, enkf or etkf"
        _need(setting.noisy or chain, at, what)
        _need(not chain, at, "a step by a diffusion chain is guided by `surge`")
        what = "what is predicted plus R is singular: give the observed numbers some noise"
        _need(_predictable(setting), noise, what)
    if method == "surge":
        _need(chain, at, "surge guides the chain of a diffusion model: give dynamics/diffusion")
        _need(setting.operator.matrix is not None, at, "surge needs a linear observation operator, formulas have none")
        exact = not isinstance(setting.motion, UploadedMotion) and not setting.noisy
        _need(not exact, at, "the dynamics have no noise, so there is nothing to guide: give dynamics/noise")
    if method in ("bootstrap", "etkf", "surge"):
        exact = "with exact observations use guided, or enkf"
        _need(definite(setting.observation_noise), noise, f"{method} needs an invertible covariance of y; {exact}")


def _predictable(setting: Setting) -> bool:
    """H Q H^T + R can be inverted; of formulas R alone must be."""
    operator = setting.operator
    if operator.matrix is None:
        return definite(setting.observation_noise)
    through = operator.matrix @ setting.noise_root
    return definite(through @ through.T + setting.observation_noise)


def _check_options(setting: Setting, at: str, noise: str) -> None:
    method, options = setting.method, setting.filter
    ensemble = method in ("enkf", "etkf")
    _need(ensemble or options.inflation == 1, f"{at}/inflation", f"belongs to enkf and etkf, not to {method}")
    local = options.localisation is not None
    _need(ensemble or not local, f"{at}/localisation", f"belongs to enkf and etkf, not to {method}")
    what = f"belongs to bootstrap and guided, not to {method}"
    _need(method in ("bootstrap", "guided") or options.jitter == 0, f"{at}/jitter", what)
    what = "localisation measures distances between coordinates: observe by `indices`"
    _need(not local or setting.operator.places is not None, f"{at}/localisation", what)
    dependent = np.any(setting.observation_noise - np.diag(np.diag(setting.observation_noise)))
    what = "local square roots need observation errors that are independent: give variances, or use enkf"
    _need(not (local and method == "etkf" and dependent), noise, what)
    most = MOST_NUMBERS // setting.dim
    what = f"{options.particles} particles of {setting.dim} coordinates; at most {most} fit a worker"
    _need(options.particles <= most, f"{at}/particles", what)


def _need(condition: bool, pointer: str, message: str) -> None:
    if not condition:
        raise SpecError(pointer, message)
