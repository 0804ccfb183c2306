"""Five stores that share the rights to one SKU of the first of them, over a network that does whatever it wants.

The real rules (`edge_core.stock.rights`) at each machine, and beside them the truth: every piece that came, and every
promise that a customer was ever given, also those that a machine has forgotten since. A machine can be put back to any
older copy of its file, and copied while it runs on. Messages are lost, doubled and late; stores are cut off.
"""

from collections import Counter
from typing import Final

from msgspec.structs import replace

from edge_core import ids
from edge_core.errors import Rejected
from edge_core.stock import rights as rules
from edge_core.stock import shares
from edge_core.stock.rights import Life, Rights, Row
from edge_core.stock.shares import Holding

NODES: Final = tuple(f"store-{number:04d}" for number in range(1, 6))
OWNER: Final = NODES[0]
MACHINES_MAX: Final = 8  # five, and a few copies of them
MESSAGES_MAX: Final = 24  # older ones are lost
_START_MS: Final = 1_795_000_000_000


class Broken(AssertionError):  # noqa: N818 - what it says of a promise
    """A promise of the product does not hold."""


class Machine:
    """A server: who it is, what its file says, the copies of the file, and which others it can reach."""

    def __init__(self, life: Life) -> None:
        self.life = life
        self.rights = rules.begin(Rights(OWNER, "milk"), life)
        self.copies: list[tuple[Life, Rights]] = []
        self.side = 0
        self.looked_at: Rights | None = None  # what was found right already


