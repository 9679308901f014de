"""What islands say together after an observation: jackknife replicates of every output, and what a cut window costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from burnish_workers.core.islands import Islands
from burnish_workers.core.jackknife import (
    alone,
    deviations,
    means,
    pseudo_values,
    quantile_pseudo_values,
    quantiles_alone,
    ratio,
    weights,
)
from burnish_workers.core.sketches import Mixture
from burnish_workers.core.tracks import Round, Track, halved_window

_Array = NDArray[np.float64]


@dataclass(frozen=True)
class Output:
    """Replicates (L, k) of an output, what each island says of it by itself (L, k), and its change with half the window
    (k,)."""

    replicates: _Array
    alone: _Array
    cut: _Array


@dataclass(frozen=True)
class Answers:
    """All outputs side by side, as `Output`, and the weighted islands that they come from."""

    islands: Islands
    replicates: _Array
    alone: _Array
    cut: _Array


def answers_of(track: Track, outputs: Sequence[str], levels: Sequence[float]) -> Answers:
    """The outputs after the last observation that all islands have assimilated."""
    window, rounds = int(track.window[0]), int(track.rounds[0])
    centre = track.present.mean.mean(axis=0)
    whole = weighed(track.present, centre, track.weights(window))
    half = weighed(track.present, centre, track.weights(halved_window(window, rounds)))
    found = [_output(name, track, whole, half, centre, levels) for name in outputs]
    replicates = np.concatenate([each.replicates for each in found], axis=1)
    by_itself = np.concatenate([each.alone for each in found], axis=1)
    return Answers(whole, replicates, by_itself, np.concatenate([each.cut for each in found]))


def weighed(present: Round, centre: _Array, log_weights: _Array) -> Islands:
    """Islands with these weights: means and mean squares of x - centre, so that far from 0 nothing cancels."""
    shift = present.mean - centre
    return Islands.of(log_weights, np.concatenate([shift, present.variance + shift**2], axis=1), present.sketch)


def _output(name: str, track: Track, whole: Islands, half: Islands, centre: _Array, levels: Sequence[float]) -> Output:
    if name == "quantiles":
        pair = [Mixture.pooled(each.sketch, weights(each)).quantiles(levels).ravel() for each in (whole, half)]
        replicates, own = quantile_pseudo_values(whole, levels), quantiles_alone(whole, levels)
        count = len(whole)
        return Output(replicates.reshape(count, -1), own.reshape(count, -1), np.abs(pair[0] - pair[1]))
    if name in ("log_likelihood", "log_evidence"):
        values, place = (track.innovation, 0) if name == "log_likelihood" else (track.evidence, 1)
        count = track.islands
        with np.errstate(invalid="ignore"):
            replicates = (count * values[0] - (count - 1) * values[1:])[:, None]
            own = track.present.log_increment[:, None] if place == 0 else replicates
            return Output(replicates, own, np.abs(values[:1] - track.cut[place]))
    dim = len(centre)
    first, second = slice(0, dim), slice(dim, 2 * dim)
    functional = means(first) if name == "mean" else deviations(first, second)
    none = np.zeros(1)
    pair = [functional(none, ratio(each)[None])[0] for each in (whole, half)]
    offset = centre if name == "mean" else 0.0
    replicates, own = pseudo_values(whole, functional) + offset, alone(whole, functional) + offset
    return Output(replicates, own, np.abs(pair[0] - pair[1]))
