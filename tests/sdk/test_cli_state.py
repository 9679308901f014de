"""`burnish run posterior --dynamics`: a state to follow, from options."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from burnish import cli_app, cli_posterior_spec, wire
from burnish.cli_spec import BadOption

BASE: dict[str, Any] = {"dynamics": "lorenz63", "initial": "1.5,-1.5,25.5", "observe_noise": "4", "seconds": 5.0}
SPEC: dict[str, Any] = {
    "kind": "posterior",
    "dynamics": {"name": "lorenz63"},
    "initial": {"mean": [1.5, -1.5, 25.5]},
    "observe": {"noise": 4.0},
    "budget": {"seconds": 5.0},
}


def build(**given: Any) -> dict[str, Any]:
    """As the command does; what comes out is a spec of the wire."""
    spec = cli_posterior_spec.build(given, lambda path: f"sha256:{path.name}", lambda path: f"sha256:{path.name}")
    wire.PosteriorSpec.model_validate(spec)
    return spec


def test_the_least() -> None:
    assert build(**BASE) == SPEC


def test_settings_of_the_motion_and_of_the_filter(tmp_path: Path) -> None:
    seen = tmp_path / "seen.txt"
    seen.write_text("-1.3 19.1\n\n-6.2 null\n")
    given = BASE | {
        "dynamics": "lorenz63,substeps=10,noise=0.1,rho=30",
        "initial_variance": "2",
        "coordinates": "0,2",
        "observe_noise": "4,9",
        "observations": str(seen),
        "expected": 4,
        "filter": "guided,islands=16",
        "particles": 500,
        "output": ["mean"],
        "seed": 3,
    }
    assert build(**given) == {
        "kind": "posterior",
        "dynamics": {"name": "lorenz63", "substeps": 10, "noise": 0.1, "parameters": {"rho": 30}},
        "initial": {"mean": [1.5, -1.5, 25.5], "covariance": 2.0},
        "observe": {"indices": [0, 2], "noise": [4.0, 9.0]},
        "observations": [[-1.3, 19.1], None, [-6.2, None]],
        "expected": 4,
        "filter": {"method": "guided", "islands": 16, "particles": 500},
        "outputs": ["mean"],
        "budget": {"seconds": 5.0},
        "seed": 3,
    }


def test_dynamics_of_ones_own_seen_through_formulas(tmp_path: Path) -> None:
    file = tmp_path / "motion.json"
    file.write_text(json.dumps({"matrix": [[0.9]], "noise": 0.1}))
    spec = build(**BASE | {"dynamics": str(file), "initial": "0", "see": ["x[0]**2"]})
    assert spec["dynamics"] == {"matrix": [[0.9]], "noise": 0.1}
    assert spec["observe"] == {"noise": 4.0, "expression": "x[0]**2"}
    rows = tmp_path / "rows.json"
    rows.write_text("[[1, 0, 0]]")
    assert build(**BASE, matrix=str(rows))["observe"] == {"noise": 4.0, "matrix": [[1, 0, 0]]}


def test_options_go_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "spec.json"
    file.write_text(json.dumps(SPEC | {"observe": {"indices": [0], "noise": 4.0}, "filter": {"islands": 8}}))
    spec = build(spec=str(file), initial_variance="3", see=["x[0]", "x[1]"], particles=50, expected=9)
    assert spec["initial"] == {"mean": [1.5, -1.5, 25.5], "covariance": 3.0}
    assert spec["observe"] == {"noise": 4.0, "expression": ["x[0]", "x[1]"]}
    assert (spec["filter"], spec["expected"]) == ({"islands": 8, "particles": 50}, 9)
    assert "particles" not in spec


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"prior": "digits", "initial": "1"}, "--initial belongs to a state that is followed; give --dynamics"),
        ({"prior": "digits", "observe_noise": "1"}, "--observe-noise belongs to a state"),
        ({**BASE, "prior": "digits"}, "--prior belongs to a prior; with --dynamics"),
        ({**BASE, "y": "1"}, "--y belongs to a prior"),
        ({**BASE, "initial": None}, "a state to follow needs --initial"),
        ({**BASE, "observe_noise": None}, "a state to follow needs --observe-noise"),
        ({**BASE, "coordinates": "0", "see": ["x[0]"]}, "--coordinates and --see exclude each other"),
        ({**BASE, "coordinates": "first"}, "--coordinates must be whole numbers separated by commas, got 'first'"),
        ({**BASE, "dynamics": "lorenz63,fast"}, "--dynamics: settings are NAME=VALUE, got 'fast'"),
        ({**BASE, "dynamics": "noise=1"}, "--dynamics begins with a name"),
        ({**BASE, "dynamics": "/nowhere.json"}, "--dynamics /nowhere.json: no such file"),
        ({**BASE, "observations": "/nowhere.txt"}, "/nowhere.txt: no such file"),
        ({**BASE, "seconds": None}, "no budget"),
    ],
)
def test_options_that_make_no_request(given: dict[str, Any], why: str) -> None:
    with pytest.raises(BadOption, match=why):
        build(**given)


def test_followed_in_this_process(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seen = tmp_path / "seen.txt"
    seen.write_text("".join(f"{0.3 * k}\n" for k in range(4)))
    motion = tmp_path / "motion.json"
    motion.write_text(json.dumps({"matrix": [[0.9]], "noise": 0.5}))
    options = ["--dynamics", str(motion), "--initial", "0", "--observe-noise", "0.5", "--observations", str(seen)]
    budget = ["--expected", "4", "--particles", "50", "--seconds", "30", "--seed", "5", "--json"]
    assert cli_app.run(["run", "posterior", "--local", *options, *budget]) == 0
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (last["final"], last["observation"]) == (True, 3)
