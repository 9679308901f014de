"""A connection to the very address that was judged.

Whoever answers for a name may give one address to whoever judges it and another to whoever connects (DNS rebinding).
So a name is resolved once; all its addresses are judged, and the connection goes to one of those, with the name in the
Host header and in the TLS handshake as ever. Nothing is sent before that.
"""

from __future__ import annotations

import asyncio
import socket

import httpx2

from burnish_workers.outbound.allowed import forbidden, is_address


class NameUnknown(OSError):
    """Nobody knows the name."""


class LeadsInside(Exception):
    """A name leads to a private `address`, which is not listed."""

    def __init__(self, host: str, address: str):
        super().__init__(host, address)
        self.host, self.address = host, address

    def __str__(self) -> str:
        return f"{self.host} leads to the private address {self.address}"


async def addresses_of(host: str, port: int | None) -> list[str]:
    """Where a name leads, judged. Raises LeadsInside, NameUnknown."""
    if is_address(host):
        return [host]
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NameUnknown(getattr(error, "strerror", None) or str(error)) from None
    addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
    if (inside := forbidden(host, addresses)) is not None:
        raise LeadsInside(host, inside)
    return addresses


class Pinned(httpx2.AsyncBaseTransport):
    """`base` does the rest. For one host: its pool knows connections by their addresses, not by names."""

    def __init__(self, base: httpx2.AsyncBaseTransport):
        self._base = base

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Raises LeadsInside, NameUnknown, and what `base` raises for the last of the addresses."""
        first, *more = await addresses_of(request.url.raw_host.decode("ascii"), request.url.port)
        for address, following in zip((first, *more), (*more, None), strict=True):
            try:
                return await self._base.handle_async_request(_at(request, address))
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                if following is None:
                    raise
        raise AssertionError("unreachable")

    async def aclose(self) -> None:
        await self._base.aclose()


def _at(request: httpx2.Request, address: str) -> httpx2.Request:
    """The same request, to be sent there."""
    name = request.url.raw_host.decode("ascii")
    if name == address:
        return request
    url, told = request.url.copy_with(host=address), {**request.extensions, "sni_hostname": name}
    return httpx2.Request(request.method, url, headers=request.headers, stream=request.stream, extensions=told)
