"""Names and shapes of the outputs of a job. Torch-free."""

from __future__ import annotations

import math
from collections.abc import Sequence

from burnish.wire.layout import OutputPart
from burnish_workers.kinds.posterior.plan import SAMPLES


def layout_of(asked: Sequence[str], shape: tuple[int, ...], levels: Sequence[float]) -> tuple[OutputPart, ...]:
    """Outputs in the order asked for: mean and std of the shape of a sample, quantiles one of them for each level."""
    shapes = {"mean": shape, "std": shape, "quantiles": (len(levels), *shape)}
    found, start = list[OutputPart](), 0
    for name in asked:
        if name != SAMPLES:
            own = shapes.get(name, ())
            found.append(OutputPart.together(name, start, own))
            start += math.prod(own)
    return tuple(found)
