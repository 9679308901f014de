"""From the options of `burnish run surrogate` to the JSON of a spec."""

from __future__ import annotations

import difflib
import json
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from burnish import specify
from burnish.wire import CatalogueEntry

_BUDGET = ("seconds", "worker_seconds", "gpu_seconds", "units", "abs_tol", "rel_tol", "deadline")

DRAWN_DIGITS = 6
"""Drawn coordinates are rounded, so that a spec stays readable and replays exactly from its text."""


class BadOption(ValueError):
    """Options that do not make a request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The options as given; null where not."""

    spec: str | None = None
    problem: str | None = None
    surrogate: str | None = None
    surrogate_expression: str | None = None
    fit: str | None = None
    dim: int | None = None
    horizon: float | None = None
    drift: str | None = None
    diffusion: str | None = None
    nonlinearity: str | None = None
    terminal: str | None = None
    points: int | None = None
    point_seed: int = 0
    box: str | None = None
    x: Sequence[str] = ()
    t: Sequence[float] = ()
    seconds: float | None = None
    worker_seconds: float | None = None
    gpu_seconds: float | None = None
    units: int | None = None
    abs_tol: float | None = None
    rel_tol: float | None = None
    deadline: str | None = None
    level: float | None = None
    interval: str | None = None
    seed: int | None = None
    steps: int | None = None
    method: str | None = None
    gradient: bool = False
    laplacian: str | None = None
    shrinkage: bool | None = None
    bounds: str | None = None
    simultaneous: bool | None = None
    points_id: str | None = None

    def some(self, *names: str) -> dict[str, Any]:
        """Those of the named options that were given."""
        return {name: value for name in names if (value := getattr(self, name)) is not None}


def build(asked: Asked, catalogue: Callable[[], list[CatalogueEntry]]) -> dict[str, Any]:
    """The spec: the file of `--spec`, if given, with every other option laid over it."""
    spec: dict[str, Any] = from_file(asked.spec) if asked.spec else {"kind": "surrogate"}
    spec |= asked.some("level", "interval", "seed", "steps", "method", "simultaneous", "laplacian", "shrinkage")
    if asked.gradient:
        spec["outputs"] = ["value", "gradient"]
    if asked.bounds:
        spec["bounds"] = _numbers("--bounds", asked.bounds)
    if budget := asked.some(*_BUDGET):
        spec["budget"] = spec.get("budget", {}) | budget
    if problem := _problem(asked):
        spec["problem"] = problem
    if correct := _surrogate(asked):
        spec["surrogate"] = correct
    if points := _points(asked, spec, catalogue):
        spec["points"] = points
    _complete(spec)
    return spec


