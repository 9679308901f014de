"""A kind of job: everything that the engine needs to know of it, and nothing of how it computes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from burnish.wire import CatalogueEntry, KindInfo, Resolution, SpecBase
from burnish_workers.core.betting import Bounds
from burnish_workers.core.bounded import BoundedStatistics
from burnish_workers.core.estimator import Plan, Simulator, State, Statistics
from burnish_workers.core.feed import Feed
from burnish_workers.core.fitting import Fitting
from burnish_workers.core.inputs import Inputs

MOST_SAMPLES = 5 * 10**7
"""Replicates of a block times outputs: what a worker holds at once, 400 MB in double precision."""


class SpecError(ValueError):
    """A spec that is well-formed but makes no sense. `pointer` (RFC 6901) says where, the message what to do."""

    def __init__(self, pointer: str, message: str):
        super().__init__(message)
        self.pointer = pointer

    def __reduce__(self) -> tuple[type[SpecError], tuple[str, str]]:
        """From a worker process to its runner: an exception of two arguments is not pickled by itself."""
        return SpecError, (self.pointer, str(self))


@dataclass(frozen=True)
class Draft:
    """What a kind decides before anything has run.

    `outputs`: number of outputs; `trial`: a spec with perhaps fewer outputs that the discarded pilot runs on;
    `trial_outputs`: how many; `pilot`: its replicates; `plan`: the kind's own numbers, which the pilot may change;
    `adaptive`: whether the statistics decide at looks how later blocks share their samples; `lanes`: how many chains,
    None where blocks do not depend on each other; `fed`: the observations that its lanes take in, one with
    each block, so that a block is one replicate (see `core/feed.py`); `rivals`: other estimators that could run the
    same spec, for the pilot to compare; `glimpse`: a cheaper draft of the same estimator, to compare it by;
    `outputs_by`: how many outputs there are by the tuned plan, for kinds whose pilot finds out; `replayable`: whether
    all randomness is the key's; where something outside draws too, blocks that run again have other bits.
    """

    estimator: str
    version: int
    outputs: int
    trial: SpecBase
    trial_outputs: int
    pilot: int
    micro_batch: int
    plan: Plan
    lanes: int | None = None
    fed: Feed | None = None
    adaptive: bool = False
    rivals: tuple[Draft, ...] = ()
    glimpse: Draft | None = None
    outputs_by: Callable[[Plan], int] | None = None
    replayable: bool = True


COMPARED = "compared"
"""Name under which a plan says what a pilot compared, where several estimators could have run the spec."""


@dataclass(frozen=True)
class Contestant:
    """An estimator that a pilot tried: its tuned `draft`, the `statistics` of the trial and their `state`.

    `units`: of a replicate of the whole job by that draft.
    """

    draft: Draft
    statistics: Statistics
    state: State
    units: float


def _all(spec: Any, first: Contestant, workers: int) -> tuple[Draft, ...]:
    return first.draft.rivals


def _first(spec: Any, contestants: Sequence[Contestant], workers: int) -> tuple[int, str]:
    return 0, ""


def _as_it_is(spec: Any, draft: Draft, replicates: float) -> Draft:
    return draft


def _unfed(spec: Any, inputs: Inputs) -> Feed | None:
    return None


@dataclass(frozen=True)
class Kind:
    """What the engine calls of a kind.

    `check` judges a spec at the door (raises SpecError); `draft` decides what needs no pilot, given the numeric class
    that the job will run on; `statistics` builds the torch-free half from a resolved spec; `load` imports the heavy
    half and returns its builder (spec, device, inputs). All get the uploads that the spec names. `examples` are specs
    that can be posted as they are: the law is tested on them. `rivals` says which rivals of the draft are worth a trial
    after its own; `choose` picks among those tried (the draft, its rivals), for so many workers: an index, and what was
    compared, in words. Neither may read a clock. `afford` may shrink the replicates of the chosen draft where the
    budget pays for few of them. `fitting`: how the kind trains a model first, where it can; `generates`: whether its
    blocks use up tokens and verifier calls, so that a budget may limit them. `feed`: the observations of a spec that
    assimilates some, None for one that does not. `artifacts`: files to keep beside an answer, from (spec, statistics,
    state), by names such as `samples.safetensors`; called at looks and at the end, pure like an answer.
    """

    name: str
    summary: str
    spec: type[SpecBase]
    check: Callable[[Any, Inputs], None]
    draft: Callable[[Any, str, Inputs], Draft]
    statistics: Callable[[Any, Inputs], Statistics]
    load: Callable[[], Callable[[Any, str, Inputs], Simulator]]
    examples: Callable[[], list[dict[str, Any]]]
    catalogue: Callable[[], list[CatalogueEntry]] = list
    rivals: Callable[[Any, Contestant, int], Sequence[Draft]] = _all
    choose: Callable[[Any, Sequence[Contestant], int], tuple[int, str]] = _first
    afford: Callable[[Any, Draft, float], Draft] = _as_it_is
    fitting: Fitting | None = None
    generates: bool = False
    feed: Callable[[Any, Inputs], Feed | None] = _unfed
    artifacts: Callable[[Any, Any, State], Mapping[str, bytes]] | None = None

    def info(self) -> KindInfo:
        return KindInfo(
            name=self.name, summary=self.summary, spec=self.spec.model_json_schema(), examples=self.examples()
        )


def statistics_of(kind: Kind, spec: SpecBase, inputs: Inputs) -> Statistics:
    """The torch-free half of a resolved spec, with bets beside it where the spec declares bounds."""
    inner = kind.statistics(spec, inputs)
    if spec.bounds is None:
        return inner
    low, high = spec.bounds
    return BoundedStatistics(inner, Bounds(low, high, alpha_of(spec)))


def alpha_of(spec: SpecBase) -> float:
    """The chance of a miss that each output of a resolved spec may have, over all looks."""
    shared = resolution_of(spec).multiplicity
    return round(1 - spec.level, 12) if shared is None else shared.alpha


def resolution_of(spec: SpecBase) -> Resolution:
    """The resolution of a resolved spec; it is a mistake of ours, not of the user, when there is none."""
    if spec.resolution is None:
        raise ValueError(f"the {spec.kind} spec has not been resolved; resolve it before building an estimator from it")
    return spec.resolution
