"""Specs that can be posted as they are: documentation, and the input of the law's tests."""

from __future__ import annotations

from typing import Any

EXAMPLES: list[dict[str, Any]] = [
    {
        "kind": "reasoning",
        "problem": {
            "type": "tree",
            "value": 0.3,
            "steps": [
                {
                    "step": "add the digits",
                    "chance": 3,
                    "value": 0.5,
                    "steps": [
                        {"step": "so 12", "value": 0.2, "answer": "12"},
                        {"step": "so 13", "chance": 2, "value": 0.05, "answer": "13"},
                    ],
                },
                {
                    "step": "multiply first",
                    "value": 0.2,
                    "steps": [
                        {
                            "step": "carry the one",
                            "value": 0.4,
                            "steps": [
                                {"step": "so 12", "value": 0.9, "answer": "12"},
                                {"step": "so 112", "value": 0.1, "answer": "112"},
                            ],
                        },
                        {"step": "so 102", "value": 0.1, "answer": "102"},
                    ],
                },
            ],
        },
        "budget": {"units": 8_000},
        "seed": 7,
    },
    {
        "kind": "reasoning",
        "problem": {
            "type": "subset_sum",
            "numbers": [17, 92, 45, 128, 66, 3, 71, 110, 29, 84, 140, 52, 13, 99, 37, 121, 58, 76, 105, 24],
            "target": 640,
        },
        "budget": {"tokens": 40_000, "seconds": 20},
        "seed": 7,
    },
]
