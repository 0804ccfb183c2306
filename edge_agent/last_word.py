"""The last word of a machine that another one has replaced: it gives back the rights that it holds.

It is the only writer of its row and knows what it has promised, so nobody need settle anything after it
(docs/stock.md, "Rights of a life that is over"). A file that was never greeted since it was opened says nothing: it may
be an older copy, that has forgotten what it promised.
"""

from typing import Final

import structlog

from edge_agent.batch import Batch
from edge_agent.batch_file import write_batch
from edge_agent.chores import look_now_and_then
from edge_agent.commanding import Circumstances
from edge_agent.intake import Intake
from edge_agent.store import rights
from edge_agent.store.connection import Connection
from edge_agent.store.file import StoreFile
from edge_agent.surroundings import Surroundings
from edge_core.errors import StorageFault
from edge_core.limits import RIGHTS_LAST_WORD_INTERVAL_MS
from edge_core.orders.commands import ShareRights
from edge_core.stock.requests import ReturnRights
from edge_core.stock.rights import Life, held_milli
from holdfast_runtime.log import bounded

_LOG: Final = structlog.get_logger()


def _postponed(fault: StorageFault) -> None:
    _LOG.warning("rights.postponed", error=bounded(fault))


class LastWord:
    """Looks now and then whether this machine was replaced and still holds rights."""

    def __init__(self, file: StoreFile, intake: Intake, surroundings: Surroundings) -> None:
        self._file = file
        self._intake = intake
        self._here = surroundings

    async def run(self) -> None:
        """Look for ever."""
        await look_now_and_then(self.look, RIGHTS_LAST_WORD_INTERVAL_MS, _postponed)

    async def look(self) -> int:
        """Give back what is held where nothing is taken any more; of how many SKUs. Raises `StorageFault`."""
        is_confirmed = self._intake.is_confirmed  # asked while all is well: once it is replaced it is too late
        if self._intake.fenced is None or not is_confirmed:
            return 0
        own = self._life()
        if not [book for book in (await rights.read_all(self._file.reader)).values() if held_milli(book.rights, own)]:
            return 0
        given = 0

        async def change(connection: Connection) -> None:
            nonlocal given
            given = await self._give_back(connection)

        await self._intake.change_log(change)
        if given:
            _LOG.warning("rights.given_back", skus=given)
        return given

    async def _give_back(self, connection: Connection) -> int:
        here = Circumstances(
            stream=self._file.streams["orders"],
            now_ms=self._here.now_ms(),
            random_bits=self._here.random_bits,
            zone=self._here.zone,
            is_offline=False,
            life=self._here.life,
        )
        batch = Batch(here, self._file.tails["orders"], positions=[], orders=[], answered=[], replays={})
        books = await rights.read_all(connection)
        batch.learn_rights(books)
        given = 0
        for (owner_id, sku), book in books.items():
            left_milli = held_milli(book.rights, here.own_life)
            if owner_id == here.stream.node_id or not left_milli:
                continue
            request = ReturnRights(owner_id, sku, left_milli)
            command = ShareRights(here.new_id(), request, here.own_life, here.today, is_confirmed=True)
            given += batch.execute(command, None) is None
        await write_batch(connection, batch)
        return given

    def _life(self) -> Life:
        return Life(self._file.node_id, self._file.streams["orders"].incarnation)
