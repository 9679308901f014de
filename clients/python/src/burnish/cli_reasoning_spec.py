"""From the options of `burnish run reasoning` to the JSON of a spec."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from burnish.cli_spec import BadOption, from_file

Given = Mapping[str, Any]

_SHARED = ("level", "interval", "simultaneous", "seed", "method", "beta", "chains", "together", "pool", "particles")
_OWN = ("max_steps", "most_answers", "early_stop")
_AMOUNTS = ("seconds", "worker_seconds", "gpu_seconds", "units", "tokens", "verifier_calls")
_BUDGET = (*_AMOUNTS, "abs_tol", "rel_tol", "deadline")
_OF_MODELS = ("prompt", "prompt_file", "stop", "step_tokens", "temperature", "top_p", "answer_pattern")
_OF_SERVERS = ("api", "continues")
_ANSWERS = {"subset_sum": ("count", "subset"), "language": ("text", "last_step", "number")}
"""What `--answer-by` may say, by the problem."""


def build(given: Given) -> dict[str, Any]:
    """The spec: the file of `--spec`, if given, with every other option laid over it. Raises BadOption."""
    spec: dict[str, Any] = from_file(given["spec"]) if given.get("spec") else {"kind": "reasoning"}
    spec |= _some(given, *_SHARED, *_OWN)
    before = cast("dict[str, Any]", spec.get("problem") or {})
    if problem := _problem(given, before):
        same = problem.get("type") == before.get("type")
        merged = (before if same else {}) | problem
        spec["problem"] = {name: value for name, value in merged.items() if value is not None}
    parts = {
        "budget": _some(given, *_BUDGET),
        "verifier": _verifier(given),
    }
    spec |= {name: {**spec.get(name, {}), **part} for name, part in parts.items() if part}
    spec |= _renamed(given, answer="answers")
    if given.get("ladder") is not None:
        spec["ladder"] = _numbers("ladder", given["ladder"], float)
    _complete(spec)
    return spec


def _verifier(given: Given) -> dict[str, Any]:
    """`--verifier` says who values unfinished paths; how ends are judged stands in `--spec`."""
    found = _renamed(given, floor="floor")
    return found if given.get("verifier") is None else {"values": {"type": given["verifier"]}, **found}


def _problem(given: Given, before: Mapping[str, Any]) -> dict[str, Any]:
    """What the options say of the problem: one of the forms, or more about that of the file."""
    form = _form(given, before)
    _belongs(given, form)
    if form == "tree":
        return _tree(given["tree"]) if _has(given, "tree") else {}
    if form == "subset_sum":
        chosen = _renamed(given, target="target") | _read_by(given, form)
        if _has(given, "numbers"):
            chosen["numbers"] = _numbers("numbers", given["numbers"], int)
        return {"type": form} | chosen if chosen else {}
    return _asked(given, form, before)


def _form(given: Given, before: Mapping[str, Any]) -> str:
    """tree, subset_sum, server or language: by the options, else as in the file."""
    named = [name for name in ("tree", "numbers", "model") if _has(given, name)]
    if len(named) > 1:
        raise BadOption(f"--{named[0]} and --{named[1]} exclude each other; give one of them")
    known = before.get("type")
    if _has(given, "server") and named not in ([], ["model"]):
        raise BadOption(f"--{named[0]} and --server exclude each other; give one of them")
    if _has(given, "server"):
        return "server"
    if named == ["model"]:
        return "server" if known == "server" else "language"
    return {"tree": "tree", "numbers": "subset_sum"}[named[0]] if named else str(known or "")


def _belongs(given: Given, form: str) -> None:
    """Raises BadOption for an option that says nothing of such a problem."""
    if _has(given, "target") and form != "subset_sum":
        raise BadOption("--target belongs to --numbers; give the numbers that are to add up to it")
    for name in _OF_MODELS:
        if _has(given, name) and form not in ("language", "server"):
            raise BadOption(f"{_option(name)} belongs to a model; give --model NAME (see `burnish catalogue`)")
    for name in _OF_SERVERS:
        if _has(given, name) and form != "server":
            raise BadOption(f"{_option(name)} belongs to a server; give --server URL and --model NAME")
    if _has(given, "answer_by") and form in ("tree", ""):
        raise BadOption("--answer-by belongs to --numbers or --model; the ends of a tree say what they answer")


def _asked(given: Given, form: str, before: Mapping[str, Any]) -> dict[str, Any]:
    """A question to a language model."""
    asked = _some(given, "model", "temperature", "top_p", *_OF_SERVERS) | _renamed(given, server="url")
    asked |= _prompt(given) | _read_by(given, form)
    if steps := _renamed(given, step_tokens="tokens"):
        asked["steps"] = cast("dict[str, Any]", before.get("steps") or {}) | steps
    if _has(given, "stop"):
        stops = [_unescaped(text) for text in given["stop"]]
        asked["steps"] = cast("dict[str, Any]", asked.get("steps") or before.get("steps") or {}) | {"stops": stops}
    if not asked:
        return {}
    if form == "server" and not asked.get("model") and before.get("type") != "server":
        raise BadOption("--server needs --model: the model's name at that server")
    return {"type": form} | asked


def _prompt(given: Given) -> dict[str, Any]:
    """A text, or messages; the other form is taken back from the file's problem."""
    if _has(given, "prompt") and _has(given, "prompt_file"):
        raise BadOption("--prompt and --prompt-file exclude each other; give one of them")
    if _has(given, "prompt"):
        return {"prompt": given["prompt"], "messages": None}
    if not _has(given, "prompt_file"):
        return {}
    name = str(given["prompt_file"])
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text("utf-8")
    except OSError as error:
        raise BadOption(f"--prompt-file {name}: {error.strerror}") from None
    messages = _json("prompt-file", name, text) if name.endswith(".json") else None
    return {"prompt": None, "messages": messages} if messages is not None else {"prompt": text, "messages": None}


