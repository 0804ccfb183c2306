"""Channel quotas in the file: for each SKU that has some, the value of the latest `stock.quota_changed`."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import aiosqlite
import msgspec

from edge_agent.store.connection import fetch, translated
from edge_core.errors import UNREADABLE, RecordDamaged
from edge_core.stock.quota_book import SkuQuota
from edge_core.stock.stock_events import QuotaChanged
from edge_core.sync.entry import Entry

_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(SkuQuota)

Versions = Mapping[str, tuple[int, SkuQuota]]
"""The hybrid clock at which a SKU got its quotas, and these."""


async def read_quotas(connection: aiosqlite.Connection, skus: Sequence[str]) -> dict[str, SkuQuota]:
    """The quotas of those of these SKUs that have any. Raises `RecordDamaged`."""
    # Most stores have none: then the first of the two is empty, and the names are not even looked at.
    sql = """
        SELECT body FROM (SELECT 1 FROM quota LIMIT 1) CROSS JOIN quota
        WHERE sku IN (SELECT value FROM json_each(?))
    """
    found = [_read(body) for (body,) in await fetch(connection, sql, [msgspec.json.encode(skus).decode()])]
    return {quota.sku: quota for quota in found if quota.plan}


async def read_all(connection: aiosqlite.Connection) -> dict[str, tuple[int, SkuQuota]]:
    """All of them, also those without a plan; for `verify`. Raises `RecordDamaged`."""
    return {sku: (hlc, _read(body)) for sku, hlc, body in await fetch(connection, "SELECT sku, hlc, body FROM quota")}


async def put_quotas(connection: aiosqlite.Connection, changed: Versions) -> None:
    """Write quotas; where there are later ones, these stay. At the same clock the larger bytes do, at every machine."""
    sql = """
        INSERT INTO quota (sku, hlc, body) VALUES (?, ?, ?)
        ON CONFLICT (sku) DO UPDATE SET hlc = excluded.hlc, body = excluded.body
        WHERE (excluded.hlc, excluded.body) > (hlc, body)
    """
    rows = [(sku, hlc, _ENCODER.encode(quota)) for sku, (hlc, quota) in changed.items()]
    with translated():
        await connection.executemany(sql, rows)


async def take_entries(connection: aiosqlite.Connection, entries: Iterable[Entry]) -> None:
    """Bring the quotas up to date after entries of the past have come, in any order and however often."""
    for entry in entries:
        for event in entry.events:
            if isinstance(event, QuotaChanged):
                await put_quotas(connection, {quota.sku: (entry.hlc, quota) for quota in event.quotas})


def encoded(quota: SkuQuota) -> bytes:
    """The bytes by which two values at the same clock are told apart."""
    return _ENCODER.encode(quota)


def _read(body: bytes) -> SkuQuota:
    try:
        return _DECODER.decode(body)
    except UNREADABLE as error:
        raise RecordDamaged("a quota") from error
