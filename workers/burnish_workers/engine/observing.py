"""Observations for jobs that assimilate them: taken, listed, refused. No HTTP."""

from __future__ import annotations

import json
from typing import NoReturn

from burnish.wire import FieldError, Job, ObservationPage, Observe, Observed
from burnish.wire.observations import MOST_OBSERVATIONS
from burnish_workers.core.feed import Components, Feed, kept
from burnish_workers.core.kind import SpecError
from burnish_workers.engine.app import App
from burnish_workers.engine.encoding import to_json
from burnish_workers.engine.gather import gather
from burnish_workers.engine.pointers import LONGEST
from burnish_workers.engine.reading import read_json, validated
from burnish_workers.engine.records import (
    JobRecord,
    ObservationDiffers,
    ObservationGap,
    ObservationRefused,
    ObservationsBeyond,
    Posted,
)
from burnish_workers.engine.refusals import Refusal, invalid, missing

FEW = 4
"""Components of an observation that an error repeats in full."""


class Observing:
    """Raises Refusal: 404, 409 when the observations do not follow on from those that the job has, 422."""

    def __init__(self, app: App):
        self._app = app

    async def observe(self, job: str, body: bytes) -> Observed:
        """Take observations; what is accepted is stored. The same again under the same index changes nothing."""
        sent = validated(Observe, body, read_json(body))
        record = await self._app.record(job)
        feed, given = await self._feed(record)
        texts = _texts(sent, feed)
        if not texts and sent.last and given + record.observed == 0:
            detail = "there is no observation yet, so none can be the last; cancel the job if none will come"
            raise invalid([FieldError(pointer="/last", detail=detail)])
        self._compare(job, sent, texts, feed)
        most = MOST_OBSERVATIONS if record.expected is None else min(record.expected, MOST_OBSERVATIONS)
        beyond = tuple(texts[max(0, given - sent.first) :])
        posted = Posted(max(0, sent.first - given), beyond, sent.last, max(0, most - given))
        return await self._store(job, sent, texts, given, posted)

    async def listed(self, job: str, after: int, limit: int) -> ObservationPage:
        """Observations with index > after, those of the spec first."""
        record = await self._app.record(job)
        feed, given = await self._feed(record)
        start = after + 1
        data = [_shown(feed, number) for number in range(start, min(given, start + limit))]
        heard = await self._app.store.observations(job, start=max(0, start - given), limit=limit + 1)
        data += [json.loads(text) for text in heard.texts]
        more = len(data) > limit or given > start + limit
        page = data[:limit]
        return ObservationPage(data=page, start=start, has_more=more, next=start + len(page) - 1 if more else None)

    async def _feed(self, record: JobRecord) -> tuple[Feed, int]:
        """How the job's kind reads observations, and how many its spec brings."""
        spec = self._app.known(record)
        if record.given is None or spec is None:
            detail = f"{record.id} is a {record.kind} job that assimilates no observations"
            raise Refusal(409, "Takes no observations", detail)
        uploads = self._app.uploads
        inputs = await gather(spec, uploads.library, uploads.artifacts, whole=False)
        feed = self._app.registry.get(record.kind).feed(spec, inputs)
        assert feed is not None, "the spec brought observations when the job was made"
        return feed, record.given

    def _compare(self, job: str, sent: Observe, texts: list[str], feed: Feed) -> None:
        """What the spec brought cannot be changed either, nor be the last where there is more."""
        for number, text in enumerate(texts[: max(0, len(feed.given) - sent.first)], sent.first):
            mine = to_json(_shown(feed, number))
            if text != mine:
                _differs(job, number, mine, text)
        if sent.last and sent.first + len(texts) < len(feed.given):
            _not_the_last(job, sent.first + len(texts), len(feed.given))

    async def _store(self, job: str, sent: Observe, texts: list[str], given: int, posted: Posted) -> Observed:
        try:
            taken = await self._app.store.observe(job, posted)
        except ObservationDiffers as error:
            number = given + error.number
            _differs(job, number, error.kept, texts[number - sent.first])
        except ObservationGap as error:
            count = given + error.record.observed
            detail = f"the next observation of {job} has index {count}, got {sent.first}; send those in between first"
            raise Refusal(409, "Observation gap", detail) from None
        except ObservationsBeyond as error:
            _not_the_last(job, sent.first + len(texts), given + error.record.observed)
        except ObservationRefused as error:
            raise Refusal(409, "Takes no more observations", _why(error.record.to_job())) from None
        if taken is None:
            raise missing(job)
        shown = taken.record.observations()
        assert shown is not None
        return Observed(job_id=job, observations=shown, replayed=taken.replayed)


def _texts(sent: Observe, feed: Feed) -> list[str]:
    """The observations of a request as they are kept. Raises Refusal."""
    found: list[str] = []
    for place, observation in enumerate(sent.listed):
        try:
            found.append(to_json(kept(feed.array(observation, sent.first + place))))
        except SpecError as error:
            raise invalid([FieldError(pointer=sent.pointer(place) + error.pointer, detail=str(error))]) from None
        except ValueError as error:
            raise invalid([FieldError(pointer=sent.pointer(place), detail=str(error))]) from None
    return found


def _shown(feed: Feed, number: int) -> Components:
    return kept(feed.array(feed.given[number], number))


def _differs(job: str, number: int, mine: str, sent: str) -> NoReturn:
    where, mine, sent = _difference(mine, sent)
    detail = f"{where}observation {number} of {job} is {mine}, and {sent} was sent; what was accepted stays"
    raise Refusal(409, "Observation differs", detail) from None


def _difference(mine: str, sent: str) -> tuple[str, str, str]:
    """Where two observations differ, and how: whole where they are short, else their first component that does."""
    ours, theirs = json.loads(mine) or [], json.loads(sent) or []
    if len(ours) <= FEW or len(ours) != len(theirs):
        return "", _cut(mine), _cut(sent)
    at = next(i for i, (one, other) in enumerate(zip(ours, theirs, strict=True)) if one != other)
    return f"component {at} of ", to_json(ours[at]), to_json(theirs[at])


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def _not_the_last(job: str, end: int, count: int) -> NoReturn:
    detail = f"observation {end - 1} cannot be the last of {job}, which has {count}"
    raise Refusal(409, "Not the last observation", detail) from None


def _why(job: Job) -> str:
    """Why a job takes no more observations, and what to do."""
    if job.done:
        return f"{job.id} is {job.status}; only live jobs take observations, and more budget brings one back to life"
    stands = job.observations
    assert stands is not None
    if stands.last:
        return f"observation {stands.count - 1} of {job.id} was marked the last; post another job for what comes after"
    if stands.expected is not None:
        return f"{job.id} expects {stands.expected} observations and has {stands.count}; post another job for more"
    return f"{job.id} has {stands.count} observations and may have {MOST_OBSERVATIONS}; post another job for more"
