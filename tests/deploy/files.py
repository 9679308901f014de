"""The files of the deployment, as their tools read them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from burnish_workers.engine.api_keys import minted

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
KUBERAY = DEPLOY / "kuberay"

SECRETS = {"BURNISH_STORE_PASSWORD": "p4ssw0rd", "RAY_AUTH_TOKEN": "t" * 32, "GRAFANA_PASSWORD": "g"}
SECRETS["BURNISH_METRICS_TOKEN"] = "m" * 32
SECRETS["BURNISH_API_KEYS"] = f"me={minted().text}"

_VARIABLE = re.compile(r"\$(?:(\$)|\{(\w+)(?::([-?])([^}]*))?\})")


class NotSet(ValueError):
    """A variable that must be given was not."""


def interpolated(value: Any, environment: Mapping[str, str]) -> Any:
    """As Compose fills in `${NAME}`, `${NAME:-default}`, `${NAME:?message}` and `$$`. Raises NotSet."""
    if isinstance(value, dict):
        return {key: interpolated(each, environment) for key, each in value.items()}
    if isinstance(value, list):
        return [interpolated(each, environment) for each in value]
    if not isinstance(value, str):
        return value
    filled = _VARIABLE.sub(lambda found: _filled(found, environment), value)
    return int(filled) if filled != value and filled.isdecimal() else filled  # Compose casts what was filled in


def _filled(found: re.Match[str], environment: Mapping[str, str]) -> str:
    dollar, name, sign, rest = found.groups()
    if dollar:
        return "$"
    given = environment.get(name, "")
    if sign == "?" and not given:
        raise NotSet(f"{name}: {rest}")
    return given or (rest if sign == "-" else "")


def compose(text: str | None = None, environment: Mapping[str, str] = SECRETS) -> dict[str, Any]:
    """The compose file with its anchors, merges and variables resolved."""
    return interpolated(yaml.safe_load(text or (ROOT / "docker-compose.yml").read_text()), environment)


def manifests() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every Kubernetes object, and the file that it is in."""
    for path in sorted(KUBERAY.glob("*.yaml")):
        if path.name not in ("kustomization.yaml", "images.yaml"):
            for document in yaml.safe_load_all(path.read_text()):
                yield path.name, document


def manifest(kind: str, name: str | None = None) -> dict[str, Any]:
    (found,) = (each for _, each in manifests() if each["kind"] == kind and name in (None, each["metadata"]["name"]))
    return found


def groups() -> list[dict[str, Any]]:
    """Head and worker groups of the RayService, each with its pod `template`."""
    cluster = manifest("RayService")["spec"]["rayClusterConfig"]
    return [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
