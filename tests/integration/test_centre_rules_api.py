"""Rules in plain words over HTTP: what was understood, what could stand there, and a draft of what was accepted."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.rigs.brokers import Broker
from tests.rigs.centre import RunningCentre, running_centre

CHINESE = "当订单含3件以上液体商品且收货地为海南且客户为黑金会员，则使用冷运并优先分拣"


@pytest.fixture
async def centre(nats: Broker, centre_dsn: str) -> AsyncIterator[RunningCentre]:
    async with running_centre(centre_dsn, nats.url) as running:
        yield running


async def post(centre: RunningCentre, verb: str, status: int, **body: Any) -> Any:
    answer = await centre.http.post(f"/v1/rules/{verb}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_a_sentence_is_shown_as_a_row_and_its_graph_is_told_as_the_sentence(centre: RunningCentre) -> None:
    said = await post(centre, "say", 200, sentences=[CHINESE])
    (sentence,) = said["sentences"]
    assert (sentence["lang"], sentence["mistake"]) == ("zh", None)
    assert sentence["row"]["inputs"] == {"liquid_units": ">= 3", "region": '"CN-HI"', "tier": '"black_gold"'}
    told = await post(centre, "tell", 200, graph=said["graph"])
    assert told["rows"][0]["zh"] == sentence["row"]["zh"]


async def test_each_mistake_has_its_column_and_its_words_and_a_beginning_asks_for_the_next_one(
    centre: RunningCentre,
) -> None:
    said = await post(centre, "say", 200, sentences=["Always pick it first", "When the customer is a glod member"])
    assert said["graph"] is None
    assert said["sentences"][0]["row"]["outputs"] == {"sorts_first": "true"}
    mistake = said["sentences"][1]["mistake"]
    assert (mistake["column"], "gold" in mistake["allowed"]) == (24, True)
    begun = await post(centre, "say", 200, sentences=["当客户为"], lang="zh")
    assert "黑金" in begun["sentences"][0]["mistake"]["allowed"]


async def test_what_is_accepted_is_a_draft_in_the_list_of_policies(centre: RunningCentre) -> None:
    made = await post(centre, "accept", 201, policy_id="island", sentences=[CHINESE])
    assert (made["name"], made["status"]) == ("island-r1", "linted")
    assert [each["name"] for each in (await centre.get("/v1/policies"))["policies"]] == ["island-r1"]


async def test_nothing_is_accepted_where_one_sentence_is_no_rule(centre: RunningCentre) -> None:
    problem = await post(centre, "accept", 422, policy_id="island", sentences=[CHINESE, "When it rains, pick it first"])
    assert problem["type"].endswith("rule-not-understood")
    assert (problem["pointer"], "the order has" in problem["allowed"]) == ("/sentences/1", True)
    assert (await centre.get("/v1/policies"))["policies"] == []


@pytest.mark.parametrize(
    ("verb", "body"),
    [
        ("say", {"sentences": []}),
        ("say", {"sentences": ["x"] * 101}),
        ("tell", {"graph": {"nodes": 1}}),
        ("accept", {"policy_id": "No Name", "sentences": ["Always pick it first"]}),
    ],
)
async def test_a_request_out_of_form_is_refused(centre: RunningCentre, verb: str, body: Any) -> None:
    await post(centre, verb, 422, **body)
