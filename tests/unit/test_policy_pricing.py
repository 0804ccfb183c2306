"""Policies give a question its prices: which ones an order is asked of, and what becomes of what they answer."""

from typing import Any

import pytest
from msgspec.structs import replace

from edge_core.policy.choosing import bucket, stopped, within
from edge_core.policy.documents import Experiment, Policy, Signal
from edge_core.policy.engine import Engine
from edge_core.policy.faults import PolicyFault
from edge_core.policy.pricing import Policies, arm_of, check_layers
from edge_core.policy.schema import INPUTS, OUTPUTS, Value, named
from edge_core.policy.verdict import Verdict, read_verdict
from edge_core.routing.deciding import route
from edge_core.routing.facts import Facts
from edge_core.routing.question import Bar, Prices, Requirement
from tests.rigs.policies import expressions, policy, release, table
from tests.rigs.routing import CENT, NOW_MS, question

BASE = policy("base", table([{"parcel_minor": "150", "late_hour_minor": "12.5"}]))
GOLD = policy("gold", table([{"if tier": "'gold'", "hour_minor": "30"}, {"hour_minor": "0"}]), revision=4)
ODD = policy("odd", expressions({"parcel_minor": "0 - 1"}))


def answer(*given: Policy, **facts: Any) -> Prices:
    layers = [each.policy_id for each in given]
    return Policies(release(*layers), given).priced(question(**facts), "o1", NOW_MS).prices


def test_each_layer_gives_some_prices_and_the_later_one_wins() -> None:
    over = policy("over", table([{"parcel_minor": "99"}]))
    prices = answer(BASE, GOLD, over, facts=Facts(tier="gold"), prices=Prices(carbon_kg_milli=7))
    assert (prices.parcel_milli, prices.late_hour_milli, prices.hour_milli) == (99 * CENT, 12_500, 30 * CENT)
    assert prices.carbon_kg_milli == 7, "what no policy speaks of stays as it was"


def test_a_policy_sees_quantities_as_units_and_not_as_thousandths() -> None:
    assert named(Facts(liquid_units_milli=3_500, lines=2))["liquid_units"] == 3.5
    assert not [name for name in INPUTS if name.endswith("_milli")]
    by_units = policy("units", table([{"if liquid_units": ">= 3", "parcel_minor": "5"}, {"parcel_minor": "6"}]))
    assert answer(by_units, facts=Facts(liquid_units_milli=3_000)).parcel_milli == 5 * CENT
    assert answer(by_units, facts=Facts(liquid_units_milli=2_999)).parcel_milli == 6 * CENT


def test_what_layers_bar_and_require_is_united_and_says_whose_it_is() -> None:
    air = policy("air", table([{"bars": "['fragile:air', 'liquid:sea:CN-HI']"}]))
    cold = policy("cold", table([{"bars": "'fragile:air'", "requires": "['liquid:cold']"}]), revision=2)
    prices = answer(air, cold)
    assert prices.bars == (
        Bar("fragile", "air", None, "air@1"),
        Bar("liquid", "sea", "CN-HI", "air@1"),
        Bar("fragile", "air", None, "cold@2"),
    )
    assert prices.requires == (Requirement("liquid", "cold", "cold@2"),)


def test_every_kind_of_answer_reaches_its_price() -> None:
    given = {name: "1.5" if name.endswith("_minor") else "3" for name in OUTPUTS} | {"transit_hours_max": "36"}
    given |= {"keeps_promise": "true", "sorts_first": "true", "bars": "['*:air']", "requires": "['*:cold']"}
    prices = answer(policy("all", table([given])))
    assert prices == Prices(
        **dict.fromkeys((one.field for one in OUTPUTS.values() if one.per_unit == CENT), 1_500),
        keeps_promise=True,
        parcels_max=3,
        transit_ms_max=36 * 3_600_000,
        expiry_days=3,
        bars=(Bar(None, "air", None, "all@1"),),
        requires=(Requirement(None, "cold", "all@1"),),
        sorts_first=True,
    )


def test_none_takes_a_bound_away() -> None:
    few = policy("few", table([{"backorder_minor": "100", "transit_hours_max": "12"}]))
    free = policy("free", table([{"backorder_minor": "'none'", "transit_hours_max": "'none'"}]))
    assert (answer(few).backorder_milli, answer(few).transit_ms_max) == (100 * CENT, 12 * 3_600_000)
    assert (answer(few, free).backorder_milli, answer(few, free).transit_ms_max) == (None, None)


