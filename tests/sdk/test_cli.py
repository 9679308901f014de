"""The command line: its text, its exit codes, and how options become a spec."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import threading

import pytest
from inline_snapshot import snapshot
from rich.console import Console

from burnish import cli_app, cli_live, cli_spec, errors, wire, words
from burnish.record import Record

BOXED = {"dim": 3, "horizon": 0.5, "box": [-0.5, 0.5]}
ENTRY = {"kind": "surrogate", "type": "problem", "name": "viscous-burgers", "summary": "Burgers", "details": BOXED}
MODEL = {"kind": "surrogate", "type": "model", "name": "pinn", "summary": "a net", "details": {"dim": 3}}
CODE = "from burnish.cli import main; main()"


def catalogue() -> list[wire.CatalogueEntry]:
    return [wire.CatalogueEntry.model_validate(entry) for entry in (ENTRY, MODEL)]


def run(server, capsys, *arguments: str) -> tuple[int, str, str]:
    code = cli_app.run(["--url", server.url, *arguments])
    out, err = capsys.readouterr()
    return code, out, err


def events(make, status: str = "completed", **changes):
    forecast = {
        "error_at": {"2x": 7e-4, "10x": 3e-4},
        "seconds_to_target": {"estimate": 4.1, "lower": 3.6, "upper": 4.7},
    }
    last = make.refinement(5, (0.5281,), half=0.001, blocks=8, forecast=forecast)
    return make.sse(
        (1, "status", {"status": "running"}),
        (2, "refinement", make.refinement(2, (0.51,), blocks=1)),
        (3, "refinement", make.refinement(3, (0.53,), half=0.01, blocks=4)),
        (4, "refinement", make.refinement(4, (0.527,), blocks=5)),
        (5, "refinement", last),
        (6, status, make.job(status, last_refinement=last, **changes)),
    )


# options -> spec


def test_points_are_drawn_from_the_box_of_the_problem() -> None:
    asked = cli_spec.Asked(problem="viscous-burgers", surrogate="pinn", points=200, point_seed=4, t=[0.1], seconds=20)
    spec = cli_spec.build(asked, catalogue)
    points = spec.pop("points")
    assert spec == {
        "kind": "surrogate",
        "problem": {"name": "viscous-burgers"},
        "surrogate": {"name": "pinn"},
        "budget": {"seconds": 20},
    }
    assert len(points) == 200
    assert all(point["t"] == 0.1 and len(point["x"]) == 3 for point in points)
    flat = [x for point in points for x in point["x"]]
    assert -0.5 <= min(flat) < -0.45
    assert 0.45 < max(flat) <= 0.5
    assert points == cli_spec.build(asked, catalogue)["points"]
    wire.SurrogateSpec.model_validate(spec | {"points": points})


def test_an_equation_of_ones_own() -> None:
    asked = cli_spec.Asked(
        dim=2, horizon=0.3, diffusion="sqrt(2)", terminal="sum(x**2)", x=["0.1,-0.2", "0.5"], t=[0.0, 0.1], abs_tol=1e-3
    )
    spec = cli_spec.build(asked, catalogue)
    assert spec["problem"] == {"horizon": 0.3, "diffusion": "sqrt(2)", "terminal": "sum(x**2)", "dim": 2}
    assert spec["points"] == [{"t": 0.0, "x": [0.1, -0.2]}, {"t": 0.1, "x": 0.5}]
    wire.SurrogateSpec.model_validate(spec)


def test_options_go_over_the_file(tmp_path) -> None:
    file = tmp_path / "spec.json"
    file.write_text(
        json.dumps({"kind": "surrogate", "problem": {"name": "p"}, "points": [{"x": 1}], "budget": {"units": 9}})
    )
    spec = cli_spec.build(cli_spec.Asked(spec=str(file), seconds=2.0, seed=5), catalogue)
    assert spec["budget"] == {"units": 9, "seconds": 2.0}
    assert (spec["seed"], spec["points"]) == (5, [{"x": 1}])


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({}, "no problem; give --problem NAME.*\nno points; give --points N.*\nno budget; give --seconds"),
        ({"problem": "viscous-burger", "points": 3, "seconds": 1}, "did you mean 'viscous-burgers'"),
        ({"problem": "zzz", "points": 3, "seconds": 1}, "known: viscous-burgers"),
        ({"problem": "p", "drift": "x"}, "--problem names an equation and --drift states one"),
        ({"surrogate": "p", "surrogate_expression": "x"}, "give one or the other"),
        ({"points": 3, "x": ["1"]}, "give one or the other"),
        ({"problem": "viscous-burgers", "points": 0}, "at least 1, got 0"),
        ({"terminal": "x", "points": 3}, "needs --dim"),
        ({"terminal": "x", "dim": 1, "points": 3}, "needs --box"),
        ({"terminal": "x", "dim": 1, "points": 3, "box": "1,0"}, "LOW < HIGH"),
        ({"problem": "p", "x": ["a,b"]}, "--x must be numbers separated by commas, got 'a,b'"),
        ({"problem": "p", "x": ["1"], "t": [0.0, 0.1]}, "--t: 2 times for 1 points"),
        ({"spec": "/nowhere.json"}, "No such file"),
    ],
)
def test_options_that_make_no_request(options: dict, why: str) -> None:
    with pytest.raises(cli_spec.BadOption, match=why):
        cli_spec.build(cli_spec.Asked(**options), catalogue)


# commands


def test_run_prints_one_line_per_refinement_and_a_summary(server, capsys, make) -> None:
    server.play(
        make.ok({"data": [ENTRY]}), make.ok(make.job("queued"), 202), events(make, stopped_by="seconds"), make.page()
    )
    options = ("--problem", "viscous-burgers", "--points", "1", "--seconds", "20")
    code, out, err = run(server, capsys, "run", "surrogate", *options)
    assert (code, err) == (0, "")
    assert out == snapshot("""\
