"""docker-compose.yml: by the rules of the compose specification, and by what the service needs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import compose_spec
import pytest
import yaml

from burnish_service.settings import Settings
from burnish_workers.engine.api_keys import is_token
from burnish_workers.engine.redis_durability import judge

from .files import ROOT, SECRETS, NotSet, compose

pytestmark = pytest.mark.deploy

Change = Callable[[dict[str, Any]], Any]


def check(file: dict[str, Any]) -> None:
    """Raises ValueError by the specification, and where a service, volume or network is named that is not there."""
    compose_spec.PyCompose.from_yaml(yaml.safe_dump(file)).validate()
    services = file["services"]
    for name, service in services.items():
        if missing := set(service.get("depends_on", ())) - services.keys():
            raise ValueError(f"{name} depends on {missing}")
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            if not (ROOT / source).exists() if source.startswith(".") else source not in file["volumes"]:
                raise ValueError(f"{name} mounts {source}, which is not there")
        if missing := set(service.get("secrets", ())) - file["secrets"].keys():
            raise ValueError(f"{name} has the secret {missing}")
        if missing := set(service.get("networks", ())) - file["networks"].keys():
            raise ValueError(f"{name} is in {missing}")


def test_it_is_valid() -> None:
    check(compose())


MUTANTS: dict[str, Change] = {
    "an unknown key": lambda file: file["services"]["valkey"].update(imagee="valkey"),
    "a number for a command": lambda file: file["services"]["valkey"].update(command=7),
    "a duration that is none": lambda file: file["services"]["valkey"]["healthcheck"].update(interval="soon"),
    "a condition that is none": lambda file: file["services"]["deploy"]["depends_on"]["ray-head"].update(condition="x"),
    "a dependency that is not there": lambda file: file["services"]["grafana"].update(depends_on=["promethes"]),
    "a volume that is not there": lambda file: file["volumes"].pop("store"),
    "a file that is not there": lambda file: file["services"]["prometheus"]["volumes"].append("./deploy/x.yml:/x:ro"),
    "a secret that is not there": lambda file: file["secrets"].clear(),
    "a network that is not there": lambda file: file["networks"].clear(),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_mutants_are_refused(name: str) -> None:
    file = compose()
    MUTANTS[name](file)
    with pytest.raises(ValueError):  # noqa: PT011
        check(file)


# --- by Docker's own reader -------------------------------------------------------------------------------------------
def docker_compose() -> list[str] | None:
    """The command: that of DOCKER_COMPOSE, one on PATH, or the plugin of `docker`. No engine is needed."""
    named = os.environ.get("DOCKER_COMPOSE") or shutil.which("docker-compose")
    if named:
        return [named]
    docker = shutil.which("docker")
    asked = docker and subprocess.run([docker, "compose", "version"], capture_output=True, check=False)
    return [docker, "compose"] if docker and asked and asked.returncode == 0 else None


DOCKER_COMPOSE = docker_compose()
needs_compose = pytest.mark.skipif(
    DOCKER_COMPOSE is None,
    reason="no `docker compose` and no docker-compose in DOCKER_COMPOSE (Debian: apt-get download docker-compose, "
    "unpack it with dpkg-deb -x)",
)


def read_by_docker(file: Path, environment: Mapping[str, str] = SECRETS) -> subprocess.CompletedProcess[str]:
    """`docker compose config` with all profiles."""
    own = {name: text for name, text in os.environ.items() if not name.startswith(("BURNISH_", "RAY_", "GRAFANA_"))}
    words = [*(DOCKER_COMPOSE or []), "--project-directory", str(ROOT), "--file", str(file), "--env-file", os.devnull]
    words += ["--profile", "*", "config"]
    return subprocess.run(words, capture_output=True, text=True, env={**own, **environment}, check=False)


@needs_compose
def test_docker_reads_it_as_we_do() -> None:
    told = read_by_docker(ROOT / "docker-compose.yml")
    assert told.returncode == 0, told.stderr
    theirs, ours = yaml.safe_load(told.stdout)["services"], compose()["services"]
    assert theirs.keys() == ours.keys(), "all profiles"
    for name, service in ours.items():
        assert theirs[name].get("command") == service.get("command"), name
        environment = {key: str(text) for key, text in service.get("environment", {}).items()}
        assert theirs[name].get("environment", {}) == environment, name
        if "healthcheck" in service:
            assert theirs[name]["healthcheck"]["test"] == service["healthcheck"]["test"], name


@needs_compose
@pytest.mark.parametrize(
    ("old", "new"), [("image: burnish-front", "imagee: x"), ("interval: 5s", "interval: soon"), ("*worker", "*nobody")]
)
def test_docker_refuses_mutants(old: str, new: str, tmp_path: Path) -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    assert old in text
    mutant = tmp_path / "docker-compose.yml"
    mutant.write_text(text.replace(old, new))
    assert read_by_docker(mutant).returncode != 0


@needs_compose
@pytest.mark.parametrize("name", ["BURNISH_STORE_PASSWORD", "RAY_AUTH_TOKEN", "BURNISH_API_KEYS"])
def test_docker_asks_for_secrets(name: str) -> None:
    told = read_by_docker(ROOT / "docker-compose.yml", {key: text for key, text in SECRETS.items() if key != name})
    assert told.returncode != 0
    assert name in told.stderr
    assert "compose.env.example" in told.stderr


SECRET = ["BURNISH_STORE_PASSWORD", "RAY_AUTH_TOKEN", "BURNISH_API_KEYS", "BURNISH_METRICS_TOKEN"]


@pytest.mark.parametrize("name", SECRET)
def test_secrets_must_be_given(name: str) -> None:
    with pytest.raises(NotSet, match=f"{name}.*compose.env.example"):
        compose(environment={key: text for key, text in SECRETS.items() if key != name})


def test_the_example_of_an_environment_names_what_the_file_reads() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    read = set(re.findall(r"\$\{(\w+)|\{environment: (\w+)\}", text))
    read = {name for pair in read for name in pair if name}
    named = set(re.findall(r"^#? ?([A-Z_]+)=", (ROOT / "deploy/compose.env.example").read_text(), re.M))
    assert read == named


def store_settings(file: dict[str, Any]) -> dict[str, str]:
    words = file["services"]["valkey"]["command"]
    assert words[0] == "valkey-server", "as its first word it lets the image drop root"
    return {name.removeprefix("--"): value for name, value in zip(words[1::2], words[2::2], strict=True)}


def test_the_store_is_one_that_the_service_accepts() -> None:
    settings = store_settings(compose())
    info = {"aof_enabled": int(settings["appendonly"] == "yes"), "maxmemory_policy": settings["maxmemory-policy"]}
    assert judge(info, settings["appendfsync"], waitaof=True, allow_volatile=False).waits
    assert settings["requirepass"] == SECRETS["BURNISH_STORE_PASSWORD"]
    assert any(volume.endswith(":/data") for volume in compose()["services"]["valkey"]["volumes"])


def test_prometheus_has_the_key_that_it_asks_with() -> None:
    """A service with keys tells its metrics to nobody else."""
    file, asks = compose(), yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())["scrape_configs"]
    (key,) = (each["authorization"]["credentials_file"] for each in asks if each["job_name"] == "burnish")
    name = key.removeprefix("/run/secrets/")
    assert name in file["services"]["prometheus"]["secrets"]
    assert file["secrets"][name] == {"environment": "BURNISH_METRICS_TOKEN"}


def test_services_are_confined_and_watched() -> None:
    file = compose()
    for name, service in file["services"].items():
        if name != "deploy":  # it runs once
            assert service["healthcheck"]["test"], name
            assert service["restart"] == "unless-stopped", name
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:"), f"{name} is open to other machines"
        if service["image"].startswith("burnish"):
            assert service["cap_drop"] == ["ALL"], name
    for name in ("ray-head", "ray-worker", "ray-worker-gpu"):
        service = file["services"][name]
        assert service["ulimits"]["nofile"] == {"soft": 65536, "hard": 65536}
        assert service["shm_size"]
        assert service["environment"]["RAY_AUTH_MODE"] == "token"
        assert "data:/data" in service["volumes"], "checkpoints and samples are in one folder for all"
        assert "--block" in service["command"], "a container ends when Ray does, and is started again"


def test_what_it_runs_is_there() -> None:
    """The stages that images are built from, the commands that they run."""
    stages = set(re.findall(r"^FROM \S+ AS (\S+)", (ROOT / "Dockerfile").read_text(), re.M))
    for name, service in compose()["services"].items():
        if "build" in service:
            assert service["build"]["target"] in stages, name
    words = compose()["services"]["deploy"]["command"]
    assert words[words.index("--") + 1 :] == ["burnish-server", "deploy"]
    assert "--num-cpus=0" in compose()["services"]["ray-head"]["command"], "blocks are not to run on the head"


def test_the_images_are_built_from_what_is_there() -> None:
    docker = (ROOT / "Dockerfile").read_text()
    ignore = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    let_in = {line[1:].rstrip("/") for line in ignore if line.startswith("!")}
    copied = {word for line in re.findall(r"^COPY (?!--from)(.+)$", docker, re.M) for word in line.split()[:-1]}
    assert ignore[0] == "*"
    assert let_in <= copied
    assert all(any(Path(path).is_relative_to(each) for each in let_in) for path in copied)
    assert all((ROOT / path).exists() for path in copied)
    pins = yaml.safe_load(f"[{re.search(r'^workers = .(.+).$', (ROOT / 'pyproject.toml').read_text(), re.M)[1]}]")  # type: ignore[index]
    assert f"torch=={re.search('ARG TORCH=(.+)', docker)[1]}" in pins, "two versions of torch"  # type: ignore[index]
    user = re.findall(r"^(USER|FROM) (.+)$", docker, re.M)
    assert user[-3:] == [("USER", "10001:10001"), ("FROM", "base AS front"), ("FROM", "base AS worker")]
    assert Path(ROOT / "deploy/README.md").exists()


def test_prometheus_has_the_token_that_the_service_knows() -> None:
    file = compose()
    asked = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())["scrape_configs"]
    (place,) = [each["authorization"]["credentials_file"] for each in asked if each["job_name"] == "burnish"]
    (secret,) = file["services"]["prometheus"]["secrets"]
    assert place == f"/run/secrets/{secret}"
    variable = file["secrets"][secret]["environment"]
    token = file["services"]["ray-head"]["environment"][variable]
    assert token == SECRETS[variable]
    assert is_token(token, Settings(metrics_token=token).metrics_token)
