"""HTTP/1.1 from the client's side, as cheap as it gets: prepared bytes out, a status and a body in.

The generator shares two cores with what it measures, so it does nothing that a full client would: no header objects, no
redirects, no pool. One request at a time is on each connection.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Final, NamedTuple, cast

HOST: Final = "127.0.0.1"
_LENGTH: Final = b"content-length: "  # uvicorn writes names as the application gives them: in lower case
_END: Final = b"\r\n\r\n"


class Answer(NamedTuple):
    """An answer with the monotonic nanoseconds of its request's sending and of its arrival."""

    status: int
    body: bytes
    sent_ns: int
    answered_ns: int


class Connection(asyncio.Protocol):
    """One keep-alive connection. `on_answer` gets each answer, `on_lost` the reason when the peer closes it."""

    def __init__(
        self, on_answer: Callable[["Connection", Answer], None], on_lost: Callable[[str], None] = lambda _: None
    ) -> None:
        self._on_answer = on_answer
        self._on_lost = on_lost
        self._pending = b""
        self._sent_ns = 0
        self._transport: asyncio.Transport | None = None
        self.is_busy = False

    @classmethod
    async def open(
        cls, port: int, on_answer: Callable[["Connection", Answer], None], on_lost: Callable[[str], None]
    ) -> "Connection":
        """Connect. Raises `OSError`."""
        _, connection = await asyncio.get_running_loop().create_connection(lambda: cls(on_answer, on_lost), HOST, port)
        return connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits."""
        self._on_lost(str(exc or "the connection was closed"))

    def send(self, request: bytes) -> None:
        """Write a request; the one before must have been answered."""
        assert self._transport is not None
        self.is_busy = True
        self._sent_ns = time.monotonic_ns()
        self._transport.write(request)

    def close(self) -> None:
        """Close it."""
        if self._transport is not None:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        """Find the status and the length, and wait for the rest where it is missing."""
        if self._pending:
            data = self._pending + data
        head = data.find(_END)
        at = data.find(_LENGTH, 0, head) if head > 0 else -1
        size = int(data[at + len(_LENGTH) : data.index(b"\r\n", at)]) if at > 0 else 0
        end = head + len(_END) + size
        if head < 0 or len(data) < end:
            self._pending = data
            return
        self._pending = b""
        self.is_busy = False
        answer = Answer(int(data[9:12]), data[head + len(_END) : end], self._sent_ns, time.monotonic_ns())
        self._on_answer(self, answer)


class Client:
    """A connection with an awaitable request, for what is paced or polled. Not for two tasks at once."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._connection: Connection | None = None
        self._waiting: asyncio.Future[Answer] | None = None

    async def request(self, request: bytes) -> Answer:
        """Send and wait for the answer, connecting first where there is no connection. Raises `OSError`."""
        if self._connection is None:
            self._connection = await Connection.open(self._port, self._answered, self._lost)
        self._waiting = asyncio.get_running_loop().create_future()
        self._connection.send(request)
        return await self._waiting

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()

    def _answered(self, _: Connection, answer: Answer) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(answer)

    def _lost(self, reason: str) -> None:
        self._connection = None
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(ConnectionError(reason))


def post_head(path: str, token: str) -> bytes:
    """A POST up to the idempotency key, which `post` adds with the body."""
    lines = (
        f"POST {path} HTTP/1.1",
        f"host: {HOST}",
        f"authorization: Bearer {token}",
        "content-type: application/json",
        "idempotency-key: ",
    )
    return "\r\n".join(lines).encode()


def post(head: bytes, key: bytes, body: bytes) -> bytes:
    """The whole request."""
    return b"%b%b\r\ncontent-length: %d\r\n\r\n%b" % (head, key, len(body), body)


def get(path: str, token: str = "") -> bytes:
    """A whole GET."""
    authorization = f"authorization: Bearer {token}\r\n" if token else ""
    return f"GET {path} HTTP/1.1\r\nhost: {HOST}\r\n{authorization}\r\n".encode()


async def server_sent_events(port: int, path: str) -> AsyncIterator[tuple[int, bytes]]:
    """Each event of a stream, as written, with the monotonic nanoseconds of its arrival. Ends with the stream.

    Raises `ConnectionError` for a refusal.
    """
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        writer.write(get(path))
        head = await reader.readuntil(_END)
        if b" 200 " not in head:
            raise ConnectionError(head.decode(errors="replace"))
        pending = b""
        while size := int(await reader.readline(), 16):  # RFC 9112 section 7.1: the chunked transfer coding
            chunk = await reader.readexactly(size + 2)
            arrived_ns = time.monotonic_ns()
            *events, pending = (pending + chunk[:-2]).split(b"\n\n")
            for event in events:
                yield arrived_ns, event
    finally:
        writer.close()
