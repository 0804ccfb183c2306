"""Which policies an order is asked of: the default ones, an experiment's, or the fallback while a signal is active.

Pure: the moment is given, and the bucket of an order is a hash, so that any machine finds the same ones again (G12).
"""

from collections.abc import Iterable
from hashlib import blake2b
from typing import Final, Literal

from msgspec import Struct

from edge_core.limits import POLICY_BUCKETS
from edge_core.policy.documents import Experiment, Release, Signal
from edge_core.routing.question import Question

Why = Literal["default", "experiment", "fallback", "built-in"]

DEFAULT: Final = "default"
FALLBACK: Final = "fallback"


class Choice(Struct, frozen=True):
    """The layers for an order, under the name of their arm. `cause` is the experiment or the signal."""

    arm: str
    layers: tuple[str, ...]
    why: Why
    cause: str | None = None


def bucket(order_id: str, experiment_id: str) -> int:
    """The bucket of an order in an experiment, 0 to 99: its own in each one, and the same for ever."""
    digest = blake2b(f"{experiment_id}\0{order_id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % POLICY_BUCKETS


def choose(release: Release, question: Question, order_id: str, signals: Iterable[Signal], now_ms: int) -> Choice:
    """The fallback before any experiment, the first experiment that takes the order before the default."""
    signal = next(
        (s for s in signals if s.effect == "fallback" and is_active(s, now_ms) and touches(s, question)), None
    )
    if signal is not None and release.fallback:
        return Choice(FALLBACK, release.fallback, "fallback", signal.signal_id)
    for experiment in release.experiments:
        if experiment.mode == "share" and takes(experiment, question, order_id):
            return Choice(experiment.experiment_id, experiment.layers, "experiment", experiment.experiment_id)
    return Choice(DEFAULT, release.layers, "default")


def takes(experiment: Experiment, question: Question, order_id: str) -> bool:
    """Whether an order is within the scope and the share of an experiment."""
    is_here = not experiment.stores or question.here in experiment.stores
    is_there = not experiment.regions or any(within(question.region, region) for region in experiment.regions)
    return is_here and is_there and bucket(order_id, experiment.experiment_id) < experiment.percent


def is_active(signal: Signal, now_ms: int) -> bool:
    """A signal ends by itself: nobody has to take it back."""
    return signal.from_ms <= now_ms < signal.until_ms


def touches(signal: Signal, question: Question) -> bool:
    """Whether a signal is about an order: where it goes, who asks, or what could carry it."""
    kind, _, name = signal.scope.partition("/")
    match kind:
        case "region":
            return within(question.region, name)
        case "store":
            return question.here == name
        case "service":
            return any(service.service_id == name for place in question.places for service in place.services)
        case _:  # `all`, and a carrier: which services are its own, a question does not say
            return True


def within(region: str, scope: str) -> bool:
    """Whether a region is a scope, or lies within a country that is one: `CN-HI` within `CN`."""
    return region == scope or region.startswith(f"{scope}-")


def stopped(signals: Iterable[Signal], now_ms: int) -> frozenset[str]:
    """The scopes that do not work now, `carrier/X`, `service/X` or `store/X`: for whoever builds the question."""
    return frozenset(signal.scope for signal in signals if signal.effect == "stop" and is_active(signal, now_ms))
