"""Every number that a client may write has bounds, both inside 64 bits: beyond them nothing can be stored or hashed."""

from collections.abc import Iterator
from typing import get_args

import pytest
from msgspec import Struct, inspect

from edge_core.orders.commands import StockMovement
from edge_core.orders.document import TillOrder
from edge_core.orders.requests import REQUESTS, OrderRequest, UnreceiptedReturn

BODIES: set[type[Struct]] = {*get_args(OrderRequest), *REQUESTS.values(), TillOrder, StockMovement, UnreceiptedReturn}


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
        case inspect.VarTupleType(item):
            yield from numbers(item, path)
        case _:
            return


@pytest.mark.parametrize("body", sorted(BODIES, key=repr))
def test_every_number_of_a_request_has_bounds(body: type[Struct]) -> None:
    found = dict(numbers(inspect.type_info(body), ""))
    assert found
    for path, shape in found.items():
        least = shape.gt if shape.ge is None else shape.ge
        assert least is not None, path
        assert least >= -(2**63), path
        assert shape.le is not None, path
        assert shape.le < 2**63, path
