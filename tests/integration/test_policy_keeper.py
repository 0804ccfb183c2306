"""The policies of a store: what comes as reference data is tried, used or refused; there are always some prices."""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Iterable
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest
import structlog
from msgspec.structs import replace

from edge_agent.policies import PolicyKeeper
from edge_agent.policy_keys import read_key_file, trust
from edge_agent.policy_sandbox import run_trial
from edge_core.errors import PermanentFault
from edge_core.limits import POLICY_KEYS_MAX
from edge_core.policy.bundle import Bundle
from edge_core.policy.documents import Policy, Release, Signal
from edge_core.policy.faults import Cell, PolicyFault
from edge_core.policy.outcome import Outcome, Trial
from edge_core.policy.pricing import Policies
from edge_core.policy.signing import signed
from edge_core.reference.datasets import encode_row
from edge_core.routing.facts import Facts
from tests.rigs.bundles import GOOD, HOSTILE, KEY, KEYS, SEED, bundle
from tests.rigs.policies import ELSE, policy, table
from tests.rigs.routing import NOW_MS, question
from tests.rigs.shelf import HERE, Parts, opened_parts
from tests.rigs.waiting import eventually

ORDER = UUID(int=7)


class Shop:
    """A store's parts with a keeper of policies that runs."""

    def __init__(self, parts: Parts, folder: Path) -> None:
        self.parts = parts
        self.keys = folder / "policy-keys"
        self.keys.write_text(f"{KEY.hex()}  # a remark\n\n")
        self.keeper = self.another()
        self.version = 0

    def another(self) -> PolicyKeeper:
        """A keeper as the next start of the agent makes it."""
        return PolicyKeeper(self.parts.file, self.parts.intake, HERE, self.parts.keeper, self.keys)

    async def publish(self, given: Bundle, *, release_first: bool = False) -> None:
        """Have the store receive a bundle."""
        self.version += 1
        rows = {
            "policies": {each.policy_id: encode_row(each) for each in given.policies},
            "release": {"release": encode_row(given.release)},
        }
        for dataset in sorted(rows, reverse=release_first):
            row = await self.parts.fetch(self.parts.shelf.publish(dataset, self.version, rows[dataset]))
            self.parts.keeper.used[dataset] = row
            self.keeper.changed(dataset)

    async def until(self, number: int, *, refused: int = 0) -> None:
        async def look() -> bool:
            status = self.keeper.status
            assert (status.number, status.refused) == (number, refused), status
            return True

        await eventually(look, 30)


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    async with opened_parts(tmp_path) as parts:
        made = Shop(parts, tmp_path)
        await made.keeper.load()
        running = asyncio.create_task(made.keeper.run())
        yield made
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def hour_milli(keeper: PolicyKeeper, *signals: Signal) -> int | None:
    """What an hour is worth to a gold customer by the policies in use; None without any."""
    pricing = keeper.pricing(signals)
    return None if pricing is None else pricing(question(facts=Facts(tier="gold")), ORDER).prices.hour_milli


@pytest.mark.parametrize("release_first", [False, True])
async def test_a_bundle_is_used_once_both_of_its_datasets_are_there(shop: Shop, *, release_first: bool) -> None:
    assert hour_milli(shop.keeper) is None
    await shop.publish(bundle(GOOD, number=2), release_first=release_first)
    await shop.until(2)
    assert hour_milli(shop.keeper) == 30_000
    assert shop.keeper.report().fault is None
    assert shop.keeper.status.signed_by == next(iter(KEYS))


async def test_a_bundle_is_used_after_a_restart_too_whatever_has_come_since(shop: Shop) -> None:
    await shop.publish(bundle(GOOD, number=2))
    await shop.until(2)
    await shop.publish(HOSTILE["a function node"])
    await shop.until(2, refused=9)
    again = shop.another()
    await again.load()
    assert (again.status.number, hour_milli(again)) == (2, 30_000)


