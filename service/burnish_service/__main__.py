"""`burnish-server serve`: store, workers and HTTP on this machine, as one thing that starts and stops together.

`burnish-server deploy`: what is installed here on a Ray that runs already: a cluster's, or that of a running server."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from pydantic import ValidationError

from burnish_service import __version__, deploying, ingress, ports, word
from burnish_service.access import StandsOpen, refuse_open
from burnish_service.deploying import NotDeployable, NotDeployed
from burnish_service.ingress import IngressUnavailable
from burnish_service.ports import PortTaken
from burnish_service.settings import Settings
from burnish_service.supervisor import AGAIN, HERE, AlreadyServing, supervise
from burnish_workers.engine.api_keys import KeysError, configured, entry_of, minted
from burnish_workers.engine.records import StoreError


def main(argv: list[str] | None = None) -> int:
    """The command line. Exit code 0 after a clean stop."""
    parser = argparse.ArgumentParser(prog="burnish-server", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="serve on this machine until interrupted")
    serve.add_argument("--host", help="default 127.0.0.1")
    serve.add_argument("--port", type=int, help="default 8000; 0 picks a free one")
    serve.add_argument("--data-dir", type=Path, help="default .burnish; jobs are kept there")
    serve.add_argument("--workers", type=int, help="default: one for each core")
    serve.add_argument("--runners", type=int, help="default 1; processes that conduct jobs")
    serve.add_argument("--ingress", choices=("auto", "haproxy", "proxy"), help="what listens for HTTP; default auto")
    commands.add_parser(HERE)  # what `serve` runs in a session of its own, with the settings on its input
    over = commands.add_parser("deploy", help="put what is installed here on a running server, or a Ray cluster")
    over.add_argument("--data-dir", type=Path, help="of the running server, or shared by all nodes of the cluster")
    over.add_argument("--workers", type=int, help="on a cluster; default: one for each of its CPUs")
    over.add_argument("--fronts", type=int, help="processes that answer HTTP; 2 and more do so without a gap")
    over.add_argument("--runners", type=int, help="processes that conduct jobs")
    over.add_argument("--ingress", choices=("auto", "haproxy", "proxy"), help="on a cluster; default auto")
    made = commands.add_parser("key", help="make an API key, for BURNISH_API_KEYS of a service that has none yet")
    made.add_argument("--tenant", default="default", help="whose it is; default: default")
    made.add_argument("--scopes", default="submit,read,admin", help="of submit, read, admin; default: all")
    arguments = parser.parse_args(argv)
    if arguments.command == "key":
        return _make_key(arguments.tenant, arguments.scopes)
    if arguments.command == HERE:
        try:
            code = run(Settings.model_validate_json(sys.stdin.buffer.read()))
            _leave(code)
        except (StoreError, StandsOpen) as error:
            _say(f"burnish-server: {error}")
            return 2
    try:
        given = _chosen({k: v for k, v in vars(arguments).items() if v is not None and k != "command"})
        if arguments.command == "deploy":
            return deploy_command(given)
        settings = _filled(given)
        with ports.claimed(settings.host, settings.port) as port:
            return supervise(settings.model_copy(update={"port": port}))
    except (AlreadyServing, IngressUnavailable, PortTaken, SettingsError) as error:
        _say(f"burnish-server: {error}")
        return 2


class SettingsError(ValueError):
    """The settings make no sense."""


def _chosen(given: dict[str, Any]) -> Settings:
    """The settings; from here on no process has the keys in its environment. Raises SettingsError."""
    try:
        settings = Settings(**given)
    except ValidationError as error:
        said = "; ".join(f"BURNISH_{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors())
        raise SettingsError(said) from None
    for name in ("BURNISH_API_KEYS", "BURNISH_API_KEYS_FILE", "BURNISH_METRICS_TOKEN"):
        os.environ.pop(name, None)
    return settings


def _make_key(tenant: str, scopes: str) -> int:
    """Print a key, and the entry of BURNISH_API_KEYS that lets it in without holding it."""
    key = minted()
    try:
        (entry,) = configured(f"{tenant}:{'+'.join(scopes.replace(',', ' ').split())}={key.text}")
    except KeysError as error:
        _say(f"burnish-server: {error}")
        return 2
    sys.stdout.write(f"key (for clients, shown this once):   {key.text}\n")
    sys.stdout.write(f"entry (for the service's settings):   {entry_of(entry)}\n")
    return 0


def serve_command(arguments: list[str]) -> int:
    """`burnish serve ...`, called by the command line of the SDK."""
    return main(["serve", *arguments])


def deploy_command(given: Settings) -> int:
    """Deploy and leave. Exit code 0 when the service is ready, 1 when what was to be deployed does not start, 2 when
    it was not tried or is not ready in time."""
    environment()
    try:
        target = deploying.target(given)
        asyncio.run(_checked(target.settings))
        settings = deploying.deploy(target)
    except NotDeployed as error:
        _say(f"burnish-server: {__version__} does not start: {error}")
        return 1
    except (NotDeployable, IngressUnavailable, StoreError, StandsOpen, TimeoutError, ConnectionError) as error:
        _say(f"burnish-server: {error}")
        return 2
    where = f"on {target.address}, port {settings.port}"
    _say(f"burnish {__version__} serves {where} ({settings.workers} workers, {settings.fronts} fronts)")
    return 0


def environment() -> None:
    """Before ray is imported: no usage reports, no token file that would break other clusters of this user."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")


