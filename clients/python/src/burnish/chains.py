"""Samples and chains of a job for ArviZ: an xarray DataTree with the dimensions chain and draw. Needs arviz-base.

`posterior`: what plots and summaries may be made of as it stands. Islands that all weigh the same are its chains.
Otherwise it holds draws of equal weight from all islands together, as one chain, and the islands by themselves, whose
draws are equally likely within each, are in the group `islands` with the log of what each island weighs.

`reasoning`: chains are chains, and a draw is a block of steps, with the share of its steps at each answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from burnish.record import Record
from burnish.wire.extras import need
from burnish.wire.numeric import numpy

FILES = {"posterior": "samples", "reasoning": "chains"}
"""The file of a kind that has its draws."""
_EQUAL = 1e-9


def tree(record: Record, arrays: Mapping[str, Any]) -> Any:
    """The DataTree of a job from the arrays of its file."""
    groups, coords, dims = _chains(record, arrays) if record.job.kind == "reasoning" else _islands(arrays)
    base: Any = need("arviz_base", "arviz", "to_arviz")
    about = {"job": record.job.id, "kind": record.job.kind, "inference_library": "burnish"}
    return base.from_dict(groups, coords=coords, dims=dims, check_conventions=False, attrs={"/": about})


def file_of(record: Record) -> str:
    """The name of the file to fetch. Raises `LookupError` for a job that leaves none."""
    if record.job.kind not in FILES:
        what = f"a job of kind {record.job.kind!r} has neither samples nor chains: its replicates are independent"
        raise LookupError(f"{what}; its answer is job.to_numpy(), its history job.course()")
    if record.job.kind == "posterior" and not _left(record):
        raise LookupError(
            f'job {record.job.id} has left no samples: ask for them with outputs=["mean", "samples"], and wait for '
            "the first look"
        )
    return FILES[record.job.kind]


def _left(record: Record) -> bool:
    names = [artifact.name for refinement in record.history for artifact in refinement.artifacts or ()]
    return any(name.startswith(FILES[record.job.kind]) for name in names)


def _islands(arrays: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Groups, coordinates and dimensions of weighted samples: x (n, ...), log_weight (n,), island (n,)."""
    np = numpy()
    x, log_weight, island = arrays["x"], arrays["log_weight"], arrays["island"]
    names = np.unique(island)
    rows = [np.flatnonzero(island == name) for name in names]
    draws = min(map(len, rows), default=0)  # the last island may be cut off where no more are kept
    own = [_evenly(log_weight[row], draws) for row in rows]
    inside = np.stack([x[row[chosen]] for row, chosen in zip(rows, own, strict=True)]) if rows else x[None]
    total = np.array([np.logaddexp.reduce(log_weight[row]) for row in rows])
    if len(rows) and np.ptp(total) < _EQUAL and np.ptp(log_weight) < _EQUAL:
        return {"posterior": {"x": inside}}, {"chain": names}, {}
    together = x[_evenly(log_weight, len(x))][None]
    weights = total - np.logaddexp.reduce(total)
    groups = {"posterior": {"x": together}, "islands": {"x": inside}, "constant_data": {"log_weight": weights}}
    return groups, {"island": names}, {"log_weight": ["island"]}


def _evenly(log_weight: Any, count: int) -> Any:
    """Indices of `count` draws that lie evenly in the cumulative weights, so that each of them weighs the same."""
    np = numpy()
    if count == 0 or not np.isfinite(log_weight).any():
        return np.arange(count)
    sums = np.cumsum(np.exp(log_weight - log_weight.max()))
    places = (np.arange(count) + 0.5) / count * sums[-1]
    return np.minimum(np.searchsorted(sums, places), len(sums) - 1)


def _chains(record: Record, arrays: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Groups, coordinates and dimensions of chains: share (n, answers), steps (n,), chain (n,), in order."""
    np = numpy()
    share, steps, chain = arrays["share"], arrays["steps"], arrays["chain"]
    names = np.unique(chain)
    rows = [np.flatnonzero(chain == name) for name in names]
    draws = min(map(len, rows), default=0)  # chains go on in turn: some are a block ahead of the others
    if draws == 0:
        raise LookupError(f"job {record.job.id} has no block of steps of every chain yet; give it a larger budget")
    answers: list[str] = record.last.diagnostics["answers"] if record.last else []
    stacked = {"share": np.stack([share[row[:draws]] for row in rows])}
    stats = {"steps": np.stack([steps[row[:draws]] for row in rows])}
    groups = {"posterior": stacked, "sample_stats": stats}
    return groups, {"chain": names, "answer": answers}, {"share": ["answer"]}