async def test_hostile_bundles_change_nothing_and_the_next_good_one_is_used(shop: Shop) -> None:
    await shop.publish(bundle(GOOD, number=2))
    await shop.until(2)
    for given in HOSTILE.values():
        before = shop.keeper.refusals
        await shop.publish(given)

        async def refused(before: int = before) -> bool:
            assert shop.keeper.refusals == before + 1
            return True

        await eventually(refused, 30)
        assert (shop.keeper.status.number, hour_milli(shop.keeper)) == (2, 30_000)
        assert shop.keeper.status.fault
    await shop.publish(bundle(policy("p", table([{"hour_minor": "7"}])), number=10))
    await shop.until(10)
    assert hour_milli(shop.keeper) == 7_000
    assert shop.keeper.status.fault is None


async def test_policies_without_the_release_that_names_them_wait(shop: Shop) -> None:
    given = bundle(GOOD, number=2)
    await shop.publish(Bundle(given.release, (replace(GOOD, title_en="changed"),)))

    async def waits() -> bool:
        assert shop.keeper.report().waiting_for == 2
        return True

    await eventually(waits)
    assert (shop.keeper.status.number, shop.keeper.refusals) == (0, 0)
    await shop.publish(given)
    await shop.until(2)
    assert shop.keeper.report().waiting_for == 0
    await shop.publish(Bundle(given.release, (policy("new", table([ELSE])),)))
    assert hour_milli(shop.keeper) == 30_000, "policies that come before their release change nothing"


async def test_a_release_that_was_refused_is_not_tried_again_until_it_is_another(shop: Shop) -> None:
    await shop.publish(HOSTILE["another key"])
    await shop.until(0, refused=9)
    await shop.publish(HOSTILE["another key"])
    await shop.publish(bundle(GOOD, number=10))
    await shop.until(10)
    assert shop.keeper.refusals == 1


async def test_a_key_that_is_trusted_no_more_takes_its_policies_with_it_at_the_next_start(shop: Shop) -> None:
    await shop.publish(bundle(GOOD, number=2))
    await shop.until(2)
    shop.keys.write_text("")
    again = shop.another()
    await again.load()
    assert (again.status.number, hour_milli(again)) == (0, None)
    assert "trusted here no more" in str(again.status.fault)


async def test_a_file_of_keys_that_is_none_refuses_every_release(shop: Shop) -> None:
    shop.keys.write_text("nonsense\n")
    await shop.publish(bundle(GOOD, number=2))
    await shop.until(0, refused=2)
    assert "no Ed25519 key" in str(shop.keeper.status.fault)


async def test_signals_turn_to_the_fallback(shop: Shop) -> None:
    slow = policy("slow", table([{"hour_minor": "1"}]))
    await shop.publish(bundle(GOOD, slow, number=2, fallback=("slow",)))
    await shop.until(2)
    assert hour_milli(shop.keeper, Signal("s", "weather", "all", NOW_MS + 1)) == 1_000
    assert hour_milli(shop.keeper, Signal("s", "weather", "all", NOW_MS)) == 1_000, "slow is a layer of its own too"


