"""The service inside this process: found through an entry point, so that the SDK never imports upwards."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any, Protocol, cast

from burnish.errors import BurnishError

GROUP, NAME = "burnish.transport", "local"
BASE_URL = "http://burnish.local"
"""What requests are addressed to; the socket decides where they go."""


class LocalUnavailable(BurnishError):
    """The service is not installed in this environment, or it does not come up."""


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
    """Start a service in this process.

    Raises `LocalUnavailable` when burnish-server is not installed, or when its service does not come up.
    """
    found = next(iter(entry_points(group=GROUP, name=NAME)), None)
    if found is None:
        raise LocalUnavailable("local mode needs the service: pip install 'burnish-server[workers]'")
    try:
        return cast("LocalService", found.load()(**options))
    except (OSError, RuntimeError) as error:
        raise LocalUnavailable(f"the local service did not start: {error}") from error
