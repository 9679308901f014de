"""For authors of kinds: the laws as functions, and a kind whose blocks take longer where their values are larger.

`Correlated` is the hardest case for an ordered fold: a block's duration is proportional to what it returns, so that
whatever selects on duration (a deadline, a dead worker, arrival order) selects on value.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np
from pydantic import Field

from burnish.wire import Observation, SpecBase
from burnish_workers.core.components import combine
from burnish_workers.core.decisions import EVENLY, Ahead, Decision, Decisions
from burnish_workers.core.estimator import Answer, Arrays, Plan, Simulator, State, flatten, unflatten
from burnish_workers.core.inputs import NOTHING, Inputs
from burnish_workers.core.keys import Key
from burnish_workers.core.kind import Draft, Kind, resolution_of, statistics_of
from burnish_workers.core.moments import Moments, merge
from burnish_workers.core.registry import registry
from burnish_workers.core.report import report, schedule_of
from burnish_workers.core.schedule import Replicates
from burnish_workers.engine.fleet import Bench, BlockResult, BlockTask, WorkerDied, begun, failure_of, run_block
from burnish_workers.engine.inflow import Inflow
from burnish_workers.engine.lanes import Carries, Layout
from burnish_workers.engine.probing import Verdict, probe

MEAN = "mean"


class CorrelatedSpec(SpecBase):
    """Estimate the mean of exponential variables (it is 1); a block sleeps `nap` seconds times its own mean."""

    kind: Literal["correlated"]  # pyright: ignore[reportIncompatibleVariableOverride] - specs are frozen
    replicates: int = Field(default=16, ge=1, le=10_000, description="Replicates in a block.")
    nap: float = Field(default=0.0, ge=0, le=60)
    fail_at: int | None = Field(default=None, description="The replicate at which the simulation raises.")
    leaves: bool = Field(default=False, description="Whether it leaves a text and a picture at every look.")


@dataclass(frozen=True)
class CorrelatedStatistics:
    """One mean."""

    tail: int
    leading: str = MEAN
    independent: bool = True

    def empty(self) -> State:
        return {MEAN: Moments.empty(1, self.tail)}

    def fold(self, state: State, stats: Arrays) -> State:
        return {MEAN: merge(state[MEAN], unflatten(stats)[MEAN])}

    def answer(self, state: State) -> Answer:
        combined = combine(state, leading=MEAN)
        return Answer(combined, np.zeros(1), bias_known=True, parts=state, floor=0.0)

    def units(self, replicates: int) -> int:
        return replicates

    def cost(self, replicates: int) -> float:
        return float(replicates)

    def tuned(self, state: State) -> Plan:
        return {}

    def decide(self, state: State, ahead: Ahead) -> Decision:
        return EVENLY


@dataclass(frozen=True)
class CorrelatedSimulator:
    spec: CorrelatedSpec
    tail: int

    def init(self, lane: Key) -> Arrays:
        return {}

    def advance(
        self, carry: Arrays, block: Key, start: int, replicates: int, decision: Decision = EVENLY
    ) -> tuple[Arrays, Arrays]:
        if self.spec.fail_at is not None and start <= self.spec.fail_at < start + replicates:
            raise ArithmeticError(f"replicate {self.spec.fail_at} was told to fail")
        values = block.generator().exponential(size=(replicates, 1))
        time.sleep(self.spec.nap * float(values.mean()))
        return carry, flatten({MEAN: Moments.of(values, self.tail)})


def _draft(spec: CorrelatedSpec, numeric_class: str, inputs: Inputs) -> Draft:
    return Draft("mean", 1, 1, spec, 1, 8, 1, {})


def _build(spec: CorrelatedSpec, device: str, inputs: Inputs) -> Simulator:
    return CorrelatedSimulator(spec, resolution_of(spec).tail)


def _left(spec: CorrelatedSpec, statistics: CorrelatedStatistics, state: State) -> dict[str, bytes]:
    mean = json.dumps({"mean": float(state[MEAN].mean[0])}).encode()
    return {"mean.json": mean, "mean.png": b"\x89PNG" + mean} if spec.leaves else {}


KIND = Kind(
    name="correlated",
    summary="A test: blocks take longer where their values are larger.",
    spec=CorrelatedSpec,
    check=lambda spec, inputs: None,
    draft=_draft,
    statistics=lambda spec, inputs: CorrelatedStatistics(resolution_of(spec).tail),
    load=lambda: _build,
    examples=lambda: [{"kind": "correlated", "budget": {"units": 256}, "seed": 1}],
    artifacts=_left,
)
"""Registered by BURNISH_EXTRA_KINDS=burnish_workers.testing."""


def resolved_correlated(
    blocks: int, *, replicates: int = 16, nap: float = 0.0, seed: int = 11, numeric_class: str = "any", **more: Any
) -> dict[str, Any]:
    """A spec of `blocks` equal blocks that is resolved already, so that every run of it is the same job."""
    return {
        "kind": "correlated",
        "budget": {"units": blocks * replicates},
        "seed": seed,
        "replicates": replicates,
        "nap": nap,
        "resolution": {
            "version": 1,
            "estimator": "mean",
            "numeric_class": numeric_class,
            "first_block": replicates,
            "block": replicates,
            "blocks_planned": blocks,
            "first_look": 2,
            "micro_batch": 1,
            "tail": 64,
            "extensible": True,
        },
        **more,
    }


def lawful_digests(
    spec: dict[str, Any], blocks: int, device: str = "cpu", inputs: Inputs = NOTHING, posted: Sequence[Observation] = ()
) -> dict[int, str]:
    """What the law says: the digest of the answer after K = 1 .. `blocks` blocks, by a bare loop over a resolved spec.

    `posted`: observations beside those of the spec, for jobs that assimilate them.

    No engine, no fleet, no store: keys, `advance`, `fold` and `report` in index order. Whatever conducted a job must
    have published these.
    """
    return {k: digest() for k, digest in lawful_answers(spec, blocks, device, inputs, posted)}


def lawful_answers(
    spec: dict[str, Any], blocks: int, device: str = "cpu", inputs: Inputs = NOTHING, posted: Sequence[Observation] = ()
) -> Iterator[tuple[int, Callable[[], str]]]:
    """The same bare loop: K, and what gives the digest after K blocks, for those who need few of the digests."""
    kind = registry().get(spec["kind"])
    resolved = kind.spec.model_validate(spec)
    simulator, statistics = kind.load()(resolved, device, inputs), statistics_of(kind, resolved, inputs)
    schedule, resolution, state = schedule_of(resolved), resolution_of(resolved), statistics.empty()
    layout = Layout(resolved.seed or 0, Replicates(resolution.first_block, resolution.block), resolution.lanes)
    carries, decisions = Carries(layout), Decisions(schedule, layout.count, resolution.decides_from)
    decision = decisions.of
    if (feed := kind.feed(resolved, inputs)) is not None and resolution.each is not None:
        inflow = Inflow(replace(feed, given=(*feed.given, *posted)), resolution.each)
        decision = inflow.of

    def digest(state: State, count: int) -> str:
        return report(resolved, schedule, statistics, statistics.answer(state), count).digest

    for k in range(blocks):
        place = layout.place(k)
        carry = begun(simulator, carries.into(k), place.lane)
        carry, stats = simulator.advance(carry, place.key, place.start, place.replicates, decision(k))
        carries.land(k, carry)
        state = statistics.fold(state, stats)
        decisions.folded(k + 1, partial(statistics.decide, state))
        yield k + 1, partial(digest, state, k + 1)


@dataclass
class ChaosFleet:
    """Blocks in this process, returned in an order drawn from `seed`, on any number of simulated workers, some of which
    die in mid-block: the block is lost and must be issued again.

    `distort`: a mutant, applied to what a block returns, for tests that show that the law notices.
    """

    size: int
    seed: int = 0
    death_rate: float = 0.0
    longest: float = 0.002
    distort: Callable[[BlockTask, BlockResult], BlockResult] | None = None
    deaths: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._bench = Bench("cpu")

    @property
    def slots(self) -> int:
        return 2 * self.size

    @property
    def workers(self) -> int:
        return self.size

    async def start(self) -> None: ...

    async def numeric_class(self) -> str:
        return "any"

    async def run(self, task: BlockTask) -> BlockResult:
        delay, dies = self._random.random() * self.longest, self._random.random() < self.death_rate
        await asyncio.sleep(delay)
        if dies:
            self.deaths += 1
            raise WorkerDied("told to")
        try:
            carry, stats, seconds = run_block(self._bench, task)
        except Exception as error:
            raise failure_of(error, task) from error
        result = BlockResult(carry, stats, seconds, "any")
        return self.distort(task, result) if self.distort else result

    async def probe(self, data: bytes) -> Verdict:
        return await asyncio.to_thread(probe, data)

    async def close(self) -> None: ...
