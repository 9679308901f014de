"""/v1/forecast: a scaling law for the user's own records."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request
from pydantic import BaseModel

from burnish.wire import FieldError
from burnish.wire.scaling import ScalingLaw, ScalingRequest
from burnish_service.context import context_of
from burnish_service.openapi import body_of, problem_responses
from burnish_service.problems import read_body
from burnish_workers.core.kind import SpecError
from burnish_workers.engine.forecasting import forecast
from burnish_workers.engine.reading import read_json, validated
from burnish_workers.engine.refusals import invalid

router = APIRouter(prefix="/v1", tags=["forecast"])

BODIES: tuple[type[BaseModel], ...] = (ScalingRequest,)


@router.post("/forecast", openapi_extra=body_of(ScalingRequest), responses=problem_responses(400, 413, 415, 422))
async def fit(request: Request) -> ScalingLaw:
    """Fit Risk = A/data^a + B/compute^b + floor to records, foretell, and split a budget. Stateless; takes seconds."""
    body = await read_body(request, context_of(request).settings.max_body)
    asked = validated(ScalingRequest, body, read_json(body))
    try:
        return await asyncio.to_thread(forecast, asked)
    except SpecError as error:
        raise invalid([FieldError(pointer=error.pointer, detail=str(error))]) from None
