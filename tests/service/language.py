"""A tiny language model that services of these tests know, and questions to it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ..kinds.tiny_language import write_tiny
from .harness import PATIENCE, Service

NAME, NEVER = "tiny", "never"
"""`never`: no text of it passes its check, that of a sum, which no question here asks for."""
CARD = {
    "summary": "a model for tests",
    "steps": {"stops": [";"], "tokens": 4},
    "answer": {"type": "last_step"},
    "max_steps": 3,
    "prompts": ["ab"],
}
ASKED: list[Any] = [{"role": "user", "content": "ab"}]
SMALL: dict[str, Any] = {"burnish": {"chains": 8, "budget_tokens": 1_500, "early_stop": False}}
"""A budget of about a second."""
ENDLESS: dict[str, Any] = {"burnish": {"chains": 8, "budget_tokens": 10**9, "early_stop": False}}


@pytest.fixture(scope="module", autouse=True)
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Registered for the tests of a module."""
    folder: Path = tmp_path_factory.mktemp("language")
    cards = {NAME: CARD, NEVER: {**CARD, "check": {"type": "arithmetic"}}}
    paths = [f"{name}={write_tiny(folder / name, card=card)}" for name, card in cards.items()]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BURNISH_LANGUAGE_MODELS", ",".join(paths))
        yield NAME


def sampled(job: dict[str, Any]) -> int:
    """All tokens that a model drew for a job."""
    return job["spent"]["tokens"] + job["last_refinement"]["diagnostics"]["pilot_tokens"]


def newest(service: Service) -> dict[str, Any]:
    """The last job that was created."""
    return service.client.get("/v1/jobs", params={"limit": 1}).json()["data"][0]


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def ends(service: Service, job: str, status: str) -> None:
    until(lambda: service.get(job)["status"] == status)
