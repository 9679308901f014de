"""Kind `reasoning` through the SDK: what may be said in short, answers by name, and the paths of a chain."""

from __future__ import annotations

import inspect
import textwrap
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnish import AsyncBurnish, Burnish, Reasoned, Refinement, specify
from burnish.reasoned import Move
from burnish.wire import OutputPart, ReasoningSpec
from burnish_workers.kinds.reasoning.statistics import decided

TREE: dict[str, Any] = {
    "type": "tree",
    "value": 0.3,
    "steps": [
        {
            "step": "add",
            "value": 0.5,
            "steps": [
                {"step": "so 12", "value": 0.2, "answer": "12"},
                {"step": "so 13", "value": 0.05, "answer": "13"},
            ],
        },
        {"step": "multiply", "chance": 2, "value": 0.1, "answer": "112"},
    ],
}
EXACT = {"12": 0.2 / 6, "13": 0.05 / 6, "112": 0.1 * 2 / 3}
"""pi_ref tau of the ends, up to a factor."""
ASKED: dict[str, Any] = {"problem": TREE, "budget": {"tokens": 20_000}, "seed": 7}


def table(
    values: list[float | None], limits: list[tuple[float | None, float | None]] | None = None, **said: Any
) -> Refinement:
    names = [f"a{i}" for i in range(len(values))]
    interval = limits and {
        "lower": [low for low, _ in limits],
        "upper": [high for _, high in limits],
        "level": 0.95,
        "kind": "fixed",
        "joint": False,
        "blocks": 4,
    }
    return Refinement.model_validate(
        {
            "blocks": 4,
            "replicates": 16,
            "estimate": {"value": values, "standard_error": [None] * len(values)},
            "interval": interval,
            "layout": [OutputPart.together("chance", 0, [len(values)])],
            "spent": {"tokens": 90, "verifier_calls": 30},
            "digest": "sha256:0",
            "diagnostics": {"answers": names} | said,
        }
    )


def test_what_is_said_in_short() -> None:
    asked = specify.reasoning(model="dyck", prompt="((", budget={"tokens": 9}, verifier="constant", chains=None)
    assert asked == {
        "kind": "reasoning",
        "problem": {"type": "language", "model": "dyck", "prompt": "(("},
        "budget": {"tokens": 9},
        "verifier": {"values": {"type": "constant"}},
    }
    turns = [{"role": "user", "content": "12 + 34?"}]
    served = specify.reasoning(model="m", prompt=turns, url="http://127.0.0.1/v1", budget={"tokens": 9})
    assert served["problem"] == {
        "type": "server",
        "url": "http://127.0.0.1/v1",
        "model": "m",
        "messages": [{"role": "user", "content": "12 + 34?"}],
    }
    for spec in (asked, served, specify.reasoning(problem=TREE, budget={"tokens": 9})):
        ReasoningSpec.model_validate(spec)


