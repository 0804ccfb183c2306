"""What the centre counts (docs/operations.md, "Metrics"). One object, made in `app.py` and handed to whoever counts."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from edge_core.sync.grants import Regulator


class Telemetry:
    """Every metric of the centre, in a registry of its own."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.entries = Counter("central_entries_applied", "Entries appended and acknowledged.", registry=registry)
        self.pushes = Counter("central_pushes", "Pushes by what became of them.", ["outcome"], registry=registry)
        self.parked = Counter("central_entries_parked", "Entries that change no view.", ["reason"], registry=registry)
        self.passed_over = Counter("central_entries_passed_over", "Decisions used already.", registry=registry)
        self.faults = Counter(
            "central_peer_faults", "Messages that broke the protocol, by reason.", ["reason"], registry=registry
        )
        self.breakers_open = Gauge(
            "central_breakers_open", "Streams of a node held for an entry version.", registry=registry
        )
        self.early = Counter(
            "central_early_entries",
            "Copies of the newest entries of long backlogs, by what became of them.",
            ["outcome"],
            registry=registry,
        )
        self.forks = Counter("central_forks", "Streams fenced for another history.", registry=registry)
        self.restores = Counter(
            "central_restores_noticed", "Times that acks showed this database to be an older one.", registry=registry
        )
        self.lost = Counter("central_entries_lost", "Entries that neither end has any more.", registry=registry)
        self.differences = Counter(
            "central_conservation_differences", "Times that a node's books did not add up.", registry=registry
        )
        self.mended = Counter("central_entries_mended", "Damaged entries replaced by a node's.", registry=registry)
        self.day_differences = Counter(
            "central_day_differences",
            "Times that the books of a node's business days did not agree.",
            registry=registry,
        )
        self.audits_refused = Counter(
            "central_audits_refused", "Digests and books that the database refused for good.", registry=registry
        )
        self.database_faults = Counter(
            "central_database_faults", "Batches that had to be tried again.", registry=registry
        )
        self.replies_lost = Counter(
            "central_replies_lost", "Answers that found no connection; the edge asks again.", registry=registry
        )
        self._make_downlink(registry)
        self.inbox_dropped = Gauge("central_inbox_dropped", "Messages that found the inbox full.", registry=registry)
        self.batch_seconds = Histogram(
            "central_batch_seconds",
            "From taking a batch to its COMMIT.",
            registry=registry,
            buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5),
        )
        self.grant_rate = Gauge(
            "central_grant_rate_entries_per_s", "What all nodes with a backlog may send together.", registry=registry
        )
        self.commit_wait_seconds = Gauge(
            "central_commit_wait_seconds", "Nine of ten pushes would be committed within this.", registry=registry
        )
        self.backlogged_nodes = Gauge(
            "central_backlogged_nodes", "Nodes that share the rate of the grants.", registry=registry
        )
        self.leases = Gauge("central_shard_leases", "Shards that this process listens to.", registry=registry)
        self.broker_connected = Gauge("central_broker_connected", "1 while the broker is connected.", registry=registry)
        self.feed_pruned = Counter("central_feed_pruned", "Pushes that left the live feed.", registry=registry)
        self.viewers = Gauge("central_live_viewers", "Open live pages.", registry=registry)
        self.viewers_cut = Counter("central_live_viewers_cut", "Viewers that could not keep up.", registry=registry)

    def _make_downlink(self, registry: CollectorRegistry) -> None:
        self.instructions_sent = Counter(
            "central_instructions_sent", "Instructions sent, repetitions included.", registry=registry
        )
        self.instructions_answered = Counter(
            "central_instructions_answered", "Answers of the nodes.", ["outcome"], registry=registry
        )
        self.hold_answers = Counter("central_hold_answers", "Answers to holds.", ["followed"], registry=registry)
        self.downlink_nodes = Gauge(
            "central_downlink_nodes", "Nodes that are heard and have instructions to take.", registry=registry
        )
        self.assignments = Counter(
            "central_assignments",
            "Attempts to have a node fulfil an order, by what became of them.",
            ["status"],
            registry=registry,
        )
        self.channel_orders = Counter(
            "central_channel_orders",
            "Orders that channels sent, by what became of them.",
            ["outcome"],
            registry=registry,
        )
        self.assignment_exceptions = Gauge(
            "central_assignment_exceptions", "Orders of the centre that wait for people.", registry=registry
        )

    def granted(self, regulator: Regulator, backlogged: int) -> None:
        """Show what the grants stand on."""
        self.grant_rate.set(regulator.rate)
        self.commit_wait_seconds.set(regulator.wait_ms / 1000)
        self.backlogged_nodes.set(backlogged)
