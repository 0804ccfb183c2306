"""The state machines as tables: what may follow what. Loaded from documents; docs/orders.md is drawn from them.

An illegal pair of state and event is never a silent no-op: `next_state` raises, `allowed` and `commands` say what
would have been legal.
"""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec
from msgspec import Struct

from edge_core.errors import UNREADABLE, InvariantViolated
from edge_core.orders.processes import GROUP_PROCESS, ORDER_PROCESS, PAYMENT_PROCESS, RETURN_PROCESS

ROLES: Final = frozenset({"store", "centre", "timer"})
"""Who may give a command: people of the store at its API, the centre by an instruction, the agent's own clock."""

_HOUR_MS: Final = 3_600_000


class Transition(Struct, frozen=True):
    """From `source`, on an event's name (or `name:variant`), to `target`.

    `command` leads there for one of `roles`, where every guard lets it; `effects` then make the events, the first of
    them the one that the row is about. A row without a command follows from something else.
    """

    source: str
    on: str
    target: str
    command: str | None = None
    guards: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    effects: tuple[str, ...] = ()

    @property
    def event(self) -> str:
        """The name of the event, without its variant."""
        return self.on.partition(":")[0]


class Timeout(Struct, frozen=True, forbid_unknown_fields=True):
    """Who has been in `state` for so long may be given `command`."""

    state: str
    after_hours: int
    command: str

    @property
    def after_ms(self) -> int:
        """The same in milliseconds."""
        return self.after_hours * _HOUR_MS


class Machine(Struct, frozen=True, dict=True):
    """A named table with its first and last states."""

    name: str
    initial: str
    finals: frozenset[str]
    transitions: tuple[Transition, ...]
    timeouts: tuple[Timeout, ...] = ()
    version: int = 1

    def __post_init__(self) -> None:
        table = {(row.source, row.on): row.target for row in self.transitions}
        if len(table) != len(self.transitions):
            raise InvariantViolated(f"the {self.name} table has two rows for one pair")
        commanded = [row for row in self.transitions if row.command is not None]
        by_command = {(row.source, row.command): row for row in commanded}
        if len(by_command) != len(commanded):
            raise InvariantViolated(f"the {self.name} table has two rows for one command in one state")
        self.__dict__["table"] = table
        self.__dict__["by_command"] = by_command
        self.__dict__["allowed_in"] = _by_source((row.source, row.on) for row in self.transitions)
        self.__dict__["commands_in"] = _by_source((row.source, str(row.command)) for row in commanded)

    def next_state(self, state: str, on: str) -> str:
        """The state that follows. Raises `InvariantViolated` for a pair that the table does not have."""
        target: str | None = self.__dict__["table"].get((state, on))
        if target is None:
            raise InvariantViolated(f"{self.name}: {on} is not legal in {state}; legal: {self.allowed(state)}")
        return target

    def is_legal(self, state: str, on: str) -> bool:
        """Whether the table has the pair."""
        return (state, on) in self.__dict__["table"]

    def allowed(self, state: str) -> tuple[str, ...]:
        """What may happen in a state, in the order of the table."""
        found: tuple[str, ...] = self.__dict__["allowed_in"].get(state, ())
        return found

    def commanded(self, state: str, command: str) -> Transition | None:
        """The row that a command takes in a state, or None where it is not legal."""
        found: Transition | None = self.__dict__["by_command"].get((state, command))
        return found

    def commands(self, state: str) -> tuple[str, ...]:
        """The commands that a state allows, in the order of the table."""
        found: tuple[str, ...] = self.__dict__["commands_in"].get(state, ())
        return found

    def timeout(self, state: str) -> Timeout | None:
        """After how long in a state something may be done about it, if ever."""
        return next((timeout for timeout in self.timeouts if timeout.state == state), None)


def _by_source(pairs: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    """What stands beside each state, in the order of the table."""
    found: dict[str, tuple[str, ...]] = {}
    for source, name in pairs:
        found[source] = (*found.get(source, ()), name)
    return found


class _Row(Struct, frozen=True, forbid_unknown_fields=True, rename={"from_": "from"}):
    """A transition as a document has it: from several states at once; without `to` the state stays."""

    from_: tuple[str, ...]
    on: str
    to: str | None = None
    command: str | None = None
    guards: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    effects: tuple[str, ...] = ()


class _Document(Struct, frozen=True, forbid_unknown_fields=True):
    """A process definition, as it is written."""

    process: str
    version: int
    initial: str
    finals: frozenset[str]
    transitions: tuple[_Row, ...]
    timeouts: tuple[Timeout, ...] = ()


def load(document: str | bytes) -> Machine:
    """The machine of a process document (docs/processes.md). Raises `InvariantViolated` for one that is no process."""
    try:
        read = msgspec.json.decode(document, type=_Document)
    except UNREADABLE as error:
        raise InvariantViolated(f"not a process document: {error}") from error
    rows = tuple(
        Transition(source, row.on, row.to or source, row.command, row.guards, row.roles, row.effects)
        for row in read.transitions
        for source in row.from_
    )
    machine = Machine(read.process, read.initial, read.finals, rows, read.timeouts, read.version)
    wrong = sorted(faults_of(machine))
    if wrong:
        raise InvariantViolated(f"the process {machine.name} is not sound: {'; '.join(wrong)}")
    return machine


def faults_of(machine: Machine) -> Iterator[str]:
    """What is wrong with a table as such: dead ends, states out of reach, and commands that nobody may give."""
    reachable, useful = {machine.initial}, set(machine.finals)
    for _ in machine.transitions:
        reachable |= {row.target for row in machine.transitions if row.source in reachable}
        useful |= {row.source for row in machine.transitions if row.target in useful}
    states = {machine.initial, *machine.finals} | {s for row in machine.transitions for s in (row.source, row.target)}
    yield from (f"{state} cannot be reached" for state in states - reachable)
    yield from (f"from {state} there is no way to an end" for state in states - useful)
    for row in machine.transitions:
        if row.source in machine.finals and row.target not in machine.finals:
            yield f"{row.on} leads out of the end {row.source}"
        if not set(row.roles) <= ROLES or bool(row.roles) != (row.command is not None):
            yield f"{row.on} in {row.source}: a command needs roles out of {', '.join(sorted(ROLES))}"
    for timeout in machine.timeouts:
        row_ = machine.commanded(timeout.state, timeout.command)
        if timeout.after_hours <= 0 or row_ is None or "timer" not in row_.roles:
            yield f"the timeout of {timeout.state} leads to nothing"


ORDER: Final = load(ORDER_PROCESS)
"""Derived from the parts (`edge_core.orders.state.order_status`); a test walks it against every reachable order.

A variant names what else decides: the same event leads elsewhere where the order was approved or has other holds."""

PAYMENT: Final = load(PAYMENT_PROCESS)
GROUP: Final = load(GROUP_PROCESS)
RETURN: Final = load(RETURN_PROCESS)
MACHINES: Final = (ORDER, PAYMENT, GROUP, RETURN)
