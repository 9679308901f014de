"""`burnish run reasoning`: how options become a spec, and what is said of options that do not."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from burnish import cli_app, cli_reasoning_spec, wire
from burnish.cli_spec import BadOption

TREE = {"value": 0.3, "steps": [{"step": "so 12", "value": 1.0}, {"step": "so 13", "value": 0.5}]}
CHOICE: dict[str, Any] = {"numbers": "17,92,45,128", "target": 62, "tokens": 500}
ASKED: dict[str, Any] = {"model": "dyck", "prompt": "([", "tokens": 500}
SERVED: dict[str, Any] = {**ASKED, "server": "http://127.0.0.1:8001/v1"}


def build(**given: Any) -> dict[str, Any]:
    """As the command does; what comes out is a spec of the wire."""
    spec = cli_reasoning_spec.build(given)
    wire.ReasoningSpec.model_validate(spec)
    return spec


def test_numbers_to_choose_among() -> None:
    spec = build(**CHOICE, chains=8, method="pimh", answer=["1", "2"], early_stop=True, seed=7, answer_by="subset")
    assert spec == {
        "kind": "reasoning",
        "problem": {"type": "subset_sum", "numbers": [17, 92, 45, 128], "target": 62, "answer": "subset"},
        "method": "pimh",
        "chains": 8,
        "answers": ["1", "2"],
        "early_stop": True,
        "budget": {"tokens": 500},
        "seed": 7,
    }


@pytest.mark.parametrize("written", [TREE, TREE["steps"], {"type": "tree", **TREE}])
def test_a_tree_or_its_steps_from_a_file(tmp_path: Path, written: Any) -> None:
    file = tmp_path / "tree.json"
    file.write_text(json.dumps(written))
    spec = build(tree=str(file), verifier_calls=9)
    assert (spec["problem"]["type"], spec["problem"]["steps"]) == ("tree", TREE["steps"])
    assert spec["budget"] == {"verifier_calls": 9}


def test_a_model_of_the_catalogue() -> None:
    spec = build(
        **ASKED,
        stop=["\\n", ". "],
        step_tokens=32,
        temperature=0.7,
        top_p=0.9,
        answer_by="number",
        max_steps=12,
        verifier="constant",
        floor=1e-3,
    )
    assert spec["problem"] == {
        "type": "language",
        "model": "dyck",
        "prompt": "([",
        "steps": {"stops": ["\n", ". "], "tokens": 32},
        "temperature": 0.7,
        "top_p": 0.9,
        "answer": {"type": "number"},
    }
    assert (spec["max_steps"], spec["verifier"]) == (12, {"values": {"type": "constant"}, "floor": 1e-3})


def test_a_server() -> None:
    spec = build(**SERVED, api="chat", continues="message", answer_pattern="answer: (.*)")
    assert spec["problem"] == {
        "type": "server",
        "url": "http://127.0.0.1:8001/v1",
        "model": "dyck",
        "prompt": "([",
        "api": "chat",
        "continues": "message",
        "answer": {"type": "pattern", "pattern": "answer: (.*)"},
    }


def test_prompts_from_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text, turns = tmp_path / "prompt.txt", tmp_path / "turns.json"
    text.write_text("12+34=\n")
    messages = [{"role": "user", "content": "12+34?"}]
    turns.write_text(json.dumps(messages))
    asked = {"model": "arithmetic", "tokens": 5}
    assert build(**asked, prompt_file=str(text))["problem"]["prompt"] == "12+34=\n"
    assert build(**asked, prompt_file=str(turns))["problem"]["messages"] == messages
    monkeypatch.setattr("sys.stdin", io.StringIO("5+6="))
    assert build(**asked, prompt_file="-")["problem"]["prompt"] == "5+6="


def test_tempering() -> None:
    spec = build(**CHOICE, method="parallel_tempering", beta=0.5, ladder="1, 2,4")
    assert (spec["method"], spec["beta"], spec["ladder"]) == ("parallel_tempering", 0.5, [1.0, 2.0, 4.0])


def test_options_go_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "spec.json"
    problem = {"type": "language", "model": "dyck", "messages": [{"role": "user", "content": "x"}], "top_p": 0.5}
    file.write_text(json.dumps({"kind": "reasoning", "problem": problem, "chains": 4, "budget": {"units": 9}}))
    spec = build(spec=str(file), prompt="((", step_tokens=8, tokens=7, chains=6)
    assert spec["problem"] == {
        "type": "language",
        "model": "dyck",
        "prompt": "((",
        "top_p": 0.5,
        "steps": {"tokens": 8},
    }
    assert (spec["chains"], spec["budget"]) == (6, {"units": 9, "tokens": 7})
    assert build(spec=str(file), numbers="1,2,3,4", target=5)["problem"] == {
        "type": "subset_sum",
        "numbers": [1, 2, 3, 4],
        "target": 5,
    }
    served = build(spec=str(file), server="http://127.0.0.1/v1", model="m", prompt="p")["problem"]
    assert served == {"type": "server", "url": "http://127.0.0.1/v1", "model": "m", "prompt": "p"}


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, "nothing to reason about; give --model and --prompt, --numbers.*\nno budget; give --tokens"),
        ({"model": "dyck"}, "no prompt; give --prompt TEXT or --prompt-file FILE\nno budget"),
        ({"numbers": "1,2,3,4", "tokens": 5}, "no target; give --target N"),
        ({**CHOICE, "model": "dyck"}, "--numbers and --model exclude each other"),
        ({**CHOICE, "tree": "t.json"}, "--tree and --numbers exclude each other"),
        ({**CHOICE, "server": "http://x/v1"}, "--numbers and --server exclude each other"),
        ({"target": 5, "tokens": 5}, "--target belongs to --numbers"),
        ({**CHOICE, "numbers": "1,b"}, "--numbers must be whole numbers separated by commas, got '1,b'"),
        ({**CHOICE, "numbers": "1.5,2"}, "--numbers must be whole numbers"),
        ({**CHOICE, "ladder": "2,hot"}, "--ladder must be numbers separated by commas, got '2,hot'"),
        ({**CHOICE, "top_p": 0.5}, "--top-p belongs to a model; give --model NAME"),
        ({**CHOICE, "answer_by": "number"}, "--answer-by is 'number'; here it is one of count, subset"),
        ({**ASKED, "answer_by": "numbr"}, "--answer-by is 'numbr'; here it is one of text, last_step, number"),
        ({**ASKED, "answer_by": "text", "answer_pattern": "x"}, "--answer-by and --answer-pattern exclude"),
        ({**ASKED, "api": "chat"}, "--api belongs to a server; give --server URL"),
        ({**ASKED, "prompt_file": "p.txt"}, "--prompt and --prompt-file exclude each other"),
        ({"server": "http://x/v1", "prompt": "p", "tokens": 5}, "--server needs --model"),
        ({"model": "dyck", "prompt_file": "/nowhere.txt", "tokens": 5}, "--prompt-file /nowhere.txt: No such file"),
        ({"tree": "/nowhere.json", "tokens": 5}, "--tree /nowhere.json: No such file"),
        ({"tree": "t.json", "answer_by": "count"}, "the ends of a tree say what they answer"),
    ],
)
def test_options_that_make_no_request(given: dict[str, Any], why: str) -> None:
    with pytest.raises(BadOption, match=f"(?s){why}"):
        cli_reasoning_spec.build(given)


@pytest.mark.parametrize(("text", "why"), [("{", "is not JSON"), ("3", "must hold a tree"), ("{}", "must hold a tree")])
def test_files_that_hold_no_tree(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "tree.json"
    file.write_text(text)
    with pytest.raises(BadOption, match=why):
        cli_reasoning_spec.build({"tree": str(file), "tokens": 5})


def test_posted(server, make, capsys) -> None:
    server.play(make.ok(make.job("queued", kind="reasoning"), 202))
    options = ["--numbers", "17,92,45,128", "--target", "62", "--tokens", "900", "--early-stop", "--no-wait"]
    assert cli_app.run(["--url", server.url, "run", "reasoning", *options]) == 0
    assert json.loads(server.seen[0].body) == {
        "kind": "reasoning",
        "problem": {"type": "subset_sum", "numbers": [17, 92, 45, 128], "target": 62},
        "early_stop": True,
        "budget": {"tokens": 900},
    }
    assert capsys.readouterr().out == "job_1\n"


def test_thinking_longer_by_tokens(server, make, capsys) -> None:
    server.play(make.ok(make.job("queued", kind="reasoning"), 202))
    assert (
        cli_app.run(["--url", server.url, "extend", "job_1", "--tokens", "9", "--verifier-calls", "5", "--no-wait"])
        == 0
    )
    assert json.loads(server.seen[0].body) == {"tokens": 9, "verifier_calls": 5}
    capsys.readouterr()


def test_what_the_service_says_of_a_spec_is_2(capsys) -> None:
    """How many numbers there must be is for the service to judge; it names the field."""
    options = ["--numbers", "17,92,45", "--target", "62", "--tokens", "900", "--local"]
    assert cli_app.run(["run", "reasoning", *options]) == 2
    assert "/problem/numbers: List should have at least 4 items" in capsys.readouterr().err
