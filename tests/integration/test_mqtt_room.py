"""A broker that keeps the connection and acknowledges nothing holds nobody up for longer than its bound."""

import asyncio

import pytest

from holdfast_runtime import mqtt
from holdfast_runtime.mqtt import MqttLink

CONNACK = b"\x20\x02\x00\x00"
PATIENCE_S = 20


async def test_who_waits_for_room_leaves_a_broker_that_acknowledges_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        writer.write(CONNACK)
        while await reader.read(4096):
            pass
        writer.close()

    monkeypatch.setattr(mqtt, "MQTT_ROOM_TIMEOUT_MS", 50)
    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        link = MqttLink(f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}", "a", in_flight_max=1)
        await link.connect()
        assert link.publish("t", b"x")
        assert not link.publish("t", b"y")
        async with asyncio.timeout(PATIENCE_S):
            await link.room()
        assert not link.connected
        assert link.reason == "no PUBACK in 50 ms"
