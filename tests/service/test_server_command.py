"""`burnish-server serve` refuses, before it serves anything, what it could not keep its word on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from burnish_service import ingress
from burnish_service.ingress import Choice, IngressUnavailable
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


def test_ingress_by_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ingress.choose("proxy") == Choice("proxy", "as asked for")
    monkeypatch.setattr(ingress, "find_spec", lambda name: object())
    assert ingress.choose("auto").name == ingress.choose("haproxy").name == "haproxy"
    monkeypatch.setattr(ingress, "find_spec", lambda name: None)
    monkeypatch.setattr(ingress.shutil, "which", lambda name: None)
    assert ingress.choose("auto") == Choice("proxy", "there is no HAProxy binary")
    with pytest.raises(IngressUnavailable, match="there is no HAProxy"):
        ingress.choose("haproxy")
