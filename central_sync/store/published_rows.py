"""Rows of what is published for all stores, as decisions of the centre look them up (docs/network.md).

Versions are kept as files. What is small is kept as rows in memory for as long as its version is the newest. Of what is
large only the first key of each block is kept: a row is in one block, which PostgreSQL reads without the rest.
"""

import asyncio
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from central_sync.store.database import Connection
from central_sync.store.reference import ALL, whole
from edge_core.reference.datasets import JUDGED, NETWORK, NETWORK_LEAST, RULES_KEY, decode_row
from edge_core.reference.documents import Rules
from edge_core.reference.files import Reading, read_block, read_file
from edge_core.reference.lookup import Edition, Needs, Reference
from edge_core.routing.network import NO_NETWORK, Network
from edge_core.routing.question import Stamp

_NEWEST: Final = """
    SELECT DISTINCT ON (dataset) dataset, version, etag, row_count, (extract(epoch FROM made_at) * 1000)::bigint
    FROM reference_version WHERE scope = $1 AND dataset = ANY($2) ORDER BY dataset, version DESC
"""
_BLOCK: Final = """
    SELECT substring(file FROM $3 FOR $4) FROM reference_version WHERE dataset = $1 AND version = $2
"""
_SMALL: Final = (*NETWORK, "rules", "signals")
_LARGE: Final = ("catalogue", "compliance", "customers")


class _Newest(NamedTuple):
    version: int
    etag: str
    row_count: int
    made_at_ms: int


class _Index(NamedTuple):
    """Where the blocks of a file begin, and the first key of each; the last place is the end of the file."""

    etag: str
    keys: Sequence[str]
    places: Sequence[int]


class PublishedRows:
    """What is published for all stores, as one process of the centre knows it; that of regions and groups is theirs."""

    def __init__(self) -> None:
        self._small: dict[str, tuple[str, Mapping[str, Any]]] = {}
        self._indexes: dict[str, _Index] = {}

    async def read(self, connection: Connection, needs: Needs) -> Reference:
        """The rows for some needs: all places and carriers, items and laws of some SKUs, accounts of some customers."""
        found = await connection.fetch(_NEWEST, ALL, [*_SMALL, *_LARGE])
        newest = {name: _Newest(*rest) for name, *rest in found if rest[2]}
        small: dict[str, Mapping[str, Any]] = {
            name: await self._all(connection, name, newest.get(name)) for name in _SMALL
        }
        wanted = {"catalogue": needs.skus, "compliance": needs.skus, "customers": needs.customers}
        large = {name: await self._some(connection, name, newest.get(name), keys) for name, keys in wanted.items()}
        return Reference(
            editions={
                name: Edition(name, each.version, each.made_at_ms) for name, each in newest.items() if name in JUDGED
            },
            items=large["catalogue"],
            compliances=large["compliance"],
            accounts=large["customers"],
            rules=small["rules"].get(RULES_KEY) or Rules(),
            signals=tuple(small["signals"].values()),
            network=_network(small, newest),
        )

    async def _all(self, connection: Connection, dataset: str, newest: _Newest | None) -> Mapping[str, Any]:
        """Every row of a dataset, read once for each version."""
        if newest is None:
            return {}
        known = self._small.get(dataset)
        if known is None or known[0] != newest.etag:
            file = await whole(connection, dataset, newest.version)
            known = self._small[dataset] = newest.etag, await asyncio.to_thread(_rows_in, dataset, file)
        return known[1]

    async def _some(
        self, connection: Connection, dataset: str, newest: _Newest | None, keys: Iterable[str]
    ) -> dict[str, Any]:
        """The rows with some keys: one block is read for each."""
        wanted = sorted(keys)
        if newest is None or not wanted:
            return {}
        index = self._indexes.get(dataset)
        if index is None or index.etag != newest.etag:
            file = await whole(connection, dataset, newest.version)
            index = self._indexes[dataset] = await asyncio.to_thread(_index_of, newest.etag, file)
        rows: dict[str, Any] = {}
        blocks = sorted({number for key in wanted if (number := bisect_right(index.keys, key) - 1) >= 0})
        for number in blocks:
            begin, end = index.places[number : number + 2]
            piece = await connection.fetchval(_BLOCK, dataset, newest.version, begin + 1, end - begin)
            block = None if piece is None else read_block(piece, begin)
            changes = () if block is None else block.changes
            rows |= {each.key: decode_row(dataset, each.body) for each in changes if each.body and each.key in wanted}
        return rows


def _rows_in(dataset: str, file: bytes) -> dict[str, Any]:
    _, changes = read_file(file)
    return {change.key: decode_row(dataset, change.body) for change in changes if change.body is not None}


def _index_of(etag: str, file: bytes) -> _Index:
    reading, keys, places = Reading(), [], [0]
    for block in reading.feed(file):
        keys.append(block.changes[0].key)
        places.append(block.end)
    return _Index(etag, keys, places)


def _network(rows: Mapping[str, Mapping[str, Any]], newest: Mapping[str, _Newest]) -> Network:
    if not newest.keys() >= NETWORK_LEAST:
        return NO_NETWORK
    return Network(
        rows["locations"],
        rows["services"],
        rows["tariffs"],
        rows["carbon"],
        rows["suppliers"],
        tuple(Stamp(f"{name}@{newest[name].version}", newest[name].made_at_ms) for name in NETWORK if name in newest),
    )
