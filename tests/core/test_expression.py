from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from burnish_workers.core.expression import NUMPY, Expression, ExpressionError

VARIABLES = {"t": "scalar", "u": "scalar", "x": "vector", "z": "vector"}
EXACTLY = settings(max_examples=300, deadline=None, derandomize=True)


def parse(text: str, **options) -> Expression:
    return Expression.parse(text, VARIABLES, **options)


def parsed(text: str) -> Expression | ExpressionError:
    try:
        return parse(text)
    except ExpressionError as error:
        return error


def batch(dtype=np.float64) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)
    env = {
        "t": rng.random(6),
        "u": rng.normal(0.3, 1, 6),
        "x": rng.normal(0.2, 1, (6, 4)),
        "z": rng.normal(0, 2, (6, 4)),
    }
    return {name: value.astype(dtype) for name, value in env.items()}


# What a formula means -----------------------------------------------------------------------------------------------

E = batch()
MEANINGS = {
    "u - u**3": E["u"] - E["u"] ** 3,
    "1/(2+0.4*sum(x**2))": 1 / (2 + 0.4 * (E["x"] ** 2).sum(1)),
    "1 / (2 + 0.4 * norm2(x))": 1 / (2 + 0.4 * (E["x"] ** 2).sum(1)),
    "0.25*u*sum(z)": 0.25 * E["u"] * E["z"].sum(1),
    "-norm2(z)/2": -(E["z"] ** 2).sum(1) / 2,
    "log((1 + norm2(x)) / 2)": np.log((1 + (E["x"] ** 2).sum(1)) / 2),
    "sigmoid(t + sum(x))": 1 / (1 + np.exp(-E["t"] - E["x"].sum(1))),
    "1.6 + sin(.1*sum(x))*exp(.01*4*(t-1)/2)": 1.6 + np.sin(0.1 * E["x"].sum(1)) * np.exp(0.02 * (E["t"] - 1)),
    "min(1, (u - 0.5)**2)": np.minimum(1, (E["u"] - 0.5) ** 2),
    "max(max(x) - 0.2, 0) - 2*max(max(x) - .5, 0)": np.maximum(E["x"].max(1) - 0.2, 0)
    - 2 * np.maximum(E["x"].max(1) - 0.5, 0),
    "min(x)": E["x"].min(1),
    "max(u, t, 0.1)": np.maximum(np.maximum(E["u"], E["t"]), 0.1),
    "where(u < 0.3, x[0], norm2(x))": np.where(E["u"] < 0.3, E["x"][:, 0], (E["x"] ** 2).sum(1)),
    "where(1 < 2, u, t)": E["u"],
    "where(1 < 2, 3, 4)": np.full(6, 3.0),
    "where(u < 0.3, 0.1, 0.7)*t": np.where(E["u"] < 0.3, 0.1, 0.7) * E["t"],
    "dot(x, z)": (E["x"] * E["z"]).sum(1),
    "mean(x)*x[3]": E["x"].mean(1) * E["x"][:, 3],
    "(x + u)[2]": E["x"][:, 2] + E["u"],
    "sqrt(abs(u)) + cos(t) + tanh(u)": np.sqrt(np.abs(E["u"])) + np.cos(E["t"]) + np.tanh(E["u"]),
    "(1+norm2(x))**-0.5": (1 + (E["x"] ** 2).sum(1)) ** -0.5,
    "(1+t)**(1/3)": (1 + E["t"]) ** (1 / 3),
    "2**-t": 2 ** -E["t"],
    "-u**2": -(E["u"] ** 2),
    "2**3**2 - 2**-1 - -2**2": np.full(6, 515.5),
    "+u - -t": E["u"] + E["t"],
    "pi*t + e": math.pi * E["t"] + math.e,
    "0": np.zeros(6),
    "sqrt(2)": np.full(6, math.sqrt(2)),
    "2e-1*1_0": np.full(6, 2.0),
    "0x10": np.full(6, 16.0),
    "  u\n + t ": E["u"] + E["t"],
}
VECTORS = {
    "x": E["x"],
    "0.2*x": 0.2 * E["x"],
    "x*u": E["x"] * E["u"][:, None],
    "u/x + t": E["u"][:, None] / E["x"] + E["t"][:, None],
    "x**2 - z": E["x"] ** 2 - E["z"],
    "max(x, 0)": np.maximum(E["x"], 0),
    "max(u, x, z)": np.maximum(np.maximum(E["u"][:, None], E["x"]), E["z"]),
    "where(x < u, 0, z)": np.where(E["x"] < E["u"][:, None], 0, E["z"]),
    "where(u < 0.3, x, t)": np.where(E["u"][:, None] < 0.3, E["x"], E["t"][:, None]),
    "sigmoid(-x)": 1 / (1 + np.exp(E["x"])),
    "abs(x)": np.abs(E["x"]),
}


