"""Known answers that a service can run on itself: small jobs of each kind, with the truth to many digits.

The truths are numbers: no product imports the exact solutions that they come from (a test compares the two).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

LEVEL = 0.95


@dataclass(frozen=True)
class Known:
    """`truth`: of every output, in the order in which the job gives them."""

    name: str
    spec: dict[str, Any]
    truth: tuple[float, ...]


_HJB = Known(
    "surrogate-hjb-log",
    {
        "kind": "surrogate",
        "problem": {"name": "hjb-log", "dim": 20},
        "surrogate": {"expression": "1.05*log((1 + norm2(x) + 2*d*(1 - t))/2)"},
        "points": [{"x": 0.0}, {"t": 0.5, "x": 0.3}],
        "budget": {"units": 8_000},
    },
    (2.92101474, 2.33932151),
)
"""Cole-Hopf: u = -log E[exp(-g(x + sqrt(2) W))]."""

_MIXTURE = Known(
    "posterior-mixture",
    {
        "kind": "posterior",
        "prior": {"mixture": {"means": [[-1.0, 0.5], [1.5, 0.0]], "weights": [1.0, 2.0], "variance": 0.5}},
        "observation": {"operator": {"type": "matrix", "matrix": [[0.8, 0.6]]}, "y": [0.4], "sigma": 0.3},
        "chain": {"steps": 16},
        "outputs": ["mean"],
        "budget": {"units": 30_000},
    },
    (0.55053098, 0.00543719),
)
"""Linear and Gaussian given the component: the mean of a mixture of two."""

_TREE = Known(
    "reasoning-tree",
    {
        "kind": "reasoning",
        "problem": {
            "type": "tree",
            "value": 0.3,
            "steps": [
                {
                    "step": "left",
                    "chance": 3,
                    "value": 0.5,
                    "steps": [
                        {"step": "12", "value": 0.2, "answer": "12"},
                        {"step": "13", "chance": 2, "value": 0.05, "answer": "13"},
                    ],
                },
                {
                    "step": "right",
                    "value": 0.2,
                    "steps": [
                        {"step": "on", "value": 0.4, "steps": [{"step": "12", "value": 0.9, "answer": "12"}]},
                        {"step": "13", "value": 0.1, "answer": "13"},
                    ],
                },
            ],
        },
        "answers": ["12", "13"],
        "budget": {"units": 20_000},
    },
    (0.8125, 0.1875),
)
"""The chance of an answer: that of its leaves times their values, normalised."""

KNOWN = (_HJB, _MIXTURE, _TREE)
