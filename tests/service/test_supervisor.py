"""The supervisor starts a server again that did not come up in time, and ends what that one left behind."""

from __future__ import annotations

import ast
import os
import sys
import time
from pathlib import Path

import pytest

from burnish_service.settings import Settings
from burnish_service.supervisor import AGAIN, TRIES, supervise

SERVER = """
import pathlib, subprocess, sys, time
folder = pathlib.Path({folder!r})
tries = len(list(folder.glob("orphan-*")))
orphan = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
(folder / f"orphan-{{tries}}").write_text(str(orphan.pid))
time.sleep(0.6)  # long enough to be seen with its child
sys.exit({again} if tries < {slow} else 0)
"""


@pytest.mark.parametrize(("slow", "code", "started"), [(0, 0, 1), (2, 0, 3), (9, AGAIN, TRIES)])
def test_a_server_that_was_too_slow(tmp_path: Path, slow: int, code: int, started: int) -> None:
    script = tmp_path / "server.py"
    script.write_text(SERVER.format(folder=str(tmp_path), again=AGAIN, slow=slow))
    assert supervise(Settings(data_dir=tmp_path / "data"), (sys.executable, str(script))) == code
    orphans = [int(file.read_text()) for file in tmp_path.glob("orphan-*")]
    assert len(orphans) == started
    deadline = time.monotonic() + 10
    while any(map(_runs, orphans)):
        assert time.monotonic() < deadline, "something was left behind"
        time.sleep(0.05)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


TELLING = """
import pathlib, sys
told = pathlib.Path("/proc/self/cmdline").read_text(), pathlib.Path("/proc/self/environ").read_text()
pathlib.Path({file!r}).write_text(repr((*told, sys.stdin.read())))
"""


def test_the_password_of_the_store_is_on_no_command_line(tmp_path: Path) -> None:
    script, told = tmp_path / "server.py", tmp_path / "told"
    script.write_text(TELLING.format(file=str(told)))
    settings = Settings(data_dir=tmp_path / "data", redis_url="redis://:hush@127.0.0.1:9/0")
    assert supervise(settings, (sys.executable, str(script))) == 0
    line, environment, given = ast.literal_eval(told.read_text())
    assert Settings.model_validate_json(given) == settings
    assert "server.py" in line
    assert "hush" not in line + environment
