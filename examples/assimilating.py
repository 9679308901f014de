"""Assimilation as it happens: a chaotic state that nobody sees is followed through observations that come one by one.

Against a running service (`make serve`), in about ten seconds:

    python examples/assimilating.py [--url URL] [--local] [--observations K] [--every S] [--picture FILE]

The state is Lorenz's of 1963 with some noise. It lives in this script alone, which posts a noisy observation every
0.2 s and marks the last one. After each the job says where the state is: filtered mean, standard deviation, and an
interval for that mean, whose width is the particles' doing. A chart scrolls by; where matplotlib is installed
(`pip install 'burnish-server[plot]'`) a picture is refreshed, too.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from burnish import AsyncBurnish, AsyncJob, BurnishError
from burnish.wire import Refinement

Array = NDArray[np.float64]

DT, SUBSTEPS, NOISE, SPREAD, BLUR = 0.01, 10, 0.1, 2.0, 4.0
"""Runge-Kutta step, steps between observations; variances: of the motion, of the first state, of an observation."""

START = (1.5, -1.5, 25.5)
REDRAWN = 1.0
"""Seconds between two pictures, which take longer to draw than an observation to come."""

WIDTH, EDGE = 56, 24.0
"""Columns of the chart, and the largest |x| on it."""


@dataclass
class Followed:
    """The hidden states and what was seen of them (K, 3); what the job has said so far, by observation."""

    truth: Array
    seen: Array
    mean: list[Array] = field(default_factory=list)
    std: list[Array] = field(default_factory=list)
    lower: list[Array] = field(default_factory=list)
    upper: list[Array] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def take(self, refinement: Refinement) -> None:
        """The answer after one more observation; limits are nan where an interval is refused."""
        mean, std = refinement.part("mean"), refinement.part("std")
        for told, value in ((self.mean, mean.value), (self.std, std.value)):
            told.append(np.array(value, dtype=np.float64))
        self.lower.append(np.array(mean.lower, dtype=np.float64))
        self.upper.append(np.array(mean.upper, dtype=np.float64))
        if refinement.refused:
            self.refused.append(refinement.refused.code)


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code is 0 if the filtered mean is closer to the truth than the observations are."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="of the service; default BURNISH_BASE_URL, else this machine")
    parser.add_argument("--local", action="store_true", help="without a server")
    parser.add_argument("--observations", type=int, default=40)
    parser.add_argument("--every", type=float, default=0.2, help="seconds from one observation to the next")
    parser.add_argument("--seed", type=int, default=63, help="of the hidden state and of the noise")
    parser.add_argument("--picture", type=Path, default=Path("assimilating.png"), help="or .svg, .pdf")
    asked, code = parser.parse_args(arguments), 1
    if asked.observations < 1:
        parser.error(f"--observations must be at least 1, got {asked.observations}")
    try:
        code = asyncio.run(run(asked))
    except* BurnishError as errors:
        print(*errors.exceptions, sep="\n", file=sys.stderr)
    return code


async def run(asked: argparse.Namespace) -> int:
    """Post and watch at the same time; then compare."""
    truth, seen = hidden(asked.observations, asked.seed)
    followed = Followed(truth, seen)
    picture = asked.picture if importlib.util.find_spec("matplotlib") else None
    print(f"picture, every second: {picture}" if picture else "no picture: matplotlib is not installed")
    async with AsyncBurnish.local() if asked.local else AsyncBurnish(asked.url) as client:
        job = await ask(client, asked.observations * asked.every)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(post(job, seen, asked.every))
            await watch(job, followed, picture)
    return compare(job, followed)


def hidden(count: int, seed: int) -> tuple[Array, Array]:
    """States x_1 .. x_K after x_0 ~ N(START, SPREAD), and observations of them, (K, 3) both."""
    rng = np.random.default_rng(seed)
    x, states = rng.normal(START, SPREAD**0.5), list[Array]()
    for _ in range(count):
        for _ in range(SUBSTEPS):
            x = stepped(x)
        x = x + rng.normal(0, NOISE**0.5, 3)
        states.append(x)
    truth = np.array(states)
    return truth, truth + rng.normal(0, BLUR**0.5, truth.shape)


def stepped(x: Array) -> Array:
    """A step of Runge and Kutta, written out here so that the truth owes nothing to the service."""
    k1 = rate(x)
    k2 = rate(x + DT / 2 * k1)
    k3 = rate(x + DT / 2 * k2)
    return x + DT / 6 * (k1 + 2 * k2 + 2 * k3 + rate(x + DT * k3))


def rate(x: Array) -> Array:
    """dx/dt of Lorenz (1963), in its usual parameters."""
    return np.array([10 * (x[1] - x[0]), x[0] * (28 - x[2]) - x[1], x[0] * x[1] - 8 / 3 * x[2]])


async def ask(client: AsyncBurnish, seconds: float) -> AsyncJob:
    """A job that knows the motion, and no observation yet; `seconds`: how long they will take to come."""
    return await client.posterior(
        dynamics={"name": "lorenz63", "dt": DT, "substeps": SUBSTEPS, "noise": NOISE},
        initial={"mean": START, "covariance": SPREAD},
        observe={"noise": BLUR},
        outputs=["mean", "std", "log_evidence"],
        budget={"seconds": seconds + 60},
        seed=7,
    )


async def post(job: AsyncJob, seen: Array, every: float) -> None:
    """As an instrument would, without waiting for answers."""
    for k, y in enumerate(seen, start=1):
        await job.observe(y, last=k == len(seen))
        await asyncio.sleep(every)


async def watch(job: AsyncJob, followed: Followed, picture: Path | None) -> None:
    """Every answer as it comes, until there are no more."""
    print(f"{job.id}: x of the state, o true, + seen, * filtered mean, - two standard deviations around it\n")
    drawn = 0.0
    async for refinement in job.refinements():
        followed.take(refinement)
        print(row(followed), flush=True)
        if picture and (refinement.final or time.monotonic() > drawn + REDRAWN):
            await asyncio.to_thread(draw, followed, picture)
            drawn = time.monotonic()


def row(followed: Followed) -> str:
    """The newest answer in numbers and as a line of the chart."""
    k = len(followed.mean) - 1
    mean, std = float(followed.mean[k][0]), float(followed.std[k][0])
    limits = _limits(followed.lower[k][0], followed.upper[k][0])
    signs = [" "] * WIDTH
    for column in range(_column(mean - 2 * std), _column(mean + 2 * std) + 1):
        signs[column] = "-"
    for sign, value in (("o", followed.truth[k, 0]), ("+", followed.seen[k, 0]), ("*", mean)):
        signs[_column(value)] = sign
    return f"{k + 1:3d} {mean:7.2f} ± {std:.2f}  {limits:<18} |{''.join(signs)}|"


def _limits(low: float | None, high: float | None) -> str:
    return "no interval" if low is None or high is None or np.isnan(low) else f"[{low:.2f}, {high:.2f}]"


def _column(x: float) -> int:
    return int(np.clip(round((x + EDGE) / (2 * EDGE) * (WIDTH - 1)), 0, WIDTH - 1))


def draw(followed: Followed, picture: Path) -> None:
    """All coordinates over time: truth, observations, filtered mean with its interval, two standard deviations."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 6), layout="constrained")
    times = np.arange(1, len(followed.mean) + 1)
    mean, std = np.array(followed.mean), np.array(followed.std)
    for i, axes in enumerate(figure.subplots(3, sharex=True)):
        low, high = mean[:, i] - 2 * std[:, i], mean[:, i] + 2 * std[:, i]
        axes.fill_between(times, low, high, color="#3f87f5", alpha=0.25, lw=0, label="two standard deviations")
        limits = ([side[i] for side in told] for told in (followed.lower, followed.upper))
        axes.fill_between(times, *limits, color="#3f87f5", alpha=0.6, lw=0, label="interval of the mean")
        axes.plot(times, mean[:, i], color="#3f87f5", label="filtered mean")
        axes.plot(times, followed.seen[: len(times), i], "+", color="0.5", label="seen")
        axes.plot(times, followed.truth[: len(times), i], "o", color="k", ms=3, mfc="none", label="true")
        axes.set(ylabel="xyz"[i], xlim=(0, len(followed.truth) + 1))
    figure.axes[0].legend(ncols=5, fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False)
    figure.axes[-1].set_xlabel("observation")
    # A viewer that looks at the file now and then must never find half a picture.
    figure.savefig(fresh := picture.with_stem(f".{picture.stem}"))
    fresh.replace(picture)


