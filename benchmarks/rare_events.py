"""When does learning the integrand help, when must one truncate, and what does a job do about a rare event?

    OMP_NUM_THREADS=1 python benchmarks/rare_events.py

A few minutes; prints the tables and writes docs/images/rare-events.svg for docs/rare-events.md. Left: a smooth
integrand. Middle: a spike of infinite variance. Right: jobs of kind `surrogate` for the heat equation in d = 5 whose
terminal condition is a steep sigmoid that one path in 100 or in 1,000 meets, from surrogates of different quality.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from scipy import integrate, special, stats

sys.path.insert(0, str(Path(__file__).parent / "surrogate"))

from watch import Array, looks, posted, resolved

from burnish.wire.specs.surrogate import SurrogateSpec
from burnish_workers.core.moments import Moments
from burnish_workers.core.neighbours import NearestNeighbours, nearest_neighbours
from burnish_workers.core.regression_control import Mean, cross_fitted_mean, split_mean
from burnish_workers.core.robust import robust_mean
from burnish_workers.core.truncation import Sobolev, truncated_mean

IMAGE = Path(__file__).parents[1] / "docs/images/rare-events.svg"
SIZES = 2 ** np.arange(6, 15)
SPIKE = Sobolev(s=0, p=8 / 3, d=1, q=2)
DIM = 5
Errors = dict[str, list[Array]]
"""For each estimator the errors of all runs at each size."""


def exact(h: NearestNeighbours) -> Mean:
    return Mean(h.unit_interval_mean())


def measured(f: Callable[[Array], Array], truth: float, estimators: dict[str, Any], runs: int) -> Errors:
    """Errors over the sizes; an estimator is a function of points (n, 1) and values (n,)."""
    rng, found = np.random.default_rng(1), {name: list[Array]() for name in estimators}
    for n in SIZES:
        points = 1 - rng.random((runs, n, 1))
        values = f(points[..., 0])
        for name, estimator in estimators.items():
            each = [estimator(x, y) for x, y in zip(points, values, strict=True)]
            found[name].append(np.array(each) - truth)
    return found


def rmse(errors: Array) -> float:
    return float(np.sqrt(np.mean(errors**2)))


def median(errors: Array) -> float:
    return float(np.median(np.abs(errors)))


def slope(sizes: Array, errors: list[float]) -> float:
    return float(np.polyfit(np.log(sizes), np.log(errors), 1)[0])


def table(title: str, found: Errors, size: Callable[[Array], float]) -> dict[str, list[float]]:
    """Print and return the size of the errors."""
    sizes = {name: [size(each) for each in errors] for name, errors in found.items()}
    print(f"{title}: n = {SIZES[0]} ... {SIZES[-1]}, slope, values")
    for name, values in sizes.items():
        print(f"  {name:24}{slope(SIZES, values):7.3f}  " + " ".join(f"{value:.1e}" for value in values), flush=True)
    return sizes


def smooth(runs: int) -> dict[str, list[float]]:
    """f = sin 7x + cos(19x)/2."""
    estimators = {
        "plain": lambda x, y: y.mean(),
        "one half learns": lambda x, y: split_mean(x, y, nearest_neighbours(), exact).value,
        "both halves do": lambda x, y: cross_fitted_mean(x, y, nearest_neighbours(), exact).value,
    }
    truth = (1 - np.cos(7)) / 7 + np.sin(19) / 38
    found = measured(lambda x: np.sin(7 * x) + np.cos(19 * x) / 2, truth, estimators, runs)
    return table("smooth, root mean square", found, rmse)


def tail_mean(x: Array, y: Array) -> float:
    """What `refused.robust` would give, the plain mean where it gives nothing."""
    found = robust_mean(Moments.of(y[:, None], 512))
    candidates = [float(found.value[0]), float(found.truncated[0]), float(y.mean())]
    return next(value for value in candidates if np.isfinite(value))


def spike(runs: int) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """f = x^-0.75: root mean squares and medians."""
    estimators = {
        "plain": lambda x, y: y.mean(),
        "learnt": lambda x, y: cross_fitted_mean(x, y, nearest_neighbours(), exact).value,
        "truncated": lambda x, y: truncated_mean(y, SPIKE.level(len(y), 3**0.75)).value,
        "tail modelled": tail_mean,
    }
    found = measured(lambda x: x**-0.75, 4.0, estimators, runs)
    return table("spike, root mean square", found, rmse), table("spike, median", found, median)


@dataclass(frozen=True)
class Curve:
    """Of jobs over seeds, at each look: paths, relative root mean squared error, share of jobs with an interval."""

    paths: Array
    error: Array
    certified: Array


def surrogates(c: float) -> dict[str, dict[str, Any]]:
    """Approximations of the normal distribution function of (sum x - c)/sqrt(5 (1 - t) + width^2)."""

    def cubic(width: float) -> dict[str, Any]:
        z = f"(sum(x) - {c:.9f})/sqrt({DIM}*(1 - t) + {width**2:.9f})"
        return {"expression": f"sigmoid(1.5976*{z} + 0.07056*({z})**3)"}

    return {"none": {"zero": True}, "edge blurred": cubic(0.22), "edge sharp": cubic(1.5976 / 50)}


def edge(p: float) -> float:
    """The c that sum W_1 ~ N(0, 5) exceeds with chance p."""
    return float(stats.norm.isf(p) * DIM**0.5)


def heat(p: float, name: str, seed: int, seconds: float) -> SurrogateSpec:
    """A job at t = 0, x = 0; a replicate is four pairs of paths."""
    c = edge(p)
    problem = {"dim": DIM, "horizon": 1.0, "diffusion": "1", "terminal": f"sigmoid(50*(sum(x) - {c:.9f}))"}
    return posted(problem, surrogates(c)[name], np.zeros(1), np.zeros((1, DIM)), seed=seed, seconds=seconds)


def jobs(p: float, name: str, seeds: int, seconds: float) -> Curve:
    """Jobs against a quadrature over sum W_1."""
    c, spread = edge(p), DIM**0.5
    truth = integrate.quad(
        lambda s: special.expit(50 * (s - c)) * stats.norm.pdf(s, scale=spread), c - 2, c + 20, limit=400, points=[c]
    )[0]
    found = []
    for seed in range(seeds):
        spec = resolved(heat(p, name, seed, seconds), 1e-4, steps=4, strata=4)
        found.append(
            [(8 * s.replicates, s.answer.combined.value[0] / truth - 1, s.report.refused is None) for s in looks(spec)]
        )
    every = np.array(found, dtype=np.float64)
    return Curve(every[0, :, 0], np.sqrt((every[..., 1] ** 2).mean(axis=0)), every[..., 2].mean(axis=0))


def bounded(p: float, seconds: float) -> None:
    """Print the intervals of one job without a surrogate that declares its bounds, 0 and 1."""
    spec = heat(p, "none", 0, seconds).model_copy(update={"interval": "bounded", "bounds": (0.0, 1.0)})
    print(f"bounded, p = {p:g}: paths, estimate, half-width")
    for seen in looks(resolved(spec, 1e-4, steps=4, strata=4)):
        width = seen.report.half_width[0]
        print(f"  {8 * seen.replicates:9.0f} {seen.answer.combined.value[0]:9.6f} {width:9.6f}", flush=True)


def show_jobs(axes: Axes, seeds: int, seconds: float) -> None:
    """Print and draw; filled marks where most jobs have an interval, hollow ones where the guard refuses."""
    for p, style in ((1e-2, "-"), (1e-3, "--")):
        bounded(p, seconds)
        for color, name in enumerate(surrogates(0.0)):
            curve = jobs(p, name, seeds, seconds)
            print(f"jobs, p = {p:g}, {name}: paths, relative root mean square, share certified", flush=True)
            for row in zip(curve.paths, curve.error, curve.certified, strict=True):
                print("  {:9.0f} {:9.2e} {:6.2f}".format(*row))
            line = axes.loglog(curve.paths, curve.error, style, color=f"C{color}", label=f"{name}, p = {p:g}")[0]
            axes.scatter(
                curve.paths, curve.error, 30, zorder=3, edgecolors=line.get_color(),
                color=[line.get_color() if share >= 0.5 else "white" for share in curve.certified],
            )  # fmt: skip
    axes.set(title="jobs: sigmoid(50 (sum x - c)), d = 5", xlabel="paths", ylabel="relative root mean squared error")
    axes.set_ylim(bottom=5e-6)  # room for the legend
    axes.legend(fontsize=7, loc="lower left", ncols=2, title="hollow: refused", title_fontsize=7)


def draw(axes: Axes, title: str, lines: dict[str, tuple[list[float], str]]) -> None:
    """Errors over n, with slopes in the legend; a style for each."""
    for name, (values, style) in lines.items():
        axes.loglog(SIZES, values, style, label=f"{name} ({slope(SIZES, values):.2f})")
    axes.set(title=title, xlabel="samples n", ylabel="error")
    axes.legend(fontsize=7, title="slope in brackets", title_fontsize=7)


def main() -> None:
    """Print the tables, write the plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=30, help="jobs for each surrogate")
    parser.add_argument("--seconds", type=float, default=4.0, help="budget of a job, at 0.1 ms a replicate")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    mpl.use("svg")
    plt.rcParams.update({"svg.hashsalt": "burnish", "svg.fonttype": "none", "font.size": 9})
    figure, axes = plt.subplots(1, 3, figsize=(13, 4), layout="constrained")
    draw(axes[0], "smooth: learn it", {name: (each, "o-") for name, each in smooth(arguments.runs).items()})
    squares, medians = spike(arguments.runs)
    lines = {f"{name}, median": (medians[name], "o-") for name in ("plain", "learnt", "tail modelled")}
    lines |= {f"{name}, rms": (squares[name], "s--") for name in ("plain", "truncated")}
    draw(axes[1], "spike x^-0.75: truncate it", lines)
    show_jobs(axes[2], arguments.seeds, arguments.seconds)
    IMAGE.parent.mkdir(exist_ok=True)
    figure.savefig(IMAGE, metadata={"Date": None})
    print(f"wrote {IMAGE.name}")


if __name__ == "__main__":
    main()
