"""The FastAPI application over a context. Needs no torch: the front validates, stores and streams."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import Depends, FastAPI

from burnish_service import __version__, dashboard, openapi, problems
from burnish_service.access import administrating, admitted, scraping
from burnish_service.context import Context
from burnish_service.problems import RequestId
from burnish_service.routes import (
    canaries,
    catalogue,
    chat,
    cluster,
    events,
    files,
    forecast,
    health,
    inquiries,
    jobs,
    keys,
    observations,
    openai_models,
    quotas,
    responses,
    webhooks,
)

SUMMARY = "Answers that sharpen while you wait: distributed simulation for inference-time scaling."

OPENAI = "/openai"


def create_app(connect: Callable[[], Awaitable[Context]], *, echo: bool = True) -> FastAPI:
    """The application; `connect` is called once, in the event loop that will serve it.

    `echo`: answer with X-Request-Id. Not behind Ray Serve, which does so itself.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.context = context = await connect()
        reporting = asyncio.create_task(context.attendance.run(context.coordination, context.app.store))
        yield
        reporting.cancel()
        await asyncio.gather(reporting, return_exceptions=True)
        await context.app.store.close()

    app = FastAPI(
        title="burnish", version=__version__, summary=SUMMARY, docs_url="/docs", redoc_url=None, lifespan=lifespan
    )
    ordinary = (jobs, events, observations, inquiries, files, forecast, chat, responses, catalogue, cluster, canaries)
    users, admins = [Depends(admitted)], [Depends(administrating)]
    for module in (*ordinary, webhooks):
        app.include_router(module.router, dependencies=users)
    app.include_router(canaries.scraped, dependencies=[Depends(scraping)])
    app.include_router(quotas.router, dependencies=users)
    for router in (keys.router, quotas.admin):
        app.include_router(router, dependencies=admins)
    app.include_router(health.router)
    for module in (chat, responses, openai_models):  # a base URL of their own, under which /models is OpenAI's
        shown = module is openai_models
        app.include_router(module.router, prefix=OPENAI, include_in_schema=shown, dependencies=users)
    dashboard.mount(app)
    problems.install(app)
    app.add_middleware(RequestId, echo=echo)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


def _openapi(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        bodies = (
            *jobs.BODIES,
            *observations.BODIES,
            *inquiries.BODIES,
            *forecast.BODIES,
            *chat.BODIES,
            *responses.BODIES,
            *keys.BODIES,
            *quotas.BODIES,
            *webhooks.BODIES,
        )
        app.openapi_schema = openapi.document(app, *bodies)
    return app.openapi_schema
