"""Everything that stands for PostgreSQL in the simulator: the module, the name in it, and what is put there."""

from typing import Any, Final

from tests.simulation import (
    audit_tables,
    downlink_tables,
    hearing,
    need_tables,
    parked_tables,
    reference_tables,
    tables,
)

IN_PLACE_OF: Final[tuple[tuple[Any, str, Any], ...]] = (
    *tables.IN_PLACE_OF,
    *downlink_tables.IN_PLACE_OF,
    *audit_tables.IN_PLACE_OF,
    *hearing.IN_PLACE_OF,
    *need_tables.IN_PLACE_OF,
    *parked_tables.IN_PLACE_OF,
    *reference_tables.IN_PLACE_OF,
)
