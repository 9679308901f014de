"""Reward tilting: a Gaussian mixture times exp(R(x)/temperature), and the exact answer beside what comes back.

Against a running service (`make serve`), in ten seconds:

    python examples/reward_tilting.py [--url URL] [--local] [--seconds S]

With R(x) = -|x - c|^2/2 the product of every component with the reward is a Gaussian again, so that this script knows
evidence and mean of the tilted mixture exactly. The service knows neither: to it R is an expression.

The chain is the prior: what is sampled is the law of its last step, which tends to the mixture as the steps get finer.
Here log Z is -1.618 with 60 steps, -1.625 with 200, and -1.633 for the mixture itself.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from burnish import Burnish

MEANS = np.array([[-3.0, -1.0], [0.0, 2.0], [3.0, -1.0]])
WEIGHTS, VARIANCE = np.array([1.0, 1.0, 2.0]) / 4, 0.5
CENTRE, TEMPERATURE = 1.5, 2.0
"""The reward is largest at (1.5, 1.5)."""

STEPS = 300
"""Fine enough for its difference from the mixture to be below what a few seconds of sampling show."""


def exact() -> tuple[float, NDArray[np.float64]]:
    """log Z and the mean of sum_c w_c N(mu_c, v I) exp(-|x - c|^2/(2 tau)).

    With g = tau/(tau + v): the integral of component c is w_c g^(d/2) exp(-|mu_c - c|^2/(2 (tau + v))), and its mean
    g mu_c + (1 - g) c.
    """
    gain, dim = TEMPERATURE / (TEMPERATURE + VARIANCE), MEANS.shape[1]
    apart = ((MEANS - CENTRE) ** 2).sum(1)
    mass = WEIGHTS * gain ** (dim / 2) * np.exp(-apart / (2 * (TEMPERATURE + VARIANCE)))
    means = gain * MEANS + (1 - gain) * CENTRE
    return float(np.log(mass.sum())), mass @ means / mass.sum()


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code is 0 unless an answer is far off: one interval in twenty may miss by a little."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="of the service; default BURNISH_BASE_URL, else this machine")
    parser.add_argument("--local", action="store_true", help="without a server")
    parser.add_argument("--seconds", type=float, default=8.0)
    asked = parser.parse_args(arguments)
    with Burnish.local() if asked.local else Burnish(asked.url) as client:
        job = client.posterior(
            prior={"mixture": {"means": MEANS, "weights": WEIGHTS.tolist(), "variance": VARIANCE}},
            reward={"expression": f"-0.5*norm2(x - {CENTRE})", "temperature": TEMPERATURE},
            chain={"steps": STEPS},
            outputs=["mean", "log_evidence"],
            budget={"seconds": asked.seconds},
            seed=7,
        ).wait()
        mean, evidence = job.part("mean"), job.part("log_evidence")
    print(job)
    if mean.lower is None or evidence.lower is None or None in mean.lower:
        print(f"no interval: {job.refused.why if job.refused else 'too few islands yet'}")
        return 1
    log_z, centre = exact()
    rows = [("mean[0]", mean.value[0], mean.lower[0], mean.upper[0], centre[0])]
    rows += [("mean[1]", mean.value[1], mean.lower[1], mean.upper[1], centre[1])]
    rows += [("log_evidence", evidence.value, evidence.lower, evidence.upper, log_z)]
    for name, value, lower, upper, truth in rows:
        print(f"{name:<13}{value:9.4f}  in [{lower:.4f}, {upper:.4f}], exactly {truth:.4f}")
    return 0 if all(abs(value - truth) <= 3 * (upper - value) for _, value, _, upper, truth in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
