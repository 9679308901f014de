"""Specs that can be posted as they are: documentation, and the input of the law's tests."""

from __future__ import annotations

from typing import Any

_ROWS = [[1.0] * 8 if row < 4 else [0.0] * 8 for row in range(8)]
"""The upper half of a picture is seen."""

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
        "observation": {"operator": {"type": "inpaint", "mask": _ROWS}, "y": [0.0] * 32, "sigma": 0.3},
        "particles": 64,
        "chain": {"steps": 20},
        "budget": {"seconds": 10},
        "seed": 7,
    },
    {
        "kind": "posterior",
        "dynamics": {"name": "lorenz63", "noise": 0.1, "substeps": 25},
        "initial": {"mean": [1.5, -1.5, 25.5], "covariance": 2.0},
        "observe": {"noise": 2.0},
        "observations": [[1.2, 2.1, 20.3], [7.7, 13.5, 14.8], None, [-0.5, -6.6, 27.6]],
        "expected": 4,
        "budget": {"seconds": 60},
        "seed": 7,
    },
]
