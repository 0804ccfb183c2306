"""Looks at every agent and at the centre twice a second, through the same APIs that anybody may ask."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import httpx
import msgspec
from msgspec import Struct

from deploy.demo.check import TillBook
from deploy.house.looking import AgentStatus, NodeStatus
from deploy.house.stage import TILL, Stage, Store
from edge_core.errors import PermanentFault

_INTERVAL_S: Final = 0.5
_ANSWER_TIMEOUT_S: Final = 2


class _NodeList(Struct, frozen=True):
    nodes: tuple[NodeStatus, ...]


class View(Struct):
    """A store as it was last seen. `is_up` is whether its agent answered; the figures stay when it does not."""

    store: Store
    book: TillBook
    is_up: bool = False
    agent: AgentStatus | None = None
    node: NodeStatus | None = None
    pending_max: int = 0

    @property
    def is_in_touch(self) -> bool:
        """Whether store and centre both say that they hear each other."""
        if not self.is_up or self.agent is None or self.node is None:
            return False
        return self.agent.link.state == "online" and self.node.state == "online"

    @property
    def is_settled(self) -> bool:
        """Whether everything that the tills were answered is confirmed by the centre, and both ends say so."""
        if not self.is_in_touch or self.agent is None or self.node is None:
            return False
        lane = self.agent.orders
        return lane.pending == 0 and self.book.entries <= lane.accepted == self.node.orders.durable_seq


class Watch:
    """The views of all stores, kept fresh by `run`."""

    def __init__(self, stage: Stage, books: dict[str, TillBook]) -> None:
        self._stage = stage
        self.views = [View(store, books[store.place.node_id]) for store in stage.stores]
        self._looked = asyncio.Condition()

    def of(self, store: Store) -> View:
        """The view of a store."""
        return next(view for view in self.views if view.store is store)

    async def run(self) -> None:
        """Look again and again, until cancelled. Raises `PermanentFault` when the centre is gone: no script ends it."""
        async with httpx.AsyncClient(timeout=_ANSWER_TIMEOUT_S, trust_env=False) as client:
            while True:
                await asyncio.gather(self._look_at_centre(client), *(self._look(client, view) for view in self.views))
                async with self._looked:
                    self._looked.notify_all()
                await asyncio.sleep(_INTERVAL_S)

    async def until(self, holds: Callable[[Sequence[View]], bool], timeout_s: float) -> bool:
        """Wait until the views satisfy something; False when they did not in time."""
        try:
            async with asyncio.timeout(timeout_s), self._looked:
                await self._looked.wait()  # what was seen before the question does not count
                await self._looked.wait_for(lambda: holds(self.views))
        except TimeoutError:
            return False
        return True

    async def _look(self, client: httpx.AsyncClient, view: View) -> None:
        token = view.store.tokens[TILL]
        content = await _get(client, f"{view.store.url}/v1/status", {"authorization": f"Bearer {token}"})
        view.is_up = content is not None
        if content is not None:
            view.agent = msgspec.json.decode(content, type=AgentStatus)
            view.pending_max = max(view.pending_max, view.agent.orders.pending)

    async def _look_at_centre(self, client: httpx.AsyncClient) -> None:
        centre = self._stage.centre.child
        if not centre.running:
            raise PermanentFault(f"the centre has ended by itself: {centre.log_tail()}")
        content = await _get(client, f"{self._stage.url}/v1/nodes", {})
        if content is None:
            return
        nodes = {node.node_id: node for node in msgspec.json.decode(content, type=_NodeList).nodes}
        for view in self.views:
            view.node = nodes.get(view.store.place.node_id)


async def _get(client: httpx.AsyncClient, url: str, headers: dict[str, str]) -> bytes | None:
    try:
        answer = await client.get(url, headers=headers)
    except httpx.TransportError:
        return None
    return answer.content if answer.is_success else None
