"""`stock_view`: what each location holds, kept by adding up the deltas of its entries."""

from collections.abc import Sequence
from datetime import date
from typing import Final, NamedTuple

from central_sync.store.database import Connection


class StockRow(NamedTuple):
    """One position, or the sum of what a batch changes in it. `lot` is '' for goods without lots."""

    node_id: str
    sku: str
    lot: str
    unit: str
    expires_on: date | None
    on_hand_milli: int
    reserved_milli: int


_COLUMNS: Final = ", ".join(StockRow._fields)
_SEPARATOR: Final = "\x1f"  # the unit separator of ASCII, which nobody has in a name; where somebody has: `_ARRAYS`
_ARRAYS: Final = "$1::text[], $2::text[], $3::text[], $4::text[], $5::date[], $6::bigint[], $7::bigint[]"
# The driver takes 19,000 instructions to encode the seven arrays of a row, and 2,000 for one text of each column.
_TEXTS: Final = """string_to_array($1, E'\\x1f'), string_to_array($2, E'\\x1f'), string_to_array($3, E'\\x1f'),
    string_to_array($4, E'\\x1f'), string_to_array($5, E'\\x1f', '')::date[], string_to_array($6, E'\\x1f')::bigint[],
    string_to_array($7, E'\\x1f')::bigint[]"""
_ADD: Final = f"""
    INSERT INTO stock_view ({_COLUMNS}) SELECT * FROM unnest(%s)
    ON CONFLICT (node_id, sku, lot) DO UPDATE SET
        on_hand_milli = stock_view.on_hand_milli + excluded.on_hand_milli,
        reserved_milli = stock_view.reserved_milli + excluded.reserved_milli,
        expires_on = coalesce(stock_view.expires_on, excluded.expires_on), updated_at = now()
"""  # noqa: S608
_PAGE: Final = f"""
    SELECT {_COLUMNS} FROM stock_view
    WHERE ($1::text IS NULL OR node_id = $1) AND ($2::text IS NULL OR sku = $2)
        AND ($3::text IS NULL OR (node_id, sku, lot) > ($3, $4, $5))
    ORDER BY node_id, sku, lot LIMIT $6
"""  # noqa: S608


async def add(connection: Connection, rows: Sequence[StockRow]) -> None:
    """Add to positions; each is named once, and they come in the order of their key."""
    columns = list(zip(*rows, strict=True))
    texts = [_SEPARATOR.join(["" if value is None else str(value) for value in column]) for column in columns]
    # One value alone, if it is empty, would be no value.
    if len(rows) > 1 and all(text.count(_SEPARATOR) == len(rows) - 1 for text in texts):
        await connection.execute(_ADD % _TEXTS, *texts)
    else:
        await connection.execute(_ADD % _ARRAYS, *columns)


async def page(
    connection: Connection, *, node_id: str | None, sku: str | None, after: tuple[str, str, str] | None, rows_max: int
) -> list[StockRow]:
    """Positions in the order of node, SKU and lot, from after one on."""
    rows = await connection.fetch(_PAGE, node_id, sku, *(after or (None, None, None)), rows_max)
    return [StockRow(*row) for row in rows]
