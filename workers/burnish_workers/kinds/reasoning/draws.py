"""Which paths of a chain are independent draws from pi*: those whose answers can be counted like coin tosses.

- The path at which counting begins: warm-up is over, one from each chain.
- Of the rollouts that K4 writes by the base law later on, accepted by the chain or not: each with chance tau(y)/sup tau
  to the power 1/beta, which is rejection sampling. They have nothing to do with where the chain stands. For an exact
  check these are all that pass. A verifier whose scores have no known upper limit yields none.

Steps of a chain are not independent: to count them like tosses would be wrong where it sticks.
"""

from __future__ import annotations

from collections.abc import Iterator

from burnish_workers.kinds.reasoning.protocols import Prefix
from burnish_workers.kinds.reasoning.requests import Setting
from burnish_workers.kinds.reasoning.source import accept
from burnish_workers.kinds.reasoning.state import State


def independent_draws(state: State, steps: int, setting: Setting, ceiling: float | None) -> Iterator[Prefix]:
    """Those of one step of a chain, the `steps`-th that is counted; none in warm-up.

    `state`: after the step; `setting.fresh.rollouts`: of this step; `ceiling`: the largest score v that there can be.
    """
    if steps == 1 and state.at_leaf:
        yield state.prefix
    if steps > 1 and ceiling is not None:
        for prefix, log_weight in setting.fresh.rollouts:
            if accept(setting.source, log_weight - ceiling / setting.beta):
                yield prefix
