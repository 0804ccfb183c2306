"""The messages with which both ends compare their copies and mend them (docs/protocol.md, "The audit")."""

from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from edge_core.limits import AUDIT_RUNS_MAX, BUSINESS_DAYS_MAX, CURRENCIES_MAX, MESSAGE_BYTES_MAX
from edge_core.sync.fields import Codec, Hash, Lane, Millis, NodeId, Seq

Count = Annotated[int, Meta(ge=0, lt=1 << 53)]
Currency = Annotated[str, Meta(pattern=r"^[A-Z]{3}\Z")]
BusinessDate = Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")]


class Run(Struct, frozen=True, array_like=True):
    """Entries in a row, the first and the last of them."""

    from_seq: Seq
    to_seq: Seq


class Supply(Struct, frozen=True, array_like=True):
    """Bodies for a damaged run of the other side, and the chain's hash before the first of them."""

    from_seq: Seq
    previous_hash: Hash
    codec: Codec
    block: Annotated[bytes, Meta(max_length=MESSAGE_BYTES_MAX)]


class ScrubReport(Struct, frozen=True, array_like=True):
    """How the file is: when it was last read to the end (0: never), its entries then, and how many are damaged."""

    ended_at_ms: Millis
    entries: Count
    damaged: Count


class Digest(Struct, frozen=True, array_like=True, tag="digest"):
    """The edge's copy of a segment: the digest of its bodies, its damaged runs, and what the centre's copy lacks."""

    node_id: NodeId
    incarnation: UUID
    of: UUID
    lane: Lane
    from_seq: Seq
    to_seq: Seq
    digest: Hash
    damaged: Annotated[tuple[Run, ...], Meta(max_length=AUDIT_RUNS_MAX)] = ()
    supply: Supply | None = None


class DigestReply(Struct, frozen=True, array_like=True, tag="digest_reply"):
    """The centre's copy of the same segment. `is_held` is false where the centre does not have it to the end."""

    incarnation: UUID
    of: UUID
    lane: Lane
    from_seq: Seq
    to_seq: Seq
    is_held: bool
    digest: Hash
    damaged: Annotated[tuple[Run, ...], Meta(max_length=AUDIT_RUNS_MAX)] = ()
    supply: Supply | None = None


class AuditCall(Struct, frozen=True, array_like=True, tag="audit"):
    """Somebody at the centre asks for a whole round now."""

    incarnation: UUID


class CurrencyTotal(Struct, frozen=True, array_like=True):
    """The grand totals of a day's orders in one currency, cancelled ones included, in minor units."""

    currency: Currency
    total_minor: int


class DayTotal(Struct, frozen=True, array_like=True):
    """One business day: how many orders, how many of them are not finished, and their money."""

    business_date: BusinessDate
    orders: Count
    open: Count
    totals: Annotated[tuple[CurrencyTotal, ...], Meta(max_length=CURRENCIES_MAX)]


class DayTotals(Struct, frozen=True, array_like=True, tag="day_totals"):
    """The newest business days, as they stand at `at_seq` of the lane `orders`, all of which the centre has."""

    node_id: NodeId
    incarnation: UUID
    at_seq: Seq
    days: Annotated[tuple[DayTotal, ...], Meta(max_length=BUSINESS_DAYS_MAX)]
