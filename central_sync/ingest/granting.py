"""Who is granted what: the regulator of `edge_core.sync.grants` with the nodes of this process.

A node's backlog is known from its hello, its heartbeats and its acks. Grants are hints that renew themselves, so what
this process forgets, by a restart or a bound, costs a node a message. Times are monotonic milliseconds.
"""

import random
from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID

from msgspec import Struct, field
from msgspec.structs import replace

from edge_core.limits import GRANT_LOOK_INTERVAL_MS, GRANT_NODES_MAX, NODE_OFFLINE_AFTER_MS
from edge_core.sync import grants
from edge_core.sync.grants import Batch, Regulator, Told
from edge_core.sync.messages import Grant, GrantMessage, Heartbeat, Hello, Welcome

_GOING_ON: Final = frozenset({"resume", "rewind"})


class _Node(Struct):
    """What is known of a node: where its lanes end, how far they are durable, and what it was told.

    `stopped` are the lanes that were answered last that nothing more is taken of them: they need no share.
    """

    incarnation: UUID
    tails: dict[str, int] = field(default_factory=dict)
    durables: dict[str, int] = field(default_factory=dict)
    stopped: set[str] = field(default_factory=set)
    heard_ms: int = 0
    told: Told | None = None

    @property
    def pending(self) -> int:
        going = [(lane, tail) for lane, tail in self.tails.items() if lane not in self.stopped]
        return sum(max(0, tail - self.durables.get(lane, 0)) for lane, tail in going)


class Granting:
    """Grants for the nodes of one ingester. `jitter` gives a random number from 0 to 1."""

    def __init__(self, jitter: Callable[[], float] = random.random) -> None:
        self._jitter = jitter
        self._nodes: dict[str, _Node] = {}  # the one heard last is the last
        self._backlogged: set[str] = set()
        self._looked_ms = 0
        self.regulator: Regulator = grants.START

    @property
    def backlogged(self) -> int:
        """How many nodes share the rate."""
        return len(self._backlogged)

    @property
    def nodes(self) -> int:
        """How many nodes this process has heard of."""
        return len(self._nodes)

    def committed(self, batch: Batch, now_ms: int) -> None:
        """A batch was committed."""
        self.regulator = grants.committed(self.regulator, batch, now_ms)

    def greeted(self, pairs: Sequence[tuple[Hello, Welcome]], now_ms: int) -> list[Welcome]:
        """The welcomes of one batch with their grants: all of its nodes are counted before the first share is made."""
        for hello, welcome in pairs:
            node = self._hear(hello.node_id, hello.incarnation, now_ms)
            node.tails = {position.lane: position.tail_seq for position in hello.lanes}
            node.durables = {position.lane: position.durable_seq for position in welcome.lanes}
            node.stopped = set() if welcome.decision in _GOING_ON else set(node.tails)
            self._sort(hello.node_id, node)
        return [self._welcomed(hello.node_id, welcome, now_ms) for hello, welcome in pairs]

    def reported(self, beat: Heartbeat, now_ms: int) -> GrantMessage | None:
        """A heartbeat says where a node's lanes end; the grant that it should hear of, if any."""
        node = self._hear(beat.node_id, beat.incarnation, now_ms)
        for books in beat.lanes:
            node.tails[books.lane] = books.accepted
            done = books.confirmed + books.parked
            node.durables[books.lane] = max(done, node.durables.get(books.lane, 0))
        self._sort(beat.node_id, node)
        return self._renewed(node, now_ms)

    def acked(self, node_id: str, incarnation: UUID, lane: str, durable_seq: int, now_ms: int) -> GrantMessage | None:
        """A stream was acked up to here; the grant that its node should hear of, if any."""
        node = self._nodes.get(node_id)
        if node is None or node.incarnation != incarnation:
            return None
        node.durables[lane] = durable_seq
        node.stopped.discard(lane)
        node.heard_ms = now_ms
        self._sort(node_id, node)
        return self._renewed(node, now_ms)

    def stopped(self, node_id: str, incarnation: UUID, lane: str) -> None:
        """A stream was answered that it is held or fenced: what it has left takes nobody's share, until it is acked."""
        node = self._nodes.get(node_id)
        if node is not None and node.incarnation == incarnation:
            node.stopped.add(lane)
            self._sort(node_id, node)

    def rate_of(self, node_id: str) -> int | None:
        """What a node was told last, in entries a second; None without a limit."""
        node = self._nodes.get(node_id)
        return (node.told.grant.rate_entries_per_s or None) if node is not None and node.told is not None else None

    def _hear(self, node_id: str, incarnation: UUID, now_ms: int) -> _Node:
        node = self._nodes.pop(node_id, None)
        if node is None or node.incarnation != incarnation:
            node = _Node(incarnation)
        node.heard_ms = now_ms
        self._nodes[node_id] = node
        while len(self._nodes) > GRANT_NODES_MAX:
            self._forget(next(iter(self._nodes)))
        if not 0 <= now_ms - self._looked_ms < GRANT_LOOK_INTERVAL_MS:
            self._looked_ms = now_ms
            for silent in [each for each in self._backlogged if self._is_silent(each, now_ms)]:
                self._forget(silent)
        return node

    def _is_silent(self, node_id: str, now_ms: int) -> bool:
        return now_ms - self._nodes[node_id].heard_ms > NODE_OFFLINE_AFTER_MS

    def _forget(self, node_id: str) -> None:
        self._nodes.pop(node_id, None)
        self._backlogged.discard(node_id)

    def _sort(self, node_id: str, node: _Node) -> None:
        if grants.is_backlog(node.pending):
            self._backlogged.add(node_id)
        else:
            self._backlogged.discard(node_id)

    def _welcomed(self, node_id: str, welcome: Welcome, now_ms: int) -> Welcome:
        node = self._nodes.get(node_id)
        if node is None:  # of more nodes than are remembered
            return welcome
        grant = self._grant(node, self._jitter())
        node.told = Told(grant, now_ms)
        return replace(welcome, grant=grant)

    def _renewed(self, node: _Node, now_ms: int) -> GrantMessage | None:
        grant = self._grant(node, 0.0)
        if not grants.is_news(node.told, grant, now_ms):
            return None
        node.told = Told(grant, now_ms)
        return GrantMessage(node.incarnation, grant)

    def _grant(self, node: _Node, jitter: float) -> Grant:
        return grants.grant_for(self.regulator, pending=node.pending, backlogged=len(self._backlogged), jitter=jitter)
