"""Named equations, one file each. Their exact solutions live in `references`, which no estimator may import."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from burnish.wire.specs.surrogate import Equation


@dataclass(frozen=True)
class NamedEquation:
    """An equation of the catalogue. `box`: where experiments draw the coordinates of their points (the equation itself
    lives on all of R^d); `dim`: the default dimension."""

    name: str
    summary: str
    dim: int
    box: tuple[float, float]
    equation: Callable[[int], Equation]


def equations() -> dict[str, NamedEquation]:
    """All named equations."""
    from burnish_workers.kinds.surrogate.catalogue import (
        allen_cahn,
        diffusion_reaction,
        hjb_log,
        linear_convection_diffusion,
        viscous_burgers,
    )

    modules = (viscous_burgers, hjb_log, allen_cahn, diffusion_reaction, linear_convection_diffusion)
    return {module.ENTRY.name: module.ENTRY for module in modules}
