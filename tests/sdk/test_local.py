"""The service in one's own process: how it starts, how it fails, what it leaves."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from burnish import Burnish, local
from burnish_service.local import LocalService

SPEC = {"kind": "correlated", "budget": {"seconds": 600}, "seed": 1, "nap": 0.02}
UNCLOSED = """
from burnish import Burnish
client = Burnish.local(workers=1)
job = client.submit({"kind": "correlated", "budget": {"seconds": 600}, "seed": 1, "nap": 0.02})
next(iter(job.refinements()))
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_closed_with_a_job_running(temporary: Path) -> None:
    before = set(threading.enumerate())
    client = Burnish.local(workers=2)
    next(iter(client.submit(SPEC).refinements()))
    assert len(list(temporary.iterdir())) == 1
    client.close()
    client.close()
    for thread in set(threading.enumerate()) - before:
        thread.join(20)  # blocks that were running end first
    assert set(threading.enumerate()) <= before
    assert list(temporary.iterdir()) == []


def test_never_closed(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", UNCLOSED],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, list(tmp_path.iterdir())) == (0, [])


def test_two_do_not_meet() -> None:
    with Burnish.local(workers=1) as one, Burnish.local(workers=1) as other:
        job = one.submit({**SPEC, "budget": {"units": 64}}).wait()
        assert [each.id for each in one.list()] == [job.id]
        assert list(other.list()) == []


def test_a_temporary_folder_too_long_for_a_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = tmp_path / ("x" * 120)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))
    with Burnish.local(workers=1) as client:
        assert client.ready()
    assert list(long.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [("BURNISH_PORT", "many", "settings in the environment"), ("BURNISH_MAX_BODY", "1", "1024")],
)
def test_settings_that_are_wrong(
    name: str, value: str, why: str, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    before = set(threading.enumerate())
    with pytest.raises(local.LocalUnavailable, match=why):
        Burnish.local()
    assert set(threading.enumerate()) <= before
    assert list(temporary.iterdir()) == []


def test_no_workers() -> None:
    with pytest.raises(local.LocalUnavailable, match="workers is 0"):
        Burnish.local(workers=0)


def test_a_socket_that_cannot_be_bound(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def squatted() -> Path:
        (temporary / "mine" / "http").mkdir(parents=True)
        return temporary / "mine"

    monkeypatch.setattr("burnish_service.local._folder", squatted)
    before = set(threading.enumerate())
    with pytest.raises(local.LocalUnavailable, match="did not start"):
        Burnish.local(workers=1)
    assert set(threading.enumerate()) <= before
    assert list(temporary.iterdir()) == []


def test_a_runner_that_breaks_ends_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """No answer is better than jobs that are taken and never run."""

    async def broken(*given: object) -> None:
        await asyncio.sleep(0.2)
        raise RuntimeError("broken")

    monkeypatch.setattr("burnish_workers.engine.dispatcher.Dispatcher.run", broken)
    service = LocalService(workers=1)
    service._thread.join(20)
    assert not service._thread.is_alive()
    # Not through a client: its library leaves a socket open that could not connect.
    with socket.socket(socket.AF_UNIX) as client, pytest.raises(OSError):  # noqa: PT011 (refused, or no such file)
        client.connect(service.socket)
    service.close()
