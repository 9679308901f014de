"""Process reward models behind HTTP: their values, and what they may not answer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from burnish_workers.core.kind import SpecError
from burnish_workers.kinds.reasoning.oracle import BadValue, Oracle
from burnish_workers.kinds.reasoning.outbound.faults import ServerFault
from burnish_workers.kinds.reasoning.protocols import Look
from burnish_workers.kinds.reasoning.requests import Grow
from burnish_workers.kinds.reasoning.source import Random
from burnish_workers.kinds.reasoning.texts import step_of, text_of
from burnish_workers.kinds.reasoning.verifiers.http import RewardModel

from .outbound_cases import Start
from .stand_in import StandIn, breaks_off, says
from .test_reasoning_servers import backend

SOURCE = Random(np.random.default_rng(3))


def words(prefix: Any) -> list[str]:
    return [text_of(step) for step in prefix]


def verifier(stand_in: StandIn, **more: Any) -> RewardModel:
    return RewardModel(f"{stand_in.url}/values", {"prompt": "go: "}, words, **more)


def look(*steps: str, leaf: bool = False) -> Look:
    return Look(tuple(step_of(step, ended=False) for step in steps), leaf, SOURCE)


def test_values_are_those_of_the_server_in_batches(start: Start) -> None:
    stand_in = start(StandIn(value=lambda each: len(each["steps"]) * (2 if each["finished"] else 1)))
    found = verifier(stand_in, model="prm").log_values(
        [look("a\n", "b\n"), look("a\n", "c", leaf=True), look(), *[look("a\n")] * 100]
    )
    assert found == [math.log(2), math.log(4), -math.inf, *[0.0] * 100]
    assert sorted(len(body["inputs"]) for body in stand_in.bodies) == [39, 64]
    first = next(body for body in stand_in.bodies if len(body["inputs"]) == 64)
    assert (first["prompt"], first["model"]) == ("go: ", "prm")
    assert first["inputs"][1] == {"steps": ["a\n", "c"], "finished": True}


def test_a_noisy_one_gets_seeds(start: Start) -> None:
    stand_in = start(StandIn(value=lambda each: 1.0))
    verifier(stand_in, noisy=True).log_values([look("a\n")] * 3)
    assert len({each["seed"] for each in stand_in.bodies[0]["inputs"]}) == 3
    verifier(stand_in).log_values([look("a\n")])
    assert "seed" not in stand_in.bodies[1]["inputs"][0]


@pytest.mark.parametrize("value", [math.nan, math.inf, -0.5, None, "0.5", True, [0.5]])
def test_what_is_no_value_is_named_with_its_text(start: Start, value: Any) -> None:
    stand_in = start(StandIn(value=lambda each: value if each["steps"][-1] == "bad\n" else 0.5))
    with pytest.raises(BadValue) as error:
        verifier(stand_in).log_values([look("a\n"), look("a\n", "bad\n"), look("b\n")])
    assert f"gave {value!r} to the unfinished path 'a > bad'; values are numbers >= 0" in str(error.value)
    with pytest.raises(BadValue, match="the finished path"):
        verifier(stand_in).log_values([look("bad\n", leaf=True)])


@pytest.mark.parametrize(
    ("fault", "wanted", "what"),
    [
        (says(200, {"values": [0.5]}), ServerFault, "gave 1 values for 2 inputs"),
        (says(200, {"scores": [0.5, 0.5]}), ServerFault, "scores.* for 2 inputs"),
        (says(200, [0.5, 0.5]), ServerFault, "for 2 inputs"),
        (says(200, b"0.5 0.5"), ServerFault, "no JSON"),
        (says(503, b""), ServerFault, "status 503"),
        (breaks_off, ServerFault, "broke off"),
        (says(422, {"detail": "no such model"}), SpecError, "no such model"),
    ],
)
def test_faults_are_named(start: Start, fault: Any, wanted: type[Exception], what: str) -> None:
    stand_in = start(StandIn(always=fault))
    with pytest.raises(wanted, match=what) as error:
        verifier(stand_in).log_values([look("a\n"), look("b\n")])
    assert f"{stand_in.url}/values" in str(error.value)
    if isinstance(error.value, SpecError):
        assert error.value.pointer == "/verifier/url"


def test_it_steers_with_steps_of_another_server(start: Start) -> None:
    """Values of children: those of texts with a b are 0, floored before the end and kept at it."""
    steps, values = start(StandIn()), start(StandIn(value=lambda each: float("b\n" not in each["steps"])))
    found = backend(steps)
    oracle = Oracle(found, RewardModel(f"{values.url}/values", {"prompt": "go: "}, found.words))
    (children,) = oracle.run(_grow())
    by_text = {text_of(child.step): child for child in children}
    assert set(by_text) == {"a\n", "b\n", "c"}
    assert by_text["a\n"].log_value == 0.0
    assert by_text["b\n"].log_value == oracle.floor
    assert (by_text["c"].leaf, by_text["c"].log_value) == (True, 0.0)
    assert (oracle.tokens, oracle.calls) == (2 * 40, 3)


def _grow() -> Any:
    replies = yield [Grow((), 40, SOURCE)]
    return replies


def test_values_of_other_verifiers_are_named_with_their_text(start: Start) -> None:
    class Broken:
        noisy = False

        def log_values(self, rows: Any) -> list[float]:
            return [math.nan] * len(rows)

    oracle = Oracle(backend(start(StandIn())), Broken())
    with pytest.raises(BadValue, match=r"gave nan to the (unfinished path '[ab]'|finished path 'c')"):
        oracle.run(_grow())
