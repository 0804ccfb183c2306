"""The composition root: the one place that builds the centre's parts from its configuration."""

import asyncio
import socket
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import version
from typing import Final

import structlog
from msgspec import Struct
from starlette.types import ASGIApp
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_delay, wait_random_exponential

from central_sync import times
from central_sync.api.access import Access
from central_sync.api.application import application
from central_sync.api.assignments import Assignments
from central_sync.api.channels import ChannelDesk
from central_sync.api.commands import Commands
from central_sync.api.contract import centre_openapi
from central_sync.api.enrolments import Enrolments
from central_sync.api.events import Events
from central_sync.api.handlers import Handlers
from central_sync.api.holds import Holds
from central_sync.api.live import LiveFeed
from central_sync.api.policies import PolicyFiles
from central_sync.api.reference import ReferenceFiles
from central_sync.api.rendering import server_sent_events
from central_sync.api.rights import RightsDesk
from central_sync.api.rules import RuleDesk
from central_sync.api.settling import Settling
from central_sync.api.signals import Signals
from central_sync.assigning import Assigner
from central_sync.attempts import Desk
from central_sync.channels import Channel, load_channels
from central_sync.config import EMBEDDED, BrokerConfig, CentreConfig, DatabaseConfig
from central_sync.console.page import page_routes
from central_sync.decisions import Decisions
from central_sync.housekeeping import Housekeeper
from central_sync.ingest.backlog import Backlog
from central_sync.ingest.leases import ShardLeases
from central_sync.ingest.worker import Ingester
from central_sync.policy_desk import PolicyDesk
from central_sync.policy_watch import PolicyWatch
from central_sync.rebalancing import Rebalancer
from central_sync.rule_language.vocabulary import Vocabulary
from central_sync.rules import load_vocabulary
from central_sync.store import breakers, nodes
from central_sync.store.database import Database
from central_sync.store.migrate import migrate
from central_sync.telemetry import Telemetry
from edge_core.errors import TransientFault
from edge_core.limits import (
    DATABASE_RETRY_DELAY_MS,
    DATABASE_RETRY_DELAY_MS_MAX,
    DATABASE_START_TIMEOUT_MS,
    INGEST_INBOX_MAX,
)
from edge_core.sync.entry import ENTRY_VERSION
from holdfast_runtime.docs_page import docs_routes
from holdfast_runtime.metrics import Metrics
from holdfast_runtime.mqtt import MqttLink, TlsFiles
from holdfast_runtime.tokens import TokenCheck

VERSION: Final = version("holdfast")
_OWNER_NAMESPACE: Final = uuid.UUID("3f6a7a52-6f8e-5f0e-9d0b-6d1f5a1f7c11")
_log = structlog.get_logger("centre")


class Centre(Struct, frozen=True):
    """The parts of a running centre."""

    database: Database
    link: MqttLink
    leases: ShardLeases
    ingester: Ingester
    live: LiveFeed
    housekeeper: Housekeeper
    assigner: Assigner
    rebalancer: Rebalancer
    policy_watch: PolicyWatch
    app: ASGIApp


@asynccontextmanager
async def opened_database(config: DatabaseConfig, *, shared: bool = False) -> AsyncIterator[Database]:
    """The database, started first where it is the embedded one, and closed at the end.

    `shared` uses an embedded one that another process runs already. A server that is away at our start is waited for,
    up to `DATABASE_START_TIMEOUT_MS`; then `TransientFault` is raised.
    """
    async with AsyncExitStack() as stack:
        dsn = config.dsn if config.dsn != EMBEDDED else await _embedded_dsn(config, stack, shared=shared)
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type(TransientFault),
            wait=wait_random_exponential(DATABASE_RETRY_DELAY_MS / 1000, DATABASE_RETRY_DELAY_MS_MAX / 1000),
            stop=stop_after_delay(DATABASE_START_TIMEOUT_MS / 1000),
            before_sleep=_log_waiting,
            reraise=True,
        ):
            with attempt:
                database = await Database.open(dsn)
        stack.push_async_callback(database.close)
        yield database


def database_dsn(config: DatabaseConfig) -> str:
    """Where a database that is open now is reached, for other programs. Raises `TransientFault`."""
    if config.dsn != EMBEDDED:
        return config.dsn
    from central_sync.embedded.database import running_dsn  # noqa: PLC0415 - an optional extra

    dsn = running_dsn(config.folder)
    if dsn is None:
        raise TransientFault("the embedded database has just stopped")
    return dsn


