"""What a worker can hold: jobs that ask for more are refused at the door, with the numbers. Torch-free."""

from __future__ import annotations

from burnish.wire.specs.posterior import PosteriorSpec
from burnish_workers.core.kind import SpecError
from burnish_workers.core.samples import MOST as MOST_KEPT
from burnish_workers.kinds.posterior.problem import LinearObservation, Setting

MOST_NUMBERS = 2**24
"""Coordinates of all particles that move at once, N d of every island: 128 MB in double precision, several times."""

MOST_ENTRIES = 2**28
"""Of the covariances and gains of a linear observation at all steps, K q (q + d): 1 GB in single precision."""


def most_particles(dim: int) -> int:
    """Particles of an island in d dimensions."""
    return max(2, MOST_NUMBERS // dim)


def most_kept(dim: int) -> int:
    """Particles of an island that go into the samples of a job, which keep those of 64 islands or more."""
    return max(1, MOST_KEPT // dim // 64)


def at_once(particles: int, dim: int, observed: int) -> int:
    """Islands that move together, at least one: each holds N (d + q) numbers and covariances of q x q."""
    return max(1, MOST_NUMBERS // max(particles * max(dim, observed), observed**2))


def check_size(spec: PosteriorSpec, setting: Setting) -> None:
    """Raises SpecError where islands, or what an observation needs along the chain, are too large."""
    most = most_particles(setting.dim)
    if spec.particles is not None and spec.particles > most:
        what = f"{spec.particles:,} particles of {setting.dim:,} numbers are more than a worker holds"
        raise SpecError("/particles", f"{what}; ask for at most {most:,}, the budget pays for more islands instead")
    seen, steps = setting.observation, setting.chain.steps
    if not isinstance(seen, LinearObservation):
        return
    observed = len(seen.y)
    entries = steps * observed * (observed + setting.dim)
    if entries > MOST_ENTRIES:
        what = f"{observed:,} observed of {setting.dim:,} numbers at {steps} steps take {entries:,} entries"
        raise SpecError("/observation/y", f"{what}, more than the {MOST_ENTRIES:,} that a worker holds; observe less")
