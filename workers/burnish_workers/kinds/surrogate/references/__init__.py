"""Exact solutions, for tests, benchmarks and the demo only. A test holds that no estimator imports this package."""

from burnish_workers.kinds.surrogate.references.hjb import hjb_log
from burnish_workers.kinds.surrogate.references.viscous_burgers import viscous_burgers

__all__ = ["hjb_log", "viscous_burgers"]
