"""`routing_outcome`, `shadow_outcome`: what routing made of orders, and would have made of them by another policy."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from central_sync.store.database import Connection
from central_sync.store.streams import StreamKey
from edge_core.policy.figures import Group, Outcome, Sums
from edge_core.policy.pricing import arm_of
from edge_core.routing.record import Record

_RELEASE_DIGITS: Final = 16
"""Of the number of a release: 2**53 at most."""


class OutcomeRow(NamedTuple):
    """What became of one order, and the entry that says so; without one the centre has decided.

    `arm` is the name before the `@` of its `policy`, `release` the number behind it; `here` has asked, and the goods go
    to `region`.
    """

    order_id: UUID
    hash: bytes
    decided_at: datetime
    policy: str
    here: str
    region: str
    outcome: Outcome
    key: StreamKey | None = None
    seq: int | None = None

    @property
    def arm(self) -> str:
        """Of which group of orders it is."""
        return arm_of(self.policy)

    @property
    def release(self) -> int:
        """The release that whoever decided had; 0 where the stamp names none."""
        number = self.policy.partition("@")[2].partition("#")[0].partition("/")[0]
        return int(number) if number.isascii() and number.isdigit() and len(number) <= _RELEASE_DIGITS else 0


class Among(NamedTuple):
    """Which outcomes: since a moment, by a release of a number or a later one, of some stores and regions or of any."""

    since: datetime
    release: int = 0
    stores: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()


class ShadowRow(NamedTuple):
    """What would have become of the order of an outcome."""

    arm: str
    order_id: UUID
    hash: bytes
    decided_at: datetime
    outcome: Outcome


class RecordedQuestion(NamedTuple):
    """An order that was routed, with the entry that has its question and its answer, or with the centre's record."""

    order_id: UUID
    hash: bytes
    decided_at: datetime
    arm: str
    outcome: Outcome
    body: bytes | None
    record: Record | None


_OF_OUTCOME: Final = "cost_milli, parcels, carbon_g, is_late, is_manual"
_ADD: Final = f"""
    INSERT INTO routing_outcome
        (order_id, hash, node_id, incarnation, lane, seq, decided_at, arm, policy, release, here, region, {_OF_OUTCOME})
    SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::text[], $4::uuid[], $5::text[], $6::bigint[], $7::timestamptz[],
        $8::text[], $9::text[], $10::bigint[], $11::text[], $12::text[],
        $13::bigint[], $14::integer[], $15::bigint[], $16::boolean[], $17::boolean[])
    ON CONFLICT DO NOTHING
"""  # noqa: S608
_ADD_SHADOW: Final = f"""
    INSERT INTO shadow_outcome (arm, order_id, hash, decided_at, {_OF_OUTCOME})
    SELECT * FROM unnest($1::text[], $2::uuid[], $3::bytea[], $4::timestamptz[],
        $5::bigint[], $6::integer[], $7::bigint[], $8::boolean[], $9::boolean[])
    ON CONFLICT DO NOTHING
"""  # noqa: S608
# Sums of squares of costs do not fit into 64 bits.
_SUMS: Final = """
    SELECT {arm}, count(*), count(*) FILTER (WHERE o.is_manual), count(*) FILTER (WHERE o.is_late),
        sum(o.cost_milli) FILTER (WHERE NOT o.is_manual),
        sum(o.cost_milli::numeric * o.cost_milli) FILTER (WHERE NOT o.is_manual),
        sum(o.parcels) FILTER (WHERE NOT o.is_manual),
        sum(o.parcels::bigint * o.parcels) FILTER (WHERE NOT o.is_manual),
        sum(o.carbon_g) FILTER (WHERE NOT o.is_manual),
        sum(o.carbon_g::numeric * o.carbon_g) FILTER (WHERE NOT o.is_manual)
    FROM {source}
"""
_WITHIN: Final = """
    (cardinality({stores}::text[]) = 0 OR o.here = ANY({stores}::text[])) AND (cardinality({regions}::text[]) = 0
        OR EXISTS (SELECT FROM unnest({regions}::text[]) AS r WHERE o.region = r OR starts_with(o.region, r || '-')))
"""
"""What a comparison is for, as `edge_core.policy.choosing.takes` has it."""
_BY_ARM: Final = (
    _SUMS.format(arm="o.arm", source="routing_outcome AS o")
    + """
    WHERE o.decided_at >= $1 AND o.release >= $2 AND o.arm = ANY($3::text[]) AND """
    + _WITHIN.format(stores="$4", regions="$5")
    + "GROUP BY o.arm"
)
_SHADE: Final = (
    _SUMS.format(arm="o.arm", source="shadow_outcome AS o")
    + """
    WHERE o.decided_at >= $1 AND o.arm = $2 GROUP BY o.arm
"""
)
_LIT: Final = (
    _SUMS.format(arm="s.arm", source="shadow_outcome AS s JOIN routing_outcome AS o USING (order_id, hash)")
    + """
    WHERE s.decided_at >= $1 AND s.arm = $2 GROUP BY s.arm
"""
)
_NEWEST: Final = f"""
    SELECT o.order_id, o.hash, o.decided_at, o.arm, {", ".join(f"o.{name}" for name in _OF_OUTCOME.split(", "))},
        e.body, r.version, r.question, r.decision
    FROM (SELECT * FROM routing_outcome AS o WHERE o.decided_at >= $3 AND o.release >= $4
          AND {_WITHIN.format(stores="$5", regions="$6")}
          AND ($1::text IS NULL OR NOT EXISTS (
            SELECT FROM shadow_outcome AS s WHERE s.arm = $1 AND (s.order_id, s.hash) = (o.order_id, o.hash)))
          ORDER BY o.decided_at DESC LIMIT $2) AS o
    LEFT JOIN entry AS e USING (node_id, incarnation, lane, seq)
    LEFT JOIN routing AS r ON (r.order_id, r.hash) = (o.order_id, o.hash)
    ORDER BY o.decided_at DESC
"""  # noqa: S608


