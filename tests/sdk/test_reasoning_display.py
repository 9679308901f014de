"""How a reasoning job shows itself, in terminals, pipes and notebooks: the chain, the answers, the gauge."""

from __future__ import annotations

import io
import json
import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest
from inline_snapshot import snapshot
from rich.console import Console

from burnish import cli_app, cli_live, cli_reasoning_live, plots_reasoning, show, wire, words
from burnish.cli_reasoning_live import bar
from burnish.reasoned import Chance, Reasoned
from burnish.record import Record

MOVES = [
    {"kept": 0, "rolled_back": ["add", "so 13"], "accepted": ["multiply", "carry", "so 112"]},
    {"kept": 1, "rolled_back": ["carry", "so 112"], "accepted": ["so 102"]},
    {"kept": 1, "rolled_back": ["so 102"], "accepted": ["carry", "so 12"]},
]
GAUGE = [
    {"depth": 0, "log_mean": 0.02, "standard_error": 0.01, "pools": 90},
    {"depth": 1, "log_mean": -1.1, "standard_error": 0.02, "pools": 80},
    {"depth": 2, "log_mean": 0.4, "standard_error": 0.03, "pools": 70},
]
SAID: dict[str, Any] = {
    "answers": ["12", "112", "other"],
    "leader": "12",
    "best": {"answer": "12", "score": -0.105, "steps": ["multiply", "carry", "so 12"]},
    "chains": 16,
    "steps": 7984,
    "moved": 2424,
    "r_hat": 1.003,
    "effective_steps": 2177.6,
    "gauge": GAUGE,
    "tree": MOVES,
    "unlisted": {"13": 1300, "102": 4},
}
LIMITS = {"level": 0.95, "kind": "group_sequential", "joint": True, "simultaneous": True}
SPEC = {
    "kind": "reasoning",
    "problem": {"type": "subset_sum", "numbers": [1, 2, 3, 4], "target": 5},
    "budget": {"tokens": 9},
}


def answer(
    make, sequence: int, values: tuple[float | None, ...], half: float | None = None, **said: Any
) -> dict[str, Any]:
    layout = [wire.OutputPart.together("chance", 0, [len(values)]).model_dump()]
    spent = {
        "seconds": 0.1 * sequence,
        "units": 40 * sequence,
        "tokens": 1_000 * sequence,
        "verifier_calls": 30 * sequence,
    }
    fields = {"half": half, "layout": layout, "spent": spent, "diagnostics": SAID | said}
    return make.refinement(sequence, values, **fields)


def course(make) -> list[dict[str, Any]]:
    nothing = {
        "leader": None,
        "best": None,
        "tree": [],
        "gauge": [],
        "r_hat": None,
        "effective_steps": None,
        "unlisted": {},
    }
    return [
        answer(make, 2, (None, None, None), **nothing),
        answer(make, 3, (0.5, 0.3, 0.2), r_hat=1.6, tree=MOVES[:1]),
        answer(make, 4, (0.55, 0.3, 0.15), 0.2, tree=MOVES[:2]),
        answer(make, 5, (0.7, 0.2, 0.1), 0.05),
    ]


def record(make, status: str = "running", of: list[dict[str, Any]] | None = None) -> Record:
    made = Record(wire.Job.model_validate(make.job(status, kind="reasoning", spec=SPEC)))
    for data in course(make) if of is None else of:
        made.take(wire.Event(sequence=data["sequence"], type="refinement", at="", data=data))
    return made


def printed(of: Record, colours: str | None = None, width: int = 80) -> str:
    file = io.StringIO()
    Console(file=file, width=width, color_system=colours, force_terminal=colours is not None).print(cli_live.panel(of))  # pyright: ignore[reportArgumentType]
    return file.getvalue()


def test_a_panel_of_80_signs(make) -> None:
    assert printed(record(make)) == snapshot("""\
╭─ reasoning job_1 ────────────────────────────────────────────────────────────╮
│ running   5 blocks   1.28k replicates                                        │
│ chain 1 of 16, backed up 1 step to depth 1   undone ██▅                      │
│ 1  multiply                                                                  │
│ 2  carry                                       ✗ so 102                      │
│ 3  so 12                                                                     │
│                                                                              │
│   answer  chance  interval        0                  1                       │
│ ▸ 12      0.700   [0.650, 0.750]  ············━━●·····                       │
│   112     0.200   [0.150, 0.250]  ···━●···············                       │
│   other   0.100   [0.050, 0.150]  ·━●━················                       │
│ leader     12, decided: its lower limit passes one half                      │
│ best       12 (score -0.1): multiply > carry > so 12                         │
│ gauge      ▄▁▅ values at depths 0 to 2, ▄: they hold                         │
│            at depth 1 what follows is worth 0.33 times what values promise   │
│ chains     16 agree: R-hat 1.00, 2.18k effective of 7.98k steps              │
│ unlisted   13 (1.3k times), 102 (4 times)                                    │
│ half-width █▁ ±0.05 from block 5                                             │
│ spent      0.5 s, 200 units, 5k tokens, 150 verifier calls                   │
╰──────────────────────────────────────────────────────────────────────────────╯
""")


