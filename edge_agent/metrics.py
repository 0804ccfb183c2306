"""The agent's own metrics, read from the parts when Prometheus asks (docs/operations.md has the table)."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from edge_agent.instructions import Instructions
from edge_agent.intake import Intake
from edge_agent.link.books import Books
from edge_agent.link.session import Session
from edge_agent.policies import PolicyKeeper
from edge_agent.reference import ReferenceKeeper
from edge_agent.scrub import Scrub
from edge_agent.shedding import Shedding


class AgentCollector(Collector):
    """Turns the parts' counts into samples; nothing is counted twice."""

    def __init__(
        self,
        intake: Intake,
        books: Books,
        instructions: Instructions,
        scrub: Scrub,
        shedding: Shedding,
        session: Session | None,
        reference: ReferenceKeeper,
        policies: PolicyKeeper,
    ) -> None:
        self._policies = policies
        self._reference = reference
        self._scrub = scrub
        self._shedding = shedding
        self._intake = intake
        self._instructions = instructions
        self._books = books
        self._session = session

    def collect(self) -> Iterator[Metric]:
        """The samples of now."""
        intake, books = self._intake, self._books
        yield _counter("holdfast_intake_accepted", "Decisions recorded since the start.", intake.accepted)
        yield _counter("holdfast_intake_rejected", "Business refusals recorded since the start.", intake.rejected)
        yield _counter("holdfast_store_faults", "Transactions that the disk failed.", intake.faults)
        shedding = int(self._shedding.is_on())
        yield GaugeMetricFamily("holdfast_store_shedding", "1 while the disk is too full for what can wait.", shedding)
        holds = intake.holds
        yield _counter("holdfast_orders_held", "Holds recorded, each once.", holds.held)
        yield _counter("holdfast_proposals_answered", "Holds with a proposal that people answered.", holds.answered)
        yield _counter("holdfast_proposals_followed", "Of these, those answered as proposed.", holds.followed)
        yield GaugeMetricFamily("holdfast_intake_waiting", "Requests waiting for a commit.", intake.waiting)
        yield _counter("holdfast_link_pushed_entries", "Entries sent, repetitions included.", books.pushed_entries)
        yield _counter("holdfast_link_pushed_bytes", "Compressed bytes sent.", books.pushed_bytes)
        yield _counter("holdfast_link_acks", "Acknowledgements of the centre.", books.acks)
        yield _counter("holdfast_link_peer_faults", "Messages that could not be used.", books.peer_faults)
        yield _counter("holdfast_log_pruned", "Entries let go of since the start.", books.pruned_entries)
        yield _counter("holdfast_log_pruned_without_backup", "Times that a limit forced it.", books.forced_prunings)
        times = intake.routing.times
        yield HistogramMetricFamily(
            "holdfast_routing_decision_seconds",
            "How long decisions took that asked routing.",
            buckets=times.buckets(),
            sum_value=times.sum_ms / 1000,
        )
        online = self._session is not None and self._session.is_online
        yield GaugeMetricFamily("holdfast_link_online", "1 while the centre has greeted back.", int(online))
        parked = self._instructions.parked
        yield GaugeMetricFamily("holdfast_instructions_parked", "Instructions that wait for people.", parked)
        scrub = self._scrub
        yield GaugeMetricFamily("holdfast_scrub_damaged", "Records damaged and not yet mended.", scrub.report.damaged)
        yield _counter("holdfast_scrub_mended", "Records mended from the centre.", scrub.mended)
        yield _counter("holdfast_scrub_rounds", "Rounds over the whole file.", scrub.rounds)
        entries = GaugeMetricFamily("holdfast_lane_entries", "The books of each lane.", labels=("lane", "state"))
        for lane in books.ledgers():
            for state in ("accepted", "confirmed", "pending", "parked"):
                entries.add_metric([lane.lane, state], getattr(lane, state))
        yield entries
        number = self._policies.status.number
        yield GaugeMetricFamily("holdfast_policies_release", "The release of policies in use; 0: none.", number)
        yield _counter("holdfast_policies_refused", "Releases that did not pass.", self._policies.refusals)
        unanswered = self._policies.unanswered
        yield _counter("holdfast_policies_unanswered", "Questions that policies could not answer.", unanswered)
        yield from self._reference_samples()

    def _reference_samples(self) -> Iterator[Metric]:
        reference = self._reference
        yield _counter("holdfast_reference_applied", "Versions put into use since the start.", reference.applied)
        yield _counter("holdfast_reference_failures", "Downloads that have to be tried again.", reference.failures)
        made = GaugeMetricFamily(
            "holdfast_reference_made_seconds",
            "When the centre made what is used, in Unix seconds.",
            labels=("dataset",),
        )
        for row in reference.used.values():
            made.add_metric([row.dataset], row.made_at_ms / 1000)
        yield made


def _counter(name: str, text: str, value: int) -> Metric:
    return CounterMetricFamily(name, text, value)
