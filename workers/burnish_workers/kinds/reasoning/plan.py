"""What is resolved for a job of this kind: sizes, the chances of the kernels, the answers that are counted."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields

from burnish.wire import Resolution
from burnish_workers.core.estimator import Plan
from burnish_workers.kinds.reasoning.mixture import Shares

VISITS, GAUGE, CHAINS, NOTES, TRACES = "visits", "gauge", "chains", "notes", "traces"
"""Components of the statistics. The replicates are the chains. Traces: the visits of each chain in each block."""

OTHER = "other"
"""The answer that stands for all that are not listed."""

ANEW = 8
"""Steps after which the chain of a pilot begins anew: it is to meet answers, not to mix."""


@dataclass(frozen=True)
class Recipe:
    """`pool` K, `particles` N, `moves` of an excursion, `depth` T_max, `warmup`: steps of a chain that are not counted.

    The chances are those of a step of the mixture. `together`: G, chains of a lane. `answers`: JSON list of those that
    are counted by name; `complete`: there can be no others; `pilot`: those answers are still to be met; `pilot_tokens`:
    what that took.
    """

    pool: int
    particles: int
    moves: int
    depth: int
    warmup: int
    excursion: float
    block: float
    restart: float
    filter: float
    answers: str = "[]"
    complete: bool = False
    pilot: bool = True
    together: int = 1
    pilot_tokens: int = 0

    @property
    def shares(self) -> Shares:
        return Shares(self.excursion, self.block, self.restart, self.filter)

    @property
    def named(self) -> list[str]:
        """The answers that are counted by name."""
        return json.loads(self.answers)

    @property
    def labels(self) -> list[str]:
        """The outputs, in order."""
        return [*self.named, *([] if self.complete else [OTHER])]

    def to_plan(self) -> Plan:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @staticmethod
    def of(resolution: Resolution) -> Recipe:
        plan = resolution.plan
        known = {field.name for field in fields(Recipe)}
        return Recipe(**{name: value for name, value in plan.items() if name in known})  # pyright: ignore[reportArgumentType]


TOKEN_SHARES = Shares(excursion=0.3, block=0.3, restart=0.1, filter=0.3)
"""Of the tokens that the default mixture spends, by kernel."""


def chances(shares: Shares, pool: int, particles: int, depth: int) -> Shares:
    """Chances of kernels that spend tokens in these shares, by what a step of each costs: in steps of the backend,

    excursion K T/2 (a few levels up, and down again), block K (T+1)/2, restart T, filter (N-1) T.
    """
    costs = (pool * depth / 2, pool * (depth + 1) / 2, depth, (particles - 1) * depth)
    weights = [share / cost for share, cost in zip(shares.values(), costs, strict=True)]
    return Shares(*(round(weight / sum(weights), 6) for weight in weights))
