"""Named equations, one file each: statements that a user could post as they are, and nothing that solves them.

Exact solutions live in `references`, which nothing in the product may import.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from burnish.wire.specs.surrogate import Equation


@dataclass(frozen=True)
class NamedEquation:
    """An equation of the catalogue. `box`: where experiments draw the coordinates of their points (the equation itself
    lives on all of R^d); `dim`: the default dimension; `source`: where the equation comes from."""

    name: str
    summary: str
    dim: int
    box: tuple[float, float]
    equation: Callable[[int], Equation]
    source: str


def equations() -> dict[str, NamedEquation]:
    """All named equations."""
    from burnish_workers.kinds.surrogate.catalogue import (
        allen_cahn,
        black_scholes_default,
        black_scholes_two_rates,
        diffusion_reaction,
        hjb_log,
        hjb_quadratic_form,
        linear_convection_diffusion,
        viscous_burgers,
    )

    modules = (
        viscous_burgers,
        hjb_log,
        hjb_quadratic_form,
        allen_cahn,
        diffusion_reaction,
        linear_convection_diffusion,
        black_scholes_default,
        black_scholes_two_rates,
    )
    return {module.ENTRY.name: module.ENTRY for module in modules}
