"""An entry as a line of an export: one JSON object, the same from the store's file and from the centre's database."""

from typing import Any
from uuid import UUID

import msgspec

from edge_core.errors import PeerFault
from edge_core.shapes import json_object
from edge_core.sync.entry import decode_entry


def exported_line(stream: tuple[str, UUID, str], seq: int, entry_hash: bytes, body: bytes) -> bytes:
    """The entry at `seq` of the stream `(node_id, incarnation, lane)`, without an end of line.

    One that this software cannot read, as the centre may have parked it, is there with its bytes in hexadecimal and
    with the reason: an export leaves nothing out.
    """
    node_id, incarnation, lane = stream
    place = {"node_id": node_id, "incarnation": incarnation, "lane": lane, "seq": seq, "hash": entry_hash.hex()}
    return msgspec.json.encode(place | _content(body))


def _content(body: bytes) -> dict[str, Any]:
    try:
        entry = decode_entry(body)
    except PeerFault as fault:
        return {"unreadable": str(fault), "body": body.hex()}
    return {
        "hlc": entry.hlc,
        "recorded_at_ms": entry.recorded_at_ms,
        "order_id": entry.order_id,
        "traceparent": entry.traceparent,
        "events": [json_object(event) for event in entry.events],
    }
