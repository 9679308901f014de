"""Every JSON of the how-to and of the page on models is posted, and accepted."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .harness import QUICK, Service

DOCS = Path(__file__).parents[2] / "docs"
TEXT = "".join((DOCS / name).read_text("utf-8") for name in ("how-to.md", "models.md"))
POSTS = re.findall(r"<!-- POST (\S+) -->\n```json\n(.*?)```", TEXT, re.DOTALL)
FED = {"kind": "tracking", "budget": {"seconds": 5}, "observations": [[0.1], [0.2]]}
"""A job that waits for its third observation."""


def test_all_are_found() -> None:
    assert len(POSTS) == TEXT.count("```json") >= 4


@pytest.mark.parametrize(("path", "body"), POSTS, ids=[path for path, _ in POSTS])
def test_posted(memory_service: Service, path: str, body: str) -> None:
    job = ""
    if "{job}" in path:
        job = memory_service.create(FED)["id"] if "observations" in path else memory_service.run(QUICK)["id"]
    headers = {"content-type": "application/json"}
    reply = memory_service.client.post(path.replace("{job}", job), content=body, headers=headers)
    assert reply.status_code in (200, 202), reply.text
    if path == "/v1/jobs":
        assert memory_service.finished(reply.json()["id"])["last_refinement"]["interval"] is not None
