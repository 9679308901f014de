"""A table of wrong specs: (name, what is changed in a good one, the pointer, what the answer must say)."""

from __future__ import annotations

import copy
import struct
from base64 import b64encode
from typing import Any

from burnish_workers.kinds.surrogate.kind import VERSION

GOOD: dict[str, Any] = {
    "kind": "surrogate",
    "problem": {"dim": 2, "horizon": 0.3, "diffusion": "sqrt(2)", "terminal": "sum(x**2)"},
    "points": [{"t": 0.0, "x": 0.5}],
    "budget": {"units": 2000},
    "seed": 3,
}
"""Takes a few hundredths of a second."""

RESOLUTION: dict[str, Any] = {
    "version": VERSION,
    "estimator": "linearised",
    "numeric_class": "somewhere else",
    "first_block": 16,
    "block": 32,
    "blocks_planned": 8,
    "first_look": 2,
    "micro_batch": 4096,
    "tail": 64,
    "extensible": True,
    "plan": {"steps": 4, "strata": 4, "outer_steps": 1, "inner_steps": 1, "step_share": 2, "remainder_share": 2},
}

Case = tuple[str, dict[str, Any], str, str]
REMOVED = object()


def spec(changes: dict[str, Any]) -> dict[str, Any]:
    """The good spec with changes: `problem.dim` names the field dim of problem; REMOVED takes one away."""
    changed = copy.deepcopy(GOOD)
    for path, value in changes.items():
        *parents, last = path.split(".")
        place = changed
        for step in parents:
            if step == "resolution":
                place.setdefault(step, copy.deepcopy(RESOLUTION))
            place = place[step]
        if value is REMOVED:
            del place[last]
        else:
            place[last] = value
    return changed


def _array(shape: list[int], *numbers: float) -> dict[str, Any]:
    data = b64encode(struct.pack(f"<{len(numbers)}d", *numbers)).decode()
    return {"shape": shape, "dtype": "float64", "data": data}


def _points(t: dict[str, Any], x: dict[str, Any]) -> dict[str, Any]:
    return {"points": {"t": t, "x": x}}


ONE_X = _array([1, 2], 0.1, 0.2)

NAMES: list[Case] = [
    ("no kind", {"kind": REMOVED}, "/kind", "kind is missing; known kinds: correlated, hungry, posterior"),
    ("null kind", {"kind": None}, "/kind", "kind is None"),
    ("kind of another type", {"kind": ["surrogate"]}, "/kind", "known kinds"),
    ("misspelt kind", {"kind": "surogate"}, "/kind", "did you mean 'surrogate'?"),
    ("unknown kind", {"kind": "weather"}, "/kind", "known: correlated, hungry, posterior"),
    ("endless kind", {"kind": "x" * 50_000}, "/kind", "known: correlated, hungry, posterior"),
    ("misspelt field", {"budgets": {"units": 1}}, "/budgets", "did you mean 'budget'?"),
    ("misspelt nested field", {"problem.horizn": 1.0}, "/problem/horizn", "did you mean 'horizon'?"),
    ("unknown field of a point", {"points": [{"x": 0.5, "y": 1}]}, "/points/0/y", "known here: t, x"),
    ("field with a slash", {"a/b~c": 1}, "/a~1b~0c", "unknown field 'a/b~c'"),
    ("endless field", {"x" * 50_000: 1}, "", "unknown field"),
    ("missing budget", {"budget": REMOVED}, "/budget", "required field 'budget' is missing"),
    ("missing points", {"points": REMOVED}, "/points", "required field 'points' is missing"),
    ("missing terminal", {"problem.terminal": REMOVED}, "/problem/terminal", "missing"),
    ("misspelt problem", {"problem": {"name": "viscous-burger"}}, "/problem/name", "did you mean 'viscous-burgers'?"),
    (
        "unknown problem",
        {"problem": {"name": "zzz"}},
        "/problem/name",
        "known: allen-cahn, black-scholes-default",
    ),
    ("endless problem", {"problem": {"name": "z" * 101}}, "/problem/name", "at most 100"),
    ("misspelt model", {"surrogate": {"name": "viscous-burgers-pinn"}}, "/surrogate/name", "did you mean"),
    ("model of another dim", {"surrogate": {"name": "viscous-burgers-pinn-d20"}}, "/surrogate/name", "dim = 20"),
    ("surrogate of no form", {"surrogate": {}}, "/surrogate/name", "missing"),
    ("surrogate zero false", {"surrogate": {"zero": False}}, "/surrogate/zero", "True"),
]

