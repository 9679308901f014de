"""The measured covariance of a denoiser's residual is the posterior covariance, where that is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import safetensors
import torch

from burnish.wire.specs.priors import Mixture
from burnish_workers.core.inputs import NOTHING
from burnish_workers.core.keys import Key
from burnish_workers.kinds.posterior.analytic import MixtureDenoiser
from burnish_workers.kinds.posterior.calibrate import denoiser_of, every_class, main
from burnish_workers.kinds.posterior.calibration import (
    Calibration,
    CalibrationError,
    Form,
    calibrate,
    load_calibration,
    save_calibration,
    shrunk,
)
from burnish_workers.kinds.posterior.directory import read_directory
from burnish_workers.kinds.posterior.mixture import mixture_of
from burnish_workers.kinds.posterior.registered import VARIABLE, entries, fingerprint, registered_priors
from burnish_workers.kinds.posterior.schedules import Schedule, alphas_cumprod
from burnish_workers.kinds.posterior.train import Options, pictures, split

from .posterior_models import directory, noise_at

DIGITS = registered_priors()["digits"]
COVARIANCE = np.array([[1.0, 0.6, -0.2], [0.6, 0.8, 0.1], [-0.2, 0.1, 0.3]])
PRIOR = MixtureDenoiser(mixture_of(Mixture(means=[[1.0, -2.0, 0.5]], covariances=COVARIANCE.tolist()), NOTHING))
SCHEDULES = {
    "vp": Schedule("vp", alphas_cumprod("linear", 1_000, 1e-4, 0.02)),
    "edm": Schedule("edm", sigma_min=0.01, sigma_max=20.0),
    "flow": Schedule("flow"),
}
SAMPLES = 80_000


def draw(count: int, generator: torch.Generator) -> torch.Tensor:
    return PRIOR.draw(count, 1.0, 0.0, generator)


def exact(log_snr: float) -> np.ndarray:
    """(C^-1 + alpha^2/sigma^2 I)^-1."""
    return np.linalg.inv(np.linalg.inv(COVARIANCE) + np.exp(log_snr) * np.eye(3))


def measured(family: str, form: Form = "full", seed: int = 1, samples: int = SAMPLES) -> Calibration:
    return calibrate(PRIOR, SCHEDULES[family], draw, Key(seed), samples=samples, form=form)


@pytest.mark.parametrize("family", sorted(SCHEDULES))
def test_of_a_gaussian_it_is_the_posterior_covariance(family: str) -> None:
    """Entry (i, j) has standard error sqrt((C_ii C_jj + C_ij^2)/n); 24 levels of 9 entries, chance of a miss 1e-5."""
    found = measured(family)
    assert len(found.log_snr) >= 20
    for log_snr, covariance in zip(found.log_snr.tolist(), found.covariance.numpy(), strict=True):
        wanted = exact(log_snr)
        variance = np.diag(wanted)
        error = np.sqrt((np.outer(variance, variance) + wanted**2) / SAMPLES)
        # The floor widens variances by 1e-4 of their mean.
        assert (np.abs(covariance - wanted) <= 5.4 * error + 1e-4 * variance.mean() * np.eye(3)).all(), log_snr


def test_a_wrong_level_would_be_seen() -> None:
    """The bound above tells levels apart that differ by a tenth in log-SNR."""
    wanted, other = exact(0.0), exact(0.1)
    variance = np.diag(wanted)
    error = np.sqrt((np.outer(variance, variance) + wanted**2) / SAMPLES)
    assert (np.abs(other - wanted) > 5.4 * error + 1e-4 * variance.mean()).any()


def test_between_levels_and_beyond_them() -> None:
    found = measured("edm")
    low, high = found.log_snr[0].item(), found.log_snr[-1].item()
    for log_snr in np.linspace(low, high, 97):
        wanted, relative = exact(log_snr), found.at(log_snr).numpy()
        assert np.abs(relative - wanted).max() < 0.06 * np.abs(wanted).max()
    assert found.at(low - 3).trace().item() == pytest.approx(np.trace(COVARIANCE), rel=0.1)
    assert found.at(high + 5).trace().item() == pytest.approx(3 * np.exp(-(high + 5)), rel=0.1)
    assert torch.equal(found.at(torch.tensor([low, 0.0, high]))[1], found.at(0.0))


def test_the_diagonal_is_that_of_the_full_one() -> None:
    full, diagonal = measured("vp"), measured("vp", "diagonal")
    assert (full.form, diagonal.form) == ("full", "diagonal")
    assert torch.allclose(full.covariance.diagonal(dim1=1, dim2=2), diagonal.covariance)
    assert diagonal.at(0.3).shape == (3,)


@pytest.mark.parametrize("form", ["full", "diagonal"])
def test_as_a_spread(form: Form) -> None:
    """What terms are given is the same covariance."""
    found = measured("vp", form, samples=500)
    wanted = found.at(1.0).double()
    spread = found.spread(1.0, torch.zeros(1, dtype=torch.float64))
    matrix = spread.times(torch.eye(3, dtype=torch.float64))
    assert (matrix - (wanted if form == "full" else torch.diag(wanted))).abs().max() < 1e-6


def test_the_key_decides() -> None:
    first, again, other = (measured("vp", seed=seed, samples=200) for seed in (1, 1, 2))
    assert torch.equal(first.covariance, again.covariance)
    assert not torch.equal(first.covariance, other.covariance)


def test_few_samples_are_shrunk_to_something_positive_definite() -> None:
    generator = torch.Generator().manual_seed(4)
    truth = torch.diag(torch.linspace(0.5, 2.0, 30, dtype=torch.float64))
    truth += 0.3 * torch.ones(30, 30, dtype=torch.float64)
    root = torch.linalg.cholesky(truth)
    plain, better = [], []
    for _ in range(20):
        rows = torch.randn(12, 30, generator=generator, dtype=torch.float64) @ root.T
        raw, found = rows.T @ rows / 12, shrunk(rows)
        assert torch.linalg.eigvalsh(raw)[0] < 1e-9
        assert torch.linalg.eigvalsh(found)[0] > 1e-3
        assert torch.allclose(found.diagonal(), raw.diagonal(), rtol=1e-3)
        plain.append((raw - truth).square().sum())
        better.append((found - truth).square().sum())
    assert torch.stack(better).mean() < 0.7 * torch.stack(plain).mean()


def test_pixels_that_never_vary() -> None:
    rows = torch.randn(50, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    rows[:, 1] = 0.0
    assert torch.linalg.eigvalsh(shrunk(rows))[0] > 0
    assert torch.equal(shrunk(torch.zeros(5, 2, dtype=torch.float64)), torch.zeros(2, 2, dtype=torch.float64))


def test_written_and_read(tmp_path: Path) -> None:
    found, path = measured("vp", samples=200), tmp_path / "c.safetensors"
    save_calibration(found, path, {"prior": "abc"})
    again = load_calibration(path, 3)
    assert torch.equal(again.covariance, found.covariance)
    assert torch.equal(again.log_snr, found.log_snr)
    with pytest.raises(CalibrationError, match=r"covariances of shape \(\d+, 3, 3\) for \d+ levels, not of d = 4"):
        load_calibration(path, 4)
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(CalibrationError, match="holds no calibration"):
        load_calibration(path, 3)
    with pytest.raises(CalibrationError, match="run calibrate again"):
        load_calibration(tmp_path / "missing", 3)
    with pytest.raises(ValueError, match="at least two samples, got 1"):
        measured("vp", samples=1)


def test_that_of_digits_belongs_to_its_weights_and_fits_pictures_it_has_not_seen() -> None:
    """The mean squared Mahalanobis distance of residuals over d, which is 1 where C is right. Measured: 0.9 to 1.1."""
    with safetensors.safe_open(DIGITS.calibration, "pt") as file:
        assert file.metadata()["prior"] == fingerprint(DIGITS)
    found = load_calibration(DIGITS.calibration, 64)
    x0 = split(pictures(), Options())[1].x.flatten(1)
    denoiser, generator = denoiser_of(DIGITS, torch.device("cpu")), torch.Generator().manual_seed(0)
    for log_snr in (-8.0, -2.0, 0.0, 2.0, 4.0):
        time = DIGITS.schedule.time(np.array(log_snr))
        noise = noise_at(DIGITS.schedule, torch.full((len(x0),), float(time)))
        noisy = noise.alpha[:, None] * x0 + noise.sigma[:, None] * torch.randn(x0.shape, generator=generator)
        with torch.no_grad():
            residual = (x0 - denoiser(noisy, noise)).double()
        covariance = found.at(log_snr).double()
        distance = (residual * torch.linalg.solve(covariance, residual.T).T).sum(1).mean() / 64
        assert 0.8 < distance < 1.25, log_snr
        assert torch.linalg.eigvalsh(covariance)[0] > 0


def test_which_classes_the_samples_have(tmp_path: Path) -> None:
    from diffusers import DDPMScheduler

    cpu = torch.device("cpu")
    assert every_class(DIGITS, 5, cpu) is None
    prior = read_directory("classes", directory(tmp_path, DDPMScheduler(), num_class_embeds=3))
    label = every_class(prior, 5, cpu)
    assert label is not None
    assert label.tolist() == [0, 1, 2, 0, 1]


def test_the_command_makes_a_registered_prior_calibrated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from diffusers import DDPMScheduler

    folder = directory(tmp_path / "mine", DDPMScheduler(num_train_timesteps=60), num_class_embeds=3)
    monkeypatch.setenv(VARIABLE, f"mine={folder}")
    assert [entry.details["calibrated"] for entry in entries() if entry.name == "mine"] == [False]
    monkeypatch.setattr("sys.argv", ["calibrate", "mine", "--samples", "40", "--steps", "5", "--device", "cpu"])
    main()
    assert [entry.details["calibrated"] for entry in entries() if entry.name == "mine"] == [True]
    assert load_calibration(folder / "calibration.safetensors", 32).form == "full"
    monkeypatch.setattr("sys.argv", ["calibrate", "digit"])
    with pytest.raises(SystemExit):
        main()
