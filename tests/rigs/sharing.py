"""Stores that share the rights to one SKU of the first of them, each the real intake on a real file.

Beside them stands the truth: what came, and every promise that was answered, also those that a file has forgotten.
Messages are lost, doubled and late. A holder's file can be put back to an older copy; greeted, it goes on as another
life, as the centre's fence makes it (docs/protocol.md).
"""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final
from uuid import uuid4
from zoneinfo import ZoneInfo

from edge_agent.intake import Intake
from edge_agent.last_word import LastWord
from edge_agent.store import log, rights
from edge_agent.store.connection import Connection
from edge_agent.store.file import StoreFile
from edge_agent.store.verify import verify_file
from edge_agent.submission import Answer, Request
from edge_agent.surroundings import real_surroundings
from edge_core import ids
from edge_core.orders.commands import MovementLine, StockMovement
from edge_core.stock.requests import GrantRights, HearRights, MoveRights, ReturnRights, SpendRights, UseRights
from edge_core.stock.rights import Life, held_milli
from edge_core.stock.rights_book import RightsBook
from edge_core.stock.stock_events import RIGHTS_EVENTS
from edge_core.sync.entry import decode_entry
from tests.rigs.orders import till_order

SKU: Final = till_order().lines[0].sku
PIECE: Final = 1_000
ORDERED: Final = 2  # pieces of one order
OWNER: Final = "store-0001"


