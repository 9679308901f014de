"""What the engine calls of a kind that can train a model as the first stage of a job.

Training is a chain of slices, each as memoryless as a block: steps start .. start + n - 1, carry in, carry out. The
simulator that a kind builds from a spec that is to be fitted trains in `advance`, and from zero replicates gives the
model as it is: bytes under the name `MODEL` in its statistics.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from burnish_workers.core.estimator import Arrays

MODEL = "model"


@dataclass(frozen=True)
class Wish:
    """For how long a spec asks to train: at most one of these is given, none where it is to be found out."""

    steps: int | None = None
    seconds: float | None = None
    share: float | None = None


@dataclass(frozen=True)
class Fitting:
    """`wish`: what a spec asks for, None where it names its model; `planned`: the spec with a number of steps;
    `naming`: the spec that names the finished model; `metrics`: what the statistics of a slice say, as means; `first`:
    steps of the shortest trial; `continues`: whether a step does not depend on how many there will be."""

    wish: Callable[[Any], Wish | None]
    planned: Callable[[Any, int], Any]
    naming: Callable[[Any, str], Any]
    metrics: Callable[[Arrays], dict[str, float]]
    first: Callable[[Any], int]
    continues: Callable[[Any], bool]


def as_array(data: bytes) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Bytes as an array that travels."""
    return np.frombuffer(data, dtype=np.uint8)


def as_bytes(stats: Arrays) -> bytes:
    """The model that a slice of no steps gave."""
    return np.asarray(stats[MODEL], dtype=np.uint8).tobytes()