class RightsModel:
    """Stores, messages and the truth. Steps take any numbers; those that make no sense do nothing."""

    def __init__(self) -> None:
        self._lives = 0
        self.machines = [Machine(self._new_life(node)) for node in NODES]
        self.messages: list[tuple[int, Rights]] = []
        self.minted_milli = 0
        self.promised_milli = 0
        self.record = Rights(OWNER, "milk")  # all that any life ever did
        self.happened: Counter[str] = Counter()  # how much of what there was, so that a quiet run is noticed

    # --- what stores do ----------------------------------------------------------------------------------------------

    def receive(self, quantity: int) -> None:
        """Goods come to the owner's shelf, and are counted."""
        for machine in self.machines:
            if machine.life.node_id == OWNER:
                if self._try(machine, rules.mint(machine.rights, machine.life, quantity)):
                    self.minted_milli += quantity
                return

    def promise(self, at: int, quantity: int) -> None:
        """A customer is promised goods, if the machine's rights allow it."""
        machine = self._machine(at)
        if self._try(machine, rules.use(machine.rights, machine.life, quantity)):
            self.promised_milli += quantity
            self.happened["promises"] += 1

    def take_back(self, at: int, quantity: int) -> None:
        """A customer calls an order off, where it was placed and is remembered."""
        machine = self._machine(at)
        row = rules.row_of(machine.rights, machine.life)
        quantity = min(quantity, row.used_milli - row.returned_milli)
        if quantity > 0 and self._try(machine, rules.give_back(machine.rights, machine.life, quantity)):
            self.promised_milli -= quantity

    def move(self, at: int, to: int, quantity: int) -> None:
        """A machine gives some of its rights to a life that it has heard of."""
        machine = self._machine(at)
        known = [row.life for row in machine.rights.rows if row.life != machine.life]
        if known and self._try(machine, rules.move(machine.rights, machine.life, known[to % len(known)], quantity)):
            self.happened["moves"] += 1

    def rebalance(self, at: int, rates: int) -> None:
        """A machine gives of its own what a plan of its own figures, however old, says: three bits of `rates` each."""
        machine = self._machine(at)
        living = [life for life in rules.lives(machine.rights) if not rules.row_of(machine.rights, life).is_void]
        holdings = [
            Holding(str(index), rules.held_milli(machine.rights, life), rates >> 3 * index & 7)
            for index, life in enumerate(living)
        ]
        for transfer in shares.rebalance(holdings, minimum_milli=1):
            giver, taker = living[int(transfer.giver)], living[int(transfer.taker)]
            if giver == machine.life:
                moved = self._try(machine, rules.move(machine.rights, giver, taker, transfer.quantity_milli))
                self.happened["rebalances"] += moved

    def retire(self, at: int, to: int) -> None:
        """A machine is replaced in good order: it moves all that it holds, then its successor begins without rights."""
        machine = self._machine(at)
        self.move(at, to, max(1, rules.held_milli(machine.rights, machine.life)))
        self._begin_anew(machine)

    # --- the network -------------------------------------------------------------------------------------------------

    def send(self, at: int, *, is_whole: bool) -> None:
        """A machine says all that it knows, or only what it did itself."""
        machine = self._machine(at)
        own = replace(machine.rights, rows=(rules.row_of(machine.rights, machine.life),))
        self.messages.append((machine.side, machine.rights if is_whole else own))
        del self.messages[:-MESSAGES_MAX]

    def tell(self, at: int) -> None:
        """A machine is heard by all that it reaches."""
        said, side = self._machine(at).rights, self._machine(at).side
        for machine in self.machines:
            if machine.side == side:
                self._take(machine, said)

    def hear(self, at: int, which: int, *, stays: bool) -> None:
        """A message arrives at a machine on its side of the cut; one that stays will arrive again."""
        machine = self._machine(at)
        if self.messages:
            index = which % len(self.messages)
            side, said = self.messages[index]
            if side == machine.side:
                self._take(machine, said)
                if not stays:
                    del self.messages[index]

    def cut(self, sides: int) -> None:
        """The network falls into two parts; messages stay on the side where they were sent."""
        self.happened["cuts"] += 1
        for index, machine in enumerate(self.machines):
            machine.side = sides >> index & 1

    # --- what goes wrong ---------------------------------------------------------------------------------------------

    def keep(self, at: int) -> None:
        """A file is copied."""
        machine = self._machine(at)
        machine.copies.append((machine.life, machine.rights))

    def restore(self, at: int, which: int) -> None:
        """A file is put back to a copy."""
        machine = self._machine(at)
        if machine.copies:
            machine.life, machine.rights = machine.copies[which % len(machine.copies)]
            self._begin_anew(machine)
            self.happened["restores"] += 1

    def clone(self, at: int, which: int) -> None:
        """A copy is started on another machine while the first one runs on."""
        machine = self._machine(at)
        if machine.copies and len(self.machines) < MACHINES_MAX:
            copy = Machine(machine.life)
            copy.life, copy.rights = machine.copies[which % len(machine.copies)]
            copy.side = machine.side
            self._begin_anew(copy)
            self.machines.append(copy)
            self.happened["clones"] += 1

    def settle(self, at: int, to: int) -> None:
        """The first machine gives away what void lives left, where it knows all that they did."""
        arbiter = self.machines[0]
        void = [row for row in arbiter.rights.rows if row.is_void and rules.balance_milli(arbiter.rights, row.life) > 0]
        heirs = [row.life for row in arbiter.rights.rows if not row.is_void]
        if void and heirs:
            row = void[at % len(void)]
            if self._is_whole_record(arbiter, row):
                self._try(arbiter, rules.settle(arbiter.rights, row.life, heirs[to % len(heirs)]))
                self.happened["settlements"] += 1

    # --- what must hold ----------------------------------------------------------------------------------------------

    def demand(self) -> None:
        """After each step: nothing was promised that never came, and nobody holds less than nothing."""
        if self.promised_milli > self.minted_milli:
            raise Broken(f"oversold: {self.promised_milli} promised of {self.minted_milli}")
        for machine in self.machines:
            if machine.rights is not machine.looked_at:
                balance = rules.balance_milli(machine.rights, machine.life)
                if balance < 0:
                    raise Broken(f"{machine.life.node_id} holds {balance}")
                self._demand_conservation(machine.rights)
                machine.looked_at = machine.rights

    def heal(self) -> None:
        """At the end everybody hears everything: all are equal, and every right is somewhere."""
        for _ in range(2):
            for machine in self.machines:
                for other in self.machines:
                    self._take(machine, other.rights)
        first = self.machines[0].rights
        if any(machine.rights != first for machine in self.machines):
            raise Broken("replicas differ")
        self.demand()
        if rules.uncovered_milli(first):
            raise Broken("a void life had promised more than it was settled with")
        spendable = sum(rules.held_milli(first, machine.life) for machine in self.machines)
        if self.promised_milli + spendable > self.minted_milli:
            raise Broken(f"{self.promised_milli} promised and {spendable} held of {self.minted_milli}")

    # --- parts -------------------------------------------------------------------------------------------------------

    def _demand_conservation(self, known: Rights) -> None:
        balances = [rules.balance_milli(known, life) for life in rules.lives(known)]
        if sum(balances) != rules.outstanding_milli(known):
            raise Broken("rights came from nowhere or went there")
        held = sum(rules.held_milli(known, life) for life in rules.lives(known))
        if min(balances) >= 0 and held + rules.stranded_milli(known) != sum(balances):
            raise Broken("a right is neither held nor stranded")

    def _machine(self, at: int) -> Machine:
        return self.machines[at % len(self.machines)]

    def _try(self, machine: Machine, outcome: Rights | Rejected) -> bool:
        if isinstance(outcome, Rejected):
            return False
        machine.rights = outcome
        self._write_down(outcome)
        return True

    def _take(self, machine: Machine, said: Rights) -> None:
        machine.rights = rules.begin(rules.merge(machine.rights, said), machine.life)
        self._write_down(machine.rights)

    def _write_down(self, known: Rights) -> None:
        self.record = rules.merge(self.record, known)

    def _begin_anew(self, machine: Machine) -> None:
        machine.life = self._new_life(machine.life.node_id)
        machine.rights = rules.begin(machine.rights, machine.life)

    def _is_whole_record(self, arbiter: Machine, row: Row) -> bool:
        """What the centre knows in earnest when it has closed a stream: all of it is here, and no more will come."""
        runs = any(
            machine.life == row.life and not rules.row_of(machine.rights, row.life).is_void for machine in self.machines
        )
        return not runs and replace(rules.row_of(self.record, row.life), is_void=True) == row

    def _new_life(self, node_id: str) -> Life:
        self._lives += 1
        return Life(node_id, ids.uuid7(_START_MS + self._lives, self._lives))
