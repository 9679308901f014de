from __future__ import annotations

import pytest

from burnish_workers.engine.places import short_of

GPUS = {"CPU": 4.0, "GPU": 2.0}
CPUS = {"CPU": 2.0}


@pytest.mark.parametrize(
    ("nodes", "each", "workers", "said"),
    [
        ([CPUS], {"GPU": 0.0, "CPU": 1.0}, 2, None),
        ([CPUS], {"GPU": 0.5, "CPU": 1.0}, 4, "no node of the cluster has 0.5 GPU for a worker"),
        ([CPUS, GPUS], {"GPU": 0.5, "CPU": 1.0}, 4, None),
        (
            [CPUS, GPUS],
            {"GPU": 1.0, "CPU": 1.0},
            3,
            "the cluster has room for 2 of 3 workers with 1 GPU and 1 CPU each",
        ),
        ([GPUS], {"GPU": 0.4, "CPU": 1.0}, 5, "the cluster has room for 4 of 5 workers with 0.4 GPU and 1 CPU each"),
        ([GPUS, GPUS], {"GPU": 0.4, "CPU": 1.0}, 8, None),
        ([GPUS], {"GPU": 0.25, "CPU": 1.0}, 8, "the cluster has room for 4 of 8 workers with 0.25 GPU and 1 CPU each"),
        ([CPUS], {"GPU": 1.0, "CPU": 4.0}, 1, "no node of the cluster has 1 GPU and 4 CPU for a worker"),
        ([], {"GPU": 0.0, "CPU": 1.0}, 1, "no node of the cluster has 1 CPU for a worker"),
        ([GPUS], {"GPU": 0.1, "CPU": 0.1}, 20, None),
    ],
)
def test_what_is_missing_is_named(
    nodes: list[dict[str, float]], each: dict[str, float], workers: int, said: str | None
) -> None:
    assert short_of(nodes, each, workers) == said
