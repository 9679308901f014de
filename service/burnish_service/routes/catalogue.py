"""/v1/kinds and /v1/catalogue: what can be asked for."""

from __future__ import annotations

from fastapi import APIRouter, Request

from burnish.wire import Catalogue, KindInfo, Kinds
from burnish_service.context import context_of
from burnish_service.openapi import problem_responses

router = APIRouter(prefix="/v1", tags=["catalogue"])


@router.get("/kinds")
async def kinds(request: Request) -> Kinds:
    """Kinds of jobs, with the schema of their specs and examples."""
    return context_of(request).app.kinds()


@router.get("/kinds/{kind}", responses=problem_responses(404, 422))
async def kind(request: Request, kind: str) -> KindInfo:
    """One kind: the schema of its specs, and examples."""
    return context_of(request).app.kind(kind)


@router.get("/catalogue")
async def catalogue(request: Request) -> Catalogue:
    """Named problems and trained models."""
    return context_of(request).app.catalogue()
