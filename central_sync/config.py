"""`central-sync.toml`: every key with its default (docs/operations.md). `CENTRAL_SYNC__SECTION__KEY` overrides one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

from msgspec import Meta, Struct

from edge_core.limits import (
    ASSIGNMENT_ACCEPT_MS_DEFAULT,
    ASSIGNMENT_ACCEPT_MS_MAX,
    INGEST_ENTRIES_MAX,
    INGEST_PUSHES_MAX,
    RIGHTS_REBALANCE_MS_DEFAULT,
)
from edge_core.sync.admission import Admit
from holdfast_runtime.config import ConfigError, is_loopback, load_config
from holdfast_runtime.log import Level

ENV_PREFIX: Final = "CENTRAL_SYNC"
EMBEDDED: Final = "embedded"

Port = Annotated[int, Meta(ge=0, le=65535)]


class ApiConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the API and the page listen. Without `tokens_file` only this machine may ask."""

    host: str = "127.0.0.1"
    port: Port = 7080
    tokens_file: Path | None = None


class DatabaseConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """A PostgreSQL DSN, or `embedded` with the folder of its files."""

    dsn: Annotated[str, Meta(min_length=1)] = EMBEDDED
    folder: Path = Path("data/postgres")


class BrokerConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """An MQTT URL with its TLS files, or `embedded` with a port (0 takes a free one) and the folder of its files."""

    url: Annotated[str, Meta(min_length=1)] = EMBEDDED
    port: Port = 1883
    folder: Path = Path("data/broker")
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None


class IngestConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """How much goes into one transaction, and who is admitted: any machine, or those with an enrolment alone.

    `instance` names this process among those that share the shards; the default is host name and API port.
    """

    admit: Admit = "any"
    instance: Annotated[str, Meta(max_length=64)] = ""
    batch_pushes_max: Annotated[int, Meta(ge=1, le=INGEST_PUSHES_MAX)] = INGEST_PUSHES_MAX
    batch_entries_max: Annotated[int, Meta(ge=1, le=INGEST_ENTRIES_MAX)] = INGEST_ENTRIES_MAX


class AssignmentConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Orders that are posted here: how long a node may take to accept one before another is asked."""

    accept_seconds: Annotated[int, Meta(ge=1, le=ASSIGNMENT_ACCEPT_MS_MAX // 1000)] = (
        ASSIGNMENT_ACCEPT_MS_DEFAULT // 1000
    )


class ChannelsConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """The shops that send their orders by themselves, each with its mapping and its secret (docs/channels.md)."""

    file: Path | None = None


class RightsConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """How often rights to a SKU may be moved by rate of sale; 0 for never by itself."""

    rebalance_seconds: Annotated[int, Meta(ge=0, le=86_400)] = RIGHTS_REBALANCE_MS_DEFAULT // 1000


class RulesConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """The chain's own names for tiers, regions and channels, with which rules are said (docs/rules-language.md)."""

    names_file: Path | None = None


class LogConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """What is written to stdout."""

    level: Level = "info"


class CentreConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    api: ApiConfig = ApiConfig()
    database: DatabaseConfig = DatabaseConfig()
    broker: BrokerConfig = BrokerConfig()
    ingest: IngestConfig = IngestConfig()
    assignment: AssignmentConfig = AssignmentConfig()
    channels: ChannelsConfig = ChannelsConfig()
    rights: RightsConfig = RightsConfig()
    rules: RulesConfig = RulesConfig()
    log: LogConfig = LogConfig()


def load(path: Path | None, environ: Mapping[str, str]) -> CentreConfig:
    """Read, override and check. Raises `ConfigError`."""
    config = load_config(CentreConfig, path=path, env_prefix=ENV_PREFIX, environ=environ)
    if config.api.tokens_file is None and not is_loopback(config.api.host):
        source = f"file {path}" if path else f"environment {ENV_PREFIX}__*"
        expected = f"expected a file of tokens, since host {config.api.host} lets other machines ask; found none"
        raise ConfigError("api.tokens_file", source, expected)
    return config
