"""What does not fit together in a network: names that lead nowhere, and figures that routing has to do without.

Each row is sound by itself, or it would not have been published; a typing error in a name only shows where two meet.
"""

from collections.abc import Iterator

from edge_core.reference.network_documents import Location, Service
from edge_core.routing.network import Network, factor_keys, tariff_key


def findings_in(network: Network) -> tuple[str, ...]:
    """What is wrong, or missing, in words; empty where nothing is."""
    return (
        *(finding for each in network.locations.values() for finding in _of_location(network, each)),
        *(finding for each in network.services.values() for finding in _of_service(network, each)),
        *_unused(network),
    )


def _of_location(network: Network, location: Location) -> Iterator[str]:
    named = f"location {location.location_id}"
    if not location.services:
        yield f"{named}: no service calls there"
    if location.latitude is None:
        yield f"{named}: no coordinates, so distances are guessed"
    for service_id in location.services:
        service = network.services.get(service_id)
        if service is None:
            yield f"{named}: there is no service {service_id!r}"
            continue
        for zone in service.zones:
            tariff = network.tariff(service, zone)
            if tariff is not None and tariff.currency != location.currency:
                key = tariff_key(service, zone)
                yield f"{named}: tariff {key} is in {tariff.currency}, not in {location.currency}, and is left out"


def _of_service(network: Network, service: Service) -> Iterator[str]:
    named = f"service {service.service_id}"
    if not any(service.service_id in each.services for each in network.locations.values()):
        yield f"{named}: calls at no location"
    for zone in service.zones:
        if network.tariff(service, zone) is None:
            yield f"{named}: there is no tariff {tariff_key(service, zone)}, so it does not go there"
    if not any(key in network.factors for key in factor_keys(service)):
        wanted = " or ".join(factor_keys(service))
        yield f"{named}: there is no carbon factor {wanted}, so its carbon counts for nothing"


def _unused(network: Network) -> Iterator[str]:
    used = {tariff_key(service, zone) for service in network.services.values() for zone in service.zones}
    for key in network.tariffs:
        if key not in used:
            yield f"tariff {key}: no service has such a zone"