def compare(job: AsyncJob, followed: Followed) -> int:
    """How far filtered means are from the truth, beside what they admit and how far the observations are."""
    if job.last is None or len(followed.mean) < len(followed.truth):
        print(f"the job ended after {len(followed.mean)} of {len(followed.truth)} observations: {job.status}")
        return 1
    filtered = _rms(np.array(followed.mean) - followed.truth)
    raw = _rms(followed.seen - followed.truth)
    print(f"\n{job.status}, {job.stopped_by}: {len(followed.mean)} observations in {job.spent.seconds:.1f} s")
    print(f"root mean square error: observations {raw:.2f}, filtered mean {filtered:.2f}", end="")
    print(f" (its standard deviation says {_rms(np.array(followed.std)):.2f})")
    if followed.refused:
        print(f"answers that lack an interval: {len(followed.refused)} ({', '.join(sorted(set(followed.refused)))})")
    evidence = job.last.part("log_evidence")
    limits = _limits(evidence.lower, evidence.upper)
    print(f"cumulative log-likelihood of the observations: {evidence.value:.2f} {limits}")
    return 0 if filtered < raw else 1


def _rms(values: Array) -> float:
    return float(np.sqrt(np.mean(values**2)))


if __name__ == "__main__":
    sys.exit(main())
