"""How good a value head is, and how good the model alone. No torch.

AUC: the chance that a prefix whose completion was right has a higher value than one whose was not, ties half.
Expected calibration error: sum_b (n_b / n) |mean V in b - share right in b| over bins b of equally many prefixes
(Naeini, Cooper, Hauskrecht, AAAI 2015). Rollouts of one prompt are alike: intervals go over prompts.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata, t

BINS = 5


def base_success(passed: NDArray[np.bool_], prompt: NDArray[np.int64]) -> dict[str, Any]:
    """The share of right completions, mean over prompts, with a 95 % t interval over prompts."""
    rates = np.array([passed[prompt == each].mean() for each in np.unique(prompt)])
    half = t.ppf(0.975, len(rates) - 1) * rates.std(ddof=1) / math.sqrt(len(rates))
    return {
        "mean": round(float(rates.mean()), 4),
        "lower": round(float(rates.mean() - half), 4),
        "upper": round(float(rates.mean() + half), 4),
        "prompts": len(rates),
        "rollouts": len(passed),
    }


def by_depth(value: NDArray[Any], right: NDArray[np.bool_], depth: NDArray[np.int64]) -> list[dict[str, Any]]:
    """For each number of steps: prefixes, share right, AUC, expected calibration error, and the reliability bins."""
    return [{"depth": int(d), **_measured(value[depth == d], right[depth == d])} for d in np.unique(depth)]


def auc(value: NDArray[Any], right: NDArray[np.bool_]) -> float | None:
    """The normalised rank sum (Mann, Whitney); None where all completions were right, or none."""
    positive = int(right.sum())
    negative = len(right) - positive
    if not positive or not negative:
        return None
    ranks = rankdata(value)[right].sum()
    return float((ranks - positive * (positive + 1) / 2) / (positive * negative))


def reliability(value: NDArray[Any], right: NDArray[np.bool_], bins: int = BINS) -> list[dict[str, Any]]:
    """Bins of equally many prefixes by rising value: how many, the mean value, the share right."""
    parts = np.array_split(np.argsort(value, kind="stable"), min(bins, len(value)))
    return [
        {"prefixes": len(part), "value": float(value[part].mean()), "right": float(right[part].mean())}
        for part in parts
    ]


def calibration_error(bins: list[dict[str, Any]]) -> float:
    total = sum(each["prefixes"] for each in bins)
    return sum(each["prefixes"] * abs(each["value"] - each["right"]) for each in bins) / total


def _measured(value: NDArray[Any], right: NDArray[np.bool_]) -> dict[str, Any]:
    bins, area = reliability(value, right), auc(value, right)
    return {
        "prefixes": len(value),
        "right": round(float(right.mean()), 4),
        "auc": None if area is None else round(area, 3),
        "calibration_error": round(calibration_error(bins), 4),
        "bins": [{key: round(number, 4) for key, number in each.items()} for each in bins],
    }
