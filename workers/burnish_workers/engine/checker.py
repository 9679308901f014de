"""Trying uploaded models on a worker before any job may use them."""

from __future__ import annotations

import asyncio

import structlog

from burnish.wire import Problem
from burnish.wire.files import StoredFile
from burnish_workers.engine.artifacts import Artifacts
from burnish_workers.engine.fleet import Fleet, NoSuchClass, WorkerDied
from burnish_workers.engine.library import Library, artifact_of
from burnish_workers.engine.probing import Verdict
from burnish_workers.engine.records import StoreUnavailable

log = structlog.get_logger()

LEASE = 120.0
"""Seconds after which a check that was not heard of again is done by another runner: longer than any check may take."""


class Checker:
    """Checks models one after the other, for as long as there are any; every runner has one."""

    def __init__(self, library: Library, artifacts: Artifacts, fleet: Fleet):
        self._library, self._artifacts, self._fleet = library, artifacts, fleet

    async def round(self) -> bool:
        """Check one model; False when none waits."""
        file = await self._library.to_check(LEASE)
        if file is None:
            return False
        try:
            data = await self._artifacts.read(artifact_of(file.type, file.id))
            verdict = await self._fleet.probe(data)
        except (WorkerDied, NoSuchClass, OSError) as error:
            # Not the model's fault (OSError: no process could be started): somebody tries again when the lease expires.
            log.warning("model.unchecked", model=file.id, why=str(error))
            return True
        except KeyError:
            await self._library.remove(file.type, file.id)
            return True
        await self._library.settle(_settled(file, verdict))
        log.info("model.checked", model=file.id, ok=verdict.ok, reason=verdict.reason)
        return True

    async def run(self, poll: float) -> None:
        """Check for ever, looking for work every `poll` seconds."""
        while True:
            try:
                busy = await self.round()
            except StoreUnavailable as error:
                log.warning("store.unavailable", why=str(error))
                busy = False
            except Exception:  # a mistake of ours must not stop the jobs of this runner with it
                log.exception("model.check_broken")
                busy = False
            if not busy:
                await asyncio.sleep(poll)


def _settled(file: StoredFile, verdict: Verdict) -> StoredFile:
    if verdict.ok:
        return file.model_copy(update={"state": "ready", "card": {**file.card, **verdict.card}})
    problem = Problem(
        type=f"/problems/model-rejected/{verdict.reason.replace('_', '-')}",
        title="Model rejected",
        status=422,
        detail=verdict.message,
    )
    return file.model_copy(update={"state": "rejected", "problem": problem})
