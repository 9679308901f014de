"""Error against the whole budget: training longer, or training and then simulating.

    OMP_NUM_THREADS=1 python benchmarks/surrogate/budget.py

For each number of training steps a network is trained anew (one-cycle Adam) and then corrected for about as long as it
was trained: replicates in proportion to steps, so that everything but the seconds is determined by seeds. Errors are
relative L2 over POINTS points; CPU-seconds of training, and of training and simulating; slopes by least squares on
logarithms. `plain` simulates without a surrogate.
"""

from __future__ import annotations

import argparse
import itertools
import time
from dataclasses import dataclass, replace

import numpy as np
import torch
from cells import WORK, Cell, cell, publish
from jobs import body, looks, resolved, sized, uncorrected
from problems import Case, about, relative
from train_models import options, problem

from burnish_workers.core.inputs import NOTHING, Inputs
from burnish_workers.core.keys import Key
from burnish_workers.core.model_file import inspect_model
from burnish_workers.kinds.surrogate.fitting import Trainer, fit
from burnish_workers.kinds.surrogate.problem import Points
from burnish_workers.tensors.cards import card_bytes
from burnish_workers.tensors.probe import judge

POINTS, PLAIN = 100, "plain"


@dataclass(frozen=True)
class Ladder:
    """`steps`: of training; `each`: replicates of the correction for a training step."""

    case: Case
    steps: tuple[int, ...]
    each: float
    seeds: tuple[int, ...]


LADDERS = (
    Ladder(Case("viscous-burgers", 20, "pinn"), (30, 100, 300, 1_000), 0.3, (1, 2)),
    Ladder(Case("diffusion-reaction", 100, "pinn"), (30, 100, 300, 700), 0.3, (1, 2)),
)


def network(case: Case, steps: int, seed: int) -> tuple[bytes, float]:
    """A network after so many steps as a file, and the CPU-seconds that took; trained once."""
    file = WORK / "networks" / f"{case.key}-{steps}-s{seed}.safetensors"
    if not file.exists():
        posed, how = problem(case), options(case).model_copy(update={"steps": steps})
        nowhere, began = Points(np.zeros(1), np.zeros((1, case.dim))), time.process_time()
        states = [told.state for told in fit(posed, nowhere, how, Key(seed, (case.dim, steps)), every=steps)]
        trained = time.process_time() - began
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(card_bytes(Trainer.of(posed, nowhere, how).field(states[-1]), {"cpu_seconds": trained}))
    data = file.read_bytes()
    return data, about(data)["cpu_seconds"]


def rung(ladder: Ladder, steps: int, seed: int) -> Cell:
    """Train, look at the error, correct, look again."""
    case = ladder.case
    data, trained = network(case, steps, seed)
    name = "sha256:" + "0" * 64
    inputs = Inputs({name: {**inspect_model(data).card, **judge(data)["card"]}}, {name: data})
    t, x = case.draw(POINTS, 700 + seed)
    truth, replicates = case.exact(t, x), max(8, round(ladder.each * steps))
    posted = body(case.named, {"model": name}, t, x, seed=seed)
    *_, seen = looks(sized(resolved(posted, inputs), replicates), inputs)
    value = seen.answer.combined.value
    return {
        "steps": steps,
        "train_seconds": trained,
        "surrogate": relative(uncorrected({"model": name}, inputs, t, x), truth),
        "total_seconds": trained + seen.seconds,
        "corrected": relative(value, truth),
        "replicates": replicates,
        **plain(ladder, replicates, seed),
    }


def plain(ladder: Ladder, replicates: int, seed: int) -> Cell:
    """As many replicates, each with more paths' worth of time, without a surrogate."""
    case = ladder.case
    t, x = case.draw(POINTS, 700 + seed)
    spec = resolved(body(case.named, {"zero": True}, t, x, seed=seed, method=PLAIN), NOTHING)
    *_, seen = looks(sized(spec, 4 * replicates), NOTHING)
    return {"plain_seconds": seen.seconds, "plain": relative(seen.answer.combined.value, case.exact(t, x))}


def slope(seconds: list[float], errors: list[float]) -> float:
    """d log error / d log seconds."""
    return float(np.polyfit(np.log(seconds), np.log(errors), 1)[0])


def row(ladder: Ladder) -> Cell:
    """The curves of a problem: geometric means over the seeds, and their slopes."""
    key = f"{ladder.case.key}-{ladder.each}"
    rungs = [
        [cell("budget", f"{key}-{n}-s{s}", lambda n=n, s=s: rung(ladder, n, s)) for s in ladder.seeds]
        for n in ladder.steps
    ]
    names = ("train_seconds", "surrogate", "total_seconds", "corrected", "plain_seconds", "plain")
    curves = {name: [float(np.exp(np.mean(np.log([r[name] for r in each])))) for each in rungs] for name in names}
    slopes = {
        "surrogate": slope(curves["train_seconds"], curves["surrogate"]),
        "corrected": slope(curves["total_seconds"], curves["corrected"]),
        "plain": slope(curves["plain_seconds"], curves["plain"]),
    }
    return {
        "case": ladder.case.label,
        "steps": list(ladder.steps),
        "seeds": len(ladder.seeds),
        **curves,
        "slopes": slopes,
    }


def main() -> None:
    """Run what is missing and print the curves."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", action="store_true", help="train the networks and nothing more")
    parser.add_argument("--quick", action="store_true", help="the first three rungs, nothing published")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    found: list[Cell] = []
    for ladder in LADDERS:
        for steps, seed in itertools.product(ladder.steps, ladder.seeds) if arguments.train else ():
            print(ladder.case.label, steps, seed, f"{network(ladder.case, steps, seed)[1]:.1f} CPU-s", flush=True)
    for ladder in () if arguments.train else LADDERS:
        found.append(row(replace(ladder, steps=ladder.steps[:3]) if arguments.quick else ladder))
        print(found[-1], flush=True)
    if not (arguments.quick or arguments.train):
        publish("budget", "python benchmarks/surrogate/budget.py", found, points=POINTS)


if __name__ == "__main__":
    main()
