"""What the house says of itself: the agents' and the centre's own books, through the APIs that anybody may ask."""

from typing import Final

import httpx
import msgspec
from msgspec import Struct

from deploy.house.stage import TILL, Stage, Store
from edge_core.errors import TransientFault
from edge_core.limits import PAGE_ROWS_MAX

_LANE: Final = "orders"


class Lane(Struct, frozen=True):
    """The books of a lane, as `GET /v1/status` says them."""

    lane: str
    accepted: int
    confirmed: int
    pending: int
    parked: int


class Link(Struct, frozen=True):
    """The agent's link, in its own word."""

    state: str
    oldest_unacked_age_ms: int


class AgentStatus(Struct, frozen=True):
    """What is read of an agent's `GET /v1/status`."""

    lanes: tuple[Lane, ...]
    link: Link

    @property
    def orders(self) -> Lane:
        """The lane of orders and stock."""
        return next(lane for lane in self.lanes if lane.lane == _LANE)


class CentreLane(Struct, frozen=True):
    """What the centre holds of a lane."""

    lane: str
    durable_seq: int
    parked: int


class NodeStatus(Struct, frozen=True):
    """What is read of a node at the centre's `GET /v1/nodes`."""

    node_id: str
    state: str
    lanes: tuple[CentreLane, ...]
    differences: tuple[str, ...]

    @property
    def orders(self) -> CentreLane:
        """The lane of orders and stock."""
        return next((lane for lane in self.lanes if lane.lane == _LANE), CentreLane(_LANE, 0, 0))


class CentreOrder(Struct, frozen=True):
    """One row of `GET /v1/orders` at the centre."""

    order_id: str
    status: str
    grand_total_minor: int


class _OrderPage(Struct, frozen=True):
    orders: tuple[CentreOrder, ...]
    next_cursor: str | None


async def agent_status(client: httpx.AsyncClient, store: Store) -> AgentStatus:
    """An agent's books. Raises `TransientFault`."""
    headers = {"authorization": f"Bearer {store.tokens[TILL]}"}
    return msgspec.json.decode(await _get(client, f"{store.url}/v1/status", headers), type=AgentStatus)


async def node_status(client: httpx.AsyncClient, stage: Stage, node_id: str) -> NodeStatus:
    """What the centre says of a store. Raises `TransientFault`, also for one that it has not heard yet."""
    return msgspec.json.decode(await _get(client, f"{stage.url}/v1/nodes/{node_id}"), type=NodeStatus)


async def centre_orders(client: httpx.AsyncClient, stage: Stage, node_id: str) -> tuple[CentreOrder, ...]:
    """Every order of a store in the centre's view. Raises `TransientFault`."""
    orders: list[CentreOrder] = []
    cursor: str | None = None
    while True:
        parameters = {"node": node_id, "limit": str(PAGE_ROWS_MAX)} | ({"cursor": cursor} if cursor else {})
        url = httpx.URL(f"{stage.url}/v1/orders", params=parameters)
        page = msgspec.json.decode(await _get(client, url), type=_OrderPage)
        orders += page.orders
        cursor = page.next_cursor
        if cursor is None:
            return tuple(orders)


async def _get(client: httpx.AsyncClient, url: str | httpx.URL, headers: dict[str, str] | None = None) -> bytes:
    try:
        answer = await client.get(url, headers=headers)
        answer.raise_for_status()
    except httpx.HTTPError as error:
        raise TransientFault(f"{url} cannot be asked for its books: {error!r}") from error
    return answer.content
