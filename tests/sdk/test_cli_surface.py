"""What the command line offers: groups of commands, near matches, completion, exit codes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from inline_snapshot import snapshot

from burnish import cli_app

CODE = "from burnish.cli import main; main()"
JOB = ["--problem", "p", "--x", "0", "--seconds", "1"]
COUNTED = ["--numbers", "1,2,3,4", "--target", "5", "--tokens", "9"]
SAMPLED = ["--prior", "p", "--reward", "sum(x)", "--seconds", "1"]

CONNECTING = sorted(
    [
        ["arrays"],
        ["canaries"],
        ["cancel", "job_1"],
        ["catalogue"],
        ["cluster"],
        ["delete", "job_1"],
        ["delete", "sha256:0"],
        ["download", "job_1"],
        ["extend", "job_1", "--seconds", "1"],
        ["keys", "create", "acme"],
        ["keys", "list"],
        ["keys", "revoke", "0"],
        ["keys", "rotate", "0"],
        ["kinds"],
        ["kinds", "surrogate"],
        ["ledger", "job_1"],
        ["list"],
        ["models"],
        ["observe", "job_1", "1.5"],
        ["plan", "posterior", *SAMPLED],
        ["plan", "reasoning", *COUNTED],
        ["plan", "surrogate", *JOB],
        ["quota"],
        ["resume", "job_1"],
        ["run", "posterior", *SAMPLED],
        ["run", "reasoning", *COUNTED],
        ["run", "surrogate", *JOB],
        ["show", "job_1"],
        ["upload", "pyproject.toml"],
        ["usage"],
        ["verify", "job_1"],
        ["watch", "job_1"],
        ["webhooks", "create", "http://127.0.0.1:1/x"],
        ["webhooks", "delete", "wh_1"],
        ["webhooks", "deliveries", "wh_1"],
        ["webhooks", "enable", "wh_1"],
        ["webhooks", "list"],
        ["webhooks", "retry", "wh_1", "msg_1"],
        ["webhooks", "rotate", "wh_1"],
        ["webhooks", "test", "wh_1"],
    ]
)
"""Every command that asks the service."""


def shown(text: str) -> str:
    """Help without its frames, which are as wide as the terminal."""
    lines = (line.strip("│╭╰╮╯─ ") for line in text.splitlines())
    return "\n".join(line.rstrip() for line in lines if line)


def test_commands_in_groups(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERMINAL_WIDTH", "120")
    assert cli_app.run(["--help"]) == 0
    text = shown(capsys.readouterr().out)
    assert text[text.index("Answers\n") :] == snapshot("""\
