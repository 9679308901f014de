"""Islands together: bits, windows, evidence, coverage; mutants that must be seen."""

from __future__ import annotations

import io
import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from scipy.stats import t

from burnish.wire.specs.assimilation import Assimilation
from burnish_workers.core.inputs import NOTHING
from burnish_workers.core.keys import block_key, lane_key
from burnish_workers.core.report import _judge
from burnish_workers.core.sketches import LEVELS
from burnish_workers.core.tracks import MEMORY, SPREAD, Round, Track, chosen_window, halved_window, predictive
from burnish_workers.kinds.posterior.assimilation.answers import answers_of
from burnish_workers.kinds.posterior.assimilation.requirements import checked
from burnish_workers.kinds.posterior.assimilation.simulator import build
from burnish_workers.kinds.posterior.assimilation.statistics import TRACK, statistics_of
from tests.kinds.assimilations import LINE, PLANE, TWICE_SEEN, Array, answers

METHODS: dict[str, dict[str, Any]] = {
    "bootstrap": {"method": "bootstrap", "jitter": 0.3},
    "guided": {"method": "guided"},
    "enkf": {"method": "enkf", "inflation": 1.05},
    "etkf": {"method": "etkf"},
    "surge": {"method": "surge", "dynamics": {"diffusion": {"levels": 6, "sigma_max": 5.0, "sigma_min": 0.05}}},
}


def stored(arrays: Mapping[str, Any]) -> Mapping[str, Any]:
    """As it comes back from a store: other memory, that may not be written to."""
    file = io.BytesIO()
    np.savez(file, **arrays)
    found = {name: values.copy() for name, values in np.load(io.BytesIO(file.getvalue())).items()}
    for values in found.values():
        values.flags.writeable = False
    return found


def run(spec: Assimilation, seen: Array, order: random.Random) -> list[Any]:
    """All blocks in any order that lanes allow, by workers that know of no others; folded in index order."""
    lanes, rounds = spec.filter.islands, len(seen)
    told: dict[int, Mapping[str, Any]] = {}
    carries: dict[int, Mapping[str, Any]] = {}
    steps = [0] * lanes
    while len(told) < lanes * rounds:
        lane = order.choice([i for i in range(lanes) if steps[i] < rounds])
        simulator, step = build(spec), steps[lane]
        carry = carries[lane] if step else simulator.init(lane_key(9, lane))
        decision = {"observation": seen[step], "number": np.array(step)}
        index = step * lanes + lane
        carry, stats = simulator.advance(stored(carry), block_key(9, lane, index), step, 1, decision)
        carries[lane], told[index], steps[lane] = carry, stored(stats), step + 1
    statistics = statistics_of(spec, checked(spec, NOTHING))
    state, found = statistics.empty(), []
    for index in range(lanes * rounds):
        state = statistics.fold({TRACK: Track.from_arrays(stored(state[TRACK].to_arrays()))}, told[index])
        answer = statistics.answer(state)
        found.append((answer.combined.value.tobytes(), answer.combined.standard_error.tobytes(), answer.bias.tobytes()))
    return found


@pytest.mark.parametrize("name", METHODS)
def test_answers_do_not_depend_on_the_order_in_which_lanes_ran(name: str):
    outputs = ["mean", "quantiles", "log_likelihood", "log_evidence"]
    spec = TWICE_SEEN.spec(outputs, particles=40, islands=3, **METHODS[name])
    seen = TWICE_SEEN.observations(4)
    seen[1], seen[2, 0] = np.nan, np.nan
    assert run(spec, seen, random.Random(1)) == run(spec, seen, random.Random(2))


def test_an_observation_is_answered_when_all_islands_have_assimilated_it():
    spec = PLANE.spec(particles=20, islands=3)
    statistics, simulator = statistics_of(spec, checked(spec, NOTHING)), build(spec)
    state = statistics.empty()
    assert np.isnan(statistics.answer(state).combined.value).all()
    for lane in range(3):
        assert statistics.answer(state).diagnostics["observations"] == 0
        decision = {"observation": np.array([0.3])}
        carry = simulator.init(lane_key(1, lane))
        state = statistics.fold(state, simulator.advance(carry, block_key(1, lane, lane), 0, 1, decision)[1])
    answer = statistics.answer(state)
    assert answer.diagnostics["observations"] == 1
    assert answer.combined.replicates.tolist() == [3] * 6