def _read_by(given: Given, form: str) -> dict[str, Any]:
    """How an answer is read off a finished chain."""
    if _has(given, "answer_by") and _has(given, "answer_pattern"):
        raise BadOption("--answer-by and --answer-pattern exclude each other; give one of them")
    if _has(given, "answer_pattern"):
        return {"answer": {"type": "pattern", "pattern": given["answer_pattern"]}}
    if not _has(given, "answer_by"):
        return {}
    known = _ANSWERS.get(form, _ANSWERS["language"])
    if given["answer_by"] not in known:
        raise BadOption(f"--answer-by is {given['answer_by']!r}; here it is one of {', '.join(known)}")
    return {"answer": given["answer_by"] if form == "subset_sum" else {"type": given["answer_by"]}}


def _tree(name: str) -> dict[str, Any]:
    """A whole problem, or only its first steps."""
    try:
        found = _json("tree", name, Path(name).read_text("utf-8"))
    except OSError as error:
        raise BadOption(f"--tree {name}: {error.strerror}") from None
    if isinstance(found, list):
        return {"type": "tree", "steps": found}
    if not isinstance(found, dict) or "steps" not in found:
        raise BadOption(f'--tree {name} must hold a tree, {{"value": ..., "steps": [...]}}, or the list of its steps')
    return {"type": "tree"} | cast("dict[str, Any]", found)


def _json(option: str, name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise BadOption(f"--{option} {name} is not JSON: {error}") from None


def _numbers(option: str, text: str, kind: type[int] | type[float]) -> list[float]:
    try:
        return [kind(part) for part in text.replace(",", " ").split()]
    except ValueError:
        what = "whole numbers" if kind is int else "numbers"
        raise BadOption(f"--{option} must be {what} separated by commas, got {text!r}") from None


def _unescaped(text: str) -> str:
    r"""`\n` and `\t` as a shell passes them on."""
    return text.replace("\\n", "\n").replace("\\t", "\t")


def _has(given: Given, name: str) -> bool:
    return given.get(name) not in (None, [], ())


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _some(given: Given, *names: str) -> dict[str, Any]:
    return {name: given[name] for name in names if _has(given, name)}


def _renamed(given: Given, **fields: str) -> dict[str, Any]:
    """Options that were given, under the names of their fields."""
    return {field: given[name] for name, field in fields.items() if _has(given, name)}


def _complete(spec: Mapping[str, Any]) -> None:
    """Say what is missing in terms of options, before the service says it in terms of fields."""
    missing, problem = list[str](), cast("Mapping[str, Any]", spec.get("problem") or {})
    if not problem:
        missing.append("nothing to reason about; give --model and --prompt, --numbers and --target, --tree or --spec")
    missing += [f"no {field}; give {cure}" for field, cure in _lacking(problem)]
    if not spec.get("budget"):
        missing.append("no budget; give --tokens, --seconds, --verifier-calls or --abs-tol")
    if missing:
        raise BadOption("\n".join(missing))


def _lacking(problem: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    """Fields that such a problem cannot do without, and the options that give them."""
    form = problem.get("type")
    if form == "subset_sum":
        wanted = {"numbers": "--numbers 17,92,...", "target": "--target N"}
        return [(name, cure) for name, cure in wanted.items() if problem.get(name) is None]
    if form in ("language", "server"):
        asked = problem.get("prompt") is not None or problem.get("messages") is not None
        lacking = [] if problem.get("model") else [("model", "--model NAME")]
        return lacking + ([] if asked else [("prompt", "--prompt TEXT or --prompt-file FILE")])
    return []
