"""What a job would cost and reach, from its pilot alone."""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from burnish.wire import Goal, Plan, PlannedLook, Range, SpecBase, Spent
from burnish_workers.core.fitting import Fitting
from burnish_workers.core.inputs import Inputs
from burnish_workers.core.kind import Kind, resolution_of
from burnish_workers.core.purse import Purse
from burnish_workers.core.report import schedule_of
from burnish_workers.core.schedule import Look
from burnish_workers.engine.clock import SystemClock
from burnish_workers.engine.deadlines import timed
from burnish_workers.engine.fit_outlook import scaled
from burnish_workers.engine.fleet import Fleet
from burnish_workers.engine.meter import Meter
from burnish_workers.engine.resolve import Trial, resolved_by, run_pilot
from burnish_workers.engine.splitting import Splitter
from burnish_workers.engine.training import fitting_of, left_of

SPREAD = 0.3
"""Relative range of a pilot's seconds: it times one block on a worker whose caches may be cold."""

UNLUCKY = 0.1
"""Chance that a pilot's variance is smaller than what the upper end of a forecast allows for."""


async def make_plan(spec: SpecBase, kind: Kind, fleet: Fleet, inputs: Inputs) -> Plan:
    """Run the pilot and say what the job would cost and reach. A spec that is resolved keeps its resolution."""
    posted, spec = spec, spec.model_copy(update={"budget": timed(spec.budget, SystemClock().now())})
    fitting = fitting_of(kind, spec)
    if fitting is not None:
        plan = await _with_fit(spec, kind, fitting, fleet, inputs)
    else:
        trial = await run_pilot(spec.model_copy(update={"resolution": None}), kind, fleet, inputs)
        resolved = spec if spec.resolution is not None else resolved_by(trial, spec, fleet.workers)
        plan = _Foreseen(resolved, trial, max(fleet.workers, 1)).plan()
    return plan.model_copy(update={"resolved": plan.resolved.model_copy(update={"budget": posted.budget})})


async def _with_fit(spec: SpecBase, kind: Kind, fitting: Fitting, fleet: Fleet, inputs: Inputs) -> Plan:
    """The same for a spec whose model is still to be trained: what trial fits foretell of it.

    `resolved` is the spec with its number of training steps; the rest is resolved when there is a model.
    """
    meter = Meter(fleet, SystemClock(), Spent())
    # What a plan uses up is not the job's: it begins with its whole budget.
    found = await Splitter(spec, spec.budget, kind, fitting, meter, inputs).foreseen()
    trial = scaled(found.trials[-1].pilot, found.ratio, found.bias_ratio)
    left = left_of(spec.budget, Spent(seconds=found.seconds, worker_seconds=found.seconds))
    simulated = spec.model_copy(update={"budget": left})
    plan = _Foreseen(resolved_by(trial, simulated, fleet.workers), trial, max(fleet.workers, 1)).plan()
    looks = [look.model_copy(update={"seconds": look.seconds + found.seconds}) for look in plan.looks]
    later = {name: getattr(plan.seconds, name) + found.seconds for name in ("estimate", "lower", "upper")}
    return plan.model_copy(
        update={
            "resolved": fitting.planned(spec, found.steps),
            "worker_seconds": plan.worker_seconds + found.seconds,
            "seconds": Range(**later),
            "looks": looks,
            "fit": found.plan(spec.budget),
            "pilot_seconds": meter.spent.worker_seconds,
        }
    )


class _Foreseen:
    """The plan of looks of a resolved spec, with the costs and the spread that a trial showed."""

    def __init__(self, resolved: SpecBase, trial: Trial, workers: int):
        self._spec, self._trial, self._workers = resolved, trial, workers
        self._schedule = schedule_of(resolved)
        self._width = _Width(trial)

    def plan(self) -> Plan:
        trial, schedule = self._trial, self._schedule
        blocks = resolution_of(self._spec).blocks_planned
        replicates = schedule.replicates(blocks)
        planned = schedule.looks_until(blocks)
        looks = [self._look(look) for look in planned if schedule.keeps(look.blocks) or look.blocks == blocks]
        return Plan(
            resolved=self._spec.model_dump(mode="json"),  # pyright: ignore[reportArgumentType] - parsed by the union
            outputs=trial.draft.outputs,
            replicates=replicates,
            units=trial.pilot.units(replicates),
            worker_seconds=replicates * trial.pilot.seconds,
            seconds=self._seconds(replicates),
            workers=self._workers,
            half_width=looks[-1].half_width if looks else None,
            looks=looks,
            goal=self._goal(looks),
            estimate=[float(v) if math.isfinite(v) else None for v in trial.answer.combined.value],
            pilot_seconds=trial.seconds,
        )

    def _seconds(self, replicates: float) -> Range:
        estimate = replicates * self._trial.pilot.seconds / self._workers
        return Range(estimate=estimate, lower=estimate * (1 - SPREAD), upper=estimate * (1 + SPREAD))

    def _to_goal(self, replicates: float) -> Range:
        """The same for what a tolerance takes: the variance rests on few replicates, and may be larger.

        (R - 1) s^2/sigma^2 is chi-squared with R - 1 degrees of freedom for normal replicates.
        """
        found, few = self._seconds(replicates), max(self._trial.pilot.replicates - 1, 1)
        return found.model_copy(update={"upper": found.upper * max(1.0, few / float(special.chdtri(few, 1 - UNLUCKY)))})

    def _look(self, look: Look) -> PlannedLook:
        return PlannedLook(
            blocks=look.blocks,
            replicates=look.replicates,
            units=self._trial.pilot.units(look.replicates),
            seconds=self._seconds(look.replicates).estimate,
            half_width=self._width.at(look),
        )

    def _goal(self, looks: list[PlannedLook]) -> Goal | None:
        """The first planned look that would meet the tolerance, or the replicates that would."""
        combined = self._trial.answer.combined
        target = Purse(self._spec.budget, None).tolerance(combined.value)
        if target is None:
            return None
        worst = int(
            np.argmax(np.nan_to_num(combined.standard_error / np.where(target > 0, target, np.nan), nan=np.inf))
        )
        tolerance = float(target[worst])
        enough = next((look for look in looks if look.half_width is not None and look.half_width <= tolerance), None)
        if enough is not None:
            return Goal(tolerance=tolerance, units=enough.units, seconds=self._to_goal(enough.replicates), met=True)
        needed = self._trial.pilot.needed
        if needed is None or self._width.floor > tolerance:
            return Goal(tolerance=tolerance, units=None, seconds=None, met=False)
        units = self._trial.pilot.units(math.ceil(needed))
        return Goal(tolerance=tolerance, units=units, seconds=self._to_goal(needed), met=False)


class _Width:
    """Half-widths to expect of the worst output: z s/sqrt(n) and the bias that no sampling removes."""

    def __init__(self, trial: Trial):
        combined = trial.answer.combined
        deviation = combined.standard_error * math.sqrt(trial.draft.pilot)
        finite = np.isfinite(deviation)
        worst = int(np.argmax(np.where(finite, deviation, -np.inf))) if finite.any() else None
        self._deviation = None if worst is None else float(deviation[worst])
        self.floor = 0.0 if worst is None else float(np.nan_to_num(trial.answer.bias[worst]))

    def at(self, look: Look) -> float | None:
        if self._deviation is None:
            return None
        return look.critical * self._deviation / math.sqrt(look.replicates) + self.floor
