"""Who the machines are that say hello, where machines have to be enrolled (docs/protocol.md, "Admission")."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from msgspec import Struct, field

from central_sync.store import enrolments
from central_sync.store.database import Connection
from edge_core.sync.admission import Admit, rank
from edge_core.sync.messages import Hello


class Standing(Struct, frozen=True):
    """The ranks of a batch's machines; nothing where every machine is admitted.

    `enrolled` are the numbers of each node's incarnations; `strangers` the nodes whose hello stands on none of them.
    """

    enrolled: Mapping[str, Mapping[UUID, int]] = field(default_factory=dict)
    strangers: frozenset[str] = frozenset()

    @property
    def is_ranked(self) -> bool:
        """Whether machines have to be enrolled."""
        return bool(self.enrolled)

    def number(self, node_id: str, incarnation: UUID) -> int:
        """The enrolment on which a life stands; 0 where there is none."""
        return self.enrolled.get(node_id, {}).get(incarnation, 0)

    def number_of(self, hello: Hello) -> int:
        """The newest enrolment on which the machine that says hello stands; 0 where there is none."""
        return rank(hello, self.enrolled.get(hello.node_id, {})) or 0

    def heirs(self, hellos: Iterable[Hello]) -> list[tuple[str, UUID, int]]:
        """Incarnations that go on from an enrolled one, with its number."""
        found = []
        for hello in hellos:
            numbers = self.enrolled.get(hello.node_id, {})
            own = rank(hello, numbers)
            if own is not None and hello.incarnation not in numbers:
                found.append((hello.node_id, hello.incarnation, own))
        return found


async def numbers_of(connection: Connection, node_ids: Sequence[str]) -> dict[str, Mapping[UUID, int]]:
    """The enrolments of some nodes' incarnations; nothing for a node that has none."""
    numbers: defaultdict[str, dict[UUID, int]] = defaultdict(dict)
    for row in await enrolments.of_nodes(connection, node_ids):
        numbers[row.node_id][row.incarnation] = row.number
    return dict(numbers)


async def standing(connection: Connection, hellos: Sequence[Hello], admit: Admit) -> Standing:
    """Look the machines up, where that matters."""
    if admit == "any":
        return Standing()
    numbers = await numbers_of(connection, [hello.node_id for hello in hellos])
    strangers = frozenset(hello.node_id for hello in hellos if rank(hello, numbers.get(hello.node_id, {})) is None)
    return Standing(numbers, strangers)
