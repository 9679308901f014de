"""Who judges: values and ends put together, formulas, and what is refused at the door or named with its path."""

from __future__ import annotations

import math

import numpy as np
import pytest

from burnish.wire.specs.reasoning import ReasoningSpec
from burnish.wire.specs.verifiers import ReasoningVerifier
from burnish_workers.core.inputs import NOTHING
from burnish_workers.core.keys import block_key, lane_key
from burnish_workers.core.kind import SpecError
from burnish_workers.core.registry import registry
from burnish_workers.kinds.reasoning.examples import EXAMPLES
from burnish_workers.kinds.reasoning.problem import task_of
from burnish_workers.kinds.reasoning.protocols import Look
from burnish_workers.kinds.reasoning.source import Random
from burnish_workers.kinds.reasoning.values import BadValue
from burnish_workers.kinds.reasoning.verifiers import Brings, Reading, admit, verifier_of

from .test_reasoning_jobs import resolved

KIND = registry().get("reasoning")
LINES = Reading(
    lambda prefix: "".join(map(chr, sum(prefix, ()))), lambda prefix: ["".join(map(chr, s)) for s in prefix]
)
MODEL = Brings(values=True, ends=True, fixed=False, name="the model 'm'")
BARE = Brings(values=False, ends=False, fixed=False, name="a server")


class Own:
    """V = .25 on the way; the end passes where it is an x."""

    noisy = False

    def log_values(self, rows):
        return [(0.0 if row.prefix[-1] == (120,) else -math.inf) if row.leaf else math.log(0.25) for row in rows]


def words(path) -> list[str]:
    return ["".join(map(chr, step)) for step in path]


LINES, OWN = Reading(lambda path: "".join(words(path)), words), Own()


def prefix(text: str):
    return tuple((ord(c),) for c in text)


def values(asked: dict, rows: list[tuple[str, bool]], brings: Brings = MODEL, own=OWN):
    verifier = verifier_of(ReasoningVerifier.model_validate(asked), brings, own, LINES)
    source = Random(np.random.default_rng(1))
    return verifier.log_values([Look(prefix(text), leaf, source) for text, leaf in rows])


ROWS = [("a", False), ("ax", True), ("", False), ("ay", True), ("aaa", False)]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, [math.log(0.25), 0, math.log(0.25), -math.inf, math.log(0.25)]),
        ({"values": {"type": "constant"}}, [0, 0, 0, -math.inf, 0]),
        (
            {"values": {"type": "expression", "expression": "p * 0.5 ** steps"}},
            [math.log(0.125), 0, math.log(0.25), -math.inf, math.log(0.25 / 8)],
        ),
        (
            {"ends": {"type": "matches", "pattern": "y"}},
            [math.log(0.25), -math.inf, math.log(0.25), 0, math.log(0.25)],
        ),
        (
            {
                "values": {"type": "constant"},
                "ends": {"type": "expression", "expression": "log(passed) - 0.5*characters"},
            },
            [0, -1.0, 0, -math.inf, 0],
        ),
    ],
)
def test_values_and_ends_are_put_together(asked, expected):
    assert values(asked, ROWS) == pytest.approx(expected)


def test_a_value_of_zero_is_floored_by_the_oracle_and_a_negative_one_is_named_with_its_text():
    asked = {"values": {"type": "expression", "expression": "1 - characters"}}
    assert values(asked, [("a", False), ("", False)]) == [-math.inf, 0]
    with pytest.raises(BadValue, match=r"gave -1.0 to the unfinished path 'a > b'; values are finite numbers, 0 or"):
        values(asked, [("ab", False)])


def test_each_formula_is_computed_by_itself():
    asked = {"values": {"type": "expression", "expression": "exp(-0.3*steps) / (1 + characters**0.5)"}}
    rows = [("a" * k, False) for k in range(40)]
    assert values(asked, rows) == [values(asked, [row])[0] for row in rows]


