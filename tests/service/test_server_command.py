"""`burnish-server serve` refuses, before it serves anything, what it could not keep its word on."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from burnish_service import ingress, ports
from burnish_service.ingress import Choice, IngressUnavailable
from burnish_service.ports import PortTaken
from burnish_workers.engine.embedded_store import EmbeddedValkey


def serve(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    import os

    command = [sys.executable, "-m", "burnish_service", "serve", "--port", "0", "--data-dir", str(folder / "data")]
    own = {**os.environ, **environment}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=own)


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
