"""The load: twenty jobs of every kind in short blocks, the observations that some of them wait for, and their law.

The specs are resolved, so every run of one is the same job, and a bare loop over it (`lawful_answers`) says which
digest each of its refinements must have, whatever was killed on the way.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from burnish.wire import Observation
from burnish_workers.core.inputs import NOTHING
from burnish_workers.core.registry import registry
from burnish_workers.engine.fleet import InlineFleet
from burnish_workers.engine.resolve import resolve
from burnish_workers.testing import lawful_answers

JOBS = 20
BLOCKS = 208
"""Blocks of a job: sixteen lanes, thirteen times."""

EACH = 16
"""Lanes of the job that assimilates: blocks of one observation."""

KNOWN = 3
"""Observations that are posted with the spec; the others come while the job runs."""


@dataclass(frozen=True)
class Work:
    """A job of the load. `later`: observations that are posted one by one while it runs."""

    name: str
    spec: dict[str, Any]
    later: tuple[Observation, ...] = ()

    @cached_property
    def law(self) -> Law:
        return Law(self)


class Law:
    """The digest that a job must have after so many blocks. The loop goes as far as it is asked."""

    def __init__(self, work: Work) -> None:
        self._answers = lawful_answers(work.spec, 2 * BLOCKS, posted=work.later)
        self._known: dict[int, Callable[[], str]] = {}
        self._digests: dict[int, str] = {}

    def digest(self, blocks: int) -> str:
        while blocks not in self._known:
            count, answer = next(self._answers)
            self._known[count] = answer
        if blocks not in self._digests:
            self._digests[blocks] = self._known[blocks]()
        return self._digests[blocks]


def works(jobs: int = JOBS) -> list[Work]:
    """The jobs, of seven shapes: alternating, so that the first that start are of every kind."""
    shapes = [_corrected, _sampled, _assimilated, _reasoned, _tolerant, _picard, _rewarded]
    latecomer(0)  # resolved now, and not while a fault is under way
    return [shapes[n % len(shapes)](n) for n in range(jobs)]


def latecomer(seed: int) -> dict[str, Any]:
    """A small job, of those that are posted throughout a fault."""
    return _reasoned(seed, blocks=16).spec


def _corrected(seed: int) -> Work:
    return _short("surrogate", 0, seed, block=1)


def _tolerant(seed: int) -> Work:
    return _short("surrogate", 1, seed, block=1)


def _picard(seed: int) -> Work:
    return _short("surrogate", 3, seed, block=2)


def _sampled(seed: int) -> Work:
    wanted = ["mean", "std", "log_evidence", "samples"]
    return _short("posterior", 0, seed, block=1, particles=8, chain={"steps": 6}, outputs=wanted)


def _rewarded(seed: int) -> Work:
    return _short("posterior", 1, seed, block=1, particles=8, chain={"steps": 6})


def _reasoned(seed: int, blocks: int = BLOCKS) -> Work:
    return _short("reasoning", 0, seed, block=60, blocks=blocks)


def _assimilated(seed: int) -> Work:
    """Lorenz's equations followed by sixteen filters; all but the first observations come while it runs."""
    example = registry().get("posterior").examples()[3]
    seen = [one for one in example["observations"] if one is not None]
    series = [seen[n % len(seen)] for n in range(BLOCKS // EACH)]
    given = {"observations": series[:KNOWN], "expected": len(series), "budget": {"units": 10**9}}
    work = _short("posterior", 3, seed, block=1, **given)
    return Work(work.name, work.spec, tuple(series[KNOWN:]))


def _short(kind: str, number: int, seed: int, block: int, blocks: int = BLOCKS, **changes: Any) -> Work:
    """An example of a kind, resolved, then cut into so many blocks of so many replicates."""
    example = {**registry().get(kind).examples()[number], **changes}
    spec = {**_resolved(kind, json.dumps(example)), "seed": seed}
    resolution = {**spec["resolution"], "first_block": block, "block": block, "blocks_planned": blocks}
    resolution["extra_looks"] = []
    budget = {"units": 10**9} if "expected" in spec else {"units": _units(kind, spec, resolution, blocks)}
    name = f"{kind}-{number}"
    return Work(name, {**spec, "resolution": resolution, "budget": budget})


@cache
def _resolved(kind: str, example: str) -> dict[str, Any]:
    spec = json.loads(example)
    # Measured times size blocks and choose methods; sizes are replaced, and a method that is chosen stays chosen.
    found = registry().get(kind)
    parsed = found.spec.model_validate(spec)
    return asyncio.run(_resolve(found, parsed)).model_dump(mode="json", exclude_none=True)


async def _resolve(kind: Any, spec: Any) -> Any:
    fleet = InlineFleet(1)
    await fleet.start()
    try:
        return await resolve(spec, kind, fleet, NOTHING)
    finally:
        await fleet.close()


def _units(kind: str, spec: dict[str, Any], resolution: dict[str, Any], blocks: int) -> int:
    """What the blocks of the job cost, in units."""
    found = registry().get(kind)
    parsed = found.spec.model_validate({**spec, "resolution": resolution})
    return found.statistics(parsed, NOTHING).units(blocks * resolution["block"])
