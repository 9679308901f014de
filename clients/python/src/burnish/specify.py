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


def budget(
    seconds: float | None,
    worker_seconds: float | None,
    gpu_seconds: float | None,
    units: int | None,
    abs_tol: float | None,
    rel_tol: float | None,
) -> wire.Budget:
    """A budget from its parts.

    Raises `ValueError` (pydantic) when there is none, or one of them is not a positive number.
    """
    given = {
        "seconds": seconds,
        "worker_seconds": worker_seconds,
        "gpu_seconds": gpu_seconds,
        "units": units,
        "abs_tol": abs_tol,
        "rel_tol": rel_tol,
    }
    return wire.Budget.model_validate({name: value for name, value in given.items() if value is not None})
