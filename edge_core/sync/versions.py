"""Which version of the entry a decision needs: the lowest whose readers know all that it says (docs/protocol.md).

One table for each version that is frozen. What stands in none of them, be it an event, a field at the end that is
not at its default, or a word, belongs to the version after the last table: whoever adds one has nothing to do. Readers
of a version before then hold the stream until they are upgraded, where they would misread it or park entry by entry.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, get_args

from msgspec import inspect

from edge_core.errors import InvariantViolated
from edge_core.orders.events import Event

Check = Callable[[Any], bool]
"""Whether a value says what a version cannot. `None` in its place: no value of the type does."""
Table = Mapping[str, str]
"""By the tag of an event or the name of a part: its fields in order; with `=`, the words that may stand in one."""

VERSION_1: Final[Table] = {
    "order.placed": "order",
    "order.validated": "checks",
    "order.held": "hold_id reasons owner due_at_ms",
    "order.approved": "hold_id operator_id",
    "payment.authorized": "payment_id amount_minor",
    "payment.captured": "payment_id amount_minor",
    "fulfillment.routed": ("group_id decision=fulfil_here|other_store|warehouse|pickup|backorder|manual location_id"),
    "stock.reserved": "group_id allocations",
    "fulfillment.accepted": "group_id",
    "fulfillment.rejected": "group_id reason released",
    "fulfillment.picked": "group_id",
    "fulfillment.packed": "group_id",
    "fulfillment.ready_for_pickup": "group_id",
    "fulfillment.shipped": "group_id carrier tracking consumed",
    "fulfillment.delivered": "group_id consumed",
    "order.cancelled": "reason operator_id released reversals",
    "order.returned": "return_id quantities restocked reversals",
    "stock.moved": "movement_id cause=receipt|write_off|found reference deltas",
    "instruction.answered": "instruction_id kind subject outcome=applied|refused|parked code detail",
    "Order": (
        "order_id display_number idempotency_key payload_hash order_type=sale|pickup|ship|preorder|exchange|transfer "
        "channel store_id terminal_id operator_id placed_at business_date offline customer_ref customer_tier bill_to "
        "ship_to currency lines adjustments tax_lines totals payments payment_terms fulfillment_groups promise "
        "attribution policy_versions"
    ),
    "Address": "name country phone region city lines postal_code latitude longitude",
    "Line": (
        "line_id sku quantity_milli unit unit_price_minor gross_minor discount_minor net_minor tax_minor description "
        "traits=cold|fragile|liquid|hazardous|insured|age_restricted lot expires_on serial weight_grams parent_line_id"
    ),
    "Adjustment": "adjustment_id kind=promotion|coupon|manual|loyalty|employee amount_minor code lines",
    "TaxLine": "name rate_ppm base_minor amount_minor",
    "OrderTotals": "gross_minor discount_minor net_minor tax_minor shipping_minor grand_total_minor prices_include_tax",
    "Payment": (
        "payment_id tender=cash|card|wallet|voucher|gift_card|bank_transfer|on_account|other amount_minor "
        "status=pending|authorized|captured authorization=online|offline|store_and_forward expires_at token_ref"
    ),
    "PaymentTerms": "deposit_minor balance_due_minor balance_due_at",
    "FulfillmentGroup": "group_id method=carry_out|pickup|ship lines preference=fastest|cheapest|greenest",
    "GroupLine": "line_id quantity_milli",
    "Promise": "from_ to",
    "Allocation": "line_id sku lot unit quantity_milli",
    "PaymentReversal": "payment_id kind=voided|refunded amount_minor",
    "StockDelta": "sku lot unit on_hand_milli reserved_milli expires_on",
}
VERSIONS: Final[tuple[Table, ...]] = (VERSION_1,)
"""The frozen versions, from 1 on. The next one is open, and is frozen here when it is released."""


def lowest_version(events: Sequence[Event]) -> int:
    """The lowest version of the entry that can say these events."""
    for version, checks in enumerate(_CHECKS, 1):
        for event in events:
            check = checks.get(type(event), _always)
            if check is not None and check(event):
                break
        else:
            return version
    return len(VERSIONS) + 1


def beyond(kind: type, table: Table) -> Check | None:
    """How to tell that a value of the struct `kind` says what the version of `table` cannot."""
    return _of_struct(inspect.type_info(kind), table)


def _of(shape: inspect.Type, words: str, table: Table) -> Check | None:
    """The check of a field; `words` are those that may stand in it."""
    match shape:
        case inspect.StructType():
            return _of_struct(shape, table)
        case inspect.LiteralType(values):
            known = frozenset(words.split("|"))
            return None if known.issuperset(values) else lambda value: value not in known
        case inspect.VarTupleType(item):
            return _in_each(_of(item, words, table))
        case inspect.UnionType(types) if len(types) == 2 and shape.includes_none:
            return _if_any(next(_of(each, words, table) for each in types if not isinstance(each, inspect.NoneType)))
        case inspect.UnionType(types) | inspect.TupleType(types):
            return _always if any(_of(each, words, table) for each in types) else None
        case _:
            return None


def _of_struct(shape: inspect.Type, table: Table) -> Check | None:
    """Fields that the table knows are looked into; of those after them, only the default says nothing.

    A reader of a part that forbids unknown fields refuses even that.
    """
    if not isinstance(shape, inspect.StructType):
        raise InvariantViolated(f"{shape} is no struct")
    known = table.get(str(shape.tag or shape.cls.__name__))
    if known is None or (shape.forbid_unknown_fields and len(shape.fields) > len(known.split())):
        return _always
    names = dict(name.partition("=")[::2] for name in known.split())
    checks = []
    for field in shape.fields:
        check = _of(field.type, names[field.name], table) if field.name in names else _differs_from(field.default)
        if check is not None:
            checks.append((field.name, check))
    return _if_a_field(checks)


def _if_a_field(checks: Sequence[tuple[str, Check]]) -> Check | None:
    if not checks:
        return None

    def says_more(value: Any) -> bool:
        for name, check in checks:  # noqa: SIM110 - it runs for every event that is recorded; a generator costs more
            if check(getattr(value, name)):
                return True
        return False

    return says_more


def _if_any(check: Check | None) -> Check | None:
    return None if check is None else lambda value: value is not None and check(value)


def _in_each(check: Check | None) -> Check | None:
    return None if check is None else lambda value: any(check(each) for each in value)


def _differs_from(default: Any) -> Check:
    return lambda value: value != default


def _always(_value: Any) -> bool:
    return True


_CHECKS: Final = tuple({kind: beyond(kind, table) for kind in get_args(Event)} for table in VERSIONS)
