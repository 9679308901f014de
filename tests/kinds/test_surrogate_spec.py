"""What is judged at the door: equations, points and surrogates that make no sense, and what is said about them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from burnish.wire.array import Array
from burnish.wire.specs.surrogate import SurrogateSpec
from burnish_workers.core.inputs import NOTHING
from burnish_workers.core.kind import SpecError
from burnish_workers.kinds.surrogate.kind import check, draft
from burnish_workers.kinds.surrogate.plan import REMAINDER, STEP, components, default_plan
from burnish_workers.kinds.surrogate.problem import points_of, problem_of

from .surrogates import KIND, ZERO, spec_of

PLAIN: dict[str, Any] = {"dim": 3, "horizon": 1.0, "diffusion": "1", "terminal": "sum(x)"}


def spec(*, surrogate: Any = None, points: Any = None, how: Any = None, **equation: Any) -> SurrogateSpec:
    """`how`: further fields of the spec, `equation`: fields of its equation."""
    problem = equation.pop("problem", {**PLAIN, **equation})
    body = {"kind": "surrogate", "problem": problem, "surrogate": surrogate or ZERO, "budget": {"units": 10}}
    return SurrogateSpec.model_validate({**body, "points": points or [{"t": 0.0, "x": 0.0}], **(how or {})})


def refused(pointer: str, *words: str, **given: Any) -> None:
    with pytest.raises(SpecError) as caught:
        check(spec(**given), NOTHING)
    assert caught.value.pointer == pointer
    for word in words:
        assert word in str(caught.value), str(caught.value)


def test_examples_pass() -> None:
    for example in KIND.examples():
        check(SurrogateSpec.model_validate(example), NOTHING)


def test_unknown_names_come_with_a_near_match() -> None:
    refused("/problem/name", "did you mean 'hjb-log'", "viscous-burgers", problem={"name": "hjb-lgo"})
    refused(
        "/surrogate/name",
        "did you mean 'viscous-burgers-pinn-d20'",
        problem={"name": "viscous-burgers"},
        surrogate={"name": "viscous-burgers-pin-d20"},
    )


@pytest.mark.parametrize(
    ("field", "text", "word"),
    [
        ("drift", "-0.1*y", "y"),
        ("diffusion", "sum(u)", "u"),
        ("nonlinearity", "u + zz", "z"),
        ("nonlinearity", "z", "scalar"),
        ("nonlinearity", "import os", ""),
        ("terminal", "t + sum(x)", "t"),
        ("terminal", "x", "sum, mean or norm2"),
        ("terminal", "x[3]", "3"),
    ],
)
def test_expressions_are_judged_where_they_stand(field: str, text: str, word: str) -> None:
    refused(f"/problem/{field}", word, **{field: text})


def test_surrogates_are_scalar_functions_of_t_and_x() -> None:
    refused("/surrogate/expression", "scalar", surrogate={"expression": "x*t"})
    refused("/surrogate/expression", "u", surrogate={"expression": "u + t"})
    wrong = {"name": "viscous-burgers-pinn-d20"}
    refused("/surrogate/name", "dim = 20", "dim = 4", problem={"name": "viscous-burgers", "dim": 4}, surrogate=wrong)


@pytest.mark.parametrize(
    ("matrix", "word"),
    [
        ([[1.0, 0.0], [0.0, 1.0]], "2 rows"),
        ([[1.0], [1.0, 2.0], [0.0]], "[1, 2]"),
        ([[1.0] * 4] * 3, "[4]"),
        ([[], [], []], "[0]"),
    ],
)
def test_diffusion_matrices_have_a_shape(matrix: list[list[float]], word: str) -> None:
    refused("/problem/diffusion", word, diffusion=matrix)


def test_points_lie_in_the_domain() -> None:
    refused("/points/1/t", "outside [0, T)", points=[{"t": 0.9, "x": 0.0}, {"t": 1.0, "x": 0.0}])
    refused("/points/0/t", "the answer is g(x)", points=[{"t": 2.0, "x": 0.0}])
    refused("/points/0/t", "-0.1", points=[{"t": -0.1, "x": 0.0}])
    refused("/points/0/x", "2 coordinates", "dim = 3", points=[{"t": 0.0, "x": [1.0, 2.0]}])
    refused("/points/1/x", "1e12", points=[{"t": 0.0, "x": 0.0}, {"t": 0.0, "x": [0.0, -2e12, 0.0]}])


def test_a_time_that_single_precision_cannot_tell_from_the_horizon() -> None:
    """Paths are computed in single precision, where 0.99999999 is 1: the path would have no length."""
    refused("/points/0/t", "single precision", points=[{"t": 0.99999999, "x": 0.0}])
    check(spec(points=[{"t": 0.999999, "x": 0.0}]), NOTHING)


def arrays(t: Any, x: Any) -> dict[str, Any]:
    packed = {}
    for name, values in (("t", np.asarray(t)), ("x", np.asarray(x))):
        packed[name] = Array.pack(list(values.shape), values.ravel().tolist()).model_dump()
    return packed


def test_points_as_arrays_are_the_points_as_a_list() -> None:
    t, x = np.array([0.1, 0.5]), np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.5]])
    listed = [{"t": float(s), "x": place.tolist()} for s, place in zip(t, x, strict=True)]
    for given in (arrays(t, x), listed):
        points = points_of(spec(points=given), 3, 1.0, NOTHING)
        np.testing.assert_array_equal(points.t, t)
        np.testing.assert_array_equal(points.x, x)


@pytest.mark.parametrize(
    ("t", "x"), [([0.1], np.zeros((1, 2))), ([0.1, 0.2], np.zeros((1, 3))), ([[0.1]], [[0.0] * 3])]
)
def test_arrays_of_wrong_shape(t: Any, x: Any) -> None:
    refused("/points", "(m, 3)", points=arrays(t, x))


def test_too_many_points() -> None:
    refused("/points", "1..10000", points=arrays(np.zeros(10_001), np.zeros((10_001, 3))))


@pytest.mark.parametrize(
    ("stated", "needed"),
    [
        ({}, set()),
        ({"nonlinearity": "t*x[0] + 1"}, set()),
        ({"drift": "-x"}, {STEP}),
        ({"drift": "t"}, {STEP}),
        ({"diffusion": "1 + t"}, {STEP}),
        ({"diffusion": "0.2*x"}, set()),
        ({"diffusion": "0.2*x", "nonlinearity": "u"}, {STEP}),
        ({"diffusion": "0.2*x + 1"}, {STEP}),
        ({"diffusion": [[1.0], [0.5], [0.0]]}, set()),
        ({"nonlinearity": "3*u + sum(z)"}, {STEP}),
        ({"nonlinearity": "u**2"}, {STEP, REMAINDER}),
        ({"nonlinearity": "sin(u)"}, {STEP, REMAINDER}),
        ({"nonlinearity": "norm2(z)"}, {STEP, REMAINDER}),
    ],
)
def test_corrections_only_where_there_is_something_to_correct(stated: dict[str, Any], needed: set[str]) -> None:
    problem = problem_of(spec(**stated))
    assert set(components(problem)[1:]) == needed
    assert default_plan(problem, 1)["steps"] == (4 if STEP in needed else 1)


def test_the_pilot_looks_at_a_few_of_the_points() -> None:
    x = np.arange(1000.0)[:, None] + np.zeros(3)
    drafted = draft(spec_of(PLAIN, ZERO, x), "cpu", NOTHING)
    assert drafted.outputs == 1000
    assert 8 <= drafted.trial_outputs <= 16
    assert isinstance(drafted.trial, SurrogateSpec)
    trial = points_of(drafted.trial, 3, 1.0, NOTHING).x[:, 0]
    assert len(trial) == drafted.trial_outputs
    assert trial[0] == 0
    assert trial[-1] > 900
    check(drafted.trial, NOTHING)


BENT = {"expression": "sum(x) + abs(x[0])"}
BOTH = {"outputs": ["value", "gradient"]}
NARROW = {"diffusion": [[1.0], [0.5], [0.0]], "drift": "-x", "nonlinearity": "u*sum(z)"}


@pytest.mark.parametrize(
    ("given", "pointer", "words"),
    [
        ({"surrogate": BENT, "how": {"method": "linearised"}}, "/method", ["kinks", "martingale"]),
        (
            {"surrogate": BENT, "nonlinearity": "norm2(z)", "how": {"method": "martingale"}},
            "/method",
            ["jumps", "picard or plain"],
        ),
        ({"surrogate": BENT, "nonlinearity": "norm2(z)", "how": {"method": "picard", **BOTH}}, "/outputs", ["plain"]),
        ({"nonlinearity": "max(u, 0)", "how": {"method": "linearised", **BOTH}}, "/outputs", ["smooth F", "picard"]),
        ({"terminal": "where(x[0] > 0, 1, 0)", "how": BOTH}, "/outputs", ["jumps", "value alone"]),
        ({**NARROW, "how": {"method": "picard"}}, "/problem/diffusion", ["3 x 1", "no inverse"]),
        ({**NARROW, "how": {"method": "linearised", **BOTH}}, "/problem/diffusion", ["3 x 1", "value alone"]),
        (
            {"diffusion": [[1.0, 1, 1]] * 3, "nonlinearity": "u**2", "how": {"method": "linearised", **BOTH}},
            "/problem/diffusion",
            ["3 x 3", "full rank"],
        ),
        ({"how": {"outputs": ["value", "value"]}}, "/outputs", ["'value' is there twice"]),
        ({"how": {"method": "linearised", "picard": {"levels": 3}}}, "/picard", ["methods picard and plain"]),
        (
            {"nonlinearity": "u**2", "how": {"method": "picard", "picard": {"levels": 5, "basis": 64}}},
            "/picard",
            ["5 levels of basis 64", "ask for fewer"],
        ),
        ({"how": {**BOTH, "interval": "bounded", "bounds": [0, 1]}}, "/interval", ["no gradient"]),
    ],
)
def test_methods_that_do_not_apply_are_refused(given: dict[str, Any], pointer: str, words: list[str]) -> None:
    refused(pointer, *words, **given)


def test_too_many_outputs() -> None:
    points = arrays(np.zeros(1000), np.zeros((1000, 3)))
    check(spec(points=points, how=BOTH), NOTHING)
    wide = arrays(np.zeros(1000), np.zeros((1000, 30)))
    refused("/outputs", "31 outputs", "20000", points=wide, dim=30, how=BOTH)


@pytest.mark.parametrize("method", ["linearised", "picard"])
def test_what_applies_to_narrow_matrices(method: str) -> None:
    """Where sigma is never inverted its shape does not matter: values, and constant coefficients."""
    check(spec(**{**NARROW, "nonlinearity": "u**2"}, how={"method": method}), NOTHING)
    if method == "picard":
        check(spec(**{**NARROW, "drift": "1"}, how={"method": method, **BOTH}), NOTHING)


@pytest.mark.parametrize(
    ("method", "stated", "needed"),
    [
        ("martingale", {"nonlinearity": "u**2"}, {STEP, REMAINDER}),
        ("picard", {}, set()),
        ("picard", {"nonlinearity": "t*x[0]", "drift": "-x"}, {STEP}),
        ("picard", {"nonlinearity": "u"}, {"level_1", "level_2"}),
        ("plain", {"nonlinearity": "u*sum(z)", "diffusion": "1 + t"}, {STEP, "level_1", "level_2"}),
    ],
)
def test_components_of_each_method(method: str, stated: dict[str, Any], needed: set[str]) -> None:
    problem = problem_of(spec(**stated))
    names = components(problem, method, 3)
    assert set(names[1:]) == needed
    plan = default_plan(problem, None, method, 3, 7)
    shares = {name for name in plan if name.endswith("_share")}
    assert {f"{name}_share" for name in needed} <= shares
    assert ("levels" in plan) == (method in ("picard", "plain"))
