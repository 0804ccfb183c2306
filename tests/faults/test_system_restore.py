"""The centre comes back from a backup of an hour ago, and nobody runs a command: everything is there again."""

import os
from pathlib import Path
from typing import Final

from tests.rigs.brokers import Broker
from tests.rigs.fleet import opened_fleet, restore_an_older_centre
from tests.rigs.house import CentreProcess
from tests.rigs.postgres import Postgres

_NODES: Final = int(os.environ.get("HOLDFAST_RESTORE_NODES", "10"))
_ORDERS: Final = 20


async def test_a_centre_put_back_to_an_older_time_has_everything_again_without_a_command(
    broker: Broker, postgres: Postgres, postgres_dsn: str, tmp_path: Path
) -> None:
    centre = CentreProcess(tmp_path, broker.url, postgres_dsn)
    try:
        async with opened_fleet(tmp_path, broker.url, _NODES) as fleet:
            came_back = await restore_an_older_centre(fleet, centre, tmp_path, postgres.create_database, orders=_ORDERS)
            assert (came_back.lost, came_back.in_backup) == (_NODES * _ORDERS, _NODES * (_ORDERS + 1))
            assert (came_back.histories, came_back.reason) == (2, "noticed")  # once, however many stores show it
            document = await centre.get("/v1/nodes")
            assert document["history"]["reason"] == "noticed"
            assert all(node["conserved"] and not node["alarms"] for node in document["nodes"])
            assert centre.service.log_text().count('"ingest.restore_noticed"') == 1
    finally:
        await centre.end()
