"""What users can ask for, without HTTP: validate, create, read, extend, cancel. Routes and local mode call it.

Errors are `Refusal`s: RFC 9457 problems with the status that a route answers with.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from pydantic import BaseModel, ValidationError

from burnish.wire import (
    Budget,
    Catalogue,
    Event,
    EventPage,
    FieldError,
    Job,
    JobPage,
    KindInfo,
    Kinds,
    LedgerPage,
    Problem,
    SpecBase,
)
from burnish.wire.specs.base import MAX_SEED
from burnish_workers.core.kind import Kind, SpecError
from burnish_workers.core.registry import Registry
from burnish_workers.engine.clock import Clock
from burnish_workers.engine.ids import job_id
from burnish_workers.engine.pointers import field_errors, short
from burnish_workers.engine.records import Idempotency, IdempotencyConflict, JobRecord, NotExtensible
from burnish_workers.engine.store import Store

PAGE = 200
EVENT_PAGE = 1_000
MISTAKES = 10_000

M = TypeVar("M", bound=BaseModel)

_JSON_TYPES = {list: "an array", str: "a string", bool: "a boolean", int: "a number", float: "a number"}


class Refusal(Exception):
    """A request that cannot be honoured, as the problem to show."""

    def __init__(self, status: int, title: str, detail: str, errors: list[FieldError] | None = None):
        super().__init__(detail)
        slug = title.lower().replace(" ", "-")
        self.problem = Problem(type=f"/problems/{slug}", title=title, status=status, detail=detail, errors=errors or [])


@dataclass(frozen=True)
class Accepted:
    """A created job, or the one that the same idempotency key made before."""

    job: Job
    replayed: bool


class App:
    """The product without its transport."""

    def __init__(self, registry: Registry, store: Store, clock: Clock):
        self.registry, self.store, self._clock = registry, store, clock

    # --- jobs ---------------------------------------------------------------------------------------------------------
    async def create(self, body: bytes, idempotency_key: str | None = None) -> Accepted:
        """Validate a spec and queue it; accepted means stored. Raises Refusal."""
        spec, kind = self._spec(body)
        if spec.seed is None:
            spec = spec.model_copy(update={"seed": secrets.randbelow(MAX_SEED)})
        dumped = spec.model_dump(mode="json")
        record = JobRecord(id=job_id(), kind=kind.name, spec=dumped, budget=spec.budget, created_at=self._clock.now())
        if spec.resolution is not None:
            record = record.with_changes({"resolved": dumped})
        try:
            created = await self.store.create(record, _idempotency(idempotency_key, body))
        except IdempotencyConflict:
            raise _conflict() from None
        return Accepted(created.record.to_job(), created.replayed)

    def _spec(self, body: bytes) -> tuple[SpecBase, Kind]:
        given = _json(body)
        name = given.get("kind")
        if not isinstance(name, str) or name not in self.registry:
            shown = short(name) if "kind" in given else "missing"
            detail = f"kind is {shown}; known kinds: {', '.join(self.registry.names)}"
            if isinstance(name, str):
                detail = _unknown(self.registry, name)
            raise _invalid([FieldError(pointer="/kind", detail=detail)])
        kind = self.registry.get(name)
        spec = _validated(kind.spec, body, given)
        try:
            kind.check(spec)
        except SpecError as error:
            raise _invalid([FieldError(pointer=error.pointer, detail=str(error))]) from None
        return spec, kind

    async def get(self, job: str) -> Job:
        return (await self._record(job)).to_job()

    async def list(self, limit: int, after: str | None, status: str | None, kind: str | None) -> JobPage:
        if kind is not None and kind not in self.registry:
            detail = f"kind: {_unknown(self.registry, kind)}"
            raise Refusal(422, "Invalid request", detail, [FieldError(pointer="", detail=detail)])
        page = await self.store.list(limit=limit, after=after, status=status, kind=kind)
        jobs = [record.to_job() for record in page.records]
        return JobPage(data=jobs, has_more=page.has_more, next=jobs[-1].id if page.has_more else None)

    async def extend(self, job: str, body: bytes, idempotency_key: str | None = None) -> Job:
        """Think longer. Amounts that the job had no limit on start from what it has spent. Raises Refusal."""
        more = _validated(Budget, body, _json(body))
        record = await self._record(job)
        more = _from_here(more, record)
        try:
            extended = await self.store.extend(job, more, _idempotency(idempotency_key, body))
        except IdempotencyConflict:
            raise _conflict() from None
        except NotExtensible:
            detail = f"{job} ended as {record.status!r}; only live, completed and cancelled jobs take more budget"
            raise Refusal(409, "Not extensible", detail) from None
        except ValidationError as error:
            item = error.errors(include_url=False)[0]
            name, detail = str(item["loc"][0]), f"with what the job has, the budget would be {item['input']!r}: "
            raise _invalid([FieldError(pointer=f"/{name}", detail=detail + item["msg"])]) from None
        if extended is None:
            raise _missing(job)
        return extended.to_job()

    async def cancel(self, job: str) -> Job:
        record = await self.store.request_cancel(job)
        if record is None:
            raise _missing(job)
        return record.to_job()

    # --- events -------------------------------------------------------------------------------------------------------
    async def over(self, job: str, after: int) -> bool:
        """Whether the job is done and has said nothing after event `after`."""
        record = await self._record(job)
        return record.done and record.sequence <= after

    async def events(self, job: str, after: int, limit: int, types: frozenset[str] | None = None) -> EventPage:
        await self._record(job)
        found = await self.store.events(job, after=after, limit=limit + 1, types=types)
        page, more = found[:limit], len(found) > limit
        return EventPage(data=page, has_more=more, next=page[-1].sequence if more else None)

    async def next_events(self, job: str, after: int, timeout: float) -> list[Event]:
        """Events after `after`, waiting up to `timeout` seconds for the first."""
        found = await self.store.events(job, after=after, limit=EVENT_PAGE)
        if not found and await self.store.wait(job, after=after, timeout=timeout):
            found = await self.store.events(job, after=after, limit=EVENT_PAGE)
        return found

    async def ledger(self, job: str, after: int, limit: int) -> LedgerPage:
        await self._record(job)
        rows = await self.store.ledger(job, after=after, limit=limit + 1)
        page, more = rows[:limit], len(rows) > limit
        return LedgerPage(data=page, has_more=more, next=page[-1].index if more else None)

    # --- what there is ------------------------------------------------------------------------------------------------
    def kinds(self) -> Kinds:
        return Kinds(data=[kind.info() for kind in self.registry])

    def kind(self, name: str) -> KindInfo:
        if name not in self.registry:
            raise Refusal(404, "Not found", _unknown(self.registry, name))
        return self.registry.get(name).info()

    def catalogue(self) -> Catalogue:
        return Catalogue(data=[entry for kind in self.registry for entry in kind.catalogue()])

    async def _record(self, job: str) -> JobRecord:
        record = await self.store.get(job)
        if record is None:
            raise _missing(job)
        return record


def _json(body: bytes) -> dict[str, Any]:
    """The body as an object. NaN and infinities pass, so that the error for them can name the field."""
    try:
        given = json.loads(body.decode(), object_pairs_hook=_unique)
    except RecursionError:
        raise _malformed("it is nested too deeply") from None
    except ValueError as error:
        raise _malformed(str(error) if body else "it is empty") from None
    if not isinstance(given, dict):
        shown = _JSON_TYPES.get(type(given), "null")
        detail = f"the body must be a JSON object {{...}}, got {shown}"
        raise Refusal(422, "Invalid request", detail, [FieldError(pointer="", detail=detail)])
    return cast("dict[str, Any]", given)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON. Of a field given twice it is anybody's guess which was meant."""
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise ValueError(f"field {short(name)} is given more than once")
            seen.add(name)
    return found