Answers
run        Create a job and watch its answer sharpen.
plan       What a job would cost and reach, without running it.
watch      Watch a job, from its first refinement on.
observe    Give a job its next observation, or all of a file. The same again under the same index changes nothing.
extend     Let a job think longer, also one that is completed.
cancel     Stop a job; its last refinement is kept.
resume     Let a crashed job go on from where it was.
verify     Run some blocks of a job again: do they come out the same? Exit code 1 if not.
Jobs
list       List jobs, newest first.
show       Show a job as it is now.
download   Fetch what a job left: all outputs of a large answer, samples, pictures.
ledger     The blocks that an answer was folded from, with their digests.
delete     Delete jobs (job_...) that have ended, or uploads (sha256:...) that no job names.
Uploads
upload     Upload models or arrays. Prints their ids, which jobs can name. Exit code 1 if a model is rejected.
models     List uploaded models, newest first.
arrays     List uploaded arrays, newest first.
Service
kinds      List the kinds of jobs that the service runs, or show one.
catalogue  List the problems and models that a job may name.
usage      What was spent, by day and kind.
cluster    The pool of workers, and who has what of it now.
canaries   Small jobs with known answers that the service runs on itself: how they fared. Exit code 1 if one fails.
webhooks   Webhooks: be told when jobs end. Make, list, test, rotate, delete; see what came of messages.
keys       API keys: make, list, rotate, revoke (scope admin).
quota      What a tenant may have, and has. With limits, set them (scope admin): those left out are none.
serve      Serve on this machine (as `burnish-server serve`, with its options).
Exit codes: 0 well; 1 the job failed, blocks did not reproduce, or a model was rejected; 2 the request is wrong; 3 the
service cannot be reached; 4 the job was cancelled.\
""")


def test_every_command_is_in_a_group() -> None:
    grouped = {name for names in cli_app.GROUPS.values() for name in names}
    visible = {name for name, command in cli_app.command_line().commands.items() if not command.hidden}
    assert visible == grouped


@pytest.mark.parametrize(
    ("typed", "near"), [("cancle", "cancel"), ("modles", "models"), ("uploda", "upload"), ("verifi", "verify")]
)
def test_an_unknown_command_names_a_near_one(typed: str, near: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli_app.run([typed]) == 2
    assert f"Did you mean '{near}'" in " ".join(capsys.readouterr().err.split())


# completion


def completed(words: str, shell: str = "bash") -> list[str]:
    """What a shell would offer after these words."""
    count = len(words.split(" ")) - 1
    asked = {"COMP_WORDS": words, "COMP_CWORD": str(count), "_TYPER_COMPLETE_ARGS": words}
    asked |= {"_BURNISH_COMPLETE": f"complete_{shell}", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.argv[0] = 'burnish'; {CODE}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env=os.environ | asked,
    )
    return done.stdout.split("\n")


@pytest.mark.parametrize(
    ("words", "offers"),
    [
        ("burnish ver", ["verify"]),
        ("burnish run ", ["surrogate", "posterior", "reasoning"]),
        ("burnish kinds su", ["surrogate"]),
        ("burnish list --kind s", ["surrogate"]),
        ("burnish list --status c", ["completed", "crashed", "cancelled"]),
        ("burnish plan surrogate --bou", ["--bounds"]),
        ("burnish forg", []),
    ],
)
def test_completion(words: str, offers: list[str]) -> None:
    assert [line for line in completed(words) if line] == offers


@pytest.mark.parametrize("shell", ["fish", "zsh"])
def test_completion_in_other_shells(shell: str) -> None:
    assert "verify" in "".join(completed("burnish ver", shell))
    assert "surrogate" in "".join(completed("burnish kinds su", shell))


@pytest.mark.parametrize("shell", ["bash", "fish", "zsh"])
def test_the_script_of_a_shell(shell: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    assert cli_app.run(["--show-completion", shell]) == 0
    out = capsys.readouterr().out
    assert "_BURNISH_COMPLETE" in out
    assert f"complete_{shell}" in out


# exit codes


def test_all_that_connect_are_tested() -> None:
    assert {words[0] for words in CONNECTING} | {"serve"} == {n for names in cli_app.GROUPS.values() for n in names}


@pytest.mark.parametrize("arguments", CONNECTING, ids=" ".join)
def test_nobody_there_is_3(
    arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    monkeypatch.setattr("burnish.retries.Retries.pause", lambda *given, **more: None)
    assert cli_app.run(["--url", "http://127.0.0.1:9", *arguments]) == 3
    assert "no answer from http://127.0.0.1:9" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", CONNECTING, ids=" ".join)
def test_a_request_that_is_refused_is_2(arguments: list[str], server, capsys, make, monkeypatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    server.play(make.problem(422, "no good"))
    assert cli_app.run(["--url", server.url, *arguments]) == 2
    assert "no good" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", CONNECTING, ids=" ".join)
def test_an_option_that_there_is_not_is_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli_app.run([*arguments, "--bogus"]) == 2
    assert "No such option" in capsys.readouterr().err


def test_a_text_in_place_of_a_code_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli_app, "command_line", lambda: lambda *given, **more: sys.exit("broken"))
    assert cli_app.run([]) == 1


def test_a_file_that_cannot_be_read_is_2(capsys: pytest.CaptureFixture[str], server, make, tmp_path) -> None:
    server.play(make.problem(422, "unused"))
    assert cli_app.run(["--url", server.url, "run", "surrogate", "--spec", str(tmp_path)]) == 2
    assert "Is a directory" in capsys.readouterr().err


# serve


def test_serve_passes_its_arguments_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli_app.run(["serve", "--help"]) == 0
    assert "--data-dir" in capsys.readouterr().out


def test_serve_without_the_server(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("burnish.cli_inspect.entry_points", lambda **group: ())
    assert cli_app.run(["serve"]) == 2
    assert "pip install 'burnish-server[workers]'" in capsys.readouterr().err


def test_where_the_service_is_may_be_said_behind_any_command() -> None:
    typed = ["watch", "job_1", "--url", "http://h:1", "--json", "--api-key=bk_1"]
    assert cli_app.hoisted(typed) == ["--url", "http://h:1", "--api-key=bk_1", "watch", "job_1", "--json"]
    assert cli_app.hoisted(["list", "--json"]) == ["list", "--json"]
    assert cli_app.hoisted(["list", "--url"]) == ["--url", "list"], "what it lacks, the parser says"
