"""The policies of a store: which bundle is in use, and how another one takes its place (docs/policies.md, "Sandbox").

A release and its policies come as reference data, in any order. Once both are there and belong together, they are
tried in a process of their own; what passes is kept in the file and used from the next order on. What does not pass
changes nothing: the store goes on with the bundle that it has, or with the built-in prices, and says why.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final
from uuid import UUID

import structlog
from msgspec import Struct

from edge_agent.intake import Intake
from edge_agent.policy_keys import read_key_file
from edge_agent.policy_sandbox import run_trial
from edge_agent.reference import ReferenceKeeper
from edge_agent.store import policies as rows
from edge_agent.store.file import StoreFile
from edge_agent.store.policies import BundleRow
from edge_agent.store.reference import DatasetRow
from edge_agent.surroundings import Surroundings
from edge_core.errors import UNREADABLE, Fault, PermanentFault, StorageFault
from edge_core.limits import POLICIES_MAX, POLICY_TRIAL_AGAIN_MS
from edge_core.policy.bundle import Bundle, decode_bundle, encode_bundle, hash_of
from edge_core.policy.documents import Policy, Release, Signal
from edge_core.policy.outcome import Trial
from edge_core.policy.pricing import Policies
from edge_core.reference.datasets import decode_row
from edge_core.routing.question import Question
from edge_core.sync.policy_messages import PolicyReport
from holdfast_runtime.log import bounded
from holdfast_runtime.waiting import wait_for_word

_LOG: Final = structlog.get_logger()

Pricing = Callable[[Question, UUID], Question]
"""Gives the question of an order the prices of the policies in use."""


class PolicyStatus(Struct, frozen=True):
    """The policies of a store. `number` 0: none, the prices are the built-in ones.

    `refused` is the newest release that did not pass, and `fault` why; `waiting_for` a release whose policies have not
    come yet.
    """

    number: int
    policies: int
    used_since_ms: int | None
    signed_by: str
    refused: int
    fault: str | None
    waiting_for: int


class PolicyKeeper:
    """The bundle in use, and what the reference data brings to take its place."""

    def __init__(
        self,
        file: StoreFile,
        intake: Intake,
        here: Surroundings,
        reference: ReferenceKeeper,
        keys_file: Path,
    ) -> None:
        self._file = file
        self._intake = intake
        self._here = here
        self._reference = reference
        self._keys_file = keys_file
        self._row: BundleRow | None = None
        self._release: Release | None = None
        self._policies: Policies | None = None
        self._count = 0
        self._refused: tuple[bytes, int] = (b"", 0)
        self._fault: str | None = None
        self._waiting_for = 0
        self._wake = asyncio.Event()
        self._unanswered: str | None = None
        self.refusals = 0
        self.unanswered = 0
        reference.on_applied = self.changed

    def pricing(self, signals: tuple[Signal, ...]) -> Pricing | None:
        """What gives questions their prices while these signals are known; None where no policies are in use."""
        policies = self._policies
        if policies is None:
            return None
        return lambda question, order_id: self._priced(policies, signals, question, order_id)

    @property
    def status(self) -> PolicyStatus:
        """How it is shown."""
        row = self._row if self._policies is not None else None
        return PolicyStatus(
            number=0 if row is None else row.number,
            policies=self._count,
            used_since_ms=None if row is None else row.used_since_ms,
            signed_by="" if row is None else row.key_id,
            refused=self._refused[1],
            fault=self._fault,
            waiting_for=self._waiting_for,
        )

    def report(self) -> PolicyReport:
        """What the centre is told."""
        status = self.status
        return PolicyReport(status.number, status.refused, status.fault, status.waiting_for)

    def changed(self, dataset: str) -> None:
        """A dataset has another version."""
        if dataset in {"policies", "release"}:
            self._wake.set()

    async def load(self) -> None:
        """Take up the bundle that was in use, before the first order is taken."""
        try:
            row = await rows.read_bundle(self._file.reader)
            if row is not None:
                self._take_up(row)
        except (*UNREADABLE, Fault) as fault:
            self._say(0, f"the bundle in the file cannot be used: {fault}")
        self._wake.set()

    async def run(self) -> None:
        """Look for ever at what has come, and after a while at what could not be tried."""
        while True:
            await wait_for_word(self._wake, POLICY_TRIAL_AGAIN_MS / 1000)
            try:
                await self._look()
            except StorageFault as fault:  # the disk is the intake's to mend; the next version, or start, looks again
                self._say(self._refused[1], str(fault))

    def _priced(self, policies: Policies, signals: tuple[Signal, ...], question: Question, order_id: UUID) -> Question:
        """A question with its prices. That a policy could not answer is counted, and its cell told once in a row."""
        priced = policies.price(question, str(order_id), question.asked_at_ms, signals)
        if priced.why == "built-in":
            self.unanswered += 1
            if priced.cause != self._unanswered:
                _LOG.warning("policies.unanswered", release=policies.release.number, error=priced.cause)
                self._unanswered = priced.cause
        return priced.question

    def _take_up(self, row: BundleRow) -> None:
        bundle = decode_bundle(row.body)
        self._release = bundle.release  # used or not: nothing that was made before it is taken
        if row.key_id not in read_key_file(self._keys_file):
            raise PermanentFault(f"it is signed with the key {row.key_id!r}, which is trusted here no more")
        # Not in a thread: the engine loads twenty policies in 16 ms, holds the interpreter meanwhile, and 5 MB less.
        self._policies = Policies(bundle.release, bundle.policies)
        self._row, self._count = row, len(bundle.policies)

    async def _look(self) -> None:
        """Try what has come, unless it is in use or was refused already."""
        found = await self._read()
        if found is None:
            return
        body, number = encode_bundle(found), found.release.number
        if found.release == self._release or body == self._refused[0]:
            return  # in use, or known; policies that came before their release change nothing
        if self._is_newer(found.release) and hash_of(found.policies) != found.release.policies_hash:
            if self._waiting_for != number:
                _LOG.info("policies.waiting", release=number)
            self._waiting_for = number
            return
        self._waiting_for = 0
        await self._judge(found, body)

    def _is_newer(self, release: Release) -> bool:
        return self._release is None or release.made_at_ms > self._release.made_at_ms

    async def _judge(self, bundle: Bundle, body: bytes) -> None:
        number = bundle.release.number
        try:
            keys = read_key_file(self._keys_file)
        except PermanentFault as fault:
            self._refuse(body, number, str(fault))
            return
        outcome = await run_trial(Trial(body, keys, 0 if self._release is None else self._release.made_at_ms))
        if not outcome.number:  # no answer: the machine may have been too busy, so it is tried again after a while
            self._refuse(b"", number, "; ".join(outcome.faults))
            return
        if outcome.faults or outcome.number != number:
            self._refuse(body, number, "; ".join(outcome.faults) or "its trial spoke of another release")
            return
        row = BundleRow(number, bundle.release.key_id, body, self._here.now_ms())
        await self._intake.write(partial(rows.put_bundle, row=row))
        try:
            self._take_up(row)
        except PermanentFault as fault:  # the trial loaded the same: this process has less room
            self._refuse(body, number, str(fault))
            return
        self._fault, self._refused = None, (b"", 0)
        _LOG.info("policies.applied", release=number, policies=self._count, evaluations=outcome.evaluations)

    async def _read(self) -> Bundle | None:
        """What the reference data has of a release and its policies; None while there is no release."""
        used = self._reference.used
        release, policies = used.get("release"), used.get("policies")
        if release is None or not release.rows:
            return None
        try:
            found = [decode_row("release", body) for body in await rows.read_set(self._file.reader, release.set_no, 1)]
            bodies = [] if policies is None else await self._bodies(policies)
            made = tuple(decode_row("policies", body) for body in bodies)
        except PermanentFault as fault:
            self._say(0, str(fault))
            return None
        if not found or not isinstance(found[0], Release):
            return None
        return Bundle(found[0], tuple(policy for policy in made if isinstance(policy, Policy)))

    async def _bodies(self, policies: DatasetRow) -> list[bytes]:
        if policies.rows > POLICIES_MAX:
            raise PermanentFault(f"{policies.rows} policies, the limit is {POLICIES_MAX}")
        return await rows.read_set(self._file.reader, policies.set_no, POLICIES_MAX)

    def _refuse(self, body: bytes, number: int, why: str) -> None:
        self._refused = body, number
        self.refusals += 1
        self._say(number, why)

    def _say(self, number: int, why: str) -> None:
        self._fault = bounded(why)
        _LOG.warning("policies.refused", release=number, error=self._fault)
