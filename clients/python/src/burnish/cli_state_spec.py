"""Options of `burnish run posterior` about a state that is followed (`dynamics`), as fields of a spec."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from burnish.cli_observe import read
from burnish.cli_spec import BadOption, from_file

Given = Mapping[str, Any]
Numbers = Callable[[str, str], Any]

_OWN = ("initial", "initial_variance", "observe_noise", "coordinates", "observations", "expected", "filter")
_SEEN = {"coordinates": "indices", "matrix": "matrix", "see": "expression"}
"""Options that say what is seen of the state, and their fields."""

OPTIONS = frozenset({"dynamics", *_OWN, "matrix", "see", "particles"})
"""Those that speak of the state, where one is followed."""

_OF_PRIORS = ("prior", "mixture", "y", "sigma", "inpaint", "kernel", "blur", "downsample", "project", "see_model")
_MOTION = frozenset({"noise", "steps", "dt", "dim", "substeps"})


def is_state(given: Given, spec: Given) -> bool:
    """Whether a state is followed, by the options or by the file. Raises BadOption for what belongs to the other."""
    if given.get("dynamics") is None and not spec.get("dynamics"):
        if wrong := [name for name in _OWN if given.get(name) is not None]:
            raise BadOption(f"{_option(wrong[0])} belongs to a state that is followed; give --dynamics NAME")
        return False
    if wrong := [name for name in _OF_PRIORS if given.get(name) is not None]:
        raise BadOption(f"{_option(wrong[0])} belongs to a prior; with --dynamics give --initial and --observe-noise")
    return True


def build(given: Given, spec: Given, numbers: Numbers) -> dict[str, Any]:
    """The fields that the options give, over those of the file. Raises BadOption."""
    seen = [name for name in _SEEN if given.get(name) not in (None, [])]
    if len(seen) > 1:
        raise BadOption(f"{_option(seen[0])} and {_option(seen[1])} exclude each other; give one of them")
    parts = {
        "initial": _initial(given, numbers),
        "observe": _seen(given, seen, numbers),
        "filter": _filter(given),
    }
    if seen:
        kept = {name: value for name, value in spec.get("observe", {}).items() if name not in _SEEN.values()}
        spec = {**spec, "observe": kept}
    found: dict[str, Any] = {name: {**spec.get(name, {}), **part} for name, part in parts.items() if part}
    if given.get("dynamics") is not None:
        found["dynamics"] = _dynamics(given["dynamics"])
    if given.get("observations") is not None:
        found["observations"] = list(read(given["observations"]))
    if given.get("expected") is not None:
        found["expected"] = given["expected"]
    _complete({**spec, **found})
    return found


def _dynamics(text: str) -> dict[str, Any]:
    """`lorenz96,noise=0.1,forcing=8`: settings of the motion, and parameters of these dynamics; or a file."""
    if text.endswith(".json"):
        if not Path(text).is_file():
            raise BadOption(f"--dynamics {text}: no such file")
        return from_file(text)
    name, settings = _settings("dynamics", text)
    parameters = {field: value for field, value in settings.items() if field not in _MOTION}
    motion = {field: value for field, value in settings.items() if field in _MOTION}
    return {"name": name} | motion | ({"parameters": parameters} if parameters else {})


def _initial(given: Given, numbers: Numbers) -> dict[str, Any]:
    found = dict[str, Any]()
    if given.get("initial") is not None:
        found["mean"] = numbers("initial", given["initial"])
    if given.get("initial_variance") is not None:
        found["covariance"] = _one_or_more(numbers("initial-variance", given["initial_variance"]))
    return found


def _seen(given: Given, seen: list[str], numbers: Numbers) -> dict[str, Any]:
    found = dict[str, Any]()
    if given.get("observe_noise") is not None:
        found["noise"] = _one_or_more(numbers("observe-noise", given["observe_noise"]))
    for name in seen:
        found[_SEEN[name]] = _what(name, given[name], numbers)
    return found


def _what(name: str, value: Any, numbers: Numbers) -> Any:
    if name == "see":
        return value[0] if len(value) == 1 else value
    if name == "matrix":
        return numbers(name, value)
    try:
        return [int(part) for part in value.replace(",", " ").split()]
    except ValueError:
        raise BadOption(f"--coordinates must be whole numbers separated by commas, got {value!r}") from None


def _filter(given: Given) -> dict[str, Any]:
    found = dict[str, Any]()
    if given.get("filter") is not None:
        method, settings = _settings("filter", given["filter"])
        found |= {"method": method} | settings
    if given.get("particles") is not None:
        found["particles"] = given["particles"]
    return found


def _settings(option: str, text: str) -> tuple[str, dict[str, Any]]:
    """`name,field=value,...`: numbers are numbers, the rest is text."""
    name, *rest = (part.strip() for part in text.split(","))
    if not name or "=" in name:
        raise BadOption(f"--{option} begins with a name, then NAME=VALUE settings; got {text!r}")
    settings = dict[str, Any]()
    for part in rest:
        field, equals, value = part.partition("=")
        if not equals:
            raise BadOption(f"--{option}: settings are NAME=VALUE, got {part!r}")
        try:
            settings[field.strip()] = json.loads(value)
        except ValueError:
            settings[field.strip()] = value.strip()
    return name, settings


def _one_or_more(given: Any) -> Any:
    """A single number stands for all coordinates."""
    listed = cast("list[Any]", given) if isinstance(given, list) else []
    return listed[0] if len(listed) == 1 and not isinstance(listed[0], list) else cast("Any", given)


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _complete(spec: Mapping[str, Any]) -> None:
    cures = {
        "initial": ("mean", "--initial 1,2,3: the mean of the state before the first observation"),
        "observe": ("noise", "--observe-noise R: the variance of what is observed"),
    }
    lacking = [cure for name, (field, cure) in cures.items() if spec.get(name, {}).get(field) is None]
    if lacking:
        raise BadOption("\n".join(f"a state to follow needs {cure}" for cure in lacking))
