"""The outputs of a sampler by name, in the order in which they are asked for. Torch-free."""

from __future__ import annotations

from collections.abc import Sequence

from burnish.wire import OutputPart


def layout_of(asked: Sequence[str], shape: Sequence[int], levels: int) -> tuple[OutputPart, ...]:
    """mean and std in the shape of a sample, quantiles (levels, *shape), log_evidence ()."""
    shapes = {"mean": (*shape,), "std": (*shape,), "quantiles": (levels, *shape), "log_evidence": ()}
    found, start = list[OutputPart](), 0
    for name in asked:
        if name in shapes:
            part = OutputPart.together(name, start, shapes[name])
            found, start = [*found, part], part.stop
    return tuple(found)