@pytest.mark.parametrize(
    ("column", "cell", "says"),
    [
        ("parcel_minor", "0 - 1", "-1 is not within 0 and 100000000"),
        ("parcel_minor", "'much'", "expected a number, found 'much'"),
        ("parcel_minor", "true", "expected a number, found True"),
        ("parcel_minor", "100000001", "is not within"),
        ("parcels_max", "2.5", "expected a whole number, found 2.5"),
        ("parcels_max", "11", "is not within 1 and 10"),
        ("keeps_promise", "1", "expected true or false"),
        ("bars", "5", "expected words in quotes"),
        ("bars", "['soft:air']", "'soft' is not known"),
        ("bars", "['fragile:rocket']", "'rocket' is not known"),
        ("bars", "['fragile:air:Hainan']", "'Hainan' is no region"),
        ("bars", "['fragile:air:DE:x']", "has more parts"),
        ("requires", "['cold']", "expected the goods' trait"),
        ("requires", "['liquid:warm']", "'warm' is not known"),
        ("parcel_price", "5", "no policy may answer with this name"),
    ],
)
def test_an_answer_that_cannot_be_used_leaves_the_built_in_prices_and_names_the_cell(
    column: str, cell: str, says: str
) -> None:
    asked = question()
    bad = policy("bad", table([{column: cell}]))
    told = Policies(release("base", "bad"), [BASE, bad]).price(asked, "o1", NOW_MS)
    assert told.why == "built-in"
    assert told.cause is not None
    assert told.cause.startswith(f"bad, column '{column}': ")
    assert says in told.cause
    assert told.question.prices == asked.prices
    assert told.question.policy.source == "built-in-1@1/default", (
        "the release and the arm that could not be asked is named"
    )
    assert route(told.question).kind == "fulfil_here", "the order is routed all the same"


def test_an_order_whose_policies_cannot_be_asked_counts_in_the_arm_that_it_was_of() -> None:
    bad = policy("bad", table([{"parcels_max": "99"}]))
    tried = release("base", experiments=(Experiment("worse", ("bad",), "share", 100),))
    source = Policies(tried, [BASE, bad]).priced(question(), "o1", NOW_MS).policy.source
    assert source == "built-in-1@1/worse"
    assert [arm_of(each) for each in (source, "worse@3#ab", "default@3#ab", "built-in-1")] == [
        *("worse", "worse", "default", "built-in-1"),
    ]


def test_an_engine_that_fails_and_a_list_of_answers_leave_the_built_in_prices_too() -> None:
    for bad, says in (
        (policy("bad", expressions({"parcel_minor": "value_minor ^ 1000"})), "cannot be evaluated"),
        (policy("bad", table([{"parcel_minor": "1"}], hitPolicy="collect")), "the answer is a list"),
    ):
        told = Policies(release("bad"), [bad]).price(question(facts=Facts(value_minor=9_000)), "o1", NOW_MS)
        assert told.why == "built-in"
        assert says in str(told.cause)


def test_what_is_no_graph_cannot_be_loaded() -> None:
    for graph in ("[]", "{", '{"nodes": 5}', '{"nodes": [{"type": "odd"}], "edges": []}'):
        with pytest.raises(PolicyFault):
            Policies(release("bad"), [Policy("bad", 1, "bad", "bad", graph)])


def test_the_stamp_has_the_arm_the_release_and_the_hash_of_what_the_policies_say() -> None:
    def stamp(*given: Policy, number: int = 12) -> str:
        asked = Policies(release("base", "gold", number=number), given).priced(question(), "o1", NOW_MS)
        return asked.policy.source

    first = stamp(BASE, GOLD)
    assert first.startswith("default@12#")
    assert stamp(BASE, GOLD) == first
    assert stamp(BASE, GOLD, number=13).partition("#")[2] == first.partition("#")[2]
    assert stamp(BASE, replace(GOLD, revision=5)) != first


# --- which policies --------------------------------------------------------------------------------------------------


def test_an_order_has_one_bucket_in_each_experiment_for_ever() -> None:
    assert [bucket("o1", "green"), bucket("o1", "split"), bucket("o2", "green")] == [76, 8, 31]
    counts = [0] * 100
    for number in range(20_000):
        counts[bucket(f"order-{number}", "green")] += 1
    assert min(counts) > 140
    assert max(counts) < 260


