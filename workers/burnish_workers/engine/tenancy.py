"""Port: API keys and quotas. Of a key only a hash is kept, never the key itself."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

from burnish.wire.keys import Scope
from burnish_workers.engine.tenants import Quota


@dataclass(frozen=True)
class StoredKey:
    """`id` is public and part of the key; `digest` is the SHA-256 of its secret, hexadecimal.

    Times are RFC 3339. `previous` is the digest of the secret before the last rotation, good until `previous_until`.
    """

    id: str
    tenant: str
    scopes: tuple[Scope, ...]
    digest: str
    created_at: str
    name: str = ""
    expires_at: str | None = None
    revoked_at: str | None = None
    previous: str | None = None
    previous_until: str | None = None

    def with_changes(self, **changes: Any) -> StoredKey:
        return replace(self, **changes)

    def to_json(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))

    @staticmethod
    def from_json(text: str) -> StoredKey:
        """Fields that a newer version added are left out: what a key may do is decided by those that are known."""
        read = json.loads(text)
        known = {name: read[name] for name in StoredKey.__dataclass_fields__ if name in read}
        return StoredKey(**{**known, "scopes": tuple(read["scopes"])})


class Tenancy(Protocol):
    """All methods raise `StoreUnavailable` when the store cannot be reached within its retries."""

    async def key(self, id: str) -> StoredKey | None: ...

    async def keys(self) -> list[StoredKey]:
        """All of them, those that are revoked too, newest first."""
        ...

    async def count(self) -> int:
        """How many there are, those that are revoked too."""
        ...

    async def swap(self, before: StoredKey | None, after: StoredKey) -> bool:
        """Put `after` in the place of `before` (None: add it), durable; False when that is not what is there."""
        ...

    async def quota(self, tenant: str) -> Quota | None:
        """What was set for this tenant; None: nothing."""
        ...

    async def set_quota(self, tenant: str, quota: Quota | None) -> None:
        """None: forget what was set."""
        ...