NUMBERS: list[Case] = [
    ("dim as string", {"problem.dim": "2"}, "/problem/dim", "got '2'"),
    ("dim as float", {"problem.dim": 2.5}, "/problem/dim", "got 2.5"),
    ("dim as boolean", {"problem.dim": True}, "/problem/dim", "got True"),
    ("dim zero", {"problem.dim": 0}, "/problem/dim", "greater than or equal to 1"),
    ("dim absurd", {"problem.dim": 10**9}, "/problem/dim", "less than or equal to 1000"),
    ("dim NaN", {"problem.dim": float("nan")}, "/problem/dim", ""),
    ("dim beyond 64 bits", {"problem.dim": 10**40}, "/problem/dim", ""),
    ("horizon NaN", {"problem.horizon": float("nan")}, "/problem/horizon", "send a finite number"),
    ("horizon Infinity", {"problem.horizon": float("inf")}, "/problem/horizon", "send a finite number"),
    ("horizon negative", {"problem.horizon": -1.0}, "/problem/horizon", "greater than 0"),
    ("x NaN", {"points": [{"x": float("nan")}]}, "/points/0/x", "send a finite number"),
    ("x -Infinity in a row", {"points": [{"x": [0.0, -float("inf")]}]}, "/points/0/x/1", "send a finite number"),
    ("x too large", {"points": [{"x": 1e300}]}, "/points/0/x", "beyond 1e12"),
    ("x of wrong length", {"points": [{"x": 0.1}, {"x": [0.1] * 3}]}, "/points/1/x", "3 coordinates"),
    ("x endless", {"points": [{"x": [0.1] * 1001}]}, "/points/0/x", "at most 1000"),
    ("x of strings", {"points": [{"x": ["a"] * 1000}]}, "/points/0/x/0", "got 'a'"),
    ("t at T", {"points": [{"t": 0.3, "x": 0.5}]}, "/points/0/t", "outside [0, T) with T = 0.3"),
    ("t beyond T", {"points": [{"x": 1.0}, {"t": 7, "x": 0.5}]}, "/points/1/t", "outside [0, T)"),
    ("t negative", {"points": [{"t": -0.1, "x": 0.5}]}, "/points/0/t", "outside [0, T)"),
    ("no points", {"points": []}, "/points", "at least 1"),
    ("too many points", {"points": [{"x": 0.1}] * 10_001}, "/points", "at most 10000"),
    ("points as number", {"points": 3}, "/points", ""),
    ("array of too few bytes", _points(_array([2], 0.0), ONE_X), "/points/t", "needs 16 bytes, data holds 8"),
    ("array of no base64", _points({"shape": [1], "data": "%%"}, ONE_X), "/points/t", "not base64"),
    ("array with NaN", _points(_array([1], 0.0), _array([1, 2], 0.0, float("nan"))), "/points/x", "finite"),
    ("array of wrong dim", _points(_array([1], 0.0), _array([1, 3], 0, 0, 0)), "/points", "x (m, 2)"),
    ("array of negative shape", _points(_array([-1]), ONE_X), "/points/t", "negative length"),
    ("array of no points", _points(_array([0]), _array([0, 2])), "/points", "1..10000 points"),
    ("array beyond T", _points(_array([1], 0.3), ONE_X), "/points/t", "outside [0, T)"),
    ("level out of range", {"level": 1.5}, "/level", "less than or equal to 0.9999"),
    ("level zero", {"level": 0}, "/level", "greater than or equal to 0.5"),
    ("interval unknown", {"interval": "daily"}, "/interval", "known: bounded, fixed, open, stream"),
    ("seed negative", {"seed": -1}, "/seed", "greater than or equal to 0"),
    ("seed beyond 2^53", {"seed": 2**53}, "/seed", "less than or equal to 9007199254740991"),
    ("weight zero", {"weight": 0}, "/weight", "greater than or equal to 0.1"),
    ("steps zero", {"steps": 0}, "/steps", "greater than or equal to 1"),
    ("metadata too long", {"metadata": {"a": "x" * 513}}, "/metadata/a", "at most 512"),
    ("metadata of a number", {"metadata": {"a": 1}}, "/metadata/a", "string"),
    ("outputs unknown", {"outputs": ["hessian"]}, "/outputs/0", "known: gradient, value"),
    ("outputs twice", {"outputs": ["value", "value"]}, "/outputs", "is there twice"),
    (
        "levels without iteration",
        {"method": "linearised", "picard": {"levels": 3}},
        "/picard",
        "methods picard and plain",
    ),
    ("one level", {"method": "picard", "picard": {"levels": 1}}, "/picard/levels", "greater than or equal to 2"),
    ("many mistakes", {f"a{i}": 0 for i in range(10_001)}, "", "10001 mistakes"),
]

