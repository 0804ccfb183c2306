"""A bad line to an HTTP server: a TCP relay that cuts each answer after so many bytes, or changes one of them."""

import asyncio
from typing import Final, Self

_HOST: Final = "127.0.0.1"
_CHUNK_BYTES: Final = 16 * 1024


class BadLine:
    """Passes bytes to a port of this machine and back, well until it is told otherwise. `requests` are those it saw."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._server: asyncio.Server | None = None
        self.cut_after: int | None = None
        self.flip_at: int | None = None
        self.passed = 0
        self.cuts = 0
        self.requests: list[str] = []

    @property
    def url(self) -> str:
        """Where the line begins."""
        assert self._server is not None
        return f"http://{_HOST}:{self._server.sockets[0].getsockname()[1]}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._pass, _HOST, 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(_HOST, self._target_port)
        except OSError:
            writer.transport.abort()
            return
        back = asyncio.create_task(self._answer(far_reader, writer))
        try:
            while piece := await reader.read(_CHUNK_BYTES):
                self.requests.append(piece.decode("latin-1"))
                far_writer.write(piece)
        except OSError:
            pass
        finally:
            far_writer.close()
            await asyncio.wait({back})
            writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sent = 0
        while piece := await reader.read(_CHUNK_BYTES):
            if self.flip_at is not None and sent <= self.flip_at < sent + len(piece):
                place = self.flip_at - sent
                piece = piece[:place] + bytes([piece[place] ^ 0xFF]) + piece[place + 1 :]
            room = len(piece) if self.cut_after is None else max(0, self.cut_after - sent)
            writer.write(piece[:room])
            sent += len(piece[:room])
            self.passed += len(piece[:room])
            if room < len(piece):
                await writer.drain()
                self.cuts += 1
                break
        writer.close()
