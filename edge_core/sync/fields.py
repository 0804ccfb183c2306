"""The types of the fields that messages are made of (docs/protocol.md, "Messages")."""

from typing import Annotated, Literal

from msgspec import Meta

from edge_core.limits import ERROR_TEXT_CHARS_MAX
from edge_core.sync.chain import HASH_BYTES
from edge_core.sync.topics import NODE_ID_PATTERN

NodeId = Annotated[str, Meta(pattern=NODE_ID_PATTERN)]
Seq = Annotated[int, Meta(ge=0, lt=1 << 40)]
Millis = Annotated[int, Meta(ge=-(1 << 53), le=1 << 53)]
Hash = Annotated[bytes, Meta(min_length=HASH_BYTES, max_length=HASH_BYTES)]
Lane = Literal["orders", "bulk"]
ShortText = Annotated[str, Meta(max_length=ERROR_TEXT_CHARS_MAX)]
Codec = Literal["zstd", "raw"]
Decision = Literal["resume", "rewind", "fence", "refuse", "confirm", "enrol"]
