"""Which servers jobs and webhooks may name: those that the operator lists, and no others.

    BURNISH_OUTBOUND=127.0.0.1:8001,models.example.org

An entry is a host with or without a port; without one the port is that of the scheme, 80 or 443. Nothing is allowed
where the variable is empty. An address is allowed where it is listed as it stands; a name that is listed may not lead
to a private address (RFC 1918, loopback, link-local, ...) unless that address is listed too, so that whoever answers
for the name cannot point the workers at what is inside. `localhost` may. The service and its workers read the variable.
`BURNISH_OUTBOUND_KEYS=models.example.org=KEY` sends `Authorization: Bearer KEY` to that server alone.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import SplitResult, urlsplit

from burnish_workers.core.kind import SpecError

VARIABLE, KEYS = "BURNISH_OUTBOUND", "BURNISH_OUTBOUND_KEYS"
_PORTS = {"http": 80, "https": 443}
_NAME = re.compile(r"[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?")


class OutboundError(ValueError):
    """A setting that makes no sense."""


@dataclass(frozen=True)
class Place:
    """A server. `port`: None for that of the scheme."""

    host: str
    port: int | None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"

    def covers(self, host: str, port: int, scheme: str) -> bool:
        return self.host == host and port == (_PORTS[scheme] if self.port is None else self.port)


@lru_cache(maxsize=8)
def places_of(setting: str) -> tuple[Place, ...]:
    """The places of a setting like `VARIABLE`'s. Raises OutboundError."""
    return tuple(_place(item) for item in filter(None, map(str.strip, setting.split(","))))


@lru_cache(maxsize=8)
def keys_of(setting: str) -> dict[Place, str]:
    """The keys of a setting like `KEYS`'s, by place. Raises OutboundError, which does not repeat them."""
    found: dict[Place, str] = {}
    for number, item in enumerate(filter(None, map(str.strip, setting.split(",")))):
        place, equals, key = item.partition("=")
        if not equals or not key or not key.isprintable() or not key.isascii():
            raise OutboundError(f"entry {number} of {KEYS} is no host[:port]=KEY")
        found[_place(place)] = key
    return found


def check_url(url: str, at: str, *, query: bool = False) -> None:
    """Raise SpecError at the pointer `at` unless `url` is that of a server that the operator allows.

    `query`: it may have one.
    """
    parts, host, port = _read(url, at, query)
    places = places_of(os.environ.get(VARIABLE, ""))
    if not any(place.covers(host, port, parts.scheme) for place in places):
        listed = ", ".join(map(str, places)) or "none"
        what = f"the server {Place(host, port)} is not among those that the operator allows ({listed})"
        raise SpecError(at, f"{what}; {VARIABLE}, in the service's environment and the workers', lists them")


def key_for(url: str) -> str | None:
    """The key to show to the server of a URL that was checked."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    keys = keys_of(os.environ.get(KEYS, ""))
    return next((key for place, key in keys.items() if place.covers(host, port, parts.scheme)), None)


def forbidden(host: str, addresses: Iterable[str]) -> str | None:
    """The first private address that `host`, a name that is listed, must not lead to; None where there is none."""
    if host == "localhost" or is_address(host):
        return None
    listed = {place.host for place in places_of(os.environ.get(VARIABLE, ""))}
    for address in addresses:
        plain = ipaddress.ip_address(address.partition("%")[0])
        inside = getattr(plain, "ipv4_mapped", None) or plain
        if not inside.is_global and str(inside) not in listed:
            return str(inside)
    return None


def _place(item: str) -> Place:
    wrong = OutboundError(f"{VARIABLE} holds {item!r}; it lists hosts, as in 127.0.0.1:8001,models.example.org")
    try:
        parts = urlsplit(f"//{item}")
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        raise wrong from None
    if parts.netloc != item or "@" in item or not (_NAME.fullmatch(host) or is_address(host)):
        raise wrong
    return Place(host, port)


def _read(url: str, at: str, query: bool) -> tuple[SplitResult, str, int]:
    """A URL taken apart. Raises SpecError."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise SpecError(at, f"{url!r} is no URL: {error}") from None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise SpecError(at, f"{url!r} is no address of a server; give one as in http://127.0.0.1:8001/v1")
    extra = "@" in parts.netloc or parts.fragment or not url.isprintable() or " " in url
    if extra and query:
        raise SpecError(at, f"{url!r} has more than scheme, host, port, path and query: no user or fragment, no spaces")
    if extra or (parts.query and not query):
        what = "no user, query or fragment belongs into it; keys are the operator's"
        raise SpecError(at, f"{url!r} has more than scheme, host, port and path: {what} ({KEYS})")
    return parts, parts.hostname.rstrip("."), port or _PORTS[parts.scheme]


def is_address(host: str) -> bool:
    """Whether it is an IP address, no name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
