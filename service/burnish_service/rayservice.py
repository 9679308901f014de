"""The service for a Serve config file, as KubeRay's RayService has one: `import_path: burnish_service.rayservice:app`.

Environment variables that ray.serve reads when it is imported are set on every pod (see `ingress.common`), since here
ray.serve is imported before any of our code runs.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from burnish_service.settings import Settings
from burnish_workers.engine.redis_link import RedisLink

if TYPE_CHECKING:
    from burnish_service import serving


def app(args: dict[str, Any]) -> serving.serve.Application:
    """Fronts and runners. `args`: settings by name, over those of the environment.

    Raises ValueError with what is missing, NotDurable when the store would lose what it acknowledged.
    """
    settings = Settings(**args)
    application = built(settings)
    asyncio.run(_checked(settings.redis_url or ""))
    return application


def built(settings: Settings) -> serving.serve.Application:
    """The same without a look at the store. Raises ValueError."""
    from burnish_service import serving

    if settings.redis_url is None:
        raise ValueError("set BURNISH_REDIS_URL on the pods: the store that they share")
    if settings.workers == 0:
        raise ValueError("give `workers`: a cluster that scales by itself has no size to take it from")
    return serving.deployment(settings.model_copy(update={"data_dir": settings.data_dir.absolute()}))


async def _checked(url: str) -> None:
    link = RedisLink(url, retries=5)
    try:
        await link.check_durability()
    finally:
        await link.close()
