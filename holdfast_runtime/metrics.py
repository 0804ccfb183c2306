"""Metrics for Prometheus: a registry of the process's own, so that tests and a second service do not share one.

Make the metrics with `prometheus_client` itself: `Counter("name", "help", registry=metrics.registry)`.
"""

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


class Metrics:
    """A registry, with the process's memory, CPU and file descriptors in it already, and its page."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)

    def text(self) -> bytes:
        """What Prometheus scrapes: text format, one sample a line."""
        return generate_latest(self.registry)

    def route(self, path: str = "/metrics") -> Route:
        """The endpoint for Starlette. Needs no token: it names no order and no customer."""

        async def metrics(_: Request) -> Response:
            return Response(self.text(), headers={"content-type": CONTENT_TYPE_LATEST})

        return Route(path, metrics, methods=["GET"])
