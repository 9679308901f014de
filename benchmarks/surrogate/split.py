"""How good is the proposed split of a budget between training and simulating?

    OMP_NUM_THREADS=1 python benchmarks/surrogate/split.py

The service's own splitter runs on a fleet whose seconds are nominal: a residual evaluation costs EVALUATION, a training
step so many of them as OVER says (measured once for each optimiser), so that the same split comes out everywhere. For
each of a grid of shares of the budget a model is trained and simulated with, and the error at the end of the budget,
root mean square over the points of sqrt(standard error^2 + admitted bias^2), stands beside that of the proposal: once
with what its trials cost counted in, and once without (a grid searched in hindsight pays for no search).

| nominal budget, equation, optimiser | proposed share, error | best of the grid | ratio | with its trials |
|---|---|---|---|---|
| 20 s, viscous-burgers d = 20, levenberg-marquardt | 0.31, 2.76e-7 | 0.15, 2.51e-7 | 1.10 | 1.13 |
| 20 s, hjb-log d = 10, levenberg-marquardt | 0.31, 7.01e-3 | 0.15, 6.46e-3 | 1.08 | 1.09 |
| 20 s, hjb-log d = 10, adam | 0.73, 5.10e-3 | 0.85, 5.08e-3 | 1.00 | 1.16 |
| 10 s, hjb-log d = 6, levenberg-marquardt | 0.61, 8.35e-3 | 0.20, 7.69e-3 | 1.09 | 1.17 |
| 10 s, allen-cahn d = 4, adam | 0.47, 7.36e-5 | 0.40, 5.76e-5 | 1.28 | 1.45 |
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from burnish.wire import Budget, SpecBase, Spent
from burnish.wire.files import PREFIX
from burnish_workers.core.fitting import as_bytes
from burnish_workers.core.inputs import NOTHING, Inputs
from burnish_workers.core.kind import Kind, statistics_of
from burnish_workers.core.model_file import inspect_model
from burnish_workers.core.registry import registry
from burnish_workers.engine.fleet import Bench, BlockResult, BlockTask, run_block
from burnish_workers.engine.meter import Meter
from burnish_workers.engine.probing import Verdict, probe
from burnish_workers.engine.resolve import provisional, run_pilot
from burnish_workers.engine.splitting import Decision, Splitter
from burnish_workers.engine.training import Slices
from burnish_workers.kinds.surrogate.fits import fit_of
from burnish_workers.kinds.surrogate.problem import problem_of

EVALUATION = 1e-5
"""Nominal seconds of a residual."""

OVER = {"adam": 8.0, "steepest": 8.0, "levenberg-marquardt": 30.0}
"""Residuals that a training step costs for each point of its batch."""

SHARES = (0.05, 0.15, 0.3, 0.5, 0.7, 0.85)
REPLICATES = 256
"""Replicates at each point from which the deviation at a share is taken."""

CASES: dict[str, tuple[str, int, str]] = {
    "hjb-log d=10, adam": ("hjb-log", 10, "adam"),
    "viscous-burgers d=20, adam": ("viscous-burgers", 20, "adam"),
    "diffusion-reaction d=20, steepest": ("diffusion-reaction", 20, "steepest"),
    "hjb-log d=10, levenberg-marquardt": ("hjb-log", 10, "levenberg-marquardt"),
    "viscous-burgers d=20, levenberg-marquardt": ("viscous-burgers", 20, "levenberg-marquardt"),
}


@dataclass
class NominalFleet:
    """Blocks in this process, whose seconds are counted and not measured. It is its own clock."""

    size: int = 1
    passed: float = 0.0
    _bench: Bench = field(default_factory=lambda: Bench("cpu"))

    @property
    def slots(self) -> int:
        return 2 * self.size

    @property
    def workers(self) -> int:
        return self.size

    def monotonic(self) -> float:
        return self.passed

    def now(self) -> str:
        return "2026-01-01T00:00:00.000Z"

    async def sleep(self, seconds: float) -> None:
        self.passed += seconds

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def numeric_class(self) -> str:
        return "any"

    async def probe(self, data: bytes) -> Verdict:
        return probe(data)

    async def run(self, task: BlockTask) -> BlockResult:
        carry, stats, _ = run_block(self._bench, task)
        seconds = nominal(registry().get(task.code.kind), task)
        self.passed += seconds
        return BlockResult(carry, stats, seconds, "any")


def nominal(kind: Kind, task: BlockTask) -> float:
    """Seconds of a slice of training or of a block of replicates, by their residual evaluations."""
    spec = kind.spec.model_validate(task.code.resolved)
    fit = fit_of(spec)  # pyright: ignore[reportArgumentType]
    if fit is not None:
        settled = fit.settled(problem_of(spec).dim)  # pyright: ignore[reportArgumentType]
        return task.replicates * OVER[settled.optimiser or "adam"] * settled.batch * EVALUATION
    statistics = statistics_of(kind, spec, task.code.inputs)
    outputs = kind.draft(spec, "any", task.code.inputs).outputs
    return statistics.cost(task.replicates) * outputs * EVALUATION


@dataclass(frozen=True)
class Judged:
    """The error at the end of the budget for a number of steps, trained and simulated."""

    steps: int
    share: float
    error: float


@dataclass(frozen=True)
class Case:
    """One equation, one optimiser, one budget."""

    spec: SpecBase
    kind: Kind
    budget: float

    @staticmethod
    def of(problem: str, dim: int, optimiser: str, budget: float, seed: int = 1, points: int = 8) -> Case:
        kind = registry().get("surrogate")
        places = np.random.default_rng(7).uniform(-0.5, 0.5, (points, dim)).round(3)
        posted = {
            "kind": "surrogate",
            "problem": {"name": problem, "dim": dim},
            "surrogate": {"fit": {"optimiser": optimiser}},
            "points": [{"x": row.tolist()} for row in places],
            "budget": {"seconds": budget},
            "seed": seed,
        }
        return Case(kind.spec.model_validate(posted), kind, budget)

    @property
    def pace(self) -> float:
        """Nominal seconds of a training step."""
        assert self.kind.fitting is not None
        slices = Slices(self.kind.fitting.planned(self.spec, 1), NOTHING, "any")
        return nominal(self.kind, slices.task({}, 0, 1))

    async def proposal(self) -> tuple[Decision, float]:
        """What the splitter decides, and the seconds that its trials took."""
        assert self.kind.fitting is not None
        fleet = NominalFleet()
        meter = Meter(fleet, fleet, Spent())
        splitter = Splitter(self.spec, Budget(seconds=self.budget), self.kind, self.kind.fitting, meter, NOTHING)
        return await splitter.decide(), meter.spent.seconds

    async def judged(self, steps: int, simulating: float) -> Judged:
        """Train for `steps` and see what `simulating` seconds give."""
        assert self.kind.fitting is not None
        fleet, fitting = NominalFleet(), self.kind.fitting
        slices = Slices(fitting.planned(self.spec, steps), NOTHING, "any")
        trained = await fleet.run(slices.task({}, 0, steps))
        data = as_bytes((await fleet.run(slices.task(trained.carry, steps, 0))).stats)
        id = PREFIX + hashlib.sha256(data).hexdigest()
        inputs, named = Inputs({id: inspect_model(data).card}, {id: data}), fitting.naming(self.spec, id)
        pilot = await run_pilot(named, self.kind, fleet, inputs)
        resolution = provisional(pilot.draft, "any").model_copy(update={"first_block": REPLICATES, "block": REPLICATES})
        resolved = named.model_copy(update={"resolution": resolution})
        simulator, statistics = self.kind.load()(resolved, "cpu", inputs), statistics_of(self.kind, resolved, inputs)
        _, stats = simulator.advance({}, slices.task({}, 0, 0).key.child(9), 0, REPLICATES)
        answer = statistics.answer(statistics.fold(statistics.empty(), stats))
        each = statistics.cost(REPLICATES) / REPLICATES * len(answer.bias) * EVALUATION
        variance = answer.combined.standard_error**2 * REPLICATES * each / simulating
        error = math.sqrt(float(np.mean(variance + answer.bias**2)))
        return Judged(steps, steps * self.pace / self.budget, error)


async def judge(case: Case, shares: tuple[float, ...] = SHARES) -> dict[str, Any]:
    """The proposal beside a grid."""
    decision, tried = await case.proposal()
    training = decision.steps * case.pace
    sunk = tried + (decision.steps - decision.done) * case.pace
    grid = [
        await case.judged(max(1, round(share * case.budget / case.pace)), (1 - share) * case.budget) for share in shares
    ]
    best = min(grid, key=lambda judged: judged.error)
    alone = await case.judged(decision.steps, max(case.budget - training, 0.01 * case.budget))
    with_trials = await case.judged(decision.steps, max(case.budget - sunk, 0.01 * case.budget))
    return {
        "budget": case.budget,
        "proposed": {"steps": decision.steps, "share": training / case.budget, "error": alone.error},
        "trials_cost": (sunk - training) / case.budget,
        "best": vars(best),
        "ratio": alone.error / best.error,
        "ratio_with_trials": with_trials.error / best.error,
        "grid": [vars(judged) for judged in grid],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budget", type=float, default=20.0, help="nominal seconds")
    parser.add_argument("--case", choices=sorted(CASES))
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    for name, (problem, dim, optimiser) in CASES.items():
        if given.case not in (None, name):
            continue
        found = asyncio.run(judge(Case.of(problem, dim, optimiser, given.budget)))
        if given.json:
            print(json.dumps({"case": name, **found}))
            continue
        proposed, best = found["proposed"], found["best"]
        print(
            f"{name}: proposed share {proposed['share']:.2f}, error {proposed['error']:.3e}; best of the grid "
            f"{best['share']:.2f}, {best['error']:.3e}; ratio {found['ratio']:.2f}, "
            f"with trials ({100 * found['trials_cost']:.0f} % of the budget) {found['ratio_with_trials']:.2f}"
        )
        print("   " + "  ".join(f"{g['share']:.2f}: {g['error']:.2e}" for g in found["grid"]), flush=True)


if __name__ == "__main__":
    main()
