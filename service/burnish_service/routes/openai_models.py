"""/openai/v1/models: which models a client of OpenAI's API may name. (/v1/models lists uploads.)"""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from burnish_service.adapters.models import listed
from burnish_service.context import context_of
from burnish_service.routes.adapted import Route, error_responses
from burnish_workers.core.registry import near
from burnish_workers.engine.refusals import Refusal

router = APIRouter(prefix="/v1/models", tags=["openai"], route_class=Route)


@router.get("", responses=error_responses(401, 403))
async def models(request: Request) -> Response:
    """All of them."""
    return JSONResponse({"object": "list", "data": listed(context_of(request).app.catalogue())})


@router.get("/{model}", responses=error_responses(404))
async def model(request: Request, model: str) -> Response:
    """One of them."""
    known = {entry["id"]: entry for entry in listed(context_of(request).app.catalogue())}
    if model not in known:
        raise Refusal(404, "Model not found", near(model[:100], known))
    return JSONResponse(known[model])
