"""The tills of the stores: they replay the sample as orders, ask again with the same key, and keep their own books.

A till waits for nothing but its agent's answer. What an outage of the network does to it is nothing at all; when the
agent itself is away, it asks again, with the same key, until it is answered.
"""

import asyncio
import itertools
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import httpx
import msgspec
from msgspec import Struct

from deploy.demo.assortment import takes_promotion, with_promotion
from deploy.demo.check import TillBook
from deploy.demo.flows import Back, Sold, coming_back, is_exchange, steps_of, to_exchange, to_return
from deploy.demo.invoices import Document, stock_receipts, to_order
from deploy.demo.records import Cancellation, Invoice, Ledger, Record
from deploy.house.posting import ask, till_client
from deploy.house.stage import BACK_OFFICE, TILL, Store

TILLS_PER_STORE: Final = 2
_DUPLICATE: Final = "urn:holdfast:problem:duplicate-suspected"


class Group(Struct, frozen=True):
    """What goes together, and by which service where routing has said it."""

    service_id: str | None = None


class Receipt(Struct, frozen=True):
    """What a till keeps of an answer."""

    order_id: str
    grand_total_minor: int
    business_date: str
    groups: tuple[Group, ...] = ()


class StepAnswer(Struct, frozen=True):
    """What the stock room reads of an answer."""

    pickup_code: str | None = None


class Till(Struct, frozen=True):
    """One till: its records of the sample, and what it has sold of them in this round, by the invoice's number."""

    store: Store
    terminal_id: str
    records: tuple[Record, ...]
    sold: dict[str, Sold]


