"""From the options of `burnish run posterior` to the JSON of a spec. Numbers come as text, JSON, or files to upload."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from burnish import cli_state_spec
from burnish.cli_spec import BadOption, from_file

Upload = Callable[[Path], str]
Given = Mapping[str, Any]

_UPLOADED = (".npy", ".safetensors")
_SHARED = ("level", "interval", "simultaneous", "seed", "method", "particles")
_BUDGET = ("seconds", "worker_seconds", "gpu_seconds", "units", "abs_tol", "rel_tol", "deadline")
_CHAIN = ("scheduler", "steps", "eta")
_OPERATORS = {
    "inpaint": ("inpaint", "mask"),
    "matrix": ("matrix", "matrix"),
    "kernel": ("blur", "kernel"),
    "blur": ("blur", "width"),
    "downsample": ("downsample", "factor"),
    "project": ("projection", "rows"),
    "see": ("expression", "expression"),
    "see_model": ("model", "model"),
}
"""Options that say what is observed: the type of the operator, and its field."""


def build(given: Given, upload_array: Upload, upload_model: Upload) -> dict[str, Any]:
    """The spec: the file of `--spec`, if given, with every other option laid over it. Raises BadOption."""
    files = _Files(upload_array, upload_model)
    spec: dict[str, Any] = from_file(given["spec"]) if given.get("spec") else {"kind": "posterior"}
    if cli_state_spec.is_state(given, spec):
        spec |= cli_state_spec.build(given, spec, files.numbers)
        given = {name: value for name, value in given.items() if name not in cli_state_spec.OPTIONS}
    spec |= _some(given, *_SHARED)
    parts = {
        "prior": _prior(given, spec, files),
        "observation": _observation(given, files),
        "reward": _reward(given, files),
        "condition": _condition(given, files),
    }
    spec |= {name: part for name, part in parts.items() if part}
    fields = {
        "budget": _some(given, *_BUDGET),
        "chain": _some(given, *_CHAIN),
        "guidance": _renamed(given, guidance="type", strength="strength", guidance_label="label"),
        "potential": _renamed(given, potential="type", tempering="tempering"),
    }
    spec |= {name: {**spec.get(name, {}), **part} for name, part in fields.items() if part}
    spec |= _renamed(given, output="outputs", quantile="quantiles")
    _complete(spec)
    return spec


class _Files:
    """Arrays and models as options name them."""

    def __init__(self, upload_array: Upload, upload_model: Upload):
        self._array, self._model = upload_array, upload_model

    def numbers(self, option: str, text: str) -> Any:
        """`1,2,3`, or a file: JSON is put into the spec, .npy and safetensors are uploaded."""
        path = Path(text)
        if path.suffix in _UPLOADED:
            return {"array": self._array(path)}
        if path.suffix == ".json" or path.is_file():
            return _json(option, path)
        try:
            return [float(part) for part in text.replace(",", " ").split()]
        except ValueError:
            what = f"numbers separated by commas, or a file (.json, {', '.join(_UPLOADED)})"
            raise BadOption(f"--{option} must be {what}, got {text!r}") from None

    def model(self, text: str) -> str:
        """The id of a model, or a file of one."""
        return text if text.startswith("sha256:") else self._model(Path(text))


def _json(option: str, path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise BadOption(f"--{option} {path}: {error.strerror}") from None
    except ValueError as error:
        raise BadOption(f"--{option} {path} is not JSON: {error}") from None


def _some(given: Given, *names: str) -> dict[str, Any]:
    return {name: given[name] for name in names if given.get(name) is not None}


def _renamed(given: Given, **fields: str) -> dict[str, Any]:
    """Options that were given, under the names of their fields; empty lists are not given."""
    return {field: given[name] for name, field in fields.items() if given.get(name) not in (None, [], ())}


def _one_of(given: Given, names: Mapping[str, Any]) -> str | None:
    """The one of some options that was given. Raises BadOption where there are two."""
    found = [name for name in names if given.get(name) not in (None, [], ())]
    if len(found) > 1:
        first, second = (f"--{name.replace('_', '-')}" for name in found[:2])
        raise BadOption(f"{first} and {second} exclude each other; give one of them")
    return found[0] if found else None


def _prior(given: Given, spec: dict[str, Any], files: _Files) -> dict[str, Any] | None:
    chosen = _one_of(given, {"prior": None, "mixture": None})
    if chosen == "mixture":
        stated = _json("mixture", Path(given["mixture"]))
        return {"mixture": stated if isinstance(stated, dict) else {"means": stated}}
    known = {"name": given["prior"]} if chosen else cast("dict[str, Any]", spec.get("prior", {}))
    return known | _some(given, "label") if known or given.get("label") is not None else None


def _observation(given: Given, files: _Files) -> dict[str, Any] | None:
    chosen = _one_of(given, _OPERATORS)
    if given.get("y") is None and given.get("sigma") is None and chosen is None:
        return None
    missing = [option for option in ("y", "sigma") if given.get(option) is None]
    if missing:
        raise BadOption(f"an observation needs --{missing[0]}: what was seen (--y) and its noise (--sigma)")
    operator = {"type": "identity"} if chosen is None else _operator(chosen, given[chosen], files)
    sigma = files.numbers("sigma", given["sigma"])
    return {
        "operator": operator,
        "y": files.numbers("y", given["y"]),
        "sigma": sigma[0] if isinstance(sigma, list) and len(cast("list[Any]", sigma)) == 1 else sigma,
    }


def _operator(chosen: str, value: Any, files: _Files) -> dict[str, Any]:
    kind, field = _OPERATORS[chosen]
    if chosen in ("inpaint", "matrix", "kernel"):
        value = files.numbers(chosen, value)
    if chosen == "see_model":
        value = files.model(value)
    if chosen == "see" and len(value) == 1:
        value = value[0]
    return {"type": kind, field: value}


def _reward(given: Given, files: _Files) -> dict[str, Any] | None:
    chosen = _one_of(given, {"reward": None, "reward_model": None})
    if chosen is None:
        if given.get("temperature") is not None:
            raise BadOption("--temperature belongs to a reward; give --reward or --reward-model")
        return None
    reward = {"expression": given["reward"]} if chosen == "reward" else {"model": files.model(given["reward_model"])}
    return reward | _some(given, "temperature")


def _condition(given: Given, files: _Files) -> dict[str, Any] | None:
    if given.get("classifier") is None and given.get("class_") is None:
        return None
    if given.get("classifier") is None or given.get("class_") is None:
        raise BadOption("--classifier and --class go together: a network, and the class that it is to see")
    return {"classifier": files.model(given["classifier"]), "label": given["class_"]}


def _complete(spec: dict[str, Any]) -> None:
    """Say what is missing in terms of options, before the service says it in terms of fields."""
    missing = list[str]()
    if not spec.get("prior") and not spec.get("dynamics"):
        missing.append(
            "no prior; give --prior NAME (see `burnish catalogue`), --mixture FILE, --dynamics NAME, or --spec FILE"
        )
    if not any(spec.get(name) for name in ("observation", "reward", "condition", "dynamics")):
        missing.append("nothing to condition on; give --y and --sigma, --reward, or --classifier and --class")
    if not spec.get("budget"):
        missing.append("no budget; give --seconds, --units, --abs-tol or --rel-tol")
    if missing:
        raise BadOption("\n".join(missing))