async def add(connection: Connection, rows: Sequence[OutcomeRow]) -> None:
    """Note outcomes; one that is there stays."""
    columns = zip(*map(_row, rows), strict=True)
    await connection.execute(_ADD, *columns)


async def add_shadows(connection: Connection, rows: Sequence[ShadowRow]) -> None:
    """Note what would have become of orders."""
    columns = zip(*((r.arm, r.order_id, r.hash, r.decided_at, *_columns(r.outcome)) for r in rows), strict=True)
    await connection.execute(_ADD_SHADOW, *columns)


async def groups(connection: Connection, arms: Sequence[str], among: Among) -> Mapping[str, Group]:
    """The figures of the orders of each arm."""
    since, release, stores, regions = among
    rows = await connection.fetch(_BY_ARM, since, release, list(arms), stores, regions)
    return {arm: Group() for arm in arms} | {row[0]: _group(row) for row in rows}


async def shadow_groups(connection: Connection, arm: str, since: datetime) -> tuple[Group, Group]:
    """The orders that were tried in the shade: as they were routed, and as they would have been."""
    found = [await connection.fetch(statement, since, arm) for statement in (_LIT, _SHADE)]
    lit, shade = (_group(rows[0]) if rows else Group() for rows in found)
    return lit, shade


async def newest(
    connection: Connection, rows_max: int, among: Among, *, without_shadow: str | None = None
) -> list[RecordedQuestion]:
    """The orders that were routed last, with their entries; `without_shadow`: that this arm has not been tried on."""
    rows = await connection.fetch(_NEWEST, without_shadow, rows_max, *among)
    return [_recorded(row) for row in rows]


async def forget(connection: Connection, days: int) -> None:
    """Let go of outcomes that are older."""
    for table in ("routing_outcome", "shadow_outcome"):
        await connection.execute(f"DELETE FROM {table} WHERE decided_at < now() - $1 * interval '1 day'", days)  # noqa: S608


def _row(row: OutcomeRow) -> tuple[Any, ...]:
    key = (None, None, None) if row.key is None else row.key
    decided = row.decided_at, row.arm, row.policy, row.release, row.here, row.region
    return (row.order_id, row.hash, *key, row.seq, *decided, *_columns(row.outcome))


def _recorded(row: Sequence[Any]) -> RecordedQuestion:
    record = None if row[10] is None else Record(row[10], row[1], row[11], row[12])
    return RecordedQuestion(row[0], row[1], row[2], row[3], Outcome(*row[4:9]), row[9], record)


def _columns(outcome: Outcome) -> tuple[int, int, int, bool, bool]:
    return outcome.cost_milli, outcome.parcels, outcome.carbon_g, outcome.is_late, outcome.is_manual


def _group(row: Sequence[int | None]) -> Group:
    """The row of `_SUMS`: sums of nothing are NULL, and those of numeric are Decimal."""
    orders, manual, late, cost, costs, parcels, parcels2, carbon, carbons = (int(each or 0) for each in row[1:])
    routed = orders - manual
    return Group(
        Sums(routed, cost, costs),
        Sums(routed, parcels, parcels2),
        Sums(routed, carbon, carbons),
        Sums(orders, late, late),
        Sums(orders, manual, manual),
    )