class Tills:
    """All tills of all stores. `run` sells round after round until it is stopped, `rate` orders a second in all."""

    def __init__(self, stores: Sequence[Store], ledger: Ledger, rate: float) -> None:
        self.rate = rate
        self.books = {store.place.node_id: TillBook() for store in stores}
        self.cancellations_left_out = 0
        self.records_done = 0
        self.records_of_a_round = len(ledger.records)
        self._rounds_done = 0
        self._is_last_round = False
        self._cancelled_whole = {record.original for record in ledger.cancellations if record.whole}
        self._taken_back = {record.original for record in ledger.cancellations}
        self._tills = _share_out(stores, ledger)
        self._stop = asyncio.Event()

    @property
    def progress(self) -> str:
        """How far they are, in words."""
        again = " and the sample again" if self.records_done > self.records_of_a_round else ""
        done = min(self.records_done, self.records_of_a_round)
        return f"{done:,} of {self.records_of_a_round:,} invoices{again}"

    def stop(self) -> None:
        """Let every till finish what it is doing and close."""
        self._stop.set()

    def stop_after_sample(self) -> None:
        """The same, but not before the whole sample was sold once."""
        self._is_last_round = True
        if self._rounds_done:
            self._stop.set()

    async def run(self) -> None:
        """Sell. Raises `TransientFault` when an agent stays away."""
        for number in itertools.count(1):
            await asyncio.gather(*(self._receive(store, number) for store in self._stores()))
            async with asyncio.TaskGroup() as group:
                for till in self._tills:
                    group.create_task(self._sell(till, number))
            self._rounds_done += 1
            if self._stop.is_set() or self._is_last_round:
                return

    def _stores(self) -> list[Store]:
        return list({till.store.place.node_id: till.store for till in self._tills}.values())

    async def _receive(self, store: Store, number: int) -> None:
        """The deliveries that bring in what this store will sell in a round."""
        records = [record for till in self._tills if till.store is store for record in till.records]
        wanted = [record for record in records if isinstance(record, Invoice) or is_exchange(record)]
        book = self.books[store.place.node_id]
        async with till_client(store, BACK_OFFICE) as client:
            for receipt in stock_receipts(wanted, reference=f"delivery-{number}"):
                answer = await self._ask(client, book, "/v1/stock/movements", receipt, str(receipt["reference"]))
                if _is_expected(answer, 201, book):
                    book.movements += 1

    async def _sell(self, till: Till, number: int) -> None:
        till.sold.clear()
        async with till_client(till.store, TILL) as client:
            for record in till.records:
                await self._pause(self.records_of_a_round / len(till.records))  # so that all end together
                if self._stop.is_set():
                    return
                match record:
                    case Invoice():
                        await self._place(client, till, record, number)
                    case Cancellation():
                        await self._take_back(client, till, record, number)
                self.records_done += 1

    async def _place(self, client: httpx.AsyncClient, till: Till, invoice: Invoice, number: int) -> None:
        """Sell, and bring what was sold to the customer, if it is not going to be called off."""
        book = self.books[till.store.place.node_id]
        is_called_off = invoice.number in self._cancelled_whole  # carried out, it could not be
        order = to_order(
            invoice,
            store_id=till.store.place.node_id,
            terminal_id=till.terminal_id,
            placed_at=datetime.now(UTC),
            type_="ship" if is_called_off else None,
        )
        if order["order_type"] == "sale" and invoice.number not in self._taken_back and takes_promotion(invoice):
            order = with_promotion(order)
        key = f"{invoice.number}-{number}"
        answer = await self._ask(client, book, "/v1/orders", order, key)
        if answer.status_code == 409 and answer.json()["type"] == _DUPLICATE:  # each invoice is a sale of its own
            meant = {**order, "confirmations": {"duplicate": True}}
            answer = await self._ask(client, book, "/v1/orders", meant, f"{key}-meant")
        if _is_expected(answer, 201, book):
            receipt = msgspec.json.decode(answer.content, type=Receipt)
            if receipt.order_id in book.orders:
                book.refusals.append(f"invoice {invoice.number} was given order {receipt.order_id}, which is another's")
            book.keep(receipt.order_id, receipt.grand_total_minor, receipt.business_date)
            book.promoted += bool(order["adjustments"])
            book.routed += any(group.service_id is not None for group in receipt.groups)
            sold = Sold(receipt.order_id, invoice, [line.quantity for line in invoice.lines])
            till.sold[invoice.number] = sold
            if not is_called_off:
                await self._bring(client, book, sold, order["order_type"], key)

    async def _bring(self, client: httpx.AsyncClient, book: TillBook, sold: Sold, kind: str, key: str) -> None:
        """The stock room's part: a parcel to its customer, or a pickup with the code that `ready` gave out."""
        code = ""
        for step, body in steps_of(kind, tracking=key):
            body_ = {**body, "code": code} if step == "collect" else body
            answer = await self._ask(client, book, f"/v1/orders/{sold.order_id}/{step}", body_, f"{step}-{key}")
            if not _is_expected(answer, 200, book):
                return
            book.steps += 1
            code = msgspec.json.decode(answer.content, type=StepAnswer).pickup_code or code
        if kind in book.brought:
            book.brought[kind].add(sold.order_id)

    async def _take_back(self, client: httpx.AsyncClient, till: Till, taken: Cancellation, number: int) -> None:
        """A whole cancellation calls the order off; of a part the goods come back, for money or for other goods."""
        sold = till.sold.get(taken.original or "")
        parts = () if sold is None else coming_back(sold, taken)
        if sold is None or not (taken.whole or parts):
            self.cancellations_left_out += 1
            return
        book = self.books[till.store.place.node_id]
        path, key = f"/v1/orders/{sold.order_id}", f"{taken.number}-{number}"
        if taken.whole:
            answer = await self._ask(client, book, f"{path}/cancel", {"reason": "customer-request"}, key)
            if _is_expected(answer, 200, book):
                book.cancelled.add(sold.order_id)
            return
        for part in parts:
            sold.left[part.index] -= part.quantity
        if is_exchange(taken):
            await self._exchange(client, till, sold, parts, key)
            return
        answer = await self._ask(client, book, f"{path}/return", to_return(parts), key)
        if _is_expected(answer, 200, book):
            book.returns += 1
            book.returned.add(sold.order_id)

    async def _exchange(
        self, client: httpx.AsyncClient, till: Till, sold: Sold, parts: Sequence[Back], key: str
    ) -> None:
        """Two entries: the goods that come back, and the order for those that go instead."""
        book = self.books[till.store.place.node_id]
        body = to_exchange(
            sold,
            parts,
            store_id=till.store.place.node_id,
            terminal_id=till.terminal_id,
            placed_at=datetime.now(UTC),
        )
        answer = await self._ask(client, book, f"/v1/orders/{sold.order_id}/exchange", body, key)
        if _is_expected(answer, 201, book):
            receipt = msgspec.json.decode(answer.content, type=Receipt)
            book.keep(receipt.order_id, receipt.grand_total_minor, receipt.business_date)
            book.exchanges += 1
            book.returned.add(sold.order_id)

    async def _ask(
        self, client: httpx.AsyncClient, book: TillBook, path: str, document: Document, key: str
    ) -> httpx.Response:
        """Post until there is an answer. Raises `TransientFault` after a minute without one."""

        def count() -> None:
            book.asked_again += 1

        answer = await ask(client, path, document, key, count)
        book.replayed += "idempotency-replayed" in answer.headers
        return answer

    async def _pause(self, turns: float) -> None:
        try:
            async with asyncio.timeout(turns / self.rate):
                await self._stop.wait()
        except TimeoutError:
            pass


def _share_out(stores: Sequence[Store], ledger: Ledger) -> list[Till]:
    """Give each till its share by the invoice's number, so that a cancellation comes to the till that sold."""
    places = [(store, f"till-{number}") for store in stores for number in range(1, TILLS_PER_STORE + 1)]
    shares: list[list[Record]] = [[] for _ in places]
    for record in ledger.records:
        root = record.number if isinstance(record, Invoice) else record.original or record.number
        shares[zlib.crc32(root.encode()) % len(places)].append(record)
    return [Till(store, terminal, tuple(share), {}) for (store, terminal), share in zip(places, shares, strict=True)]


def _is_expected(answer: httpx.Response, status: int, book: TillBook) -> bool:
    if answer.status_code == status:
        return True
    book.refusals.append(f"{answer.status_code} instead of {status}: {answer.text}")
    return False
