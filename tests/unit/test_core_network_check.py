"""What does not fit together in a network is named, since routing only leaves it out."""

from typing import Any

import pytest
from msgspec.structs import replace

from edge_core.reference.network_documents import CarbonFactor, Tariff
from edge_core.routing.network import NO_NETWORK
from edge_core.routing.network_check import findings_in
from tests.rigs.network import BANDS, COURIER, LOCATIONS, PARCEL, TARIFFS, location, network

FACTORS = [CarbonFactor(mode, "road", 1, "made up", "1") for mode in ("road", "bicycle")]
PLACES = [location(each.location_id) for each in LOCATIONS]


def found(**changes: Any) -> tuple[str, ...]:
    return findings_in(network(**{"factors": FACTORS, "locations": PLACES, **changes}))


def test_a_network_that_fits_together_has_no_findings() -> None:
    assert found() == ()
    assert findings_in(NO_NETWORK) == ()


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        (
            {"locations": [*PLACES, replace(PLACES[0], location_id="s9", services=("post",))]},
            "location s9: there is no service 'post'",
        ),
        (
            {"locations": [*PLACES, replace(PLACES[0], location_id="s9", services=())]},
            "location s9: no service calls there",
        ),
        (
            {"locations": [*PLACES, replace(PLACES[0], location_id="s9", latitude=None, longitude=None)]},
            "location s9: no coordinates, so distances are guessed",
        ),
        (
            {"tariffs": [*TARIFFS[:2], Tariff("courier", "near", "GBP", BANDS)], "locations": PLACES[:1]},
            "location berlin: tariff courier/near is in GBP, not in EUR, and is left out",
        ),
        ({"services": [PARCEL, COURIER, replace(PARCEL, service_id="p2")]}, "service p2: calls at no location"),
        ({"tariffs": TARIFFS[:2]}, "service courier: there is no tariff courier/near, so it does not go there"),
        (
            {"factors": FACTORS[:1]},
            "service courier: there is no carbon factor feet or bicycle, so its carbon counts for nothing",
        ),
        ({"tariffs": [*TARIFFS, Tariff("van", "near", "EUR", BANDS)]}, "tariff van/near: no service has such a zone"),
    ],
)
def test_what_leads_nowhere_is_named(changes: dict[str, Any], finding: str) -> None:
    assert found(**changes) == (finding,)
