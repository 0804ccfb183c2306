"""A question with the prices of the policies in use: what the shells ask before `route` (docs/policies.md)."""

from collections.abc import Iterable
from hashlib import blake2b
from typing import Final, get_args

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from edge_core.orders.document import Preference
from edge_core.policy.choosing import Choice, Why, choose
from edge_core.policy.documents import Policy, Release, Signal
from edge_core.policy.engine import Engine
from edge_core.policy.faults import Cell, PolicyFault
from edge_core.policy.schema import Value, named
from edge_core.policy.verdict import Verdict, merged
from edge_core.routing.asking import BUILT_IN, default_prices
from edge_core.routing.question import Question, Stamp

_HASH_BYTES: Final = 8


class Priced(Struct, frozen=True):
    """A question with its prices, and why they are these.

    `cause` is the experiment, the signal, or what was wrong with which cell of a policy.
    """

    question: Question
    why: Why
    cause: str | None = None


class Policies:
    """The policies of one release, loaded. Raises `PolicyFault` where one of them cannot be."""

    def __init__(self, release: Release, policies: Iterable[Policy]) -> None:
        self.release = release
        self._engine = Engine(policies)
        self._stamps: dict[tuple[str, tuple[str, ...]], Stamp] = {}

    def priced(self, question: Question, order_id: str, now_ms: int, signals: Iterable[Signal] = ()) -> Question:
        """The question to route. Whatever is wrong with a policy, there is one (see `price`)."""
        return self.price(question, order_id, now_ms, signals).question

    def price(self, question: Question, order_id: str, now_ms: int, signals: Iterable[Signal] = ()) -> Priced:
        """Ask the policies for an order's prices, on top of those that the question has.

        Where one cannot answer the question stays as it was, with a stamp that has the built-in prices beside the
        release and the arm that could not be asked: an order is never lost or refused because of a policy, and counts
        where it would have counted.
        """
        choice = choose(self.release, question, order_id, signals, now_ms)
        try:
            return Priced(self._asked(question, named(question.facts), choice), choice.why, choice.cause)
        except PolicyFault as fault:
            source = f"{BUILT_IN.source}@{self.release.number}/{choice.arm}"
            built_in = replace(question, policy=Stamp(source, question.policy.at_ms))
            return Priced(built_in, "built-in", str(fault))

    def asked(self, question: Question, arm: str, layers: tuple[str, ...]) -> Question:
        """A question that was priced already as some layers would have priced it. Raises `PolicyFault`."""
        return self._asked(unpriced(question), named(question.facts), Choice(arm, layers, "default"))

    def verdict(self, policy_id: str, facts: dict[str, Value]) -> Verdict:
        """What one of the policies says of an order by itself. Raises `PolicyFault`."""
        return self._engine.verdict(policy_id, facts)

    def _asked(self, question: Question, facts: dict[str, Value], choice: Choice) -> Question:
        verdicts = [self._engine.verdict(policy_id, facts) for policy_id in choice.layers]
        return replace(question, prices=merged(question.prices, verdicts), policy=self._stamp(choice))

    def _stamp(self, choice: Choice) -> Stamp:
        """`name@release#hash`: the hash is of the policies themselves, so that it stands for what they say."""
        key = choice.arm, choice.layers
        if key not in self._stamps:
            hashed = blake2b(digest_size=_HASH_BYTES)
            for policy_id in choice.layers:
                hashed.update(msgspec.msgpack.encode(self._engine.policy(policy_id)))
            source = f"{choice.arm}@{self.release.number}#{hashed.hexdigest()}"
            self._stamps[key] = Stamp(source, self.release.made_at_ms)
        return self._stamps[key]


def arm_of(source: str) -> str:
    """The arm that an order is of, by the name of its policies' stamp: one whose policies could not be asked too."""
    name, _, rest = source.partition("@")
    missed = rest.partition("/")[2]
    return missed if name == BUILT_IN.source and missed else name


def unpriced(question: Question) -> Question:
    """A question as it was before any policy was asked, with the built-in prices."""
    preference = question.facts.preference
    prices = default_prices(preference if preference in get_args(Preference) else None, question.currency)  # type: ignore[arg-type]
    return replace(question, prices=prices, policy=BUILT_IN)


def check_layers(release: Release, policies: Iterable[Policy]) -> None:
    """Raise `PolicyFault` where a release names a policy that does not come with it."""
    known = {policy.policy_id for policy in policies}
    named_layers = [("layers", release.layers), ("fallback", release.fallback)]
    named_layers += [(f"experiment {each.experiment_id}", each.layers) for each in release.experiments]
    for where, layers in named_layers:
        for policy_id in layers:
            if policy_id not in known:
                raise PolicyFault(
                    Cell(policy_id), f"{where} of the release names it, and it is not there", tuple(known)
                )