def rounds_of(log_increments: Array) -> Track:
    """A track of islands that said these (K, L)."""
    islands = log_increments.shape[1]
    track, one = Track.empty(islands, 1, 0), np.ones(1)
    for k, row in enumerate(log_increments):
        for lane, value in enumerate(row):
            wide, sketch = np.full((1, 1), float(k)), np.empty((1, 0, LEVELS))
            track = track.fold(Round(one * lane, one * value, wide, wide, sketch, one, one))
    return track


def test_while_the_window_is_all_of_time_evidence_is_the_mean_of_the_islands():
    increments = np.random.default_rng(0).normal(-1, 0.05, (20, 8))
    track = rounds_of(increments)
    totals = increments.sum(axis=0)
    assert int(track.window[0]) == 20
    assert track.evidence[0] == pytest.approx(np.log(np.exp(totals).mean()))
    for b in range(8):
        assert track.evidence[1 + b] == pytest.approx(np.log(np.exp(np.delete(totals, b)).mean()))
    assert track.cut[1] == pytest.approx(track.evidence[0])


def test_windows_are_cut_where_weights_would_collapse():
    rng = np.random.default_rng(0)
    track = rounds_of(rng.normal(-1, 0.2, (MEMORY + 50, 16)))
    window = int(track.window[0])
    sums = np.cumsum(track.increments[::-1], axis=0).std(axis=1, ddof=1)
    assert 2 <= window < MEMORY
    assert sums[window - 1] <= SPREAD
    assert (sums[window:] > SPREAD).all()
    assert chosen_window(rng.normal(0, 50, (MEMORY, 16)), 100) == 2
    assert chosen_window(np.zeros((MEMORY, 16)), 1) == 1
    assert [halved_window(*pair) for pair in ((7, 7), (7, 9), (2, 9), (1, 9))] == [7, 3, 1, 1]


def test_a_dead_island_counts_as_one_without_evidence():
    """Dropping it would overstate the evidence by L/(L - 1)."""
    found = predictive(np.zeros(4), np.array([0.0, 0.0, -np.inf, 0.0]))
    assert found[0] == pytest.approx(np.log(3 / 4))
    assert found[3] == pytest.approx(0.0)
    assert predictive(np.zeros(4), np.full(4, -np.inf)).tolist() == [-np.inf] * 5
    assert predictive(np.array([0.0, -np.inf]), np.array([1.0, 5.0]))[0] == pytest.approx(1.0)


def present(means: Array, variances: Array, log_increment: Array) -> Track:
    """A track after one observation, of islands with these (L, d)."""
    track = Track.empty(len(means), means.shape[1], 0)
    for lane in range(len(means)):
        alone, sketch = np.ones(1), np.empty((1, 0, LEVELS))
        row = slice(lane, lane + 1)
        track = track.fold(Round(alone * lane, log_increment[row], means[row], variances[row], sketch, alone, alone))
    return track


def test_mixtures_of_islands_far_from_zero_keep_their_digits():
    rng = np.random.default_rng(1)
    shift, log_increment = rng.normal(size=(5, 1)), rng.normal(size=5)
    near = answers_of(present(shift, np.full((5, 1), 0.25), log_increment), ["mean", "std"], [])
    far = answers_of(present(shift + 1e8, np.full((5, 1), 0.25), log_increment), ["mean", "std"], [])
    assert far.replicates[:, 0] - 1e8 == pytest.approx(near.replicates[:, 0], abs=1e-6)
    assert far.replicates[:, 1] == pytest.approx(near.replicates[:, 1], rel=1e-6)
    w = np.exp(log_increment) / np.exp(log_increment).sum()
    # Pseudo-values of a ratio: L f - (L - 1) f_-b, written out for the first island.
    left = w[1:] @ shift[1:, 0] / w[1:].sum()
    assert near.replicates[0, 0] == pytest.approx(5 * (w @ shift[:, 0]) - 4 * left)


