"""Uploading models and arrays by the sha256 of their bytes; listing and removing them. No HTTP."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

from burnish.wire import FieldError
from burnish.wire.files import PREFIX, FilePage, FileType, StoredFile
from burnish_workers.core.array_file import ArrayFileError, describe, read_arrays
from burnish_workers.core.model_file import ModelRejected, inspect_model
from burnish_workers.engine.artifacts import Artifacts
from burnish_workers.engine.clock import Clock
from burnish_workers.engine.library import Library, Shelf, artifact_of
from burnish_workers.engine.own_files import OwnFiles
from burnish_workers.engine.quotas import Caller
from burnish_workers.engine.refusals import Refusal
from burnish_workers.engine.store import FrontStore

YOUNG = 3600.0
"""A job that began to name a file so many seconds ago and is not stored is taken to have never come to be."""


class Uploads:
    """Files of users. What was accepted is kept until it is deleted. `all`: those of everybody."""

    def __init__(
        self, library: Library, artifacts: Artifacts, store: FrontStore, clock: Clock, shelf: Shelf | None = None
    ):
        self.all, self.library = library, shelf or library
        self.artifacts, self._store, self._clock = artifacts, store, clock

    def of(self, caller: Caller, store: FrontStore) -> Uploads:
        """Those of the caller's tenant; `store`: its jobs."""
        return Uploads(self.all, self.artifacts, store, self._clock, OwnFiles(self.all, caller))

    async def put(self, type: FileType, id: str, data: bytes) -> StoredFile:
        """Check an upload and keep it; the same bytes again are no error. Raises Refusal."""
        id = _checked_id(type, id)
        actual = PREFIX + await asyncio.to_thread(_sha256, data)
        if actual != id:
            raise _unprocessable("Wrong digest", f"the address says {id}, but the {len(data)} bytes have {actual}")
        kept = await self.library.get(type, id)
        if kept is not None and kept.state != "rejected":
            return kept
        card = await asyncio.to_thread(_model_card if type == "model" else _array_card, data)
        await self.artifacts.write(artifact_of(type, id), data)
        return await self.library.add(
            StoredFile(
                id=id,
                type=type,
                state="checking" if type == "model" else "ready",
                bytes=len(data),
                created_at=self._clock.now(),
                card=card,
            )
        )

    async def get(self, type: FileType, id: str) -> StoredFile:
        file = await self.library.get(type, _prefixed(id))
        if file is None:
            raise _unknown(type, id)
        return file

    async def list(self, type: FileType, limit: int, after: str | None) -> FilePage:
        page = await self.library.list(type, limit=limit, after=after)
        return FilePage(data=page.files, has_more=page.has_more, next=page.files[-1].id if page.has_more else None)

    async def delete(self, type: FileType, id: str) -> None:
        """Forget an upload that no job names. Raises Refusal: 404, or 409 while jobs name it."""
        id = _prefixed(id)
        jobs = [job for job, age in (await self.library.users(type, id)).items() if await self._names(job, age)]
        if jobs:
            shown = ", ".join(sorted(jobs)[:3]) + (", ..." if len(jobs) > 3 else "")
            detail = f"{type} {id} is named by {len(jobs)} jobs ({shown}); delete those first"
            raise Refusal(409, "In use", detail)
        dropped = await self.library.drop(type, id)
        if dropped == "missing":
            raise _unknown(type, id)
        if dropped == "gone":
            await self.artifacts.remove(artifact_of(type, id))

    async def _names(self, job: str, age: float) -> bool:
        return age < YOUNG or await self._store.get(job) is not None


def _prefixed(id: str) -> str:
    return id if id.startswith(PREFIX) else PREFIX + id


def _checked_id(type: FileType, id: str) -> str:
    digits = id.removeprefix(PREFIX)
    if len(digits) != 64 or not set(digits) <= set("0123456789abcdef"):
        detail = f"{id[:80]!r} is no sha256; the address is /v1/{type}s/ and 64 lower-case hexadecimal digits"
        raise _unprocessable("Invalid request", detail)
    return PREFIX + digits


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _model_card(data: bytes) -> dict[str, Any]:
    try:
        return inspect_model(data).card
    except ModelRejected as error:
        raise _unprocessable("Model rejected", str(error), error.reason) from None


def _array_card(data: bytes) -> dict[str, Any]:
    try:
        return describe(read_arrays(data))
    except ArrayFileError as error:
        raise _unprocessable("Array rejected", str(error)) from None


def _unprocessable(title: str, detail: str, reason: str | None = None) -> Refusal:
    refusal = Refusal(422, title, detail, [FieldError(pointer="", detail=detail)])
    if reason is not None:
        type = f"/problems/model-rejected/{reason.replace('_', '-')}"
        refusal.problem = refusal.problem.model_copy(update={"type": type})
    return refusal


def _unknown(type: FileType, id: str) -> Refusal:
    return Refusal(404, "Not found", f"there is no {type} {id[:100]!r}; GET /v1/{type}s lists them")
