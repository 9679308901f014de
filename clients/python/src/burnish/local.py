"""The service inside this process: found through an entry point, so that the SDK never imports upwards."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any, Protocol, cast

from burnish.errors import BurnishError

GROUP, NAME = "burnish.transport", "local"
BASE_URL = "http://burnish.local"
"""What requests are addressed to; the socket decides where they go."""


class LocalUnavailable(BurnishError):
    """The service is not installed in this environment."""


class LocalService(Protocol):
    """A running service: speaks HTTP on a Unix socket of this process's own."""

    @property
    def socket(self) -> str:
        """The path of the socket."""
        ...

    def close(self) -> None:
        """End it; running jobs end with it."""
        ...


def start(**options: Any) -> LocalService:
    """Start a service in this process. Raises `LocalUnavailable` when burnish-server is not installed."""
    found = next(iter(entry_points(group=GROUP, name=NAME)), None)
    if found is None:
        raise LocalUnavailable("local mode needs the service: pip install 'burnish-server[workers]'")
    return cast("LocalService", found.load()(**options))
