"""What every route needs, kept on the application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import cast

from fastapi import Request

from burnish_service.attendance import Attendance
from burnish_service.settings import Settings
from burnish_workers.engine.app import App
from burnish_workers.engine.clock import Clock
from burnish_workers.engine.coordination import Coordination
from burnish_workers.engine.inquiries import Inquiries
from burnish_workers.engine.observing import Observing
from burnish_workers.engine.promising import Promising


@dataclass(frozen=True)
class Pool:
    """Workers that are `up`, of those `wanted`; `lacking`: what is missing, None when nothing is."""

    up: int
    wanted: int
    lacking: str | None = None


@dataclass(frozen=True)
class Context:
    """`pool` says how the pool of workers is."""

    app: App
    settings: Settings
    clock: Clock
    pool: Callable[[], Awaitable[Pool]]
    coordination: Coordination
    attendance: Attendance = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "attendance", Attendance(self.clock))

    @property
    def inquiries(self) -> Inquiries:
        return Inquiries(self.app, self.clock)

    @property
    def promising(self) -> Promising:
        return Promising(self.app, self.coordination, self.clock)

    @property
    def observing(self) -> Observing:
        return Observing(self.app)


def context_of(request: Request) -> Context:
    return cast(Context, request.app.state.context)
