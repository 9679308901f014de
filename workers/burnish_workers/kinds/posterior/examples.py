"""Specs that can be posted as they are: documentation, and the input of the law's tests."""

from __future__ import annotations

from typing import Any

_ROWS = [[1.0] * 8 if row < 4 else [0.0] * 8 for row in range(8)]
"""The upper half of a picture is seen."""

_SEEN = [
    -0.9,
    -0.63,
    0.6,
    0.61,
    1.02,
    0.13,
    -1.16,
    -0.83,
    -0.89,
    -0.41,
    1.01,
    0.16,
    0.03,
    0.83,
    -0.77,
    -0.82,
    -0.99,
    -1.09,
    -1.23,
    -1.08,
    -0.37,
    0.92,
    -0.24,
    -0.7,
    -1.81,
    -1.57,
    -1.05,
    -1.0,
    0.56,
    0.94,
    -0.36,
    -1.33,
]
"""The upper half of a handwritten digit, with noise of standard deviation 0.3."""

EXAMPLES: list[dict[str, Any]] = [
    {
        "kind": "posterior",
        "prior": {"mixture": {"means": [[-4.0, -4.0], [0.0, 4.0], [4.0, 0.0]], "weights": [1.0, 2.0, 1.0]}},
        "observation": {"operator": {"type": "matrix", "matrix": [[0.8, 0.6]]}, "y": [2.0], "sigma": 0.3},
        "outputs": ["mean", "std", "quantiles", "log_evidence", "samples"],
        "budget": {"seconds": 5},
        "seed": 7,
    },
    {
        "kind": "posterior",
        "prior": {"mixture": {"means": [[-1.0, 0.0], [1.0, 0.0]], "variance": 0.25}},
        "reward": {"expression": "-norm2(x - 1)", "temperature": 0.5},
        "budget": {"seconds": 5},
        "seed": 7,
    },
    {
        "kind": "posterior",
        "prior": {"name": "digits"},
        "observation": {"operator": {"type": "inpaint", "mask": _ROWS}, "y": _SEEN, "sigma": 0.3},
        "particles": 64,
        "chain": {"steps": 20},
        "budget": {"seconds": 10},
        "seed": 7,
    },
    {
        "kind": "posterior",
        "dynamics": {"name": "lorenz63", "noise": 0.5, "substeps": 10},
        "initial": {"mean": [1.5, -1.5, 25.5], "covariance": 2.0},
        "observe": {"noise": 2.0},
        "observations": [
            [-1.3, -2.7, 19.1],
            [-1.6, -3.0, 15.8],
            [-3.0, -9.4, 15.0],
            None,
            [-14.5, -16.5, 25.1],
            [-10.9, -8.7, 36.7],
        ],
        "expected": 6,
        "budget": {"seconds": 60},
        "seed": 7,
    },
]
