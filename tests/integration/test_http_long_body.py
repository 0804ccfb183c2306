"""A body that may take long, such as a price book, is not cut off where an ordinary one would be."""

import asyncio

import pytest

from edge_core.limits import BODY_TIMEOUT_MS
from holdfast_runtime.http_protocol import Phase
from tests.integration.test_http_guard import response, running, shorten


@pytest.mark.parametrize(("timeout_ms", "is_answered"), [(BODY_TIMEOUT_MS + 1, True), (BODY_TIMEOUT_MS, False)])
async def test_only_a_body_that_may_take_long_outlives_the_deadline_of_bodies(
    monkeypatch: pytest.MonkeyPatch, *, timeout_ms: int, is_answered: bool
) -> None:
    shorten(monkeypatch, Phase.BODY)
    async with running() as server:
        server.app.body_timeout_ms = timeout_ms
        reader, writer = await server.connect()
        writer.write(b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\na")
        asyncio.get_running_loop().call_later(0.3, writer.write, b"b")  # six times the deadline of an ordinary body
        if is_answered:
            assert (await response(reader))[0::2] == (200, b"2")
        else:
            assert await reader.read() == b""
        writer.close()
