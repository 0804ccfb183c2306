"""`edge-agent enrol`: tell the centre, with a ticket, that this machine is the node (docs/operations.md, "Enrolment").

The store sells before it is enrolled; until then its log only waits.
"""

import ssl
from collections.abc import Callable
from typing import Final
from uuid import UUID

import httpx
import msgspec
from msgspec import Struct
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_delay, wait_random_exponential

from edge_agent.config import AgentConfig, zone_of
from edge_agent.policy_keys import trust
from edge_agent.store import log
from edge_agent.store.connection import open_reader
from edge_agent.store.file import StoreFile
from edge_agent.surroundings import real_surroundings
from edge_core import ids
from edge_core.errors import PermanentFault, TransientFault
from edge_core.limits import (
    CONNECT_DELAY_MS,
    CONNECT_TIMEOUT_MS,
    ENROLMENT_BODY_BYTES_MAX,
    ENROLMENT_PATIENCE_MS,
    TICKET_CHARS_MAX,
)
from holdfast_runtime.config import ConfigError

_PATH: Final = "/v1/enrolments"


class Enrolled(Struct, frozen=True):
    """What the centre confirmed, and the keys in hex whose releases of policies are to be trusted."""

    node_id: str
    incarnation: UUID
    history_id: UUID
    policy_keys: tuple[str, ...] = ()


class _Problem(Struct, frozen=True):
    """What is shown of a problem document."""

    title: str = ""
    detail: str = ""


async def enrol(
    config: AgentConfig, ticket: str, on_wait: Callable[[str], None], *, patience_ms: int = ENROLMENT_PATIENCE_MS
) -> Enrolled:
    """Show the ticket to the centre; where it cannot be reached, again for a minute.

    The file is begun where there is none. Raises `ConfigError`, `StorageFault`, `PermanentFault` (refused), and
    `TransientFault` (not reached).
    """
    url = _address(config)
    secret = _checked_ticket(ticket)
    tls = _tls(config)
    incarnation = await _incarnation(config)

    def before_sleep(state: RetryCallState) -> None:
        failure = state.outcome.exception() if state.outcome else None
        on_wait(str(failure))

    async for attempt in AsyncRetrying(
        retry=retry_if_exception_type(TransientFault),
        wait=wait_random_exponential(CONNECT_DELAY_MS / 1000, CONNECT_TIMEOUT_MS / 1000),
        stop=stop_after_delay(patience_ms / 1000),
        before_sleep=before_sleep,
        reraise=True,
    ):
        with attempt:
            enrolled = await _ask(url, tls, config.node.id, secret, incarnation)
            trust(config.policies.keys_file, enrolled.policy_keys)
            return enrolled
    raise TransientFault("the centre was not asked")


def _address(config: AgentConfig) -> str:
    if not config.centre.url:
        raise ConfigError("centre.url", "the configuration", "expected the address of the centre's API; found none")
    return config.centre.url.rstrip("/") + _PATH


def _checked_ticket(ticket: str) -> str:
    secret = ticket.strip()
    if not 0 < len(secret) <= TICKET_CHARS_MAX or not secret.isascii() or not secret.isprintable():
        raise PermanentFault("this is no ticket: expected the line that `central-sync enrol` printed")
    return secret


async def _incarnation(config: AgentConfig) -> UUID:
    """Which life the file is in. An agent may be running on it; where there is no file, it is begun."""
    here = real_surroundings(zone_of(config))
    if not config.store.path.exists():
        file = StoreFile(config.store.path, config.node.id)
        incarnation = ids.incarnation(here.now_ms(), here.random_bits(), here.machine)
        await file.open(incarnation=incarnation, now_ms=here.now_ms())
        await file.close()
    reader = await open_reader(config.store.path)
    try:
        return await log.present_incarnation(reader)
    finally:
        await reader.close()


def _tls(config: AgentConfig) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=config.centre.ca_file)
    except OSError as error:  # ssl.SSLError is one
        expected = f"expected a usable file of certificates: {error}"
        raise ConfigError("centre.ca_file", "the configuration", expected) from error


async def _ask(url: str, tls: ssl.SSLContext, node_id: str, secret: str, incarnation: UUID) -> Enrolled:
    body = msgspec.json.encode({"node_id": node_id, "incarnation": incarnation})
    headers = {"authorization": f"Bearer {secret}", "content-type": "application/json"}
    try:
        async with httpx.AsyncClient(verify=tls, timeout=CONNECT_TIMEOUT_MS / 1000, trust_env=False) as client:
            answer = await client.post(url, content=body, headers=headers)
    except httpx.HTTPError as error:
        raise TransientFault(f"{url}: {error or type(error).__name__}") from error
    if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
        raise TransientFault(f"{url} answered {answer.status_code}")
    content = answer.content[:ENROLMENT_BODY_BYTES_MAX]
    try:
        if answer.is_success:
            return msgspec.json.decode(content, type=Enrolled)
        problem = msgspec.json.decode(content, type=_Problem)
    except msgspec.DecodeError as error:
        raise PermanentFault(f"{url} answered {answer.status_code} and is no centre") from error
    raise PermanentFault(f"{problem.title}: {problem.detail}")
