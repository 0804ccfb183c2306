"""What every request that changes something has in common: its key, its media type, its trace, its body's faults."""

import re
from typing import Final

import msgspec

from edge_core.errors import Rejected
from edge_core.limits import IDEMPOTENCY_KEY_CHARS_MAX
from holdfast_runtime.problems import ProblemRaised, validation_rejection

_KEY: Final = re.compile(rf"^[!-~]{{1,{IDEMPOTENCY_KEY_CHARS_MAX}}}$(?!\n)")
_TRACEPARENT: Final = re.compile(r"^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$(?!\n)")


def required_key(header: bytes | None) -> str:
    """The `Idempotency-Key` of a request (the IETF draft of that name). Raises `ProblemRaised` without a usable one."""
    if header is None:
        detail = "send an Idempotency-Key header, new for each request and the same for its repetitions (a UUID)"
        raise ProblemRaised(Rejected("idempotency-key-missing", detail))
    key = header.decode("latin-1")
    if len(key) >= 2 and key[0] == key[-1] == '"':  # the draft writes it as a structured field string
        key = key[1:-1]
    if not _KEY.match(key):
        detail = f"a key is 1 to {IDEMPOTENCY_KEY_CHARS_MAX} printable ASCII characters without blanks"
        raise ProblemRaised(Rejected("idempotency-key-invalid", detail))
    return key


def require_json(content_type: bytes | None) -> None:
    """Raise `ProblemRaised` unless the body is said to be JSON."""
    if content_type == b"application/json":  # as nearly everybody writes it
        return
    if content_type is None or content_type.split(b";")[0].strip().lower() != b"application/json":
        raise ProblemRaised(Rejected("unsupported-media-type", "send the body as application/json"))


def trace_of(header: bytes | None) -> str | None:
    """A `traceparent` (W3C Trace Context), or None where there is none that is well formed."""
    if header is None:
        return None
    trace = header.decode("latin-1")
    return trace if _TRACEPARENT.match(trace) else None


def undecodable(error: Exception) -> Rejected:
    """What to answer for a body that could not be decoded (one of `edge_core.errors.UNREADABLE`)."""
    match error:
        case msgspec.DecodeError():
            return validation_rejection(error)
        case RecursionError():
            return Rejected("malformed-json", "the body is nested too deeply")
        case _:
            return Rejected("malformed-json", "the body is not UTF-8")
