"""What trial fits foretell of a model that does not exist yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from burnish.wire import Budget
from burnish.wire.plan import FitPlan, FitTrial
from burnish_workers.core.split import Outlook, PowerLaw, Tried
from burnish_workers.engine.resolve import Trial


@dataclass(frozen=True)
class TrialFit:
    """`seconds`: of training for `steps`; `pilot`: what simulating with the model showed; `tried`: that in brief."""

    steps: int
    seconds: float
    pilot: Trial
    tried: Tried


@dataclass(frozen=True)
class Foreseen:
    """Training for `steps` in `seconds`, by what `trials` showed."""

    steps: int
    seconds: float
    trials: Sequence[TrialFit]
    outlook: Outlook

    @property
    def ratio(self) -> float:
        """The deviation to expect over that of the last trial."""
        return self._ratio(self.outlook.deviation)

    @property
    def bias_ratio(self) -> float:
        return self._ratio(self.outlook.bias)

    def _ratio(self, law: PowerLaw) -> float:
        return (self.seconds / self.trials[-1].seconds) ** -law.exponent

    def plan(self, budget: Budget) -> FitPlan:
        """As it is told."""
        limits = [v for v in (budget.seconds, budget.worker_seconds, budget.gpu_seconds) if v is not None]
        return FitPlan(
            steps=self.steps,
            seconds=self.seconds,
            share=self.seconds / min(limits) if limits else None,
            exponent=self.outlook.deviation.exponent,
            trials=[
                FitTrial(steps=t.steps, seconds=t.seconds, deviation=t.tried.deviation, bias=t.tried.bias)
                for t in self.trials
            ],
        )


def scaled(trial: Trial, ratio: float, bias_ratio: float) -> Trial:
    """The trial as if its deviation had been `ratio` times what it was, and its bias `bias_ratio` times."""
    answer, pilot = trial.answer, trial.pilot
    combined = replace(answer.combined, standard_error=answer.combined.standard_error * ratio)
    needed = None if pilot.needed is None else pilot.needed * ratio**2
    found = replace(answer, combined=combined, bias=answer.bias * bias_ratio)
    return replace(trial, answer=found, pilot=replace(pilot, needed=needed))
