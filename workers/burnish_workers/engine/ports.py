"""What a conductor talks to."""

from __future__ import annotations

from dataclasses import dataclass, field

from burnish_workers.engine.artifacts import Artifacts
from burnish_workers.engine.clock import Clock
from burnish_workers.engine.counts import Counts
from burnish_workers.engine.fleet import Fleet
from burnish_workers.engine.library import Library
from burnish_workers.engine.store import Store


@dataclass(frozen=True)
class Ports:
    """`counts`: what the conductors of this process count together."""

    fleet: Fleet
    store: Store
    artifacts: Artifacts
    clock: Clock
    library: Library
    counts: Counts = field(default_factory=Counts)
