"""`python tls_relay.py HOST:PORT CERTIFICATE`: ends TLS and passes on what comes; prints its port, ends with its input.

In a process of its own: asyncio leaves transports of handshakes that clients broke off to be collected, with a warning.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import sys


async def copied(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def main(upstream: str, certificate: str) -> None:
    host, _, port = upstream.partition(":")

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection(host, int(port))
        await asyncio.gather(copied(reader, inner_writer), copied(inner_reader, writer))

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    server = await asyncio.start_server(relay, "127.0.0.1", 0, ssl=context)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
