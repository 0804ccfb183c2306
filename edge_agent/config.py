"""The agent's configuration: `edge-agent.toml`, one struct for each section (docs/operations.md has the table)."""

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Meta, Struct

from edge_agent.link.bandwidth import Bandwidth, parse_rate, parse_window
from edge_core.limits import (
    IDEMPOTENCY_DAYS_MAX,
    LINK_WINDOWS_MAX,
    RESERVE_BYTES_DEFAULT,
    RETENTION_BYTES_MAX_DEFAULT,
    RETENTION_DAYS_DEFAULT,
    RETENTION_DAYS_MAX,
    RETENTION_DAYS_MAX_DEFAULT,
    SHED_FREE_BYTES_DEFAULT,
)
from edge_core.sync.topics import NODE_ID_PATTERN
from holdfast_runtime.config import ConfigError, is_loopback, load_config

ENV_PREFIX = "EDGE_AGENT"
Port = Annotated[int, Meta(ge=0, le=65_535)]


class NodeSection(Struct, frozen=True, forbid_unknown_fields=True):
    """Who this node is. `stores` limits whose orders it takes; empty takes any store's."""

    id: Annotated[str, Meta(pattern=NODE_ID_PATTERN)]
    name: str = ""
    region: str = ""
    latitude: Annotated[float, Meta(ge=-90, le=90)] | None = None
    longitude: Annotated[float, Meta(ge=-180, le=180)] | None = None
    time_zone: str = "UTC"
    stores: tuple[str, ...] = ()


class ApiSection(Struct, frozen=True, forbid_unknown_fields=True):
    """Where tills find the agent. Port 0 takes a free one."""

    host: str = "127.0.0.1"
    port: Port = 7070
    tokens_file: Path = Path("/var/lib/holdfast-edge/tokens.json")


class StoreSection(Struct, frozen=True, forbid_unknown_fields=True):
    """The SQLite file, how long clients' keys and the log are kept, and the bytes set aside for a full disk.

    Where the disk has less than `shed_free_bytes` left, what can wait rests; 0 never rests.
    `log_days_max` and `log_bytes_max` let go of the log before the centre's backup covers it; 0 bytes set no limit.
    """

    path: Path = Path("/var/lib/holdfast-edge/store.db")
    retention_days: Annotated[int, Meta(ge=1, le=IDEMPOTENCY_DAYS_MAX)] = IDEMPOTENCY_DAYS_MAX
    reserve_bytes: Annotated[int, Meta(ge=0)] = RESERVE_BYTES_DEFAULT
    shed_free_bytes: Annotated[int, Meta(ge=0)] = SHED_FREE_BYTES_DEFAULT
    log_days: Annotated[int, Meta(ge=1, le=RETENTION_DAYS_MAX)] = RETENTION_DAYS_DEFAULT
    log_days_max: Annotated[int, Meta(ge=1, le=RETENTION_DAYS_MAX)] = RETENTION_DAYS_MAX_DEFAULT
    log_bytes_max: Annotated[int, Meta(ge=0)] = RETENTION_BYTES_MAX_DEFAULT


class BrokerSection(Struct, frozen=True, forbid_unknown_fields=True):
    """The MQTT broker. Without a URL the agent sells and keeps everything for later."""

    url: str = ""
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None


class LinkSection(Struct, frozen=True, forbid_unknown_fields=True):
    """How much of the store's line the link may take: a cap for the whole day, and windows with caps of their own.

    A rate is `512 kB/s`, `2 MB/s` or `unlimited`; a window is `09:00-18:00 128 kB/s` in the store's local time.
    """

    bandwidth: str = "unlimited"
    schedule: Annotated[tuple[str, ...], Meta(max_length=LINK_WINDOWS_MAX)] = ()


class AssignmentSection(Struct, frozen=True, forbid_unknown_fields=True):
    """Orders that the centre assigns: taken on where the goods are here, or once people say `accept` or `reject`."""

    accept: Literal["automatic", "people"] = "automatic"


class PoliciesSection(Struct, frozen=True, forbid_unknown_fields=True):
    """The keys whose releases of policies are trusted: one Ed25519 public key in hex a line; enrolment adds to it."""

    keys_file: Path = Path("/var/lib/holdfast-edge/policy-keys")


class CentreSection(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the centre's API answers: for enrolment, and for what is too large for the broker.

    `token_file` holds a token of the centre with the scope `read`, where it asks for one.
    """

    url: str = ""
    ca_file: str | None = None
    token_file: Path | None = None


class AgentConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    node: NodeSection
    api: ApiSection = ApiSection()
    store: StoreSection = StoreSection()
    broker: BrokerSection = BrokerSection()
    link: LinkSection = LinkSection()
    centre: CentreSection = CentreSection()
    assignment: AssignmentSection = AssignmentSection()
    policies: PoliciesSection = PoliciesSection()


def read_config(path: Path | None, environ: "dict[str, str]") -> AgentConfig:
    """Load and check. Raises `ConfigError`."""
    config = load_config(AgentConfig, path=path, env_prefix=ENV_PREFIX, environ=environ)
    source = f"file {path}" if path else "environment"
    zone_of(config, source)
    bandwidth_of(config, source)
    _check_centre(config.centre.url, source)
    if config.store.log_days_max < config.store.log_days:
        expected = f"expected at least store.log_days ({config.store.log_days}), found {config.store.log_days_max}"
        raise ConfigError("store.log_days_max", source, expected)
    return config


def bandwidth_of(config: AgentConfig, source: str = "configuration") -> Bandwidth:
    """The caps of the link. Raises `ConfigError`, naming the `source`, for what is no rate or no window."""
    try:
        rate = parse_rate(config.link.bandwidth)
    except ValueError as error:
        raise ConfigError("link.bandwidth", source, f"{error}, found {config.link.bandwidth!r}") from None
    try:
        windows = tuple(map(parse_window, config.link.schedule))
    except ValueError as error:
        raise ConfigError("link.schedule", source, f"{error}, found {list(config.link.schedule)}") from None
    return Bandwidth(rate, windows)


def _check_centre(url: str, source: str) -> None:
    """Tickets and snapshots go to the centre: nobody on the way may see or change them."""
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname or "", parts.port
    except ValueError as error:  # brackets that do not match, a port that is none
        raise ConfigError("centre.url", source, f"expected an https:// address, found {url!r}: {error}") from None
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
    if url and not (is_safe and host):
        raise ConfigError("centre.url", source, f"expected an https:// address, found {url!r}")


def zone_of(config: AgentConfig, source: str = "configuration") -> ZoneInfo:
    """The store's time zone. Raises `ConfigError`, naming the `source`, where the IANA database has no such name."""
    try:
        return ZoneInfo(config.node.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        expected = f"expected a name of the IANA time zone database, found {config.node.time_zone!r}"
        raise ConfigError("node.time_zone", source, expected) from error
