"""The FastAPI application over a context. Needs no torch: the front validates, stores and streams."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from burnish_service import __version__, problems
from burnish_service.context import Context
from burnish_service.problems import RequestId
from burnish_service.routes import catalogue, events, health, jobs

SUMMARY = "Answers that sharpen while you wait: distributed simulation for inference-time scaling."


def create_app(connect: Callable[[], Awaitable[Context]]) -> FastAPI:
    """The application; `connect` is called once, in the event loop that will serve it."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.context = context = await connect()
        yield
        await context.app.store.close()

    app = FastAPI(
        title="burnish", version=__version__, summary=SUMMARY, docs_url="/docs", redoc_url=None, lifespan=lifespan
    )
    for module in (jobs, events, catalogue, health):
        app.include_router(module.router)
    problems.install(app)
    app.add_middleware(RequestId)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


def _openapi(app: FastAPI) -> dict[str, Any]:
    """FastAPI's document plus the models of bodies that are validated by hand."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        for model in jobs.BODIES:
            schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
            for name, definition in schema.pop("$defs", {}).items():
                schemas.setdefault(name, definition)
            schemas[model.__name__] = schema
        app.openapi_schema = document
    return app.openapi_schema
