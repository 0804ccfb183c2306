"""The line between one store and the broker: a TCP relay on the loopback that can be cut.

A line of its own for each store lets one store be cut off while the others talk on.
"""

import asyncio
from typing import Final, Self

_HOST: Final = "127.0.0.1"
_CHUNK_BYTES: Final = 64 * 1024


class Relay:
    """Passes bytes to a port of this machine and back. While it is cut, what is connected breaks and nothing passes."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.is_cut = False
        self.port = 0

    async def __aenter__(self) -> Self:
        """Listen; `port` says where."""
        self._server = await asyncio.start_server(self._pass, _HOST, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening and break what is connected."""
        self.cut()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def cut(self) -> None:
        """Break every connection, and every one that is tried from now on."""
        self.is_cut = True
        for writer in self._writers:
            writer.transport.abort()

    def heal(self) -> None:
        """Let connections through again."""
        self.is_cut = False

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            if not self.is_cut:
                await self._join(reader, writer)
        except OSError:
            pass  # one of the ends is gone; for the other that is what a broken line looks like
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(_HOST, self._target_port)
        self._writers.add(far_writer)
        ways = {
            asyncio.create_task(_copy(reader, far_writer)),
            asyncio.create_task(_copy(far_reader, writer)),
        }
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._writers.discard(far_writer)
            far_writer.transport.abort()
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(_CHUNK_BYTES):
        writer.write(chunk)
        await writer.drain()
