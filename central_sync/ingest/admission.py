"""Who the machines are that say hello, where machines have to be enrolled (docs/protocol.md, "Admission")."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from msgspec import Struct, field

from central_sync.store import enrolments
from central_sync.store.database import Connection
from edge_core.sync.admission import rank
from edge_core.sync.messages import Hello


class Standing(Struct, frozen=True):
    """The ranks of a batch's machines; nothing where every machine is admitted.

    `enrolled` are the numbers of each node's incarnations; `strangers` the nodes whose hello stands on none of them.
    """

    enrolled: Mapping[str, Mapping[UUID, int]] = field(default_factory=dict)
    strangers: frozenset[str] = frozenset()

    def outranks(self, current: UUID | None, hello: Hello) -> bool:
        """Whether the incarnation that is the node was enrolled after the machine that says hello."""
        numbers = self.enrolled.get(hello.node_id, {})
        own = rank(hello, numbers)
        return current is not None and own is not None and numbers.get(current, 0) > own

    def heirs(self, hellos: Iterable[Hello]) -> list[tuple[str, UUID, int]]:
        """Incarnations that go on from an enrolled one, with its number."""
        found = []
        for hello in hellos:
            numbers = self.enrolled.get(hello.node_id, {})
            own = rank(hello, numbers)
            if own is not None and hello.incarnation not in numbers:
                found.append((hello.node_id, hello.incarnation, own))
        return found


async def standing(connection: Connection, hellos: Sequence[Hello]) -> Standing:
    """Look the machines up."""
    numbers: defaultdict[str, dict[UUID, int]] = defaultdict(dict)
    for row in await enrolments.of_nodes(connection, [hello.node_id for hello in hellos]):
        numbers[row.node_id][row.incarnation] = row.number
    strangers = frozenset(hello.node_id for hello in hellos if rank(hello, numbers[hello.node_id]) is None)
    return Standing(dict(numbers), strangers)
