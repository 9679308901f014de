"""Port: webhooks and the outbox of what they are to be told.

The store puts a delivery into the outbox in the very step that ends a job: there is no moment at which the one is
written and the other not. A delivery leaves it when it is settled, so that one whose sender died is sent again, under
the same id.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, Protocol

TEST = "webhook.test"
Outcome = Literal["delivered", "retried", "failed"]
OUTCOMES: tuple[Outcome, ...] = ("delivered", "retried", "failed")


@dataclass(frozen=True)
class Endpoint:
    """A webhook as it is kept. Times are RFC 3339. `previous`: the secret before the last rotation, which signs as well
    until `previous_until`. Both are kept as they are: who signs needs them."""

    id: str
    tenant: str
    url: str
    events: tuple[str, ...]
    created_at: str
    secret: str = field(repr=False)
    description: str = ""
    previous: str | None = field(default=None, repr=False)
    previous_until: str | None = None
    disabled_at: str | None = None
    disabled_why: str | None = None

    @property
    def whose(self) -> str:
        """Where its deliveries are."""
        return f"{self.tenant}/{self.id}"

    def with_changes(self, **changes: Any) -> Endpoint:
        return replace(self, **changes)

    def wants(self, type: str) -> bool:
        return self.disabled_at is None and type in self.events

    def to_json(self) -> str:
        return _written(self)

    @staticmethod
    def from_json(text: str) -> Endpoint:
        """Fields that a newer version added are left out."""
        read = _known(Endpoint, text)
        return Endpoint(**{**read, "events": tuple(read["events"])})


@dataclass(frozen=True)
class Delivery:
    """One message to one endpoint. Times are seconds since 1970; `at`: of what it tells; `data`: what that is.

    `attempts`: tries so far; `status`: of the last answer; `error`: of the last try.
    """

    id: str
    type: str
    at: float
    data: dict[str, str]
    state: Literal["waiting", "delivered", "failed"] = "waiting"
    attempts: int = 0
    next_at: float | None = None
    tried_at: float | None = None
    status: int | None = None
    error: str | None = None

    def with_changes(self, **changes: Any) -> Delivery:
        return replace(self, **changes)

    def to_json(self) -> str:
        return _written(self)

    @staticmethod
    def from_json(text: str) -> Delivery:
        read = _known(Delivery, text)
        return Delivery(**{**read, "at": float(read["at"])})


@dataclass(frozen=True)
class Claimed:
    """A delivery that is due, and whose sender it is until `until`, by the store's clock: the fence of `settle`."""

    endpoint: Endpoint
    delivery: Delivery
    until: str


@dataclass(frozen=True)
class Backlog:
    """How many deliveries wait, and for how many seconds the oldest has."""

    waiting: int = 0
    oldest: float = 0.0


class Webhooks(Protocol):
    """All methods raise `StoreUnavailable` when the store cannot be reached within its retries."""

    async def add(self, endpoint: Endpoint, most: int) -> bool:
        """Keep a new one, durable; False when its tenant has `most`."""
        ...

    async def get(self, tenant: str, id: str) -> Endpoint | None: ...

    async def list(self, tenant: str) -> list[Endpoint]:
        """All of a tenant, newest first."""
        ...

    async def swap(self, before: Endpoint, after: Endpoint) -> bool:
        """Put `after` in the place of `before`, durable; False when that is not what is there."""
        ...

    async def remove(self, endpoint: Endpoint) -> None:
        """Forget it and all that it was to be told."""
        ...

    async def post(self, endpoint: Endpoint, delivery: Delivery) -> None:
        """Put a delivery into the outbox, due now."""
        ...

    async def deliveries(self, endpoint: Endpoint, limit: int) -> list[Delivery]:
        """The last ones, newest first."""
        ...

    async def again(self, endpoint: Endpoint, id: str) -> Delivery | None:
        """Make a settled delivery due now, as if it had not been tried; None when there is no such one."""
        ...

    async def claim(self, lease: float, busy: frozenset[str]) -> Claimed | None:
        """Take a delivery that is due: for `lease` seconds nobody else gets it. `busy`: endpoints (`Endpoint.whose`)
        that get no more at the moment."""
        ...

    async def settle(self, claimed: Claimed, after: Delivery, wait: float | None, kept: int) -> bool:
        """Write what became of a try: due again in `wait` seconds, or settled (None). Of settled ones the last `kept`
        stay. False, and nothing is written, when another sender has it meanwhile."""
        ...

    async def backlog(self) -> Backlog: ...

    async def sweep(self, age: float) -> int:
        """Forget those that were settled more than `age` seconds ago; how many."""
        ...


def _written(value: Endpoint | Delivery) -> str:
    """Without what is not given: scripts read absence, and not null."""
    given = {name: each for name, each in asdict(value).items() if each is not None}
    return json.dumps(given, separators=(",", ":"), allow_nan=False)


def _known(cls: type[Endpoint] | type[Delivery], text: str) -> dict[str, Any]:
    read = json.loads(text)
    return {name: read[name] for name in cls.__dataclass_fields__ if name in read}
