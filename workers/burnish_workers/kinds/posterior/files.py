"""Files beside an answer: samples with their weights, and a picture where samples are pictures. Torch-free."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from burnish_workers.core.estimator import State, Statistics
from burnish_workers.core.islands import Islands
from burnish_workers.core.jackknife import ratio
from burnish_workers.core.picture import SAMPLES as DRAWN
from burnish_workers.core.picture import posterior_png
from burnish_workers.core.samples import Samples
from burnish_workers.kinds.posterior.plan import ISLANDS, SAMPLES
from burnish_workers.kinds.posterior.statistics import PosteriorStatistics


def files(spec: Any, statistics: Statistics, state: State) -> Mapping[str, bytes]:
    """`samples.safetensors`: x (n, *shape), log_weight (n,), island (n,), where samples were asked for;
    `posterior.png`: mean, deviation and samples drawn by their weights, where samples are pictures."""
    if not isinstance(statistics, PosteriorStatistics):
        return {}
    islands, samples = state[ISLANDS], state.get(SAMPLES)
    found = dict[str, bytes]()
    if samples is not None and len(samples):
        found["samples.safetensors"] = _saved(samples, statistics.shape)
    if _picture(statistics.shape) and "std" in statistics.asked and islands.live.any():
        found["posterior.png"] = _drawn(islands, samples, statistics.shape)
    return found


def _picture(shape: tuple[int, ...]) -> bool:
    return len(shape) == 2 or (len(shape) == 3 and shape[0] in (1, 3))


def _saved(samples: Samples, shape: tuple[int, ...]) -> bytes:
    arrays = {**samples.to_arrays(), "x": samples.x.reshape(len(samples), *shape)}
    return safetensors.numpy.save({name: np.ascontiguousarray(array) for name, array in arrays.items()})


def _drawn(islands: Islands, samples: Samples | None, shape: tuple[int, ...]) -> bytes:
    values = ratio(islands)
    mean, second = values[: len(values) // 2], values[len(values) // 2 :]
    std = np.sqrt(np.maximum(second - mean**2, 0.0))
    shown = np.zeros((0, *shape)) if samples is None else _few(samples).reshape(-1, *shape)
    return posterior_png(mean.reshape(shape), std.reshape(shape), shown)


def _few(samples: Samples) -> NDArray[np.float32]:
    """Some samples that lie evenly in the cumulative weights."""
    if not np.isfinite(samples.log_weight).any():
        return samples.x[:0]
    total = np.cumsum(samples.weights)
    points: NDArray[np.float64] = (np.arange(DRAWN) + 0.5) / DRAWN * total[-1]
    return samples.x[np.minimum(np.searchsorted(total, points), len(samples) - 1)]
