"""The composition root: the one place that builds the agent's parts from its configuration."""

from contextlib import suppress
from importlib.metadata import version
from typing import Final

import structlog
from msgspec import Struct
from starlette.types import ASGIApp

from edge_agent.api.commands import Commands
from edge_agent.api.contract import agent_openapi
from edge_agent.api.queries import Queries
from edge_agent.api.routes import agent_app
from edge_agent.config import AgentConfig, bandwidth_of, zone_of
from edge_agent.days import DayBooks
from edge_agent.hold_expiry import HoldExpiry
from edge_agent.instructions import Instructions
from edge_agent.intake import Intake
from edge_agent.last_word import LastWord
from edge_agent.link.books import Books
from edge_agent.link.outgoing import Introduction
from edge_agent.link.session import Session
from edge_agent.metrics import AgentCollector
from edge_agent.overdue import Overdue
from edge_agent.policies import PolicyKeeper
from edge_agent.recovery import Recovery
from edge_agent.reference import ReferenceKeeper
from edge_agent.reference_source import Source
from edge_agent.retention import Retention, window_of
from edge_agent.scrub import Scrub
from edge_agent.shedding import Shedding
from edge_agent.status import Reporter
from edge_agent.store.connection import Connection
from edge_agent.store.file import StoreFile
from edge_agent.surroundings import Surroundings, real_surroundings
from edge_core import ids
from edge_core.errors import StorageFault
from edge_core.sync.entry import ENTRY_VERSION
from edge_core.sync.messages import Bye, encode_message
from edge_core.sync.retention import Window
from edge_core.sync.topics import topic
from holdfast_runtime.docs_page import docs_routes
from holdfast_runtime.metrics import Metrics
from holdfast_runtime.mqtt import MqttLink, TlsFiles
from holdfast_runtime.tokens import TokenCheck

VERSION: Final = version("holdfast")
_LOG: Final = structlog.get_logger()


class Agent(Struct, frozen=True):
    """The parts of a running agent."""

    file: StoreFile
    intake: Intake
    session: Session | None
    scrub: Scrub
    overdue: Overdue
    hold_expiry: HoldExpiry
    last_word: LastWord
    retention: Retention | None
    reference: ReferenceKeeper
    policies: PolicyKeeper
    app: ASGIApp

    async def checkpoint(self) -> None:
        """One step of the background checkpoint. Where the disk fails it, the writer recovers before the next order."""
        try:
            await self.file.checkpoint()
        except StorageFault as fault:
            await self.intake.report(fault)

    async def is_alive(self) -> None:
        """Return once the writer has made a transaction, or is busy with a fault of the disk; hang as it hangs."""
        if self.intake.fault is None and not self.intake.is_closed:
            with suppress(StorageFault):
                await self.intake.write(_change_nothing)


async def _change_nothing(_: Connection) -> None:
    """The smallest transaction."""


async def build_agent(config: AgentConfig) -> Agent:
    """Open the file and put the parts together. Raises `ConfigError`, `StorageFault` and `PermanentFault`."""
    tokens = TokenCheck(config.api.tokens_file)
    file = StoreFile(config.store.path, config.node.id, reserve_bytes=config.store.reserve_bytes)
    here = real_surroundings(zone_of(config))
    now_ms = here.now_ms()
    applied = await file.open(incarnation=ids.incarnation(now_ms, here.random_bits(), here.machine), now_ms=now_ms)
    _LOG.info("store.opened", path=str(config.store.path), migrations=applied, tail_seq=file.tails["orders"].seq)
    try:
        agent = _assembled(config, tokens, file, here)
        await agent.reference.load()
        await agent.policies.load()
    except BaseException:
        await file.close()  # a connection that stays open keeps the process from ending
        raise
    return agent


