"""/v1/models and /v1/arrays: uploads by the sha256 of their bytes."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import JSONResponse

from burnish.wire import FilePage, StoredFile
from burnish_service.context import context_of
from burnish_service.openapi import bytes_body, problem_responses
from burnish_service.problems import read_bytes
from burnish_workers.engine.app import PAGE

router = APIRouter(prefix="/v1")

Id = Annotated[
    str,
    Path(
        description="64 hexadecimal digits, with or without `sha256:` before them.",
        # Told, not enforced here: the engine's own error says more than that a pattern was missed.
        json_schema_extra={"pattern": "^(sha256:)?[0-9a-f]{64}$"},
    ),
]
Limit = Annotated[int, Query(ge=1, le=PAGE)]
After = Annotated[str | None, Query(max_length=100, description="The last file of the page before.")]

_PUT = problem_responses(413, 422, 429, 503)
_DELETE = {204: {"description": "It is gone."}, **problem_responses(404, 409, 422, 503)}


@router.put("/models/{sha256}", status_code=202, tags=["models"], openapi_extra=bytes_body(), responses=_PUT)
async def put_model(request: Request, sha256: Id) -> StoredFile:
    """Upload a model: `.pt2` written by `burnish.export`, or safetensors with an architecture card.

    It is looked through at once, and tried on a worker before jobs may use it; jobs that name it before that wait.
    """
    context = context_of(request)
    return await context.app.uploads.put("model", sha256, await read_bytes(request, context.settings.max_model))


@router.get("/models", tags=["models"], responses=problem_responses(422, 503))
async def models(request: Request, limit: Limit = 20, after: After = None) -> FilePage:
    """Newest first."""
    return await context_of(request).app.uploads.list("model", limit, after)


@router.get("/models/{sha256}", tags=["models"], responses=problem_responses(404, 422, 503))
async def model(request: Request, sha256: Id) -> StoredFile:
    """Its state, its card and, when it was rejected, why."""
    return await context_of(request).app.uploads.get("model", sha256)


@router.delete("/models/{sha256}", status_code=204, tags=["models"], responses=_DELETE)
async def delete_model(request: Request, sha256: Id) -> Response:
    """Forget a model that no job names."""
    await context_of(request).app.uploads.delete("model", sha256)
    return Response(status_code=204)


@router.put("/arrays/{sha256}", status_code=201, tags=["arrays"], openapi_extra=bytes_body(), responses=_PUT)
async def put_array(request: Request, sha256: Id) -> Response:
    """Upload arrays: `.npy`, or safetensors with several by name. They are ready at once."""
    context = context_of(request)
    file = await context.app.uploads.put("array", sha256, await read_bytes(request, context.settings.max_body))
    return JSONResponse(file.model_dump(mode="json"), 201)


@router.get("/arrays", tags=["arrays"], responses=problem_responses(422, 503))
async def arrays(request: Request, limit: Limit = 20, after: After = None) -> FilePage:
    """Newest first."""
    return await context_of(request).app.uploads.list("array", limit, after)


@router.get("/arrays/{sha256}", tags=["arrays"], responses=problem_responses(404, 422, 503))
async def array(request: Request, sha256: Id) -> StoredFile:
    """What is in the file."""
    return await context_of(request).app.uploads.get("array", sha256)


@router.delete("/arrays/{sha256}", status_code=204, tags=["arrays"], responses=_DELETE)
async def delete_array(request: Request, sha256: Id) -> Response:
    """Forget an array file that no job names."""
    await context_of(request).app.uploads.delete("array", sha256)
    return Response(status_code=204)
