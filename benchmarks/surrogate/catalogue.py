"""Every equation of the catalogue as a user would post it: from nothing and from a wrong surrogate, in few and in the
default number of dimensions, method `auto`, against the references.

    OMP_NUM_THREADS=1 python benchmarks/surrogate/catalogue.py --seconds 8
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish import Burnish, Job
from burnish_workers.core.expression import Expression
from burnish_workers.kinds.surrogate import references
from burnish_workers.kinds.surrogate.catalogue import NamedEquation, equations

FORM = "(dot(0.5 + i/d, x**2) + sum(x)**2/d)"
WORST = "(100 - log(sum(exp(-(0.108 + 0.4*t)*(x - 100))))/(0.108 + 0.4*t))"
BEST = "(100 + log(sum(exp((0.107 + 0.5*t)*(x - 100))))/(0.107 + 0.5*t))"
SURROGATES = {
    "linear-convection-diffusion": "1.1*(t + sum(x)) + 0.1",
    "viscous-burgers": "1.05*sigmoid(t + sum(x))",
    "hjb-log": "1.1*log((1 + norm2(x) + 2*d*(1 - t))/2)",
    "hjb-quadratic-form": f"1.1*log((1 + {FORM} + 2*(d + 1.5)*(1 - t))/2)",
    "diffusion-reaction": "1.05*(1.6 + sin(0.1*sum(x))*exp(0.005*d*(t - 1)))",
    "allen-cahn": "1.1*exp(0.3 - t)/(2 + 0.4*(norm2(x) + 2*d*(0.3 - t)))",
    "black-scholes-default": WORST,
    "black-scholes-two-rates": f"5*log(1 + exp(({BEST} - 120)/5)) - 10*log(1 + exp(({BEST} - 150)/5))",
}
ONE_ASSET = {
    "black-scholes-default": "0.97*x[0]",
    "black-scholes-two-rates": "15*sigmoid((x[0] - 122)/8) - 4*sigmoid((x[0] - 160)/10)",
}
Floats = NDArray[np.float64]


def places(entry: NamedEquation, dim: int) -> tuple[Floats, Floats, Floats]:
    """t (m,), x (m, d) and u there: three points of the box, or the one that is known for a hundred assets."""
    if entry.name in ONE_ASSET and dim > 1:
        return np.zeros(1), np.full((1, dim), 100.0), np.array([references.SIMULATED[entry.name][0]])
    t = np.array([0.0, 0.0, entry.equation(dim).horizon / 2])
    x = np.random.default_rng(3).uniform(*entry.box, (3, dim))
    return t, x, getattr(references, entry.name.replace("-", "_"))(t, x)


def value_of(text: str, t: Floats, x: Floats) -> Floats:
    dim = x.shape[1]
    constants = {"d": float(dim), "i": tuple(range(1, dim + 1))}
    kinds: dict[str, Any] = {"t": "scalar", "x": "vector"}
    return np.asarray(Expression.parse(text, kinds, constants=constants).evaluate({"t": t, "x": x}), dtype=np.float64)


def described(job: Job, truth: Floats) -> str:
    """Method, relative error (root mean square over the points), half-width, and what was refused or missed."""
    scale, last = np.sqrt(np.mean(truth**2)), list(job.refinements())[-1]
    assert last.estimate is not None
    error = np.array(last.estimate.value, dtype=np.float64) - truth
    said = f"{last.diagnostics['estimator']}: {np.sqrt(np.mean(error**2)) / scale:.1e}"
    if last.interval is None:
        return f"{said}, refused"
    low, high = (np.array(part, dtype=np.float64) for part in (last.interval.lower, last.interval.upper))
    there = np.isfinite(low)
    missed = int(((truth < low) | (truth > high))[there].sum())
    said += f" ± {np.sqrt(np.mean(((high - low) / 2)[there] ** 2)) / scale:.1e}"
    said += "" if there.all() else f", {int((~there).sum())} of {len(truth)} refused"
    return said + (f", {missed} missed" if missed else "")


def row(client: Burnish, entry: NamedEquation, dim: int, seconds: float) -> str:
    t, x, truth = places(entry, dim)
    text = ONE_ASSET[entry.name] if entry.name in ONE_ASSET and dim == 1 else SURROGATES[entry.name]
    points = [{"t": float(s), "x": place.tolist()} for s, place in zip(t, x, strict=True)]
    told: list[str] = []
    for surrogate in ({"zero": True}, {"expression": text}):
        spec = {"kind": "surrogate", "problem": {"name": entry.name, "dim": dim}, "surrogate": surrogate}
        told.append(described(client.submit({**spec, "points": points, "budget": {"seconds": seconds}}).wait(), truth))
    off = np.sqrt(np.mean((value_of(text, t, x) - truth) ** 2) / np.mean(truth**2))
    return f"| `{entry.name}` | {dim} | {told[0]} | {off:.1e} | {told[1]} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--only", help="one equation")
    asked = parser.parse_args()
    print("| equation | d | from nothing | surrogate off by | corrected |\n|---|---|---|---|---|")
    with Burnish.local() as client:
        for name, entry in equations().items():
            if asked.only in (None, name):
                for dim in (1 if name in ONE_ASSET else 4, entry.dim):
                    print(row(client, entry, dim, asked.seconds), flush=True)


if __name__ == "__main__":
    main()
