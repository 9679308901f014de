"""How many steps to train for: as the spec says, or as short trial fits suggest.

Each trial trains for twice as many steps as the one before, on randomness of its own, and runs the pilot with what came
out: what training buys is measured on the very replicates that the job will simulate.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from burnish.wire import Budget, SpecBase
from burnish.wire.files import PREFIX
from burnish_workers.core.fitting import as_bytes
from burnish_workers.core.inputs import Inputs
from burnish_workers.core.keys import trial_fit_key
from burnish_workers.core.kind import Kind
from burnish_workers.core.model_file import inspect_model
from burnish_workers.core.split import Outlook, Tried
from burnish_workers.engine.meter import Meter
from burnish_workers.engine.resolve import Trial, run_pilot
from burnish_workers.engine.training import Slices, seconds_left

TRIALS_SHARE, TRIALS_SECONDS = 0.15, 6.0
"""Part of the budget's time that trial fits may take; seconds where it has no time."""

LEAST_TRIALS, MOST_TRIALS = 3, 8
"""The first shows no slope, the second one that may be noise."""

LONGEST = 600.0
"""Seconds of training that are proposed where no budget bounds them."""


@dataclass(frozen=True)
class TrialFit:
    """`seconds`: of training for `steps`; `pilot`: what simulating with the model showed."""

    steps: int
    seconds: float
    pilot: Trial

    @property
    def tried(self) -> Tried:
        """In worker-seconds, root mean square over the outputs."""
        answer, pilot = self.pilot.answer, self.pilot.pilot
        deviation = _rms(answer.combined.standard_error) * math.sqrt(self.pilot.draft.pilot * pilot.seconds)
        return Tried(self.seconds, deviation, _rms(answer.bias))


@dataclass(frozen=True)
class Split:
    """A number of steps, the seconds that they take, and the trials that suggest it."""

    steps: int
    seconds: float
    trials: Sequence[TrialFit]
    outlook: Outlook


async def decide_steps(spec: SpecBase, budget: Budget, kind: Kind, meter: Meter, inputs: Inputs) -> int:
    """The number of training steps of a job that has spent nothing yet."""
    assert kind.fitting is not None
    wish = kind.fitting.wish(spec)
    assert wish is not None
    if wish.steps is not None:
        return wish.steps
    seconds = wish.seconds
    if wish.share is not None:
        seconds = wish.share * _time(budget)
    if seconds is not None:
        pace = await _pace(spec, kind, meter, inputs)
        return max(1, round(min(seconds, max(seconds_left(budget, meter.spent), pace)) / pace))
    return (await proposed(spec, budget, kind, meter, inputs)).steps


async def proposed(spec: SpecBase, budget: Budget, kind: Kind, meter: Meter, inputs: Inputs) -> Split:
    """Run trial fits and split what is left of the budget between training and simulating."""
    trials = await run_trials(spec, budget, kind, meter, inputs)
    outlook = Outlook.of([trial.tried for trial in trials], _workers(budget, meter.workers))
    last = trials[-1]
    pace = last.seconds / last.steps
    seconds = _seconds(budget, meter, outlook, last)
    return Split(max(1, round(seconds / pace)), seconds, trials, outlook)


async def run_trials(spec: SpecBase, budget: Budget, kind: Kind, meter: Meter, inputs: Inputs) -> list[TrialFit]:
    """Trial fits of doubling length, for as long as they take no more than their part of the budget."""
    assert kind.fitting is not None
    room = TRIALS_SHARE * _time(budget) if budget.has_time else TRIALS_SECONDS
    steps, began, trials = kind.fitting.first(spec), meter.spent.seconds, list[TrialFit]()
    while len(trials) < MOST_TRIALS:
        trials.append(await _trial(spec, kind, meter, inputs, steps, len(trials)))
        steps *= 2
        used, last = meter.spent.seconds - began, trials[-1].seconds + trials[-1].pilot.seconds
        if used + 2 * last > room * (2 if len(trials) < LEAST_TRIALS else 1):
            break
    return trials


async def _trial(spec: SpecBase, kind: Kind, meter: Meter, inputs: Inputs, steps: int, index: int) -> TrialFit:
    assert kind.fitting is not None
    key = trial_fit_key(spec.seed or 0, index)
    slices = Slices(kind.fitting.planned(spec, steps), inputs, await meter.numeric_class(), key)
    trained = await meter.run(slices.task({}, 0, steps))
    data = as_bytes((await meter.run(slices.task(trained.carry, steps, 0))).stats)
    id = PREFIX + hashlib.sha256(data).hexdigest()
    cards, files = {**inputs.cards, id: inspect_model(data).card}, {**inputs.files, id: data}
    pilot = await run_pilot(kind.fitting.naming(spec, id), kind, meter, Inputs(cards, files))
    return TrialFit(steps, trained.seconds, pilot)


async def _pace(spec: SpecBase, kind: Kind, meter: Meter, inputs: Inputs) -> float:
    """Seconds of a training step, from a few on randomness of their own; the first one loads and compiles."""
    assert kind.fitting is not None
    steps = kind.fitting.first(spec)
    key = trial_fit_key(spec.seed or 0, 0)
    slices = Slices(kind.fitting.planned(spec, steps), inputs, await meter.numeric_class(), key)
    first = await meter.run(slices.task({}, 0, 1))
    rest = await meter.run(slices.task(first.carry, 1, steps - 1))
    return max(rest.seconds / (steps - 1), 1e-6)


def _seconds(budget: Budget, meter: Meter, outlook: Outlook, last: TrialFit) -> float:
    """Of training: what makes the error least at the end of the budget's time; where it has none, what reaches the
    tolerance soonest, or goes with the units that will be simulated."""
    least = last.seconds / last.steps
    if budget.has_time:
        return outlook.best(seconds_left(budget, meter.spent), least)
    pilot, combined = last.pilot.pilot, last.pilot.answer.combined
    if budget.units is not None and not budget.has_tolerance:
        replicates = budget.units * 1_000 / max(pilot.units(1_000), 1)
        return min(max(outlook.beside(replicates * pilot.seconds / meter.workers), least), LONGEST)
    targets = np.maximum(budget.abs_tol or 0.0, (budget.rel_tol or 0.0) * np.abs(combined.value))
    finite = targets[targets > 0]
    return outlook.soonest(float(finite.min()) / 2 if len(finite) else 1e-6, least, LONGEST)


def _time(budget: Budget) -> float:
    """Seconds that the budget's clock allows, of a worker or of a wall."""
    return min(v for v in (budget.seconds, budget.worker_seconds, budget.gpu_seconds) if v is not None)


def _workers(budget: Budget, workers: int) -> float:
    """Simulating takes all workers and training one: what counts is how many there are for a second of the budget."""
    return float(max(workers, 1)) if budget.seconds is not None or not budget.has_time else 1.0


def _rms(values: np.ndarray) -> float:
    finite = values[np.isfinite(values)]
    return float(np.sqrt(np.mean(finite**2))) if len(finite) else 0.0
