"""The examples of kinds `posterior` and `reasoning` do what they say, against a service on a real port."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from ..service.harness import in_memory, serving

EXAMPLES = Path(__file__).parents[2] / "examples"


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_inpainting(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "digit.png"
    with serving(in_memory()) as service:
        arguments = ["--url", service.url, "--seconds", "12", "--picture", str(picture)]
        assert example("inpainting").main(arguments) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    out = capsys.readouterr().out
    assert "truth               mean                std" in out
    assert "missing half (root mean squares)" in out


@pytest.mark.slow
def test_reward_tilting(capsys: pytest.CaptureFixture[str]) -> None:
    with serving(in_memory()) as service:
        assert example("reward_tilting").main(["--url", service.url, "--seconds", "10"]) == 0
    assert capsys.readouterr().out.count("exactly") == 3


def test_reasoning(capsys: pytest.CaptureFixture[str]) -> None:
    with serving(in_memory()) as service:
        assert example("reasoning").main(["--url", service.url, "--tokens", "60000"]) == 0
    out = capsys.readouterr().out
    assert out.count("exactly") == 4
    assert "gauge at depth 1" in out
