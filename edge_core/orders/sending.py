"""Goods that are to be sent from a location: what routing is asked about them, and what follows from its answer.

The store asks about itself alone: which service, when it arrives, what it costs, one parcel or several. What nothing
can carry is promised to the order all the same, and waits for people (docs/routing.md, "In the decision").
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC

from msgspec import Struct
from msgspec.structs import replace

from edge_core.checks.judge import hold_of
from edge_core.checks.question import Doubt, doubt
from edge_core.limits import TEXT_CHARS_MAX
from edge_core.orders.document import Address, Extra, GroupLine, Order
from edge_core.orders.events import Event, FulfillmentRouted, OrderHeld, StockReserved
from edge_core.orders.judgment import Finding
from edge_core.orders.routing_events import Avoided, RoutedGroup, RoutingDecided
from edge_core.reference.documents import Rules
from edge_core.routing.deciding import Allocation as Parcel
from edge_core.routing.deciding import Decision, route
from edge_core.routing.question import Question
from edge_core.routing.record import fitted, record_of
from edge_core.routing.refusal_words import refusal_words
from edge_core.routing.voice import Voice
from edge_core.routing.weighing import Candidate
from edge_core.stock.ledger import Allocation, Position

RULE = "routing"
"""What findings of routing go by."""


class Sending(Struct, frozen=True):
    """Lines of an order that are to be sent from `location_id` to `ship_to`. Quantities are thousandths, `now_ms` Unix.

    `attempts` have failed before; `avoided` are the services and places that are left alone because of that.
    `extras` are what the carrier is to do besides. `added_milli` is to be picked since the backlog was counted.
    """

    order: Order
    lines: tuple[GroupLine, ...]
    ship_to: Address | None
    location_id: str
    now_ms: int
    stock: Mapping[str, Sequence[Position]]
    attempts: int = 0
    avoided: tuple[Avoided, ...] = ()
    extras: tuple[Extra, ...] = ()
    added_milli: int = 0


Router = Callable[[Sending], Question | None]
"""Makes the question of what is to be sent; None where nothing is known of the carriers that call here."""


class Part(Struct, frozen=True):
    """Lines that go together. Without a service a person decides how, and perhaps whether, they go."""

    lines: tuple[GroupLine, ...]
    service_id: str | None = None
    arrives_at_ms: int | None = None


class Sent(Struct, frozen=True):
    """What routing has decided about what is to be sent, and why a person has to look, if so."""

    question: Question
    decision: Decision
    parts: tuple[Part, ...]

    @property
    def window_ms(self) -> tuple[int, int] | None:
        """When the first and the last of it arrive; None where that is not known of all of it."""
        known = [part.arrives_at_ms for part in self.parts if part.arrives_at_ms is not None]
        return (min(known), max(known)) if len(known) == len(self.parts) else None

    def events(self, group_ids: Sequence[str], location_id: str, goods: Sequence[Allocation]) -> Iterator[Event]:
        """Each part as a group with its share of the goods, then the record of the decision."""
        for group_id, part in zip(group_ids, self.parts, strict=True):
            lines = {line.line_id for line in part.lines}
            yield FulfillmentRouted(group_id, "fulfil_here" if part.service_id else "manual", location_id)
            yield StockReserved(group_id, tuple(each for each in goods if each.line_id in lines))
        yield self.decided(group_ids)

    def decided(self, group_ids: Sequence[str]) -> RoutingDecided:
        """The record of the decision."""
        record = record_of(self.question, self.decision)
        groups = tuple(
            RoutedGroup(group_id, part.service_id, part.arrives_at_ms, self.question.prices.sorts_first)
            for group_id, part in zip(group_ids, self.parts, strict=True)
        )
        return RoutingDecided(
            groups, self.decision.policy, record.version, record.hash, record.question, record.decision
        )

    def hold(self, rules: Rules, *, hold_id: str, now_ms: int) -> tuple[OrderHeld, ...]:
        """The hold of what a person has to decide about; none where everything has its service."""
        doubts = [_doubt(self, part) for part in self.parts if part.service_id is None]
        return (hold_of(rules, doubts, hold_id=hold_id, now_ms=now_ms),) if doubts else ()


def send(router: Router | None, sending: Sending) -> Sent | None:
    """Ask routing. None where there is nothing to ask: then goods go as they always did, by whom people choose."""
    asked = None if router is None else router(sending)
    question = None if asked is None else fitted(_without_avoided(asked, sending))
    if question is None:
        return None
    decision = route(question)
    return Sent(question, decision, _parts(sending, decision))


def _parts(sending: Sending, decision: Decision) -> tuple[Part, ...]:
    """A part for each parcel from here, and one for all else."""
    lines = {line.line_id: line for line in sending.lines}
    parts = []
    for parcel in decision.allocations:
        if _goes(parcel):
            own = tuple(lines.pop(line_id) for line_id in parcel.line_ids)
            parts.append(Part(own, parcel.service_id, parcel.arrives_at_ms))
    return (*parts, Part(tuple(lines.values()))) if lines else tuple(parts)


def _goes(parcel: Parcel) -> bool:
    return parcel.decision == "fulfil_here"


def _without_avoided(question: Question, sending: Sending) -> Question:
    """What failed a moment ago is left alone: a place is excluded, a service does not run."""
    standing = [each for each in sending.avoided if sending.now_ms < each.until_ms]
    if not standing:
        return question
    excluded = {each.location_id for each in standing if each.service_id is None}
    stopped = {(each.location_id, each.service_id) for each in standing}
    places = tuple(
        replace(
            place,
            services=tuple(
                replace(each, is_running=each.is_running and (place.location_id, each.service_id) not in stopped)
                for each in place.services
            ),
        )
        for place in question.places
    )
    return replace(question, places=places, excluded=tuple(sorted(excluded.union(question.excluded))))


def _doubt(sent: Sent, part: Part) -> Doubt:
    """What a person hears: which lines, and what keeps them here."""
    named = ", ".join(line.line_id for line in part.lines)
    refused = next((each for each in sent.decision.candidates if each.refusal is not None), None)
    finding = Finding(RULE, f"nothing sends line {named}: {_why(sent, refused)}"[:TEXT_CHARS_MAX])
    if refused is not None and refused.refusal is not None and refused.refusal.constraint == "regional_policy":
        return doubt(finding, "back_office", "refuse", "a law or the policy keeps the goods from that place")
    return doubt(finding, "store", "approve", "the goods are here: send them by another carrier, or call them off")


def _why(sent: Sent, refused: Candidate | None) -> str:
    """In the words of an explanation, by UTC."""
    voice = Voice("en", sent.question.currency, UTC)
    if sent.decision.refusal is not None:
        return voice.say(f"manual.{sent.decision.refusal}")
    if refused is None or refused.refusal is None:
        return "not in so few parcels"
    return refusal_words(sent.question, refused.location_id, refused.refusal, voice)