def from_file(name: str) -> dict[str, Any]:
    try:
        value = json.loads(sys.stdin.read() if name == "-" else Path(name).read_text("utf-8"))
    except OSError as error:
        raise BadOption(f"--spec {name}: {error.strerror}") from None
    except ValueError as error:
        raise BadOption(f"--spec {name} is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise BadOption(f"--spec {name} must hold an object, {{...}}")
    return cast("dict[str, Any]", value)


def _problem(asked: Asked) -> dict[str, Any] | None:
    stated = asked.some("horizon", "drift", "diffusion", "nonlinearity", "terminal")
    if asked.problem is None:
        return stated | asked.some("dim") if stated else None
    if stated:
        raise BadOption(f"--problem names an equation and --{next(iter(stated))} states one; give one or the other")
    return {"name": asked.problem} | asked.some("dim")


def _surrogate(asked: Asked) -> dict[str, Any] | None:
    if asked.fit is not None:
        return {"fit": _fit(asked)}
    if asked.surrogate and asked.surrogate_expression:
        raise BadOption("--surrogate names a model and --surrogate-expression states one; give one or the other")
    if asked.surrogate_expression:
        return {"expression": asked.surrogate_expression}
    if asked.surrogate and asked.surrogate.startswith("sha256:"):
        return {"model": asked.surrogate}
    return {"name": asked.surrogate} if asked.surrogate else None


def _fit(asked: Asked) -> dict[str, Any]:
    """`auto`, `steps=500,optimiser=adam` (numbers are numbers, the rest is text), or a JSON object."""
    if asked.surrogate or asked.surrogate_expression:
        raise BadOption("--fit trains a surrogate; leave out the options that name one")
    text, fit = str(asked.fit).strip(), dict[str, Any]()
    if text.startswith("{"):
        return _object("--fit", text)
    for part in [] if text in ("", "auto") else text.split(","):
        name, equals, value = part.partition("=")
        if not equals:
            pairs = "NAME=VALUE pairs such as steps=500,optimiser=adam, or a JSON object"
            raise BadOption(f"--fit must be auto, {pairs}; got {part!r}")
        try:
            fit[name.strip()] = json.loads(value)
        except ValueError:
            fit[name.strip()] = value.strip()
    return fit


def _object(option: str, text: str) -> dict[str, Any]:
    try:
        return dict(json.loads(text))
    except ValueError as error:
        raise BadOption(f"{option} is not a JSON object: {error}") from None


def _points(asked: Asked, spec: dict[str, Any], catalogue: Callable[[], list[CatalogueEntry]]) -> Any:
    if asked.points_id is not None and asked.t:
        raise BadOption("--points-file brings the times too (a first column, or `t`); leave out --t")
    if asked.points_id is not None:
        return {"array": asked.points_id}
    if asked.x and asked.points is not None:
        raise BadOption("--points draws points and --x states them; give one or the other")
    if asked.points is not None:
        rows = draw(asked.points, *_where(asked, spec, catalogue), asked.point_seed)
    else:
        rows = [_numbers("--x", text) for text in asked.x]
    times = asked.t[0] if len(asked.t) == 1 else list(asked.t) or 0.0
    try:
        return specify.at([row[0] if len(row) == 1 else row for row in rows], times) if rows else None
    except ValueError as error:
        raise BadOption(f"--t: {error}") from None


def draw(count: int, dim: int, low: float, high: float, seed: int) -> list[list[float]]:
    """`count` points, uniform in [low, high]^dim; the same for the same seed."""
    if count < 1:
        raise BadOption(f"--points must be at least 1, got {count}")
    source = random.Random(seed)
    return [[round(source.uniform(low, high), DRAWN_DIGITS) for _ in range(dim)] for _ in range(count)]


def _where(
    asked: Asked, spec: dict[str, Any], catalogue: Callable[[], list[CatalogueEntry]]
) -> tuple[int, float, float]:
    """Dimension and box to draw from: as given, else the catalogue's."""
    name = spec.get("problem", {}).get("name")
    details = _entry(name, catalogue()).details if name else {}
    dim = asked.dim or spec.get("problem", {}).get("dim") or details.get("dim")
    box = _numbers("--box", asked.box) if asked.box else details.get("box")
    if not isinstance(dim, int):
        raise BadOption("--points needs --dim: the problem does not say its dimension")
    if box is None:
        raise BadOption("--points needs --box LOW,HIGH: the problem does not say where to draw from")
    if len(box) != 2 or not box[0] < box[1]:
        raise BadOption(f"--box must be LOW,HIGH with LOW < HIGH, got {box}")
    return dim, float(box[0]), float(box[1])


def _entry(name: str, entries: list[CatalogueEntry]) -> CatalogueEntry:
    problems = {entry.name: entry for entry in entries if entry.type == "problem"}
    if name in problems:
        return problems[name]
    near = difflib.get_close_matches(name, problems, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(sorted(problems)) or 'none'}"
    raise BadOption(f"--problem: the catalogue has no {name!r}{hint}")


def _numbers(option: str, text: str) -> list[float]:
    try:
        return [float(part) for part in text.replace(",", " ").split()]
    except ValueError:
        raise BadOption(f"{option} must be numbers separated by commas, got {text!r}") from None


def _complete(spec: dict[str, Any]) -> None:
    """Say what is missing in terms of options, before the service says it in terms of fields."""
    cures = {
        "problem": "--problem NAME (see `burnish catalogue`), or --dim, --horizon, --diffusion and --terminal",
        "points": "--points N to draw them, --x 0.1,0.2,... for each, or --points-file",
        "budget": "--seconds, --units, --abs-tol or --rel-tol",
    }
    if missing := [f"no {field}; give {cure}" for field, cure in cures.items() if not spec.get(field)]:
        raise BadOption("\n".join(missing))