def test_before_there_is_an_answer(make) -> None:
    assert printed(record(make, of=course(make)[:1])) == snapshot("""\
╭─ reasoning job_1 ────────────────────────────────────────────────────────────╮
│ running   2 blocks   512 replicates                                          │
│ chain 1 of 16: no finished answer yet                                        │
│                                                                              │
│   answer  chance  interval  0                  1                             │
│   12      -       -                                                          │
│   112     -       -                                                          │
│   other   -       -                                                          │
│ spent      0.2 s, 80 units, 2k tokens, 60 verifier calls                     │
╰──────────────────────────────────────────────────────────────────────────────╯
""")


def test_what_was_rolled_back_is_struck_out(make) -> None:
    text = printed(record(make), "truecolor")
    assert re.search(r"\x1b\[[0-9;]*\b9\b[0-9;]*m✗ so 102", text), "9: struck out"
    assert re.search(r"\x1b\[1;32mcarry", text), "accepted steps are bold and green"
    assert re.search(r"\x1b\[1;32m▸ 12", text), "so is the answer that is decided"
    assert "\x1b[1;32mmultiply" not in text, "what was kept is plain"
    assert re.search(r"\x1b\[32m▄\x1b\[0m\x1b\[31m▁\x1b\[0m\x1b\[33m▅", text), (
        "green holds, red too much, yellow too little"
    )


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_no_line_is_wider_than_the_terminal(make, width: int) -> None:
    long = ["a very long step of reasoning " * 9, "日本語の推論ステップ" * 20, "x" * 500]
    move = {"kept": 0, "rolled_back": long[1:], "accepted": long}
    names = ["an answer that is a whole sentence of its own", "y" * 200, "other"]
    best = {"answer": names[0], "score": 0.0, "steps": long}
    of = [answer(make, 5, (0.7, 0.2, 0.1), 0.05, tree=[move], answers=names, leader=names[0], best=best)]
    lines = printed(record(make, of=of), width=width).splitlines()
    console = Console(width=width)
    assert {console.measure(line).maximum for line in lines} == {width}
    assert len(lines) < 30


def test_a_long_path_shows_where_it_turned(make) -> None:
    steps = [f"step {i}" for i in range(40)]
    move = {"kept": 30, "rolled_back": ["gone 30"], "accepted": steps[30:]}
    of = [
        answer(
            make,
            5,
            (0.7, 0.2, 0.1),
            0.05,
            tree=[{"kept": 0, "rolled_back": [], "accepted": [*steps[:30], "gone 30"]}, move],
        )
    ]
    lines = [line.strip("│ ") for line in printed(record(make, of=of)).splitlines()]
    shown = lines[lines.index("… 28 steps before") :]
    assert shown[1:4] == ["29  step 28", "30  step 29", "31  step 30                                     ✗ gone 30"]
    assert shown[9] == "… 4 steps after"


def test_steps_that_no_move_names(make) -> None:
    of = [answer(make, 5, (0.7, 0.2, 0.1), 0.05, tree=MOVES[1:2])]
    lines = [line.strip("│ ") for line in printed(record(make, of=of)).splitlines()]
    assert "1  …" in lines
    assert "2  so 102                                      ✗ carry" in lines


def test_what_a_model_writes_cannot_rule_the_terminal(make) -> None:
    evil = "\x1b[2J\x1b]0;owned\x07so\n\r\t12"
    of = [
        answer(
            make,
            5,
            (0.7, 0.2, 0.1),
            0.05,
            answers=[evil, "112", "other"],
            leader=evil,
            tree=[{"kept": 0, "rolled_back": [evil], "accepted": [evil]}],
            best={"answer": evil, "score": 0.0, "steps": [evil]},
            unlisted={evil: 3},
        )
    ]
    made = record(make, of=of)
    texts = [printed(made), "\n".join(cli_live.summary(made)), cli_live.refinement_line(made), show.line(made)]
    for text in texts:
        assert all(sign.isprintable() or sign == "\n" for sign in text)
        assert "so 12" in text
    assert "[2J ]0;owned so 12 decided: 0.700 ± 0.05" in texts[3]