EXPRESSIONS: list[Case] = [
    ("attribute", {"problem.terminal": "x.__class__"}, "/problem/terminal", "attribute access"),
    ("call of a method", {"problem.terminal": "x.sum()"}, "/problem/terminal", "attribute access"),
    ("import", {"problem.terminal": "__import__('os').system('id')"}, "/problem/terminal", "attribute access"),
    ("dunder", {"problem.terminal": "__builtins__"}, "/problem/terminal", "underscore"),
    ("unknown function", {"problem.terminal": "eval(1)"}, "/problem/terminal", "unknown function 'eval'"),
    ("misspelt function", {"problem.terminal": "sun(x)"}, "/problem/terminal", "did you mean 'sum'?"),
    ("lambda", {"problem.terminal": "(lambda: 1)()"}, "/problem/terminal", ""),
    ("comprehension", {"problem.terminal": "sum([a for a in x])"}, "/problem/terminal", "comprehension"),
    ("string", {"problem.terminal": "'a' * 3"}, "/problem/terminal", "string"),
    ("huge power", {"problem.terminal": "sum(x)**1000"}, "/problem/terminal", "exponent 1000"),
    ("power bomb", {"problem.terminal": "9**9**9**9"}, "/problem/terminal", ""),
    ("huge number", {"problem.terminal": "1e999 * sum(x)"}, "/problem/terminal", "1.8e308"),
    ("unknown name", {"problem.terminal": "sum(y)"}, "/problem/terminal", "unknown name 'y'"),
    ("u in the terminal value", {"problem.terminal": "u"}, "/problem/terminal", "unknown name 'u'"),
    ("vector for a scalar", {"problem.terminal": "x"}, "/problem/terminal", "sum, mean or norm2"),
    ("index out of range", {"problem.terminal": "x[2]"}, "/problem/terminal", "the last is 1"),
    ("no formula", {"problem.terminal": "1 +"}, "/problem/terminal", ""),
    ("null byte", {"problem.terminal": "1\0"}, "/problem/terminal", ""),
    ("too long", {"problem.terminal": "1+" * 1000 + "1"}, "/problem/terminal", "at most 2000"),
    ("too deep", {"problem.terminal": "-" * 900 + "x[0]"}, "/problem/terminal", "deep"),
    ("too many brackets", {"problem.terminal": "(" * 900 + "1" + ")" * 900}, "/problem/terminal", ""),
    ("empty", {"problem.terminal": ""}, "/problem/terminal", "at least 1"),
    ("drift with z", {"problem.drift": "z"}, "/problem/drift", "unknown name 'z'"),
    ("nonlinearity of a vector", {"problem.nonlinearity": "u*x"}, "/problem/nonlinearity", "scalar"),
    ("diffusion matrix ragged", {"problem.diffusion": [[1.0], [1.0, 2.0]]}, "/problem/diffusion", "lengths [1, 2]"),
    ("diffusion matrix of wrong dim", {"problem.diffusion": [[1.0]]}, "/problem/diffusion", "dim = 2 rows"),
    ("surrogate of a vector", {"surrogate": {"expression": "x"}}, "/surrogate/expression", "scalar"),
]

