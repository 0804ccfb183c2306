"""What was promised to whom, kept outside of the machines: the measure of all that is demanded.

A decision is known by its content, which is its entry without its place in the log: it may move to another stream and
is still the same. What was answered, or was seen on any disk when a fault struck, is owed, unless that fault took the
last copy of it.
"""

import sqlite3
from hashlib import blake2b
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from edge_agent.submission import Answer, Ask, Request
from edge_core.limits import STREAM_SEQ_BITS
from edge_core.orders.document import TillOrder
from edge_core.orders.events import OrderPlaced, StockMoved, name_of
from edge_core.orders.requests import ExchangeRequest
from edge_core.sync.entry import Entry, decode_entry, encode_entry
from tests.simulation.machine import Heard, Machine
from tests.simulation.tables import Tables

_ANOTHER_BODY = 422
_CONTENTS: dict[bytes, "Decision"] = {}


class Decision(Struct, frozen=True):
    """An entry without its place: what it is known by, and what it is in words."""

    content: bytes
    entry: Entry
    words: str


class Broken(AssertionError):  # noqa: N818 - a promise is
    """A promise that was not kept."""

    def __init__(self, promise: str, what: str) -> None:
        super().__init__(f"{promise}: {what}")
        self.promise = promise


def decision_of(body: bytes) -> Decision:
    """The decision in an entry's bytes."""
    found = _CONTENTS.get(body)
    if found is None:
        if len(_CONTENTS) > 5_000:
            _CONTENTS.clear()
        entry = replace(decode_entry(body), seq=0)
        content = blake2b(encode_entry(entry), digest_size=16).digest()
        found = _CONTENTS[body] = Decision(content, entry, _words(entry))
    return found


def on_disk(machine: Machine, where: str = "TRUE", *parameters: object) -> list[tuple[bytes, str, int, bytes]]:
    """The entries of a machine's file, as another process would read them: incarnation, lane, seq, body."""
    if not machine.path.exists():
        return []
    try:
        return machine.look(_LOG.format(where), *parameters)
    except sqlite3.OperationalError:  # a file that was only just begun
        return []


_LOG = f"""
    SELECT incarnation, lane, entry_id & {(1 << STREAM_SEQ_BITS) - 1}, body
    FROM stream JOIN entry ON entry_id BETWEEN stream_no << {STREAM_SEQ_BITS} AND (stream_no + 1) << {STREAM_SEQ_BITS}
    WHERE {{}} ORDER BY entry_id
"""
_ONE = f"incarnation = ? AND lane = ? AND entry_id = stream_no << {STREAM_SEQ_BITS} | ?"


