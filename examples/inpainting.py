"""Inpainting with uncertainty: half the pixels of a handwritten digit are missing, what may have been there?

Against a running service (`make serve`), in about half a minute:

    python examples/inpainting.py [--url URL] [--local] [--digit N] [--seconds S] [--picture FILE]

The digit is one that the model was not trained on. What comes back is the posterior mean, its standard deviation pixel
by pixel, and samples; only this script knows the missing half, and says how far off the answer is.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from burnish import Burnish, Job
from burnish_workers.kinds.posterior.train import Options, pictures, split

SIGMA = 0.3
"""Standard deviation of the noise on pixels from -1 to 1."""

_SHADES = " .:-=+*#%@"


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code is 0 if the posterior mean is closer to the missing half than a grey one is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="of the service; default BURNISH_BASE_URL, else this machine")
    parser.add_argument("--local", action="store_true", help="without a server")
    parser.add_argument("--digit", type=int, default=4, help="which of the held-out digits")
    parser.add_argument("--seconds", type=float, default=25.0)
    parser.add_argument("--picture", type=Path, default=Path("inpainting.png"))
    asked = parser.parse_args(arguments)
    truth = split(pictures(), Options())[1].x[asked.digit, 0].double().numpy()
    with Burnish.local() if asked.local else Burnish(asked.url) as client:
        job = ask(client, truth, asked.seconds)
        for refinement in job.refinements():
            print(f"  after {refinement.spent.seconds:4.1f} s, {refinement.replicates} islands", flush=True)
        asked.picture.write_bytes(job.artifact("posterior.png"))
        mean, std = (np.array(job.part(name).value, dtype=float)[0] for name in ("mean", "std"))
    print(f"{job}\n")
    show(truth, mean, std)
    print(f"\nmean, deviation and samples: {asked.picture}")
    return compare(truth, mean, std)


def ask(client: Burnish, truth: NDArray[np.float64], seconds: float) -> Job:
    """The upper half is seen, with noise."""
    seen = np.zeros((8, 8))
    seen[:4] = 1
    noise = np.random.default_rng(0).normal(0, SIGMA, (8, 8))
    return client.posterior(
        prior="digits",
        observation={"operator": {"type": "inpaint", "mask": seen}, "y": (truth + noise)[seen == 1], "sigma": SIGMA},
        chain={"steps": 30},
        particles=32,
        outputs=["mean", "std", "log_evidence", "samples"],
        budget={"seconds": seconds},
        seed=7,
    )


def show(truth: NDArray[np.float64], mean: NDArray[np.float64], std: NDArray[np.float64]) -> None:
    """Pictures side by side, as text; the lower half of the first is what the service never saw."""
    print(f"{'truth':<20}{'mean':<20}std")
    for rows in zip(truth, mean, 2 * std - 1, strict=True):
        print("".join(f"{_line(row):<20}" for row in rows).rstrip())


def _line(row: NDArray[np.float64]) -> str:
    levels = np.clip(np.round((row + 1) / 2 * (len(_SHADES) - 1)), 0, len(_SHADES) - 1).astype(int)
    return "".join(2 * _SHADES[level] for level in levels)


def compare(truth: NDArray[np.float64], mean: NDArray[np.float64], std: NDArray[np.float64]) -> int:
    """How far the mean is from the missing half, beside the deviation that the posterior admits."""
    off = float(np.sqrt(np.mean((mean - truth)[4:] ** 2)))
    admitted = float(np.sqrt(np.mean(std[4:] ** 2)))
    grey = float(np.sqrt(np.mean((truth[4:] - truth[:4].mean()) ** 2)))
    print(f"missing half (root mean squares): off by {off:.2f}, deviation {admitted:.2f}; a grey half by {grey:.2f}")
    return 0 if off < grey else 1


if __name__ == "__main__":
    sys.exit(main())