@pytest.mark.parametrize(
    ("given_", "why"),
    [
        ({"prompt": "(("}, "give either problem"),
        ({"problem": TREE, "model": "dyck"}, "give either problem"),
        ({"problem": TREE, "prompt": "(("}, "prompt goes with model"),
        ({"problem": TREE, "url": "http://x/v1"}, "url goes with model"),
        ({"model": "dyck"}, "model 'dyck' needs a prompt"),
    ],
)
def test_a_problem_is_stated_once(given_: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        specify.reasoning(**given_)


# what a refinement says


def test_answers_by_chance_and_the_others_last() -> None:
    last = table([0.1, 0.5, 0.4], [(0.0, 0.2), (0.3, 0.7), (0.2, 0.6)], answers=["x", "y", "other"], leader="y")
    found = Reasoned.of(last)
    assert list(found.answers) == ["y", "x", "other"]
    assert (found.answers["y"].value, found.answers["y"].lower, found.answers["y"].upper) == (0.5, 0.3, 0.7)
    assert (found.leader, found.decided, found.tokens, found.verifier_calls) == ("y", False, 90, 30)


def test_between_looks_the_interval_is_that_of_the_last_one() -> None:
    looked = table([0.8, 0.2], [(0.6, 1.0), (0.0, 0.4)])
    between = table([0.7, 0.3])
    assert not Reasoned.of(between).decided
    assert Reasoned.of(between).answers["a0"].lower is None
    found = Reasoned.of(between, looked.interval)
    assert (found.answers["a0"].value, found.answers["a0"].lower, found.decided) == (0.7, 0.6, True)


limit = st.none() | st.tuples(st.floats(-0.2, 1.2), st.floats(0, 0.6))


@given(st.lists(limit, min_size=1, max_size=5))
def test_decided_is_what_ends_a_job(centres: list[tuple[float, float] | None]) -> None:
    value = np.array([np.nan if c is None else c[0] for c in centres])
    half = np.array([np.nan if c is None else c[1] for c in centres])
    limits = [
        (None, None) if c is None else (float(v - h), float(v + h))
        for c, v, h in zip(centres, value, half, strict=True)
    ]
    assert Reasoned.of(table([0.1] * len(centres), limits)).decided == decided(value, half)


def test_other_kinds_have_no_table(make) -> None:
    surrogate = Refinement.model_validate(make.refinement(2, (0.5,)))
    with pytest.raises(LookupError, match="no table of chances"):
        Reasoned.of(surrogate)
    with pytest.raises(LookupError, match="its parts: chance"):
        Reasoned.of(table([0.5], answers=["x", "y"]))


# paths


words = st.lists(st.sampled_from("abcdef"), min_size=1, max_size=6)


def moves_of(paths: list[list[str]]) -> list[Move]:
    found = list[Move]()
    for old, new in pairwise(paths):
        kept = next((k for k, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
        found.append(Move(kept=kept, rolled_back=old[kept:], accepted=new[kept:]))
    return found


@given(st.lists(words, min_size=2, max_size=8))
def test_paths_come_back_from_moves(paths: list[list[str]]) -> None:
    """Up to the steps that all of the moves kept, which none of them names."""
    moves = moves_of(paths)
    found = Reasoned.of(table([1.0], tree=[move.model_dump() for move in moves]))
    unknown = min(move.kept for move in moves)
    assert found.paths == [[None] * unknown + path[unknown:] for path in paths]
    assert found.path == found.paths[-1]


def test_no_moves_no_path() -> None:
    assert Reasoned.of(table([1.0])).paths == []
    assert Reasoned.of(table([1.0])).path == []


# whole jobs


def test_an_answer_by_name(client: Burnish) -> None:
    job = client.reasoning(**ASKED)
    assert job.reasoned is None or job.reasoned.answers
    found = job.wait().reasoned
    assert found is not None
    total = sum(EXACT.values())
    assert set(found.answers) == set(EXACT)
    for name, chance in found.answers.items():
        assert chance.lower is not None
        assert chance.upper is not None
        assert chance.lower <= EXACT[name] / total <= chance.upper
    assert found.best is not None
    assert (found.best.answer, found.best.steps) == ("12", ["add", "so 12"])
    assert found.path in (["add", "so 12"], ["add", "so 13"], ["multiply"])
    assert found.tokens == job.spent.tokens >= 20_000
    assert [depth.depth for depth in found.gauge] == [0, 1]
    chance = job.part("chance")
    assert sorted(chance.value) == sorted(c.value for c in found.answers.values() if c.value is not None)


def test_thinking_longer_by_tokens(client: Burnish) -> None:
    job = client.reasoning(**{**ASKED, "budget": {"tokens": 2_000}}).wait()
    assert job.extend(tokens=2_000).wait().spent.tokens >= 4_000
    assert job.extend(verifier_calls=job.spent.verifier_calls + 50).wait().stopped_by in ("tokens", "verifier_calls")


def test_early_stop_is_decided(client: Burnish) -> None:
    certain = {"type": "tree", "steps": [{"step": "yes", "chance": 9, "value": 1}, {"step": "no", "value": 1}]}
    job = client.reasoning(problem=certain, budget={"tokens": 10**6, "seconds": 60}, early_stop=True, seed=5).wait()
    found = job.reasoned
    assert found is not None
    assert (job.stopped_by, found.leader, found.decided) == ("settled", "yes", True)


async def test_the_same_with_await() -> None:
    async with AsyncBurnish.local(workers=1) as client:
        job = await (await client.reasoning(**ASKED)).wait()
        assert job.reasoned is not None
        await (await job.extend(tokens=500)).wait()


def test_the_example_of_the_docstring(capsys: pytest.CaptureFixture[str]) -> None:
    text = inspect.getdoc(Burnish.reasoning) or ""
    code = textwrap.dedent("\n".join(line for line in text.splitlines() if line.startswith("    ")))
    with Burnish.local(workers=1) as client:
        exec(compile(code, "docstring", "exec"), {"client": client})
    assert "take" in capsys.readouterr().out
