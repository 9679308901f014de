"""The command line without a server: `--local` in its three places, Ctrl-C, what it will not do."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import threading

import pytest

from burnish import cli_app

JOB = ["--dim", "2", "--horizon", "0.3", "--diffusion", "1", "--terminal", "exp(-norm2(x))", "--x", "0", "--seed", "1"]
QUICK = [*JOB, "--units", "5000"]
CODE = "from burnish.cli import main; main()"


@pytest.mark.parametrize(
    "words",
    [
        ["--local", "run", "surrogate"],
        ["run", "--local", "surrogate"],
        ["run", "surrogate", "--local"],
        ["--local", "run", "--local", "surrogate", "--local"],
    ],
    ids=" ".join,
)
def test_in_this_process(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli_app.run([*words, *QUICK, "--json"]) == 0
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (last["final"], last["estimate"]["value"][0]) == (True, pytest.approx(1 / 1.6, abs=0.02))


def test_by_the_environment(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURNISH_LOCAL", "1")
    monkeypatch.setenv("BURNISH_BASE_URL", "http://127.0.0.1:9")
    assert cli_app.run(["plan", "surrogate", *QUICK]) == 0
    assert "1 outputs" in capsys.readouterr().out
    monkeypatch.setenv("BURNISH_LOCAL", "0")
    monkeypatch.setattr("burnish.retries.Retries.pause", lambda *given, **more: None)
    assert cli_app.run(["list"]) == 3


def test_an_example_piped_into_a_job(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert cli_app.run(["--local", "kinds", "surrogate", "--example"]) == 0
    example = capsys.readouterr().out
    monkeypatch.setattr("sys.stdin", io.StringIO(example))
    assert cli_app.run(["run", "surrogate", "--local", "--spec", "-", "--units", "5000"]) == 0
    assert "completed" in capsys.readouterr().out
    assert cli_app.run(["--local", "kinds", "--example"]) == 2
    assert "--example of which kind?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--local", "--url", "http://127.0.0.1:1", "list"], "give one or the other"),
        (["--url", "http://127.0.0.1:1", "run", "--local", "surrogate", *QUICK], "give one or the other"),
        (["--url", "http://127.0.0.1:1", "run", "surrogate", "--local", *QUICK], "give one or the other"),
        (["run", "--local", "surrogate", *QUICK, "--no-wait"], "leaves the job to a server, and with --local there"),
        (["--local", "watch", "job_none"], "no job"),
        (["--local", "run", "surrogate", *QUICK, "--level", "3"], "/level"),
    ],
    ids=lambda value: None if isinstance(value, str) else " ".join(value[:4]),
)
def test_what_it_will_not_do(words: list[str], why: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli_app.run(words) == 2
    assert why in capsys.readouterr().err


def test_no_file_is_sent_before_the_options_are_right(capsys: pytest.CaptureFixture[str], tmp_path) -> None:
    (tmp_path / "p.npy").write_bytes(b"never looked at")
    own = [*JOB[:-4], "--points-file", str(tmp_path / "p.npy"), "--units", "5000"]
    assert cli_app.run(["run", "--local", "surrogate", *own, "--no-wait"]) == 2
    assert "leaves the job to a server" in capsys.readouterr().err


def test_without_the_server_installed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("burnish.local.entry_points", lambda **group: ())
    assert cli_app.run(["--local", "list"]) == 3
    assert "pip install 'burnish-server[workers]'" in capsys.readouterr().err


def test_settings_that_are_wrong(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURNISH_PORT", "many")
    assert cli_app.run(["--local", "list"]) == 3
    assert "the local service did not start: settings in the environment are wrong" in capsys.readouterr().err


def test_ctrl_c_cancels_and_keeps_the_answer() -> None:
    # A job in the background of a shell ignores SIGINT, and so would its children: CI may run that way.
    listening = f"import signal; signal.signal(signal.SIGINT, signal.default_int_handler); {CODE}"
    with subprocess.Popen(
        [sys.executable, "-c", listening, "--local", "run", "surrogate", *JOB, "--seconds", "600"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    ) as process:
        watchdog = threading.Timer(60, process.kill)
        watchdog.start()
        lines = iter(process.stdout.readline, "")
        assert next(line for line in lines if line.startswith("#"))
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
        assert process.wait(30) == 4
        watchdog.cancel()
        assert " cancelled\n  output 0: 0.6" in rest
        assert "Traceback" not in process.stderr.read()
