"""What a conductor talks to."""

from __future__ import annotations

from dataclasses import dataclass

from burnish_workers.engine.artifacts import Artifacts
from burnish_workers.engine.clock import Clock
from burnish_workers.engine.fleet import Fleet
from burnish_workers.engine.library import Library
from burnish_workers.engine.store import Store


@dataclass(frozen=True)
class Ports:
    fleet: Fleet
    store: Store
    artifacts: Artifacts
    clock: Clock
    library: Library