def errors_of(runs: int, outputs: list[str], count: int, particles: int, **options: Any) -> tuple[Array, Array]:
    """What answers are off by, and the half-widths of their 95 % intervals: (runs, times, outputs)."""
    errors, widths = [], []
    spec = LINE.spec(outputs, particles=particles, islands=16, **options)
    for seed in range(runs):
        seen = LINE.observations(count, seed=1_000 + seed)
        means, covariances, gains = LINE.kalman(seen)
        exact = {"mean": means[:, 0], "std": covariances[:, 0, 0] ** 0.5, "log_likelihood": gains}
        exact["log_evidence"] = gains.cumsum()
        truth = np.stack([exact[name] for name in outputs], axis=1)
        found = answers(spec, seen, seed)
        errors.append([answer.combined.value for answer in found] - truth)
        factors = [t.ppf(0.975, answer.combined.dof) for answer in found]
        pairs = zip(factors, found, strict=True)
        widths.append([factor * answer.combined.standard_error + answer.bias for factor, answer in pairs])
    return np.array(errors), np.array(widths)


@pytest.mark.slow
@pytest.mark.parametrize("particles", [50, 200])
def test_intervals_of_sixteen_islands_cover(particles: int):
    """Blind particles, 200 runs of 15 observations: shares of 200 independent rows of 15 that hang together."""
    outputs = ["mean", "std", "log_likelihood", "log_evidence"]
    errors, widths = errors_of(200, outputs, 15, particles, method="bootstrap")
    share = (np.abs(errors) <= widths).mean(axis=(0, 1))
    assert ((share >= 0.92) & (share <= 0.99)).all(), share


@pytest.mark.slow
def test_windows_beat_plain_averages(monkeypatch: pytest.MonkeyPatch):
    """Few blind particles: islands that agree with the observation deserve more weight than those that missed it."""
    honest, _ = errors_of(80, ["mean", "std"], 12, 32, method="bootstrap")
    monkeypatch.setattr(Track, "weights", lambda self, window: np.zeros(self.islands))
    plain, _ = errors_of(80, ["mean", "std"], 12, 32, method="bootstrap")
    ratio = np.sqrt((honest**2).mean(axis=(0, 1)) / (plain**2).mean(axis=(0, 1)))
    assert ratio[0] < 0.6, ratio
    assert ratio[1] < 1, ratio


def test_an_observation_that_one_island_alone_foresaw_is_refused():
    """Blind particles and an observation far out: what is said hangs on the luckiest island."""
    spec = LINE.spec(particles=30, islands=16, method="bootstrap", observe={"noise": 0.0001})
    answer = answers(spec, np.array([[0.5], [9.0]]))[-1]
    assert answer.refusal is not None
    assert answer.refusal.code == "weight_collapse"
    assert answer.refusal.statistics["effective_islands"] < 4
    assert "between islands" in answer.refusal.why
    calm = answers(LINE.spec(particles=300, islands=16), np.array([[0.5], [0.7]]))[-1]
    assert calm.refusal is None


def test_outputs_are_named_with_their_shapes():
    spec = TWICE_SEEN.spec(["quantiles", "mean", "log_evidence"], particles=30, islands=3)
    layout = {part.name: part for part in answers(spec, TWICE_SEEN.observations(1))[-1].layout}
    assert layout["quantiles"].shape == [3, 2]
    assert (layout["mean"].start, layout["mean"].stop) == (6, 8)
    assert (layout["log_evidence"].start, layout["log_evidence"].shape) == (8, [])


def test_what_was_not_seen_is_as_likely_as_it_is_without_any_doubt():
    """log p(nothing) = 0 for all islands: no accident of few of them, so that no guard may refuse it."""
    spec = LINE.spec(particles=100, islands=16)
    seen, unseen = answers(spec, np.array([[0.5], [np.nan]]))
    assert seen.exact is not None
    assert unseen.exact is not None
    assert not seen.exact.any()
    assert unseen.exact.tolist() == [False, False, True, False]
    assert unseen.combined.value[2] == unseen.combined.standard_error[2] == 0
    certified, refusal = _judge(unseen, "islands")
    assert certified[2]
    assert refusal is None
