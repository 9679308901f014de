"""`burnish-server serve` refuses, before it serves anything, what it could not keep its word on."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from burnish_service import ingress, ports, word
from burnish_service.deploying import NotDeployable, target
from burnish_service.ingress import Choice, IngressUnavailable
from burnish_service.ports import PortTaken
from burnish_service.settings import Settings
from burnish_workers.engine.embedded_store import EmbeddedValkey
from burnish_workers.engine.redis_link import RedisLink
from burnish_workers.engine.schema import SCHEMA


def serve(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "burnish_service", "serve", "--port", "0", "--data-dir", str(folder / "data")]
    own = {**os.environ, **environment}
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env=own)


def deploy(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "burnish_service", "deploy"]
    unset = {name: text for name, text in os.environ.items() if name not in ("RAY_ADDRESS", "BURNISH_REDIS_URL")}
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env=unset | environment, cwd=folder)


def test_a_deployment_says_what_it_lacks(tmp_path: Path) -> None:
    done = deploy(tmp_path)
    assert done.returncode == 2
    assert f"no server with its data in {tmp_path / '.burnish'} is up" in done.stderr
    assert "RAY_ADDRESS" in done.stderr
    done = deploy(tmp_path, RAY_ADDRESS="127.0.0.1:9")
    assert done.returncode == 2
    assert "BURNISH_REDIS_URL" in done.stderr
    with EmbeddedValkey(tmp_path / "store", appendfsync="no") as store:
        done = deploy(tmp_path, RAY_ADDRESS="127.0.0.1:9", BURNISH_REDIS_URL=store.url)
    assert done.returncode == 2
    assert "appendfsync no" in done.stderr


def test_a_setting_that_is_wrong_is_named(tmp_path: Path) -> None:
    done = deploy(tmp_path, BURNISH_RUNNERS="0")
    assert done.returncode == 2
    assert "BURNISH_RUNNERS" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"gpu_workers": 2}, "set BURNISH_GPUS_PER_WORKER too"),
        ({"gpu_workers": 3, "gpus_per_worker": 0.5, "workers": 2}, "more than all 2 workers"),
    ],
)
def test_shares_of_gpus_that_make_no_sense(given: dict[str, Any], said: str) -> None:
    assert Settings(workers=4, gpus_per_worker=0.5, gpu_workers=2).gpu_workers == 2
    with pytest.raises(ValidationError, match=said):
        Settings(**given)


async def test_a_deployment_on_a_store_of_a_newer_version(tmp_path: Path) -> None:
    """Refused before anything is replaced."""
    with EmbeddedValkey(tmp_path / "store", appendfsync="always") as store:
        link = RedisLink(store.url, retries=1)
        await link.command("SET", link.keys.schema, SCHEMA + 1)
        await link.close()
        done = deploy(tmp_path, RAY_ADDRESS="127.0.0.1:9", BURNISH_REDIS_URL=store.url)
    assert done.returncode == 2
    assert f"written by a newer burnish (schema {SCHEMA + 1}" in done.stderr


def test_all_nodes_are_told_the_same_but_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.5:6379")
    monkeypatch.setenv("BURNISH_REDIS_URL", "redis://:password@store:6379/0")
    monkeypatch.setenv("BURNISH_OUTBOUND_KEYS", "models.example.org=password")
    monkeypatch.setenv("BURNISH_CANARY_EVERY", "600")
    found = target(Settings(ingress="proxy"))
    assert found.address == "10.0.0.5:6379"
    assert found.environment["BURNISH_CANARY_EVERY"] == "600"
    assert found.environment["RAY_SERVE_ENABLE_HA_PROXY"] == "0"
    assert not any("password" in text for text in found.environment.values())


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the word of a server that is up: this process."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    settings = Settings(port=8123, data_dir=tmp_path, redis_url="redis://127.0.0.1:9/0", ingress="proxy", runners=2)
    plain, told = settings.model_dump(mode="json"), {"RAY_SERVE_ENABLE_HA_PROXY": "0"}
    word.leave(tmp_path, word.Word(pid=os.getpid(), ray="127.0.0.1:6380", settings=plain, environment=told))
    assert (tmp_path / "deployment.json").stat().st_mode & 0o077 == 0
    return tmp_path


def test_a_running_server_stays_as_it_is_but_for_what_is_set_now(served: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURNISH_CANARY_EVERY", "600")
    found = target(Settings(data_dir=served, fronts=3, port=0, ingress="auto"))
    assert found.address == "127.0.0.1:6380"
    kept = (found.settings.port, found.settings.ingress, found.settings.runners, found.settings.redis_url)
    assert kept == (8123, "proxy", 2, "redis://127.0.0.1:9/0")
    assert (found.settings.fronts, found.settings.canary_every) == (3, 600.0)
    assert found.environment == {"RAY_SERVE_ENABLE_HA_PROXY": "0"} | {
        name: text for name, text in os.environ.items() if name.startswith("BURNISH_")
    }


@pytest.mark.parametrize("change", [{"port": 9}, {"workers": 3}, {"ingress": "haproxy"}, {"redis_url": "redis://b:1"}])
def test_a_running_server_keeps_what_it_was_started_with(served: Path, change: dict[str, str | int]) -> None:
    (name,) = change
    with pytest.raises(NotDeployable, match=f"a running server keeps its {name}"):
        target(Settings.model_validate({"data_dir": served, **change}))


def test_a_server_that_has_died_takes_no_deployment(served: Path) -> None:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    left = word.found(served)
    assert left is not None
    word.leave(served, left.model_copy(update={"pid": done.pid}))
    with pytest.raises(NotDeployable, match="no server with its data in"):
        target(Settings(data_dir=served))


def test_keys_are_passed_on_by_the_environment_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server is handed its settings as text, in which a key would be asterisks."""
    monkeypatch.setenv("BURNISH_OUTBOUND_KEYS", "models.example.org=key")
    text = Settings().model_dump_json()
    assert Settings.model_validate_json(text).outbound_keys.get_secret_value() == "models.example.org=key"


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


def test_a_store_with_another_password(tmp_path: Path) -> None:
    with EmbeddedValkey(tmp_path / "store", appendfsync="always") as store:
        done = serve(tmp_path, BURNISH_REDIS_URL=f"redis://:an0ther@{store.url.rpartition('@')[2]}")
    assert done.returncode == 2
    assert "does not let us in" in done.stderr
    assert "an0ther" not in done.stderr + done.stdout


def test_an_address_of_a_store_that_makes_no_sense(tmp_path: Path) -> None:
    done = serve(tmp_path, BURNISH_REDIS_URL="redis://:p4ss/word@127.0.0.1:9/0")
    assert done.returncode == 2
    assert "BURNISH_REDIS_URL: " in done.stderr
    assert "p4ss" not in done.stderr
    assert "Traceback" not in done.stderr


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
    found = find_spec("ray")
    assert found is not None
    assert found.origin is not None
    constants = Path(found.origin).parent / "serve/_private/constants.py"
    told = set(re.findall(r'"(RAY_SERVE_[A-Z_]*PORT)"', constants.read_text("utf-8")))
    assert len(told) > 8
    shared = {name for name in told - os.environ.keys() if "WORKER_PROXY" not in name}  # of nodes beside the head
    assert not shared, "at a port that two services share, requests of one are answered by the other"
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
