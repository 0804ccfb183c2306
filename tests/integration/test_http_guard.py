"""The HTTP server against clients that are too large, too slow, malformed, gone or too many. Real sockets, uvloop."""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

import msgspec
import pytest
import uvloop
from starlette.types import Receive, Scope, Send

from edge_core.errors import InvariantViolated
from edge_core.limits import BODY_BYTES_MAX, HEADER_BYTES_MAX, HEADERS_MAX, PIPELINE_MAX
from holdfast_runtime import http_protocol, http_server
from holdfast_runtime.config import ConfigError
from holdfast_runtime.http_protocol import Phase
from holdfast_runtime.http_server import ClientGone, read_body, serve

T = TypeVar("T")
DEADLINE_S = 10


@pytest.fixture(scope="module")
def event_loop_policy() -> asyncio.AbstractEventLoopPolicy:
    policy: asyncio.AbstractEventLoopPolicy = uvloop.EventLoopPolicy()
    return policy


class App:
    """Answers the size of the body; its paths do what the tests need."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.release = asyncio.Event()
        self.gone = asyncio.Event()
        self.body_timeout_ms = 5_000

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.entered.set()
        if scope["path"] == "/wait":
            await self.release.wait()
        if scope["path"] == "/invariant":
            raise InvariantViolated("cannot be")
        if scope["path"] == "/bug":
            raise KeyError("secret")
        try:
            body = await read_body(scope, receive, timeout_ms=self.body_timeout_ms)
        except ClientGone:
            self.gone.set()
            raise
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": str(len(body)).encode()})


class Server:
    def __init__(self, app: App, port: int, stop: asyncio.Event, task: asyncio.Task[None]) -> None:
        self.app, self.port, self.stop, self.task = app, port, stop, task

    async def connect(self) -> tuple[StreamReader, StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def exchange(self, request: bytes) -> tuple[int, dict[str, str], bytes]:
        reader, writer = await self.connect()
        writer.write(request)
        answer = await response(reader)
        writer.close()
        return answer


@asynccontextmanager
async def running() -> AsyncIterator[Server]:
    app = App()
    stop = asyncio.Event()
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve(app, "127.0.0.1", 0, stop=stop, on_listening=port.set_result))
    either: list[asyncio.Future[Any]] = [task, port]
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    yield Server(app, port.result(), stop, task)
    stop.set()
    app.release.set()
    await asyncio.wait({task})


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with running() as it:
        yield it


async def response(reader: StreamReader) -> tuple[int, dict[str, str], bytes]:
    async with asyncio.timeout(DEADLINE_S):
        return await _response(reader)


async def closed(reader: StreamReader) -> bool:
    """Whether the server closes without a further byte."""
    return await soon(reader.read()) == b""


async def soon(awaitable: Awaitable[T]) -> T:
    return await asyncio.wait_for(awaitable, DEADLINE_S)


async def _response(reader: StreamReader) -> tuple[int, dict[str, str], bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
    if "content-length" in headers:
        body = await reader.readexactly(int(headers["content-length"]))
    else:
        size = int((await reader.readuntil(b"\r\n")).strip(), 16)
        body = await reader.readexactly(size)
        await reader.readuntil(b"0\r\n\r\n")
    return int(head[0].split()[1]), headers, body


def post(body: bytes = b"", *headers: bytes, path: bytes = b"/") -> bytes:
    lines = [b"POST " + path + b" HTTP/1.1", b"Host: x", b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def shorten(monkeypatch: pytest.MonkeyPatch, phase: Phase) -> None:
    monkeypatch.setitem(http_protocol._TIMEOUT_S, phase, 0.05)


def code(body: bytes) -> Any:
    return msgspec.json.decode(body)["code"]


async def test_a_body_is_read_and_the_connection_kept_for_the_next(server: Server) -> None:
    reader, writer = await server.connect()
    for size in (0, 5, BODY_BYTES_MAX):
        writer.write(post(b"x" * size))
        status, headers, body = await response(reader)
        assert (status, body) == (200, str(size).encode())
        assert "server" not in headers
    writer.write(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
    assert (await response(reader))[2] == b"5"
    writer.close()


@pytest.mark.parametrize(
    "header",
    [
        b"X: " + b"a" * (HEADER_BYTES_MAX + 1),
        b"\r\n".join(b"X%d: 1" % n for n in range(HEADERS_MAX + 1)),
        b"\r\n".join(b"X: " + b"a" * 1000 for _ in range(20)),
    ],
    ids=["one long", "many", "many long"],
)
async def test_a_header_flood_is_answered_431_and_closed(server: Server, header: bytes) -> None:
    reader, writer = await server.connect()
    writer.write(post(b"", header))
    status, headers, body = await response(reader)
    assert (status, code(body), headers["content-type"]) == (431, "HF1009", "application/problem+json")
    assert await closed(reader)
    writer.close()
    assert (await server.exchange(post(b"after")))[0] == 200


async def test_a_long_address_counts_as_header(server: Server) -> None:
    assert (await server.exchange(post(path=b"/" + b"a" * HEADER_BYTES_MAX)))[0] == 431


@pytest.mark.parametrize(
    "start", [b"GET / HTTP/1.1\r\nX: ", b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nTrailer: "]
)
async def test_a_header_or_trailer_without_an_end_is_cut_off(server: Server, start: bytes) -> None:
    reader, writer = await server.connect()
    writer.write(start)
    sent = 0
    while not reader.at_eof() and sent < 64 and not writer.is_closing():
        writer.write(b"a" * 4096)
        sent += 1
        try:
            await writer.drain()
            async with asyncio.timeout(0.02):
                assert b" 431 " in await reader.readline()
                break
        except TimeoutError:
            continue
    assert sent * 4096 < 8 * HEADER_BYTES_MAX
    writer.close()


async def test_a_trailer_that_comes_at_once_counts_as_header(server: Server) -> None:
    chunked = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n"
    lines = b"".join(b"X%d: 1\r\n" % number for number in range(HEADERS_MAX + 1))
    assert (await server.exchange(chunked + lines[:7] + b"\r\n"))[0] == 200
    status, _, body = await server.exchange(chunked + lines + b"\r\n")
    assert (status, code(body)) == (431, "HF1009")


async def test_a_header_that_does_not_arrive_is_answered_408_and_closed(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    shorten(monkeypatch, Phase.HEADER)
    reader, writer = await server.connect()
    writer.write(b"GET / HTTP/1.1\r\nX: ")
    status, _, body = await response(reader)
    assert (status, code(body)) == (408, "HF1008")
    assert await closed(reader)
    writer.close()


async def test_a_trickle_of_header_bytes_does_not_extend_its_time(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(http_protocol._TIMEOUT_S, Phase.HEADER, 0.2)
    reader, writer = await server.connect()
    loop = asyncio.get_running_loop()
    started = loop.time()
    answer = asyncio.create_task(response(reader))
    writer.write(b"GET / HTTP/1.1\r\nX: ")
    while not answer.done() and loop.time() < started + 5:
        writer.write(b"a")
        await asyncio.wait({answer}, timeout=0.02)
    assert (await answer)[0] == 408
    assert loop.time() - started < 2
    writer.close()


async def test_a_silent_connection_is_closed(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    shorten(monkeypatch, Phase.HEADER)
    reader, _ = await server.connect()
    assert await closed(reader)


async def test_blank_lines_do_not_keep_a_connection_for_ever(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    shorten(monkeypatch, Phase.IDLE)
    reader, writer = await server.connect()
    writer.write(b"\r\n")
    assert await closed(reader)


async def test_a_body_that_does_not_arrive_is_answered_408(server: Server) -> None:
    server.app.body_timeout_ms = 50
    status, _, body = await server.exchange(b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nab")
    assert (status, code(body)) == (408, "HF1008")


async def test_a_body_that_nobody_reads_any_more_is_cut_off(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    shorten(monkeypatch, Phase.BODY)
    reader, writer = await server.connect()
    writer.write(b"POST / HTTP/1.1\r\nContent-Length: 999999999\r\n\r\n")
    assert (await response(reader))[0] == 413
    assert await closed(reader)
    writer.close()


async def test_a_body_that_is_announced_too_large_is_refused_before_it_is_sent(server: Server) -> None:
    head = b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % (BODY_BYTES_MAX + 1)
    status, headers, body = await server.exchange(head)
    assert (status, code(body), headers["content-type"]) == (413, "HF1006", "application/problem+json")


async def test_a_large_body_that_is_sent_all_the_same_still_gets_its_answer(server: Server) -> None:
    reader, writer = await server.connect()
    writer.write(post(b"x" * (2 * BODY_BYTES_MAX)))
    assert (await response(reader))[0] == 413
    writer.write(post(b"next"))
    assert (await response(reader))[2] == b"4"
    writer.close()


async def test_a_chunked_body_is_counted_as_it_comes(server: Server) -> None:
    chunk = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
    status, _, body = await server.exchange(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk * 9)
    assert (status, code(body)) == (413, "HF1006")


@pytest.mark.parametrize(
    "noise",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"BREW / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nbad header\r\n\r\n",
        b"GET \xff HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
async def test_what_is_not_http_is_answered_400_and_the_server_goes_on(server: Server, noise: bytes) -> None:
    status, headers, body = await server.exchange(noise)
    assert (status, code(body), headers["content-type"]) == (400, "HF1013", "application/problem+json")
    assert (await server.exchange(post(b"ok")))[2] == b"2"


async def test_an_upgrade_is_served_as_a_plain_request(server: Server) -> None:
    upgrade = b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    assert (await server.exchange(upgrade))[0] == 200


async def test_a_client_that_leaves_in_its_body_is_noticed(server: Server) -> None:
    _, writer = await server.connect()
    writer.write(b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nab")
    await soon(server.app.entered.wait())
    writer.transport.abort()
    await soon(server.app.gone.wait())


async def test_a_few_pipelined_requests_are_answered_in_order(server: Server) -> None:
    reader, writer = await server.connect()
    writer.write(b"".join(post(b"x" * n) for n in range(PIPELINE_MAX)))
    assert [(await response(reader))[2] for _ in range(PIPELINE_MAX)] == [b"%d" % n for n in range(PIPELINE_MAX)]
    writer.close()


async def test_a_flood_of_pipelined_requests_is_cut_off_and_the_one_being_answered_is_told(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    reader, writer = await server.connect()
    writer.write(post(path=b"/wait") * 5000)
    with suppress(ConnectionResetError):
        assert await closed(reader)
    server.app.release.set()
    await soon(server.app.gone.wait())
    assert (await server.exchange(post()))[0] == 200
    assert "Exception in ASGI application" not in caplog.text


async def test_one_connection_too_many_is_told_so_and_the_next_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "CONNECTIONS_MAX", 2)
    async with running() as server:
        held = [await server.connect() for _ in range(2)]
        for _, writer in held:
            writer.write(post())
        for reader, _ in held:
            assert (await response(reader))[0] == 200
        reader, _ = await server.connect()
        status, headers, body = await response(reader)
        assert (status, code(body), headers["retry-after"]) == (503, "HF4001", "1")
        held[0][1].close()
        await held[0][1].wait_closed()
        await soon(served(server))


async def served(server: Server) -> None:
    """Ask until the server has seen the other side close; it does so in its own time."""
    while (await server.exchange(post()))[0] != 200:
        pass


async def test_a_failing_handler_is_answered_500_without_its_text(server: Server) -> None:
    status, _, body = await server.exchange(post(path=b"/bug"))
    assert (status, code(body)) == (500, "HF4006")
    assert b"secret" not in body
    assert (await server.exchange(post()))[0] == 200


async def test_a_violated_invariant_is_answered_and_then_ends_the_server() -> None:
    async with running() as server:
        status, _, body = await server.exchange(post(path=b"/invariant"))
        assert (status, code(body)) == (500, "HF4006")
        with pytest.raises(InvariantViolated, match="cannot be"):
            await soon(server.task)


async def test_a_stop_finishes_what_is_being_answered_and_accepts_no_more() -> None:
    async with running() as server:
        reader, writer = await server.connect()
        idle, _ = await server.connect()
        writer.write(post(b"abc", path=b"/wait"))
        await soon(server.app.entered.wait())
        server.stop.set()
        assert await closed(idle)
        with pytest.raises(OSError, match=r"refused|111"):
            await server.connect()
        assert not server.task.done()
        server.app.release.set()
        status, headers, body = await response(reader)
        assert (status, headers["connection"], body) == (200, "close", b"3")
        await soon(server.task)
        writer.close()


async def test_a_request_that_does_not_end_cannot_hold_up_the_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "SHUTDOWN_TIMEOUT_MS", 1000)
    async with running() as server:
        _, writer = await server.connect()
        writer.write(post(path=b"/wait"))
        await soon(server.app.entered.wait())
        server.stop.set()
        await asyncio.wait_for(server.task, 5)
        assert not server.app.release.is_set()
        writer.close()


async def test_an_address_in_use_is_an_error_of_the_configuration(server: Server) -> None:
    with pytest.raises(ConfigError) as caught:
        await serve(App(), "127.0.0.1", server.port, stop=asyncio.Event())
    assert caught.value.key == "api.port"
    with pytest.raises(ConfigError) as caught:
        await serve(App(), "no.such.host.invalid", 0, stop=asyncio.Event())
    assert caught.value.key == "api.host"
