"""What assignment does with rights: what the centre may promise, promising it, getting it back (docs/assignment.md).

Where a node shares a SKU with the centre, the centre assigns of it what it holds rights for and no more; where it does
not, by the last that is known of the node's stock. The node decides in either case.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

from msgspec.structs import replace

from central_sync import rights
from central_sync.instructions import issue
from central_sync.store import parties
from central_sync.store.database import Connection
from central_sync.store.rights import RightsKey
from edge_core.assignment.choosing import Candidate, Goods
from edge_core.assignment.state import Attempt
from edge_core.errors import Rejected
from edge_core.stock.requests import GrantRights
from edge_core.stock.rights_book import Spent

Spendable = Mapping[RightsKey, int]
"""By node and SKU, for those that are shared with the centre: what it may promise, in thousandths."""


async def spendable(connection: Connection, demand: Mapping[Goods, int]) -> Spendable:
    """What the centre may promise of what an order wants, at each node that shares it."""
    skus = sorted({sku for sku, _ in demand})
    books = await parties.books_of_centre(connection, skus)
    return rights.spendable_milli(books, await rights.centre_life(connection)) if books else {}


def within_rights(candidates: Sequence[Candidate], held: Spendable) -> list[Candidate]:
    """The candidates with what may be promised there: by rights where there are any, else what is free in the view."""
    return [
        replace(
            each,
            free_milli={
                (sku, unit): held.get(RightsKey(each.node_id, sku), free)
                for (sku, unit), free in each.free_milli.items()
            },
        )
        for each in candidates
    ]


async def spend(
    connection: Connection, node_id: str, demand: Mapping[Goods, int], held: Spendable
) -> tuple[Spent, ...] | Rejected:
    """Promise what a node shares of an order's goods, all or nothing. The caller tells the node, with the order."""
    quantities: dict[str, int] = {}
    for (sku, _), quantity_milli in demand.items():
        if RightsKey(node_id, sku) in held:
            quantities[sku] = quantities.get(sku, 0) + quantity_milli
    if not quantities:
        return ()
    refused = await rights.spend(connection, node_id, quantities)
    if refused is not None:
        return refused
    life = await rights.centre_life(connection)
    return tuple(Spent(sku, quantities[sku], life) for sku in sorted(quantities))


async def release(connection: Connection, attempt: Attempt, *, was_taken: bool, now_ms: int) -> None:
    """An attempt came to nothing: get back what was promised for it.

    A node that never took the order has the goods set aside still: the right is the centre's again. One that took it
    and gave it back has freed them, and is asked for the rights anew; it grants them if the goods are still there.
    """
    life = await rights.centre_life(connection)
    own = [spent for spent in attempt.spent if spent.holder == life]
    if not was_taken and own:
        await rights.give_back(connection, attempt.node_id, {spent.sku: spent.quantity_milli for spent in own})
    for spent in attempt.spent if was_taken else ():
        task = GrantRights(spent.sku, spent.quantity_milli, life)
        key = _again_key(attempt.assignment_id, spent.sku)
        await issue(connection, attempt.node_id, task, subject=None, key=key, now_ms=now_ms)


def _again_key(assignment_id: UUID, sku: str) -> str:
    return f"rights.again/{assignment_id}/{sku}"