job_1 running
#2 block 1: 0.51, 0.1 s, 256 units
#3 block 4: 0.530 [0.520, 0.540] (block 4), 0.4 s, 1.02k units
#4 block 5: 0.527 [0.520, 0.540] (block 4), 0.5 s, 1.28k units
#5 block 8: 0.5281 [0.5271, 0.5291] (block 8), 0.8 s, 2.05k units, 2x compute → ±7.0e-4, 10x compute → ±3.0e-4, ±0.001 in about 4.1 s (3.6 s to 4.7 s)
job_1 completed, stopped by seconds
  output 0: 0.5281 [0.5271, 0.5291]
  spent 0.8 s, 2.05k units
""")  # noqa: E501 (a line of output)


def test_json_is_one_refinement_per_line_and_nothing_else(server, capsys, make) -> None:
    server.play(make.ok(make.job()), events(make), make.page())
    code, out, _ = run(server, capsys, "watch", "job_1", "--json")
    assert code == 0
    assert [wire.Refinement.model_validate_json(line).sequence for line in out.splitlines()] == [2, 3, 4, 5]


@pytest.mark.parametrize(("status", "code"), [("completed", 0), ("failed", 1), ("crashed", 1), ("cancelled", 4)])
def test_the_exit_code_says_how_the_job_ended(server, capsys, make, status: str, code: int) -> None:
    error = {
        "title": "Diverged",
        "status": 422,
        "detail": "u is [NaN]",
        "errors": [{"pointer": "/steps", "detail": "more"}],
    }
    server.play(make.ok(make.job()), events(make, status, error=error if code == 1 else None), make.page())
    got, out, _ = run(server, capsys, "watch", "job_1")
    assert got == code
    assert ("Diverged: u is [NaN]\n    /steps: more" in out) == (code == 1)


def test_a_bad_request_is_2_and_says_what_to_do(server, capsys, make) -> None:
    server.play(
        make.problem(422, "1 field is wrong.", [{"pointer": "/points/0/t", "detail": "t = 3 is outside [0, 0.5)"}])
    )
    arguments = ("--problem", "p", "--x", "0.1", "--t", "3", "--seconds", "1")
    code, out, err = run(server, capsys, "run", "surrogate", *arguments)
    assert (code, out) == (2, "")
    assert err == snapshot("""\
burnish: 422 Bad: 1 field is wrong.
  /points/0/t: t = 3 is outside [0, 0.5)
  request id: req_7
