"""How many steps to train for: as the spec says, or as trials suggest.

A trial trains for twice as many steps as the one before and runs the pilot with what came out: what training buys is
measured on the very replicates that the job will simulate. Where steps do not depend on how many there will be, one
trial goes on from the other and the job from the last, and training ends when simulating has become the better use of
time. Where they do (a schedule ends with them), trials start anew on randomness of their own, take a small part of the
budget, and a power law through them foretells the rest.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from burnish.wire import Budget, SpecBase
from burnish.wire.files import PREFIX
from burnish_workers.core.fitting import Fitting, as_bytes
from burnish_workers.core.inputs import Inputs
from burnish_workers.core.keys import trial_fit_key
from burnish_workers.core.kind import Kind
from burnish_workers.core.model_file import inspect_model
from burnish_workers.core.split import LOCAL, RECENT, Outlook, Tried
from burnish_workers.engine.fit_outlook import Foreseen, TrialFit
from burnish_workers.engine.meter import Meter
from burnish_workers.engine.resolve import Trial, run_pilot
from burnish_workers.engine.training import SLICE, Slices, finite, seconds_left, time_left

TRIALS_SHARE, TRIALS_SECONDS = 0.15, 6.0
"""Part of the budget's time that trials may take which are thrown away; seconds where it has no time."""

LEAST_TRIALS, MOST_TRIALS = 3, 12
"""Fewer show no slope that is more than noise; they may take twice their part of the budget."""

ENOUGH = 1.3
"""Training that goes on from its trials ends when no more than so many times as much is proposed."""

LONGEST, FAR = 600.0, 20.0
"""Seconds of training, and multiples of the longest trial, that are proposed at most where no budget bounds them."""


@dataclass(frozen=True)
class Decision:
    """`steps` in all, of which `done` are done and led to `carry`. `trials`: those that suggest it."""

    steps: int
    seconds: float | None = None
    done: int = 0
    carry: Mapping[str, Any] = field(default_factory=dict[str, Any])
    trials: Sequence[TrialFit] = ()
    outlook: Outlook | None = None

    def told(self) -> dict[str, Any]:
        """For logs."""
        rows = [(trial.steps, *(float(f"{v:.3g}") for v in vars(trial.tried).values())) for trial in self.trials]
        return {"steps": self.steps, "seconds": self.seconds, "trials": rows}


