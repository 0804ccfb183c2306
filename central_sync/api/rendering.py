"""An entry of the log as live events: one CloudEvent for each event, as server-sent events (WHATWG HTML, 9.2)."""

import re
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec
from msgspec import Struct

from central_sync.api.documents import CloudEvent
from central_sync.store.feed import FeedEntry, FeedPosition
from edge_core.errors import PeerFault
from edge_core.orders.events import Event, OrderPlaced, name_of
from edge_core.orders.rendering import rfc3339
from edge_core.orders.routing_events import RoutingDecided
from edge_core.shapes import json_object
from edge_core.sync.entry import decode_entry

_encoder: Final = msgspec.json.Encoder()
_EVENT_ID: Final = re.compile(r"([0-9a-f]{32})" + r"-([0-9]{1,18})" * 4)


class PlacedSummary(Struct, frozen=True):
    """What the live feed says of a new order; the whole document is at `/v1/orders/{id}`."""

    order_id: UUID
    display_number: str
    order_type: str
    channel: str
    currency: str
    grand_total_minor: int
    line_count: int
    placed_at: str


class RoutingSummary(Struct, frozen=True):
    """What the live feed says of a decision of routing: its groups as the event has them, without its bytes."""

    groups: tuple[Any, ...]
    policy: str
    hash: str


class Seen(NamedTuple):
    """What a viewer has seen: of which history, up to which entry, and how many events of the entry after that."""

    history_id: UUID
    position: FeedPosition
    events: int


def server_sent_events(entry: FeedEntry) -> list[bytes]:
    """The events of one entry, each with a resumable id; a parked entry has none."""
    if entry.is_parked:
        return []
    try:
        read = decode_entry(entry.body)
    except PeerFault:
        return []  # written by a later version of this software, which shares the database during an upgrade
    events: list[bytes] = []
    for index, event in enumerate(read.events):
        name = name_of(event)
        cloud = CloudEvent(
            specversion="1.0",
            id=f"{entry.key.incarnation}/{entry.key.lane}/{read.seq}/{index}",
            source=f"/nodes/{entry.key.node_id}",
            type=name,
            time=rfc3339(read.recorded_at_ms),
            datacontenttype="application/json",
            data=_data(event),
            nodeid=entry.key.node_id,
            incarnation=entry.key.incarnation,
            lane=entry.key.lane,
            sequence=str(read.seq),
            subject=None if read.order_id is None else str(read.order_id),
            traceparent=read.traceparent,
            provisional=entry.is_early,
        )
        place = event_id(entry, index)
        events.append(f"id: {place}\nevent: {name}\ndata: ".encode() + _encoder.encode(cloud) + b"\n\n")
    return events


def event_id(entry: FeedEntry, index: int) -> str:
    """A place in the feed as text: history, transaction, push, entry, event."""
    position = entry.position
    return f"{entry.history_id.hex}-{position.xact}-{position.batch}-{position.seq}-{index}"


def truncated() -> bytes:
    """Said first to a viewer that has missed something: away for longer than the feed is kept, or over a restore.

    It has no id.
    """
    return b'event: feed.truncated\ndata: {"detail":"events have been missed; load the lists anew"}\n\n'


def parse_event_id(text: str) -> Seen | None:
    """What whoever names an event has seen. None for a text that is no such id."""
    found = _EVENT_ID.fullmatch(text)
    if found is None:
        return None
    xact, batch, seq, index = map(int, found.groups()[1:])
    return Seen(UUID(found[1]), FeedPosition(xact, batch, seq - 1), index + 1)


def _data(event: Event) -> Any:
    if isinstance(event, RoutingDecided):
        return RoutingSummary(tuple(json_object(group) for group in event.groups), event.policy, event.hash.hex())
    if not isinstance(event, OrderPlaced):
        return json_object(event)
    order = event.order
    return PlacedSummary(
        order.order_id,
        order.display_number,
        order.order_type,
        order.channel,
        order.currency,
        order.totals.grand_total_minor,
        len(order.lines),
        order.placed_at,
    )
