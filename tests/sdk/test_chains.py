"""Islands and chains in the terms of ArviZ: its own functions read them, and what they say is right."""

from __future__ import annotations

from collections.abc import Iterator

import arviz_stats
import numpy as np
import pytest

from burnish import Burnish, wire
from burnish.chains import tree
from burnish.record import Record

TREE = {
    "type": "tree",
    "value": 0.3,
    "steps": [
        {"step": "left", "value": 0.2, "answer": "12"},
        {"step": "right", "chance": 2, "value": 0.1, "answer": "112"},
    ],
}
MIXTURE = {
    "prior": {"mixture": {"means": [[-2, 0], [2, 0]]}},
    "observation": {"operator": {"type": "matrix", "matrix": [[0.6, 0.8]]}, "y": [1.0], "sigma": 0.3},
    "budget": {"units": 20_000},
    "seed": 7,
}


@pytest.fixture(scope="module")
def client() -> Iterator[Burnish]:
    with Burnish.local(workers=2) as client:
        yield client


def record(make, kind: str) -> Record:
    names = [{"name": "samples-4.safetensors", "href": "/", "bytes": 9, "sha256": "0", "media_type": "x"}]
    last = make.refinement(2, (0.5, 0.5), diagnostics={"answers": ["12", "other"]}, artifacts=names)
    return Record(wire.Job.model_validate(make.job("completed", kind=kind, last_refinement=last)))


def test_chains_are_chains_and_blocks_are_draws(client: Burnish) -> None:
    job = client.reasoning(problem=TREE, budget={"tokens": 8_000}, chains=4, seed=7).wait()
    found = job.to_arviz()
    shares, steps = found["posterior"]["share"], found["sample_stats"]["steps"]
    assert shares.dims == ("chain", "draw", "answer")
    assert shares.sizes["chain"] == 4
    assert job.reasoned is not None
    np.testing.assert_allclose(shares.sum("answer"), 1.0, atol=1e-6)
    assert (steps > 0).all()
    # Steps weigh the same: what all of them visited is the estimate, but for blocks that not every chain has yet.
    means = (shares * steps).sum(("chain", "draw")) / steps.sum()
    for name in ("12", "112"):
        assert float(means.sel(answer=name)) == pytest.approx(job.reasoned.answers[name].value, abs=0.03)


@pytest.mark.parametrize(("apart", "low", "high"), [(0.0, 0.9, 1.1), (0.6, 1.5, 99.0)])
def test_what_arviz_says_of_chains_is_about_these(make, apart: float, low: float, high: float) -> None:
    draws = np.random.default_rng(1).uniform(0.0, 0.3, (2, 200))
    draws[1] += apart
    shares = draws.T.reshape(-1, 1)  # blocks of the two chains in turn
    files = {"share": np.hstack([shares, 1 - shares]), "steps": np.full(400, 16), "chain": np.tile([0, 1], 200)}
    found = tree(record(make, "reasoning"), files)
    assert low < float(arviz_stats.rhat(found)["share"].sel(answer="12")) < high
    np.testing.assert_array_equal(found["posterior"]["share"].sel(answer="12"), draws)


def test_islands_that_weigh_differently_are_told_apart(client: Burnish) -> None:
    job = client.posterior(outputs=["mean", "samples"], **MIXTURE).wait()
    found, files = job.to_arviz(), job.load("samples")
    together, inside = found["posterior"]["x"], found["islands"]["x"]
    assert together.sizes["chain"] == 1
    assert inside.sizes["chain"] == len(np.unique(files["island"]))
    assert np.exp(found["constant_data"]["log_weight"]).sum() == pytest.approx(1.0)
    weights = np.exp(files["log_weight"] - files["log_weight"].max())
    mean = (weights[:, None] * files["x"]).sum(0) / weights.sum()
    np.testing.assert_allclose(together.mean(("chain", "draw")), mean, atol=0.05)
    np.testing.assert_allclose(job.to_numpy("mean").value, mean, atol=0.1)
    assert np.isfinite(arviz_stats.rhat(found, group="islands")["x"]).all()


def test_islands_of_equal_weight_are_the_chains(make) -> None:
    files = {"x": np.arange(12.0).reshape(6, 2), "log_weight": np.full(6, -1.5), "island": np.repeat([0, 3], 3)}
    found = tree(record(make, "posterior"), files)
    assert found["posterior"]["x"].shape == (2, 3, 2)
    assert found["posterior"]["chain"].to_numpy().tolist() == [0, 3]
    assert "islands" not in found.children
    assert found.attrs["kind"] == "posterior"


def test_an_island_without_weight_has_none_of_the_draws(make) -> None:
    weights = np.array([-np.inf, -np.inf, 0.0, 0.0])
    files = {"x": np.arange(4.0)[:, None], "log_weight": weights, "island": np.repeat([0, 1], 2)}
    found = tree(record(make, "posterior"), files)
    assert set(found["posterior"]["x"].to_numpy().ravel()) == {2.0, 3.0}
    assert found["constant_data"]["log_weight"].to_numpy().tolist() == [-np.inf, 0.0]


def test_jobs_without_draws_say_what_to_do(client: Burnish) -> None:
    job = client.posterior(outputs=["mean"], **{**MIXTURE, "budget": {"units": 2_000}}).wait()
    with pytest.raises(LookupError, match=r'ask for them with outputs=\["mean", "samples"\]'):
        job.to_arviz()
    job = client.surrogate(problem="hjb-log", dim=4, points=[0.1], budget={"units": 2_000}, seed=1)
    with pytest.raises(LookupError, match="its replicates are independent"):
        job.wait().to_arviz()
