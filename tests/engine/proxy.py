"""What stands between a store and its server in tests, and can lose replies and cut connections."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit


class Proxy:
    """Stands between a store and its server, and can lose replies and cut connections."""

    def __init__(self, url: str) -> None:
        self._target = urlsplit(url)
        self._pairs: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._losing: bytes | None = None
        self.lost = 0

    async def __aenter__(self) -> Proxy:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"redis://:{self._target.password}@127.0.0.1:{self.port}/0"
        return self

    async def __aexit__(self, *_: object) -> None:
        # What was accepted in this turn of the loop becomes a connection two turns later. It would never be closed if
        # the server were by then: accept no more, let those come, then close.
        for each in self._server.sockets:
            asyncio.get_running_loop().remove_reader(each.fileno())
        for _turn in range(4):
            await asyncio.sleep(0)
        self._server.close()
        await self.cut()

    def lose_reply(self, to: bytes) -> None:
        """Let the next command that contains `to` reach the server, but not its reply the client."""
        self._losing = to

    async def cut(self) -> None:
        """Break all connections."""
        pairs = dict(self._pairs)
        for pair in pairs:
            pair.cancel()
        await asyncio.gather(*pairs, return_exceptions=True)
        for writer in pairs.values():  # one that was cancelled before it began has closed nothing
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for writer in pairs.values()), return_exceptions=True)

    def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """No coroutine: the connection is known from the turn of the loop in which it is made."""
        pair = asyncio.create_task(self._connect(reader, writer))
        self._pairs[pair] = writer
        pair.add_done_callback(self._pairs.pop)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks: list[asyncio.Task[None]] = []
        writers = [writer]
        try:
            server_reader, server_writer = await asyncio.open_connection(self._target.hostname, self._target.port)
            writers.append(server_writer)
            losing = asyncio.Event()
            tasks.append(asyncio.create_task(self._forth(reader, server_writer, losing)))
            tasks.append(asyncio.create_task(self._back(server_reader, writer, losing)))
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            for each in writers:
                each.close()
            await asyncio.gather(*tasks, *(each.wait_closed() for each in writers), return_exceptions=True)

    async def _forth(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, losing: asyncio.Event) -> None:
        while data := await reader.read(1 << 16):
            if self._losing and self._losing in data:
                self._losing = None
                losing.set()
            writer.write(data)

    async def _back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, losing: asyncio.Event) -> None:
        while (data := await reader.read(1 << 16)) and not losing.is_set():
            writer.write(data)
        self.lost += losing.is_set()
