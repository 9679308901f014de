"""What kind `posterior` judges at the door: what is wrong, where, and what to do; and that nothing else comes of it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from burnish.wire import Resolution
from burnish.wire.array import Array
from burnish.wire.specs.posterior import PosteriorSpec
from burnish_workers.core.inputs import NOTHING
from burnish_workers.core.kind import Draft, SpecError
from burnish_workers.engine.reading import read_json, validated
from burnish_workers.engine.refusals import Refusal
from burnish_workers.engine.resolve import Pilot, decide
from burnish_workers.kinds.posterior.kind import KIND
from burnish_workers.kinds.posterior.problem import LinearObservation, setting_of

from .bad_posteriors import CASES, DIGITS, MIXTURE, RESOLUTION, REWARD, changed, digits, mixture, reward, seen

CPU = "Intel(R) Xeon(R) | AVX512 | torch 2.13.0+cpu | threads 1"


def at_the_door(body: dict[str, Any]) -> PosteriorSpec:
    """As the service does it."""
    raw = json.dumps(body).encode()
    spec = validated(PosteriorSpec, raw, read_json(raw))
    KIND.check(spec, NOTHING)
    return spec


def refusal(body: dict[str, Any]) -> list[tuple[str, str]]:
    """Pointers and words, wherever it is refused."""
    try:
        at_the_door(body)
    except SpecError as error:
        return [(error.pointer, str(error))]
    except Refusal as error:
        return [(each.pointer, each.detail) for each in error.problem.errors if error.problem.status == 422]
    return []


@pytest.mark.parametrize(("body", "pointer", "says"), [pytest.param(*case[1:], id=case[0]) for case in CASES])
def test_wrong_specs(body: dict[str, Any], pointer: str, says: str) -> None:
    found = refusal(body)
    assert found, "it was accepted"
    assert found[0][0] == pointer, found
    assert says in found[0][1], found
    assert all(len(words) < 600 for _, words in found)


GOOD = [
    MIXTURE,
    DIGITS,
    REWARD,
    mixture(chain__eta=0.0),
    mixture(chain={"scheduler": "ve_euler", "steps": 2}),
    mixture(observation__sigma=[0.1, 2.0]),
    mixture(observation__y={"array": "x"}) | {"observation": MIXTURE["observation"]},
    mixture(prior__mixture__covariances=[[1.0, 0.5], [0.5, 1.0]]),
    mixture(prior__mixture__variance=[0.5, 2.0]),
    mixture(resolution__tail=8),
    reward(resolution__tail=8),
    digits(prior__label=3, guidance={"type": "classifier_free", "label": 3}),
    digits(chain__eta=0.0, guidance__type="none"),
    seen({"type": "inpaint", "mask": [[[1] * 8] * 4 + [[0] * 8] * 4]}, [[0.0] * 8] * 4),
    seen({"type": "blur", "width": 0.7}, [[0.0] * 8] * 8),
    seen({"type": "blur", "kernel": [[0, 1, 0], [1, 4, 1], [0, 1, 0]]}, [0.0] * 64),
    seen({"type": "downsample", "factor": 2}, [[0.0] * 4] * 4),
    seen({"type": "projection", "rows": 5}, [0.0] * 5),
    seen({"type": "expression", "expression": "x**2"}, [0.0] * 64),
]


@pytest.mark.parametrize("body", [*GOOD, *KIND.examples()])
def test_good_specs(body: dict[str, Any]) -> None:
    spec = at_the_door(body)
    drafted = KIND.draft(spec, CPU, NOTHING)
    assert drafted.outputs > 0
    assert drafted.pilot > 0


def test_rows_that_depend_on_each_other_are_no_mistake() -> None:
    """Every number has noise of its own, so that A A^T + Sigma is never singular."""
    at_the_door(seen({"type": "matrix", "matrix": [[1.0] * 64, [1.0] * 64, [2.0] * 64]}, [0.1, 0.2, 0.3]))


def test_packed_numbers_are_the_numbers() -> None:
    matrix = np.arange(4.0).reshape(2, 2) + 1
    packed = Array.pack([2, 2], matrix.ravel().tolist()).model_dump()
    spec = at_the_door(mixture(observation__operator={"type": "matrix", "matrix": packed}))
    found = setting_of(spec, NOTHING).observation
    assert isinstance(found, LinearObservation)
    np.testing.assert_array_equal(found.matrix, matrix)


def blurred(picture: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """A convolution with zero padding, by its definition."""
    up, left = kernel.shape[0] // 2, kernel.shape[1] // 2
    padded = np.pad(picture, ((up, up), (left, left)))
    rows, columns = picture.shape
    shifts = [(i, j) for i in range(kernel.shape[0]) for j in range(kernel.shape[1])]
    return sum((kernel[i, j] * padded[i : i + rows, j : j + columns] for i, j in shifts), np.zeros_like(picture))


@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (5, 1), (1, 7), (15, 15)])
def test_a_blur_is_a_convolution(shape: tuple[int, int]) -> None:
    random = np.random.default_rng(4)
    kernel, picture = random.standard_normal(shape), random.standard_normal((8, 8))
    spec = at_the_door(seen({"type": "blur", "kernel": kernel.tolist()}, [0.0] * 64))
    found = setting_of(spec, NOTHING).observation
    assert isinstance(found, LinearObservation)
    np.testing.assert_allclose(found.matrix @ picture.ravel(), blurred(picture, kernel).ravel(), atol=1e-12)


def test_nothing_large_is_made_at_the_door(monkeypatch: pytest.MonkeyPatch) -> None:
    """A short request may name an operator of a hundred megabytes: only a worker makes its matrix."""
    monkeypatch.setattr(np, "eye", lambda *given, **more: pytest.fail("a matrix was made"))
    flat = mixture(
        prior={"mixture": {"means": [[0.0] * 2_048]}},
        observation={"operator": {"type": "identity"}, "y": [0.0] * 2_048, "sigma": 1.0},
        chain={"steps": 20},
    )
    assert KIND.draft(at_the_door(flat), CPU, NOTHING).outputs == 2 * 2_048 + 1


# Whatever is sent

NASTY = st.one_of(
    st.sampled_from(
        [
            None,
            True,
            "",
            "x",
            "digits",
            [],
            {},
            [[]],
            [[1.0], [2.0, 3.0]],
            [[[[1.0]]]],
            0,
            -1,
            1,
            2,
            3,
            64,
            10**9,
            10**30,
        ]
    ),
    st.sampled_from([0.0, -0.0, 1e-300, 1e300, 1e-7, 0.5, -1.5, 1e12, float("nan"), float("inf")]),
    st.lists(st.floats(-1e3, 1e3), max_size=6),
    st.lists(st.lists(st.floats(-5, 5), min_size=2, max_size=2), min_size=1, max_size=4),
    st.sampled_from(["ddpm", "ddim", "vp", "ve", "ve_euler", "edm", "flow", "none", "linear", "adaptive", "auto"]),
    st.sampled_from(["kalman", "gradient", "ensemble", "classifier_free", "twist", "naive", "smc", "pimh", "x[0]"]),
    st.sampled_from(
        [{"type": kind} for kind in ("identity", "blur", "downsample", "inpaint")]
        + [{"type": "blur", "width": 1e-3}, {"type": "blur", "width": 100.0}, {"type": "blur", "kernel": [[0.0]]}]
        + [
            {"type": "projection", "rows": 2},
            {"type": "downsample", "factor": 2},
            {"type": "matrix", "matrix": [[0.0, 1e9]]},
        ]
        + [{"type": "expression", "expression": text} for text in ("x", "x**x", "1/x[0]", "sum(x)/0", "exp(exp(x))")]
    ),
)
SUPPRESSED = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
PATHS = [
    "prior", "prior.name", "prior.label", "prior.mixture", "prior.mixture.means", "prior.mixture.weights",
    "prior.mixture.variance", "prior.mixture.covariances", "observation", "observation.operator", "observation.y",
    "observation.sigma", "observation.operator.mask", "observation.operator.matrix", "reward", "reward.expression",
    "reward.temperature", "chain", "chain.scheduler", "chain.steps", "chain.eta", "chain.sigma_min", "chain.sigma_max",
    "chain.clip", "chain.start", "method", "particles", "guidance", "guidance.type", "guidance.strength",
    "guidance.label", "potential.type", "potential.tempering", "potential.inflation", "resampling.scheme",
    "resampling.threshold", "outputs", "quantiles", "budget", "level", "seed", "interval", "resolution",
    "resolution.estimator", "resolution.block", "resolution.plan", "resolution.plan.particles",
    "dynamics", "dynamics.name", "dynamics.noise", "dynamics.substeps", "initial", "initial.mean", "initial.covariance",
    "observe", "observe.noise", "observe.indices", "observe.matrix", "observe.expression", "observations", "expected",
    "filter", "filter.method", "filter.particles", "filter.islands", "filter.localisation", "filter.precision",
    "resolution.plan.guidance", "resolution.plan.strength", "resolution.plan.kept", "resolution.plan.tempering",
]  # fmt: skip


@settings(max_examples=250, deadline=None, derandomize=True, suppress_health_check=SUPPRESSED)
@given(
    base=st.sampled_from([MIXTURE, DIGITS, REWARD, *KIND.examples()]),
    changes=st.dictionaries(st.sampled_from(PATHS), NASTY, min_size=1, max_size=3),
)
def test_whatever_is_sent_is_refused_or_drafted(base: dict[str, Any], changes: dict[str, Any]) -> None:
    try:
        body = changed(base, changes)
    except (TypeError, AttributeError):  # a change within what another change made a number
        return
    try:
        spec = at_the_door(body)
    except (SpecError, Refusal):
        return
    drafted = KIND.draft(spec, CPU, NOTHING)
    resolved = spec.model_copy(update={"resolution": Resolution.model_validate(RESOLUTION | {"plan": drafted.plan})})
    if spec.dynamics is None:
        assert KIND.statistics(resolved, NOTHING).units(2) > 0


# Whatever the service resolves by itself, it takes back

BUDGETS: list[dict[str, Any]] = [
    {"seconds": 0.01},
    {"seconds": 604_800.0},
    {"units": 1},
    {"units": 10**12},
    {"abs_tol": 1e-12},
    {"rel_tol": 0.5, "worker_seconds": 100.0},
]
ASKED: list[dict[str, Any]] = [
    {},
    {"outputs": ["quantiles", "samples"]},
    {"particles": 17},
    {"potential": {"tempering": "adaptive"}},
    {"chain": {"eta": 0.0}},
    {"guidance": {"type": "gradient", "strength": 0.5}},
]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    example=st.sampled_from([example for example in KIND.examples() if "prior" in example]),
    asked=st.sampled_from(ASKED),
    budget=st.sampled_from(BUDGETS),
    numeric_class=st.sampled_from([CPU, "NVIDIA H200 | cuda 13 | torch 2.13.0"]),
    seconds=st.floats(1e-3, 100),
    needed=st.floats(1, 1e15),
    workers=st.sampled_from([1, 4096]),
    rival=st.booleans(),
)
def test_what_is_resolved_can_be_posted(
    example: dict[str, Any],
    asked: dict[str, Any],
    budget: dict[str, Any],
    numeric_class: str,
    seconds: float,
    needed: float,
    workers: int,
    rival: bool,
) -> None:
    spec = PosteriorSpec.model_validate({**example, **asked, "budget": budget})
    draft: Draft = KIND.draft(spec, numeric_class, NOTHING)
    draft = draft.rivals[-1] if rival and draft.rivals else draft
    # Pilots have few particles; afterwards the plan has those that the spec asks for.
    draft = replace(draft, plan=draft.plan | ({"particles": spec.particles} if spec.particles else {}))
    pilot = Pilot(seconds, needed if spec.budget.has_tolerance else None, lambda n: 64 * n)
    resolution = decide(spec, draft, pilot, numeric_class, workers)
    replay = PosteriorSpec.model_validate_json(spec.model_copy(update={"resolution": resolution}).model_dump_json())
    KIND.check(replay, NOTHING)
    assert KIND.statistics(replay, NOTHING).units(resolution.first_block) > 0
