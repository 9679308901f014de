"""`burnish-server serve` refuses, before it serves anything, what it could not keep its word on."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from burnish_service import ingress, ports
from burnish_service.deploying import told_to_all
from burnish_service.ingress import Choice, IngressUnavailable
from burnish_service.ports import PortTaken
from burnish_service.settings import Settings
from burnish_workers.engine.embedded_store import EmbeddedValkey


def serve(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "burnish_service", "serve", "--port", "0", "--data-dir", str(folder / "data")]
    own = {**os.environ, **environment}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=own)


def deploy(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "burnish_service", "deploy"]
    unset = {name: text for name, text in os.environ.items() if name not in ("RAY_ADDRESS", "BURNISH_REDIS_URL")}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=unset | environment, cwd=folder)


def test_a_deployment_says_what_it_lacks(tmp_path: Path) -> None:
    done = deploy(tmp_path)
    assert done.returncode == 2
    assert "RAY_ADDRESS" in done.stderr
    done = deploy(tmp_path, RAY_ADDRESS="127.0.0.1:9")
    assert done.returncode == 2
    assert "BURNISH_REDIS_URL" in done.stderr
    with EmbeddedValkey(tmp_path / "store", appendfsync="no") as store:
        done = deploy(tmp_path, RAY_ADDRESS="127.0.0.1:9", BURNISH_REDIS_URL=store.url)
    assert done.returncode == 2
    assert "appendfsync no" in done.stderr


def test_all_nodes_are_told_the_same_but_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURNISH_REDIS_URL", "redis://:password@store:6379/0")
    monkeypatch.setenv("BURNISH_PRIORS", "faces=/models/faces")
    told = told_to_all(ingress.choose("proxy"), Settings.model_construct(rotation=600.0))
    assert told["BURNISH_PRIORS"] == "faces=/models/faces"
    assert told["RAY_SERVE_ENABLE_HA_PROXY"] == "0"
    assert not any("password" in text for text in told.values())


def test_a_store_that_may_forget(tmp_path: Path) -> None:
    with EmbeddedValkey(tmp_path / "store", appendfsync="no") as store:
        done = serve(tmp_path, BURNISH_REDIS_URL=store.url)
    assert done.returncode == 2
    assert "appendfsync no" in done.stderr
    assert not (tmp_path / "data" / "serve.json").exists()


def test_a_store_that_is_not_there(tmp_path: Path) -> None:
    done = serve(tmp_path, BURNISH_REDIS_URL="redis://127.0.0.1:9/0")
    assert done.returncode == 2
    assert "127.0.0.1:9 does not answer" in done.stderr


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    """Also by one who would share it, as HAProxy does."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortTaken, match=f"port {port} of 127.0.0.1 is in use"), ports.claimed("127.0.0.1", port):
            pass
        command = [sys.executable, "-m", "burnish_service", "serve", "--port", str(port), "--data-dir", str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "choose another --port" in done.stderr


def test_a_port_is_held_from_the_first_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything listens, and until its holder is gone."""
    monkeypatch.setattr(ports, "PATIENCE", 0.2)
    with ports.claimed("127.0.0.1", 0) as port:
        with pytest.raises(PortTaken), ports.claimed("127.0.0.1", port):
            pass
        with ports.claimed("127.0.0.1", 0) as other:
            assert other != port
    with ports.claimed("127.0.0.1", port) as again:
        assert again == port


def test_ingress_by_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ingress.choose("proxy") == Choice("proxy", "as asked for")
    monkeypatch.setattr(ingress, "find_spec", lambda name: object())
    assert ingress.choose("auto").name == ingress.choose("haproxy").name == "haproxy"
    monkeypatch.setattr(ingress, "find_spec", lambda name: None)
    monkeypatch.setattr(ingress.shutil, "which", lambda name: None)
    assert ingress.choose("auto") == Choice("proxy", "there is no HAProxy binary")
    with pytest.raises(IngressUnavailable, match="there is no HAProxy"):
        ingress.choose("haproxy")


def test_services_of_one_machine_have_ports_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """HAProxy sends requests to whoever listens at the port that a replica had."""
    for name in [name for name in os.environ if name.startswith("RAY_SERVE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(os, "environ", dict(os.environ))  # what `prepare` sets is forgotten with it
    ingress.prepare(Choice("haproxy", "as asked for"), 600.0)
    limits = [
        int(os.environ[f"RAY_SERVE_DIRECT_INGRESS_{end}_{protocol}_PORT"])
        for protocol in ("HTTP", "GRPC")
        for end in ("MIN", "MAX")
    ]
    assert limits == sorted(limits)
    assert limits[-1] < 30_000
    assert limits[1] - limits[0] == limits[3] - limits[2] == 99


def test_a_range_of_ports_avoids_those_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingress, "_LOWEST", 20_000)
    monkeypatch.setattr(ingress, "_HIGHEST", 20_031)
    with contextlib.ExitStack() as stack:
        for port in (20_003, 20_025):
            taken = stack.enter_context(socket.socket())
            with contextlib.suppress(OSError):  # in use already is as good
                taken.bind(("127.0.0.1", port))
                taken.listen()
        assert ingress.free_range(10) == 20_010
        with pytest.raises(OSError, match="no 30 free ports in a row"):
            ingress.free_range(30)