@pytest.mark.parametrize("text", MEANINGS)
def test_scalar_formulas_mean_what_numpy_says(text: str) -> None:
    expression = parse(text)
    assert expression.shape == "scalar"
    values = expression.evaluate(E)
    assert values.shape == (6,)
    np.testing.assert_allclose(values, MEANINGS[text], rtol=1e-13)


@pytest.mark.parametrize("text", VECTORS)
def test_vector_formulas_mean_what_numpy_says(text: str) -> None:
    expression = parse(text)
    assert expression.shape == "vector"
    np.testing.assert_allclose(expression.evaluate(E, NUMPY), VECTORS[text], rtol=1e-13)


@pytest.mark.parametrize("text", [*MEANINGS, *VECTORS])
def test_single_precision_stays_single(text: str) -> None:
    values = parse(text).evaluate(batch(np.float32))
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, {**MEANINGS, **VECTORS}[text], rtol=2e-4, atol=1e-5)


def test_scalars_may_be_given_once_for_the_whole_batch() -> None:
    values = parse("t*2").evaluate({"t": np.array(0.25), "x": E["x"]})
    np.testing.assert_array_equal(values, np.full(6, 0.5))


def test_outside_the_domain_the_value_is_nan_and_nothing_warns() -> None:
    env = {"u": np.array([-1.0, 0.0, 1e4])}
    assert math.isnan(parse("log(u)").evaluate(env)[0])
    assert parse("1/u").evaluate(env)[1] == math.inf
    assert parse("exp(u)").evaluate(env)[2] == math.inf
    assert math.isnan(parse("u**0.5").evaluate(env)[0])
    assert math.isnan(parse("log(-1)").evaluate({}))


def test_sigmoid_keeps_its_relative_accuracy_far_out() -> None:
    values = parse("sigmoid(u)").evaluate({"u": np.array([-700.0, -40.0, 40.0, 800.0])})
    np.testing.assert_allclose(values, [math.exp(-700), math.exp(-40), 1.0, 1.0], rtol=1e-12)


def test_named_constants_and_sizes() -> None:
    expression = parse("sum(x)/d", constants={"d": 4.0}, sizes={"x": 4})
    np.testing.assert_allclose(expression.evaluate(E), E["x"].mean(1))
    assert parse("x[3]", sizes={"x": 4}).shape == "scalar"
    with pytest.raises(ExpressionError, match="index 4 of a vector with 4 coordinates"):
        parse("x[4]", sizes={"x": 4})
    with pytest.raises(ExpressionError, match="sizes 2 and 4"):
        parse("dot(x, z)", sizes={"x": 4, "z": 2})
    with pytest.raises(ExpressionError, match="index 9 of a vector with 4 coordinates"):
        parse("x[9]").evaluate(E)


