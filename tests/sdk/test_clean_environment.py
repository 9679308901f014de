"""The SDK alone, installed into an empty environment: small, and enough."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

SDK = Path(__file__).parents[2] / "clients" / "python"
HEAVY = ("ray", "torch", "numpy", "scipy", "fastapi", "redis", "typer", "rich", "burnish_workers", "burnish_service")
CHECK = f"""
import importlib.util, sys
import burnish, burnish.wire
client = burnish.Burnish(max_retries=0)
burnish.AsyncBurnish
assert burnish.__version__
present = [name for name in {HEAVY!r} if importlib.util.find_spec(name) or name in sys.modules]
assert not present, present
try:
    client.health()
except burnish.Unreachable:
    pass
"""


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "BURNISH"))}
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, env=bare, check=False)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("clean")
    venv.create(place, with_pip=True)
    binaries = place / ("Scripts" if sys.platform == "win32" else "bin")
    if run(binaries / "python", "-m", "pip", "install", "--quiet", "httpx2", "pydantic").returncode:
        pytest.skip("no package index can be reached")
    done = run(binaries / "python", "-m", "pip", "install", "--quiet", SDK)
    assert done.returncode == 0, done.stderr
    return binaries


@pytest.mark.slow
def test_it_needs_nothing_heavy(home: Path) -> None:
    done = run(home / "python", "-W", "error", "-c", CHECK)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_command_says_what_it_lacks(home: Path) -> None:
    done = run(home / "burnish", "list")
    assert (done.returncode, done.stdout) == (2, "")
    assert "pip install 'burnish[cli]'" in done.stderr


@pytest.mark.slow
def test_its_types_are_shipped(home: Path) -> None:
    where = run(home / "python", "-c", "import burnish; print(burnish.__path__[0])").stdout.strip()
    assert (Path(where) / "py.typed").is_file()
