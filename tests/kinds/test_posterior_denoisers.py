"""Denoisers: every parametrisation means the same x0_hat, and x0_hat is what diffusers makes of the network."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
import torch

from burnish.wire.specs.posterior import PosteriorSpec
from burnish_workers.core.inputs import NOTHING
from burnish_workers.core.keys import Key
from burnish_workers.kinds.posterior.analytic import MixtureDenoiser
from burnish_workers.kinds.posterior.calibrate import denoiser_of, unguided, whole_chain
from burnish_workers.kinds.posterior.chain import ancestral
from burnish_workers.kinds.posterior.denoisers import UNCONDITIONAL, Clipped, Parametrisation, predicted, x0_of
from burnish_workers.kinds.posterior.directory import read_directory
from burnish_workers.kinds.posterior.examples import EXAMPLES
from burnish_workers.kinds.posterior.mixture import MixtureNumbers
from burnish_workers.kinds.posterior.model import model_of
from burnish_workers.kinds.posterior.noise import Noise
from burnish_workers.kinds.posterior.problem import setting_of
from burnish_workers.kinds.posterior.registered import registered_priors
from burnish_workers.kinds.posterior.schedules import Schedule
from burnish_workers.kinds.posterior.train import Options, measured, pictures, split, train
from burnish_workers.kinds.posterior.unet import DiffusersMissing, UNetDenoiser, load_unet
from burnish_workers.tensors.generators import torch_generator

from .posterior_models import directory, noise_at, some

CPU = torch.device("cpu")
PARAMETRISATIONS = get_args(Parametrisation)
DIGITS = registered_priors()["digits"]
RATES = np.linspace(1e-4, 0.02, 1_000)
SCHEDULES = {
    "vp": (Schedule("vp", np.cumprod(1 - RATES)), [20, 100, 400, 800]),
    "ve": (Schedule("ve", np.cumprod(1 - RATES)), [20, 100, 400, 800]),
    "edm": (Schedule("edm"), [0.05, 0.3, 2.0, 20.0]),
    "flow": (Schedule("flow"), [0.02, 0.3, 0.7, 0.99]),
}


@pytest.fixture(scope="module")
def unet() -> UNetDenoiser:
    return load_unet(DIGITS, CPU)


def mixture() -> MixtureDenoiser:
    means = np.array([[2.0, -1.0, 0.5], [-1.5, 0.3, 1.0], [0.2, 0.8, -2.0]])
    variance = np.array([[0.3, 1.0, 0.2], [0.5, 0.4, 0.8], [1.2, 0.1, 0.3]])
    return MixtureDenoiser(MixtureNumbers(np.array([0.5, 0.2, 0.3]), means, variance, None))


def normal(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@pytest.mark.parametrize("family", sorted(SCHEDULES))
@pytest.mark.parametrize("parametrisation", PARAMETRISATIONS)
def test_all_parametrisations_give_the_same_estimate(family: str, parametrisation: Parametrisation) -> None:
    schedule, times = SCHEDULES[family]
    noise = noise_at(schedule, torch.tensor(times).repeat(25), torch.float64)
    x = mixture().draw(100, 1.0, 0.0, torch.Generator().manual_seed(1))
    x = noise.alpha[:, None] * x + noise.sigma[:, None] * normal(100, 3, dtype=torch.float64)
    wanted = mixture()(x, noise)
    output = predicted(wanted, x, noise, parametrisation)
    assert (x0_of(output, x, noise, parametrisation) - wanted).abs().max() < 1e-10
    single = x0_of(output.float(), x.float(), noise, parametrisation)
    assert single.dtype == torch.float32
    # Rounding of eps is magnified by sigma/alpha.
    assert ((single - wanted).abs().amax(1) / (1 + noise.sigma / noise.alpha)).max() < 1e-5


def test_the_parametrisations_by_hand() -> None:
    """alpha = 0.6, sigma = 0.8, x_0 = 2, eps = -1: x = 0.4."""
    noise = Noise(*(torch.tensor([value], dtype=torch.float64) for value in (0.6, 0.8, 0.0)))
    x, x0 = torch.tensor([[0.4]], dtype=torch.float64), torch.tensor([[2.0]], dtype=torch.float64)
    outputs = {"epsilon": -1.0, "v": -0.6 - 1.6, "sample": 2.0, "flow": -3.0, "score": 1.25}
    assert set(outputs) == set(PARAMETRISATIONS)
    for name, output in outputs.items():
        assert predicted(x0, x, noise, name).item() == pytest.approx(output)
        assert x0_of(torch.full_like(x, output), x, noise, name).item() == pytest.approx(2.0)


@pytest.mark.parametrize("parametrisation", PARAMETRISATIONS)
def test_nothing_but_noise_gives_a_finite_estimate(parametrisation: Parametrisation) -> None:
    noise = Noise(torch.zeros(4), torch.ones(4), torch.ones(4))
    assert torch.isfinite(x0_of(normal(4, 3, seed=1), normal(4, 3), noise, parametrisation)).all()


def test_half_precision_is_widened() -> None:
    noise = noise_at(SCHEDULES["vp"][0], torch.tensor([900.0]))
    eps, x = normal(1, 3).bfloat16(), normal(1, 3, seed=1)
    assert torch.equal(x0_of(eps, x, noise, "epsilon"), x0_of(eps.float(), x, noise, "epsilon"))


def test_the_mean_and_the_noise_of_a_step_are_those_of_diffusers(unet: UNetDenoiser) -> None:
    """DDPMScheduler.step with the same normals, clipping included."""
    from diffusers import DDPMScheduler

    scheduler = DDPMScheduler.from_pretrained(DIGITS.folder, subfolder="scheduler")
    times = [980, 700, 400, 90, 15]
    scheduler.set_timesteps(timesteps=times)
    alpha, sigma = DIGITS.schedule.level(np.array(times, dtype=np.float64))
    chain = ancestral(np.append(alpha, 1.0), np.append(sigma, 0.0), np.array(times, dtype=np.float64))
    clipped = Clipped(unet, DIGITS.clip or 0.0)
    x = normal(6, 64)
    for k, t in enumerate(times):
        with torch.no_grad():
            output = unet.network(x.reshape(6, 1, 8, 8), t, class_labels=torch.full((6,), 10)).sample
            x0 = clipped(x, noise_at(DIGITS.schedule, torch.full((6,), t)))
        theirs = scheduler.step(output, t, x.reshape(6, 1, 8, 8), generator=torch.Generator().manual_seed(k))
        xi = torch.randn(6, 1, 8, 8, generator=torch.Generator().manual_seed(k)).reshape(6, 64)
        ours = chain.keep[k] * x + chain.pull[k] * x0 + chain.noise[k] * xi
        assert (x0 - theirs.pred_original_sample.reshape(6, 64)).abs().max() < 2e-5
        assert (ours - theirs.prev_sample.reshape(6, 64)).abs().max() < 2e-5
        x = theirs.prev_sample.reshape(6, 64)


def test_an_edm_network_is_preconditioned_as_by_diffusers(tmp_path) -> None:
    from diffusers import EDMEulerScheduler

    scheduler = EDMEulerScheduler(sigma_data=0.4)
    denoiser = load_unet(read_directory("edm", directory(tmp_path, scheduler)), CPU)
    for sigma in (0.01, 0.7, 60.0):
        x = sigma * normal(5, 32)
        level, pictures = torch.tensor(sigma), x.reshape(5, 2, 4, 4)
        with torch.no_grad():
            given = scheduler.precondition_inputs(pictures, level)
            output = denoiser.network(given, scheduler.precondition_noise(level)).sample
            ours = denoiser(x, noise_at(denoiser.prior.schedule, torch.full((5,), sigma)))
        theirs = scheduler.precondition_outputs(pictures, output, level)
        assert torch.allclose(ours, theirs.reshape(5, 32), rtol=1e-4, atol=1e-5)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
def test_an_euler_network_is_scaled_as_by_diffusers(tmp_path, kind: str) -> None:
    from diffusers import EulerDiscreteScheduler

    scheduler = EulerDiscreteScheduler(prediction_type=kind)
    denoiser = load_unet(read_directory("euler", directory(tmp_path, scheduler)), CPU)
    scheduler.set_timesteps(8)
    for index in (0, 3, 6):
        t, x = scheduler.timesteps[index], scheduler.sigmas[index] * normal(5, 32)
        # diffusers interpolates sigma between indices, we its logarithm: compared where they agree.
        noise = Noise(torch.ones(5), scheduler.sigmas[index].expand(5), t.expand(5))
        with torch.no_grad():
            given = scheduler.scale_model_input(x.reshape(5, 2, 4, 4), t)
            theirs = scheduler.step(denoiser.network(given, t).sample, t, x.reshape(5, 2, 4, 4))
            ours = denoiser(x, noise)
        scheduler._step_index = None
        scale = theirs.pred_original_sample.abs().max()
        assert (ours - theirs.pred_original_sample.reshape(5, 32)).abs().max() < 1e-5 * scale


def test_a_flow_network_goes_where_diffusers_goes(tmp_path) -> None:
    """One step of their sampler from t to 0 is x - t v."""
    from diffusers import FlowMatchEulerDiscreteScheduler

    denoiser = load_unet(read_directory("flow", directory(tmp_path, FlowMatchEulerDiscreteScheduler())), CPU)
    for sigma in (0.1, 0.5, 1.0):
        scheduler, x = FlowMatchEulerDiscreteScheduler(), normal(5, 32)
        scheduler.set_timesteps(sigmas=[sigma])
        t = scheduler.timesteps[0]
        with torch.no_grad():
            output = denoiser.network(x.reshape(5, 2, 4, 4), t).sample
            theirs = scheduler.step(output, t, x.reshape(5, 2, 4, 4)).prev_sample
            ours = denoiser(x, noise_at(denoiser.prior.schedule, torch.full((5,), sigma)))
        assert (ours - theirs.reshape(5, 32)).abs().max() < 1e-5


def test_rows_at_different_levels_are_what_they_are_alone(unet: UNetDenoiser) -> None:
    noise = noise_at(DIGITS.schedule, torch.tensor([999, 700, 300, 100, 10, 0]))
    x, label = normal(6, 64), torch.tensor([3, UNCONDITIONAL, 9, 0, UNCONDITIONAL, 5])
    with torch.no_grad():
        together = unet(x, noise, label)
        for row in range(6):
            alone = unet(x[row : row + 1], some(noise, slice(row, row + 1)), label[row : row + 1])
            scale = 1 + noise.sigma[row] / noise.alpha[row]
            assert (together[row] - alone[0]).abs().max() < 1e-5 * scale


def test_labels(unet: UNetDenoiser, tmp_path) -> None:
    from diffusers import DDPMScheduler

    noise, x = noise_at(DIGITS.schedule, torch.full((2,), 500)), normal(2, 64)
    with torch.no_grad():
        none = unet(x, noise)
        assert torch.equal(unet(x, noise, torch.full((2,), UNCONDITIONAL)), none)
        assert (unet(x, noise, torch.tensor([3, UNCONDITIONAL])) != none).any(1).tolist() == [True, False]
    prior = read_directory("classes", directory(tmp_path, DDPMScheduler(), num_class_embeds=4))
    with pytest.raises(ValueError, match="knows no unconditional samples: give every row a label below 4"):
        load_unet(prior, CPU)(normal(2, 32), noise, torch.tensor([3, UNCONDITIONAL]))


def test_weights_in_half_precision(unet: UNetDenoiser) -> None:
    """Samples and estimates stay in single precision; eps has three digits."""
    half = load_unet(DIGITS, CPU, torch.bfloat16)
    noise, x = noise_at(DIGITS.schedule, torch.tensor([50, 300, 600])), normal(3, 64)
    with torch.no_grad():
        found, wanted = half(x, noise), unet(x, noise)
    assert (half.dtype, found.dtype) == (torch.float32, torch.float32)
    assert 0 < ((found - wanted) * (noise.alpha / noise.sigma)[:, None]).abs().max() < 0.1


def test_without_diffusers_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(DiffusersMissing, match=r"'digits' needs diffusers.*pip install 'burnish-server\[posterior\]'"):
        load_unet(DIGITS, CPU)


def test_the_card_of_digits_says_how_good_it_is(unet: UNetDenoiser) -> None:
    shown, held_out = split(pictures(), Options())
    assert len(held_out.x) == 180
    assert len(shown.x) == 1_617
    assert measured(unet.network, held_out) == pytest.approx(DIGITS.card["loss"]["held_out"], abs=1e-3)
    assert DIGITS.card["parameters"] == sum(weight.numel() for weight in unet.network.parameters())


def test_training_is_repeatable_and_learns() -> None:
    shown, held_out = split(pictures(), Options())
    few = Options(steps=2, batch=16)
    first, again, other = (train(shown, o).state_dict() for o in (few, few, replace(few, seed=1)))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)
    more = Options(steps=40, batch=32, warm_up=5)
    assert measured(train(shown, more), held_out, rounds=2) < 0.7
    assert measured(train(shown, few), held_out, rounds=2) > 0.9


def test_samples_look_like_the_digit_that_was_asked_for() -> None:
    """Measured: 96 to 99 % of 300, by a classifier that is right about 95 % of pictures it has not seen."""
    from sklearn.linear_model import LogisticRegression

    every = pictures()
    seen, label = every.x.flatten(1).numpy(), every.label.numpy()
    classifier = LogisticRegression(C=0.3, max_iter=2_000).fit(seen, label)
    asked = torch.arange(300) % 10
    chain = whole_chain(DIGITS.schedule, 30, DIGITS.clip)
    samples = unguided(denoiser_of(DIGITS, CPU), chain, asked, CPU)(300, torch_generator(Key(5)))
    assert (classifier.predict(samples.numpy()) == asked.numpy()).mean() >= 0.92
    assert np.abs(samples.mean(0).numpy() - seen.mean(0)).mean() < 0.05
    assert samples.std().item() == pytest.approx(seen.std(), rel=0.05)


@pytest.mark.slow
def test_samples_without_a_class_are_of_all_classes() -> None:
    from sklearn.linear_model import LogisticRegression

    every = pictures()
    classifier = LogisticRegression(C=0.3, max_iter=2_000).fit(every.x.flatten(1).numpy(), every.label.numpy())
    chain = whole_chain(DIGITS.schedule, 60, DIGITS.clip)
    samples = unguided(denoiser_of(DIGITS, CPU), chain, None, CPU)(600, torch_generator(Key(6)))
    counts = np.bincount(classifier.predict(samples.numpy()), minlength=10)
    # Each class has probability near 1/10: 60 +- 7.
    assert counts.min() >= 25
    assert counts.max() <= 110


@pytest.mark.parametrize(("asked", "bound"), [(None, 1.0), (0.5, 0.5), (3.0, 3.0)])
def test_the_bound_of_a_chain_goes_before_that_of_its_prior(asked: float | None, bound: float) -> None:
    """Above the prior's own too: x0_hat of noise at a high level reaches far beyond 1."""
    example = next(e for e in EXAMPLES if e["prior"].get("name") == "digits" and "observation" in e)
    spec = PosteriorSpec.model_validate({**example, "chain": {"steps": 20, "clip": asked}})
    model = model_of(setting_of(spec, NOTHING), NOTHING, CPU, 128, None)
    with torch.no_grad():
        found = model.denoise(3.0 * normal(1, 64, 64), 0, None)
    assert found.abs().max().item() == bound
