"""Priors by name: what directories say, and what is refused, by JSON alone."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from burnish_service.settings import Settings
from burnish_workers.kinds.posterior.directory import PriorError, read_directory
from burnish_workers.kinds.posterior.registered import SHIPPED, VARIABLE, entries, fingerprint, registered_priors
from burnish_workers.kinds.posterior.schedules import Schedule, alphas_cumprod

from .posterior_models import directory, with_json

DIGITS = SHIPPED / "digits"
SCHEDULER, UNET = "scheduler/scheduler_config.json", "unet/config.json"


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A directory that may be spoiled."""
    return Path(shutil.copytree(DIGITS, tmp_path / "copied"))


def test_digits_is_shipped() -> None:
    prior = registered_priors()["digits"]
    assert (prior.shape, prior.classes, prior.null_class) == ((1, 8, 8), 10, 10)
    assert (prior.prediction, prior.schedule.family, prior.clip) == ("epsilon", "vp", 1.0)
    assert prior.card["data_licence"] == "CC BY 4.0"
    (entry,) = [entry for entry in entries() if entry.name == "digits"]
    assert (entry.kind, entry.type, entry.details["calibrated"]) == ("posterior", "prior", True)
    assert entry.details["card"]["loss"]["held_out"] < 0.15
    json.dumps(entry.model_dump(mode="json"))


@pytest.mark.parametrize("beta_schedule", ["linear", "scaled_linear", "squaredcos_cap_v2"])
@pytest.mark.parametrize("steps", [50, 1_000])
@pytest.mark.parametrize("ends", [(0.0001, 0.02), (0.00085, 0.012)])
def test_alphas_are_those_of_diffusers(beta_schedule: Any, steps: int, ends: tuple[float, float]) -> None:
    from diffusers import DDPMScheduler

    theirs = DDPMScheduler(steps, *ends, beta_schedule).alphas_cumprod.double().numpy()
    np.testing.assert_allclose(alphas_cumprod(beta_schedule, steps, *ends), theirs, rtol=2e-5)


def test_trained_betas_are_those_of_diffusers(tmp_path: Path) -> None:
    from diffusers import DDIMScheduler

    scheduler = DDIMScheduler(trained_betas=[0.01, 0.05, 0.2, 0.6], clip_sample=False, prediction_type="v_prediction")
    prior = read_directory("own", directory(tmp_path, scheduler))
    np.testing.assert_allclose(prior.schedule.table, scheduler.alphas_cumprod.numpy(), rtol=1e-6)
    assert (prior.prediction, prior.clip, prior.shape, prior.classes) == ("v", None, (2, 4, 4), 0)


def test_every_scheduler_that_is_supported(tmp_path: Path) -> None:
    import diffusers

    wanted = {
        "DDPMScheduler": ("vp", "epsilon", 1.0),
        "DDIMScheduler": ("vp", "epsilon", 1.0),
        "EulerDiscreteScheduler": ("ve", "epsilon", None),
        "EDMEulerScheduler": ("edm", "edm", None),
        "FlowMatchEulerDiscreteScheduler": ("flow", "flow", None),
    }
    for name, (family, prediction, clip) in wanted.items():
        prior = read_directory(name, directory(tmp_path / name, getattr(diffusers, name)()))
        assert (prior.schedule.family, prior.prediction, prior.clip) == (family, prediction, clip), name


Spoil = Callable[[Path], None]


def scheduler_says(**changes: Any) -> Spoil:
    return lambda folder: with_json(folder, SCHEDULER, **changes)


def unet_says(**changes: Any) -> Spoil:
    return lambda folder: with_json(folder, UNET, **changes)


def pickled(folder: Path) -> None:
    weights = folder / "unet/diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))


REFUSED: dict[str, tuple[Spoil, str]] = {
    "pickled": (pickled, r"pickled \(diffusion_pytorch_model.bin\), which can run code.*safe_serialization=True"),
    "no weights": (lambda f: (f / "unet/diffusion_pytorch_model.safetensors").unlink(), "no weights in unet"),
    "no index": (lambda f: (f / "model_index.json").unlink(), "no model_index.json.*save_pretrained"),
    "no scheduler": (lambda f: (f / SCHEDULER).unlink(), "no scheduler/scheduler_config.json"),
    "no JSON": (lambda f: (f / UNET).write_text("{"), "unet/config.json is not JSON"),
    "a list": (lambda f: (f / UNET).write_text("[]"), "should hold an object, it holds a list"),
    "latents": (lambda f: with_json(f, "model_index.json", vqvae=["diffusers", "VQModel"]), "latents of a decoder"),
    "network": (unet_says(_class_name="UNet2DConditionModel"), "network: unknown name.*did you mean 'UNet2DModel'"),
    "variances": (unet_says(out_channels=2), "takes 1 channels and gives 2: learned variances are not supported"),
    "no size": (unet_says(sample_size=None), "sample_size None; it must be a side or"),
    "classes": (unet_says(class_embed_type="timestep"), "class_embed_type 'timestep' is not supported"),
    "null class": (
        lambda f: with_json(f, "burnish.json", null_class=3),
        "null_class 3; with 11 embeddings.* be 10",
    ),
    "scheduler": (
        scheduler_says(_class_name="PNDMScheduler"),
        "scheduler: unknown name 'PNDMScheduler'.*DDIMScheduler, DDPMScheduler, EDMEulerScheduler, EulerDiscrete",
    ),
    "betas": (scheduler_says(beta_schedule="sigmoid"), "beta_schedule: unknown name 'sigmoid'.*scaled_linear"),
    "predicts": (scheduler_says(prediction_type="score"), "prediction_type: unknown name 'score'.*v_prediction"),
    "thresholds": (scheduler_says(thresholding=True), "thresholding=True; only False is supported for DDPMScheduler"),
    "zero snr": (scheduler_says(rescale_betas_zero_snr=True), "rescale_betas_zero_snr=True; only False"),
    "beta of 1": (scheduler_says(trained_betas=[0.1, 1.0]), "betas must all lie between 0 and 1"),
    "beta < 0": (scheduler_says(beta_start=-0.1, beta_schedule="linear"), "betas must all lie between 0 and 1"),
    "no number": (scheduler_says(beta_end="much", beta_schedule="linear"), "beta_end='much', which is no number"),
    "sigmas": (
        scheduler_says(_class_name="EDMEulerScheduler", sigma_min=3.0, sigma_max=2.0),
        "sigma_min 3, sigma_max 2, sigma_data 0.5; they must be positive",
    ),
    "shifted": (
        scheduler_says(_class_name="FlowMatchEulerDiscreteScheduler", invert_sigmas=True),
        "invert_sigmas=True; only False",
    ),
}


