"""What the centre counts (docs/operations.md, "Metrics"). One object, made in `app.py` and handed to whoever counts."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class Telemetry:
    """Every metric of the centre, in a registry of its own."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.entries = Counter("central_entries_applied", "Entries appended and acknowledged.", registry=registry)
        self.pushes = Counter("central_pushes", "Pushes by what became of them.", ["outcome"], registry=registry)
        self.parked = Counter("central_entries_parked", "Entries that change no view.", ["reason"], registry=registry)
        self.faults = Counter(
            "central_peer_faults", "Messages that broke the protocol, by reason.", ["reason"], registry=registry
        )
        self.breakers_open = Gauge(
            "central_breakers_open", "Streams of a node held for an entry version.", registry=registry
        )
        self.forks = Counter("central_forks", "Streams fenced for another history.", registry=registry)
        self.differences = Counter(
            "central_conservation_differences", "Times that a node's books did not add up.", registry=registry
        )
        self.database_faults = Counter(
            "central_database_faults", "Batches that had to be tried again.", registry=registry
        )
        self.replies_lost = Counter(
            "central_replies_lost", "Answers that found no connection; the edge asks again.", registry=registry
        )
        self.inbox_dropped = Gauge("central_inbox_dropped", "Messages that found the inbox full.", registry=registry)
        self.batch_seconds = Histogram(
            "central_batch_seconds",
            "From taking a batch to its COMMIT.",
            registry=registry,
            buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5),
        )
        self.leases = Gauge("central_shard_leases", "Shards that this process listens to.", registry=registry)
        self.broker_connected = Gauge("central_broker_connected", "1 while the broker is connected.", registry=registry)
        self.feed_pruned = Counter("central_feed_pruned", "Pushes that left the live feed.", registry=registry)
        self.viewers = Gauge("central_live_viewers", "Open live pages.", registry=registry)
        self.viewers_cut = Counter("central_live_viewers_cut", "Viewers that could not keep up.", registry=registry)