def run(settings: Settings) -> int:
    """Serve until SIGINT or SIGTERM. Raises StoreError before anything is served."""
    environment()
    choice = ingress.choose(settings.ingress)
    ingress.prepare(choice, settings.rotation)
    stopping = threading.Event()
    _listen(stopping)
    with _stored(settings.model_copy(update={"ingress": choice.name})) as settings:
        _say(f"starting Ray and Serve ... (ingress: {choice.name}, {choice.why})")
        return _serve(settings, stopping)


def _serve(settings: Settings, stopping: threading.Event) -> int:
    from burnish_service import serving

    left = None
    try:
        serving.start_ray(settings)
        left = word.leave(settings.data_dir, _word(settings, serving.address()))
        serving.start(settings)
        _listen(stopping)  # Ray has put handlers of its own in place
        url = f"http://{settings.host}:{settings.port}"
        if _await_ready(url, stopping):
            _say(f"burnish serves on {url} ({settings.workers} workers, data in {settings.data_dir}); Ctrl-C stops it")
        stopping.wait()
        _say("stopping ...")
    except serving.RayTooSlow as error:
        _say(f"burnish-server: {error}")
        return AGAIN
    except serving.DoesNotStart as error:
        _say(f"burnish-server: {__version__} does not start: {error}")
        return 1
    finally:
        if left is not None:
            left.unlink(missing_ok=True)
        serving.stop()
    return 0


def _word(settings: Settings, address: str) -> word.Word:
    prefixes = ("RAY_SERVE_", "RAY_AUTH_", "RAY_USAGE_", "RAY_ACCEL_")
    told = {name: value for name, value in os.environ.items() if name.startswith(prefixes)}
    return word.Word(pid=os.getpid(), ray=address, settings=settings.model_dump(mode="json"), environment=told)


@contextlib.contextmanager
def _stored(settings: Settings) -> Iterator[Settings]:
    """The settings with a store that has been looked at: that at BURNISH_REDIS_URL, else one of this server's own."""
    from burnish_workers.engine.embedded_store import EmbeddedValkey

    with contextlib.ExitStack() as held:
        if settings.redis_url is None:
            store = EmbeddedValkey(settings.data_dir / "store", appendfsync="always").start()
            held.callback(store.stop)
            settings = settings.model_copy(update={"redis_url": store.url})
        asyncio.run(_checked(settings))
        yield settings


async def _checked(settings: Settings) -> None:
    """Before anything is started: raises NotDurable for a store that may lose what it has acknowledged, StoreTooNew
    for one that has served a newer version, StoreUnavailable, StandsOpen where others would be let in without keys."""
    from burnish_workers.engine.redis_link import RedisLink
    from burnish_workers.engine.redis_store import RedisStore
    from burnish_workers.engine.redis_tenancy import RedisTenancy

    link = RedisLink(settings.redis_url or "", retries=5)
    store = RedisStore(link)
    try:
        await link.check_durability()
        await store.open()
        await refuse_open(settings, RedisTenancy(link))
    finally:
        await store.close()


def _listen(stopping: threading.Event) -> None:
    """SIGINT and SIGTERM end the service in good order."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())


def _filled(settings: Settings) -> Settings:
    """Settings with little left to choose: the number of workers, an absolute folder."""
    ingress.choose(settings.ingress)
    return settings.model_copy(
        update={
            "workers": settings.workers or os.cpu_count() or 1,
            "data_dir": settings.data_dir.absolute(),
        }
    )


def _await_ready(url: str, stopping: threading.Event, patience: float = 120.0) -> bool:
    """Wait until the service says it is ready: the store answers and every worker has its libraries.

    It is up and takes jobs meanwhile; one that is slow, where much else runs, says what it lacks and is left to it.
    """
    told = time.monotonic()
    why = "no answer yet"
    while not stopping.is_set():
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=5) as reply:
                if reply.status == 200:
                    return True
        except urllib.error.HTTPError as error:
            why = error.read().decode(errors="replace")
        except OSError as error:
            why = str(error)
        if time.monotonic() > told + patience:
            told = time.monotonic()
            _say(f"not ready yet, still waiting: {why}")
        stopping.wait(0.2)
    return False


def _leave(code: int) -> NoReturn:
    """End at once: what Ray does at the end of an interpreter may spoil the code; the guardian ends what is left."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