@pytest.mark.parametrize("case", sorted(REFUSED))
def test_what_is_refused_is_named(case: str, copied: Path) -> None:
    spoil, said = REFUSED[case]
    read_directory("mine", copied)
    spoil(copied)
    with pytest.raises(PriorError, match=f"(?s)prior 'mine' in .*copied: .*{said}"):
        read_directory("mine", copied)


def test_directories_of_the_operator(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, f" mine={copied}, ")
    priors = registered_priors()
    assert sorted(priors) == ["digits", "mine"]
    assert {entry.name for entry in entries()} == {"digits", "mine"}
    assert fingerprint(priors["mine"]) == fingerprint(priors["digits"])
    with_json(copied, SCHEDULER, clip_sample=False)
    assert fingerprint(read_directory("mine", copied)) != fingerprint(priors["digits"])


@pytest.mark.parametrize("setting", ["/models/faces", "Faces=/models/faces", "faces=models/faces", "a b=/x", "=/x"])
def test_a_variable_that_makes_no_sense(setting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, setting)
    with pytest.raises(PriorError, match=r"BURNISH_PRIORS holds .*absolute paths, as in faces=/models/faces"):
        registered_priors()


def test_the_service_does_not_start_with_a_prior_that_makes_no_sense(copied: Path) -> None:
    assert Settings(priors=f"mine={copied}").priors == f"mine={copied}"
    with pytest.raises(ValidationError, match=r"prior 'mine' in .*: there is no model_index.json"):
        Settings(priors=f"mine={copied}/unet")


def test_names_are_taken_once(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for setting in (f"digits={copied}", f"mine={copied},mine={copied}"):
        monkeypatch.setenv(VARIABLE, setting)
        with pytest.raises(PriorError, match="which there is already"):
            registered_priors()


def test_neither_torch_nor_diffusers_is_needed() -> None:
    lines = (
        "import sys; sys.modules['torch'] = sys.modules['diffusers'] = None",
        "from burnish_workers.kinds.posterior.registered import entries",
        "print([entry.name for entry in entries()])",
    )
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "['digits']", done.stderr


SCHEDULES = {
    "vp": Schedule("vp", alphas_cumprod("squaredcos_cap_v2", 1_000, 0, 0)),
    "ve": Schedule("ve", alphas_cumprod("linear", 1_000, 0.0001, 0.02)),
    "edm": Schedule("edm"),
    "flow": Schedule("flow"),
}


@pytest.mark.parametrize("family", sorted(SCHEDULES))
def test_times_and_levels_are_inverse(family: str) -> None:
    schedule = SCHEDULES[family]
    low, high = schedule.log_snr_range
    wanted = np.linspace(low, high, 50)
    alpha, sigma = schedule.level(schedule.time(wanted))
    np.testing.assert_allclose(2 * np.log(alpha / sigma), wanted, atol=1e-8)
    ends = schedule.time(np.array([low - 5, high + 5]))
    np.testing.assert_allclose(ends, schedule.time(np.array([low, high])))
    for times in (schedule.spread(24), schedule.walk(24)):
        alpha, sigma = schedule.level(times)
        assert (np.diff(alpha / sigma) > 0).all()
        assert len(times) >= 15
        np.testing.assert_allclose(2 * np.log((alpha / sigma)[[0, -1]]), [low, high], atol=1e-8)


def test_a_table_is_met_at_its_indices() -> None:
    table = SCHEDULES["vp"].table
    alpha, sigma = SCHEDULES["vp"].level(np.arange(1_000.0))
    np.testing.assert_allclose(alpha**2, table, rtol=1e-12)
    np.testing.assert_allclose(alpha**2 + sigma**2, 1.0)
    alpha, sigma = SCHEDULES["ve"].level(np.array([0.0, 999.0]))
    np.testing.assert_allclose(sigma**2, 1 / SCHEDULES["ve"].table[[0, -1]] - 1, rtol=1e-9)
    with pytest.raises(ValueError, match="a schedule of family flow has no table"):
        _ = SCHEDULES["flow"].table
