"""How answers of samplers are published: outputs by name and shape, samples and pictures as files. Torch-free."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from burnish.wire.specs.posterior import PosteriorSpec
from burnish_workers.core.estimator import State, Statistics
from burnish_workers.core.islands import Islands
from burnish_workers.core.jackknife import ratio
from burnish_workers.core.picture import SAMPLES as SHOWN
from burnish_workers.core.picture import posterior_png
from burnish_workers.core.samples import Samples
from burnish_workers.kinds.posterior.pimh_statistics import PimhStatistics
from burnish_workers.kinds.posterior.plan import CHAINS, ISLANDS, SAMPLES
from burnish_workers.kinds.posterior.statistics import PosteriorStatistics

_Array = NDArray[np.float64]
_MOST_PIXELS = 2**16
"""Of a picture that is drawn: seventeen of them, enlarged, travel with a refinement."""


def artifacts(spec: PosteriorSpec, statistics: Statistics, state: State) -> Mapping[str, bytes]:
    """Samples as they were asked for, and a picture of mean, deviation and samples where samples are pictures."""
    if not isinstance(statistics, PosteriorStatistics | PimhStatistics):
        return {}
    shape, files = statistics.shape, dict[str, bytes]()
    samples = state.get(SAMPLES)
    if isinstance(samples, Samples):
        x = samples.x.reshape(-1, *shape)
        files["samples.safetensors"] = save({"x": x, "log_weight": samples.log_weight, "island": samples.island})
    islands: Islands = state[CHAINS if isinstance(statistics, PimhStatistics) else ISLANDS]
    if _is_picture(shape) and {"mean", "std"} <= set(statistics.asked) and islands.live.any():
        mean, std = _moments(islands, statistics.dim)
        drawn = np.zeros((0, *shape)) if samples is None else _drawn(samples).reshape(-1, *shape)
        files["posterior.png"] = posterior_png(mean.reshape(shape), std.reshape(shape), drawn)
    return files


def _is_picture(shape: Sequence[int]) -> bool:
    plain = len(shape) == 2 or (len(shape) == 3 and shape[0] in (1, 3))
    return plain and int(np.prod(shape)) <= _MOST_PIXELS


def _moments(islands: Islands, dim: int) -> tuple[_Array, _Array]:
    """Mean and standard deviation, (d,) each."""
    first, second = np.split(ratio(islands)[: 2 * dim], 2)
    return first, np.sqrt(np.maximum(second - first**2, 0.0))


def _drawn(samples: Samples) -> NDArray[np.float32]:
    """As many as a picture shows, evenly in the cumulative weights."""
    total = np.cumsum(samples.weights)
    index = np.searchsorted(total, (np.arange(SHOWN) + 0.5) / SHOWN * total[-1])
    return samples.x[np.minimum(index, len(samples) - 1)]