class Machine:
    """A store's server: its file, its intake, and older copies of the file."""

    def __init__(self, folder: Path, node_id: str) -> None:
        self.node_id = node_id
        self.path = folder / f"{node_id}.db"
        self.is_greeted = True
        self.is_put_back = False
        self.copies: list[Path] = []
        self.file = StoreFile(self.path, node_id)

    @property
    def life(self) -> Life:
        """As whom it holds rights."""
        return Life(self.node_id, self.file.streams["orders"].incarnation)

    async def start(self) -> None:
        """Open the file and take requests."""
        here = real_surroundings(ZoneInfo("UTC"))
        self.file = StoreFile(self.path, self.node_id)
        await self.file.open(incarnation=ids.uuid7(here.now_ms(), here.random_bits()), now_ms=here.now_ms())
        greeted: Callable[[], bool] = lambda: self.is_greeted  # noqa: E731 - what the link would say at that moment
        self.intake = Intake(self.file, here, is_offline=lambda: True, is_greeted=greeted)
        self._writer = asyncio.create_task(self.intake.run())

    async def stop(self) -> None:
        """End as the service does."""
        self.intake.close()
        await self._writer
        await self.file.close()

    async def ask(self, request: Request) -> Answer:
        """One request under a key of its own."""
        return await self.intake.submit(request, str(uuid4()), None)

    def back_up(self) -> None:
        """Keep a copy of the file as it is."""
        copy = self.path.with_suffix(f".{len(self.copies)}")
        with closing(sqlite3.connect(self.path)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
        self.copies.append(copy)

    async def put_back(self, number: int) -> None:
        """Go on with an older copy, which does not know that it is one."""
        await self.stop()
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        self.path.write_bytes(self.copies[number % len(self.copies)].read_bytes())
        self.is_greeted, self.is_put_back = False, True
        await self.start()

    async def greet(self, *, is_fenced: bool = True) -> None:
        """The centre greets: a file that was put back begins another life."""
        if self.is_put_back and is_fenced:
            here = real_surroundings(ZoneInfo("UTC"))
            incarnation = ids.uuid7(here.now_ms(), here.random_bits())

            async def change(connection: Connection) -> None:
                await log.create_streams(connection, incarnation)

            await self.intake.change_log(change)
        self.is_greeted, self.is_put_back = True, False

    async def book(self) -> RightsBook | None:
        """What it knows of the rights."""
        return (await rights.read_all(self.file.reader)).get((OWNER, SKU))

    async def news(self) -> list[RightsBook]:
        """Every word about rights in its log."""
        rows = await self.file.reader.execute_fetchall("SELECT body FROM entry ORDER BY entry_id")
        events = [event for (body,) in rows for event in decode_entry(body).events]
        return [event.news for event in events if isinstance(event, RIGHTS_EVENTS)]


class Shops:
    """The stores, the words on their way, and the truth in pieces."""

    def __init__(self, folder: Path, count: int = 5) -> None:
        self.machines = [Machine(folder, f"store-{number:04}") for number in range(1, count + 1)]
        self.words: list[RightsBook] = []
        self.came = 0
        self.promised = 0
        self.untold: list[tuple[int, Life]] = []  # promises of which the owner has not heard

    @property
    def owner(self) -> Machine:
        """Whose goods they are."""
        return self.machines[0]

    async def receive(self, pieces: int) -> None:
        """Goods come."""
        await self._must(self.owner, StockMovement("receipt", (MovementLine(SKU, pieces * PIECE, "H87"),)))
        self.came += pieces

    async def sell(self) -> bool:
        """The owner sells two pieces."""
        answer = await self.owner.ask(till_order(lines=1, store_id=OWNER))
        self.promised += ORDERED * (answer.status == 201)
        return answer.status == 201

    async def grant(self, to: int, pieces: int) -> bool:
        """The owner gives rights."""
        return await self._share(self.owner, GrantRights(SKU, pieces * PIECE, self.machines[to].life))

    async def use(self, at: int, pieces: int) -> bool:
        """A holder promises goods of the owner."""
        machine = self.machines[at]
        is_taken = await self._share(machine, UseRights(OWNER, SKU, pieces * PIECE, "web"))
        if is_taken:
            self.promised += pieces
            self.untold.append((pieces, machine.life))
        return is_taken

    async def move(self, at: int, to: int, pieces: int) -> bool:
        """A holder gives rights on."""
        return await self._share(self.machines[at], MoveRights(OWNER, SKU, pieces * PIECE, self.machines[to].life))

    async def give_back(self, at: int, pieces: int) -> bool:
        """A holder gives rights back to the owner, which frees the goods once it hears of it."""
        return await self._share(self.machines[at], ReturnRights(OWNER, SKU, pieces * PIECE))

    async def say_last_word(self, at: int) -> None:
        """A machine was replaced, and hears it; another one, whose file is new, goes on in its place."""
        machine = self.machines[at]
        known = len(await machine.news())
        machine.intake.fence("replaced")
        given = await LastWord(machine.file, machine.intake, real_surroundings(ZoneInfo("UTC"))).look()
        machine.intake.fence(None)
        if given:
            self.words += (await machine.news())[known:]
            book = await machine.book()
            assert book is not None
            assert held_milli(book.rights, machine.life) == 0
        machine.is_put_back = machine.is_greeted
        await machine.greet()

    async def tell(self) -> None:
        """The owner hears of the oldest promise, and the goods leave."""
        if self.untold:
            pieces, life = self.untold.pop(0)
            await self._must(self.owner, SpendRights(SKU, pieces * PIECE, life))
            await self._must(self.owner, StockMovement("write_off", (MovementLine(SKU, pieces * PIECE, "H87"),)))

    async def hear(self, at: int, word: int) -> None:
        """A word arrives, perhaps again, perhaps late."""
        if self.words:
            await self._must(self.machines[at], HearRights(self.words[word % len(self.words)]))

    async def converge(self) -> None:
        """Everybody hears everything, in an order of their own: then all know the same, and every file is sound."""
        for machine in self.machines:
            await machine.greet()
        for _ in range(2):  # the owner frees what came back, and the others hear of that
            words = [word for machine in self.machines for word in await machine.news()] + self.words
            for number, machine in enumerate(self.machines):
                for word in words[number:] + words[:number]:
                    await self._must(machine, HearRights(word))
        books = [await machine.book() for machine in self.machines]
        assert all(book == books[0] for book in books), books
        for machine in self.machines:
            verdict = await verify_file(machine.path)
            assert verdict.is_sound, (machine.node_id, verdict.findings)

    async def _share(self, machine: Machine, request: Request) -> bool:
        known = len(await machine.news())
        answer = await machine.ask(request)
        self.words += (await machine.news())[known:]
        return answer.status == 201

    async def _must(self, machine: Machine, request: Request) -> None:
        answer = await machine.ask(request)
        assert answer.status == 201, answer.body
