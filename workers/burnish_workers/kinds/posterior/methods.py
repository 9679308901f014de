"""The simulator of a resolved spec, by its method. Imports torch."""

from __future__ import annotations

from burnish.wire.specs.posterior import PosteriorSpec
from burnish_workers.core.estimator import Simulator
from burnish_workers.core.inputs import Inputs
from burnish_workers.kinds.posterior.pimh import PimhSimulator
from burnish_workers.kinds.posterior.simulator import build as islands


def build(spec: PosteriorSpec, device_name: str, inputs: Inputs) -> Simulator:
    """The simulator of a resolved spec on a device (`auto`, `cpu`, `cuda`, `cuda:1`)."""
    simulator = islands(spec, device_name, inputs)
    return PimhSimulator(simulator) if simulator.recipe.method == "pimh" else simulator