def test_enrolment_adds_a_key_once_and_keeps_the_others(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    other = bytes(32).hex()
    assert read_key_file(path) == {}
    assert trust(path, [KEY.hex()])
    assert not trust(path, [KEY.hex()])
    assert trust(path, [other])
    assert {key.hex() for key in read_key_file(path).values()} == {KEY.hex(), other}
    with pytest.raises(PermanentFault, match="the limit is"):
        trust(path, [bytes([n] * 32).hex() for n in range(1, POLICY_KEYS_MAX + 1)])
    with pytest.raises(PermanentFault, match="cannot be written"):
        trust(tmp_path / "nowhere" / "keys", [KEY.hex()])


def test_keys_are_on_the_disk_before_they_take_the_place_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, synced = tmp_path / "keys", list[tuple[bytes, bool]]()

    def fsync(file: int) -> None:
        synced.append((Path(f"/proc/self/fd/{file}").read_bytes(), path.exists()))

    monkeypatch.setattr(os, "fsync", fsync)
    assert trust(path, [KEY.hex()])
    assert synced == [(f"{KEY.hex()}\n".encode(), False)]


async def test_a_centre_that_gives_a_number_twice_is_followed_by_when_the_release_was_made(shop: Shop) -> None:
    await shop.publish(bundle(GOOD, number=5))
    await shop.until(5)
    restored = bundle(policy("p", table([{"hour_minor": "7"}])), number=3)
    later = replace(restored.release, made_at_ms=NOW_MS)
    await shop.publish(Bundle(signed(later, restored.policies, SEED), restored.policies))
    await shop.until(3)
    assert hour_milli(shop.keeper) == 7_000


async def test_a_trial_that_came_to_no_answer_is_repeated_after_a_while(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [Outcome(0, ("its trial was not over after 60000 ms",))]

    async def busy(trial: Trial) -> Outcome:
        return answers.pop() if answers else await run_trial(trial)

    monkeypatch.setattr("edge_agent.policies.run_trial", busy)
    monkeypatch.setattr("edge_agent.policies.POLICY_TRIAL_AGAIN_MS", 50)
    shop.keeper.changed("release")  # what waits for an hour begins to wait for less
    await shop.publish(bundle(GOOD, number=2))
    await shop.until(2)
    assert shop.keeper.refusals == 1
    assert shop.keeper.status.fault is None


async def test_a_bundle_that_is_damaged_in_the_file_is_made_anew_from_the_reference_data(shop: Shop) -> None:
    await shop.publish(bundle(GOOD, number=2))
    await shop.until(2)
    with closing(sqlite3.connect(shop.parts.file.path)) as hand, hand:
        hand.execute("UPDATE policy_bundle SET body = substr(body, 1, 40)")
    shop.keeper = shop.another()
    await shop.keeper.load()
    assert (shop.keeper.status.number, hour_milli(shop.keeper)) == (0, None)
    assert "the bundle in the file cannot be used" in str(shop.keeper.status.fault)
    running = asyncio.create_task(shop.keeper.run())
    await shop.until(2)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert hour_milli(shop.keeper) == 30_000
    assert shop.keeper.status.fault is None


async def test_what_this_process_has_no_room_for_is_not_shown_as_used(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shop.publish(bundle(GOOD, number=2))
    await shop.until(2)

    def load(release: Release, policies: Iterable[Policy]) -> Policies:
        raise PolicyFault(Cell("*"), "the engine cannot load it: no memory")

    monkeypatch.setattr("edge_agent.policies.Policies", load)
    await shop.publish(bundle(policy("p", table([{"hour_minor": "7"}])), number=3))
    await shop.until(2, refused=3)
    assert (shop.keeper.status.policies, hour_milli(shop.keeper)) == (1, 30_000)


async def test_a_policy_that_cannot_answer_is_counted_for_each_order_and_its_cell_told_once(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shop.publish(bundle(GOOD, number=2))
    await shop.until(2)

    def fails(*_: object) -> None:
        raise PolicyFault(Cell("base", "prices", 1, "hour_minor"), "out of its bounds")

    monkeypatch.setattr("edge_core.policy.engine.Engine.verdict", fails)
    pricing = shop.keeper.pricing(())
    assert pricing is not None
    with structlog.testing.capture_logs() as logs:
        asked = [pricing(question(), ORDER) for _ in range(3)]
    assert {each.prices for each in asked} == {question().prices}
    assert shop.keeper.unanswered == 3
    assert [(each["event"], each["error"]) for each in logs] == [
        ("policies.unanswered", "base, node 'prices', row 1, column 'hour_minor': out of its bounds"),
    ]
