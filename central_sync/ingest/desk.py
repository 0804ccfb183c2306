"""What the desks of an ingester have in common: each answers one kind of message, beside the batches of entries."""

from collections.abc import Awaitable, Callable

from tenacity import AsyncRetrying

from central_sync.store.database import Database
from central_sync.telemetry import Telemetry
from edge_core.sync.messages import DownMessage


class Desk:
    """Part of an ingester. `retrying` tries again while the database is away, `send` publishes to a node."""

    def __init__(
        self,
        database: Database,
        telemetry: Telemetry,
        retrying: Callable[[], AsyncRetrying],
        send: Callable[[str, DownMessage], Awaitable[None]],
    ) -> None:
        self._database = database
        self._telemetry = telemetry
        self._retrying = retrying
        self._send = send
