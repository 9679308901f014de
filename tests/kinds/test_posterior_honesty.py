"""When no honest interval exists, kind `posterior` says so; what is not a number is counted, and names itself."""

from __future__ import annotations

import numpy as np
import pytest

from burnish_workers.core.islands import Islands, append
from burnish_workers.core.kind import SpecError
from burnish_workers.core.report import report, schedule_of
from burnish_workers.kinds.posterior.agreement import disagreement

from ..laws.simulated import House
from .posteriors import built, resolved, simulated, spec_of

NAIVE = {
    "guidance": {"type": "gradient"},
    "potential": {"type": "naive"},
    "chain": {"scheduler": "vp", "steps": 50},
    "outputs": ["mean", "std", "log_evidence"],
}
REWARDED = {"observation": None, "outputs": ["mean", "log_evidence"]}


def _impossible(seed: int, sigma: float, **more: object) -> bool:
    """Whether a look at 16 islands of 32 particles has no interval."""
    rng = np.random.default_rng(seed)
    matrix = rng.standard_normal((2, 8)) / np.sqrt(8)
    mixture = {"means": rng.standard_normal((1, 8)).tolist(), "variance": 0.8}
    y = (matrix @ (np.array(mixture["means"][0]) + np.sqrt(0.8) * rng.standard_normal(8))).tolist()
    seen = {"operator": {"type": "matrix", "matrix": matrix.tolist()}, "y": y, "sigma": sigma}
    spec = spec_of(prior={"mixture": mixture}, observation=seen, particles=32, **{**NAIVE, **more})
    spec = resolved(spec)
    _, statistics = built(spec)
    _, answer = simulated(spec, 16, seed=seed)
    found = report(spec, schedule_of(spec), statistics, answer, 1)
    return found.interval is None and found.refused is not None


@pytest.mark.slow
def test_an_observation_made_impossible_is_flagged() -> None:
    """sigma = 0.01 with the naive potential: particles die out long before the noise has gone."""
    assert sum(_impossible(seed, 0.01) for seed in range(60)) >= 57


@pytest.mark.slow
def test_the_same_observation_is_not_flagged_where_twist_and_guidance_fit() -> None:
    fitting = {"guidance": {"type": "kalman"}, "potential": {"type": "twist"}}
    assert sum(_impossible(seed, 0.1, **fitting) for seed in range(40)) <= 4


def test_particles_whose_reward_is_no_number_have_weight_zero_and_are_counted() -> None:
    """log x_0 tilts the prior by x_0 where that is positive: the mean of x_0 is E[x^2; x > 0]/E[x; x > 0]."""
    prior = {"mixture": {"means": [[0.5]], "variance": 1.0}}
    spec = resolved(spec_of(prior=prior, reward={"expression": "log(x[0])"}, particles=256, **REWARDED))
    _, answer = simulated(spec, *[32] * 4)
    x = 0.5 + np.random.default_rng(0).standard_normal(4_000_000)
    kept = x[x > 0]
    exact = [(kept**2).mean() / kept.mean(), np.log((x * (x > 0)).mean())]
    assert answer.diagnostics["dead_particles"] > 1_000
    # The chain of K = 60 steps is the prior, and differs from the mixture by a per cent or so.
    error = np.abs(answer.combined.value - exact)
    assert (error < 5 * answer.combined.standard_error + 0.03).all()


async def test_a_reward_that_is_no_number_anywhere_fails_the_job_with_the_reason() -> None:
    from burnish_workers.engine.fleet import InlineFleet

    house = House(InlineFleet(1))
    body = spec_of(**REWARDED, reward={"expression": "log(-1 - norm2(x))"}).model_dump(mode="json")
    async with house.runner():
        ended = await house.ended(await house.post(body))
    assert ended.status == "failed"
    assert ended.error is not None
    assert "is not a number" in ended.error.detail
    assert "1,024 particles" in ended.error.detail


def test_no_particle_alive_is_an_error_of_the_spec() -> None:
    spec = resolved(spec_of(reward={"expression": "log(-1 - norm2(x))"}, **REWARDED))
    state, answer = simulated(spec, 4)
    _, statistics = built(spec)
    with pytest.raises(SpecError, match="have weight 0"):
        statistics.tuned(state)
    assert np.isnan(answer.combined.value).all()


def _evidences(values: list[float]) -> Islands:
    return Islands.of(np.array(values), np.zeros((len(values), 0)))


def test_proposals_that_disagree() -> None:
    rng = np.random.default_rng(2)
    many, few = rng.normal(0, 0.2, 64), rng.normal(0, 0.2, 8)
    same = disagreement(_evidences(list(many)), _evidences(list(few)))
    apart = disagreement(_evidences(list(many)), _evidences(list(few + 0.7)))
    assert same is not None
    assert same < 3
    assert apart is not None
    assert apart > 3


def test_a_check_that_varies_too_much_says_nothing_unless_it_finds_a_thousand_times_as_much() -> None:
    rng = np.random.default_rng(3)
    many, wild = rng.normal(0, 0.2, 64), rng.normal(-6, 3, 8)
    assert disagreement(_evidences(list(many)), _evidences(list(wild))) is None
    found = disagreement(_evidences(list(many)), append(_evidences(list(wild)), _evidences([12.0])))
    assert found is not None
    assert found > 3


def test_few_islands_say_nothing_of_each_other() -> None:
    assert disagreement(_evidences([0.0] * 64), _evidences([1.0] * 7)) is None
    assert disagreement(_evidences([]), _evidences([])) is None


def test_two_proposals_find_one_evidence_in_false_alarms_of_few_runs() -> None:
    """Alarms at 3 standard errors of islands with lognormal evidence, sd 0.3: about 0.3 %."""
    rng = np.random.default_rng(4)
    alarms = 0
    for _ in range(2_000):
        both = rng.normal(-0.045, 0.3, (2, 64))
        found = disagreement(_evidences(list(both[0])), _evidences(list(both[1][:12])))
        alarms += found is not None and found > 3
    assert alarms <= 30