NUMBERS = np.arange(1.0, 5)
WITH_NUMBERS = {
    "i": np.tile(NUMBERS, (6, 1)),
    "0.5 + i/d": np.tile(0.5 + NUMBERS / 4, (6, 1)),
    "(0.5 + i/d)*x": (0.5 + NUMBERS / 4) * E["x"],
    "u*i": E["u"][:, None] * NUMBERS,
    "where(i < 3, x, -t)": np.where(NUMBERS < 3, E["x"], -E["t"][:, None]),
    "where(i == 1, 1, 0)": np.tile([1.0, 0, 0, 0], (6, 1)),
    "max(x, i - 3)": np.maximum(E["x"], NUMBERS - 3),
    "x**i": E["x"] ** NUMBERS,
    "sum(i**2)": np.full(6, 30.0),
    "dot(0.5 + i/d, x**2) + sum(x)**2/d": ((0.5 + NUMBERS / 4) * E["x"] ** 2).sum(1) + E["x"].sum(1) ** 2 / 4,
    "x[0]*i[3] + max(i)": 4 * E["x"][:, 0] + 4,
    "mean(x*where(i <= 2, 1, 0))": E["x"][:, :2].sum(1) / 4,
}


def with_numbers(text: str) -> Expression:
    return parse(text, sizes={"x": 4, "z": 4}, constants={"d": 4.0, "i": (1, 2, 3, 4)})


