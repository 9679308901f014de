"""Where a job stands: the folded prefix, what it cost, and what of it has been written down."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from functools import partial

from burnish.wire import LedgerRow, SpecBase, Spent
from burnish_workers.core.decisions import Decision, Decisions
from burnish_workers.core.digest import digest_arrays
from burnish_workers.core.estimator import Answer, State, Statistics
from burnish_workers.core.fold import OrderedFold
from burnish_workers.core.kind import resolution_of
from burnish_workers.core.report import schedule_of
from burnish_workers.core.schedule import Replicates
from burnish_workers.core.used import used_by
from burnish_workers.engine.fleet import BlockResult
from burnish_workers.engine.inflow import Inflow
from burnish_workers.engine.lanes import Carries, Layout
from burnish_workers.engine.verifying import summary_of


@dataclass(frozen=True)
class Landed:
    """A block that came back, and how often it had to be issued."""

    result: BlockResult
    digest: str
    attempts: int


@dataclass
class Progress:
    """The fold of one job. `blocks` is K; `issued` counts blocks handed to workers (K and those in flight).

    `inflow`: the observations that blocks take in, None where they take none. `seconds_before` is the running time of
    earlier instalments; `started` the clock's reading when this one began.
    """

    spec: SpecBase
    statistics: Statistics
    state: State
    blocks: int
    spent: Spent
    epoch: int
    inflow: Inflow | None = None
    started: float | None = None
    issued: int = 0
    buffer: OrderedFold[Landed] = field(init=False)
    ready: deque[Landed] = field(default_factory=deque[Landed])
    ledger: list[LedgerRow] = field(default_factory=list[LedgerRow])
    _worker_seconds: float = 0.0
    _gpu_seconds: float = 0.0
    _returned: int = 0
    _returned_seconds: float = 0.0

    def __post_init__(self) -> None:
        self.issued = self.blocks
        self.buffer = OrderedFold(self.blocks)
        self._worker_seconds, self._gpu_seconds = self.spent.worker_seconds, self.spent.gpu_seconds
        self._seconds_before = self.spent.seconds
        resolution = resolution_of(self.spec)
        self._count = Replicates(resolution.first_block, resolution.block)
        self.layout = Layout(self.spec.seed or 0, self._count, resolution.lanes)
        self.carries = Carries(self.layout)
        self.decisions = Decisions(schedule_of(self.spec), self._count, resolution.decides_from)

    def start(self, index: int) -> int:
        """Replicates before block `index`."""
        return self._count(index)

    def replicates(self, index: int) -> int:
        """Replicates of block `index`."""
        return self._count(index + 1) - self._count(index)

    def units(self, blocks: int) -> int:
        """Units of the first `blocks` blocks."""
        return self.statistics.units(self.start(blocks))

    def land(self, index: int, result: BlockResult, attempts: int) -> None:
        """Take a block that came back; `ready` then holds the blocks that may be folded, in order."""
        self._worker_seconds += result.seconds
        self._returned, self._returned_seconds = self._returned + 1, self._returned_seconds + result.seconds
        self._gpu_seconds += result.seconds * result.gpus
        digest = digest_arrays(result.stats)
        self.carries.land(index, result.carry)
        arrival = self.buffer.put(index, Landed(result, digest, attempts), digest)
        self.ready.extend(landed for _, landed in arrival.ready)

    def fold(self) -> None:
        """Fold the next block of the prefix."""
        landed = self.ready.popleft()
        self.ledger.append(
            LedgerRow(
                index=self.blocks,
                digest=landed.digest,
                numeric_class=landed.result.numeric_class,
                seconds=landed.result.seconds,
                attempts=landed.attempts,
                epoch=self.epoch,
                summary=summary_of(landed.result.stats),
                carry=digest_arrays(landed.result.carry) if landed.result.carry else None,
            )
        )
        self.state = self.statistics.fold(self.state, landed.result.stats)
        self.blocks += 1
        self.carries.folded(self.blocks)
        self.decisions.folded(self.blocks, partial(self.statistics.decide, self.state))

    @property
    def waiting(self) -> int:
        """Blocks that came back and are not folded yet: one before them is missing, or the fold is behind."""
        return self.buffer.waiting + len(self.ready)

    def can_issue(self) -> bool:
        """Whether what the next block goes on from is there: a carry, a decision, an observation."""
        known = self.inflow is None or self.inflow.ready(self.issued)
        return known and self.carries.ready(self.issued) and self.decisions.ready(self.issued)

    def decision(self, index: int) -> Decision:
        """What a block that can be issued is told."""
        return self.decisions.of(index) if self.inflow is None else self.inflow.of(index)

    @property
    def observation(self) -> int | None:
        """Number of the last observation that the prefix contains, in any lane; None before the first."""
        return None if self.inflow is None or self.blocks == 0 else (self.blocks - 1) // self.inflow.each

    def answer(self) -> Answer:
        return self.statistics.answer(self.state)

    def spending(self, now: float) -> Spent:
        """What has been spent by the clock's reading `now`; units are those of the folded prefix."""
        running, used = 0.0 if self.started is None else now - self.started, used_by(self.state)
        return Spent(
            seconds=self._seconds_before + running,
            worker_seconds=self._worker_seconds,
            gpu_seconds=self._gpu_seconds,
            units=self.units(self.blocks),
            tokens=used.tokens,
            verifier_calls=used.verifier_calls,
        )

    def committed(self, now: float) -> Spent:
        """The same with what the blocks in flight are going to use, by the mean of the prefix."""
        spent, ratio = self.spending(now), self.issued / max(self.blocks, 1)
        ahead = {name: round(getattr(spent, name) * ratio) for name in ("tokens", "verifier_calls")}
        return spent.model_copy(update=ahead)

    def block_seconds(self) -> float:
        """Mean worker-seconds of a block, over the blocks of this instalment that came back; 0 before the first."""
        return self._returned_seconds / self._returned if self._returned else 0.0

    def take_ledger(self) -> tuple[LedgerRow, ...]:
        """The rows not yet written."""
        rows, self.ledger = tuple(self.ledger), []
        return rows