class Promises:
    """What is owed, and every answer that was given."""

    def __init__(self) -> None:
        self.owed: dict[bytes, tuple[str, Decision]] = {}
        self.lost = 0
        self.lost_orders: set[UUID] = set()  # of which the placing is lost: what followed it may be at the centre
        self._numbers: dict[str, str] = {}
        self._orders_of_key: dict[tuple[str, str], set[str]] = {}
        self.answers = 0

    # --- answers -----------------------------------------------------------------------------------------------------

    def hear(self, machine: Machine, key: str, request: Request, answer: Answer) -> None:
        """A till heard an answer. Raises `Broken` where it should not have been given."""
        if answer.status >= 500:
            return
        self.answers += 1
        before = machine.heard.get(key)
        if before is not None:
            _check_replay(key, before, request, answer)
            return
        if answer.status == _ANOTHER_BODY:
            return  # said of a body that the key was not first used with: no answer to the key, which keeps its own
        machine.heard[key] = Heard(request, answer)
        if answer.status < 300 and not answer.is_replay:
            self._owe_answered(machine, key, request, answer)

    def _owe_answered(self, machine: Machine, key: str, request: Request, answer: Answer) -> None:
        receipt = msgspec.json.decode(answer.body)
        origin = receipt["origin"]
        place = UUID(origin["incarnation"]).bytes, origin["lane"], origin["seq"]
        found = on_disk(machine, _ONE, *place)
        if not found:
            raise Broken("G1", f"{machine.name} answered {answer.status} for {key} before its entry was in the file")
        self.owe(machine.node_id, decision_of(found[0][-1]))
        is_exchange = isinstance(request, Ask) and isinstance(request.request, ExchangeRequest)
        if is_exchange:  # the return is the entry before
            before = on_disk(machine, _ONE, *place[:2], origin["seq"] - 1)
            self.owe(machine.node_id, decision_of(before[0][-1]))
        if is_exchange or isinstance(request, TillOrder):
            self._check_number(receipt)
            self._check_key(machine, key, receipt["order_id"])

    def _check_number(self, receipt: dict[str, Any]) -> None:
        number, order_id = receipt["display_number"], receipt["order_id"]
        if self._numbers.setdefault(number, order_id) != order_id:
            raise Broken("G6", f"display number {number} was given to {self._numbers[number]} and to {order_id}")

    def _check_key(self, machine: Machine, key: str, order_id: str) -> None:
        """A second order for one key is right only where the file did not know the first."""
        known = self._orders_of_key.setdefault((machine.node_id, key), set())
        if known - {order_id}:
            here = {str(decision_of(body).entry.order_id) for *_, body in on_disk(machine)}
            twice = sorted((known - {order_id}) & here)
            if twice:
                raise Broken("G4", f"{machine.name} took {order_id} for {key}, for which it holds {twice[0]} already")
        known.add(order_id)

    def forget_keys(self, node_id: str) -> None:
        """A node's keys are older than their retention: the same key may begin another order."""
        self._orders_of_key = {key: known for key, known in self._orders_of_key.items() if key[0] != node_id}

    # --- what is owed ------------------------------------------------------------------------------------------------

    def owe(self, node_id: str, decision: Decision) -> None:
        """Somebody was told, or somebody holds it: it must not be lost."""
        self.owed[decision.content] = (node_id, decision)

    def owe_held(self, machines: list[Machine], tables: Tables) -> None:
        """Everything that anyone holds at this moment is owed."""
        for node_id, decision in held(machines, tables):
            self.owe(node_id, decision)

    def forgive(self, before: dict[bytes, Decision], machines: list[Machine], tables: Tables) -> None:
        """A copy is gone that held `before`: what nobody else holds is lost, and nobody can be blamed."""
        surviving = {decision.content for _, decision in held(machines, tables)}
        for content in sorted(before.keys() - surviving):
            self._forgive_one(content)

    def forgive_let_go(self, node_id: str, entries: int, machines: list[Machine], tables: Tables) -> None:
        """A file is gone that alone knew of so many entries which it had let go of, and which the centre has lost.

        More than that nobody holds only where something is wrong: then all of it stays owed.
        """
        surviving = {decision.content for _, decision in held(machines, tables)}
        nowhere = [content for content, (node, _) in self.owed.items() if node == node_id and content not in surviving]
        if len(nowhere) <= entries:
            for content in nowhere:
                self._forgive_one(content)

    def _forgive_one(self, content: bytes) -> None:
        _, decision = self.owed.pop(content, ("", None))
        if decision is not None:
            self.lost += 1
            if isinstance(decision.entry.events[0], OrderPlaced):
                self.lost_orders.add(decision.entry.events[0].order.order_id)


def held(machines: list[Machine], tables: Tables) -> list[tuple[str, Decision]]:
    """Every decision that any machine or the centre holds, with its node."""
    found = [(machine.node_id, decision_of(body)) for machine in machines for _, _, _, body in on_disk(machine)]
    return found + [
        (key.node_id, decision_of(entry.body)) for key, entries in tables.entries.items() for entry in entries
    ]


def _check_replay(key: str, before: Heard, request: Request, answer: Answer) -> None:
    if request != before.request:
        if answer.status != _ANOTHER_BODY:
            raise Broken("G4", f"{key} with another body was answered {answer.status}")
    elif (answer.status, answer.body, answer.location) != (
        before.answer.status,
        before.answer.body,
        before.answer.location,
    ):
        was, now = before.answer, answer
        raise Broken("G4", f"{key} was answered {was.status} {was.body!r} before, {now.status} {now.body!r} now")


def _words(entry: Entry) -> str:
    first = entry.events[0]
    match first:
        case OrderPlaced():
            return f"order {entry.order_id} for {first.order.idempotency_key}"
        case StockMoved():
            return f"{first.cause} {first.movement_id}"
        case _:
            return f"{name_of(first)} of order {entry.order_id}"