def _malformed(why: str) -> Refusal:
    detail = f"the body is not JSON: {why}; send one object in UTF-8"
    return Refusal(400, "Malformed JSON", detail, [FieldError(pointer="", detail=detail)])


def _validated(model: type[M], body: bytes, given: dict[str, Any]) -> M:
    """The body as a model, strictly. Raises Refusal."""
    try:
        return model.model_validate_json(body, strict=True)
    except ValidationError as error:
        if error.error_count() > MISTAKES:  # to list them would take minutes and gigabytes
            detail = f"{error.error_count()} mistakes; see /v1/kinds for the schema, and send numbers, not strings"
            raise _invalid([FieldError(pointer="", detail=detail)]) from None
        first = error.errors(include_url=False, include_input=False)[0]
        if first["type"] == "json_invalid":  # what Python's parser lets pass: lone surrogates
            raise _malformed(first["msg"].removeprefix("Invalid JSON: ")) from None
        raise _invalid(field_errors(error, given, model)) from None


def _from_here(more: Budget, record: JobRecord) -> Budget:
    """A limit that the job did not have is counted from now, not from its beginning."""
    amounts = ("seconds", "worker_seconds", "gpu_seconds", "units")
    fresh = {
        name: getattr(more, name) + getattr(record.spent, name)
        for name in amounts
        if getattr(more, name) is not None and getattr(record.budget, name) is None
    }
    return more.model_copy(update=fresh)


def _idempotency(key: str | None, body: bytes) -> Idempotency | None:
    if key is None:
        return None
    if not 1 <= len(key) <= 255:
        detail = f"Idempotency-Key has {len(key)} characters; send 1 to 255"
        raise Refusal(422, "Invalid request", detail, [FieldError(pointer="", detail=detail)])
    return Idempotency(key, hashlib.sha256(body).hexdigest())


def _unknown(registry: Registry, name: str) -> str:
    try:
        registry.get(name[:100])
    except KeyError as error:
        return str(error.args[0])
    return name


def _invalid(errors: list[FieldError]) -> Refusal:
    first = errors[0]
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return Refusal(422, "Invalid request", f"{first.pointer or '/'}: {first.detail}{more}", errors)


def _conflict() -> Refusal:
    detail = "this Idempotency-Key was used within 24 hours with another body; send a new key, or the same body"
    return Refusal(422, "Idempotency conflict", detail)


def _missing(job: str) -> Refusal:
    return Refusal(404, "Not found", f"there is no job {job!r}; GET /v1/jobs lists yours")
