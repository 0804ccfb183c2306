"""Every number that a client may write has bounds, both inside 64 bits: beyond them nothing can be stored or hashed."""

from collections.abc import Iterator
from typing import get_args

import pytest
from msgspec import Struct, inspect

from central_sync.api import contract as centre
from edge_agent.api import contract as agent
from edge_core.orders.requests import OrderRequest
from edge_core.reference.datasets import KINDS
from holdfast_runtime.openapi import Operation

OPERATIONS: tuple[Operation, ...] = (*agent.OPERATIONS, *centre.OPERATIONS)
POSTED = {body for each in OPERATIONS for body in (each.body, each.batch_of) if body is not None}
PUBLISHED = {kind.document for kind in KINDS.values()}
BODIES: set[type[Struct]] = {*POSTED, *PUBLISHED, *get_args(OrderRequest)}
WITHOUT_NUMBERS = {
    *("AssignRequest", "BatchOrder", "CloseRequest", "DiscardRequest", "EnrolmentRequest", "GroupRequest"),
    *(
        "ReleaseRequest",
        "ReplayRequest",
        "SettleAsked",
        "PolicyDraft",
        "RollBackRequest",
        "ArrangeRequest",
        "SignalAsked",
    ),
    *("SayRequest", "TellRequest", "AcceptRequest"),
}


def numbers(shape: inspect.Type, path: str) -> Iterator[tuple[str, inspect.IntType]]:
    """Every integer in a body, with its place."""
    match shape:
        case inspect.IntType():
            yield path, shape
        case inspect.StructType(fields=fields):
            for field in fields:
                yield from numbers(field.type, f"{path}/{field.name}")
        case inspect.UnionType(types):
            for each in types:
                yield from numbers(each, path)
        case inspect.Metadata(type=inner):
            yield from numbers(inner, path)
        case inspect.VarTupleType(item):
            yield from numbers(item, path)
        case _:
            return


def test_the_bodies_looked_at_are_all_that_the_apis_take() -> None:
    named = {body.__name__ for body in BODIES}
    assert {"TillOrder", "StockMovement", "StockCount", "ReservationRequest", "QuotaRequest", "GrantRights"} <= named
    assert {"CloseRequest", "RightsAsked", "CancelRequest", "Price", "Promotion", "Rules"} <= named


@pytest.mark.parametrize("body", sorted(BODIES, key=repr), ids=lambda body: body.__name__)
def test_every_number_of_a_request_has_bounds(body: type[Struct]) -> None:
    found = dict(numbers(inspect.type_info(body), ""))
    assert bool(found) == (body.__name__ not in WITHOUT_NUMBERS), found
    for path, shape in found.items():
        least = shape.gt if shape.ge is None else shape.ge
        assert least is not None, path
        assert least >= -(2**63), path
        assert shape.le is not None, path
        assert shape.le < 2**63, path
