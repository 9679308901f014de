"""The Lua scripts behind every change of state, the names of the keys they touch, and how their arguments are laid out.

Scripts that claim and list build the keys of jobs from ids, so they need one primary (with any number of replicas), not
a sharded cluster. The keys of one job share a hash tag.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from burnish_workers.engine.encoding import encode, to_json
from burnish_workers.engine.records import Emission
from burnish_workers.engine.tenants import DEFAULT


@dataclass(frozen=True)
class Script:
    source: str
    sha1: str


@cache
def script(name: str) -> Script:
    """Script `lua/<name>.lua`, with the prelude before it, and the outbox where webhooks are touched."""
    folder = files("burnish_workers.engine") / "lua"
    outbox = ("outbox",) if name == "emit" or name.startswith("webhooks_") else ()
    source = "".join((folder / f"{part}.lua").read_text("utf-8") for part in ("prelude", *outbox, name))
    return Script(source, hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest())


@dataclass(frozen=True)
class Keys:
    """Names of keys. Events and work are also the channels on which their changes are told."""

    prefix: str

    @property
    def jobs(self) -> str:
        """Ids of all jobs."""
        return f"{self.prefix}jobs"

    @property
    def queue(self) -> str:
        """Ids of live jobs that nobody holds."""
        return f"{self.prefix}queue"

    @property
    def leases(self) -> str:
        """Ids of live jobs that somebody holds, by when the lease expires."""
        return f"{self.prefix}leases"

    @property
    def work(self) -> str:
        """Counts the signals to runners."""
        return f"{self.prefix}work"

    def job(self, job_id: str) -> str:
        return f"{self.prefix}{{{job_id}}}:job"

    def events(self, job_id: str) -> str:
        return f"{self.prefix}{{{job_id}}}:events"

    def ledger(self, job_id: str) -> str:
        return f"{self.prefix}{{{job_id}}}:ledger"

    def observations(self, job_id: str) -> str:
        """Posted observations; also the channel on which new ones are told."""
        return f"{self.prefix}{{{job_id}}}:observations"

    @property
    def usage(self) -> str:
        """What was spent, by day, kind and amount."""
        return f"{self.prefix}usage"

    def usage_of(self, tenant: str | None) -> str:
        """The same of one tenant; None: of all."""
        return self.usage if tenant is None else f"{self.usage}:{tenant}"

    @property
    def units(self) -> str:
        """Units spent, by tenant and day: what quotas ask for at every new job."""
        return f"{self.prefix}units"

    def live(self, tenant: str) -> str:
        """Ids of a tenant's live jobs."""
        return f"{self.prefix}live:{tenant}"

    @property
    def api_keys(self) -> str:
        """API keys by their public ids; secrets as hashes."""
        return f"{self.prefix}api-keys"

    @property
    def quotas(self) -> str:
        """What was set for tenants."""
        return f"{self.prefix}quotas"

    @property
    def tallies(self) -> str:
        """Counters that live as long as the store."""
        return f"{self.prefix}tallies"

    @property
    def schema(self) -> str:
        """The version of the newest service that this store has served."""
        return f"{self.prefix}schema"

    @property
    def promises(self) -> str:
        """What was promised to live jobs, by id."""
        return f"{self.prefix}promises"

    @property
    def promised(self) -> str:
        """Counts the promises that were ever made."""
        return f"{self.prefix}promises:made"

    @property
    def checking(self) -> str:
        """Ids of models that wait to be checked, by when the lease of whoever checks them expires."""
        return f"{self.prefix}checking"

    def files(self, type: str) -> str:
        """Uploaded files of a type, by id."""
        return f"{self.prefix}{type}s"

    def files_order(self, type: str, tenant: str = DEFAULT) -> str:
        """The ids of those that a tenant has, in the order of arrival."""
        return f"{self.prefix}{type}s:order" + ("" if tenant == DEFAULT else f":{tenant}")

    def owners(self, type: str, id: str) -> str:
        """The tenants that have a file; those of before there were tenants are only in the order of the default one."""
        return f"{self.prefix}{type}s:owners:{id}"

    @property
    def bytes(self) -> str:
        """Bytes of uploads by tenant."""
        return f"{self.prefix}bytes"

    def users(self, type: str, id: str) -> str:
        """The jobs that name a file, by when they began to."""
        return f"{self.prefix}{type}s:users:{id}"

    @property
    def leader(self) -> str:
        """The runner that shares the pool out, under which epoch and until when."""
        return f"{self.prefix}leader"

    @property
    def runners(self) -> str:
        """Names of live runners, by when their reports expire."""
        return f"{self.prefix}runners"

    @property
    def reports(self) -> str:
        """What the jobs of each runner need."""
        return f"{self.prefix}runners:reports"

    @property
    def loads(self) -> str:
        """How many jobs each runner holds."""
        return f"{self.prefix}runners:loads"

    @property
    def shares(self) -> str:
        """The slots of each runner by the last decision."""
        return f"{self.prefix}runners:shares"

    @property
    def fronts(self) -> str:
        """Names of live fronts, by when their reports expire."""
        return f"{self.prefix}fronts"

    @property
    def streams(self) -> str:
        """How many event streams each front has open."""
        return f"{self.prefix}fronts:streams"

    def webhooks(self, tenant: str) -> str:
        """Webhooks of a tenant, by id."""
        return f"{self.prefix}webhooks:of:{tenant}"

    @property
    def all_webhooks(self) -> str:
        """All webhooks, as <tenant>/<id>. So they are called in the names of keys as well: see `lua/outbox.lua`."""
        return f"{self.prefix}webhooks:all"

    @property
    def webhooks_due(self) -> str:
        """Webhooks to which something waits, by their next try."""
        return f"{self.prefix}webhooks:due"

    @property
    def webhooks_waiting(self) -> str:
        """What waits to be delivered, by age."""
        return f"{self.prefix}webhooks:waiting"

    def webhook(self, whose: str, part: str) -> str:
        """`deliveries` of a webhook, or their `order`."""
        return f"{self.prefix}webhook:{whose}:{part}"

    def once(self, key: str) -> str:
        """What was done under an idempotency key. Hashed, since the client's key may hold anything."""
        return f"{self.prefix}once:{hashlib.sha256(key.encode()).hexdigest()}"


def emission_arguments(emission: Emission) -> list[str]:
    """The arguments of `emit.lua` from `ends` on."""
    events = [text for event in emission.events for text in (event.type, to_json(event.data))]
    written = encode(emission.changes)
    fields = [text for pair in written.items() for text in pair]
    dropped = [name for name, value in emission.changes.items() if value is None]
    rows = [text for row in emission.ledger for text in (str(row.index), row.model_dump_json())]
    counts = [text for name, more in emission.counts.items() for text in (name, str(more))]
    counted = [text for part in (events, fields, dropped, counts) for text in (str(len(part)), *part)]
    flags = ["1" if emission.ends else "0", str(emission.budget_version), "1" if emission.anew else "0"]
    return [*flags, *counted, *rows]
