"""`burnish run posterior`: how options become a spec, and what is said of options that do not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from burnish import cli_app, cli_posterior_spec, wire
from burnish.cli_spec import BadOption

MASK = [[1, 1], [0, 0]]
BASE: dict[str, Any] = {"prior": "digits", "y": "0.5,-1", "sigma": "0.3", "seconds": 5.0}


def build(**given: Any) -> dict[str, Any]:
    """As the command does, with uploads that answer by the name of the file."""
    return cli_posterior_spec.build(given, lambda path: f"sha256:{path.name}", lambda path: f"sha256:{path.name}")


def test_inpainting(tmp_path: Path) -> None:
    (tmp_path / "mask.json").write_text(json.dumps(MASK))
    spec = build(**BASE, inpaint=str(tmp_path / "mask.json"), label=3, steps=20, particles=64, seed=7)
    assert spec == {
        "kind": "posterior",
        "prior": {"name": "digits", "label": 3},
        "observation": {"operator": {"type": "inpaint", "mask": MASK}, "y": [0.5, -1.0], "sigma": 0.3},
        "chain": {"steps": 20},
        "particles": 64,
        "budget": {"seconds": 5.0},
        "seed": 7,
    }
    wire.PosteriorSpec.model_validate(spec)


@pytest.mark.parametrize(
    ("given", "operator"),
    [
        ({}, {"type": "identity"}),
        ({"matrix": "a.npy"}, {"type": "matrix", "matrix": {"array": "sha256:a.npy"}}),
        ({"kernel": "k.safetensors"}, {"type": "blur", "kernel": {"array": "sha256:k.safetensors"}}),
        ({"blur": 0.7}, {"type": "blur", "width": 0.7}),
        ({"downsample": 2}, {"type": "downsample", "factor": 2}),
        ({"project": 5}, {"type": "projection", "rows": 5}),
        ({"see": ["x**2"]}, {"type": "expression", "expression": "x**2"}),
        ({"see": ["x[0]", "x[1]"]}, {"type": "expression", "expression": ["x[0]", "x[1]"]}),
        ({"see_model": "h.pt2"}, {"type": "model", "model": "sha256:h.pt2"}),
        ({"see_model": "sha256:7"}, {"type": "model", "model": "sha256:7"}),
    ],
)
def test_what_is_observed(given: dict[str, Any], operator: dict[str, Any]) -> None:
    assert build(**BASE, **given)["observation"]["operator"] == operator


def test_how_it_is_sampled() -> None:
    spec = build(
        **BASE,
        guidance="kalman",
        strength=0.5,
        potential="twist",
        tempering="adaptive",
        scheduler="ddim",
        eta=0.5,
        method="smc",
        output=["mean", "samples"],
        quantile=[0.5],
    )
    assert spec["guidance"] == {"type": "kalman", "strength": 0.5}
    assert spec["potential"] == {"type": "twist", "tempering": "adaptive"}
    assert spec["chain"] == {"scheduler": "ddim", "eta": 0.5}
    assert (spec["method"], spec["outputs"], spec["quantiles"]) == ("smc", ["mean", "samples"], [0.5])


def test_mixtures_rewards_and_classes(tmp_path: Path) -> None:
    means, whole = tmp_path / "means.json", tmp_path / "mixture.json"
    means.write_text("[[0, 1], [2, 3]]")
    whole.write_text('{"means": [[0, 1]], "variance": 2}')
    spec = build(mixture=str(means), reward="sum(x)", temperature=0.5, units=100)
    assert (spec["prior"], spec["budget"]) == ({"mixture": {"means": [[0, 1], [2, 3]]}}, {"units": 100})
    assert spec["reward"] == {"expression": "sum(x)", "temperature": 0.5}
    assert build(mixture=str(whole), reward_model="r.pt2", units=1)["prior"]["mixture"]["variance"] == 2
    found = build(prior="digits", classifier="c.pt2", class_=3, units=1)
    assert found["condition"] == {"classifier": "sha256:c.pt2", "label": 3}


def test_options_go_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "spec.json"
    file.write_text(json.dumps({"kind": "posterior", "prior": {"name": "digits"}, "chain": {"steps": 9, "eta": 0.5}}))
    spec = build(spec=str(file), reward="sum(x)", steps=20, label=1, units=5)
    assert spec["prior"] == {"name": "digits", "label": 1}
    assert spec["chain"] == {"steps": 20, "eta": 0.5}


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, "no prior; give --prior NAME.*\nnothing to condition on; give --y.*\nno budget; give --seconds"),
        ({**BASE, "mixture": "m.json"}, "--prior and --mixture exclude each other"),
        ({**BASE, "blur": 1.0, "downsample": 2}, "--blur and --downsample exclude each other"),
        ({**BASE, "sigma": None}, "needs --sigma"),
        ({**BASE, "y": None}, "needs --y"),
        ({**BASE, "y": "1,b"}, "--y must be numbers separated by commas, or a file .*, got '1,b'"),
        ({**BASE, "inpaint": "/nowhere.json"}, "--inpaint /nowhere.json: No such file"),
        ({**BASE, "reward": "x", "reward_model": "r"}, "--reward and --reward-model exclude each other"),
        ({**BASE, "temperature": 2.0}, "--temperature belongs to a reward"),
        ({**BASE, "classifier": "c.pt2"}, "--classifier and --class go together"),
    ],
)
def test_options_that_make_no_request(given: dict[str, Any], why: str) -> None:
    with pytest.raises(BadOption, match=f"(?s){why}"):
        build(**given)


def test_posted_and_watched(server, make, capsys) -> None:
    server.play(make.ok(make.job("queued", kind="posterior"), 202))
    options = ["--prior", "digits", "--y", "1,2", "--sigma", "0.3", "--units", "9", "--no-wait"]
    assert cli_app.run(["--url", server.url, "run", "posterior", *options]) == 0
    assert json.loads(server.seen[0].body)["observation"] == {
        "operator": {"type": "identity"},
        "y": [1, 2],
        "sigma": 0.3,
    }
    assert capsys.readouterr().out == "job_1\n"


def test_a_file_that_is_not_there_is_2(capsys) -> None:
    options = ["--prior", "digits", "--y", "/nowhere.npy", "--sigma", "0.3", "--units", "9"]
    assert cli_app.run(["run", "posterior", *options]) == 2
    assert "/nowhere.npy: no such file" in capsys.readouterr().err
