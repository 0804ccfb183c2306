"""The life of a policy at the centre: drafted, linted, tried, compared, promoted, taken back, and by whom."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from central_sync import times
from central_sync.policy_desk import PolicyDesk
from central_sync.policy_watch import PolicyWatch
from central_sync.store import outcomes, policies, reference
from central_sync.store.database import Database
from central_sync.store.outcomes import OutcomeRow
from edge_core import ids
from edge_core.limits import POLICY_GRAPH_BYTES_MAX
from edge_core.policy.bundle import Bundle
from edge_core.policy.documents import Policy, Release
from edge_core.policy.figures import Outcome
from edge_core.policy.keys import key_id
from edge_core.policy.life import Plan, Revision
from edge_core.policy.signing import check_signature, public_key
from edge_core.reference.datasets import decode_row
from edge_core.reference.files import read_file
from edge_core.reference.versions import applied
from holdfast_runtime.policies import bundled_policies, bundled_release
from tests.rigs.agents import slug
from tests.rigs.brokers import Broker
from tests.rigs.centre import RunningCentre, greet, migrated, push, running_centre
from tests.rigs.policies import graph, table
from tests.rigs.routed_orders import routed_log
from tests.rigs.streams import NodeLog

PATH = "/v1/policies"
FASTEST = Revision("fastest", 1)
GOOD, LATE = Outcome(5_000, 1, 400, is_late=False), Outcome(5_000, 1, 400, is_late=True)


@pytest.fixture
async def centre(nats: Broker, centre_dsn: str) -> AsyncIterator[RunningCentre]:
    async with running_centre(centre_dsn, nats.url) as running:
        yield running


@pytest.fixture
async def database(centre: RunningCentre, centre_dsn: str) -> AsyncIterator[Database]:
    async with migrated(centre_dsn) as opened:
        yield opened


@pytest.fixture
def watch(database: Database) -> PolicyWatch:
    return PolicyWatch(database, PolicyDesk(times.now))


def drafted(policy_id: str, made: Any) -> dict[str, Any]:
    return {"policy_id": policy_id, "title_en": policy_id, "title_zh": "策略", "graph": made, "note": "a test"}


def hours(hour_minor: int) -> Any:
    """A graph that gives an hour on the way a price."""
    return graph(table([{"hour_minor": str(hour_minor)}]))


async def step(centre: RunningCentre, revision: Revision, verb: str, **body: Any) -> Any:
    path = f"{PATH}/{revision.policy_id}/{revision.number}/{verb}"
    answer = await (centre.http.post(path, json=body) if body else centre.http.post(path))
    assert answer.status_code == 200, answer.text
    return answer.json()["status"]


async def draft(centre: RunningCentre, made: Any, policy_id: str = "fastest") -> Any:
    answer = await centre.http.post(PATH, json=drafted(policy_id, made))
    assert answer.status_code == 201, answer.text
    return answer.json()


async def tried(centre: RunningCentre, revision: Revision) -> Any:
    """Try a revision on what was routed last."""
    answer = await centre.http.post(f"{PATH}/{revision.policy_id}/{revision.number}/try", json={"orders": 1_000})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def released(database: Database) -> Bundle:
    """What stores would fetch now."""
    found: dict[str, list[Any]] = {}
    async with database.reading() as connection:
        for dataset in ("policies", "release"):
            newest = (await reference.kept(connection, dataset))[0]
            _, changes = read_file(await reference.whole(connection, dataset, newest.version))
            found[dataset] = [decode_row(dataset, body) for body in applied({}, changes).values()]
    (release,) = found["release"]
    assert isinstance(release, Release)
    return Bundle(release, tuple(each for each in found["policies"] if isinstance(each, Policy)))


async def came_out(
    database: Database,
    arm: str,
    orders: Sequence[Outcome],
    *,
    at: datetime | None = None,
    here: str = "store-0001",
    region: str = "CN-GD",
    release: int = 1,
) -> None:
    """Orders of an arm, without their entries."""
    rows = [
        OutcomeRow(
            ids.uuid7(1, number),
            f"{arm} {here}".encode(),
            at or times.now(),
            f"{arm}@{release}#0",
            here,
            region,
            outcome,
        )
        for number, outcome in enumerate(orders, 1)
    ]
    async with database.transaction() as connection:
        await outcomes.add(connection, rows)


async def share_guarded(centre: RunningCentre) -> None:
    """A tenth of the orders, until 20 in a thousand more of them are late."""
    await draft(centre, hours(1))
    await tried(centre, FASTEST)
    guards = [{"figure": "late", "more_permille_max": 20}]
    assert await step(centre, FASTEST, "compare", mode="share", percent=10, guards=guards) == "shared"


async def arrived(database: Database, log: NodeLog) -> None:
    await greet(database, log)
    for message in log.pushes():
        await push(database, message)


async def test_the_policies_that_are_shipped_are_installed_once_and_stores_can_check_them(
    centre: RunningCentre, database: Database
) -> None:
    desk = PolicyDesk(times.now)
    bundle = Bundle(bundled_release(number=1, made_at_ms=1), bundled_policies())
    async with database.transaction() as connection:
        await desk.install(connection, bundle, "somebody")
        seed = await desk.seed(connection)
        again = await desk.install(connection, bundle, "somebody")
    assert "release 1 is in use" in str(again)
    made = await released(database)
    check_signature(made, {key_id(public_key(seed)): public_key(seed)})
    assert made.release.layers[0] == "ordinary-r1"
    assert {each.policy_id for each in made.policies} == {*made.release.layers, *made.release.fallback}
    listed = await centre.get(PATH)
    assert len(listed["policies"]) == len(bundled_policies())
    assert listed["plan"]["layers"] == list(made.release.layers)


async def test_a_clock_that_was_set_back_makes_no_release_that_stores_take_for_an_older_one(
    centre: RunningCentre, database: Database
) -> None:
    bundle = Bundle(bundled_release(number=1, made_at_ms=1), bundled_policies())
    yesterday = PolicyDesk(lambda: times.now() - timedelta(days=1))
    async with database.transaction() as connection:
        plan = await PolicyDesk(times.now).install(connection, bundle, "somebody")
    first = (await released(database)).release
    assert isinstance(plan, Plan)
    async with database.transaction() as connection:
        await yesterday.arrange(connection, plan.layers[:1], plan.fallback, "somebody")
    second = (await released(database)).release
    assert (second.number, second.layers) == (2, first.layers[:1])
    assert second.made_at_ms > first.made_at_ms


async def test_a_draft_with_errors_stays_one_and_says_in_which_cell(centre: RunningCentre) -> None:
    wrong = graph(table([{"if Tier": "'gold'", "hour_minor": "100"}]))
    made = await draft(centre, wrong)
    assert made["status"] == "draft"
    assert next(each for each in made["findings"] if each["severity"] == "error") == {
        "severity": "error",
        "where": "fastest, node 'prices', column 'Tier'",
        "what": "'Tier' is no fact",
        "allowed": ["tier"],
    }
    refused = await centre.http.post(f"{PATH}/fastest/1/compare", json={"mode": "share", "percent": 10})
    assert (refused.status_code, slug(refused)) == (409, "policy-not-possible")
    assert refused.json()["state"] == "draft"


async def test_what_is_no_graph_or_no_text_is_refused_and_stands_in_nobodys_way(centre: RunningCentre) -> None:
    await draft(centre, hours(1))
    large = hours(1) | {"remark": "x" * POLICY_GRAPH_BYTES_MAX}
    for body in (drafted("three", 3), drafted("large", large), drafted("zero", hours(1)) | {"note": "a\0b"}):
        refused = await centre.http.post(PATH, json=body)
        assert refused.status_code in {400, 422}, refused.text
    refused = await centre.http.post(f"{PATH}/fastest/1/rollback", json={"reason": "\0"})
    assert slug(refused) == "invalid-document"
    refused = await centre.http.post(
        f"{PATH}/fastest/1/compare", json={"mode": "share", "percent": 1, "regions": ["a\0"]}
    )
    assert slug(refused) == "invalid-document"
    assert slug(await centre.http.get(f"{PATH}/a%00b/1")) == "policy-not-found"
    assert [each["name"] for each in (await centre.get(PATH))["policies"]] == ["fastest-r1"]


async def test_a_policy_is_tried_on_what_was_routed_and_says_the_difference(
    centre: RunningCentre, database: Database
) -> None:
    await arrived(database, routed_log(60))
    assert (await draft(centre, hours(500)))["status"] == "linted"
    trial = await tried(centre, FASTEST)
    assert (trial["orders"], trial["changed"], trial["faulty"]) == (60, 60, 0)
    figures = {each["figure"]: each for each in trial["differences"]}
    assert figures["cost_milli"]["more"]["low"] > 0  # the plane is dearer, and an hour has a price now
    shown = await centre.get(f"{PATH}/fastest/1")
    assert shown["policy"]["status"] == "tried"
    assert shown["trial"]["changed"] == 60


async def test_a_shadow_is_tried_on_every_order_and_changes_none(
    centre: RunningCentre, database: Database, watch: PolicyWatch
) -> None:
    await draft(centre, hours(500))
    await tried(centre, FASTEST)
    assert await step(centre, FASTEST, "compare", mode="shadow") == "shadow"
    assert [each.mode for each in (await released(database)).release.experiments] == ["shadow"]
    await arrived(database, routed_log(60, now_ms=times.now_ms()))
    await watch.look()
    await watch.look()  # each order once
    compared = (await centre.get(f"{PATH}/fastest/1"))["comparison"]
    assert (compared["orders_control"], compared["orders_treated"]) == (60, 60)
    cost = next(each for each in compared["figures"] if each["figure"] == "cost_milli")
    assert cost["treated"]["estimate"] > cost["control"]["estimate"]


async def test_a_guard_takes_a_policy_back_by_itself_and_says_why(
    centre: RunningCentre, database: Database, watch: PolicyWatch
) -> None:
    await share_guarded(centre)
    await came_out(database, "default", [GOOD] * 900)
    await came_out(database, FASTEST.name, [GOOD] * 90 + [LATE] * 10)
    await watch.look()
    assert (await centre.get(f"{PATH}/fastest/1"))["policy"]["status"] == "rolled_back"
    assert (await released(database)).release.experiments == ()
    last = (await centre.get(f"{PATH}/audit"))["actions"][0]
    assert (last["who"], last["action"]) == ("guard", "rolled_back")
    assert last["detail"].startswith("late: 0.1 instead of 0")


async def test_a_guard_is_silent_while_it_is_not_sure(
    centre: RunningCentre, database: Database, watch: PolicyWatch
) -> None:
    await share_guarded(centre)
    before = datetime(2026, 1, 1, tzinfo=UTC)
    await came_out(database, "default", [GOOD] * 500)
    await came_out(database, FASTEST.name, [GOOD] * 58 + [LATE] * 2)
    await came_out(database, f"{FASTEST.name}x", [LATE] * 500)
    await came_out(database, "default", [GOOD] * 1, at=before)
    await watch.look()
    assert (await centre.get(f"{PATH}/fastest/1"))["policy"]["status"] == "shared"


async def test_both_sides_of_a_comparison_are_of_its_regions_and_stores_and_of_who_has_heard_of_it(
    centre: RunningCentre, database: Database
) -> None:
    await draft(centre, hours(1))
    await step(centre, FASTEST, "promote")
    await draft(centre, hours(2))
    second = Revision("fastest", 2)
    await tried(centre, second)
    scope: dict[str, Any] = {"mode": "share", "percent": 10, "regions": ["CN"], "stores": ["store-0001", "store-0002"]}
    await step(centre, second, "compare", **scope)
    far, near = Outcome(9_000, 1, 400, is_late=True), Outcome(5_000, 1, 400, is_late=False)
    await came_out(database, second.name, [far] * 60, region="CN-HI", release=2)
    await came_out(database, "default", [far] * 70, region="CN-HI", release=2)
    await came_out(database, "default", [near] * 80, here="store-0003", region="CN-HI", release=2)
    await came_out(database, "default", [near] * 90, here="store-0002", region="DE-BE", release=2)
    await came_out(database, "default", [near] * 99, here="store-0002", region="CN-HI", release=1)
    compared = (await centre.get(f"{PATH}/fastest/2"))["comparison"]
    assert (compared["orders_treated"], compared["orders_control"]) == (60, 70)
    await step(centre, second, "compare", **{**scope, "guards": [{"figure": "late", "more_permille_max": 20}]})
    assert (await centre.get(f"{PATH}/fastest/2"))["comparison"]["orders_treated"] == 60, "a guard changes no group"
    await step(centre, second, "compare", **{**scope, "percent": 50})
    assert (await centre.get(f"{PATH}/fastest/2"))["comparison"]["orders_treated"] == 0, "weeks of other shares"


async def test_a_guard_that_comes_late_changes_nothing(
    centre: RunningCentre, database: Database, watch: PolicyWatch
) -> None:
    await share_guarded(centre)
    async with database.reading() as connection:
        (running,) = (await policies.read_plan(connection)).running
    await came_out(database, "default", [Outcome(5_000, 1, 400, is_late=False)] * 900)
    await came_out(database, FASTEST.name, [Outcome(5_000, 1, 400, is_late=True)] * 100)
    assert await step(centre, FASTEST, "promote") == "promoted"
    await watch.guard(running)
    assert (await centre.get(f"{PATH}/fastest/1"))["policy"]["status"] == "promoted"


async def test_a_comparison_names_promoted_layers_and_itself(centre: RunningCentre) -> None:
    await draft(centre, hours(1), "base")
    await step(centre, Revision("base", 1), "promote")
    await draft(centre, hours(1), "other")
    await draft(centre, hours(1))
    await tried(centre, FASTEST)
    for layers, told in (
        (["nobody-r9", "fastest-r1"], (404, "policy-not-found")),
        (["base-r" + "1" * 5_000, "fastest-r1"], (404, "policy-not-found")),
        (["other-r1", "fastest-r1"], (409, "policy-not-possible")),
        (["base-r1"], (409, "policy-not-possible")),
    ):
        body = {"mode": "share", "percent": 10, "layers": layers}
        answer = await centre.http.post(f"{PATH}/fastest/1/compare", json=body)
        assert (answer.status_code, slug(answer)) == told
    assert (
        await step(centre, FASTEST, "compare", mode="share", percent=10, layers=["fastest-r1", "base-r1"]) == "shared"
    )


async def test_a_promoted_revision_replaces_the_one_before_and_gives_its_place_back(
    centre: RunningCentre, database: Database
) -> None:
    second = Revision("fastest", 2)
    await draft(centre, hours(1))
    assert await step(centre, FASTEST, "promote") == "promoted"  # nothing to compare it with
    await draft(centre, hours(9))
    early = await centre.http.post(f"{PATH}/fastest/2/promote")
    assert (early.status_code, slug(early)) == (409, "policy-not-possible")
    await tried(centre, second)
    await step(centre, second, "compare", mode="share", percent=10)
    assert await step(centre, second, "promote") == "promoted"
    assert (await released(database)).release.layers == ("fastest-r2",)
    assert await step(centre, second, "rollback", reason="complaints") == "rolled_back"
    made = await released(database)
    assert (made.release.number, made.release.layers) == (4, ("fastest-r1",))
    status = {each["name"]: each["status"] for each in (await centre.get(PATH))["policies"]}
    assert status == {"fastest-r1": "promoted", "fastest-r2": "rolled_back"}
    never = await centre.http.post(f"{PATH}/fastest/2/compare", json={"mode": "shadow"})
    assert (never.status_code, slug(never)) == (409, "policy-not-possible")


async def test_a_policy_for_signals_alone_is_revised_and_taken_back_without_an_order_being_asked_of_it(
    centre: RunningCentre, database: Database
) -> None:
    for policy_id in ("base", "near"):
        await draft(centre, hours(1), policy_id)
        await step(centre, Revision(policy_id, 1), "promote")
    await centre.http.put(f"{PATH}/plan", json={"layers": ["base-r1"], "fallback": ["near-r1"]})
    await draft(centre, hours(2), "near")
    assert await step(centre, Revision("near", 2), "promote") == "promoted"
    made = (await released(database)).release
    assert (made.layers, made.fallback) == (("base-r1",), ("near-r2",))
    await step(centre, Revision("near", 2), "rollback", reason="complaints")
    made = (await released(database)).release
    assert (made.layers, made.fallback) == (("base-r1",), ("near-r1",))
    status = {each["name"]: each["status"] for each in (await centre.get(PATH))["policies"]}
    assert status == {"base-r1": "promoted", "near-r1": "promoted", "near-r2": "rolled_back"}


async def test_a_centre_whose_clock_is_behind_makes_no_release_that_stores_would_take_for_an_older_one(
    centre: RunningCentre, database: Database
) -> None:
    await draft(centre, hours(1))
    await step(centre, FASTEST, "promote")
    before = (await released(database)).release.made_at_ms
    behind = PolicyDesk(lambda: datetime(2026, 1, 1, tzinfo=UTC))
    async with database.transaction() as connection:
        assert await behind.roll_back(connection, FASTEST, who="guard", why="late") == "rolled_back"
    assert (await released(database)).release.made_at_ms == before + 1


async def test_what_is_refused_leaves_nothing_behind(centre: RunningCentre, database: Database) -> None:
    await draft(centre, hours(1))
    await step(centre, FASTEST, "promote")
    before = await centre.get(PATH), await released(database)
    answer = await centre.http.put(f"{PATH}/plan", json={"layers": ["fastest-r1", "unknown-r1"]})
    assert (answer.status_code, slug(answer)) == (404, "policy-not-found")
    answer = await centre.http.put(f"{PATH}/plan", json={"layers": ["fastest-r1", "fastest-r1"]})
    assert (answer.status_code, slug(answer)) == (409, "policy-not-possible")
    assert (await centre.get(PATH), await released(database)) == before
    async with database.reading() as connection:
        assert (await policies.read_plan(connection)).number == 1


async def test_a_signal_is_told_to_stores_replaced_ended_and_over_by_itself(
    centre: RunningCentre, database: Database
) -> None:
    body = {"signal_id": "storm", "source": "weather", "scope": "region/CN-HI", "until": "2999-01-01T00:00:00Z"}
    assert slug(await centre.http.post("/v1/signals", json=body)) == "signal-invalid"
    soon = times.rfc3339(datetime.fromtimestamp(times.now().timestamp() + 3_600, UTC))
    for severity in ("warning", "severe"):
        answer = await centre.http.post("/v1/signals", json={**body, "until": soon, "severity": severity})
        assert answer.status_code == 201, answer.text
    (shown,) = (await centre.get("/v1/signals"))["signals"]
    assert (shown["severity"], shown["until"], shown["effect"]) == ("severe", soon, "fallback")
    assert slug(await centre.http.post("/v1/signals", json={**body, "until": soon, "scope": "moon"})) == (
        "invalid-document"
    )
    assert (await centre.http.delete("/v1/signals/storm")).status_code == 204
    assert (await centre.get("/v1/signals"))["signals"] == []
    assert slug(await centre.http.delete("/v1/signals/storm")) == "signal-not-found"
