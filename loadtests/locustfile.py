"""Users of a service under load; `run.py` starts one and drives them.

Submitters post small jobs of every kind at a fixed rate and follow each to its end. Watchers hold a stream of a long
job open and come back when it is rotated. Slow readers take a kilobyte a second, abandoners leave in mid-stream.
"""

from __future__ import annotations

import http.client
import itertools
import json
import os
import random
import time
from typing import Any
from urllib.parse import urlsplit

import gevent
from locust import User, constant_throughput, events, task
from specs import small_jobs
from streaming import TERMINAL, Stream

JOBS = [job for job in os.environ.get("LOADTEST_JOBS", "").split(",") if job]
"""Long jobs that are watched."""

STREAMS, RATE = int(os.environ.get("LOADTEST_STREAMS", "0")), int(os.environ.get("LOADTEST_RATE", "0"))
SLOW, GONE = int(os.environ.get("LOADTEST_SLOW", "0")), int(os.environ.get("LOADTEST_GONE", "0"))
NOTED = 0.05
"""Share of the event lags that are noted: locust keeps every number."""

_SPECS = small_jobs()


def fire(kind: str, name: str, milliseconds: float, failure: Exception | None = None) -> None:
    events.request.fire(
        request_type=kind, name=name, response_time=milliseconds, response_length=0, exception=failure, context={}
    )


class _Quiet(User):
    abstract = True

    def refused(self, name: str, began: float, error: Exception) -> None:
        fire("SSE", name, 1e3 * (time.monotonic() - began), error)
        gevent.sleep(random.uniform(0.5, 1.5))


class Submitter(User):
    """One job a second each: POST, then its stream to the end."""

    fixed_count = RATE
    wait_time = constant_throughput(1)

    @task
    def submit(self) -> None:
        began, spec = time.monotonic(), next(_SPECS)
        try:
            job = _post(self.host or "", spec)
        except Exception as error:
            fire("POST", "/v1/jobs", 1e3 * (time.monotonic() - began), error)
            return
        fire("POST", "/v1/jobs", 1e3 * (time.monotonic() - began))
        gevent.spawn(_followed, self.host or "", job, spec["kind"], began)


def _post(base: str, spec: dict[str, Any]) -> str:
    where = urlsplit(base)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=30)
    try:
        connection.request("POST", "/v1/jobs", json.dumps(spec), {"content-type": "application/json"})
        reply = connection.getresponse()
        body = reply.read()
    finally:
        connection.close()
    if reply.status not in (201, 202):
        raise ConnectionError(f"HTTP {reply.status}: {body[:200]!r}")
    return str(json.loads(body)["id"])


def _followed(base: str, job: str, kind: str, began: float) -> None:
    """Times from the POST to the first refinement and to the end; a failure where events are missing."""
    seen, first = 0, True
    try:
        while True:
            with Stream(base, job, seen, timeout=120) as stream:
                for event in stream:
                    if event.sequence != seen + 1:
                        raise AssertionError(f"event {event.sequence} after {seen}")
                    seen = event.sequence
                    if event.type == "refinement" and first:
                        first = False
                        fire("JOB", f"first refinement, {kind}", 1e3 * (time.monotonic() - began))
                    if event.type in TERMINAL:
                        failure = None if event.type == "completed" else AssertionError(f"{event.type}: {job}")
                        fire("JOB", f"end, {kind}", 1e3 * (time.monotonic() - began), failure)
                        return
    except Exception as error:
        fire("JOB", f"end, {kind}", 1e3 * (time.monotonic() - began), error)


class Watcher(_Quiet):
    """Holds a stream open for as long as the job runs; every event once."""

    fixed_count = STREAMS
    _turn = itertools.count()

    def on_start(self) -> None:
        self.job = JOBS[next(self._turn) % len(JOBS)]
        self.seen = -1  # where it comes in is the service's choice: the newest

    @task
    def watch(self) -> None:
        began = time.monotonic()
        try:
            with Stream(self.host or "", self.job, max(self.seen, 0)) as stream:
                fire("SSE", "open", 1e3 * (time.monotonic() - began))
                for event in stream:
                    live = self.seen >= 0 and time.monotonic() - began > 2
                    if self.seen >= 0 and event.sequence != self.seen + 1:
                        raise AssertionError(f"event {event.sequence} after {self.seen}")
                    self.seen = event.sequence
                    if live and random.random() < NOTED:
                        fire("SSE", "event lag", event.lag)
                    if event.type in TERMINAL:
                        gevent.sleep(3_600)
        except Exception as error:
            self.refused("watch", began, error)


class SlowReader(_Quiet):
    """A kilobyte a second: nobody else may wait for it."""

    fixed_count = SLOW

    @task
    def read(self) -> None:
        began = time.monotonic()
        try:
            with Stream(self.host or "", random.choice(JOBS), timeout=120) as stream:
                stream.slowly(1_024, 1.0, 60.0)
        except Exception as error:
            self.refused("slow reader", began, error)


class Abandoner(_Quiet):
    """Opens a stream and leaves in mid-event."""

    fixed_count = GONE

    @task
    def leave(self) -> None:
        began = time.monotonic()
        try:
            with Stream(self.host or "", random.choice(JOBS)) as stream:
                stream.slowly(100, 0.1, random.uniform(0.2, 3.0))
        except Exception as error:
            self.refused("abandoner", began, error)
