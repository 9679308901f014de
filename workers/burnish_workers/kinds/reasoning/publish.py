"""How chains are published: what each visited, block by block, as a file. Torch-free."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from safetensors.numpy import save

from burnish.wire.specs.reasoning import ReasoningSpec
from burnish_workers.core.estimator import State
from burnish_workers.core.samples import Samples
from burnish_workers.kinds.reasoning.plan import TRACES
from burnish_workers.kinds.reasoning.statistics import ReasoningStatistics


def artifacts(spec: ReasoningSpec, statistics: ReasoningStatistics, state: State) -> Mapping[str, bytes]:
    """`share` (n, answers), `steps` (n,) and `chain` (n,): a row for each chain of each block, in their order."""
    traces: Samples | None = state.get(TRACES)
    if traces is None or len(traces) == 0:
        return {}
    steps = np.rint(np.exp(traces.log_weight)).astype(np.int64)
    return {"chains.safetensors": save({"share": traces.x, "steps": steps, "chain": traces.island})}
