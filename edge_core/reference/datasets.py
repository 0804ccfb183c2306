"""The datasets by name: which documents each has, what the key of a row is, and how a row is read and written."""

from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import astuple, fields

from edge_core.errors import UNREADABLE, PermanentFault
from edge_core.limits import REFERENCE_ROW_BYTES_MAX
from edge_core.policy.documents import RELEASE_KEY, Policy, Release, Signal
from edge_core.reference.documents import Account, Compliance, Document, Item, Price, Promotion, Rules
from edge_core.reference.network_documents import (
    KEY_SEPARATOR,
    CarbonFactor,
    Location,
    NetworkDocument,
    Service,
    Supplier,
    Tariff,
    network_fault_of,
)
from edge_core.shapes import json_object, json_reader

Dataset = Literal[
    "catalogue",
    "compliance",
    "prices",
    "promotions",
    "customers",
    "rules",
    "locations",
    "services",
    "tariffs",
    "carbon",
    "suppliers",
    "policies",
    "release",
    "signals",
]
Row = Document | NetworkDocument
"""A row of any dataset."""

RULES_KEY: Final = "rules"
"""The key of the single row of `rules`."""

_SINGLE: Final = {"rules": RULES_KEY, "release": RELEASE_KEY}


class Kind(Struct, frozen=True):
    """A dataset: the struct of its rows, and the fields that are a row's key; none where there is one row alone."""

    name: Dataset
    document: type[Row]
    key_fields: tuple[str, ...]


KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            Kind("catalogue", Item, ("sku",)),
            Kind("compliance", Compliance, ("sku",)),
            Kind("prices", Price, ("sku",)),
            Kind("promotions", Promotion, ("promotion_id",)),
            Kind("customers", Account, ("customer_ref",)),
            Kind("rules", Rules, ()),
            Kind("locations", Location, ("location_id",)),
            Kind("services", Service, ("service_id",)),
            Kind("tariffs", Tariff, ("tariff_id", "zone")),
            Kind("carbon", CarbonFactor, ("factor_id",)),
            Kind("suppliers", Supplier, ("supplier_id",)),
            Kind("policies", Policy, ("policy_id",)),
            Kind("release", Release, ()),
            Kind("signals", Signal, ("signal_id",)),
        )
    }
)
"""Every dataset by its name."""

JUDGED: Final[frozenset[str]] = frozenset({"catalogue", "compliance", "prices", "promotions", "customers", "rules"})
"""Those that orders are judged by: a judgment names their editions, and says which are old."""

NETWORK: Final[tuple[Dataset, ...]] = ("locations", "services", "tariffs", "carbon", "suppliers")
"""Those that orders are routed by, and not judged: a sale over the counter asks for none of them."""

NETWORK_LEAST: Final[frozenset[str]] = frozenset({"locations", "services", "tariffs"})
"""Without one of these nothing is routed: a store that has received only some of them sends as it did before."""

_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODERS: Final = {name: msgspec.msgpack.Decoder(kind.document) for name, kind in KINDS.items()}
_READERS: Final[dict[str, Callable[[bytes], Any]]] = {name: json_reader(kind.document) for name, kind in KINDS.items()}


def kind_named(name: str) -> Kind:
    """Look a dataset up. Raises `PermanentFault` for one that is not known."""
    kind = KINDS.get(name)
    if kind is None:
        raise PermanentFault(f"no dataset {name!r}; known are {', '.join(KINDS)}")
    return kind


def key_of(name: str, document: Row) -> str:
    """The key of a row: the row with the same key is replaced by it."""
    fields = kind_named(name).key_fields
    return KEY_SEPARATOR.join(getattr(document, field) for field in fields) if fields else _SINGLE[name]


def encode_row(document: Row) -> bytes:
    """The canonical bytes of a row: a MessagePack array without the fields at its end that are at their defaults.

    So a store that does not know a field yet reads every row that does not use it. Raises `PermanentFault` for a row
    that is too large.
    """
    values = list(astuple(document))
    defaults = _defaults_of(type(document))
    while values[-1] == defaults[len(values) - 1]:
        values.pop()
    body = _ENCODER.encode(values)
    if len(body) > REFERENCE_ROW_BYTES_MAX:
        raise PermanentFault(f"a row of {len(body)} bytes is over the limit of {REFERENCE_ROW_BYTES_MAX}")
    return body


@cache
def _defaults_of(document: type[Struct]) -> tuple[Any, ...]:
    return tuple(field.default for field in fields(document))


def decode_row(name: str, body: bytes) -> Row:
    """Read a row of a dataset. Raises `PermanentFault`, which says where, for one that is not of its shape."""
    kind = kind_named(name)
    try:
        document: Row = _DECODERS[name].decode(body)
    except UNREADABLE as error:
        raise PermanentFault(f"not a row of {kind.name}: {error}") from error
    return document


def read_json(name: str, body: bytes) -> Row:
    """Read a row that somebody wrote as a JSON object. Raises `PermanentFault`, which says where it is wrong."""
    kind = kind_named(name)
    try:
        document: Row = _READERS[name](body)
    except UNREADABLE as error:
        raise PermanentFault(f"not a row of {kind.name}: {error}") from error
    fault = fault_of(document)
    if fault is not None:
        raise PermanentFault(f"not a row of {kind.name}: {fault}")
    return document


def write_json(document: Row) -> bytes:
    """A row as the JSON object that `read_json` reads."""
    return msgspec.json.encode(json_object(document))


def fault_of(document: Row) -> str | None:
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
        case Item(cost_minor=cost_minor, cost_currency=currency):
            return (
                None if (cost_minor is None) == (currency is None) else "cost_minor and cost_currency belong together"
            )
        case Location() | Service() | Tariff() | CarbonFactor() | Supplier():
            return network_fault_of(document)
        case _:
            return None
