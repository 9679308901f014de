"""Published methods: what they get right is exact, what they get wrong is seen, and biased ones have no interval."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from burnish_workers.core.inputs import NOTHING
from burnish_workers.core.islands import Islands
from burnish_workers.core.keys import Key
from burnish_workers.core.kind import SpecError
from burnish_workers.core.report import report, schedule_of
from burnish_workers.kinds.posterior.baselines.common import Parts
from burnish_workers.kinds.posterior.baselines.dps import DPS
from burnish_workers.kinds.posterior.baselines.fk_steering import FKSteering
from burnish_workers.kinds.posterior.baselines.mcgdiff import MCGDiff, Seen
from burnish_workers.kinds.posterior.chain import ancestral, discrete_levels
from burnish_workers.kinds.posterior.plan import ISLANDS
from burnish_workers.kinds.posterior.references.chain import chain_law
from burnish_workers.kinds.posterior.schedules import alphas_cumprod
from burnish_workers.kinds.posterior.smc import Population
from burnish_workers.kinds.posterior.terms import LinearTerm

from .linear_chains import CPU, LinearChain, islands, shares
from .posteriors import KIND, built, exact, resolved, simulated, spec_of

FAR = 4.5
PROBLEM = LinearChain(0.5)
DDPM = LinearChain(0.5, chain=ancestral(*discrete_levels(alphas_cumprod("linear", 1_000, 1e-4, 0.02), 50)))


def parts(problem: LinearChain = PROBLEM) -> Parts:
    terms = problem.terms("none", naive=True)
    return Parts(problem.chain, problem.start, problem.denoise, terms, torch.float64, CPU)


def run(sampler: Any, count: int, particles: int = 32, seed: int = 3) -> Population:
    return sampler.run([Key(seed, (9, i)) for i in range(count)], particles)


def score(values: np.ndarray, expected: float = 1.0) -> float:
    return float((values.mean() - expected) / (values.std(ddof=1) / len(values) ** 0.5))


def test_urge_is_unbiased_and_varies_more_than_the_twist() -> None:
    """Bare potentials at full strength, whole gradients, multinomial resampling at every step."""
    options = {"tempering": "none", "scheme": "multinomial", "threshold": 1.0, "conjugate": False, "ramp": False}
    urge = islands(PROBLEM.sampler("gradient", naive=True, **options), 150)
    ours = islands(PROBLEM.sampler("gradient", tempering="none"), 60)
    assert abs(score(shares(urge, PROBLEM.log_evidence))) < FAR
    assert urge.log_evidence.std() > 5 * ours.log_evidence.std()


def test_fk_steering_forgets_weights() -> None:
    """The mean of exp(its evidence) is far from the evidence, and its samples from the posterior."""
    people = run(FKSteering(parts()), 200)
    found = shares(people, PROBLEM.log_evidence)
    assert found.mean() > 2
    assert score(found) > FAR
    assert (people.log_weight == 0).all()
    mean = people.x.mean(1).numpy()
    far = [abs(score(mean[:, i], float(value))) for i, value in enumerate(PROBLEM.posterior.mean)]
    assert max(far) > 2 * FAR


def test_dps_is_guided_but_follows_another_law() -> None:
    problem = LinearChain(0.5)
    term = parts(problem).terms[0]
    assert isinstance(term, LinearTerm)
    people = run(DPS(parts(problem), term.residual), 100)
    matrix, y, _ = problem.seen
    left = np.linalg.norm(y - people.x.numpy() @ matrix.T, axis=-1).mean()
    free = np.linalg.norm(y - run(DPS(parts(problem), term.residual, 0.0), 100).x.numpy() @ matrix.T, axis=-1).mean()
    assert left < 0.7 * free
    spread = people.x.reshape(-1, problem.dim).std(0).numpy() / problem.posterior.std
    assert np.abs(spread - 1).max() > 0.1


@pytest.mark.parametrize("level", [30, 44])
def test_the_evidence_of_mcgdiff_is_that_of_the_noised_observation(level: int) -> None:
    """Equal singular values, and noise of just the size of a level of the chain: E Z^ is the density of its state
    there, which is known."""
    chain, rng = DDPM.chain, np.random.default_rng(1)
    matrix = np.linalg.qr(rng.standard_normal((PROBLEM.dim, 2)))[0].T
    sigma = float(chain.sigma[level] / chain.alpha[level])
    y = matrix @ DDPM.numbers["mean"] + sigma * np.array([0.3, -0.8])
    law = chain_law(chain, DDPM.numbers["mean"], DDPM.numbers["covariance"], steps=level)
    alpha = float(chain.alpha[level])
    exact_evidence = law.log_evidence(matrix, alpha * y, np.zeros(2)) + 2 * np.log(alpha)
    seen = Seen.of(matrix, y, np.full(2, sigma**2), chain, torch.zeros(1, dtype=torch.float64))
    assert (seen.level == level).all()
    people = run(MCGDiff(parts(DDPM), seen), 100, particles=256)
    found = shares(people, exact_evidence)
    assert found.std() / len(found) ** 0.5 < 0.06
    assert abs(score(found)) < FAR


def test_mcgdiff_samples_the_posterior_of_what_it_takes_for_the_noise() -> None:
    """Rows of different singular values; a fine chain, whose law is close to the prior."""
    state, answer = simulated(resolved(spec_of(method="mcgdiff", chain={"scheduler": "ddpm", "steps": 200})), 30)
    np.testing.assert_allclose(answer.combined.value, exact().mean, atol=0.35)
    assert isinstance(state[ISLANDS], Islands)


@pytest.mark.parametrize("method", ["fk_steering", "dps", "mcgdiff"])
def test_biased_methods_have_estimates_and_no_interval(method: str) -> None:
    spec = resolved(spec_of(method=method, chain={"steps": 20}, particles=16, outputs=["mean", "std"]))
    _, statistics = built(spec)
    state, answer = simulated(spec, 16)
    assert np.isfinite(answer.combined.value).all()
    assert not answer.bias_known
    assert answer.floor is None
    published = report(spec, schedule_of(spec), statistics, answer, 1)
    assert published.interval is None
    assert published.refused is not None
    assert published.refused.code == "bias_unknown"
    assert state["check"].count == 0


def test_urge_has_an_interval() -> None:
    spec = resolved(spec_of(method="urge", chain={"steps": 20}, particles=64))
    _, answer = simulated(spec, 16)
    assert answer.bias_known
    assert built(spec)[0].sampler.threshold == 1.0  # pyright: ignore


PUBLISHED = ("urge", "fk_steering", "dps", "mcgdiff")


@pytest.mark.parametrize(
    ("more", "pointer", "said"),
    [
        *(({"method": m, "guidance": {"type": "kalman"}}, "/guidance", "as it was published") for m in PUBLISHED),
        *(({"method": m, "potential": {"type": "twist"}}, "/potential", "as it was published") for m in PUBLISHED),
        ({"method": "urge", "resampling": {"threshold": 0.3}}, "/resampling", "as it was published"),
        ({"method": "urge", "chain": {"eta": 0}}, "/chain/eta", "takes noise"),
        ({"method": "fk_steering", "chain": {"eta": 0}}, "/chain/eta", "takes noise"),
        ({"method": "dps", "outputs": ["mean", "log_evidence"]}, "/outputs", "no evidence"),
        ({"method": "dps", "reward": {"expression": "-norm2(x)"}}, "/reward", "observations alone"),
        ({"method": "mcgdiff", "chain": {"start": "marginal"}}, "/chain/start", "normal noise"),
        (
            {
                "method": "mcgdiff",
                "observation": {"operator": {"type": "expression", "expression": "norm2(x)"}, "y": [1.0], "sigma": 1.0},
            },
            "/observation/operator",
            "linear operator",
        ),
        ({"method": "pimh", "outputs": ["mean", "quantiles"]}, "/outputs", "no quantiles"),
        ({"method": "pimh", "outputs": ["mean", "samples"]}, "/outputs", "no samples"),
    ],
)
def test_what_a_method_cannot_do_is_said_at_the_door(more: dict[str, Any], pointer: str, said: str) -> None:
    with pytest.raises(SpecError, match=said) as raised:
        KIND.check(spec_of(**more), NOTHING)
    assert raised.value.pointer == pointer


@pytest.mark.parametrize("method", ["urge", "fk_steering", "dps", "mcgdiff", "pimh", "smc"])
def test_units_are_forward_passes(method: str) -> None:
    spec = resolved(spec_of(method=method, chain={"steps": 10}, particles=8))
    _, statistics = built(spec)
    passes = {"urge": 2.7, "dps": 2.7, "pimh": 6.0}.get(method, 1.0)
    checks = 2 if method in ("urge", "smc") else 0
    assert statistics.units(16) == round((16 * passes + checks) * 80)
