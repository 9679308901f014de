"""Exact checks: what passes, what does not, what is refused at the door, and that none of them can hang."""

from __future__ import annotations

import math
import time

import pytest
from pydantic import TypeAdapter

from burnish.wire.specs.verifiers import Check
from burnish_workers.core.kind import SpecError
from burnish_workers.kinds.reasoning.checks import judge, passes_by, read
from burnish_workers.kinds.reasoning.checks.numbers import last_quantity

POINT = {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}


def test_every_check_of_the_contract_can_be_read_by_its_name():
    mapping = TypeAdapter(Check).json_schema()["discriminator"]["mapping"]
    more = {
        "matches": {"pattern": "x"},
        "equals": {"text": "x"},
        "number": {"value": 1.0},
        "json_schema": {"json_schema": {}},
    }
    for name in mapping:
        passes_by(read({"type": name, **more.get(name, {})}))
    with pytest.raises(ValueError, match=r"'balanced'") as error:
        read({"type": "magic"})
    assert all(f"'{name}'" in str(error.value) for name in mapping)


@pytest.mark.parametrize(
    ("check", "right", "wrong"),
    [
        ({"type": "matches", "pattern": r"^\d+ apples$"}, ["12 apples"], ["12 pears", "a 12 apples"]),
        ({"type": "equals", "text": "Yes"}, ["Yes", " Yes\n"], ["yes", "Yes.", ""]),
        ({"type": "equals", "text": "Straße", "case": False}, ["STRASSE", "straße "], ["Strasser"]),
        ({"type": "number", "value": 12}, ["so 12", "1, 2, 12.0", "12."], ["12, no 13", "x12", "twelve", "-12", ""]),
        ({"type": "number", "value": -0.5, "abs_tol": 0.01}, ["-0.495", "\u2212.5"], ["-0.48", "0.5"]),
        ({"type": "number", "value": 1234.5, "rel_tol": 0.001}, ["1,234.6", "1.2345e3"], ["1,237", "1234,5"]),
        (
            {"type": "number", "value": 3.2, "unit": "km", "rel_tol": 0.001},
            ["3.2 km", "about 3200 m.", "3,200m", "320000 cm"],
            ["3.2", "3.2 kg", "3.2 m", "3.2 foos", "3.2 or so"],
        ),
        ({"type": "number", "value": 10, "unit": "m/s", "rel_tol": 0.01}, ["36 km/h", "10 m/s"], ["10 km/h"]),
        ({"type": "number", "value": 4, "unit": "m^2"}, ["4 m²", "4 m^2", "40000 cm^2"], ["4 m"]),
        ({"type": "number", "value": 20, "unit": "°C", "abs_tol": 0.1}, ["20 °C", "68 °F"], ["68 °C"]),
        (
            {"type": "json_schema", "json_schema": POINT},
            ['{"x": 1}', '```json\n{"x": 2, "y": []}\n```\n'],
            ['{"x": 1.5}', '{"y": 1}', "x", "", '{"x": NaN}', "[" * 100_000, '{"x": 1} and more'],
        ),
        ({"type": "arithmetic"}, ["37+85*2\n191"], ["190", "191 or 192", ""]),
        ({"type": "balanced"}, ["([])"], ["(]", "(", "())"]),
    ],
)
def test_what_passes(check, right, wrong):
    prompt = {"arithmetic": "37+85*2-16=", "balanced": "[]"}.get(check["type"], "a question")
    for text in right:
        assert judge(check, prompt, text) == 0, text
    for text in wrong:
        assert judge(check, prompt, text) == -math.inf, text


@pytest.mark.parametrize(
    ("check", "pointer", "said"),
    [
        ({"type": "matches", "pattern": "("}, "/e/pattern", r"missing \)"),
        ({"type": "matches", "pattern": "(?=a)b"}, "/e/pattern", "Look-around"),
        ({"type": "matches", "pattern": r"(a)\1"}, "/e/pattern", "references"),
        ({"type": "matches", "pattern": "((a{100}){100}){100}"}, "/e/pattern", "repetition"),
        ({"type": "number", "value": 1, "unit": "foo"}, "/e/unit", "'foo' is not known"),
        ({"type": "number", "value": 1, "unit": "9^9^9"}, "/e/unit", "write names"),
        ({"type": "number", "value": 1, "unit": "m/"}, "/e/unit", "write names"),
        ({"type": "json_schema", "json_schema": {"type": "objct"}}, "/e/json_schema", "objct"),
        ({"type": "json_schema", "json_schema": {"pattern": "(?=a)"}}, "/e/json_schema", "regex"),
        ({"type": "json_schema", "json_schema": {"$ref": "http://127.0.0.1:9/x"}}, "/e/json_schema", "disabled"),
        ({"type": "json_schema", "json_schema": {"$ref": "file:///etc/hostname"}}, "/e/json_schema", "disabled"),
        ({"type": "json_schema", "json_schema": {"allOf": [{"$ref": "#/x"}] * 30}}, "/e/json_schema", "30 references"),
    ],
)
def test_a_check_that_makes_no_sense_is_refused(check, pointer, said):
    with pytest.raises(SpecError, match=said) as error:
        passes_by(read(check), "/e")
    assert error.value.pointer == pointer


@pytest.mark.parametrize(
    "check",
    [
        {"type": "matches", "pattern": "(a+)+$"},
        {"type": "matches", "pattern": "(a|aa)+b"},
        {"type": "json_schema", "json_schema": {"pattern": "(a+)+$"}},
        {"type": "number", "value": 1, "unit": "m"},
    ],
)
def test_no_text_can_hang_a_check(check):
    """Python's engine would need 2^50,000 steps for the first of these."""
    for text in ("a" * 50_000 + "!", '"' + "a" * 50_000 + '!"', "1" * 50_000, "1,111" * 10_000, "1 " + "m*" * 25_000):
        start = time.process_time()
        assert judge(check, "", text) == -math.inf
        assert time.process_time() - start < 2


def test_the_last_quantity():
    assert last_quantity("from 1 m to 1,200.5 m, that is -1.2e3 km/h.") == (-1200.0, "km/h")
    assert last_quantity("2 + 2 = 4") == (4.0, None)
    assert last_quantity("none") is None
