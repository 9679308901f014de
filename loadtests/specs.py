"""Jobs that load tests post: small ones of every kind, and long ones to watch."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any


def _ends(*answers: str) -> list[dict[str, Any]]:
    return [{"step": answer, "value": 0.2} for answer in answers]


SURROGATE: dict[str, Any] = {
    "kind": "surrogate",
    "problem": {"name": "hjb-log", "dim": 20},
    "surrogate": {"expression": "1.1*log((1 + norm2(x) + 2*d*(1 - t))/2)"},
    "points": [{"x": 0.0}],
}
POSTERIOR: dict[str, Any] = {
    "kind": "posterior",
    "prior": {"mixture": {"means": [[0.0, 0.0]], "variance": 1.0}},
    "observation": {"operator": {"type": "matrix", "matrix": [[0.8, 0.6]]}, "y": [0.7], "sigma": 0.3},
    "chain": {"steps": 10},
    "particles": 16,
    "outputs": ["mean"],
}
REASONING: dict[str, Any] = {
    "kind": "reasoning",
    "problem": {
        "type": "tree",
        "steps": [
            {
                "step": "add",
                "chance": 3,
                "value": 0.5,
                "steps": [{"step": "12", "value": 0.2}, {"step": "13", "value": 0.1}],
            },
            {"step": "multiply", "value": 0.2, "steps": _ends("102")},
        ],
    },
}


def small_jobs() -> Iterator[dict[str, Any]]:
    """Kinds in turn, each with its own seed: a fraction of a second of work."""
    small = (
        {**SURROGATE, "budget": {"units": 2_000}},
        {**REASONING, "budget": {"units": 640}},
        {**POSTERIOR, "budget": {"units": 40_000}},
    )
    for seed in itertools.count(1):
        yield {**small[seed % len(small)], "seed": seed}


def long_job(seconds: float, seed: int) -> dict[str, Any]:
    """One that streams refinements for so long. Little work at a time: what is tested are the streams."""
    return {**SURROGATE, "budget": {"seconds": seconds}, "weight": 0.1, "seed": seed}
