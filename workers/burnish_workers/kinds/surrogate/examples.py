"""Specs that can be posted as they are: documentation, and the input of the law's tests."""

from __future__ import annotations

from typing import Any

EXAMPLES: list[dict[str, Any]] = [
    {
        "kind": "surrogate",
        "problem": {"name": "viscous-burgers", "dim": 20},
        "surrogate": {"name": "viscous-burgers-pinn-d20"},
        "points": [{"t": 0.0, "x": 0.0}, {"t": 0.25, "x": 0.02}],
        "budget": {"seconds": 10},
        "seed": 7,
    },
    {
        "kind": "surrogate",
        "problem": {"name": "hjb-log", "dim": 100},
        "surrogate": {"expression": "1.1*log((1 + norm2(x) + 2*d*(1 - t))/2)"},
        "points": [{"t": 0.0, "x": 0.0}],
        "budget": {"rel_tol": 0.001, "seconds": 60},
        "seed": 7,
    },
    {
        "kind": "surrogate",
        "problem": {
            "dim": 10,
            "horizon": 0.5,
            "drift": "-0.1*x",
            "diffusion": "0.5",
            "nonlinearity": "-0.5*u + 0.1*sin(u)",
            "terminal": "exp(-mean(x**2))",
        },
        "surrogate": {"zero": True},
        "points": [{"t": 0.0, "x": 0.3}],
        "budget": {"abs_tol": 0.002, "seconds": 30},
        "seed": 7,
    },
    {
        "kind": "surrogate",
        "problem": {"name": "hjb-log", "dim": 4},
        "surrogate": {"expression": "0.9*log((1 + norm2(x) + 2*d*(1 - t))/2)"},
        "points": [{"t": 0.0, "x": 0.2}],
        "outputs": ["value", "gradient"],
        "method": "picard",
        "picard": {"levels": 3, "basis": 4},
        "budget": {"seconds": 10},
        "seed": 7,
    },
]