def test_gauges_of_any_depth(make) -> None:
    deep = [
        {"depth": i, "log_mean": None if i % 3 else 0.01 * i, "standard_error": None, "pools": i} for i in range(256)
    ]
    lines = cli_reasoning_live.lines(record(make, of=[answer(make, 5, (0.7, 0.2, 0.1), 0.05, gauge=deep)]))
    gauge = next(line for line in lines if line.startswith("gauge"))
    assert len(gauge) <= 80
    assert "at depths 0 to 117" in gauge
    good = [{"depth": 0, "log_mean": 0.0, "standard_error": 0.0, "pools": 9}]
    lines = cli_reasoning_live.lines(record(make, of=[answer(make, 5, (0.7, 0.2, 0.1), 0.05, gauge=good)]))
    assert any("is worth what values promise, at all depths" in line for line in lines)


def test_many_answers_and_the_others(make) -> None:
    count = 30
    names = [f"a{i}" for i in range(count)] + ["other"]
    values = (*(0.03 - 0.0005 * i for i in range(count)), 0.2)
    text = printed(record(make, of=[answer(make, 5, values, 0.01, answers=names, leader="other")]))
    rows = [line.split()[1:3] for line in text.splitlines() if re.search(r"\ba\d+ |other", line)]
    assert [row[0] for row in rows][:9] == ["a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7", "▸"]
    assert "and 22 more" in text


@pytest.mark.parametrize(
    ("chance", "drawn"),
    [
        (Chance("x", 0.5, 0.25, 0.75), "·····━━━━━●━━━━·····"),
        (Chance("x", 0.0, -0.5, 0.1), "●━··················"),
        (Chance("x", 1.0, 0.9, 1.5), "··················━●"),
        (Chance("x", 0.5, 0.5, 0.5), "··········●·········"),
        (Chance("x", 0.5), "▪▪▪▪▪▪▪▪▪▪▪·········"),
        (Chance("x", 0.0), "····················"),
        (Chance("x", None), ""),
    ],
)
def test_bars_from_0_to_1(chance: Chance, drawn: str) -> None:
    assert bar(chance) == drawn


def test_lines_for_logs(make) -> None:
    lines = [cli_live.refinement_line(record(make, of=course(make)[: n + 1])) for n in range(4)]
    assert "\n".join(lines) == snapshot("""\
#2 block 2: no answer yet, 0.2 s, 80 units, 2k tokens, 60 verifier calls
#3 block 3: 12 leads 0.5, backed up 2 steps to depth 0, 0.3 s, 120 units, 3k tokens, 90 verifier calls
#4 block 4: 12 leads 0.55 [0.35, 0.75] (block 4), not decided, backed up 2 steps to depth 1, 0.4 s, 160 units, 4k tokens, 120 verifier calls
#5 block 5: 12 leads 0.700 [0.650, 0.750] (block 5), decided, backed up 1 step to depth 1, 0.5 s, 200 units, 5k tokens, 150 verifier calls\
""")  # noqa: E501 (lines of output)


def test_the_end_in_a_pipe(make) -> None:
    assert "\n".join(cli_live.summary(record(make, "completed"))) == snapshot("""\
job_1 completed
  chain 1 of 16, backed up 1 step to depth 1   undone ██▅
  1  multiply
  2  carry                                        ✗ so 102
  3  so 12

    answer  chance  interval        0                  1
  ▸ 12      0.700   [0.650, 0.750]  ············━━●·····
    112     0.200   [0.150, 0.250]  ···━●···············
    other   0.100   [0.050, 0.150]  ·━●━················
  leader     12, decided: its lower limit passes one half
  best       12 (score -0.1): multiply > carry > so 12
  gauge      ▄▁▅ values at depths 0 to 2, ▄: they hold
             at depth 1 what follows is worth 0.33 times what values promise
  chains     16 agree: R-hat 1.00, 2.18k effective of 7.98k steps
  unlisted   13 (1.3k times), 102 (4 times)
  spent 0.5 s, 200 units, 5k tokens, 150 verifier calls\
""")


def test_one_line_and_one_row(make) -> None:
    assert show.line(record(make, "completed")) == snapshot(
        "<job_1 reasoning completed: 12 decided: 0.700 ± 0.05 (95 %), 5 blocks, 0.5 s, 200 units, 5k tokens, 150 verifier calls>"  # noqa: E501 (a line of output)
    )
    assert words.headline(None, None) == "no answer yet"
    half = record(make, of=course(make)[:2])
    assert cli_live.answer(half) == "12 leads: 0.5"
    assert cli_live.answer(record(make, of=course(make)[:1])) == "no answer yet"


