"""Logs: one JSON object a line on stdout, from structlog and from libraries alike (docs/operations.md).

Members: `at` (RFC 3339 UTC, milliseconds), `level`, `event` (a stable name, never a sentence with values), `logger`,
and whatever the caller adds. No colours, no rich: a service's output is read by journald and by programs.
"""

import logging
import sys
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import Any, Final, Literal

import msgspec
import structlog

from edge_core.limits import ERROR_TEXT_CHARS_MAX

Level = Literal["debug", "info", "warning", "error"]

_NUMBERS: Final[dict[Level, int]] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
_UNWRITABLE: Final = (TypeError, ValueError, RecursionError)  # odd keys, a lone surrogate, a value inside itself
_encoder: Final = msgspec.json.Encoder(enc_hook=repr)


def configure(level: Level = "info") -> None:
    """Set the process's logging up, structlog's and the standard library's. Call once, before the first line."""
    structlog.configure(
        processors=[*_SHARED, structlog.processors.ExceptionRenderer(), _to_json],
        wrapper_class=structlog.make_filtering_bound_logger(_NUMBERS[level]),
        logger_factory=structlog.WriteLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*_SHARED, structlog.stdlib.add_logger_name],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.ExceptionRenderer(),
                _to_json,
            ],
        )
    )
    logging.basicConfig(level=_NUMBERS[level], handlers=[handler], force=True)


def bounded(text: object) -> str:
    """A foreign text as a log line or the centre may show it: at most `ERROR_TEXT_CHARS_MAX` characters."""
    shown = str(text)
    return shown if len(shown) <= ERROR_TEXT_CHARS_MAX else shown[: ERROR_TEXT_CHARS_MAX - 3] + "..."


def _stamp(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    event["at"] = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return event


def _to_json(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
    """Encode, the members that every line has first. What JSON cannot hold is shown as its repr."""
    first = {key: event.pop(key) for key in ("at", "level", "event") if key in event}
    members = {str(key): value for key, value in {**first, **event}.items()}
    try:
        return _encoder.encode(members).decode()
    except _UNWRITABLE:
        return _encoder.encode({ascii(key)[1:-1]: _writable(value) for key, value in members.items()}).decode()


def _writable(value: Any) -> Any:
    try:
        _encoder.encode(value)
    except _UNWRITABLE:
        return ascii(value)
    return value


_SHARED: Final[list[Any]] = [structlog.contextvars.merge_contextvars, structlog.processors.add_log_level, _stamp]
