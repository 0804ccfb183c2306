"""uvicorn's HTTP/1.1 protocol with the bounds that it lacks: header bytes and count, arrival times, connections.

Every refusal is a problem document (`holdfast_runtime.problems`), after which the connection is closed.
"""

import asyncio
from enum import Enum
from typing import Any, Final, cast

from edge_core.errors import Rejected
from edge_core.limits import (
    BODY_TIMEOUT_MS,
    CONNECTIONS_MAX,
    HEADER_BYTES_MAX,
    HEADER_TIMEOUT_MS,
    HEADERS_MAX,
    KEEP_ALIVE_TIMEOUT_MS,
    PIPELINE_MAX,
)
from holdfast_runtime.problems import problem_body, problem_headers

try:
    import httptools
    import uvloop  # noqa: F401 - only looked for: without it every request costs several times as much, silently
    from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
except ImportError as error:
    raise ImportError(f"Holdfast needs uvloop and httptools beside uvicorn, and one is missing: {error}") from error


WHOLE: Final = "holdfast.whole"
"""In the scope of a request whose body has come: `read_body` waits for nothing then, and needs no timer."""

EXTEND: Final = "holdfast.extend"
"""In the scope of a request: tells the protocol that its body may take longer (ms) than bodies mostly do."""


class Phase(Enum):
    """What of a request the peer is sending now."""

    IDLE = "idle"
    HEADER = "header"
    BODY = "body"


# Members of an enumeration cost a microsecond each to look up in Python 3.11, and every request passes through all.
_IDLE: Final = Phase.IDLE
_HEADER: Final = Phase.HEADER
_BODY: Final = Phase.BODY

# A body has its own timeout in `read_body`, which answers 408; this one ends what nobody reads, a little later.
_TIMEOUT_S: Final = {
    Phase.IDLE: KEEP_ALIVE_TIMEOUT_MS / 1000,
    Phase.HEADER: HEADER_TIMEOUT_MS / 1000,
    Phase.BODY: (HEADER_TIMEOUT_MS + BODY_TIMEOUT_MS) / 1000,
}
_TOO_LARGE: Final = Rejected(
    "header-too-large", f"at most {HEADERS_MAX} header lines of {HEADER_BYTES_MAX} bytes in all"
)
_TOO_MANY: Final = Rejected("busy", f"at most {CONNECTIONS_MAX} connections")
_TOO_SLOW: Final = Rejected("request-timeout", f"the header took longer than {HEADER_TIMEOUT_MS} ms")
_MALFORMED: Final = Rejected("malformed-request", "not valid HTTP/1.1")


