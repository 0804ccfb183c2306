"""Every way in which Holdfast says no, in one table, and the three kinds of failure (docs/errors.md).

1. `Rejected` is a business "no": a value, returned by `decide`, answered as RFC 9457 problem+json.
2. `Fault` is the world failing: raised by adapters, told apart by what the caller should do about it.
3. `InvariantViolated` is a bug: the process stops and is started again.
"""

from types import MappingProxyType
from typing import Final, Literal

from msgspec import DecodeError, Struct

TYPE_PREFIX: Final = "urn:holdfast:problem:"

UNREADABLE: Final = (DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for foreign bytes: not of the shape, text that is not UTF-8, nested without end."""


class ErrorCode(Struct, frozen=True):
    """One row of the table: a number for support, a slug for programs, an HTTP status, a title for people."""

    number: int
    slug: str
    status: int
    title: str

    @property
    def type_uri(self) -> str:
        """The stable `type` of RFC 9457 section 3.1.1."""
        return TYPE_PREFIX + self.slug


# 1xxx: the request could not be understood. 2xxx: understood, and the answer is no. 3xxx: who are you. 4xxx: not now.
_ROWS: Final = (
    (1001, "malformed-json", 400, "The body is not valid JSON"),
    (1002, "invalid-document", 422, "The document does not match its schema"),
    (1003, "idempotency-key-missing", 400, "The Idempotency-Key header is missing"),
    (1004, "idempotency-key-invalid", 400, "The Idempotency-Key header is not usable"),
    (1005, "idempotency-key-reused", 422, "The Idempotency-Key was used with another body"),
    (1006, "body-too-large", 413, "The body is too large"),
    (1007, "unsupported-media-type", 415, "The body must be application/json"),
    (1008, "request-timeout", 408, "The request did not arrive in time"),
    (1009, "header-too-large", 431, "The request header is too large"),
    (1010, "invalid-parameter", 400, "A query or path parameter is not usable"),
    (1011, "not-found", 404, "There is nothing at this address"),
    (1012, "method-not-allowed", 405, "This address does not take that method"),
    (1013, "malformed-request", 400, "The request is not valid HTTP"),
    (2001, "totals-mismatch", 422, "The amounts of the order do not add up"),
    (2002, "duplicate-identifier", 422, "An identifier occurs twice in one document"),
    (2003, "unknown-currency", 422, "The currency is not an active ISO 4217 code"),
    (2004, "invalid-time", 422, "A date or time does not exist"),
    (2005, "payment-mismatch", 422, "The payments do not match the total"),
    (2006, "card-number-refused", 422, "A card number must never be sent"),
    (2007, "flow-not-available", 422, "This kind of order is not available here"),
    (2008, "unknown-reference", 422, "A part of the document names a line that is not in it"),
    (2009, "wrong-store", 422, "The order belongs to another store"),
    (2010, "out-of-stock", 409, "There is not enough free stock"),
    (2011, "order-not-found", 404, "There is no such order here"),
    (2012, "command-not-allowed", 409, "The order's state does not allow this command"),
    (2013, "revision-stale", 409, "The order has changed since the revision that was named"),
    (2014, "unit-mismatch", 422, "The unit of measure differs from the one in which the stock is kept"),
    (2015, "sku-not-found", 404, "There is no such stock keeping unit here"),
    (2016, "lot-mismatch", 422, "The lot is recorded with another expiry date"),
    (2017, "node-not-found", 404, "There is no such node"),
    (2018, "entry-too-large", 422, "What would be recorded of the request is too large"),
    (2019, "instruction-not-found", 404, "Nothing was asked of a node under this id"),
    (2020, "record-lost", 410, "What was recorded under the Idempotency-Key is lost"),
    (2030, "parked-not-found", 404, "Nothing is parked under this number"),
    (2031, "parked-not-entry", 409, "A message that is no entry of a log cannot be replayed"),
    (2040, "return-too-large", 422, "More would come back than was sold"),
    (2041, "goods-left", 409, "The goods have left; they can only come back"),
    (2042, "quantity-too-large", 422, "More is named than is left of the line"),
    (2043, "order-held", 409, "The order is held; the hold has to be answered first"),
    (2044, "balance-due", 409, "Not everything that is due has been paid"),
    (2045, "method-mismatch", 409, "The goods of this group go another way"),
    (2046, "pickup-code-wrong", 409, "The pickup code is not the one that was given out"),
    (2047, "pickup-not-overdue", 409, "The customer still has time to fetch the goods"),
    (2048, "group-ambiguous", 422, "Several groups of the order could be meant"),
    (2049, "role-not-allowed", 403, "This command is for somebody else to give"),
    (2050, "return-not-found", 404, "The order has no such return"),
    (2051, "void-too-late", 409, "An order is voided on its business date, before anything has left"),
    (2052, "approval-needed", 422, "Somebody else than the operator has to approve this"),
    (2053, "inspection-mismatch", 422, "The goods inspected are not those of the return"),
    (2054, "order-too-long", 409, "The order has been changed too often"),
    (2055, "day-closed", 409, "The business day is closed already"),
    (2056, "day-incomplete", 409, "Not everything of the business day is in the file"),
    (2060, "rights-exceeded", 409, "More is wanted than the rights that are held here"),
    (2061, "rights-void", 409, "The rights belong to a life of the node that has ended"),
    (2062, "quota-exhausted", 409, "The channel's share of the stock is promised already"),
    (2063, "reservation-expired", 409, "The reservation was not made firm in time"),
    (2064, "channel-order-unmapped", 422, "The channel's order cannot be mapped to an order"),
    (2065, "recount-needed", 409, "The count differs too much; count again, or have it approved"),
    (2066, "lot-expired", 409, "Only lots past their date are left"),
    (2067, "reservation-not-found", 404, "There is no such reservation here, or it has ended"),
    (2068, "rights-unconfirmed", 409, "Rights are spent once the centre has greeted the node"),
    (2069, "rights-not-settled", 409, "The life is not over, and may spend the rights that it holds"),
    (2070, "assignment-over", 409, "The order is no longer assigned to this store"),
    (2071, "order-changed", 409, "The order was changed since it was assigned, and cannot go back"),
    (2072, "not-assigned", 409, "The order was not assigned by the centre"),
    (2073, "assignment-not-possible", 409, "The order cannot be assigned or cancelled as it stands"),
    (2074, "channel-not-found", 404, "No mapping is kept for this channel"),
    (2075, "routing-not-recorded", 404, "No decision of routing is recorded for the order"),
    (2080, "duplicate-suspected", 409, "The same till has just sent the same basket under another key"),
    (2081, "item-not-sold", 422, "The item is not sold any more"),
    (2082, "price-outdated", 422, "The price has ended longer ago than is tolerated"),
    (2083, "promotion-invalid", 422, "The promotion or coupon is not good for this order"),
    (2084, "coupon-used", 409, "The coupon has been used"),
    (2085, "promotion-stacking", 422, "These promotions cannot be had together"),
    (2086, "discount-too-large", 422, "More was taken off than the promotion gives"),
    (2087, "credit-exceeded", 409, "The customer would owe more than the credit limit"),
    (2088, "customer-blocked", 409, "The customer is blocked"),
    (2089, "age-unconfirmed", 422, "The buyer's age has to be confirmed"),
    (2090, "place-denied", 422, "The goods may not go to that place"),
    (2091, "license-missing", 422, "The buyer needs a licence for these goods"),
    (2092, "insurance-missing", 422, "Goods of that value may not be sent without insurance"),
    (2093, "hold-not-found", 404, "The order has no such hold"),
    (2094, "hold-not-overdue", 409, "Those who have to answer the hold still have time"),
    (2095, "hold-ambiguous", 422, "Several holds of the order could be meant"),
    (2100, "reference-invalid", 422, "The rows of the dataset are not what they should be"),
    (2101, "reference-not-found", 404, "There is no such dataset or version of it"),
    (2102, "delta-not-available", 404, "There is no delta between these versions"),
    (2103, "range-not-satisfiable", 416, "The file ends before the range that was asked for"),
    (2104, "batch-too-large", 422, "There are too many orders in one batch"),
    (2120, "policy-not-found", 404, "There is no such policy, or no such revision of it"),
    (2121, "policy-invalid", 422, "The policy is not what it should be"),
    (2122, "policy-not-possible", 409, "The policy cannot be used like that as it stands"),
    (2123, "signal-invalid", 422, "The signal cannot be told as it is"),
    (2124, "signal-not-found", 404, "There is no such signal, or it is over"),
    (2125, "rule-not-understood", 422, "A sentence is no rule"),
    (3001, "token-missing", 401, "A bearer token is needed"),
    (3002, "token-unknown", 401, "The bearer token is not known"),
    (3003, "scope-missing", 403, "The bearer token does not allow this"),
    (3004, "enrolment-refused", 403, "The enrolment ticket does not let this machine in"),
    (3005, "signature-wrong", 401, "What was sent is not signed with the channel's secret"),
    (4001, "busy", 503, "Too much is waiting; try again shortly"),
    (4002, "stopping", 503, "The agent is stopping; try again shortly"),
    (4003, "storage-unavailable", 503, "The store's file cannot be written"),
    (4004, "storage-full", 507, "The disk is full"),
    (4005, "database-unavailable", 503, "The database cannot be reached; try again shortly"),
    (4006, "internal-error", 500, "A defect stopped this request; nothing was recorded"),
    (4007, "node-fenced", 503, "Another machine has taken over as this node"),
)

CODES: Final = MappingProxyType({slug: ErrorCode(n, slug, status, title) for n, slug, status, title in _ROWS})


class Rejected(Struct, frozen=True):
    """A business "no": the row of the table, what exactly was wrong, and where (a JSON pointer, RFC 6901).

    `allowed` names what would have been possible, `state` what the thing is in now; both are empty where they say
    nothing.
    """

    slug: str
    detail: str
    pointer: str | None = None
    state: str | None = None
    allowed: tuple[str, ...] = ()

    @property
    def code(self) -> ErrorCode:
        """The row of the table; a slug that is not in it is a bug."""
        return code(self.slug)


def code(slug: str) -> ErrorCode:
    """Look a slug up. Raises `InvariantViolated` for one that the table does not have."""
    try:
        return CODES[slug]
    except KeyError:
        raise InvariantViolated(f"no error code {slug!r}") from None


class Fault(Exception):  # noqa: N818 - the design's word; subclasses are faults, not errors of the program
    """The world failed, not the business; a subclass says what to do about it."""


class TransientFault(Fault):
    """Try again: the network, a lock, a broker or a database that is away."""


class PermanentFault(Fault):
    """Trying again cannot help: park it with its payload."""


class PeerFault(Fault):
    """The other side broke the protocol. `reason` is stable and counted; the message is for people."""

    def __init__(self, reason: "PeerFaultReason", message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason: PeerFaultReason = reason


PeerFaultReason = Literal[
    "undecodable",
    "unknown-version",
    "too-large",
    "wrong-topic",
    "chain-broken",
    "range-invalid",
    "fork",
]


class StorageFault(TransientFault):
    """The local file could not be read or written. `slug` is the row of the table to answer with."""

    def __init__(self, slug: Literal["storage-unavailable", "storage-full"], message: str) -> None:
        super().__init__(message)
        self.slug: Literal["storage-unavailable", "storage-full"] = slug


class OutcomeUnknown(StorageFault):
    """A COMMIT failed: what it should have made durable may be in the file, or may not."""


class RecordDamaged(StorageFault):
    """One record of the file is damaged or gone; the rest of the file serves on."""

    def __init__(self, what: str) -> None:
        super().__init__("storage-unavailable", f"{what} is damaged or missing; run edge-agent verify")


class InvariantViolated(Exception):  # noqa: N818 - it names what happened, like AssertionError's message does
    """A bug: something that cannot be was seen. Nothing may catch it short of the process's end."""
