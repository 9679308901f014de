"""What a chain does by each method: how it comes to a first answer, and how it goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from burnish_workers.kinds.reasoning.baselines import RUNS, Run
from burnish_workers.kinds.reasoning.carry import Chain
from burnish_workers.kinds.reasoning.independent import Backed, independent
from burnish_workers.kinds.reasoning.mixture import Shares, step
from burnish_workers.kinds.reasoning.requests import Setting, Work, together
from burnish_workers.kinds.reasoning.start import attempt
from burnish_workers.kinds.reasoning.state import State
from burnish_workers.kinds.reasoning.tempering import at_rung, climb


@dataclass(frozen=True)
class Method:
    """`begin` and `go_on` change the chain that they are given. `exact`: leaves pi* as it is."""

    begin: Callable[[Chain, State, Setting], Work[None]]
    go_on: Callable[[Chain, Setting, Shares], Work[None]]
    exact: bool = True


def _attempt(chain: Chain, root: State, setting: Setting) -> Work[None]:
    chain.state = yield from attempt(root, setting)


def _step(chain: Chain, setting: Setting, shares: Shares) -> Work[None]:
    assert chain.state is not None
    chain.state = yield from step(chain.state, setting, shares)


def _filter(chain: Chain, root: State, setting: Setting) -> Work[None]:
    found = yield from independent(Backed(root), setting)
    if found.path.at_leaf:
        chain.state, chain.log_evidence = found.path, found.log_evidence


def _another(chain: Chain, setting: Setting, shares: Shares) -> Work[None]:
    assert chain.state is not None
    found = yield from independent(Backed(chain.state, chain.log_evidence), setting)
    chain.state, chain.log_evidence = found.path, found.log_evidence


def _attempts(chain: Chain, root: State, setting: Setting) -> Work[None]:
    """Of all rungs that have no answer yet."""
    rungs = chain.ladder or (None,) * len(setting.betas)
    missing = [i for i, rung in enumerate(rungs) if rung is None]
    found = yield from together([attempt(root, at_rung(setting, i)) for i in missing])
    fresh = dict(zip(missing, found, strict=True))
    chain.ladder = tuple(fresh.get(i, rung) for i, rung in enumerate(rungs))
    if all(chain.ladder):
        chain.state = chain.ladder[0]


def _climb(chain: Chain, setting: Setting, shares: Shares) -> Work[None]:
    states = tuple(rung for rung in chain.ladder if rung is not None)
    chain.ladder = yield from climb(states, setting, lambda state, own: step(state, own, shares))
    chain.state = chain.ladder[0]


def _independently(run: Run) -> Method:
    """Runs that have nothing to do with each other; one that ends without a path leaves the last one as it is."""

    def begin(chain: Chain, root: State, setting: Setting) -> Work[None]:
        chain.state = yield from run(root, setting)

    def go_on(chain: Chain, setting: Setting, shares: Shares) -> Work[None]:
        assert chain.state is not None
        chain.state = (yield from run(chain.state.cut(0), setting)) or chain.state

    return Method(begin, go_on, exact=False)


METHODS: Mapping[str, Method] = {
    "mh_backtracking": Method(_attempt, _step),
    "parallel_tempering": Method(_attempts, _climb),
    "pimh": Method(_filter, _another),
    **{name: _independently(run) for name, run in RUNS.items()},
}
