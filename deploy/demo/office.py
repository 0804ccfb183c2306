"""The head office and the end of the day: publishes what stores are to sell by, has them close, reads the Z reports."""

import asyncio
from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Final
from uuid import uuid4
from zoneinfo import ZoneInfo

import httpx
import msgspec
from msgspec import Struct

from deploy.demo.check import Day, DayBooks, TillBook
from deploy.demo.invoices import Document
from deploy.house.stage import TILL, Stage, Store
from edge_core.errors import PermanentFault, TransientFault

_ANSWER_TIMEOUT_S: Final = 20
_CREATED: Final = 201
_OK: Final = 200


class _Report(Struct, frozen=True):
    """An X or a Z report of an agent, or a closed day at the centre."""

    currencies: tuple[Day, ...]
    z_code: str | None = None


class _Days(Struct, frozen=True):
    days: tuple[_Report, ...]


class _Judgment(Struct, frozen=True):
    priced_by: str = ""


class _Order(Struct, frozen=True):
    judgment: _Judgment = _Judgment()


async def publish(stage: Stage, datasets: dict[str, list[Document]]) -> None:
    """Publish every dataset at the centre. Raises a `Fault`."""
    async with _client(stage.url) as client:
        for dataset, rows in datasets.items():
            await _asked(client.put(f"/v1/reference/{dataset}", json=rows), _CREATED)


async def close_days(store: Store, book: TillBook) -> DayBooks:
    """Compare the X report of each day on which the store sold, close it, and keep what the Z report says."""
    async with _client(store.url, store.tokens[TILL]) as client:
        found = DayBooks()
        for date in sorted(book.dates | {_today(store)}):
            path = f"/v1/days/{date}"
            found.x += msgspec.json.decode(await _asked(client.get(path), _OK), type=_Report).currencies
            headers = {"idempotency-key": str(uuid4())}
            closing = client.post(f"{path}/close", json={"operator_id": "till-1"}, headers=headers)
            closed = msgspec.json.decode(await _asked(closing, _CREATED), type=_Report)
            book.closes += 1
            found.z += closed.currencies
            found.codes.append(closed.z_code or "")
        for order_id in list(book.orders)[-1:]:
            answer = await _asked(client.get(f"/v1/orders/{order_id}"), _OK)
            found.priced_by = msgspec.json.decode(answer, type=_Order).judgment.priced_by
    return found


async def read_closed(stage: Stage, node_id: str, found: DayBooks) -> None:
    """Read what the centre holds of the days that a store closed."""
    async with _client(stage.url) as client:
        answer = await _asked(client.get("/v1/days", params={"node": node_id}), _OK)
    days = msgspec.json.decode(answer, type=_Days).days
    found.centre = [sums for day in days for sums in day.currencies]
    found.centre_codes = sorted(day.z_code or "" for day in days)


async def close_all(stage: Stage, books: dict[str, TillBook]) -> dict[str, DayBooks]:
    """Close the days of all stores, by node."""
    found = await asyncio.gather(*(close_days(store, books[store.place.node_id]) for store in stage.stores))
    return {store.place.node_id: days for store, days in zip(stage.stores, found, strict=True)}


def _today(store: Store) -> str:
    return datetime.now(UTC).astimezone(ZoneInfo(store.place.time_zone)).date().isoformat()


def _client(url: str, token: str | None = None) -> httpx.AsyncClient:
    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    return httpx.AsyncClient(base_url=url, headers=headers, timeout=_ANSWER_TIMEOUT_S, trust_env=False)


async def _asked(request: Awaitable[httpx.Response], status: int) -> bytes:
    """The body of an answer. Raises a `Fault` where it is another than was expected."""
    try:
        answer = await request
    except httpx.TransportError as error:
        raise TransientFault(f"the office gets no answer: {error!r}") from error
    if answer.status_code != status:
        raise PermanentFault(f"the office was answered {answer.status_code}: {answer.text}")
    return answer.content