@asynccontextmanager
async def opened_centre(config: CentreConfig) -> AsyncIterator[Centre]:
    """Everything, ready to run. Raises `ConfigError`, `PermanentFault` and `TransientFault`."""
    tokens = None if config.api.tokens_file is None else TokenCheck(config.api.tokens_file)
    channels = load_channels(config.channels.file)
    vocabulary = load_vocabulary(config.rules.names_file)
    async with opened_database(config.database) as database, AsyncExitStack() as stack:
        url = config.broker.url if config.broker.url != EMBEDDED else await _start_broker(config.broker, stack)
        for name in await migrate(database):
            _log.info("store.migrated", migration=name)
        async with database.transaction() as connection:
            history_id = await nodes.history_id(connection)
            closed = await breakers.close_known(connection, ENTRY_VERSION)
        for breaker in closed:
            _log.warning("ingest.breaker_closed", node_id=breaker.node_id, version=breaker.version)
        yield _assemble(config, database, url, history_id, tokens, channels, vocabulary)


def _assemble(
    config: CentreConfig,
    database: Database,
    url: str,
    history_id: uuid.UUID,
    tokens: TokenCheck | None,
    channels: Mapping[str, Channel],
    vocabulary: Vocabulary,
) -> Centre:
    metrics = Metrics()
    telemetry = Telemetry(metrics.registry)
    owner = _owner(config)
    tls = TlsFiles(config.broker.ca_file, config.broker.cert_file, config.broker.key_file)
    # A client id of its own for each start: with a former one the broker would first have to end a dead session.
    link = MqttLink(url, f"central-sync-{owner.hex[:8]}-{uuid.uuid4().hex[:8]}", tls=tls, inbox_max=INGEST_INBOX_MAX)
    leases = ShardLeases(owner, database, link, telemetry)
    ingester = Ingester(
        link=link,
        database=database,
        leases=leases,
        history_id=history_id,
        telemetry=telemetry,
        now_ms=times.now_ms,
        backlog=Backlog(config.ingest.batch_pushes_max, config.ingest.batch_entries_max),
        admit=config.ingest.admit,
    )
    live = LiveFeed(database, server_sent_events, telemetry)

    async def readiness() -> tuple[str, ...]:
        return await _waiting_for(database, link, leases)

    access = Access(tokens)
    desk = Desk(times.now_ms, config.assignment.accept_seconds * 1000, lambda s: telemetry.assignments.labels(s).inc())
    policy_desk = PolicyDesk(times.now)
    app = application(
        handlers=Handlers(database, times.now),
        holds=Holds(database),
        commands=Commands(database, times.now_ms),
        assignments=Assignments(database, Decisions(desk), times.now_ms),
        channels=ChannelDesk(database, access, channels, times.now_ms, telemetry),
        rights=RightsDesk(database, times.now_ms),
        settling=Settling(database, access),
        events=Events(live),
        enrolments=Enrolments(database),
        reference=ReferenceFiles(database, access, times.now),
        policies=PolicyFiles(database, access, policy_desk),
        signals=Signals(database, access, times.now),
        rules=RuleDesk(database, access, vocabulary, times.now),
        readiness=readiness,
        access=access,
        is_open=tokens is None,
        extra=[metrics.route(), *docs_routes(lambda: centre_openapi(VERSION)), *page_routes()],
    )
    return Centre(
        database,
        link,
        leases,
        ingester,
        live,
        Housekeeper(database, telemetry),
        Assigner(database, telemetry, desk),
        Rebalancer(database, times.now_ms, after_ms=config.rights.rebalance_seconds * 1000),
        PolicyWatch(database, policy_desk),
        app,
    )


async def _waiting_for(database: Database, link: MqttLink, leases: ShardLeases) -> tuple[str, ...]:
    waiting_for: list[str] = []
    try:
        await database.ping()
    except TransientFault:
        waiting_for.append("database")
    if not link.connected:
        waiting_for.append("broker")
    if not leases.is_listening:
        waiting_for.append("leases")
    return tuple(waiting_for)


def _owner(config: CentreConfig) -> uuid.UUID:
    """Who holds the leases: the same after a restart on this machine, another for another process beside it."""
    name = config.ingest.instance or f"{socket.gethostname()}:{config.api.host}:{config.api.port}"
    return uuid.uuid5(_OWNER_NAMESPACE, name)


def _log_waiting(state: RetryCallState) -> None:
    failure = state.outcome.exception() if state.outcome else None
    _log.warning("store.waiting", attempt=state.attempt_number, error=str(failure))


async def _embedded_dsn(config: DatabaseConfig, stack: AsyncExitStack, *, shared: bool) -> str:
    from central_sync.embedded.database import EmbeddedDatabase, running_dsn  # noqa: PLC0415 - an optional extra

    running = running_dsn(config.folder) if shared else None
    if running is not None:
        return running
    server = EmbeddedDatabase(config.folder)
    dsn = await asyncio.to_thread(server.start)
    stack.push_async_callback(asyncio.to_thread, server.stop)
    return dsn


async def _start_broker(config: BrokerConfig, stack: AsyncExitStack) -> str:
    from central_sync.embedded import EmbeddedBroker  # noqa: PLC0415 - an optional extra

    broker = EmbeddedBroker(config.folder, config.port)
    url = await asyncio.to_thread(broker.start)
    stack.push_async_callback(asyncio.to_thread, broker.stop)
    _log.info("broker.started", url=url)
    return url
