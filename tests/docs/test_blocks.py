"""Every block of code on every page does what it says."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pytest

from burnish_workers.engine.sockets import free_port
from tests.service.harness import QUICK, Service, in_memory, serving

from .blocks import CODE, WORDS, Block, blocks, commands, execute, here, program

ALL = blocks()
FED = {"kind": "tracking", "budget": {"seconds": 5}, "observations": [[0.1], [0.2]]}
"""A job that waits for its third observation."""


def _params(found: list[Block]) -> object:
    marks = [pytest.mark.slow] if any("slow" in block.notes for block in found) else []
    return pytest.param(found, marks=marks, id=found[0].name)


def _by_page(language: str) -> list[object]:
    mine = [block for block in ALL if block.run and block.language == language]
    return [_params(list(group)) for _, group in groupby(mine, key=lambda block: block.page)]


POSTS = [block for block in ALL if block.run and block.language == "json"]
SHELL = [_params([block]) for block in ALL if block.run and block.language in ("bash", "console")]


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """It may send webhooks to a port where pages can listen."""
    with pytest.MonkeyPatch.context() as patch:
        port = free_port()
        patch.setenv("HOOK_PORT", str(port))
        patch.setenv("BURNISH_OUTBOUND", f"127.0.0.1:{port}")
        with serving(in_memory()) as service:
            yield service


@pytest.fixture(scope="module")
def job(service: Service) -> str:
    """A job that has ended and can be watched, extended, verified."""
    spec = {
        "kind": "surrogate",
        "problem": {"name": "hjb-log", "dim": 4},
        "points": [{"x": 0.1}],
        "budget": {"units": 4000},
        "seed": 1,
    }
    return service.run(spec)["id"]


def test_pages_have_blocks_of_every_language() -> None:
    assert {block.language for block in ALL if block.run} == set(CODE)


def test_every_block_is_run_or_says_why_not() -> None:
    unknown = {block.name: block.language for block in ALL if block.language not in (*CODE, *WORDS)}
    assert not unknown, f"languages of blocks are {', '.join(CODE)}, and text"
    assert not [block.name for block in ALL if block.notes.get("not run:") == ""], "a reason is missing"
    lost = [block.name for block in ALL if block.language == "json" and block.run and "POST" not in block.notes]
    assert not lost, "say where this JSON is posted: <!-- POST /v1/jobs -->"


def test_what_is_typed_is_told_from_what_is_answered() -> None:
    console = "$ one --a 'b\nc'   # it's\nanswer\n$ two \\\n  three\nmore\n"
    assert commands(console) == "one --a 'b\nc'   # it's\ntwo \\\n  three\n"
    with pytest.raises(ValueError, match="no end"):
        commands("$ echo 'open\n")


def test_code_is_turned_to_the_service_of_the_test() -> None:
    code = 'burnish watch JOB --seconds 30; {"seconds": 1} http://127.0.0.1:8000/v1'
    assert here(code, "http://h:1", "job_7") == 'burnish watch job_7 --seconds 2; {"seconds": 1} http://h:1/v1'
    assert here("--tokens 40000, tokens=9_000, seconds=5", "", "") == "--tokens 8000, tokens=8000, seconds=2"


@pytest.mark.parametrize("block", POSTS, ids=[block.name for block in POSTS])
def test_json_is_accepted(service: Service, block: Block) -> None:
    path, job = block.notes["POST"], ""
    if "{job}" in path:
        job = service.create(FED)["id"] if "observations" in path else service.run(QUICK)["id"]
    headers = {"content-type": "application/json"}
    reply = service.client.post(path.replace("{job}", job), content=block.code, headers=headers)
    assert reply.status_code in (200, 202), reply.text
    if path == "/v1/jobs":
        assert service.finished(reply.json()["id"])["last_refinement"]["interval"] is not None


@pytest.mark.parametrize("found", _by_page("python"))
def test_python_runs(service: Service, job: str, found: list[Block], tmp_path: Path) -> None:
    done = execute("python", program(found, service.url, job), service.url, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("found", SHELL)
def test_commands_run(service: Service, job: str, found: list[Block], tmp_path: Path) -> None:
    done = execute("bash", program(found, service.url, job), service.url, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
