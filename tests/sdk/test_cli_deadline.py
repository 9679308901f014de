"""`--deadline`: a time from now or a moment, a promise that is kept, one that is refused with what could be."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from burnish import Burnish, DeadlineNotMet, cli_app, cli_posterior_spec, cli_reasoning_spec, cli_spec, wire, words
from burnish.cli_base import moment
from tests.service.harness import in_memory, serving

JOB = ["--dim", "2", "--horizon", "0.3", "--diffusion", "1", "--terminal", "exp(-norm2(x))", "--x", "0", "--seed", "1"]
AT = "2099-01-01T00:00:00Z"


@pytest.fixture(scope="module")
def url():
    with serving(in_memory()) as service:
        yield service.url


def run(url: str, capsys, *arguments: str) -> tuple[int, str, str]:
    code = cli_app.run(["--url", url, "run", "surrogate", *JOB, *arguments])
    out, err = capsys.readouterr()
    return code, out, err


@pytest.mark.parametrize(("text", "ahead"), [("90s", 90), ("10min", 600), ("1.5 h", 5_400), ("2d", 172_800)])
def test_a_time_from_now(text: str, ahead: float) -> None:
    found = moment(text)
    assert found is not None
    assert (datetime.fromisoformat(found) - datetime.now(UTC)).total_seconds() == pytest.approx(ahead, abs=5)
    assert wire.Budget(deadline=found).deadline == found


@pytest.mark.parametrize("text", [None, AT, "tomorrow", "90", "-5s"])
def test_anything_else_is_left_to_the_service(text: str | None) -> None:
    assert moment(text) == text


def test_further_than_calendars_go(url: str, capsys) -> None:
    code, _, err = run(url, capsys, "--rel-tol", "0.1", "--deadline", "99999999d")
    assert (code, err) == (2, "burnish: --deadline 99999999d: further ahead than calendars go\n")


def test_every_kind_takes_one() -> None:
    asked = cli_spec.Asked(problem="p", x=["0"], deadline=AT)
    sampled = {"prior": "digits", "reward": "sum(x)", "deadline": AT}
    specs = [
        cli_spec.build(asked, list),
        cli_posterior_spec.build(sampled, str, str),
        cli_reasoning_spec.build({"numbers": "1,2,3", "target": 3, "deadline": AT}),
    ]
    assert [spec["budget"] for spec in specs] == [{"deadline": AT}] * 3


def test_promised_and_kept(url: str, capsys) -> None:
    code, out, _ = run(url, capsys, "--rel-tol", "0.05", "--deadline", "5min")
    assert code == 0
    assert "stopped by tolerance" in out
    assert re.search(r"^  ±5 % promised by 20\S+Z: kept$", out, re.MULTILINE)


def test_refused_with_options_that_can_be_promised(url: str, capsys) -> None:
    code, _, err = run(url, capsys, "--abs-tol", "1e-6", "--deadline", "10s")
    assert code == 2
    assert err.startswith("burnish: 409 Deadline cannot be met: ")
    found = re.search(r"^  what can be promised: --abs-tol (\S+), or --deadline (20\S+Z)$", err, re.MULTILINE)
    assert found is not None, err
    assert float(found[1]) > 1e-6
    assert datetime.fromisoformat(found[2]) > datetime.now(UTC)


def test_the_error_brings_what_can_be_promised(url: str) -> None:
    problem = {"horizon": 0.3, "diffusion": "1", "terminal": "exp(-norm2(x))", "dim": 2}
    budget = wire.Budget(abs_tol=1e-6, deadline=moment("10s"))
    with Burnish(url) as client, pytest.raises(DeadlineNotMet) as refused:
        client.surrogate(problem=problem, points=[[0.0, 0.0]], budget=budget, seed=1)
    assert refused.value.status == 409
    assert refused.value.reachable is not None
    assert refused.value.reachable.abs_tol is not None
    assert refused.value.reachable.abs_tol > 1e-6
    assert refused.value.earliest is not None


def test_no_moment_is_named_by_the_service(url: str, capsys) -> None:
    code, _, err = run(url, capsys, "--rel-tol", "0.1", "--deadline", "tomorrow")
    assert code == 2
    assert "/budget/deadline" in err
    assert "write RFC 3339 with an offset" in err


@pytest.mark.parametrize(
    ("reachable", "earliest", "said"),
    [
        (None, None, ""),
        (None, AT, f"--deadline {AT}"),
        (wire.Reachable(rel_tol=0.2), None, "--rel-tol 0.2"),
        (wire.Reachable(abs_tol=2e-5, rel_tol=0.2), AT, f"--abs-tol 2e-05 --rel-tol 0.2, or --deadline {AT}"),
    ],
)
def test_what_can_be_promised(reachable: wire.Reachable | None, earliest: str | None, said: str) -> None:
    assert words.promisable(reachable, earliest) == said