@dataclass
class Splitter:
    """Decides for one job that has trained nothing yet."""

    spec: SpecBase
    budget: Budget
    kind: Kind
    fitting: Fitting
    meter: Meter
    inputs: Inputs
    told: Callable[[int, dict[str, float | None]], Awaitable[None]] | None = None

    async def decide(self) -> Decision:
        """As the spec asks, or by trials."""
        wish, budget = self.fitting.wish(self.spec), self.budget
        assert wish is not None
        if wish.steps is not None:
            return Decision(wish.steps)
        seconds = wish.seconds if wish.share is None else wish.share * _time(budget)
        if seconds is None:
            return await self.propose()
        pace = await self._pace()
        most = max(seconds_left(budget, self.meter.spent), pace)
        return Decision(max(1, round(min(seconds, most) / pace)), min(seconds, most))

    async def foreseen(self) -> Foreseen:
        """What training as the spec asks, or as trials suggest, would give. Runs trials in either case."""
        proposed, wish = await self.propose(), self.fitting.wish(self.spec)
        assert wish is not None
        assert proposed.outlook is not None
        assert proposed.seconds is not None
        pace = _pace_of(proposed.trials[-1])
        seconds = wish.seconds if wish.share is None else wish.share * _time(self.budget)
        if wish.steps is not None:
            seconds = wish.steps * pace
        if seconds is None:
            return Foreseen(proposed.steps, proposed.seconds, proposed.trials, proposed.outlook)
        return Foreseen(wish.steps or max(1, round(seconds / pace)), seconds, proposed.trials, proposed.outlook)

    async def propose(self) -> Decision:
        """Split the budget between training and simulating, by trials."""
        await self._warm()
        if not self.fitting.continues(self.spec):
            trials = await self._apart()
            outlook = self._outlook(trials)
            seconds = self._wanted(outlook, trials[-1], 0.0)
            return Decision(max(1, round(seconds / _pace_of(trials[-1]))), seconds, trials=trials, outlook=outlook)
        trials, carry = await self._onwards()
        outlook, last = self._outlook(trials), trials[-1]
        seconds = max(self._wanted(outlook, last, last.seconds), last.seconds)
        steps = max(last.steps, round(seconds / _pace_of(last)))
        return Decision(steps, seconds, last.steps, carry, trials, outlook)

    async def _apart(self) -> list[TrialFit]:
        """Trials of doubling length from the beginning, for as long as they take their part of the budget."""
        budget, meter = self.budget, self.meter
        room = TRIALS_SHARE * _time(budget) if budget.has_time else TRIALS_SECONDS
        steps, began, trials = self.fitting.first(self.spec), meter.spent.seconds, list[TrialFit]()
        while len(trials) < MOST_TRIALS:
            trials.append((await self._trial(steps, {}, None))[0])
            steps *= 2
            used, last = meter.spent.seconds - began, trials[-1].seconds + trials[-1].pilot.seconds
            if used + 2 * last > room * (2 if len(trials) < LEAST_TRIALS else 1):
                break
        return trials

    async def _onwards(self) -> tuple[list[TrialFit], Mapping[str, Any]]:
        """Trials each of which goes on from the last, until no twice as long training is wanted."""
        steps, trials, carry = self.fitting.first(self.spec), list[TrialFit](), dict[str, Any]()
        while len(trials) < MOST_TRIALS:
            trial, carry = await self._trial(steps, carry, trials[-1] if trials else None)
            trials.append(trial)
            steps *= 2
            wanted = self._wanted(self._outlook(trials), trial, trial.seconds)
            if wanted < ENOUGH * trial.seconds and len(trials) >= LEAST_TRIALS:
                break
            if seconds_left(self.budget, self.meter.spent) < trial.seconds + 2 * trial.pilot.seconds:
                break
        return trials, carry

    async def _trial(
        self, steps: int, carry: Mapping[str, Any], before: TrialFit | None
    ) -> tuple[TrialFit, dict[str, Any]]:
        """Train up to `steps`, going on from `before` where there is one."""
        continues = self.fitting.continues(self.spec)
        slices = await self._slices(steps, None if continues else steps)
        start, sunk = (before.steps, before.seconds) if before else (0, 0.0)
        trained, seconds = await self._train(slices, carry, start, steps)
        data = as_bytes((await self.meter.run(slices.task(trained, steps, 0))).stats)
        id = PREFIX + hashlib.sha256(data).hexdigest()
        inputs = Inputs({**self.inputs.cards, id: inspect_model(data).card}, {**self.inputs.files, id: data})
        pilot = await run_pilot(self.fitting.naming(self.spec, id), self.kind, self.meter, inputs)
        return TrialFit(steps, sunk + seconds, pilot, _tried(sunk + seconds, pilot)), trained

    async def _train(
        self, slices: Slices, carry: Mapping[str, Any], start: int, stop: int
    ) -> tuple[dict[str, Any], float]:
        """The state after steps start .. stop - 1, slice by slice, and the worker-seconds they took."""
        count, used = self.fitting.first(self.spec), 0.0
        while start < stop:
            count = min(count, stop - start)
            result = await self.meter.run(slices.task(carry, start, count))
            start, carry, used = start + count, result.carry, used + result.seconds
            if self.told is not None:
                await self.told(start, finite(self.fitting.metrics(result.stats)))
            count = max(1, round(SLICE * count / max(result.seconds, 1e-6)))
        return dict(carry), used

    async def _slices(self, steps: int, trial: int | None) -> Slices:
        """Of a trial that is thrown away, or (None) of the training itself."""
        key = None if trial is None else trial_fit_key(self.spec.seed or 0, trial)
        return Slices(self.fitting.planned(self.spec, steps), self.inputs, await self.meter.numeric_class(), key)

    async def _warm(self) -> None:
        """A step that is thrown away: the first of a process loads and compiles."""
        await self.meter.run((await self._slices(1, 0)).task({}, 0, 1))

    async def _pace(self) -> float:
        """Seconds of a training step, from a few that are thrown away."""
        steps = self.fitting.first(self.spec)
        await self._warm()
        result = await self.meter.run((await self._slices(steps, 0)).task({}, 0, steps))
        return max(result.seconds / steps, 1e-6)

    def _outlook(self, trials: Sequence[TrialFit]) -> Outlook:
        """Simulating takes all workers and training one; seconds summed over workers buy as much of either."""
        budget = self.budget
        wall = budget.seconds is not None or not budget.has_time
        workers = float(max(self.meter.workers, 1)) if wall else 1.0
        recent = LOCAL if self.fitting.continues(self.spec) else RECENT
        return Outlook.of([trial.tried for trial in trials], workers, recent)

    def _wanted(self, outlook: Outlook, last: TrialFit, sunk: float) -> float:
        """Seconds of training: what makes the error least when the budget's time is over (of which `sunk` have gone
        into this training); where it has none, what reaches the tolerance soonest, or goes with the units to simulate.
        """
        budget, least = self.budget, _pace_of(last)
        most = max(min(LONGEST, FAR * last.seconds), 2 * least)
        if budget.has_time:
            return outlook.best(max(time_left(budget, self.meter.spent), least) + sunk, least)
        pilot, combined = last.pilot.pilot, last.pilot.answer.combined
        if budget.units is not None and not budget.has_tolerance:
            replicates = budget.units * 1_000 / max(pilot.units(1_000), 1)
            return min(max(outlook.beside(replicates * pilot.seconds / self.meter.workers), least), most)
        targets = np.maximum(budget.abs_tol or 0.0, (budget.rel_tol or 0.0) * np.abs(combined.value))
        finite = targets[targets > 0]
        return outlook.soonest(float(finite.min()) / 2 if len(finite) else 1e-6, least, most)


def _tried(seconds: float, trial: Trial) -> Tried:
    """In worker-seconds, root mean square over the outputs."""
    answer, pilot = trial.answer, trial.pilot
    deviation = _rms(answer.combined.standard_error) * math.sqrt(trial.draft.pilot * pilot.seconds)
    return Tried(seconds, deviation, _rms(answer.bias))


def _pace_of(trial: TrialFit) -> float:
    return max(trial.seconds / trial.steps, 1e-6)


def _time(budget: Budget) -> float:
    """Seconds that the budget's clock allows, of a worker or of a wall."""
    return min(v for v in (budget.seconds, budget.worker_seconds, budget.gpu_seconds) if v is not None)


def _rms(values: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    finite = values[np.isfinite(values)]
    return float(np.sqrt(np.mean(finite**2))) if len(finite) else 0.0