def _assembled(config: AgentConfig, tokens: TokenCheck, file: StoreFile, here: Surroundings) -> Agent:
    """The parts around an open file. Raises `ConfigError`."""
    session: Session | None = None
    retention: Retention | None = None

    def is_offline() -> bool:
        return session is None or not session.is_online

    def is_greeted() -> bool:
        return session is not None and session.is_settled

    intake = Intake(file, here, is_offline=is_offline, key_days=config.store.retention_days, is_greeted=is_greeted)
    books = Books(file, here.now_ms, VERSION)
    instructions = Instructions(file, intake, here, accept=config.assignment.accept)
    shedding = Shedding(books, config.store.shed_free_bytes)
    recovery = Recovery(file, intake, here)
    if config.broker.url:
        session = Session(
            file=file,
            intake=intake,
            books=books,
            introduction=_introduction(config),
            mqtt=_mqtt(config, file),
            recovery=recovery,
            instructions=instructions,
            surroundings=here,
            bandwidth=bandwidth_of(config),
        )
        intake.on_commit = session.wake
    scrub = Scrub(file, intake, here, session)
    scrub.sheds = recovery.sheds = shedding.is_on
    books.scrub_report = lambda: scrub.report
    reference = ReferenceKeeper(file, intake, here, _source(config))
    books.reference_held = reference.held
    intake.lookup = reference.look_up
    policies = _policies(PolicyKeeper(file, intake, here, reference, config.policies.keys_file), intake, books)
    if session is not None:
        session.asides.on_published = reference.heard
        session.asides.on_audit, session.on_damage = scrub.heard, scrub.suspect
        retention = Retention(file=file, intake=intake, books=books, session=session, window=_window(config))
        retention.on_damage, retention.cutter.is_given_up = scrub.suspect, scrub.is_given_up
    reporter = Reporter(
        file=file,
        intake=intake,
        books=books,
        instructions=instructions,
        session=session,
        scrub=scrub,
        introduction=_introduction(config),
        shedding=shedding,
        reference=reference,
        policies=policies,
    )
    days = DayBooks(file, here)
    queries = Queries(file, tokens, reporter, days, here)
    intake.on_damage = queries.on_damage = scrub.suspect
    metrics = Metrics()
    metrics.registry.register(
        AgentCollector(intake, books, instructions, scrub, shedding, session, reference, policies)
    )
    app = agent_app(
        Commands(intake, tokens, frozenset(config.node.stores), days),
        queries,
        [metrics.route(), *docs_routes(lambda: agent_openapi(VERSION))],
    )
    overdue, hold_expiry = Overdue(file, intake, here), HoldExpiry(file, intake, here)
    last_word = LastWord(file, intake, here)
    return Agent(file, intake, session, scrub, overdue, hold_expiry, last_word, retention, reference, policies, app)


def _policies(keeper: PolicyKeeper, intake: Intake, books: Books) -> PolicyKeeper:
    """Decisions ask the policies in use, and the centre hears which they are."""
    intake.routing.pricing = lambda known: keeper.pricing(known.signals)
    books.policy_report = keeper.report
    return keeper


def _source(config: AgentConfig) -> Source | None:
    centre = config.centre
    return Source(centre.url, ca_file=centre.ca_file, token_file=centre.token_file) if centre.url else None


def _window(config: AgentConfig) -> Window:
    store = config.store
    return window_of(days=store.log_days, days_max=store.log_days_max, bytes_max=store.log_bytes_max)


def _introduction(config: AgentConfig) -> Introduction:
    return Introduction(config.node.id, config.node.name, config.node.region, VERSION, ENTRY_VERSION)


def _mqtt(config: AgentConfig, file: StoreFile) -> MqttLink:
    node_id = config.node.id
    will = Bye(node_id, file.streams["orders"].incarnation, "the connection broke")
    tls = TlsFiles(config.broker.ca_file, config.broker.cert_file, config.broker.key_file)
    return MqttLink(
        config.broker.url,
        f"holdfast-{node_id}",
        tls=tls,
        subscriptions=[topic(node_id, "down")],
        will=(topic(node_id, "up"), encode_message(will)),
    )
