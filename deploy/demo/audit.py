"""The end: both sides say their books and verify their chains; all of it is compared with the tills' paper."""

import asyncio
from collections.abc import Sequence
from typing import Final

import httpx
from msgspec import Struct

from deploy.demo import office
from deploy.demo.check import CANCELLED, CentreBook, DayBooks, EdgeBook, StoreBooks, TillBook, differences, total
from deploy.demo.story import CutOff
from deploy.house.looking import agent_status, centre_orders, node_status
from deploy.house.services import run_command
from deploy.house.stage import Stage, Store

_ANSWER_TIMEOUT_S: Final = 10


class StoreResult(Struct, frozen=True):
    """One column of the last table. Amounts are pence."""

    node_id: str
    orders: int
    cancelled: int
    deliveries: int
    steps: int
    shipped: int
    routed: int
    collected: int
    returns: int
    exchanges: int
    closes: int
    entries_due: int
    asked_again: int
    replayed: int
    accepted: int
    confirmed: int
    pending: int
    parked: int
    centre_entries: int
    centre_parked: int
    centre_orders: int
    centre_cancelled: int
    till_total_minor: int
    centre_total_minor: int
    z_orders: int
    z_discount_minor: int
    z_total_minor: int
    edge_verified: bool


class Result(Struct, frozen=True):
    """How the demo ended; `--json` prints it. `differences` is empty exactly when `ok`."""

    ok: bool
    differences: tuple[str, ...]
    stores: tuple[StoreResult, ...]
    centre_verified: bool
    cut_off: CutOff | None
    cancellations_left_out: int
    seconds: float


async def audit(
    stage: Stage,
    books: dict[str, TillBook],
    days: dict[str, DayBooks],
    *,
    cut_off: CutOff | None,
    cancellations_left_out: int,
    seconds: float,
) -> Result:
    """Compare everything. `cut_off` is None when the script did not come so far. Raises a `Fault`."""
    async with httpx.AsyncClient(timeout=_ANSWER_TIMEOUT_S, trust_env=False) as client:
        verified, stores = await asyncio.gather(
            run_command("central-sync", "verify", "--config", stage.centre_config),
            asyncio.gather(
                *(
                    _books(client, stage, store, books[store.place.node_id], days[store.place.node_id])
                    for store in stage.stores
                )
            ),
        )
    found = [text for store in stores for text in differences(store)]
    if verified.returncode != 0:
        found.append(
            f"central-sync verify ends with {verified.returncode}: {(verified.stdout + verified.stderr)[-500:]}"
        )
    if cut_off is not None and not (cut_off.orders_sold and cut_off.pending_max):
        found.append(f"{cut_off.node_id}: it sold nothing while it was cut off")
    found += [f"no {flow} was played" for flow, count in _flows(stores).items() if cut_off is not None and not count]
    return Result(
        ok=not found,
        differences=tuple(found),
        stores=tuple(map(_result, stores)),
        centre_verified=verified.returncode == 0,
        cut_off=cut_off,
        cancellations_left_out=cancellations_left_out,
        seconds=round(seconds, 1),
    )


def _flows(stores: Sequence[StoreBooks]) -> dict[str, int]:
    """How often each flow was seen to its end, in all stores."""
    tills = [store.tills for store in stores]
    return {
        "parcel": sum(len(book.brought["ship"]) for book in tills),
        "pickup": sum(len(book.brought["pickup"]) for book in tills),
        "return": sum(book.returns for book in tills),
        "exchange": sum(book.exchanges for book in tills),
        "promotion": sum(book.promoted for book in tills),
    }


async def _books(client: httpx.AsyncClient, stage: Stage, store: Store, tills: TillBook, days: DayBooks) -> StoreBooks:
    node_id = store.place.node_id
    await office.read_closed(stage, node_id, days)
    status = (await agent_status(client, store)).orders
    node = await node_status(client, stage, node_id)
    orders = await centre_orders(client, stage, node_id)
    verified = await run_command("edge-agent", "verify", "--config", store.config)
    return StoreBooks(
        node_id,
        tills,
        EdgeBook(status.accepted, status.confirmed, status.pending, status.parked, verified.returncode == 0),
        CentreBook(node.orders.durable_seq, node.orders.parked, node.differences, orders),
        days,
    )


def _result(books: StoreBooks) -> StoreResult:
    return StoreResult(
        node_id=books.node_id,
        orders=len(books.tills.orders),
        cancelled=len(books.tills.cancelled),
        deliveries=books.tills.movements,
        steps=books.tills.steps,
        shipped=len(books.tills.brought["ship"]),
        routed=books.tills.routed,
        collected=len(books.tills.brought["pickup"]),
        returns=books.tills.returns,
        exchanges=books.tills.exchanges,
        closes=books.tills.closes,
        entries_due=books.tills.entries,
        asked_again=books.tills.asked_again,
        replayed=books.tills.replayed,
        accepted=books.edge.accepted,
        confirmed=books.edge.confirmed,
        pending=books.edge.pending,
        parked=books.edge.parked,
        centre_entries=books.centre.durable_seq,
        centre_parked=books.centre.parked,
        centre_orders=len(books.centre.orders),
        centre_cancelled=sum(order.status == CANCELLED for order in books.centre.orders),
        till_total_minor=sum(books.tills.orders.values()),
        centre_total_minor=sum(order.grand_total_minor for order in books.centre.orders),
        z_orders=total(books.days.centre).orders,
        z_discount_minor=total(books.days.centre).discount_minor,
        z_total_minor=total(books.days.centre).grand_total_minor,
        edge_verified=books.edge.verified,
    )
