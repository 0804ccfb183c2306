"""What decisions look up in the reference data, for a whole batch with one query (`edge_core.reference.lookup`).

Promotions and signals are wanted by every decision: they are read once for each version, and belong to it by number and
hash, so that they cannot disagree with the file. What only orders ask for that are sent somewhere is read after it
(`network_lookup`). Policies are not read here: `edge_agent.policies` checks them first. A
dataset of which a page is damaged is left out, as if it had never been received: a store sells on, says so, and gets it
anew. So is one without rows, which the centre has withdrawn.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

import aiosqlite
import msgspec
from msgspec.structs import replace

from edge_agent.store.connection import Row, fetch
from edge_agent.store.network_lookup import NetworkLookup
from edge_core.errors import PermanentFault, RecordDamaged
from edge_core.reference.datasets import JUDGED, KINDS, NETWORK, RULES_KEY, decode_row
from edge_core.reference.documents import Rules
from edge_core.reference.lookup import Edition, Needs, Reference

_NETWORK: Final = ", ".join(f"'{name}'" for name in NETWORK)
_LOOK_UP: Final = f"""
    SELECT dataset, set_no, version, made_at_ms, applied_at_ms, hash, NULL, NULL FROM reference_dataset
    WHERE (?1 IS NULL OR dataset = ?1) AND row_count > 0 AND dataset NOT IN ({_NETWORK})
    UNION ALL
    SELECT held.dataset, held.set_no, held.version, held.made_at_ms, held.applied_at_ms, held.hash, row.key, row.body
    FROM reference_dataset AS held
    CROSS JOIN json_each(CASE held.dataset WHEN 'customers' THEN ?3 WHEN 'rules' THEN ?4 ELSE ?2 END) AS wanted
    CROSS JOIN reference_row AS row ON row.set_no = held.set_no AND row.key = wanted.value
    WHERE (?1 IS NULL OR held.dataset = ?1) AND held.row_count > 0
        AND held.dataset NOT IN ('promotions', 'signals', 'policies', 'release', {_NETWORK})
"""  # CROSS JOIN keeps SQLite to this order: each key is looked up once in each dataset (sqlite.org/optoverview.html)  # noqa: S608
_WHOLE: Final = ("promotions", "signals")
_READ: Final = tuple(name for name in KINDS if name not in NETWORK)


class Lookup:
    """Reads what batches need. `on_damage` hears of a dataset that cannot be read."""

    def __init__(self, location_id: str, on_damage: Callable[[str], None] = lambda _dataset: None) -> None:
        self.on_damage = on_damage
        self._network = NetworkLookup(location_id, on_damage)
        self._whole: dict[str, tuple[tuple[int, bytes], tuple[Any, ...]]] = {}

    async def read(self, connection: aiosqlite.Connection, needs: Needs) -> Reference:
        """The rows for some needs, and the edition of each dataset. Raises `StorageFault` where the disk fails."""
        reference = await self._read_judged(connection, needs)
        if not needs.areas:
            return reference
        network = await self._network.read(connection, needs.areas, reference.items.values())
        return replace(reference, network=network)

    async def _read_judged(self, connection: aiosqlite.Connection, needs: Needs) -> Reference:
        """What orders are judged by."""
        keys = _encoded(needs.skus), _encoded(needs.customers), _encoded([RULES_KEY])
        try:
            return await self._assemble(connection, await fetch(connection, _LOOK_UP, (None, *keys)))
        except (RecordDamaged, PermanentFault):
            return await self._read_apart(connection, keys)

    async def _read_apart(self, connection: aiosqlite.Connection, keys: tuple[str, ...]) -> Reference:
        """Something is damaged: each dataset by itself, without those that cannot be read."""
        sound: list[Row] = []
        for name in _READ:
            try:
                rows = await fetch(connection, _LOOK_UP, (name, *keys))
                await self._assemble(connection, rows)
            except (RecordDamaged, PermanentFault):
                self.on_damage(name)
            else:
                sound += rows
        return await self._assemble(connection, sound)

    async def _assemble(self, connection: aiosqlite.Connection, found: Iterable[Row]) -> Reference:
        editions: dict[str, Edition] = {}
        rows: dict[str, dict[str, Any]] = {name: {} for name in _READ}
        whole: dict[str, tuple[Any, ...]] = dict.fromkeys(_WHOLE, ())
        for dataset, set_no, version, made_at_ms, used_since_ms, content_hash, key, body in found:
            if key is not None:
                rows[dataset][key] = decode_row(dataset, body)
            else:
                if dataset in JUDGED:
                    editions[dataset] = Edition(dataset, version, made_at_ms, used_since_ms)
                if dataset in whole:
                    whole[dataset] = await self._all(connection, dataset, set_no, content_hash)
        return Reference(
            editions=editions,
            items=rows["catalogue"],
            compliances=rows["compliance"],
            prices=rows["prices"],
            promotions=whole["promotions"],
            accounts=rows["customers"],
            rules=rows["rules"].get(RULES_KEY) or Rules(),
            signals=whole["signals"],
        )

    async def _all(
        self, connection: aiosqlite.Connection, dataset: str, set_no: int, content_hash: bytes
    ) -> tuple[Any, ...]:
        mark = set_no, content_hash
        if dataset not in self._whole or self._whole[dataset][0] != mark:
            sql = "SELECT body FROM reference_row WHERE set_no = ? AND body IS NOT NULL ORDER BY key"
            rows = await fetch(connection, sql, (set_no,))
            self._whole[dataset] = mark, tuple(decode_row(dataset, body) for (body,) in rows)
        return self._whole[dataset][1]


def _encoded(keys: Iterable[str]) -> str:
    return msgspec.json.encode(sorted(keys)).decode()
