"""`burnish-server deploy`: put the service on a Ray cluster that is there already, wait until it is ready, leave.

Run it again after a change, or after the cluster lost its head: replicas are replaced one after the other, jobs go on.
"""

from __future__ import annotations

import asyncio
import os

from burnish_service import ingress
from burnish_service.settings import Settings

READY = 600.0
"""Seconds: the first workers import torch, on machines that may just have been started."""


class NotDeployable(ValueError):
    """Something that a deployment needs was not given; `str(error)` says what."""


def deploy(settings: Settings, timeout: float = READY) -> Settings:
    """Deploy on the cluster that RAY_ADDRESS names; the settings as they were filled in.

    Raises NotDeployable, StoreUnavailable or NotDurable (the store at BURNISH_REDIS_URL will not do), TimeoutError.
    """
    address, store = os.environ.get("RAY_ADDRESS"), settings.redis_url
    if not address:
        raise NotDeployable("set RAY_ADDRESS to that of a running Ray cluster, such as 10.0.0.5:6379")
    if store is None:
        raise NotDeployable("set BURNISH_REDIS_URL: the store that all nodes of the cluster share")
    choice = ingress.choose(settings.ingress)
    told = told_to_all(choice, settings)
    os.environ |= told
    from burnish_service import serving

    cpus = serving.join_ray(address, told)
    try:
        filled = {"workers": settings.workers or max(int(cpus), 1), "data_dir": settings.data_dir.absolute()}
        settings = settings.model_copy(update=filled)
        serving.start(settings)
        asyncio.run(serving.until_ready(settings, timeout))
    finally:
        serving.leave_ray()
    return settings


def told_to_all(choice: ingress.Choice, settings: Settings) -> dict[str, str]:
    """The environment of every process of the service, on whichever node: what the operator set here, and set there
    only where nodes differ. Secrets go by the settings, which no dashboard shows."""
    secret = {"BURNISH_REDIS_URL", "BURNISH_API_KEYS", "BURNISH_API_KEYS_FILE"}
    own = {name: text for name, text in os.environ.items() if name.startswith(("BURNISH_", "RAY_SERVE_"))}
    return ingress.common(choice, settings.rotation) | {k: v for k, v in own.items() if k not in secret}