class GuardedProtocol(HttpToolsProtocol):  # type: ignore[misc, unused-ignore]
    """One connection. A request that arrives in one piece costs no timer."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._phase = Phase.IDLE
        self._deadline: asyncio.TimerHandle | None = None
        self._deadline_phase = Phase.IDLE
        self._headers_checked = 0
        self._unparsed_bytes = 0  # fed and not passed on: what the parser may be holding back of a header or a trailer
        self._refusal = _MALFORMED
        self._cycles: list[RequestResponseCycle] = []  # of a pipeline; uvicorn tells only the last that the peer left

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Refuse the connection when there are too many; else wait for the first byte, but not for long."""
        super().connection_made(cast("asyncio.Transport", transport))
        if len(self.connections) > CONNECTIONS_MAX:
            self._refuse(_TOO_MANY)
        else:
            self._arm(Phase.HEADER)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timer, and tell every request of the connection."""
        self._disarm()
        for cycle in self._cycles:
            cycle.disconnected = True
            cycle.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse; afterwards the deadline is the one of the phase that the request is in."""
        self._unparsed_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._phase is not _IDLE and self._unparsed_bytes > HEADER_BYTES_MAX:
            self._refuse(_TOO_LARGE)
        elif self._phase is not _IDLE or self._is_quiet():
            self._arm(self._phase)
        else:
            self._disarm()

    def on_message_begin(self) -> None:
        """A header begins."""
        super().on_message_begin()
        self._phase = _HEADER

    def on_headers_complete(self) -> None:
        """From here on it is body, even an empty one."""
        self._bound_header()
        if len(self.pipeline) >= PIPELINE_MAX:
            self._stop_parsing(_TOO_MANY)
        self._phase = _BODY
        self._unparsed_bytes = 0
        self._headers_checked = len(self.headers)
        super().on_headers_complete()
        self.scope[EXTEND] = self._extend  # type: ignore[typeddict-unknown-key]
        self._cycles = [cycle for cycle in self._cycles if not cycle.response_complete]
        self._cycles.append(self.cycle)

    def on_body(self, body: bytes) -> None:
        """Body is passed on at once, so nothing of it is held back by the parser."""
        self._unparsed_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is here; what follows is the next one. The trailer of a chunked body counts as header."""
        if len(self.headers) > self._headers_checked:
            self._bound_header()
        super().on_message_complete()
        self.scope[WHOLE] = True  # type: ignore[typeddict-unknown-key]
        self._phase = _IDLE
        self._unparsed_bytes = 0

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's text is replaced by a document
        """Called by uvicorn for every parser error, ours included."""
        self._refuse(self._refusal)

    def _is_quiet(self) -> bool:
        """Nothing is answered and uvicorn runs no timer: bytes came that were no request (blank lines, a late body)."""
        return (self.cycle is None or self.cycle.response_complete) and self.timeout_keep_alive_task is None

    def _bound_header(self) -> None:
        """Bound the sum and the number. What is still to come of a header is bounded as bytes that are not parsed."""
        size = len(self.url) + sum([len(name) + len(value) + 4 for name, value in self.headers])
        if size > HEADER_BYTES_MAX or len(self.headers) > HEADERS_MAX:
            self._stop_parsing(_TOO_LARGE)

    def _stop_parsing(self, why: Rejected) -> None:
        self._refusal = why
        raise httptools.HttpParserError(why.slug)

    def _arm(self, phase: Phase) -> None:
        """Start the deadline of a phase; one that runs for the same phase goes on, or a trickle would feed it."""
        if self._deadline is not None:
            if self._deadline_phase is phase:
                return
            self._deadline.cancel()
        self._deadline_phase = phase
        self._deadline = self.loop.call_later(_TIMEOUT_S[phase], self._too_late)

    def _extend(self, timeout_ms: int) -> None:
        """Give the body that is on its way so long from now, and a little more, as with any other."""
        if self._phase is _BODY:
            self._disarm()
            self._deadline_phase = _BODY
            self._deadline = self.loop.call_later((HEADER_TIMEOUT_MS + timeout_ms) / 1000, self._too_late)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_late(self) -> None:
        self._deadline = None
        if self._phase is Phase.HEADER:
            self._refuse(_TOO_SLOW)
        else:
            self.transport.close()

    def _refuse(self, why: Rejected) -> None:
        """Answer with a problem where no other answer is on its way, and close."""
        self._disarm()
        if not self.transport.is_closing() and self._may_answer():
            self.transport.write(_whole_response(why))
        self.transport.close()

    def _may_answer(self) -> bool:
        if self.cycle is None or self.cycle.response_complete:
            return True
        if self.cycle.response_started or self.pipeline:
            return False
        self.cycle.disconnected = True  # the application reads a disconnect, and what it still sends goes nowhere
        self.cycle.message_event.set()
        return True


def _whole_response(why: Rejected) -> bytes:
    body = problem_body(why)
    headers = {**problem_headers(why.code.status), "content-length": str(len(body)), "connection": "close"}
    lines = [f"{name}: {value}\r\n".encode("ascii") for name, value in headers.items()]
    return b"".join([STATUS_LINE[why.code.status], *lines, b"\r\n", body])
