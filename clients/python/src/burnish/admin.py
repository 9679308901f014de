"""API keys and quotas, for administrators: the sync and the async side of `client.admin`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from burnish import calls, wire

T = TypeVar("T")
DAY = 86_400
USUAL: tuple[wire.Scope, ...] = ("submit", "read")


class Send(Protocol):
    """Sends a call and reads its answer."""

    def __call__(self, call: calls.Call[T], /) -> T: ...


class AsyncSend(Protocol):
    """The same, to be awaited."""

    async def __call__(self, call: calls.Call[T], /) -> T: ...


class Admin:
    """Of a client: `client.admin`. Its key needs scope `admin`."""

    def __init__(self, send: Send) -> None:
        self._send = send

    def create_key(
        self, tenant: str, *, scopes: Sequence[wire.Scope] = USUAL, name: str = "", days: int | None = None
    ) -> wire.IssuedKey:
        """A new key, which is in this answer alone. `days`: after so many it expires."""
        asked = wire.NewKey(tenant=tenant, scopes=list(scopes), name=name, days=days)
        return self._send(calls.create_key(asked))

    def list_keys(self) -> list[wire.ApiKey]:
        """All keys, newest first, without their secrets; those that are revoked too."""
        return self._send(calls.keys()).data

    def key(self, id: str) -> wire.ApiKey:
        """One key by its id, without its secret."""
        return self._send(calls.key(id))

    def rotate_key(self, id: str, *, overlap: int = DAY) -> wire.IssuedKey:
        """A new secret for a key; the old one is good for `overlap` seconds more."""
        return self._send(calls.rotate_key(id, wire.RotateKey(overlap=overlap)))

    def revoke_key(self, id: str) -> None:
        """From now on the key opens nothing."""
        self._send(calls.revoke_key(id))

    def quota(self, tenant: str | None = None) -> wire.QuotaUse:
        """What a tenant may have and has; None: that of this client's key, which needs scope `read`."""
        return self._send(calls.quota(tenant))

    def set_quota(
        self, tenant: str, *, jobs: int | None = None, units: int | None = None, bytes: int | None = None
    ) -> wire.QuotaUse:
        """Limits of a tenant, in place of all that were set before; None: without limit."""
        return self._send(calls.set_quota(tenant, wire.TenantQuota(jobs=jobs, units=units, bytes=bytes)))

    def reset_quota(self, tenant: str) -> None:
        """Back to the limits of tenants for whom none are set."""
        self._send(calls.reset_quota(tenant))


class AsyncAdmin:
    """Of a client: `client.admin`. Its key needs scope `admin`."""

    def __init__(self, send: AsyncSend) -> None:
        self._send = send

    async def create_key(
        self, tenant: str, *, scopes: Sequence[wire.Scope] = USUAL, name: str = "", days: int | None = None
    ) -> wire.IssuedKey:
        """A new key, which is in this answer alone. `days`: after so many it expires."""
        asked = wire.NewKey(tenant=tenant, scopes=list(scopes), name=name, days=days)
        return await self._send(calls.create_key(asked))

    async def list_keys(self) -> list[wire.ApiKey]:
        """All keys, newest first, without their secrets; those that are revoked too."""
        return (await self._send(calls.keys())).data

    async def key(self, id: str) -> wire.ApiKey:
        """One key by its id, without its secret."""
        return await self._send(calls.key(id))

    async def rotate_key(self, id: str, *, overlap: int = DAY) -> wire.IssuedKey:
        """A new secret for a key; the old one is good for `overlap` seconds more."""
        return await self._send(calls.rotate_key(id, wire.RotateKey(overlap=overlap)))

    async def revoke_key(self, id: str) -> None:
        """From now on the key opens nothing."""
        await self._send(calls.revoke_key(id))

    async def quota(self, tenant: str | None = None) -> wire.QuotaUse:
        """What a tenant may have and has; None: that of this client's key, which needs scope `read`."""
        return await self._send(calls.quota(tenant))

    async def set_quota(
        self, tenant: str, *, jobs: int | None = None, units: int | None = None, bytes: int | None = None
    ) -> wire.QuotaUse:
        """Limits of a tenant, in place of all that were set before; None: without limit."""
        return await self._send(calls.set_quota(tenant, wire.TenantQuota(jobs=jobs, units=units, bytes=bytes)))

    async def reset_quota(self, tenant: str) -> None:
        """Back to the limits of tenants for whom none are set."""
        await self._send(calls.reset_quota(tenant))