BUDGETS: list[Case] = [
    ("empty", {"budget": {}}, "/budget", "give at least one of seconds, worker_seconds"),
    ("string", {"budget": "30s"}, "/budget", "got '30s'"),
    ("amount as string", {"budget.seconds": "30"}, "/budget/seconds", "got '30'"),
    ("negative", {"budget.seconds": -1}, "/budget/seconds", "greater than 0"),
    ("zero", {"budget.units": 0}, "/budget/units", "greater than 0"),
    ("absurd", {"budget.seconds": 1e9}, "/budget/seconds", "less than or equal to 604800"),
    ("units as float", {"budget.units": 1.5}, "/budget/units", "got 1.5"),
    ("relative tolerance of 1", {"budget.rel_tol": 1}, "/budget/rel_tol", "less than 1"),
    ("infinite tolerance", {"budget.abs_tol": float("inf")}, "/budget/abs_tol", "finite"),
    ("misspelt", {"budget.second": 3}, "/budget/second", "did you mean 'seconds'?"),
]

RESOLUTIONS: list[Case] = [
    ("wrong version", {"resolution.version": 99}, "/resolution/version", "version 99 does not run here, version"),
    ("wrong estimator", {"resolution.estimator": "linearized"}, "/resolution/estimator", "did you mean 'linearised'?"),
    ("block of absurd size", {"resolution.block": 10**9}, "/resolution/block", "less than or equal to 1000000"),
    (
        "block too large for its points",
        {"resolution.first_block": 10**6, "points": [{"x": 0.1}] * 1000},
        "/resolution/first_block",
        "at most 50000",
    ),
    ("no blocks", {"resolution.blocks_planned": 0}, "/resolution/blocks_planned", "greater than or equal to 1"),
    ("batch of absurd size", {"resolution.micro_batch": 10**6}, "/resolution/micro_batch", "at most 8192"),
    (
        "tails too long",
        {"resolution.tail": 4096, "points": [{"x": 0.1}] * 1000},
        "/resolution/tail",
        "at most 1000",
    ),
    ("class too long", {"resolution.numeric_class": "x" * 201}, "/resolution/numeric_class", "at most 200"),
    ("no steps", {"resolution.plan.steps": REMOVED}, "/resolution/plan/steps", "missing; a plan has"),
    ("no strata", {"resolution.plan.strata": REMOVED}, "/resolution/plan/strata", "missing"),
    ("no share", {"resolution.plan.step_share": REMOVED}, "/resolution/plan/step_share", "missing"),
    ("unknown plan key", {"resolution.plan.stratas": 4}, "/resolution/plan/stratas", "did you mean 'strata'?"),
    ("steps as string", {"resolution.plan.steps": "4"}, "/resolution/plan/steps", "from 1 to 4096, got '4'"),
    ("steps as boolean", {"resolution.plan.steps": True}, "/resolution/plan/steps", "whole number"),
    ("steps as float", {"resolution.plan.inner_steps": 1.5}, "/resolution/plan/inner_steps", "whole number"),
    ("steps absurd", {"resolution.plan.steps": 10**12}, "/resolution/plan/steps", "from 1 to 4096"),
    ("share zero", {"resolution.plan.remainder_share": 0}, "/resolution/plan/remainder_share", "from 1 to 64"),
    (
        "strata too many for its points",
        {"resolution.plan.strata": 4096, "points": [{"x": 0.1}] * 100},
        "/resolution/plan/strata",
        "819200 rows, more than the 8192",
    ),
    ("steps contradicted", {"resolution.plan.steps": 8, "steps": 4}, "/resolution/plan/steps", "contradicts steps = 4"),
    (
        "steps too few for its equation",
        {"resolution.plan.steps": 3, "problem.drift": "-x"},
        "/resolution/plan/steps",
        "must be at least 4",
    ),
    ("empty plan", {"resolution.plan": {}}, "/resolution/plan/steps", "missing"),
    ("no plan at all", {"resolution.plan": REMOVED}, "/resolution/plan/steps", "missing"),
]
