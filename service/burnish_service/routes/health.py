"""Liveness and readiness."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from burnish.wire import Problem
from burnish_service.context import base_of
from burnish_service.openapi import problem_responses
from burnish_service.problems import answer
from burnish_workers.engine.records import StoreUnavailable

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def alive() -> dict[str, str]:
    """This process answers."""
    return {"status": "ok"}


@router.get("/readyz", response_model=dict[str, str], responses=problem_responses(503))
async def ready(request: Request) -> Response:
    """The store answers and the pool of workers is up; 503 with the reason otherwise."""
    context = base_of(request)
    problems: list[str] = []
    try:
        await context.app.store.ping()
    except StoreUnavailable as error:
        problems.append(f"store: {error}")
    lacking = (await context.pool()).lacking
    if lacking is not None:
        problems.append(f"pool: {lacking}")
    if problems:
        problem = Problem(type="/problems/not-ready", title="Not ready", status=503, detail="; ".join(problems))
        return answer(request, problem, {"Retry-After": "2"})
    return JSONResponse({"status": "ready"})
