"""From what people like to type to the JSON of a spec. Nothing is checked here: the service says what is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, cast

from pydantic import BaseModel

from burnish import packing, wire
from burnish.wire.specs.surrogate import Point


class ArrayLike(Protocol):
    """Arrays and tensors of any library."""

    def tolist(self) -> Any: ...


Coordinates = float | Sequence[float] | ArrayLike
Points = Sequence[Coordinates | Point | Mapping[str, Any]] | ArrayLike | Mapping[str, Any] | wire.StoredFile
"""A list of x (a number stands for all coordinates), an array of shape (m, d), an uploaded array, or points as the wire
has them."""
Problem = str | Mapping[str, Any] | BaseModel
Surrogate = str | Mapping[str, Any] | BaseModel
Prior = str | Mapping[str, Any] | BaseModel
"""A name of the catalogue, or `{"name": ..., "label": ...}`, `{"mixture": ...}`, `{"model": ..., "shape": ...}`."""
Task = Mapping[str, Any] | BaseModel
"""What is reasoned about, in full: `{"type": "subset_sum", ...}`, `{"type": "tree", ...}`, or a model asked."""
Prompt = str | Sequence[Mapping[str, str] | BaseModel]
"""A text that a model goes on from, or messages: `[{"role": "user", "content": ...}]`."""
Budget = wire.Budget | Mapping[str, float | str]
Times = float | Sequence[float]


def surrogate(problem: Problem, points: Points, t: Times, dim: int | None, **given: Any) -> dict[str, Any]:
    """The spec of a `surrogate` job; fields of `given` that are null are left to the service."""
    named = {"name": problem} if isinstance(problem, str) else problem
    if dim is not None:
        named = {**_plain(named), "dim": dim}
    given["surrogate"] = _model(given.pop("surrogate", None))
    if given.get("bounds") is not None:
        given["bounds"] = [float(bound) for bound in given["bounds"]]
    if given.get("outputs") is not None:
        given["outputs"] = list(given["outputs"])
    spec = {"kind": "surrogate", "problem": named, "points": at(points, t)}
    return spec | {name: value for name, value in given.items() if value is not None}


_SHORT = {
    "guidance": "type",
    "potential": "type",
    "resampling": "scheme",
    "reward": "expression",
    "dynamics": "name",
    "filter": "method",
}
"""Fields of a `posterior` job that may be a text, and what that is short for."""


def posterior(prior: Prior | None, **given: Any) -> packing.Uploading:
    """The spec of a `posterior` job, with arrays packed or uploaded: see `packing`."""
    spec: dict[str, Any] = {"kind": "posterior"} | ({} if prior is None else {"prior": _form(prior, "name")})
    for name in _SHORT.keys() & given.keys():
        given[name] = _form(given[name], _SHORT[name])
    if isinstance(seen := given.get("observation"), Mapping):
        seen = cast("Mapping[str, Any]", seen)
        given["observation"] = {**seen, "operator": _form(seen.get("operator", "identity"), "type")}
    return packing.packed(spec | {name: value for name, value in given.items() if value is not None})


def reasoning(
    *,
    problem: Task | None = None,
    model: str | None = None,
    prompt: Prompt | None = None,
    url: str | None = None,
    **given: Any,
) -> dict[str, Any]:
    """The spec of a `reasoning` job. Raises `ValueError` where the problem is given twice or not at all."""
    if (problem is None) == (model is None):
        raise ValueError("give either problem, stated in full, or model and prompt")
    if problem is not None and (prompt is not None or url is not None):
        extra = "prompt" if prompt is not None else "url"
        raise ValueError(f"{extra} goes with model; put it into the problem, or give model instead")
    stated = _plain(problem) if problem is not None else _asked(str(model), prompt, url)
    if isinstance(given.get("verifier"), str):
        given["verifier"] = {"values": {"type": given["verifier"]}}
    spec: dict[str, Any] = {"kind": "reasoning", "problem": stated}
    return spec | {name: value for name, value in given.items() if value is not None}


def _asked(model: str, prompt: Prompt | None, url: str | None) -> dict[str, Any]:
    """A question to a model: a text to go on from, or the turns of a conversation."""
    if prompt is None:
        raise ValueError(f"model {model!r} needs a prompt: a text, or a list of messages")
    asked = {"prompt": prompt} if isinstance(prompt, str) else {"messages": [_plain(turn) for turn in prompt]}
    where = {"type": "language"} if url is None else {"type": "server", "url": url}
    return {**where, "model": model, **asked}


def _form(value: Any, field: str) -> Any:
    """A text in the form of the wire: the field it is short for, or the model whose id it is."""
    if not isinstance(value, str):
        return value
    return {"model" if value.startswith("sha256:") else field: value}


def _model(surrogate: Surrogate | None) -> Any:
    """A name of the catalogue, the id of an upload or what `upload_model` gave, or a statement in full."""
    if isinstance(surrogate, wire.StoredFile):
        return {"model": surrogate.id}
    if isinstance(surrogate, str):
        return {"model" if surrogate.startswith("sha256:") else "name": surrogate}
    return surrogate


def at(points: Points, t: Times = 0.0) -> Any:
    """Points at time `t`: one for all, or one per point. Points that bring their own `t` keep it."""
    if isinstance(points, wire.StoredFile):
        return {"array": points.id}
    if isinstance(points, Mapping):
        return points
    rows = cast("Sequence[Any]", points.tolist() if not isinstance(points, Sequence) else points)
    times = [float(t)] * len(rows) if isinstance(t, int | float) else list(t)
    if len(times) != len(rows):
        raise ValueError(f"{len(times)} times for {len(rows)} points; give one t for all, or one per point")
    return [_point(row, time) for row, time in zip(rows, times, strict=True)]


def _point(row: Any, time: float) -> Any:
    if _has_time(row):
        return row
    return {"t": time, "x": row.tolist() if hasattr(row, "tolist") else row}


def _has_time(row: Any) -> bool:
    return isinstance(row, Mapping | BaseModel)


def _plain(value: Mapping[str, Any] | BaseModel) -> Mapping[str, Any]:
    return value.model_dump(mode="json", exclude_unset=True) if isinstance(value, BaseModel) else dict(value)


def budget(given: Mapping[str, Any]) -> wire.Budget:
    """A budget from its parts, those that are not null.

    Raises `ValueError` (pydantic) when there is none, or one of them is not a positive number.
    """
    return wire.Budget.model_validate({name: value for name, value in given.items() if value is not None})
