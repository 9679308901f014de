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
import weakref
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
_LONGEST = 103
"""Bytes of a Unix socket's path: 107 on Linux, 103 on macOS."""


class LocalService:
    """Started by its constructor. `workers`: threads that run blocks, by default one for each core.

    Raises `OSError` when there is no place for its socket, `RuntimeError` when it does not come up: its settings in the
    environment (BURNISH_...) are wrong, say.
    """

    def __init__(self, workers: int | None = None, device: str = "auto") -> None:
        if not structlog.is_configured():  # what goes well is no news in somebody's notebook
            structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
        if workers is not None and workers < 1:
            raise RuntimeError(f"workers is {workers}; it needs at least 1, or None for one on each core")
        self._settings = _settings()
        self._terms = Terms(poll=_POLL, canaries=self._settings.canary_every, retention=self._settings.retention)
        self._fleet = InlineFleet(workers or os.cpu_count() or 1, device)
        folder = _folder()
        self._swept = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)  # also at exit, unclosed
        self.socket = str(folder / "http")
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
        self._await_start()

    def close(self) -> None:
        """End it; running jobs end with it. Closing twice is no error.

        A block that is running now goes on in its thread to its end, which nobody hears of.
        """
        self._server.should_exit = True
        self._thread.join(10)
        self._swept()

    def _await_start(self) -> None:
        while not self._server.started:
            if self._ended.done():
                self.close()
                error = self._ended.exception()
                raise RuntimeError(f"it ended before it began: {error or 'see its log'}") from error
            threading.Event().wait(0.005)

    async def _connect(self) -> Context:
        app = self._storage.app(registry(), SystemClock())
        # Nobody else reaches its socket: the keys in the environment are those of some server.
        settings = self._settings.model_copy(
            update={"workers": self._fleet.workers, "host": "127.0.0.1", "api_keys": ""}
        )
        return Context(app, settings, SystemClock(), self._pool, self._storage.coordination, self._storage.tenancy)

    async def _pool(self) -> Pool:
        return Pool(self._fleet.workers, self._fleet.workers)

    def _work(self) -> None:
        try:
            self._ended.set_result(asyncio.run(_serve(self._server, self._storage, self._fleet, self._terms)))
        except BaseException as error:
            self._ended.set_exception(error)


def _settings() -> Settings:
    try:
        return Settings()
    except ValueError as error:
        raise RuntimeError(f"settings in the environment are wrong: {error}") from error


def _folder() -> Path:
    """A folder that only its owner can read, short enough to hold a socket."""
    for parent in (tempfile.gettempdir(), "/tmp"):  # the first one may be long: per user on macOS, per test, per job
        if len(os.fsencode(Path(parent) / "burnish-12345678" / "http")) <= _LONGEST:
            return Path(tempfile.mkdtemp(prefix="burnish-", dir=parent))
    raise OSError(f"the temporary folder's name is too long for a socket: {tempfile.gettempdir()}; set TMPDIR")


async def _serve(server: uvicorn.Server, storage: Storage, fleet: Fleet, terms: Terms) -> None:
    """Front and runner until the server is told to stop, or the runner breaks; leaves nothing behind."""
    task = asyncio.create_task(storage.dispatcher(registry(), fleet, SystemClock(), terms).run())
    # A front without a runner would take jobs that nobody runs: better no answer than waiting for ever.
    task.add_done_callback(lambda _: setattr(server, "should_exit", True))
    try:
        await server.serve()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await fleet.close()
