"""The datasets by name: which documents each has, what the key of a row is, and how a row is read and written."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from edge_core.errors import UNREADABLE, PermanentFault
from edge_core.limits import REFERENCE_ROW_BYTES_MAX
from edge_core.policy.documents import RELEASE_KEY, Policy, Release, Signal
from edge_core.reference.documents import Account, Compliance, Document, Item, Price, Promotion, Rules
from edge_core.shapes import json_object, json_reader

Dataset = Literal[
    "catalogue", "compliance", "prices", "promotions", "customers", "rules", "policies", "release", "signals"
]

RULES_KEY: Final = "rules"
"""The key of the single row of `rules`."""

_SINGLE: Final = {"rules": RULES_KEY, "release": RELEASE_KEY}


class Kind(Struct, frozen=True):
    """A dataset: the struct of its rows, and the field that is a row's key; None where there is one row alone."""

    name: Dataset
    document: type[Document]
    key_field: str | None


KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            Kind("catalogue", Item, "sku"),
            Kind("compliance", Compliance, "sku"),
            Kind("prices", Price, "sku"),
            Kind("promotions", Promotion, "promotion_id"),
            Kind("customers", Account, "customer_ref"),
            Kind("rules", Rules, None),
            Kind("policies", Policy, "policy_id"),
            Kind("release", Release, None),
            Kind("signals", Signal, "signal_id"),
        )
    }
)
"""Every dataset by its name."""

_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODERS: Final = {name: msgspec.msgpack.Decoder(kind.document) for name, kind in KINDS.items()}
_READERS: Final[dict[str, Callable[[bytes], Any]]] = {name: json_reader(kind.document) for name, kind in KINDS.items()}


def kind_named(name: str) -> Kind:
    """Look a dataset up. Raises `PermanentFault` for one that is not known."""
    kind = KINDS.get(name)
    if kind is None:
        raise PermanentFault(f"no dataset {name!r}; known are {', '.join(KINDS)}")
    return kind


def key_of(name: str, document: Document) -> str:
    """The key of a row: the row with the same key is replaced by it."""
    field = kind_named(name).key_field
    return _SINGLE[name] if field is None else str(getattr(document, field))


def encode_row(document: Document) -> bytes:
    """The canonical bytes of a row: a MessagePack array. Raises `PermanentFault` for one that is too large."""
    body = _ENCODER.encode(document)
    if len(body) > REFERENCE_ROW_BYTES_MAX:
        raise PermanentFault(f"a row of {len(body)} bytes is over the limit of {REFERENCE_ROW_BYTES_MAX}")
    return body


def decode_row(name: str, body: bytes) -> Document:
    """Read a row of a dataset. Raises `PermanentFault`, which says where, for one that is not of its shape."""
    kind = kind_named(name)
    try:
        document: Document = _DECODERS[name].decode(body)
    except UNREADABLE as error:
        raise PermanentFault(f"not a row of {kind.name}: {error}") from error
    return document


def read_json(name: str, body: bytes) -> Document:
    """Read a row that somebody wrote as a JSON object. Raises `PermanentFault`, which says where it is wrong."""
    kind = kind_named(name)
    try:
        document: Document = _READERS[name](body)
    except UNREADABLE as error:
        raise PermanentFault(f"not a row of {kind.name}: {error}") from error
    fault = fault_of(document)
    if fault is not None:
        raise PermanentFault(f"not a row of {kind.name}: {fault}")
    return document


def write_json(document: Document) -> bytes:
    """A row as the JSON object that `read_json` reads."""
    return msgspec.json.encode(json_object(document))


def fault_of(document: Document) -> str | None:
    """What is wrong with a row that has the right shape, or None. The centre asks before it publishes."""
    match document:
        case Promotion(tiers=tiers):
            starts = [tier.from_quantity_milli for tier in tiers]
            return None if starts == sorted(set(starts)) else "tiers must rise in from_quantity_milli"
        case Price(offers=offers):
            ends = [offer for offer in offers if offer.until_ms is not None and offer.until_ms <= offer.from_ms]
            return "an offer ends before it begins" if ends else None
        case Rules(ladder=ladder):
            ranks = [("store", "back_office", "centre").index(level.owner) for level in ladder]
            return None if ranks == sorted(set(ranks)) else "the ladder must rise from store to centre"
        case _:
            return None
