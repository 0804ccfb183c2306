"""The line that the demo cuts: bytes pass both ways, and nothing does while it is cut."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from deploy.house.relay import Relay

_DEADLINE_S = 5


@pytest.fixture
async def relay() -> AsyncIterator[Relay]:
    """A line to a server that sends back what it gets."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(1024):
            writer.write(chunk)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server, Relay(server.sockets[0].getsockname()[1]) as line:
        yield line


async def talk(relay: Relay) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", relay.port)


async def ended(reader: asyncio.StreamReader) -> bool:
    """Whether the connection breaks, within a deadline."""
    async with asyncio.timeout(_DEADLINE_S):
        try:
            return await reader.read(1) == b""
        except ConnectionError:
            return True


async def echoes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    writer.write(b"x" * 200_000)
    async with asyncio.timeout(_DEADLINE_S):
        return await reader.readexactly(200_000) == b"x" * 200_000


async def test_bytes_pass_both_ways(relay: Relay) -> None:
    reader, writer = await talk(relay)
    assert await echoes(reader, writer)
    writer.close()


async def test_a_cut_breaks_what_is_connected_and_what_tries_to_connect(relay: Relay) -> None:
    reader, writer = await talk(relay)
    assert await echoes(reader, writer)
    relay.cut()
    assert await ended(reader)
    late_reader, late_writer = await talk(relay)
    assert await ended(late_reader)
    for each in (writer, late_writer):
        each.close()


async def test_a_healed_line_takes_new_connections(relay: Relay) -> None:
    relay.cut()
    relay.heal()
    reader, writer = await talk(relay)
    assert await echoes(reader, writer)
    writer.close()


async def test_a_line_to_nobody_breaks_at_once() -> None:
    async with Relay(target_port=1) as line:
        reader, writer = await talk(line)
        assert await ended(reader)
        writer.close()
