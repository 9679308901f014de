"""The example that follows a state, run as a user would and without what it can do without."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from burnish import Burnish
from tests.service.harness import in_memory, serving

SCRIPT = Path(__file__).parents[2] / "examples" / "assimilating.py"


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location(SCRIPT.stem, SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, SCRIPT.stem, module)
    spec.loader.exec_module(module)
    return module


def test_without_matplotlib(
    example: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.chdir(tmp_path)
    with serving(in_memory()) as service:
        code = example.main(["--url", service.url, "--observations", "6", "--every", "0.01"])
    out = capsys.readouterr().out
    assert code == 0, out
    assert "no picture: matplotlib is not installed" in out
    assert len([line for line in out.splitlines() if line.endswith("|")]) == 6
    assert not any(tmp_path.iterdir())


def test_what_it_hides_moves_by_the_law_that_it_states(example: ModuleType) -> None:
    """Residuals of steps and observations have the variances that the job is told."""
    truth, seen = example.hidden(2_000, 1)
    moved = truth[:-1].T
    for _ in range(example.SUBSTEPS):
        moved = example.stepped(moved)
    for found, stated in ((truth[1:] - moved.T, example.NOISE), (seen - truth, example.BLUR)):
        # One standard error of the variance of 2,000 normal numbers is 3.2 %.
        assert np.var(found, axis=0) == pytest.approx(stated, rel=0.16)
        assert np.abs(found.mean(axis=0)).max() < 5 * (stated / 2_000) ** 0.5


@pytest.mark.slow
def test_as_a_user_would(example: ModuleType, tmp_path: Path) -> None:
    """Without arguments: what it posts and prints is what the service has, and its picture is one."""
    truth, seen = example.hidden(40, 63)
    with serving(in_memory()) as service:
        environment = {**os.environ, "BURNISH_BASE_URL": service.url, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [sys.executable, str(SCRIPT)], capture_output=True, text=True, timeout=120, env=environment, cwd=tmp_path
        )
        assert done.returncode == 0, done.stdout + done.stderr
        with Burnish(service.url) as client:
            (found,) = client.list()
            answers = list(found.refinements())
            assert found.observations() == seen.tolist()
    assert (found.status, found.stopped_by) == ("completed", "observations")
    assert [answer.observation for answer in answers] == list(range(40))
    mean, std = (np.array([answer.part(name).value for answer in answers]) for name in ("mean", "std"))
    filtered, raw = (float(np.sqrt(np.mean((each - truth) ** 2))) for each in (mean, seen))
    assert f"observations {raw:.2f}, filtered mean {filtered:.2f}" in done.stdout
    assert f"observations: {answers[-1].part('log_evidence').value:.2f} [" in done.stdout
    assert filtered < 0.6 * raw
    assert np.mean(((mean - truth) / std) ** 2) < 2, "errors are what the filter says they are"
    assert (tmp_path / "assimilating.png").read_bytes().startswith(b"\x89PNG")
    assert len(list(tmp_path.iterdir())) == 1
