"""Reservations: a soft hold that runs out by itself, made hard by an order, consumed when the goods leave.

A state machine without a clock: the time travels in the command (docs/stock.md, "Reservations"). Whether a hold has run
out follows from the two times alone, and not from whether a timer has come round to it: a late checkout is refused
even where nobody has given the goods back yet.
"""

from typing import Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from edge_core.errors import InvariantViolated, Rejected
from edge_core.limits import RESERVATION_TTL_MS_MAX
from edge_core.orders.machines import Machine, Transition
from edge_core.stock import ledger
from edge_core.stock.ledger import Allocation, StockDelta

RESERVATION: Final = Machine(
    "reservation",
    "soft",
    frozenset({"consumed", "released", "expired"}),
    (
        Transition("soft", "extended", "soft"),
        Transition("soft", "hardened", "hard"),
        Transition("soft", "released", "released"),
        Transition("soft", "expired", "expired"),
        Transition("hard", "consumed", "consumed"),
        Transition("hard", "released", "released"),
    ),
)


class Reservation(Struct, frozen=True, array_like=True):
    """Quantities of lots that are kept for somebody. Times are Unix milliseconds."""

    reservation_id: UUID
    allocations: tuple[Allocation, ...]
    held_at_ms: int
    expires_at_ms: int
    status: str = "soft"


class Changed(Struct, frozen=True):
    """The reservation afterwards, and what this changes in the stock."""

    reservation: Reservation
    deltas: tuple[StockDelta, ...] = ()


def hold(reservation_id: UUID, allocations: tuple[Allocation, ...], *, now_ms: int, ttl_ms: int) -> Changed | Rejected:
    """Keep goods for somebody who has not decided yet, for a bounded time."""
    if not 0 < ttl_ms <= RESERVATION_TTL_MS_MAX:
        return Rejected("invalid-parameter", f"a hold lasts 1 to {RESERVATION_TTL_MS_MAX} ms, not {ttl_ms}")
    if not allocations:
        raise InvariantViolated("a reservation of nothing")
    return Changed(Reservation(reservation_id, allocations, now_ms, now_ms + ttl_ms), ledger.reserve(allocations))


def extend(reservation: Reservation, *, now_ms: int, ttl_ms: int) -> Changed | Rejected:
    """Keep a soft hold for `ttl_ms` from now, if that is later, and never beyond a day after it was made."""
    found = _refused(reservation, "extended") or _too_late(reservation, now_ms)
    if found is not None:
        return found
    latest_ms = reservation.held_at_ms + RESERVATION_TTL_MS_MAX
    expires_at_ms = min(max(reservation.expires_at_ms, now_ms + ttl_ms), latest_ms)
    return Changed(replace(reservation, expires_at_ms=expires_at_ms))


def harden(reservation: Reservation, *, now_ms: int) -> Changed | Rejected:
    """An order stands behind it now: it no longer runs out."""
    found = _refused(reservation, "hardened") or _too_late(reservation, now_ms)
    return found or Changed(_next(reservation, "hardened"))


def consume(reservation: Reservation) -> Changed | Rejected:
    """The goods have left the location."""
    found = _refused(reservation, "consumed")
    return found or Changed(_next(reservation, "consumed"), ledger.consume(reservation.allocations))


def release(reservation: Reservation) -> Changed | Rejected:
    """Nobody wants the goods any more; they are free."""
    found = _refused(reservation, "released")
    return found or Changed(_next(reservation, "released"), ledger.release(reservation.allocations))


def expire(reservation: Reservation, *, now_ms: int) -> Changed | None:
    """Give a soft hold's goods back once its time is over; None where there is nothing to do."""
    if not is_due(reservation, now_ms):
        return None
    return Changed(_next(reservation, "expired"), ledger.release(reservation.allocations))


def is_due(reservation: Reservation, now_ms: int) -> bool:
    """Whether a soft hold's time is over. A hard one never runs out."""
    return reservation.status == "soft" and now_ms >= reservation.expires_at_ms


def _next(reservation: Reservation, on: str) -> Reservation:
    return replace(reservation, status=RESERVATION.next_state(reservation.status, on))


def _refused(reservation: Reservation, on: str) -> Rejected | None:
    if RESERVATION.is_legal(reservation.status, on):
        return None
    detail = f"a reservation that is {reservation.status} cannot be {on}"
    allowed = RESERVATION.allowed(reservation.status)
    return Rejected("command-not-allowed", detail, state=reservation.status, allowed=allowed)


def _too_late(reservation: Reservation, now_ms: int) -> Rejected | None:
    if not is_due(reservation, now_ms):
        return None
    late_ms = now_ms - reservation.expires_at_ms
    return Rejected("reservation-expired", f"the hold ran out {late_ms} ms ago", state=reservation.status)
