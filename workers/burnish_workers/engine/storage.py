"""The ports that keep things, together: what a front and a runner of one service share."""

from __future__ import annotations

from dataclasses import dataclass, field

from burnish_workers.core.registry import Registry
from burnish_workers.engine.app import App
from burnish_workers.engine.artifacts import Artifacts
from burnish_workers.engine.clock import Clock
from burnish_workers.engine.coordination import Coordination
from burnish_workers.engine.dispatcher import Dispatcher, Terms
from burnish_workers.engine.fleet import Fleet
from burnish_workers.engine.library import Library
from burnish_workers.engine.memory_artifacts import MemoryArtifacts
from burnish_workers.engine.memory_coordination import MemoryCoordination
from burnish_workers.engine.memory_library import MemoryLibrary
from burnish_workers.engine.memory_store import MemoryStore
from burnish_workers.engine.memory_tenancy import MemoryTenancy
from burnish_workers.engine.ports import Ports
from burnish_workers.engine.store import Store
from burnish_workers.engine.tenancy import Tenancy
from burnish_workers.engine.uploads import Uploads


@dataclass(frozen=True)
class Storage:
    """Jobs, uploads, artifacts, and what runners tell each other."""

    store: Store
    library: Library
    artifacts: Artifacts
    coordination: Coordination
    tenancy: Tenancy = field(default_factory=MemoryTenancy)

    @staticmethod
    def in_memory() -> Storage:
        """The twins, for one process."""
        return Storage(MemoryStore(), MemoryLibrary(), MemoryArtifacts(), MemoryCoordination())

    def app(self, registry: Registry, clock: Clock) -> App:
        """What a front serves, to each caller its own: see `App.of`."""
        return App(registry, self.store, Uploads(self.library, self.artifacts, self.store, clock), clock)

    def dispatcher(self, registry: Registry, fleet: Fleet, clock: Clock, terms: Terms) -> Dispatcher:
        """What a runner runs."""
        return Dispatcher(registry, self.ports(fleet, clock), terms, self.coordination)

    def ports(self, fleet: Fleet, clock: Clock) -> Ports:
        """What a runner talks to."""
        return Ports(fleet, self.store, self.artifacts, clock, self.library)
