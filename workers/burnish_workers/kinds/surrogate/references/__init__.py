"""Exact solutions, for tests, benchmarks and the demo only. Nothing in the product imports this (a test)."""

from burnish_workers.kinds.surrogate.references.allen_cahn import allen_cahn
from burnish_workers.kinds.surrogate.references.black_scholes import (
    PUBLISHED,
    SIMULATED,
    black_scholes_default,
    black_scholes_two_rates,
)
from burnish_workers.kinds.surrogate.references.diffusion_reaction import diffusion_reaction
from burnish_workers.kinds.surrogate.references.hjb import hjb_log, hjb_quadratic_form
from burnish_workers.kinds.surrogate.references.linear_convection_diffusion import linear_convection_diffusion
from burnish_workers.kinds.surrogate.references.viscous_burgers import viscous_burgers

__all__ = [
    "PUBLISHED",
    "SIMULATED",
    "allen_cahn",
    "black_scholes_default",
    "black_scholes_two_rates",
    "diffusion_reaction",
    "hjb_log",
    "hjb_quadratic_form",
    "linear_convection_diffusion",
    "viscous_burgers",
]