""")


def test_usage_errors_are_2(server, capsys) -> None:
    assert run(server, capsys, "run", "surrogate", "--points", "many")[0] == 2
    assert run(server, capsys, "run", "surrogate")[0] == 2
    assert run(server, capsys, "extend", "job_1")[0] == 2
    assert run(server, capsys, "--url", "nowhere", "list")[0] == 2
    assert run(server, capsys, "bogus")[0] == 2


def test_an_unknown_job_is_2_and_a_broken_service_3(server, capsys, make) -> None:
    server.play(make.problem(404, "no job job_x"))
    assert run(server, capsys, "show", "job_x")[0] == 2
    server.play(make.problem(500, "broken"))
    assert run(server, capsys, "show", "job_x")[0] == 3
    server.play(make.Answer(200, b"<html>"))
    assert run(server, capsys, "show", "job_x")[0] == 3


@pytest.mark.parametrize(
    ("error", "code"),
    [(errors.Unreachable("x"), 3), (errors.StreamGap(1, 3), 3), (errors.from_job("j", "failed", None), 1)],
)
def test_errors_without_an_answer_have_their_codes_too(error: errors.BurnishError, code: int) -> None:
    assert cli_app.exit_code(error) == code


def test_no_wait_prints_the_id(server, capsys, make) -> None:
    server.play(make.ok(make.job(), 202))
    arguments = ("--problem", "p", "--x", "0.1", "--seconds", "1", "--no-wait")
    assert run(server, capsys, "run", "surrogate", *arguments)[:2] == (0, "job_1\n")


def test_extend_watches_again(server, capsys, make) -> None:
    server.play(make.ok(make.job(), 202), events(make), make.page())
    code, out, _ = run(server, capsys, "extend", "job_1", "--seconds", "30", "--abs-tol", "0.01")
    assert code == 0
    assert json.loads(server.seen[0].body) == {"seconds": 30.0, "abs_tol": 0.01}
    assert "job_1 completed" in out


def test_cancel_show_and_lists(server, capsys, make) -> None:
    last = make.refinement(5, (0.5, None, 0.25), half=0.01)
    server.play(make.ok(make.job("cancelled", last_refinement=last)))
    assert run(server, capsys, "cancel", "job_1")[1] == snapshot("""\
job_1 cancelled
  output 0: 0.500 [0.490, 0.510]
  output 1: - refused
  output 2: 0.250 [0.240, 0.260]
  spent 0.5 s, 1.28k units
""")
    assert json.loads(run(server, capsys, "show", "job_1", "--json")[1])["status"] == "cancelled"
    server.play(make.page(make.job("completed", last_refinement=last), make.job() | {"id": "job_02"}))
    assert run(server, capsys, "list", "--status", "running")[1] == snapshot("""\
JOB     KIND       STATUS     SPENT  ANSWER
job_1   surrogate  completed  0.0 s  3 outputs, 2 with intervals, half-widths at most 0.01
job_02  surrogate  running    0.0 s  no answer yet
""")
    assert server.seen[-1].params == {"limit": "20", "status": "running"}
    server.play(make.ok({"data": [ENTRY, MODEL]}))
    assert run(server, capsys, "catalogue")[1] == snapshot("""\
TYPE     NAME             SUMMARY
problem  viscous-burgers  Burgers
model    pinn             a net
""")
    server.play(make.ok({"data": [{"name": "surrogate", "summary": "correct a net", "spec": {}, "examples": []}]}))
    assert run(server, capsys, "kinds")[1] == snapshot("""\
KIND       SUMMARY
surrogate  correct a net
""")
    assert json.loads(run(server, capsys, "kinds", "--json")[1])["name"] == "surrogate"


def test_ctrl_c_detaches(server, make) -> None:
    server.play(make.ok(make.job()), make.sse((1, "status", {"status": "running"}), end="hang"))
    # A job in the background of a shell ignores SIGINT, and so would its children: CI may run that way.
    listening = f"import signal; signal.signal(signal.SIGINT, signal.default_int_handler); {CODE}"
    with subprocess.Popen(
        [sys.executable, "-c", listening, "--url", server.url, "watch", "job_1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    ) as process:
        watchdog = threading.Timer(30, process.kill)
        watchdog.start()
        assert process.stdout.readline() == "job_1 running\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        watchdog.cancel()
        assert "the job goes on. Watch it again: burnish watch job_1" in process.stderr.read()


def test_without_the_extra_it_says_how_to_install_it() -> None:
    code = f"import sys; sys.modules['typer'] = None; {CODE}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr == "The command line needs typer. Install it with: pip install 'burnish[cli]'\n"


# the panel


def drawn(make, values: tuple[float | None, ...], **last) -> str:
    record = Record(wire.Job.model_validate(make.job("running")))
    refinements = [make.refinement(n, values, half=0.08 / n if n in (4, 8) else None) for n in range(2, 9)]
    for one in [*refinements, make.refinement(9, values, **last)]:
        record.take(wire.Event(sequence=one["sequence"], type="refinement", at="", data=one))
    console = Console(file=io.StringIO(), width=100, color_system=None)
    console.print(cli_live.panel(record))
    return console.file.getvalue()


def test_the_panel_of_a_few_outputs(make) -> None:
    assert drawn(make, (0.5281, None), forecast={"error_at": {"2x": 7e-3}}) == snapshot("""\
