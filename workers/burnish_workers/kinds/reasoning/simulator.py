"""Runs blocks: a lane is a chain, a block so many of its steps."""

from __future__ import annotations

import math
from dataclasses import dataclass

from burnish.wire.specs.reasoning import ReasoningSpec
from burnish_workers.core.decisions import EVENLY, Decision
from burnish_workers.core.estimator import Arrays, Simulator
from burnish_workers.core.inputs import Inputs
from burnish_workers.core.keys import Key
from burnish_workers.core.kind import SpecError, resolution_of
from burnish_workers.kinds.reasoning.carry import Chain
from burnish_workers.kinds.reasoning.draws import independent_draws
from burnish_workers.kinds.reasoning.journal import Journal
from burnish_workers.kinds.reasoning.methods import METHODS, Method
from burnish_workers.kinds.reasoning.oracle import BadValue, Oracle
from burnish_workers.kinds.reasoning.plan import Recipe
from burnish_workers.kinds.reasoning.power import Untold
from burnish_workers.kinds.reasoning.problem import Task, task_of
from burnish_workers.kinds.reasoning.requests import Fresh, Setting
from burnish_workers.kinds.reasoning.source import Random
from burnish_workers.kinds.reasoning.state import State

ALPHA = 4.0
"""Exponent of the method `power` where the spec does not say, as published."""

ANEW = 8
"""Steps after which the chain of a pilot begins anew: it is to meet answers, not to mix."""


@dataclass(frozen=True)
class ReasoningSimulator:
    """All randomness of a block is its key's: what is drawn for one chain is drawn for no other."""

    task: Task
    recipe: Recipe
    method: Method
    betas: tuple[float, ...]
    log_floor: float
    chains: int
    power: float

    def init(self, lane: Key) -> Arrays:
        """Nothing yet: finding a first answer takes tokens, which belong to a block."""
        return Chain(lane.path[-1]).to_arrays()

    def advance(
        self, carry: Arrays, block: Key, start: int, replicates: int, decision: Decision = EVENLY
    ) -> tuple[Arrays, Arrays]:
        chain, source, recipe = Chain.from_arrays(carry), Random(block.generator()), self.recipe
        oracle, fresh = Oracle(self.task.backend, self.task.verifier, self.log_floor), Fresh()
        sizes = (recipe.pool, recipe.depth, self.betas[0], recipe.particles, recipe.moves)
        setting = Setting(source, *sizes, fresh, self.task.backend.answer, self.betas, self.power)
        journal = Journal(recipe, self.task.backend, oracle, fresh, self.chains, chain.lane)
        try:
            root = State(oracle.root(source))
            for i in range(replicates):
                if i % ANEW == 0 and self.recipe.pilot:
                    chain.state, chain.ladder = None, ()
                self._step(chain, root, oracle, setting, journal)
        except BadValue as error:
            raise SpecError("/verifier", str(error)) from None
        except Untold as error:
            raise SpecError("/method", str(error)) from None
        return chain.to_arrays(), journal.to_arrays()

    def _step(self, chain: Chain, root: State, oracle: Oracle, setting: Setting, journal: Journal) -> None:
        """A step of a chain that has an answer; an attempt at the first one for one that has none."""
        if chain.state is None:
            journal.attempted()
            oracle.run(self.method.begin(chain, root, setting))
            return
        before = chain.state
        setting.fresh.rollouts.clear()
        oracle.run(self.method.go_on(chain, setting, self.recipe.shares))
        chain.warm += 1
        steps = chain.warm - self.recipe.warmup
        journal.moved(before, chain.state, counted=steps > 0)
        for path in independent_draws(chain.state, steps, setting, self.task.ceiling):
            journal.drew(path)


def build(spec: ReasoningSpec, device: str, inputs: Inputs) -> Simulator:
    """The simulator of a resolved spec; these backends need no device."""
    return ReasoningSimulator(
        task=task_of(spec),
        recipe=Recipe.of(resolution_of(spec)),
        method=METHODS[spec.method],
        betas=(spec.beta, *(spec.ladder or [])),
        log_floor=math.log(spec.verifier.floor),
        chains=spec.chains,
        power=spec.power or ALPHA,
    )