def test_watch_and_show(server, capsys, make) -> None:
    last = course(make)[-1]
    done = make.job("completed", kind="reasoning", spec=SPEC, last_refinement=last, stopped_by="settled")
    events = [(r["sequence"], "refinement", r) for r in course(make)]
    stream = make.sse((1, "status", {"status": "running"}), *events, (6, "completed", done))
    server.play(make.ok(make.job(kind="reasoning", spec=SPEC)), stream, make.page())
    assert cli_app.run(["--url", server.url, "watch", "job_1"]) == 0
    watched = capsys.readouterr().out
    server.play(make.ok(done))
    assert cli_app.run(["--url", server.url, "show", "job_1"]) == 0
    shown = capsys.readouterr().out
    assert watched.endswith(shown)
    assert shown.startswith("job_1 completed, stopped by settled\n  chain 1 of 16, backed up 1 step to depth 1")


def test_show_in_a_terminal_is_the_panel(capsys, make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    cli_live.show(record(make, "completed"))
    assert "╭─" in capsys.readouterr().out


def test_json_stays_the_wire(server, capsys, make) -> None:
    done = make.job("completed", kind="reasoning", spec=SPEC, last_refinement=course(make)[-1])
    stream = make.sse(
        (1, "status", {"status": "running"}),
        *[(r["sequence"], "refinement", r) for r in course(make)],
        (6, "completed", done),
    )
    server.play(make.ok(make.job(kind="reasoning", spec=SPEC)), stream, make.page())
    assert cli_app.run(["--url", server.url, "watch", "job_1", "--json"]) == 0
    said = [json.loads(line)["diagnostics"] for line in capsys.readouterr().out.splitlines()]
    assert said == [r["diagnostics"] for r in course(make)]


# pictures


def svgs(page: str) -> list[ET.Element]:
    found = re.findall(r"<svg xmlns.*?</svg>(?=</div>|$)", page, re.DOTALL)
    assert "nan" not in page
    return [ET.fromstring(each) for each in found]


def test_a_card_has_chances_and_the_tree(make) -> None:
    chances, tree = svgs(show.card(record(make)))
    assert [chances.get("aria-label"), tree.get("aria-label")] == [
        "chances of answers against tokens",
        "paths of the first chain",
    ]
    texts = [element.text for element in chances.iter() if element.text]
    assert {"12", "112", "other"} <= set(texts)
    titles = [element.text for element in tree.iter() if element.tag.endswith("title")]
    assert sorted(titles) == sorted(["multiply", "carry", "so 12", "so 112", "so 102", "add", "so 13"])


@pytest.mark.parametrize("shown", range(5))
def test_a_card_at_every_moment(make, shown: int) -> None:
    svgs(show.card(record(make, of=course(make)[:shown])))


def test_what_models_write_cannot_become_html(make) -> None:
    evil = "<script>alert(1)</script>"
    said = {
        "answers": [evil, "112", "other"],
        "leader": evil,
        "tree": [{"kept": 0, "rolled_back": [], "accepted": [evil]}],
    }
    page = show.card(record(make, of=[answer(make, 5, (0.7, 0.2, 0.1), 0.05, **said)]))
    assert "<script>" not in page
    assert svgs(page)


def test_labels_of_close_answers_stand_apart() -> None:
    heights = plots_reasoning.spread([100.0, 101.0, 102.0, 208.0, 207.0])
    assert heights[:3] == [100.0, 113.0, 126.0]
    assert heights[3:] == [208.0, 195.0]


def test_a_tree_of_many_paths_is_bounded() -> None:
    moves = [{"kept": 0, "rolled_back": [f"s{i}"], "accepted": [f"s{i + 1}"]} for i in range(40)]
    last = wire.Refinement.model_validate(
        {
            "blocks": 1,
            "replicates": 1,
            "estimate": {"value": [1.0], "standard_error": [None]},
            "layout": [wire.OutputPart.together("chance", 0, [1]).model_dump()],
            "spent": {},
            "digest": "",
            "diagnostics": {"answers": ["x"], "tree": moves},
        }
    )
    (drawn,) = svgs(plots_reasoning.tree(Reasoned.of(last)))
    titles = [element.text for element in drawn.iter() if element.tag.endswith("title")]
    assert len(titles) == plots_reasoning.MOST_ROWS
    assert "s40" in titles, "where it is now"
