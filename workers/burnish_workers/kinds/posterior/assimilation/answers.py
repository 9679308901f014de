"""What islands say together: values and jackknife pseudo-values of every output.

With g of all islands and g_-b of all but island b, p_b = L g - (L - 1) g_-b: their mean has the first-order bias of a
ratio removed, their spread gives its standard error (Owen, Monte Carlo theory, methods and examples, chapter 9).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from burnish_workers.kinds.posterior.assimilation.islands import LEVELS, Round, Track, halved_window, scaled

_Array = NDArray[np.float64]


def left_out(log_weights: _Array) -> _Array:
    """Shares (1 + L, L) of the islands: of all, and with each left out; nan where what is left is dead."""
    v = scaled(log_weights)
    rows = np.vstack([v, np.tile(v, (len(v), 1)) * (1 - np.eye(len(v)))])
    with np.errstate(invalid="ignore", divide="ignore"):
        return rows / rows.sum(axis=1, keepdims=True)


def mean_and_std(present: Round, shares: _Array) -> tuple[_Array, _Array]:
    """(1 + L, d) each: of the mixture of islands, from deviations, so that far from 0 nothing cancels."""
    centre = present.mean.mean(axis=0)
    shift = present.mean - centre
    first, second = shares @ shift, shares @ (present.variance + shift**2)
    return centre + first, np.sqrt(np.maximum(second - first**2, 0.0))


def mixture_quantiles(present: Round, shares: _Array, levels: _Array) -> _Array:
    """(1 + L, levels, q): of the mixture of the islands' sketches, its distribution function interpolated linearly."""
    islands, coordinates, _ = present.sketch.shape
    found = np.empty((len(shares), len(levels), coordinates))
    owner = np.repeat(np.arange(islands), LEVELS)
    for q in range(coordinates):
        points = present.sketch[:, q].ravel()
        order = np.argsort(points, kind="stable")
        weights = shares[:, owner[order]] / LEVELS
        middle = np.cumsum(weights, axis=1) - weights / 2
        for row, below in enumerate(middle):
            found[row, :, q] = np.interp(levels, below, points[order])
    return found


def pseudo(values: _Array) -> _Array:
    """(L, m) from values (1 + L, m): of all islands, and with each left out."""
    islands = len(values) - 1
    return islands * values[0] - (islands - 1) * values[1:]


def outputs_of(track: Track, outputs: list[str], levels: _Array) -> tuple[_Array, _Array]:
    """Pseudo-values (L, m) of the outputs side by side, and the measured bias (m,) of windows that were cut."""
    window, rounds = int(track.window[0]), int(track.rounds[0])
    whole = left_out(track.weights(window))
    half = left_out(track.weights(halved_window(window, rounds)))
    values: dict[str, _Array] = {}
    bias: dict[str, _Array] = {}
    pairs = {"mean": 0, "std": 1}
    for name in outputs:
        if name in pairs:
            values[name], other = (mean_and_std(track.present, shares)[pairs[name]] for shares in (whole, half))
        elif name == "quantiles":
            values[name], other = (_flat(mixture_quantiles(track.present, s, levels)) for s in (whole, half))
        else:
            values[name] = (track.innovation if name == "log_likelihood" else track.evidence)[:, None]
            other = track.cut[None, [0 if name == "log_likelihood" else 1]]
        bias[name] = np.abs(values[name][0] - other[0])
    together = np.concatenate([values[name] for name in outputs], axis=1)
    return pseudo(together), np.concatenate([bias[name] for name in outputs])


def _flat(values: _Array) -> _Array:
    return values.reshape(len(values), -1)
