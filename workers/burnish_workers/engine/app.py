"""What users can ask for, without HTTP: validate, create, read, extend, cancel, resume, delete.

Errors are `Refusal`s: RFC 9457 problems with the status that a route answers with.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from pydantic import ValidationError

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
    Purpose,
    SpecBase,
    Usage,
)
from burnish.wire.specs.base import MAX_SEED
from burnish_workers.core.kind import Kind, SpecError
from burnish_workers.core.purse import AMOUNTS
from burnish_workers.core.registry import Registry
from burnish_workers.engine.amounts import check_amounts
from burnish_workers.engine.clock import Clock
from burnish_workers.engine.conflate import conflated
from burnish_workers.engine.deadlines import check_deadline
from burnish_workers.engine.fed import NO_TOLERANCE, check_feed
from burnish_workers.engine.gather import gather, named
from burnish_workers.engine.ids import job_id
from burnish_workers.engine.large_answers import artifact_at
from burnish_workers.engine.origin import ORIGIN
from burnish_workers.engine.own_jobs import OwnJobs
from burnish_workers.engine.pointers import short
from burnish_workers.engine.quotas import Caller
from burnish_workers.engine.reading import read_json, validated
from burnish_workers.engine.records import (
    Idempotency,
    IdempotencyConflict,
    JobRecord,
    NotExtensible,
    NotResumable,
    PromisesMoved,
    StillLive,
)
from burnish_workers.engine.refusals import Refusal, conflict, invalid, invalid_header, missing
from burnish_workers.engine.store import FrontStore
from burnish_workers.engine.uploads import Uploads
from burnish_workers.engine.usage import summed

PAGE = 200
EVENT_PAGE = 1_000
FEW = 50
"""Events that a stream reads at once: it holds them until its reader has taken them, and slow readers are many."""


@dataclass(frozen=True)
class Accepted:
    """A created job, or the one that the same idempotency key made before."""

    job: Job
    replayed: bool


class App:
    """The product without its transport."""

    def __init__(self, registry: Registry, store: FrontStore, uploads: Uploads, clock: Clock):
        self.registry, self.store, self.uploads, self._clock = registry, store, uploads, clock

    def of(self, caller: Caller) -> App:
        """The product as a caller may see it: its tenant's jobs and files, within its tenant's quotas."""
        store = OwnJobs(self.store, caller)
        return App(self.registry, store, self.uploads.of(caller, store), self._clock)

    # --- jobs ---------------------------------------------------------------------------------------------------------
    async def create(self, body: bytes, idempotency_key: str | None = None) -> Accepted:
        """Validate a spec and queue it; accepted means stored. Raises Refusal."""
        spec, record = await self.read(body)
        return await self.accept(spec, record, _idempotency(idempotency_key, body))

    async def accept(
        self, spec: SpecBase, record: JobRecord, once: Idempotency | None, *, promised: int | None = None
    ) -> Accepted:
        """Queue what was read. Raises Refusal, and PromisesMoved (see `Store.create`)."""
        await self._use(spec, record.id)
        try:
            created = await self.store.create(record, once, promised=promised)
        except (IdempotencyConflict, PromisesMoved, Refusal) as error:
            await self._unuse(spec, record.id)
            if isinstance(error, IdempotencyConflict):
                raise conflict() from None
            raise
        if created.replayed:
            await self._unuse(spec, record.id)
        return Accepted(created.record.to_job(), created.replayed)

    async def before(self, body: bytes, idempotency_key: str | None) -> tuple[Idempotency | None, Accepted | None]:
        """The idempotency of a request, and what was accepted under its key already. Raises Refusal."""
        once = _idempotency(idempotency_key, body)
        try:
            made = None if once is None else await self.store.replayed(once)
        except IdempotencyConflict:
            raise conflict() from None
        return once, None if made is None else Accepted(made.to_job(), replayed=True)

    async def queued(self, body: bytes, purpose: Purpose) -> JobRecord:
        """A job of this spec with another purpose than an answer, stored. Raises Refusal."""
        return await self.queue(*await self.read(body), purpose)

    async def queue(self, spec: SpecBase, record: JobRecord, purpose: Purpose) -> JobRecord:
        """The same for a spec that was read."""
        changes = {"id": job_id(), "purpose": purpose, "given": None, "expected": None}
        record = record.with_changes(changes)
        await self._use(spec, record.id)
        return await self.keep(record)

    async def keep(self, record: JobRecord) -> JobRecord:
        return (await self.store.create(record)).record

    async def read(self, body: bytes) -> tuple[SpecBase, JobRecord]:
        """A posted spec, judged, and the job it would be. Raises Refusal."""
        spec, kind = self._spec(body)
        now = self._clock.now()
        try:
            inputs = await gather(spec, self.uploads.library, self.uploads.artifacts, whole=False)
            kind.check(spec, inputs)
            check_amounts(kind, spec.budget)
            check_deadline(spec.budget, now)
            feed = kind.feed(spec, inputs)
            check_feed(spec, feed)
        except SpecError as error:
            raise invalid([FieldError(pointer=error.pointer, detail=str(error))]) from None
        if spec.seed is None:
            spec = spec.model_copy(update={"seed": secrets.randbelow(MAX_SEED)})
        dumped = spec.model_dump(mode="json")
        resolved = dumped if spec.resolution is not None else None
        record = JobRecord(job_id(), kind.name, dumped, spec.budget, now, resolved=resolved)
        fed = {} if feed is None else {"given": len(feed.given), "expected": feed.expected}
        return spec, record.with_changes({**fed, "origin": ORIGIN.get()})

    async def artifact(self, job: str, name: str) -> bytes:
        """A file that a job left for its user. Raises Refusal."""
        await self.get(job)
        try:
            return await self.uploads.artifacts.read(artifact_at(job, name))
        except (KeyError, ValueError):
            where = "`arrays` and `artifacts` of its refinements name those that it has"
            detail = f"job {job} has no artifact {name[:100]!r}; {where}"
            raise Refusal(404, "Not found", detail) from None

    async def _use(self, spec: SpecBase, job: str) -> None:
        """Uploads that a job names are not removed while it is kept."""
        for pointer, type, id in named(spec):
            if not await self.uploads.library.use(type, id, job):
                raise invalid([FieldError(pointer=pointer, detail=f"{type} {id!r} has just been deleted")])

    async def _unuse(self, spec: SpecBase, job: str) -> None:
        for _, type, id in named(spec):
            await self.uploads.library.unuse(type, id, job)

    def _spec(self, body: bytes) -> tuple[SpecBase, Kind]:
        given = read_json(body)
        name = given.get("kind")
        if not isinstance(name, str) or name not in self.registry:
            shown = short(name) if "kind" in given else "missing"
            detail = f"kind is {shown}; known kinds: {', '.join(self.registry.names)}"
            if isinstance(name, str):
                detail = _unknown(self.registry, name)
            raise invalid([FieldError(pointer="/kind", detail=detail)])
        kind = self.registry.get(name)
        return validated(kind.spec, body, given), kind

    async def get(self, job: str) -> Job:
        return (await self.record(job)).to_job()

    async def list(
        self, limit: int, after: str | None, status: str | None, kind: str | None, canaries: bool = False
    ) -> JobPage:
        if kind is not None and kind not in self.registry:
            detail = f"kind: {_unknown(self.registry, kind)}"
            raise Refusal(422, "Invalid request", detail, [FieldError(pointer="", detail=detail)])
        page = await self.store.list(limit=limit, after=after, status=status, kind=kind, canaries=canaries)
        jobs = [record.to_job() for record in page.records]
        return JobPage(data=jobs, has_more=page.has_more, next=jobs[-1].id if page.has_more else None)

    async def extend(self, job: str, body: bytes, idempotency_key: str | None = None) -> Job:
        """Think longer. Amounts that the job had no limit on start from what it has spent. Raises Refusal."""
        more = validated(Budget, body, read_json(body))
        record = await self.record(job)
        if record.given is not None and more.has_tolerance:
            name = "abs_tol" if more.abs_tol is not None else "rel_tol"
            raise invalid([FieldError(pointer=f"/{name}", detail=NO_TOLERANCE)])
        try:
            check_amounts(self.registry.get(record.kind), more, under="")
            check_deadline(more, self._clock.now(), under="")
        except SpecError as error:
            raise invalid([FieldError(pointer=error.pointer, detail=str(error))]) from None
        more = _from_here(more, record)
        try:
            extended = await self.store.extend(job, more, _idempotency(idempotency_key, body))
        except IdempotencyConflict:
            raise conflict() from None
        except NotExtensible:
            detail = f"{job} ended as {record.status!r}; only live, completed and cancelled jobs take more budget"
            raise Refusal(409, "Not extensible", detail) from None
        except ValidationError as error:
            item = error.errors(include_url=False)[0]
            name, detail = str(item["loc"][0]), f"with what the job has, the budget would be {item['input']!r}: "
            raise invalid([FieldError(pointer=f"/{name}", detail=detail + item["msg"])]) from None
        if extended is None:
            raise missing(job)
        return extended.to_job()

    async def resume(self, job: str) -> Job:
        """A crashed job goes on from its frontier. Raises Refusal."""
        try:
            record = await self.store.resume(job)
        except NotResumable as error:
            raise Refusal(409, "Not resumable", str(error)) from None
        if record is None:
            raise missing(job)
        return record.to_job()

    async def delete(self, job: str) -> None:
        """Forget a job that has ended, with all it left behind. Raises Refusal."""
        try:
            await self.forget(job)
        except StillLive as error:
            raise Refusal(409, "Still live", str(error)) from None

    async def forget(self, job: str) -> None:
        """As `delete`; raises StillLive."""
        record = await self.record(job)
        spec = self.known(record)
        if not await self.store.delete(job):
            raise missing(job)
        await self.uploads.artifacts.remove(f"{job}/")
        if spec is not None:
            await self._unuse(spec, job)

    def known(self, record: JobRecord) -> SpecBase | None:
        """The spec of a job, if its kind is still installed here and still reads it."""
        if record.kind not in self.registry:
            return None
        try:
            return self.registry.get(record.kind).spec.model_validate(record.spec)
        except ValidationError:
            return None

    async def usage(self, days: int) -> Usage:
        return summed(await self.store.usage(days))

    async def cancel(self, job: str) -> Job:
        record = await self.store.request_cancel(job)
        if record is None:
            raise missing(job)
        return record.to_job()

    # --- events -------------------------------------------------------------------------------------------------------
    async def over(self, job: str, after: int) -> bool:
        """Whether the job is done and has said nothing after event `after`."""
        record = await self.record(job)
        return record.done and record.sequence <= after

    async def events(
        self, job: str, after: int, limit: int, types: frozenset[str] | None = None, *, latest: bool = False
    ) -> EventPage:
        """A page of events; `latest`: of all the refinements after `after` only the newest."""
        await self.record(job)
        if latest:
            return await self._latest(job, after, limit, types)
        found = await self.store.events(job, after=after, limit=limit + 1, types=types)
        page, more = found[:limit], len(found) > limit
        return EventPage(data=page, has_more=more, next=page[-1].sequence if more else None)

    async def _latest(self, job: str, after: int, limit: int, types: frozenset[str] | None) -> EventPage:
        found = await self._conflated(job, after, types)
        page, more = found[:limit], len(found) > limit
        return EventPage(data=page, has_more=more, next=page[-1].sequence if more else None)

    async def _conflated(self, job: str, after: int, types: frozenset[str] | None = None) -> list[Event]:
        found: list[Event] = []
        while True:
            batch = await self.store.events(job, after=after, limit=EVENT_PAGE, types=types)
            found = conflated([*found, *batch])
            if len(batch) < EVENT_PAGE:
                return found
            after = batch[-1].sequence

    async def next_events(self, job: str, after: int, timeout: float, *, latest: bool = False) -> list[Event]:
        """The next few events after `after`, waiting up to `timeout` seconds for the first; `latest`: all that there
        are, but of the refinements only the newest."""
        found = await self._next(job, after, latest)
        if not found and await self.store.wait(job, after=after, timeout=timeout):
            found = await self._next(job, after, latest)
        return found

    async def _next(self, job: str, after: int, latest: bool) -> list[Event]:
        if latest:
            return await self._conflated(job, after)
        return await self.store.events(job, after=after, limit=FEW)

    async def ledger(self, job: str, after: int, limit: int) -> LedgerPage:
        await self.record(job)
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

    async def record(self, job: str) -> JobRecord:
        record = await self.store.get(job)
        if record is None:
            raise missing(job)
        return record


def _from_here(more: Budget, record: JobRecord) -> Budget:
    """A limit that the job did not have is counted from now, not from its beginning."""
    fresh = {
        name: getattr(more, name) + getattr(record.spent, name)
        for name in AMOUNTS
        if getattr(more, name) is not None and getattr(record.budget, name) is None
    }
    return more.model_copy(update=fresh)


def _idempotency(key: str | None, body: bytes) -> Idempotency | None:
    if key is None:
        return None
    if not 1 <= len(key) <= 255:
        raise invalid_header(f"Idempotency-Key has {len(key)} characters; send 1 to 255")
    return Idempotency(key, hashlib.sha256(body).hexdigest())


def _unknown(registry: Registry, name: str) -> str:
    try:
        registry.get(name[:100])
    except KeyError as error:
        return str(error.args[0])
    return name
