"""Exact solutions, for tests, benchmarks and the demo only. A test holds that no estimator imports this package."""

from burnish_workers.kinds.surrogate.references.allen_cahn import allen_cahn
from burnish_workers.kinds.surrogate.references.diffusion_reaction import diffusion_reaction
from burnish_workers.kinds.surrogate.references.hjb import hjb_log
from burnish_workers.kinds.surrogate.references.linear_convection_diffusion import linear_convection_diffusion
from burnish_workers.kinds.surrogate.references.viscous_burgers import viscous_burgers

__all__ = ["allen_cahn", "diffusion_reaction", "hjb_log", "linear_convection_diffusion", "viscous_burgers"]
