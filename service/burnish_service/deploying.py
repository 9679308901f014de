"""`burnish-server deploy`: put the service that is installed here on a Ray that runs already, wait until it is ready,
leave. That is how it comes to a cluster, and how a new version comes to a cluster or to a running server.

Fronts, runners and workers are replaced one after the other. Jobs are handed over between blocks, blocks of workers
that are replaced run again with equal bits, streams are cut and resumed; nothing that was accepted is lost.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from typing import Any

from burnish_service import ingress, word
from burnish_service.settings import Settings
from burnish_service.word import Word

READY = 600.0
"""Seconds: the first workers import torch, on machines that may just have been started."""

_KEPT = ("host", "port", "ingress", "proxy_location", "rotation", "redis_url", "workers")
"""Settings that a server's proxy, store and Ray were started with."""

_SECRET = {
    "BURNISH_REDIS_URL",
    "BURNISH_OUTBOUND_KEYS",
    "BURNISH_API_KEYS",
    "BURNISH_API_KEYS_FILE",
    "BURNISH_METRICS_TOKEN",
}
"""Ray shows environments to whoever sees its dashboard. The first goes by the settings, which no dashboard shows."""


class NotDeployable(ValueError):
    """Something that a deployment needs was not given, or cannot be had; `str(error)` says what."""


class NotDeployed(RuntimeError):
    """What was to be deployed does not start; `str(error)` says what of it, why, and what serves now."""


@dataclass(frozen=True)
class Target:
    """Ray's `address`, the `settings` to deploy with, and the `environment` of all that is deployed, on any node."""

    address: str
    settings: Settings
    environment: dict[str, str]


def deploy(target: Target, timeout: float = READY) -> Settings:
    """Deploy and wait until it is ready; the settings as they were filled in.

    Raises NotDeployed, TimeoutError with what is lacking, ConnectionError.
    """
    os.environ |= target.environment  # ray.serve reads it when it is imported
    from burnish_service import serving

    cpus = serving.join_ray(target.address, target.environment)
    try:
        filled = {"workers": target.settings.workers or max(int(cpus), 1)}
        settings = target.settings.model_copy(update=filled)
        _replace(settings)
        asyncio.run(serving.until_ready(settings, timeout))
    finally:
        serving.leave_ray()
    if (left := word.found(settings.data_dir)) is not None and left.ray == target.address:
        fresh = {"settings": settings.model_dump(mode="json"), "environment": target.environment}
        word.leave(settings.data_dir, left.model_copy(update=fresh))
    return settings


def _replace(settings: Settings) -> None:
    """Raises NotDeployed, at best before anything is replaced."""
    from burnish_service import serving

    try:
        serving.rehearse(settings)
    except serving.DoesNotStart as error:
        raise NotDeployed(f"{error}. Nothing was replaced: what served before goes on") from error
    try:
        serving.start(settings)
    except serving.DoesNotStart as error:
        raise NotDeployed(f"{error}. What was not replaced yet goes on; mend it and deploy again") from error


def target(given: Settings) -> Target:
    """The cluster that RAY_ADDRESS names; without it the running server that keeps its data in `data_dir`.

    `given`: what the operator has set. Raises NotDeployable, IngressUnavailable.
    """
    address = os.environ.get("RAY_ADDRESS")
    if address:
        return _cluster(address, given)
    left = word.found(given.data_dir)
    if left is None:
        raise NotDeployable(
            f"no server with its data in {given.data_dir.absolute()} is up: start it, or name its --data-dir; for a "
            "cluster set RAY_ADDRESS to that of its Ray, such as 10.0.0.5:6379"
        )
    return _running(left, given)


def _cluster(address: str, given: Settings) -> Target:
    if given.redis_url is None:
        raise NotDeployable("set BURNISH_REDIS_URL: the store that all nodes of the cluster share")
    told = ingress.common(ingress.choose(given.ingress), given.rotation) | _own("BURNISH_", "RAY_SERVE_")
    return Target(address, given.model_copy(update={"data_dir": given.data_dir.absolute()}), told)


def _running(left: Word, given: Settings) -> Target:
    """What is set here changes; the rest stays as it is, and so does what cannot change under a running server."""
    wishes: dict[str, Any] = given.model_dump(mode="json", include=given.model_fields_set - {"data_dir"})
    for name in _KEPT:
        if wishes.pop(name, None) not in (None, 0, "auto", left.settings[name]):
            raise NotDeployable(
                f"a running server keeps its {name}: leave it out, or stop the server and start it anew"
            )
    return Target(left.ray, Settings.model_validate({**left.settings, **wishes}), left.environment | _own("BURNISH_"))


def _own(*prefixes: str) -> dict[str, str]:
    """What the operator has set here, secrets excepted."""
    return {name: text for name, text in os.environ.items() if name.startswith(prefixes) and name not in _SECRET}
