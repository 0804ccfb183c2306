"""The centre's parts in this process, on a real database and, where asked, a real broker."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from msgspec.structs import replace

from central_sync.app import Centre, opened_centre
from central_sync.config import ApiConfig, BrokerConfig, CentreConfig, ChannelsConfig, DatabaseConfig, IngestConfig
from central_sync.ingest import greetings
from central_sync.ingest.apply import Outcome, apply
from central_sync.ingest.reading import ReadPush, read_push
from central_sync.store import nodes
from central_sync.store.database import AlreadyThere, Database
from central_sync.store.migrate import migrate
from edge_core.sync.messages import Ack, Push, UpMessage, Welcome, decode_down, encode_message
from edge_core.sync.topics import topic
from holdfast_runtime.http_server import serve
from holdfast_runtime.mqtt import MqttLink
from tests.rigs.orders import START_MS
from tests.rigs.streams import NodeLog

PATIENCE_S = 20


@asynccontextmanager
async def migrated(dsn: str) -> AsyncIterator[Database]:
    """A database with the centre's schema."""
    database = await Database.open(dsn)
    try:
        await migrate(database)
        yield database
    finally:
        await database.close()


async def greet(database: Database, *logs: NodeLog) -> dict[str, Welcome]:
    """Say hello for nodes, and again where the centre asks for a confirmation."""
    async with database.transaction() as connection:
        history_id = await nodes.history_id(connection)
        hellos = [log.hello() for log in logs]
        said = await greetings.welcome(connection, hellos, history_id=history_id, now_ms=START_MS)
        claims = [replace(hello, succeeds=answer.current) for hello, answer in said if answer.current is not None]
        said += await greetings.welcome(connection, claims, history_id=history_id, now_ms=START_MS)
        return {hello.node_id: answer for hello, answer in said}


async def push(database: Database, *pushes: Push) -> Outcome:
    """Apply pushes in one transaction, as the ingester does."""
    return await push_read(database, [read_push(message, encode_message(message)) for message in pushes])


async def push_read(database: Database, pushes: Sequence[ReadPush]) -> Outcome:
    """The same with pushes that are read already."""
    try:
        async with database.transaction() as connection:
            return await apply(connection, pushes)
    except AlreadyThere:
        async with database.transaction() as connection:
            return await apply(connection, pushes, careful=True)


async def rows(database: Database, statement: str, *arguments: Any) -> list[tuple[Any, ...]]:
    """What a query finds, as plain tuples."""
    async with database.reading() as connection:
        return [tuple(row) for row in await connection.fetch(statement, *arguments)]


async def eventually(condition: Callable[[], Any], what: str) -> Any:
    """Wait until a condition holds (it may be a coroutine function) and return what it answered."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            found = condition()
            found = await found if asyncio.iscoroutine(found) else found
            if found:
                return found
            await asyncio.sleep(0.01)
    raise AssertionError(what)


class RunningCentre:
    """A whole centre with its HTTP side on a port of its own."""

    def __init__(self, centre: Centre, url: str) -> None:
        self.centre = centre
        self.url = url
        self.http = httpx.AsyncClient(base_url=url, trust_env=False, timeout=PATIENCE_S, verify=False)

    async def get(self, path: str, **query: Any) -> Any:
        """The JSON at a path."""
        answer = await self.http.get(path, params=query)
        answer.raise_for_status()
        return answer.json()


@asynccontextmanager
async def running_centre(
    dsn: str,
    broker_url: str,
    *,
    tokens_file: Path | None = None,
    channels_file: Path | None = None,
    instance: str = "test",
) -> AsyncIterator[RunningCentre]:
    """Start the centre's parts as the service does, without the process around them."""
    config = CentreConfig(
        api=ApiConfig(port=0, tokens_file=tokens_file),
        database=DatabaseConfig(dsn=dsn),
        broker=BrokerConfig(url=broker_url),
        ingest=IngestConfig(instance=instance),
        channels=ChannelsConfig(channels_file),
    )
    stop = asyncio.Event()
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    async with opened_centre(config) as centre:
        tasks = [
            asyncio.create_task(serve(centre.app, "127.0.0.1", 0, stop=stop, on_listening=port.set_result)),
            asyncio.create_task(centre.ingester.run()),
            asyncio.create_task(centre.live.run()),
        ]
        running = RunningCentre(centre, f"http://127.0.0.1:{await port}")
        try:
            yield running
        finally:
            await running.http.aclose()
            centre.live.close()
            stop.set()
            await tasks[0]
            for task in tasks[1:]:
                task.cancel()
            await asyncio.wait(tasks)
            await centre.leases.release()
            await centre.link.close()


class EdgeEnd:
    """A node's end of the wire: says what it is told to, and keeps what it hears."""

    def __init__(self, url: str, node_id: str) -> None:
        self._up = topic(node_id, "up")
        self.link = MqttLink(url, f"edge-{node_id}", subscriptions=[topic(node_id, "down")])

    async def say(self, message: UpMessage) -> None:
        """Publish a message."""
        await self.say_bytes(encode_message(message))

    async def say_bytes(self, payload: bytes, name: str | None = None) -> None:
        """Publish anything, anywhere."""
        assert self.link.publish(name or self._up, payload)

    async def hear(self) -> Any:
        """The next message of the centre."""
        async with asyncio.timeout(PATIENCE_S):
            _, payload = await self.link.inbox.get()
        return decode_down(payload)

    async def hear_ack_of(self, seq: int) -> Ack:
        """The first ack that covers a seq."""
        while True:
            message = await self.hear()
            if isinstance(message, Ack) and message.durable_seq >= seq:
                return message


@asynccontextmanager
async def edge(url: str, node_id: str) -> AsyncIterator[EdgeEnd]:
    """A connected node's end."""
    end = EdgeEnd(url, node_id)
    await end.link.connect()
    try:
        yield end
    finally:
        await end.link.close()
