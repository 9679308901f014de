"""Answers that are a sum of independent means: a main term and its corrections, or the levels of a telescoping sum."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from burnish_workers.core.moments import Moments


@dataclass(frozen=True, eq=False)
class Combined:
    """A sum of independent means, for each of m outputs.

    Attributes:
        value: sum_c mean_c, shape (m,); nan where a component has no sample.
        standard_error: sqrt(sum_c s_c^2/n_c), shape (m,); nan where a component has fewer than two samples.
        dof: degrees of freedom of the standard error after Welch and Satterthwaite, shape (m,); nan likewise.
        replicates: samples of the leading component, shape (m,).
    """

    value: NDArray[np.float64]
    standard_error: NDArray[np.float64]
    dof: NDArray[np.float64]
    replicates: NDArray[np.int64]


def combine(parts: Mapping[str, Moments], leading: str) -> Combined:
    """Add up independent components, each with its own number of samples.

    With v_c = s_c^2/n_c the variance is sum_c v_c and dof = (sum_c v_c)^2 / sum_c v_c^2/(n_c - 1) (Satterthwaite 1946).
    A component of one sample has a mean but no variance, so the value is known and the standard error is not (nan);
    one of no samples leaves the value unknown too. Where every v_c is 0, dof is that of the leading component.

    Args:
        parts: components by name, all with the same m.
        leading: name of the component whose samples count as replicates.

    Raises:
        ValueError: no such component, or components that differ in m.
    """
    if leading not in parts:
        raise ValueError(f"no component {leading!r} to lead: the components are {', '.join(parts) or 'none'}")
    outputs = {name: part.outputs for name, part in parts.items()}
    if len(set(outputs.values())) != 1:
        raise ValueError(f"components differ in the number of outputs: {outputs}")
    count = np.stack([part.count for part in parts.values()])
    mean = np.stack([part.mean for part in parts.values()])
    v = np.stack([part.standard_error for part in parts.values()]) ** 2
    value = np.where(count > 0, mean, np.nan).sum(axis=0)
    total = v.sum(axis=0)
    share = v / np.where(total > 0, total, 1.0)
    spread = (share**2 / np.maximum(count - 1, 1)).sum(axis=0)
    replicates = parts[leading].count
    dof = np.where(total == 0, replicates - 1.0, 1 / np.where(spread > 0, spread, np.nan))
    return Combined(value, np.sqrt(total), dof, replicates)