def test_a_share_of_the_orders_is_asked_of_the_experiment() -> None:
    tried = release("base", experiments=(Experiment("green", ("gold",), "share", 40),))
    policies = Policies(tried, [BASE, GOLD])
    arms = [policies.price(question(), f"o{n}", NOW_MS) for n in range(500)]
    for number, told in enumerate(arms):
        is_in = bucket(f"o{number}", "green") < 40
        assert told.why == ("experiment" if is_in else "default")
        assert told.question.policy.source.startswith("green@1#" if is_in else "default@1#")
    assert 150 < sum(told.why == "experiment" for told in arms) < 250


def test_an_experiment_keeps_to_its_stores_and_regions() -> None:
    def why(experiment: Experiment, **facts: Any) -> str:
        return (
            Policies(release("base", experiments=(experiment,)), [BASE, GOLD])
            .price(question(**facts), "o1", NOW_MS)
            .why
        )

    there = Experiment("there", ("gold",), "share", 100, regions=("CN-HI", "DE"))
    here = Experiment("here", ("gold",), "share", 100, stores=("s2",))
    assert why(there, region="DE-BE") == "experiment"
    assert why(there, region="CN-GD") == "default"
    assert why(here) == "default"
    assert why(here, here="s2") == "experiment"
    assert not within("DEX", "DE")


def test_a_decision_does_no_work_for_shadows(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = release("base", experiments=(Experiment("green", ("gold",), "shadow", 100),))
    policies, asked = Policies(tried, [BASE, GOLD]), []
    verdict = Engine.verdict

    def counted(engine: Engine, policy_id: str, facts: dict[str, Value]) -> Verdict:
        asked.append(policy_id)
        return verdict(engine, policy_id, facts)

    monkeypatch.setattr(Engine, "verdict", counted)
    policies.priced(question(), "o1", NOW_MS)
    assert asked == ["base"]


@pytest.mark.parametrize(
    ("scope", "facts", "is_within"),
    [
        ("all", {}, True),
        ("region/DE", {}, True),
        ("region/DE-BE", {}, True),
        ("region/CN-HI", {}, False),
        ("store/s1", {}, True),
        ("store/s2", {}, False),
        ("service/van", {}, True),
        ("service/plane", {}, False),
        ("carrier/fast", {}, True),
    ],
)
def test_a_signal_turns_orders_within_its_scope_to_the_fallback_until_it_ends(
    scope: str, facts: dict[str, Any], is_within: bool
) -> None:
    policies = Policies(release("base", fallback=("gold",)), [BASE, GOLD])
    signal = Signal("storm", "weather", scope, NOW_MS + 1_000, "severe", from_ms=NOW_MS)
    told = policies.price(question(**facts), "o1", NOW_MS, [signal])
    assert told.why == ("fallback" if is_within else "default")
    assert told.cause == ("storm" if is_within else None)
    for moment_ms in (NOW_MS - 1, NOW_MS + 1_000):
        assert policies.price(question(), "o1", moment_ms, [signal]).why == "default", "before and after it"


def test_a_signal_without_a_fallback_or_with_another_effect_changes_no_policy() -> None:
    signal = Signal("storm", "weather", "all", NOW_MS + 1)
    assert Policies(release("base"), [BASE]).price(question(), "o1", NOW_MS, [signal]).why == "default"
    noted = replace(signal, effect="note")
    assert (
        Policies(release("base", fallback=("gold",)), [BASE, GOLD]).price(question(), "o1", NOW_MS, [noted]).why
        == "default"
    )


def test_what_is_stopped_is_named_until_the_signal_ends() -> None:
    signals = [
        Signal("a", "ops", "carrier/fast", NOW_MS + 1, effect="stop"),
        Signal("b", "ops", "service/van", NOW_MS, effect="stop"),
        Signal("c", "ops", "all", NOW_MS + 1),
    ]
    assert stopped(signals, NOW_MS) == {"carrier/fast"}


def test_a_release_that_names_a_policy_which_is_not_there_is_a_fault() -> None:
    check_layers(release("base", fallback=("gold",)), [BASE, GOLD])
    for named_there in (
        release("gold"),
        release("base", fallback=("gold",)),
        release("base", experiments=(Experiment("green", ("gold",)),)),
    ):
        with pytest.raises(PolicyFault, match="of the release names it"):
            check_layers(named_there, [BASE])


def test_more_bars_than_a_question_holds_are_no_answer() -> None:
    with pytest.raises(PolicyFault, match=r"base, column 'bars': 1001 words, the limit is 1000"):
        read_verdict(BASE, {"bars": ["*:air"] * 1001})