╭─ surrogate job_1 ────────────────────────────────────────────────────────────────────────────────╮
│ running   9 blocks   2.3k replicates                                                             │
│           estimate  95 % interval                                                                │
│ output 0  0.528     [0.518, 0.538]  ·······━━━━━━━━━━━━━━━········                               │
│ output 1  -         refused                                                                      │
│ half-width █▁ ±0.01 from block 8                                                                 │
│ spent      0.9 s, 2.3k units                                                                     │
│ forecast   2x compute → ±0.007                                                                   │
╰──────────────────────────────────────────────────────────────────────────────────────────────────╯
""")


def test_why_a_job_waits_is_said_until_it_goes_on(make, capsys: pytest.CaptureFixture[str]) -> None:
    record, why = (
        Record(wire.Job.model_validate(make.job("running"))),
        "no node of the cluster has 0.5 GPU for a worker",
    )
    for number, data in enumerate(({"status": "waiting_for_resources", "detail": why}, {"status": "running"}), 1):
        event = wire.Event(sequence=number, type="status", at="", data=data)
        record.take(event)
        cli_live.Lines().update(record, event)
        console = Console(file=io.StringIO(), width=100, color_system=None)
        console.print(cli_live.panel(record))
        assert (why in console.file.getvalue()) is (number == 1)
    assert capsys.readouterr().out == f"job_1 waiting_for_resources: {why}\njob_1 running\n"


def test_the_panel_of_many_outputs_that_were_refused(make) -> None:
    refused = {"code": "heavy_tail", "why": "the tail index is 0.7.", "advice": "Use more steps."}
    assert drawn(make, tuple(k / 10 for k in range(12)), refused=refused) == snapshot("""\
╭─ surrogate job_1 ────────────────────────────────────────────────────────────────────────────────╮
│ running   9 blocks   2.3k replicates                                                             │
│             estimate  interval                                                                   │
│ output 0    0         -                                                                          │
│ output 1    0.1       -                                                                          │
│ output 2    0.2       -                                                                          │
│ output 3    0.3       -                                                                          │
│ output 4    0.4       -                                                                          │
│ and 7 more                                                                                       │
│ spent      0.9 s, 2.3k units                                                                     │
│ refused    no interval: the tail index is 0.7; Use more steps.                                   │
╰──────────────────────────────────────────────────────────────────────────────────────────────────╯
""")


def test_a_sparkline_goes_down_with_the_half_width() -> None:
    assert cli_live.sparkline([1.0, 0.5, 0.25, 0.125]) == "█▆▃▁"
    assert cli_live.sparkline([]) == ""
    assert cli_live.sparkline([2.0]) == "▁"


# training


@pytest.mark.parametrize(
    ("text", "fit"),
    [
        ("auto", {}),
        ("steps=500,optimiser=adam", {"steps": 500, "optimiser": "adam"}),
        ("share=0.5", {"share": 0.5}),
        ('{"box": [-1, 1], "seconds": 3}', {"box": [-1, 1], "seconds": 3}),
    ],
)
def test_fit_is_auto_pairs_or_json(text: str, fit: dict) -> None:
    spec = cli_spec.build(cli_spec.Asked(problem="p", x=["0"], seconds=1, fit=text), catalogue)
    assert spec["surrogate"] == {"fit": fit}


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"fit": "quickly"}, "--fit must be auto, NAME=VALUE pairs .* got 'quickly'"),
        ({"fit": "{steps: 3}"}, "--fit is not a JSON object"),
        ({"fit": "auto", "surrogate": "p"}, "--fit trains a surrogate; leave out the options that name one"),
    ],
)
def test_fits_that_make_no_request(options: dict, why: str) -> None:
    with pytest.raises(cli_spec.BadOption, match=why):
        cli_spec.build(cli_spec.Asked(problem="p", x=["0"], seconds=1, **options), catalogue)


def test_progress_is_a_line_with_a_bar() -> None:
    told = {"stage": "fitting", "done": 240, "total": 600, "metrics": {"loss": 3.1e-4}, "spent": {"seconds": 3.21}}
    assert words.progress(told) == "fitting ████████░░░░░░░░░░░░ 240 of 600 steps, 3.2 s, loss 3.1e-4"
    assert words.progress({"stage": "fitting", "done": 20, "total": None}) == "fitting trying: 20 steps"
