"""Equations that nothing was tuned on: manufactured solutions, stated by expressions as any user could.

    OMP_NUM_THREADS=1 python benchmarks/surrogate/unseen.py

A solution u* is chosen, a nonlinearity N(u, z) too, and the source that makes u* solve the equation:

    F(t, x, u, z) = N(u, z) - N(u*, z*) - (d_t u* + <mu, grad u*> + 1/2 Tr(sigma sigma^T Hess u*))

so that every reference is exact. What this script derives by hand is checked against automatic differentiation before
anything is run. Surrogates are u* with a wrong factor, shift or wiggle; the points are drawn from [-1/2, 1/2]^d.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from accuracy import observed
from cells import Cell, cell, publish
from jobs import Array, parse, uncorrected

from burnish.wire.specs.surrogate import SurrogateSpec
from burnish_workers.core.inputs import NOTHING
from burnish_workers.kinds.surrogate.equation import tensor_equation
from burnish_workers.kinds.surrogate.problem import problem_of
from burnish_workers.tensors.fields import ExpressionField

POINTS, SEEDS, EVALUATIONS = 250, range(4), 1_000
Q = "sum(x)/sqrt(d) + t"
W = [[0.5 if i == j else 0.1 if i == j + 1 else 0.0 for j in range(6)] for i in range(6)]
"""A lower bidiagonal diffusion; |W^T 1|^2 = 5 * 0.6^2 + 0.5^2 = 2.05."""


@dataclass(frozen=True)
class Unseen:
    """`solution` u*(t, x) and `surrogate` as expressions; `equation` as it is posted."""

    name: str
    solution: str
    surrogate: str
    equation: dict[str, Any]


UNSEEN = (
    Unseen(
        "wave, u times a derivative",
        f"cos({Q})",
        f"cos({Q} + 0.05*sin(3*({Q}))) + 0.03",
        {
            "dim": 15,
            "horizon": 0.8,
            "drift": "0.3/sqrt(d)",
            "diffusion": "0.5",
            "nonlinearity": f"u*sum(z)/sqrt(d) + 1.3*sin({Q}) + 0.125*cos({Q}) + 0.5*sin({Q})*cos({Q})",
            "terminal": "cos(sum(x)/sqrt(d) + 0.8)",
        },
    ),
    Unseen(
        "quadratic gradient, mean reversion",
        "exp(-t)*log(1 + norm2(x))",
        "1.06*exp(-t)*log(1 + norm2(x)) - 0.02",
        {
            "dim": 30,
            "horizon": 1.0,
            "drift": "-0.5*x",
            "diffusion": "0.6",
            # |z*|^2/2 = 0.72 e^{-2t} r/(1+r)^2, generator 0.36 (d/(1+r) - 2r/(1+r)^2) - r/(1+r) - log(1+r), r = |x|^2
            "nonlinearity": "-norm2(z)/2 + 0.72*exp(-2*t)*norm2(x)/(1 + norm2(x))**2 + exp(-t)*(log(1 + norm2(x))"
            " + norm2(x)/(1 + norm2(x)) - 0.36*d/(1 + norm2(x)) + 0.72*norm2(x)/(1 + norm2(x))**2)",
            "terminal": "exp(-1)*log(1 + norm2(x))",
        },
    ),
    Unseen(
        "sine of u, diffusion that depends on x",
        "1 + exp(-t)*mean(x**2)",
        "1 + 1.1*exp(-t)*mean(x**2) + 0.01*cos(3*sum(x)/sqrt(d))",
        {
            "dim": 8,
            "horizon": 1.0,
            "drift": "0.1*sin(x)",
            "diffusion": "0.6 + 0.1*sin(x)",
            "nonlinearity": "sin(u) - sin(1 + exp(-t)*mean(x**2)) + exp(-t)*(mean(x**2) - 0.2*mean(x*sin(x))"
            " - mean((0.6 + 0.1*sin(x))**2))",
            "terminal": "1 + exp(-1)*mean(x**2)",
        },
    ),
    Unseen(
        "random potential, full diffusion matrix",
        "sin(mean(x) + t) + 2",
        "0.95*sin(mean(x) + t) + 2.05",
        {
            "dim": 6,
            "horizon": 0.5,
            "diffusion": W,
            # 1/2 |W^T 1/d|^2 = 2.05/72
            "nonlinearity": "-norm2(x)/d*(u - 2 - sin(mean(x) + t)) - cos(mean(x) + t) + 2.05/72*sin(mean(x) + t)",
            "terminal": "sin(mean(x) + 0.5) + 2",
        },
    ),
    Unseen(
        "cubic reaction, steep front, d = 100",
        f"tanh(2*({Q}))",
        f"tanh(1.9*({Q}) + 0.05)",
        {
            "dim": 100,
            "horizon": 0.4,
            "diffusion": "0.4",
            # tanh(2q): d_t = 2 s, second derivative along q = -8 tanh s with s = 1 - tanh^2
            "nonlinearity": f"u - u**3 - tanh(2*({Q})) + tanh(2*({Q}))**3 - (1 - tanh(2*({Q}))**2)"
            f"*(2 - 0.64*tanh(2*({Q})))",
            "terminal": "tanh(2*(sum(x)/sqrt(d) + 0.4))",
        },
    ),
)


def draw(unseen: Unseen, count: int, seed: int) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    dim, horizon = unseen.equation["dim"], unseen.equation["horizon"]
    return rng.uniform(0, horizon, count), rng.uniform(-0.5, 0.5, (count, dim))


def exact(unseen: Unseen, t: Array, x: Array) -> Array:
    """u* in double precision."""
    return uncorrected({"expression": unseen.solution}, NOTHING, t, x)


def check(unseen: Unseen) -> None:
    """u* solves the equation that is posted: residual and terminal mismatch vanish to single precision."""
    point = {"kind": "surrogate", "points": [{"x": 0.0}], "budget": {"units": 1}}
    problem = problem_of(SurrogateSpec.model_validate({**point, "problem": unseen.equation}))
    field = ExpressionField(parse(unseen.solution, problem.dim), problem.dim)
    equation = tensor_equation(problem, field, torch.device("cpu"))
    t, x = (torch.as_tensor(a, dtype=torch.float32) for a in draw(unseen, 20, 99))
    eps = equation.linearise(t, x, torch.Generator().manual_seed(1))[0].residual.abs().max()
    end = equation.terminal_defect(x).abs().max()
    if not (eps < 1e-4 and end < 1e-5):
        raise RuntimeError(f"{unseen.name}: the solution leaves a residual of {eps:.2e} and a mismatch of {end:.2e}")


def run(unseen: Unseen, surrogate: dict[str, Any], seed: int) -> Cell:
    t, x = draw(unseen, POINTS, 9_000 + seed)
    truth = exact(unseen, t, x)
    return observed(unseen.equation, surrogate, NOTHING, t, x, truth, seed, "auto", EVALUATIONS)


def rows() -> list[Cell]:
    """A row for every equation, with its surrogate and with none."""
    found: list[Cell] = []
    for i, unseen in enumerate(UNSEEN):
        check(unseen)
        for label, surrogate in (("surrogate", {"expression": unseen.surrogate}), ("none", {"zero": True})):
            runs = [cell("unseen", f"{i}-{label}-s{s}", lambda u=unseen, g=surrogate, s=s: run(u, g, s)) for s in SEEDS]
            total = sum(each["points"] for each in runs)
            looks = sum(each["published"] + each["refused"] for each in runs)
            found.append(
                {
                    "equation": unseen.name,
                    "dim": unseen.equation["dim"],
                    "surrogate": label,
                    "methods": sorted({each["method"] for each in runs}),
                    "surrogate_error": float(np.mean([each["surrogate_error"] for each in runs])),
                    "error": float(np.mean([each["error"] for each in runs])),
                    "covered": sum(each["covered"] for each in runs) / total,
                    "refused": sum(each["refused"] for each in runs) / looks,
                    "points": total,
                    "evaluations": max(each["evaluations"] for each in runs),
                    "bias_share": float(np.mean([each["bias_share"] for each in runs])),
                }
            )
            print(found[-1], flush=True)
    return found


def main() -> None:
    """Run what is missing and print a row per equation."""
    torch.set_num_threads(1)
    publish("unseen", "python benchmarks/surrogate/unseen.py", rows(), statements=[vars(each) for each in UNSEEN])


if __name__ == "__main__":
    main()