@pytest.mark.parametrize("text", WITH_NUMBERS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_coordinates_have_numbers(text: str, dtype: type) -> None:
    """A constant vector is one per sample, in the precision of its surroundings."""
    values = with_numbers(text).evaluate(batch(dtype))
    assert values.dtype == dtype
    assert values.shape == WITH_NUMBERS[text].shape
    np.testing.assert_allclose(values, WITH_NUMBERS[text], rtol=1e-13 if dtype is np.float64 else 2e-4, atol=1e-5)


def test_constant_vectors_are_folded_and_checked() -> None:
    assert with_numbers("0.5 + i/d").is_constant
    assert with_numbers("sum(1/i)").is_constant
    assert not with_numbers("i*x").is_constant
    assert with_numbers("dot(i, z)*u").degree_in({"u", "z"}) == 2
    assert pickle.loads(pickle.dumps(with_numbers("i/d"))) == with_numbers("i/d")
    for text, message in (
        ("1/(i - 2)", r"a constant part is not a finite number \(inf\)"),
        ("i[4]", "index 4 of a vector with 4 coordinates"),
        ("x**(40*i)", r"the exponent 80 is beyond"),
        ("i(2)", "'i' is not a function"),
    ):
        with pytest.raises(ExpressionError, match=message):
            with_numbers(text)
    with pytest.raises(ExpressionError, match="sizes 3 and 4"):
        parse("dot(x, i)", sizes={"x": 3}, constants={"i": (1, 2, 3, 4)})


def test_a_missing_value_is_named() -> None:
    with pytest.raises(ExpressionError, match="no value for the variable 'u'; given: t"):
        parse("u + t").evaluate({"t": E["t"]})


def test_expressions_are_values() -> None:
    one = parse("u + x[0]")
    assert pickle.loads(pickle.dumps(one)) == one
    assert hash(one) == hash(parse("u + x[0]"))
    assert one.names == {"u", "x"}
    assert parse("2*pi - log(3)").is_constant
    assert not one.is_constant


# Round trips against Python's own arithmetic ------------------------------------------------------------------------


def numbers() -> st.SearchStrategy[str]:
    return st.one_of(st.integers(0, 20).map("{}.0".format), st.sampled_from(["0.5", "1.25", "3e-1", ".7", "2."]))


def arithmetic() -> st.SearchStrategy[str]:
    def grow(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        return st.one_of(
            st.tuples(inner, st.sampled_from([" + ", "-", "*", " / "]), inner).map("".join),
            inner.map("({})".format),
            inner.map("-{}".format),
            inner.map("+{}".format),
            st.tuples(inner, st.sampled_from(["2", "3", " -1", "(1-3)", "0"])).map("({0[0]})**{0[1]}".format),
        )

    return st.recursive(st.one_of(numbers(), st.sampled_from(["t", "u"])), grow, max_leaves=10)


@EXACTLY
@given(arithmetic(), st.floats(-3, 3), st.floats(-3, 3))
def test_precedence_is_pythons(text: str, t: float, u: float) -> None:
    try:
        wanted = eval(text, {"__builtins__": {}}, {"t": t, "u": u})
    except (ZeroDivisionError, OverflowError):
        return
    if isinstance(wanted, complex) or not math.isfinite(wanted) or (abs(wanted) < 1e-9 and wanted != 0):
        return
    expression = parsed(text)
    if isinstance(expression, ExpressionError):
        assert "not a finite number" in expression.message
        return
    value = expression.evaluate({"t": np.array([t]), "u": np.array([u])})[0]
    assert value == pytest.approx(wanted, rel=1e-6)


FUNCTIONS = {
    "exp": math.exp,
    "log": math.log,
    "sin": math.sin,
    "cos": math.cos,
    "tanh": math.tanh,
    "sqrt": math.sqrt,
    "abs": abs,
    "sigmoid": lambda a: 1 / (1 + math.exp(-a)),
}


@EXACTLY
@given(st.sampled_from(list(FUNCTIONS)), st.sampled_from(list(FUNCTIONS)), st.floats(0.01, 5))
def test_functions_are_pythons(outer: str, inner: str, t: float) -> None:
    wanted = FUNCTIONS[outer](abs(FUNCTIONS[inner](t)) + 0.125)
    value = parse(f"{outer}(abs({inner}(t)) + 0.125)").evaluate({"t": np.array([t])})[0]
    assert value == pytest.approx(wanted, rel=1e-12)


@EXACTLY
@given(st.lists(st.floats(-10, 10), min_size=1, max_size=5))
def test_reductions_are_pythons(x: list[float]) -> None:
    env = {"x": np.array([x]), "z": np.array([x[::-1]])}
    wanted = {
        "sum(x)": sum(x),
        "mean(x)": sum(x) / len(x),
        "norm2(x)": sum(a * a for a in x),
        "min(x)": min(x),
        "max(x)": max(x),
        "dot(x, z)": sum(a * b for a, b in zip(x, x[::-1], strict=True)),
    }
    for text, value in wanted.items():
        assert parse(text).evaluate(env)[0] == pytest.approx(value, rel=1e-12, abs=1e-10)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(st.text(alphabet="xtuz0129.+-*/()[],<>=eE_ sumlogwhere'\"\\{}:;@!~%&|\n\x00é", max_size=40))
def test_any_text_parses_or_gives_an_expression_error(text: str) -> None:
    outcome = parsed(text)
    if isinstance(outcome, ExpressionError):
        assert outcome.position is None or 0 <= outcome.position <= len(text)
        assert outcome.cure


# Shapes -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sum(u)", "sum() of a scalar"),
        ("mean(1)", "mean() of a scalar"),
        ("norm2(sum(x))", "norm2() of a scalar"),
        ("max(u)", "max() of a scalar"),
        ("dot(x, u)", "dot() of a scalar"),
        ("dot(x)", "dot() takes 2 arguments, got 1"),
        ("sin(x, z)", "sin() takes 1 argument, got 2"),
        ("where(u < 0, 1)", "where() takes 3 arguments, got 2"),
        ("exp()", "exp() takes 1 argument, got 0"),
        ("min()", "min() needs at least one argument"),
        ("u[0]", "only vectors have coordinates"),
        ("sum(x)[0]", "only vectors have coordinates"),
    ],
)
def test_wrong_shapes_and_arities(text: str, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    assert message in caught.value.message
    assert caught.value.cure


# Degrees ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "degree"),
    [
        ("0", 0),
        ("sin(t)*norm2(x)", 0),
        ("u - u**3", 3),
        ("0.25*u*sum(z)", 2),
        ("-norm2(z)/2", 2),
        ("dot(z, x)*u + z[0]", 2),
        ("3*u + mean(z) - log(t)", 1),
        ("u/(1 + norm2(x))", 1),
        ("(u + z[1])**2*u", 3),
        ("where(t < 1, u, u**2)", 2),
        ("where(u < 1, u, u**2)", None),
        ("min(1, u)", None),
        ("exp(u)", None),
        ("1/u", None),
        ("u**0.5", None),
        ("u**-1", None),
        ("2**u", None),
        ("abs(u)", None),
    ],
)
def test_polynomial_degree(text: str, degree: int | None) -> None:
    assert parse(text).degree_in({"u", "z"}) == degree
