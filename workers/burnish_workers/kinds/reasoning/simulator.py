"""Runs blocks: a lane is a group of chains that go on side by side, a block so many steps of each."""

from __future__ import annotations

import math
from dataclasses import dataclass

from burnish.wire.specs.reasoning import ReasoningSpec
from burnish_workers.core.decisions import EVENLY, Decision
from burnish_workers.core.estimator import Arrays, Simulator
from burnish_workers.core.inputs import Inputs
from burnish_workers.core.keys import Key
from burnish_workers.core.kind import SpecError, resolution_of
from burnish_workers.kinds.reasoning.carry import Chain, carried, chains_of
from burnish_workers.kinds.reasoning.driver import drive
from burnish_workers.kinds.reasoning.journal import Journal, written
from burnish_workers.kinds.reasoning.methods import METHODS, Method
from burnish_workers.kinds.reasoning.oracle import BadValue, Oracle
from burnish_workers.kinds.reasoning.plan import ANEW, Recipe
from burnish_workers.kinds.reasoning.problem import Task, task_of
from burnish_workers.kinds.reasoning.requests import Fresh, Setting, Work
from burnish_workers.kinds.reasoning.source import Random
from burnish_workers.kinds.reasoning.state import State


@dataclass(frozen=True)
class ReasoningSimulator:
    """All randomness of a block is its key's: what is drawn for one chain is drawn for no other."""

    task: Task
    recipe: Recipe
    method: Method
    betas: tuple[float, ...]
    log_floor: float
    chains: int

    @property
    def shares(self) -> bool:
        return self.task.shares

    def init(self, lane: Key) -> Arrays:
        """Nothing yet: finding a first answer takes tokens, which belong to a block."""
        number = lane.path[-1]
        return carried(number, [Chain(number * self.recipe.together + g) for g in range(self.recipe.together)])

    def advance(
        self, carry: Arrays, block: Key, start: int, replicates: int, decision: Decision = EVENLY
    ) -> tuple[Arrays, Arrays]:
        lane, chains = chains_of(carry)
        keys = [block] if len(chains) == 1 else [block.child(g) for g in range(len(chains))]
        runs = [self._run(chain, key) for chain, key in zip(chains, keys, strict=True)]
        try:
            drive(self.task.backend, [(run.journal.oracle, run.steps(replicates)) for run in runs])
        except BadValue as error:
            raise SpecError("/verifier", str(error)) from None
        return carried(lane, chains), written([run.journal for run in runs])

    def _run(self, chain: Chain, key: Key) -> _Run:
        recipe, fresh, source = self.recipe, Fresh(), Random(key.generator())
        oracle = Oracle(self.task.backend, self.task.verifier, self.log_floor)
        sizes = (recipe.pool, recipe.depth, self.betas[0], recipe.particles, recipe.moves)
        setting = Setting(source, *sizes, fresh, self.task.backend.answer, self.betas)
        journal = Journal(recipe, self.task.backend, oracle, fresh, self.chains, chain.index)
        return _Run(chain, self.method, setting, journal)


@dataclass(frozen=True)
class _Run:
    """One chain in one block."""

    chain: Chain
    method: Method
    setting: Setting
    journal: Journal

    def steps(self, count: int) -> Work[None]:
        root = State(self.journal.oracle.root(self.setting.source))
        for i in range(count):
            if i % ANEW == 0 and self.journal.recipe.pilot:
                self.chain.state, self.chain.ladder = None, ()
            yield from self._step(root)

    def _step(self, root: State) -> Work[None]:
        """A step of a chain that has an answer; an attempt at the first one for one that has none."""
        chain, setting, journal = self.chain, self.setting, self.journal
        if chain.state is None:
            journal.attempted()
            yield from self.method.begin(chain, root, setting)
            return
        before = chain.state
        yield from self.method.go_on(chain, setting, journal.recipe.shares)
        assert chain.state is not None  # a chain that has an answer keeps one
        chain.warm += 1
        journal.moved(before, chain.state, counted=chain.warm > journal.recipe.warmup)


def build(spec: ReasoningSpec, device: str, inputs: Inputs) -> Simulator:
    """The simulator of a resolved spec."""
    return ReasoningSimulator(
        task=task_of(spec, device),
        recipe=Recipe.of(resolution_of(spec)),
        method=METHODS[spec.method],
        betas=(spec.beta, *(spec.ladder or [])),
        log_floor=math.log(spec.verifier.floor),
        chains=spec.chains,
    )
