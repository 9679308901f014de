"""The examples of every way in do what they say: curl, command line, Python, asynchronous Python, OpenAI's client."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.service.harness import Service, in_memory, serving

from .blocks import ROOT, execute

WAYS = ROOT / "examples" / "ways"
SAYS = {
    "curl-surrogate.sh": '"stopped_by": "seconds"',
    "curl-posterior.sh": "log_evidence",
    "curl-reasoning.sh": '"status": "completed"',
    "cli-surrogate.sh": "completed",
    "cli-posterior.sh": "completed",
    "cli-reasoning.sh": "completed",
    "python_surrogate.py": "replayed:",
    "python_posterior.py": "samples.safetensors:",
    "python_reasoning.py": "leader:",
    "async_kinds.py": "reasoning: completed by",
    "openai_client.py": "completed",
}
"""What must be in the output of each."""


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with serving(in_memory()) as service:
        yield service


def test_all_are_run() -> None:
    assert {path.name for path in WAYS.iterdir() if path.suffix in (".py", ".sh")} == set(SAYS)


@pytest.mark.slow
@pytest.mark.parametrize("name", SAYS)
def test_it_runs(service: Service, name: str) -> None:
    call = f"{sys.executable} {name}" if name.endswith(".py") else f"./{name}"
    done = execute("bash", call, service.url, WAYS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert SAYS[name] in done.stdout, done.stdout