@pytest.mark.parametrize(
    ("asked", "brings", "pointer", "said"),
    [
        ({"ends": {"type": "matches", "pattern": "("}}, MODEL, "/verifier/ends/pattern", "RE2"),
        ({"ends": {"type": "expression", "expression": "own"}}, MODEL, "/verifier/ends/expression", "passed"),
        ({"ends": {"type": "expression", "expression": "passed"}}, BARE, "/verifier/ends/expression", "of its own"),
        ({"values": {"type": "expression", "expression": "p("}}, MODEL, "/verifier/values/expression", "closed"),
        (
            {"values": {"type": "expression", "expression": "p"}, "ends": {"type": "balanced"}},
            BARE,
            "/verifier/values/expression",
            "brings values",
        ),
        ({}, BARE, "/verifier/ends", "a server brings no check.* give verifier.ends"),
    ],
)
def test_what_is_refused_at_the_door(asked, brings, pointer, said):
    with pytest.raises(SpecError, match=said) as error:
        admit(ReasoningVerifier.model_validate(asked), brings)
    assert error.value.pointer == pointer


def test_without_values_a_problem_is_taken_as_knowing_nothing():
    ends = {"ends": {"type": "matches", "pattern": "x"}}
    assert values(ends, ROWS, BARE, None) == [0, 0, 0, -math.inf, 0]


@pytest.mark.parametrize(("problem", "name"), [(0, "a tree"), (1, "a subset sum")])
def test_trees_and_subset_sums_keep_their_ends(problem, name):
    spec = {**EXAMPLES[problem], "verifier": {"ends": {"type": "matches", "pattern": "12"}}}
    with pytest.raises(SpecError, match=f"{name} judges its ends by itself") as error:
        KIND.check(ReasoningSpec.model_validate(spec), NOTHING)
    assert error.value.pointer == "/verifier/ends"


def test_a_formula_may_value_a_tree():
    spec = {**EXAMPLES[0], "verifier": {"values": {"type": "expression", "expression": "sqrt(p)"}}}
    task = task_of(ReasoningSpec.model_validate(spec))
    source = Random(np.random.default_rng(1))
    looks = [Look(((0,),), False, source), Look(((0,), (0,)), True, source)]
    assert task.verifier.log_values(looks) == pytest.approx([0.5 * math.log(0.5), math.log(0.2)])


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("-p", r"gave -0.3 to the empty path"),
        ("sqrt(0.5 - steps)", r"gave nan to the unfinished path '(add the digits|multiply first)'"),
    ],
)
def test_a_worker_names_a_bad_value_with_its_path(formula, said):
    spec = resolved(640, verifier={"values": {"type": "expression", "expression": f"{formula} + 0*steps"}})
    simulator = KIND.load()(ReasoningSpec.model_validate(spec), "cpu", NOTHING)
    with pytest.raises(SpecError, match=said) as error:
        simulator.advance(simulator.init(lane_key(1, 0)), block_key(1, 0, 0), 0, 4)
    assert error.value.pointer == "/verifier"


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"pool": 0}, "pool"),
        ({"pool": -3}, "pool"),
        ({"beta": 0}, "beta"),
        ({"beta": -1.0}, "beta"),
        ({"verifier": {"values": {"type": "oracle"}}}, "'own', 'constant', 'expression', 'http'"),
        ({"verifier": {"ends": {"type": "llm"}}}, "'matches', 'equals', 'number', 'json_schema'"),
        ({"verifier": {"type": "constant"}}, "verifier"),
        ({"verifier": {"floor": 0}}, "floor"),
        ({"power": 2.0}, "only the method power"),
        ({"method": "power", "power": 1.0}, "power"),
    ],
)
def test_what_the_wire_refuses(change, where):
    with pytest.raises(ValueError, match=where):
        ReasoningSpec.model_validate({**EXAMPLES[0], **change})
