"""What every route needs, kept on the application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import cast

from fastapi import Request

from burnish_service.attendance import Attendance
from burnish_service.lines import Lines
from burnish_service.openness import Openness
from burnish_service.settings import Settings
from burnish_workers.engine.api_keys import configured
from burnish_workers.engine.app import App
from burnish_workers.engine.clock import Clock
from burnish_workers.engine.coordination import Coordination
from burnish_workers.engine.devices import Device
from burnish_workers.engine.inquiries import Inquiries
from burnish_workers.engine.key_admin import KeyAdmin
from burnish_workers.engine.memory_tenancy import MemoryTenancy
from burnish_workers.engine.observing import Observing
from burnish_workers.engine.promising import Promising
from burnish_workers.engine.quota_admin import QuotaAdmin
from burnish_workers.engine.quotas import Caller
from burnish_workers.engine.tenancy import StoredKey, Tenancy
from burnish_workers.engine.tenants import Quota
from burnish_workers.engine.webhook_desk import WebhookDesk


@dataclass(frozen=True)
class Pool:
    """Workers that are `up`, of those `wanted`; `lacking`: what is missing, None when nothing is; `devices`: theirs."""

    up: int
    wanted: int
    lacking: str | None = None
    devices: tuple[Device, ...] = ()

    @property
    def short(self) -> str | None:
        """What is missing, or how many workers are."""
        return self.lacking or (None if self.up >= self.wanted else f"{self.up} of {self.wanted} workers are up")


async def _always() -> bool:
    return True


@dataclass(frozen=True)
class Context:
    """`pool` says how the pool of workers is. `app` has everything, as no caller may see it, until `of` a caller.

    `welcome`: whether whoever asked would be let in again now; what lasts looks at it from time to time.
    """

    app: App
    settings: Settings
    clock: Clock
    pool: Callable[[], Awaitable[Pool]]
    coordination: Coordination
    tenancy: Tenancy = field(default_factory=MemoryTenancy)
    attendance: Attendance = field(default_factory=Attendance)
    lines: Lines = field(default_factory=Lines)
    welcome: Callable[[], Awaitable[bool]] = _always

    def of(self, caller: Caller) -> Context:
        """That of one request: jobs and files are its caller's alone."""
        return replace(self, app=self.app.of(caller))

    @property
    def inquiries(self) -> Inquiries:
        return Inquiries(self.app, self.clock)

    @property
    def promising(self) -> Promising:
        return Promising(self.app, self.coordination, self.clock)

    @property
    def observing(self) -> Observing:
        return Observing(self.app)

    @cached_property
    def configured_keys(self) -> Mapping[str, StoredKey]:
        """The keys of the settings, by id."""
        return {key.id: key for key in configured(self.settings.api_keys)}

    @cached_property
    def openness(self) -> Openness:
        return Openness(self.tenancy, self.clock)

    @cached_property
    def quotas(self) -> QuotaAdmin:
        settings = self.settings
        usual = Quota(settings.quota_jobs, settings.quota_units, settings.quota_bytes)
        return QuotaAdmin(self.tenancy, self.app.store, self.app.uploads.all, usual)

    def webhooks_of(self, caller: Caller) -> WebhookDesk:
        """Its tenant's."""
        return WebhookDesk(self.app.store.webhooks, caller.tenant, self.clock)

    @cached_property
    def key_admin(self) -> KeyAdmin:
        return KeyAdmin(self.tenancy, self.configured_keys, self.clock)


def base_of(request: Request) -> Context:
    """The context without a caller, for what tells nothing of anybody's jobs or is for administrators."""
    return cast(Context, request.app.state.context)


def caller_of(request: Request) -> Caller:
    """Whoever sent the request; a route that admits nobody has none."""
    caller: Caller | None = request.scope.get("caller")
    if caller is None:
        raise RuntimeError(f"{request.url.path} admits nobody: give its router the dependency `admitted`")
    return caller


def context_of(request: Request) -> Context:
    """That of whoever sent the request."""
    return replace(base_of(request).of(caller_of(request)), welcome=request.scope["welcome"])
