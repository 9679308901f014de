"""Commands that plan, check, upload and look, against a service of their own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

import burnish
from burnish import Burnish, cli_app, wire
from tests.service.harness import Service, in_memory, serving

OWN = ["--dim", "2", "--horizon", "0.3", "--diffusion", "1", "--terminal", "exp(-norm2(x))"]
JOB = [*OWN, "--x", "0", "--units", "5000", "--seed", "1"]


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with serving(in_memory(max_body=2**20)) as service:
        yield service


@pytest.fixture
def cli(service: Service, capsys: pytest.CaptureFixture[str]):
    def run(*arguments: str) -> tuple[int, str, str]:
        code = cli_app.run(["--url", service.url, *arguments])
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


def said(out: str) -> str:
    """The last line: the service of the tests logs to the same place."""
    return out.strip().splitlines()[-1]


def started(cli, *more: str) -> str:
    code, out, _ = cli("run", "surrogate", *JOB, "--json", *more)
    assert code == 0
    return json.loads(out.splitlines()[-1])["job_id"]


def test_plan(cli) -> None:
    code, out, _ = cli("plan", "surrogate", *JOB, "--abs-tol", "0.01")
    assert code == 0
    assert "BLOCKS" in out
    assert "tolerance 0.01: met after" in out
    code, out, _ = cli("plan", "surrogate", *JOB, "--json")
    assert json.loads(said(out))["units"] >= 5000
    code, _, err = cli("plan", "surrogate", "--problem", "none", "--x", "0", "--seconds", "1")
    assert (code, "unknown name" in err) == (2, True)


def test_verify_ledger_usage_cluster(cli) -> None:
    job = started(cli)
    code, out, _ = cli("verify", job, "--index", "0")
    assert (code, "they reproduce" in out) == (0, True)
    code, out, _ = cli("ledger", job)
    assert out.splitlines()[1].split()[0] == "0"
    code, out, _ = cli("usage")
    assert "surrogate" in out
    code, out, _ = cli("cluster")
    assert "2 of 2 workers up" in out
    code, _, err = cli("verify", "job_none")
    assert (code, "no job" in err) == (2, True)


def test_canaries(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    code, out, _ = cli("canaries")
    assert (code, "none: BURNISH_CANARY_EVERY is not set" in out) == (0, True)
    assert json.loads(said(cli("canaries", "--json")[1]))["every"] == 0
    bad = {"kind": "surrogate", "level": 0.95, "runs": 9, "held": 2, "missed": 7, "calibration": 1.5, "failing": True}
    known = wire.Canaries.model_validate({"every": 90, "data": [{"name": "walk", **bad}]})
    monkeypatch.setattr(Burnish, "canaries", lambda self: known)
    code, out, err = cli("canaries")
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line}
    assert (code, "The service runs one every " in out) == (1, True)
    assert rows["walk"] == ["9", "2", "7", "0", "0", "1.50", "FAILING"]
    assert "more misses than chance brings: walk" in err


def test_a_job_that_does_not_reproduce(cli, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    job = started(cli)
    with Burnish(service.url) as client:
        verdict = client.verify(job, indices=[0])
    block = verdict.blocks[0].model_copy(update={"reproduced": False})
    wrong = verdict.model_copy(update={"reproduced": False, "blocks": [block]})
    monkeypatch.setattr(Burnish, "verify", lambda self, job, **given: wrong)
    code, out, _ = cli("verify", job)
    assert (code, "do NOT reproduce" in out) == (1, True)


def test_kinds(cli) -> None:
    code, out, _ = cli("kinds", "surrogate")
    assert (code, "An example:" in out) == (0, True)
    example = json.loads(out.partition("An example:")[2])
    assert example["kind"] == "surrogate"
    assert cli("kinds", "none")[0] == 2


def test_upload_and_name_it(cli, tmp_path: Path) -> None:
    torch.manual_seed(2)
    net = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    burnish.export(net, 2, inputs="tx", path=tmp_path / "net.pt2")
    np.save(tmp_path / "points.npy", np.zeros((2, 2)))
    code, out, _ = cli("upload", str(tmp_path / "net.pt2"))
    model = said(out)
    assert (code, model.startswith("sha256:")) == (0, True)
    assert model in cli("models")[1]
    points = ["--points-file", str(tmp_path / "points.npy"), "--units", "5000"]
    code, out, err = cli("run", "surrogate", *OWN, *points, "--surrogate", model, "--no-wait")
    assert code == 0, err
    first = said(out)
    code, out, _ = cli(
        "run", "surrogate", *OWN, *points, "--surrogate-file", str(tmp_path / "net.pt2"), "--per-output", "--no-wait"
    )
    second = said(out)
    cli("watch", first)
    cli("watch", second)
    code, _, err = cli("delete", model)
    assert (code, "delete those first" in err) == (2, True)
    code, out, _ = cli("delete", first, second, model)
    assert (code, out.count("deleted")) == (0, 3)
    assert cli("forget", said(cli("upload", "--array", str(tmp_path / "points.npy"))[1]))[0] == 0, "its old name"


def test_what_upload_says(cli, tmp_path: Path) -> None:
    bad, more = tmp_path / "bad.pt2", tmp_path / "more.npy"
    bad.write_bytes(b"PK\x03\x04 no model")
    np.save(more, np.zeros(3))
    code, out, err = cli("upload", str(more), "--array")
    assert (code, err) == (0, f"{more}: ready\n")
    id = said(out)
    assert cli("upload", str(more), "--array", "--quiet") == (0, f"{id}\n", "")
    code, out, err = cli("upload", str(more), "--array", "--json")
    assert (json.loads(out)["id"], err) == (id, "")
    assert id in cli("arrays")[1]
    code, _, err = cli("upload", str(bad))
    assert (code, "rejected: 422 Model rejected" in err, "cannot be read" in err) == (1, True, True)
    code, _, err = cli("upload", str(bad), "--array")
    assert (code, "neither .npy nor safetensors" in err) == (2, True)
    code, _, err = cli("upload", "nowhere.pt2")
    assert (code, "nowhere.pt2: no such file" in err) == (2, True)


def test_a_rejected_model_does_not_hold_up_the_others(cli, tmp_path: Path) -> None:
    torch.manual_seed(3)
    bad, good = tmp_path / "bad.pt2", tmp_path / "good.pt2"
    bad.write_bytes(b"PK\x03\x04 no model")
    burnish.export(
        torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1)), 2, inputs="tx", path=good
    )
    code, out, err = cli("upload", str(bad), str(good))
    assert (code, said(out).startswith("sha256:")) == (1, True)
    assert err.splitlines()[-2:] == [f"{good}: checking ...", f"{good}: ready"]


def test_intervals(cli) -> None:
    code, out, _ = cli("run", "surrogate", *JOB, "--interval", "bounded", "--bounds", "0,1", "--json")
    assert code == 0
    assert json.loads(out.splitlines()[-1])["interval"]["kind"] == "empirical_bernstein"
    code, _, err = cli("run", "surrogate", *JOB, "--interval", "bounded")
    assert (code, "give both or neither" in err) == (2, True)


def test_resume(cli) -> None:
    code, _, err = cli("resume", started(cli))
    assert (code, "only crashed jobs are resumed" in err) == (2, True)
