"""What `verify` looks at of the reference data: whether each dataset is still the version that its row names."""

from collections.abc import AsyncIterator

import aiosqlite

from edge_agent.store import reference
from edge_core.limits import REFERENCE_CHECK_ROWS
from edge_core.reference.versions import ContentHash


async def check_reference(connection: aiosqlite.Connection) -> AsyncIterator[tuple[str, str]]:
    """Each thing that is wrong: where, and what. Raises `StorageFault`."""
    for row in await reference.read_datasets(connection):
        found = ContentHash()
        after = ""
        while rows := await reference.read_rows(connection, row.set_no, after, REFERENCE_CHECK_ROWS):
            after = rows[-1][0]
            for key, body in rows:
                found.add(key, body)
        if (found.digest(), found.rows) != (row.hash, row.rows):
            yield f"reference {row.dataset}", f"its rows are not those of version {row.version}; publish it again"
