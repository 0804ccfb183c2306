"""Where messages go: `edge/v1/{shard}/{node}/up` and `.../down`, the shard two hex digits of a hash of the node."""

import re
from hashlib import blake2b
from typing import Final, Literal

from edge_core.errors import PeerFault
from edge_core.limits import SHARDS

Direction = Literal["up", "down"]

# What a node may be called: no topic level separator, no wildcard, nothing that a file name or a URL would mind.
NODE_ID_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$(?!\n)"
_NODE_ID: Final = re.compile(NODE_ID_PATTERN)
_TOPIC_LEVELS: Final = 5


def shard_of(node_id: str) -> int:
    """The shard of a node, 0 to `SHARDS - 1`, the same for ever."""
    return blake2b(node_id.encode(), digest_size=1).digest()[0] % SHARDS


def is_node_id(text: str) -> bool:
    """Whether a text may name a node."""
    return _NODE_ID.match(text) is not None


def topic(node_id: str, direction: Direction) -> str:
    """The topic on which a node sends (`up`) or hears (`down`)."""
    return f"edge/v1/{shard_of(node_id):02x}/{node_id}/{direction}"


def shard_filter(shard: int) -> str:
    """What the centre subscribes to for one shard."""
    return f"edge/v1/{shard:02x}/+/up"


def node_of(name: str) -> str:
    """The node that a message on an `up` topic comes from. Raises `PeerFault` for any other topic."""
    levels = name.split("/")
    if len(levels) == _TOPIC_LEVELS and is_node_id(levels[3]) and name == topic(levels[3], "up"):
        return levels[3]
    raise PeerFault("wrong-topic", f"{name!r} is not the topic of a node")
