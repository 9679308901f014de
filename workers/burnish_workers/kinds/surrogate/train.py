"""Trains surrogates for the equations of the catalogue, such as those that are shipped:

    python -m burnish_workers.kinds.surrogate.train --out DIR --problem viscous-burgers --steps 12000 --sampling box
    python -m burnish_workers.kinds.surrogate.train --out DIR --dim 100 --problem hjb-log --optimiser steepest

Training starts in the equation's box, and knows the equation alone. The two shipped files come from an earlier trainer,
with unscaled inputs; their cards say how they were made.
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import torch

from burnish.wire.specs.fit import Fit
from burnish.wire.specs.surrogate import SurrogateSpec
from burnish_workers.core.inputs import NOTHING
from burnish_workers.core.keys import Key
from burnish_workers.kinds.surrogate.catalogue import equations
from burnish_workers.kinds.surrogate.fitting import Progress, Trainer, fit
from burnish_workers.kinds.surrogate.problem import points_of, problem_of
from burnish_workers.tensors.cards import save_card
from burnish_workers.tensors.mlp import MLPField

_log = logging.getLogger(__name__)


def main() -> None:
    """Train, report progress, write the card and the tensors."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for the card and the tensors")
    parser.add_argument("--problem", choices=sorted(equations()), default="viscous-burgers")
    parser.add_argument("--dim", type=int, help="default: that of the problem")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=4_000)
    parser.add_argument("--optimiser", choices=("adam", "steepest", "levenberg-marquardt"), default="adam")
    parser.add_argument("--sampling", choices=("box", "path"), default="path", help="where residuals are taken")
    parser.add_argument("--name", help="file name of the card")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    entry = equations()[given.problem]
    dim = given.dim or entry.dim
    options = Fit(optimiser=given.optimiser, steps=given.steps, sampling=given.sampling, box=list(entry.box))
    field, last = trained(given.problem, dim, options, given.seed)
    given.out.mkdir(parents=True, exist_ok=True)
    name = given.name or f"{given.problem}-{given.optimiser}-d{dim}"
    save_card(field, given.out / f"{name}.json", about(given.problem, dim, options, given.seed, last))


def trained(problem: str, dim: int, options: Fit, seed: int) -> tuple[MLPField, Progress]:
    """A surrogate for an equation of the catalogue, and how its training ended."""
    posted = {"kind": "surrogate", "problem": {"name": problem, "dim": dim}, "points": [{"x": 0.0}]}
    spec = SurrogateSpec.model_validate({**posted, "budget": {"units": 1}})
    parsed = problem_of(spec)
    points = points_of(spec, dim, parsed.horizon, NOTHING)
    every, last = max(1, (options.steps or 1) // 20), None
    for last in fit(parsed, points, options, Key(seed), every=every):
        _log.info("step %6d  loss %.3e  residual %.3e", last.done, last.loss, last.residual)
    assert last is not None
    return Trainer.of(parsed, points, options).field(last.state), last


def about(problem: str, dim: int, options: Fit, seed: int, last: Progress) -> dict[str, object]:
    """How the field was made."""
    return {
        "problem": problem,
        "parameters": {"dim": dim},
        "trained": "physics-informed network, see kinds/surrogate/fitting.py",
        "options": options.model_dump(mode="json", exclude_none=True),
        "seed": seed,
        "loss": last.loss,
        "residual": last.residual,
        "terminal": last.terminal,
    }


if __name__ == "__main__":
    main()
