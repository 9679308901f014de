"""One point in 100 dimensions: how fast do intervals get narrow, and do they hold the exact value?

    OMP_NUM_THREADS=1 python benchmarks/surrogate/single.py

`hjb-log` from a surrogate that is 10 % too high, Allen-Cahn from none; every look, with its CPU-seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from cells import Cell, cell, publish
from jobs import body, looks, resolved

from burnish_workers.core.inputs import NOTHING
from burnish_workers.kinds.surrogate.references import allen_cahn, hjb_log

SECONDS = 8.0


@dataclass(frozen=True)
class Single:
    """At t = 0, x = 0 in d = 100."""

    problem: str
    surrogate: dict[str, Any]
    exact: Any


SINGLES = (
    Single("hjb-log", {"expression": "1.1*log((1 + norm2(x) + 2*d*(1 - t))/2)"}, hjb_log),
    Single("allen-cahn", {"zero": True}, allen_cahn),
)


def run(single: Single) -> Cell:
    """The stream of a job of SECONDS worker-seconds."""
    t, x = np.zeros(1), np.zeros((1, 100))
    truth = float(single.exact(t, x)[0])
    problem, budget = {"name": single.problem, "dim": 100}, {"worker_seconds": SECONDS}
    spec = resolved(body(problem, single.surrogate, t, x, seed=7, budget=budget), NOTHING)
    assert spec.resolution is not None
    stream = [
        {
            "replicates": seen.replicates,
            "error": float(seen.answer.combined.value[0]) / truth - 1,
            "half_width": float(seen.unguarded[0]) / truth,
            "published": bool(np.isfinite(seen.report.half_width[0])),
            "bias": float(seen.answer.bias[0]) / truth,
            "seconds": seen.seconds,
        }
        for seen in looks(spec, NOTHING)
    ]
    return {"case": f"{single.problem}, d = 100", "method": spec.resolution.estimator, "exact": truth, "looks": stream}


def main() -> None:
    """Run what is missing and print every look."""
    torch.set_num_threads(1)
    found = [cell("single", each.problem, lambda each=each: run(each)) for each in SINGLES]
    for row in found:
        for look in row["looks"]:
            print(row["case"], row["method"], look, flush=True)
    publish("single", "python benchmarks/surrogate/single.py", found)


if __name__ == "__main__":
    main()
