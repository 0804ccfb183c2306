"""The contract of the requests about rights to goods."""

from msgspec import Struct

from edge_agent.stock_answers import RightsReceipt, RightsView
from edge_core.shapes import object_shape
from edge_core.stock.requests import GrantRights, MoveRights, ReturnRights, UseRights
from holdfast_runtime.openapi import Operation, Parameter


def rights_operations(
    parameters: tuple[Parameter, ...], sku: Parameter, write: tuple[str, ...], auth: tuple[str, ...]
) -> tuple[Operation, ...]:
    """The operations; `write` and `auth` are the problems of every request that changes and that reads something."""
    spend = ("rights-exceeded", "rights-void", "rights-unconfirmed", "invalid-parameter")
    own = ("sku-not-found", "out-of-stock", "lot-expired", "rights-exceeded", "rights-void", "invalid-parameter")
    commands: tuple[tuple[str, str, str, type[Struct], tuple[str, ...]], ...] = (
        (
            "grants",
            "grantRights",
            "Let somebody else promise goods of this location",
            GrantRights,
            own,
        ),
        ("uses", "useRights", "Promise goods of another location, of which this node holds rights", UseRights, spend),
        ("moves", "moveRights", "Let another node spend rights that this one holds", MoveRights, spend),
        (
            "returns",
            "returnRights",
            "Give rights that this node holds back to the location, which frees the goods",
            ReturnRights,
            spend,
        ),
    )
    owner = Parameter("owner_id", "path", "The node whose goods they are.", {"type": "string"})
    return (
        *(
            Operation(
                "POST",
                f"/v1/stock/rights/{name}",
                identifier,
                summary,
                {201: RightsReceipt},
                body=object_shape(body),
                parameters=parameters,
                problems=(*write, *problems),
                scope="stock",
                tag="stock",
            )
            for name, identifier, summary, body, problems in commands
        ),
        Operation(
            "GET",
            "/v1/stock/rights/{owner_id}/{sku}",
            "getRights",
            "What is known here of the rights to a location's goods",
            {200: RightsView},
            parameters=(owner, sku),
            problems=(*auth, "sku-not-found", "storage-unavailable"),
            scope="read",
            tag="stock",
        ),
    )
