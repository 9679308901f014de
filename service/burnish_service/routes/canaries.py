"""/v1/canaries and /metrics: how the service fares, in its own terms and in those of Prometheus."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse

from burnish.wire import Canaries
from burnish_service.context import base_of, caller_of, context_of
from burnish_service.metrics import Seen, text, zeros
from burnish_service.openapi import problem_responses
from burnish_workers.engine.canaries import told

router = APIRouter()
scraped = APIRouter()
"""What Prometheus asks for, which may have a token for that alone."""

FOREVER = 36_500
"""Days of usage that counters sum over: they never go back."""


@router.get("/v1/canaries", tags=["cluster"], responses=problem_responses(503))
async def canaries(request: Request) -> Canaries:
    """Small jobs with known answers that the service runs on itself: how many intervals held, how forecasts fared."""
    context = context_of(request)
    return told(await context.app.store.tallied(), context.settings.canary_every)


@scraped.get("/metrics", tags=["health"], response_class=PlainTextResponse, responses=problem_responses(503))
async def metrics(request: Request) -> PlainTextResponse:
    """The same, the pool, its jobs and what was promised, for Prometheus. What tenants spent is shown by tenant to the
    operator alone: with the token BURNISH_METRICS_TOKEN, or a key with scope `admin`."""
    context = base_of(request)
    store = context.app.store
    tallies, usage = await store.tallied(), (await context.app.usage(FOREVER)).total
    found = told(tallies, context.settings.canary_every)
    overview, census = await context.coordination.overview(), await store.census()
    backlog, counted = await store.webhooks.backlog(), zeros(context.app.registry.names) | dict(tallies)
    operator = caller_of(request).operator
    seen = Seen(await context.pool(), overview, census, usage, found, counted, backlog, by_tenant=operator)
    return PlainTextResponse(text(seen), media_type="text/plain; version=0.0.4")
