"""Answers that hold a secret, which is told once."""

from __future__ import annotations

from fastapi.responses import JSONResponse
from pydantic import BaseModel


def told_once(issued: BaseModel, status: int, headers: dict[str, str] | None = None) -> JSONResponse:
    """In no cache on the way."""
    return JSONResponse(issued.model_dump(mode="json"), status, {"Cache-Control": "no-store", **(headers or {})})
