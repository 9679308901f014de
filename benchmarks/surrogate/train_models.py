"""Trains the surrogates of the benchmark: networks by the service's own trainer, kernels by `gp.py`.

    OMP_NUM_THREADS=1 python benchmarks/surrogate/train_models.py [--only viscous-burgers]

Trains what has no file: the kept files are what the results were made with, and training anew gives networks of the
same kind, not the same bits (the trainer's paths have changed since). Each card says how its network was trained, in
steps and CPU-seconds. "pinn" networks are 5x50 tanh, trained for up to 105 s; "early" ones are stopped after seconds,
at the level of the published surrogates or worse.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable

import numpy as np
import torch
from gp import fit_burgers
from problems import DIMS, MODELS, Case, relative
from torch import Tensor

import burnish
from burnish.wire.specs.fit import Fit
from burnish.wire.specs.surrogate import SurrogateSpec
from burnish_workers.core.keys import Key
from burnish_workers.kinds.surrogate.catalogue import equations
from burnish_workers.kinds.surrogate.fitting import Trainer, fit
from burnish_workers.kinds.surrogate.problem import Points, Problem, problem_of
from burnish_workers.tensors.cards import card_bytes

STEPS = {
    "linear-convection-diffusion": 600,
    "viscous-burgers": 1_500,
    "diffusion-reaction": 700,
    "hjb-quadratic-form": 400,
}
EARLY = {
    "linear-convection-diffusion": 50,
    "viscous-burgers": 150,
    "diffusion-reaction": 60,
    "hjb-quadratic-form": 60,
}
BATCH, SEED = 128, 1


def options(case: Case) -> Fit:
    """How a network of the benchmark is trained."""
    low, high = equations()[case.problem].box
    steps = (EARLY if case.model == "early" else STEPS)[case.problem]
    return Fit(width=50, depth=5, optimiser="adam", steps=steps, batch=BATCH, box=[low, high], sampling="path")


def problem(case: Case) -> Problem:
    """The parsed equation."""
    spec = {"kind": "surrogate", "problem": case.named, "points": [{"x": 0.0}], "budget": {"units": 1}}
    return problem_of(SurrogateSpec.model_validate(spec))


def train(case: Case) -> bytes:
    """A network as a file that can be uploaded, with how it was made in its card."""
    how, posed = options(case), problem(case)
    nowhere, began = Points(np.zeros(1), np.zeros((1, case.dim))), time.process_time()
    states = [told.state for told in fit(posed, nowhere, how, Key(SEED, (case.dim,)), every=how.steps or 1)]
    seconds, field = time.process_time() - began, Trainer.of(posed, nowhere, how).field(states[-1])
    made = {"problem": case.named, "fit": how.model_dump(mode="json", exclude_none=True), "seed": SEED}
    return card_bytes(field, {**made, **measured(case, seconds, field.value)})


def collocate(case: Case) -> None:
    """A kernel's file, and beside it how it was made."""
    began = time.process_time()
    mean = fit_burgers(case.dim, SEED)
    seconds = time.process_time() - began
    burnish.export(mean, case.dim, path=case.file)
    made = {"problem": case.named, "seed": SEED, **measured(case, seconds, mean)}
    case.file.with_suffix(".json").write_text(json.dumps(made, indent=2) + "\n")


def measured(case: Case, seconds: float, value: Callable[[Tensor, Tensor], Tensor]) -> dict[str, float]:
    """Seconds and error, three digits each."""
    t, x = case.draw(1_000, 77)
    with torch.no_grad():
        found = value(torch.as_tensor(t, dtype=torch.float32), torch.as_tensor(x, dtype=torch.float32))
    error = relative(found.double().numpy(), case.exact(t, x))
    print(f"{case.label:16} {seconds:.1f} CPU-s, relative L2 error {error:.2e}", flush=True)
    return {"cpu_seconds": float(f"{seconds:.3g}"), "relative_l2": float(f"{error:.3g}")}


def networks() -> list[Case]:
    """Those of the problems that the catalogue has."""
    known = [name for name in DIMS if name in equations()]
    trained = [Case(name, dim, "pinn") for name in known for dim in DIMS[name]]
    return trained + [Case(name, DIMS[name][0], "early") for name in known]


def main() -> None:
    """Train what has no file yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="part of a file's name")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    MODELS.mkdir(exist_ok=True)
    kernels = [Case("viscous-burgers", dim, "gp") for dim in DIMS["viscous-burgers"]]
    for case in networks() + kernels:
        if arguments.only not in case.key or case.file.exists():
            continue
        if case.model == "gp":
            collocate(case)
        else:
            case.file.write_bytes(train(case))


if __name__ == "__main__":
    main()
