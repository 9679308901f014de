"""The whole service in one process: notebooks, scripts, tests. No Ray, no Redis, no network.

Front and runner share an event loop in a thread of their own; HTTP is spoken on a Unix socket in a private folder, so
that the client is the same as that of a remote service down to its streams. Jobs end with the process.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import tempfile
import threading
from concurrent.futures import Future
from pathlib import Path

import structlog
import uvicorn

from burnish_service.context import Context, Pool
from burnish_service.main import create_app
from burnish_service.settings import Settings
from burnish_workers.core.registry import registry
from burnish_workers.engine.clock import SystemClock
from burnish_workers.engine.dispatcher import Terms
from burnish_workers.engine.fleet import Fleet, InlineFleet
from burnish_workers.engine.storage import Storage

_POLL = 0.1


class LocalService:
    """Started by its constructor. `workers`: threads that run blocks, by default one for each core."""

    def __init__(self, workers: int | None = None, device: str = "auto") -> None:
        if not structlog.is_configured():  # what goes well is no news in somebody's notebook
            structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
        self._folder = Path(tempfile.mkdtemp(prefix="burnish-"))  # readable by its owner only
        self.socket = str(self._folder / "http")
        self._fleet = InlineFleet(workers or os.cpu_count() or 1, device)
        config = uvicorn.Config(
            create_app(self._connect),
            uds=self.socket,
            log_config=None,
            log_level="warning",
            timeout_graceful_shutdown=1,
        )
        self._server, self._storage = uvicorn.Server(config), Storage.in_memory()
        self._ended: Future[None] = Future()
        self._thread = threading.Thread(target=self._work, name="burnish-local", daemon=True)
        self._thread.start()
        while not self._server.started:
            if self._ended.done():
                self._ended.result()
            threading.Event().wait(0.005)

    def close(self) -> None:
        """End it; running jobs end with it. Closing twice is no error."""
        self._server.should_exit = True
        self._thread.join(10)
        shutil.rmtree(self._folder, ignore_errors=True)

    async def _connect(self) -> Context:
        app = self._storage.app(registry(), SystemClock())
        settings = Settings(workers=self._fleet.workers)
        return Context(app, settings, SystemClock(), self._pool, self._storage.coordination)

    async def _pool(self) -> Pool:
        return Pool(self._fleet.workers, self._fleet.workers)

    def _work(self) -> None:
        try:
            self._ended.set_result(asyncio.run(_serve(self._server, self._storage, self._fleet)))
        except BaseException as error:
            self._ended.set_exception(error)


async def _serve(server: uvicorn.Server, storage: Storage, fleet: Fleet) -> None:
    """Front and runner until the server is told to stop; leaves nothing behind."""
    task = asyncio.create_task(storage.dispatcher(registry(), fleet, SystemClock(), Terms(poll=_POLL)).run())
    try:
        await server.serve()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await fleet.close()
