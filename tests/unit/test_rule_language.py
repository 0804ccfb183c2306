"""Rules in plain words: one meaning in both languages, nothing guessed, mistakes by column with what may stand."""

import logging
from decimal import Decimal
from pathlib import Path

import pytest
from lark import logger as lark_logger

from central_sync.rule_language import describing
from central_sync.rule_language.aloud import aloud
from central_sync.rule_language.grammar import parser
from central_sync.rule_language.graph import tables_of
from central_sync.rule_language.misreading import Misreading
from central_sync.rule_language.reading import read
from central_sync.rule_language.rule import BOUNDS, MEASURES, NAMINGS, SWITCHES, Rule
from central_sync.rule_language.table import row_of
from central_sync.rule_language.telling import tell
from central_sync.rule_language.vocabulary import Name, Names, Vocabulary, read_names, written
from central_sync.rule_language.words import WORDS as TABLE
from edge_core.errors import Rejected
from edge_core.limits import RULE_SENTENCE_CHARS_MAX
from edge_core.policy.lint import lint
from edge_core.policy.schema import INPUTS, OUTPUTS
from edge_core.routing.facts import Facts
from edge_core.routing.question import Bar, Requirement
from edge_core.routing.terms import Lang
from tests.rigs.rules import WORDS, answers, condition, mistake, policy, rule, verdict

BUNDLED = Path(__file__).parents[2] / "edge_core" / "policy" / "bundled"
LANGS: tuple[Lang, ...] = ("en", "zh")
CHINESE = "当订单含3件以上液体商品且收货地为海南且客户为黑金会员, 则使用冷运并优先分拣"
ENGLISH = (
    "When the order has at least 3 units of liquid goods and the goods go to Hainan and the customer is a black gold "
    "member, then use cold carriers and pick it first."
)
ISLAND = Facts(liquid_lines=1, liquid_units_milli=3_000, region="CN-HI", tier="black_gold")
TWO_UNITS = Facts(liquid_lines=1, liquid_units_milli=2_000, region="CN-HI", tier="black_gold")


def test_the_example_and_its_english_twin_are_the_same_row() -> None:
    assert rule(CHINESE) == rule(ENGLISH)
    row = row_of(rule(CHINESE))
    assert dict(row.inputs) == {"liquid_units": ">= 3", "region": '"CN-HI"', "tier": '"black_gold"'}
    assert dict(row.outputs) == {"requires": '["*:cold"]', "sorts_first": "true"}


def test_the_row_does_in_the_engine_what_the_sentence_says() -> None:
    found = verdict(ISLAND, CHINESE)
    assert found.prices == {"sorts_first": True}
    assert found.requires == (Requirement(None, "cold", "said@1"),)
    for other in (TWO_UNITS, Facts(liquid_units_milli=3_000, region="CN-HI", tier="gold")):
        assert verdict(other, CHINESE).prices == {}


@pytest.mark.parametrize("sentence", [CHINESE, *describing.EXAMPLES])
def test_what_is_said_has_no_errors_for_the_linter_of_policies(sentence: str) -> None:
    assert [str(found) for found in lint(policy(sentence)) if found.severity == "error"] == []


AMOUNTS = [
    ("当订单含3件以上液体商品", ("liquid_units", ">=", (3,))),
    ("当订单含3件以上的液体商品", ("liquid_units", ">=", (3,))),
    ("当订单含超过3件液体商品", ("liquid_units", ">", (3,))),
    ("当订单含3件以下液体商品", ("liquid_units", "<=", (3,))),
    ("当订单含3件以内液体商品", ("liquid_units", "<=", (3,))),
    ("当订单含不满3件液体商品", ("liquid_units", "<", (3,))),
    ("当订单含不超过3件液体商品", ("liquid_units", "<=", (3,))),
    ("当订单含恰好3件液体商品", ("liquid_units", "==", (3,))),
    ("当订单含3种以上液体商品", ("liquid_lines", ">=", (3,))),
    ("当订单含3行以上商品", ("lines", ">=", (3,))),
    ("当订单含液体商品", ("liquid_lines", ">=", (1,))),
    ("当订单不含液体商品", ("liquid_lines", "==", (0,))),
    ("When the order has more than 3 units of liquid goods", ("liquid_units", ">", (3,))),
    ("When the order has at least 3 units of liquid goods", ("liquid_units", ">=", (3,))),
    ("When the order has 3 or more units of liquid goods", ("liquid_units", ">=", (3,))),
    ("When the order has fewer than 3 lines of cold goods", ("cold_lines", "<", (3,))),
    ("When the order has 3 lines or fewer of goods", ("lines", "<=", (3,))),
    ("When the order has no fragile goods", ("fragile_lines", "==", (0,))),
]


@pytest.mark.parametrize(("sentence", "expected"), AMOUNTS)
def test_units_and_lines_and_more_than_and_at_least_are_different_words(
    sentence: str, expected: tuple[str, str, tuple[object, ...]]
) -> None:
    assert condition(sentence) == expected


@pytest.mark.parametrize(
    "sentence",
    ["当订单含3件液体商品，则优先分拣", "When the order has 3 units of liquid goods, then pick it first"],
)
def test_a_number_that_nothing_is_compared_with_is_asked_about(sentence: str) -> None:
    found = mistake(sentence)
    assert {"以上", "以下"} <= set(found.allowed) or {"or more", "or fewer"} <= set(found.allowed)


@pytest.mark.parametrize(
    "sentence", ["当订单含3以上液体商品，则优先分拣", "When the order has at least 3 liquid goods, then pick it first"]
)
def test_whether_units_or_lines_are_counted_is_asked_about(sentence: str) -> None:
    found = mistake(sentence)
    assert {"件", "行"} <= set(found.allowed) or {"units", "lines"} <= set(found.allowed)


FACTS = [
    ("当收货地不为海南或西藏", ("region", "!=", ("CN-HI", "CN-XZ"))),
    ("当收货地为DE-BE", ("region", "==", ("DE-BE",))),
    ("当收货国家为de", ("country", "==", ("DE",))),
    ("当订单金额超过500元", ("value_minor", ">", (50_000,))),
    ("当订单金额500元以上", ("value_minor", ">=", (50_000,))),
    ("当重量至少2.5公斤", ("weight_g", ">=", (2_500,))),
    ("当毛利率低于30%", ("margin_ppm", "<", (300_000,))),
    ("当承诺时间24小时以内", ("promise_hours", "<=", (24,))),
    ("当时刻18点以上", ("hour", ">=", (18,))),
    ("当日期为周六或星期天", ("weekday", "==", (6, 7))),
    ("当已尝试两次以上", ("attempts", ">=", (2,))),
    ("当门店离线", ("is_offline", "==", (True,))),
    ("当客户需要回收旧件", ("wants_take_back", "==", (True,))),
    ("当配送方式为自提", ("method", "==", ("pickup",))),
    ("When the goods do not go to Hainan", ("region", "!=", ("CN-HI",))),
    ("When the customer is not a gold member", ("tier", "!=", ("gold",))),
    ("when THE CUSTOMER is a Black  Gold member or vip", ("tier", "==", ("black_gold", "vip"))),
    ("When the value is at most 1000 JPY", ("value_minor", "<=", (1_000,))),
    ("When the customer prefers the greenest", ("preference", "==", ("greenest",))),
    ("When the channel is the web shop", ("channel", "==", ("web",))),
    ("When the customer prefers nothing in particular or the fastest", ("preference", "==", ("", "fastest"))),
    ("When the value is more than 100 minor units", ("value_minor", ">", (100,))),
    ("When the store is online", ("is_offline", "==", (False,))),
]


@pytest.mark.parametrize(("sentence", "expected"), [each for each in FACTS if " or vip" not in each[0]])
def test_each_fact_can_be_asked(sentence: str, expected: tuple[str, str, tuple[object, ...]]) -> None:
    assert condition(sentence) == expected


ANSWERS = [
    ("keep the promise", {"keeps_promise": True}),
    ("send it in at most 2 parcels", {"parcels_max": 2}),
    ("let it be on the way for at most 24 hours", {"transit_ms_max": 86_400_000}),
    ("look for expiry within 14 days", {"expiry_days": 14}),
    ("count a parcel as 2.50 EUR", {"parcel_milli": 250_000}),
    ("count a parcel as 0.001 EUR", {"parcel_milli": 100}),
    ("count a parcel from a store as -1 EUR", {"store_milli": -100_000}),
    ("let no line wait", {"backorder_milli": None}),
    ("let it be on the way for any time", {"transit_ms_max": None}),
    ("pick it in its turn", {"sorts_first": False}),
    ("let it be late where that is better", {"keeps_promise": False}),
    ("count a parcel as 250 minor units", {"parcel_milli": 250_000}),
]


@pytest.mark.parametrize("path", sorted(BUNDLED.glob("*.json")), ids=lambda path: path.stem)
def test_every_row_of_the_policies_that_come_with_the_product_can_be_told(path: Path) -> None:
    tables = () if path.stem == "bundle" else tables_of(path.read_bytes())
    assert not isinstance(tables, Rejected)
    for row in (row for table in tables for row in table.rows):
        assert aloud(row, WORDS) is not None, row


@pytest.mark.parametrize(("said", "expected"), ANSWERS)
def test_each_answer_is_one_that_the_engine_gives(said: str, expected: dict[str, object]) -> None:
    assert answers(Facts(currency="EUR"), f"Always {said}.") == expected


def test_an_amount_is_for_orders_in_its_currency_alone() -> None:
    assert answers(Facts(currency="USD"), "Always count a parcel as 2.50 EUR.") == {}


def test_a_margin_that_is_not_known_is_above_and_below_nothing() -> None:
    low, high = "当毛利率低于30%，则优先分拣", "当毛利率至少30%，则优先分拣"
    assert answers(Facts(margin_ppm=200_000), low) == {"sorts_first": True}
    assert answers(Facts(margin_ppm=None), low) == {}
    assert answers(Facts(margin_ppm=None), high) == {}


def test_goods_that_may_not_go_somewhere_become_a_bar_for_each_place() -> None:
    found = verdict(Facts(), "凡订单，则易碎商品不得以航空方式发往海南或西藏，所有商品不得以海运方式发运")
    assert found.bars == (
        Bar("fragile", "air", "CN-HI", "said@1"),
        Bar("fragile", "air", "CN-XZ", "said@1"),
        Bar(None, "sea", None, "said@1"),
    )


def test_of_several_rows_the_first_that_matches_answers() -> None:
    sentences = "当客户为黑金会员，则至多分1个包裹", "凡订单，则至多分3个包裹"
    assert answers(Facts(tier="black_gold"), *sentences) == {"parcels_max": 1}
    assert answers(Facts(), *sentences) == {"parcels_max": 3}


def test_the_hours_of_a_day_are_two_conditions_on_one_fact_and_one_cell() -> None:
    said = rule("When the hour is at least 8 o'clock and the hour is less than 18 o'clock, then pick it first")
    assert dict(row_of(said).inputs) == {"hour": ">= 8 and < 18"}


@pytest.mark.parametrize(
    ("numeral", "expected"),
    [("三", 3), ("两", 2), ("十", 10), ("十二", 12), ("二十", 20), ("九十九", 99), ("一百", 100), ("三百零五", 305)],
)
def test_chinese_numerals_are_numbers(numeral: str, expected: int) -> None:
    assert condition(f"当订单含{numeral}件以上商品") == ("units", ">=", (expected,))


def test_a_numeral_that_people_mean_in_two_ways_is_not_taken() -> None:
    assert mistake("当订单含一百五件以上商品，则优先分拣").column == 8


def test_full_width_signs_and_digits_are_as_good_and_columns_stay() -> None:
    wide = "当订单含３件以上液体商品且收货地为海南，则优先分拣。"
    assert rule(wide) == rule("当订单含3件以上液体商品且收货地为海南,则优先分拣.")
    assert mistake("当订单含３件以上液体商品且收货地为海楠，则优先分拣。").column == 18


# --- mistakes --------------------------------------------------------------------------------------------------------

MISTAKES = [
    ("当客户为黑银会员，则优先分拣", 5, "黑金"),
    ("当收货地为海楠，则优先分拣", 6, "海南"),
    ("当订单含3件以上汽体商品，则优先分拣", 9, "液体"),
    ("当门店离线，则使用冷云", 10, "冷运"),
    ("When the customer is a glod member, then pick it first", 24, "gold"),
    ("When the store is offline, then use colt carriers", 37, "cold carriers"),
    ("When the order has at least three units of goods, then pick it first", 29, "a number"),
    ("When the store is offline", 26, "then"),
    ("", 1, "when"),
    ("Always pick it first and", 25, "keep the promise"),
]


@pytest.mark.parametrize(("sentence", "column", "allowed"), MISTAKES)
def test_a_mistake_names_its_column_and_the_words_that_may_stand_there(
    sentence: str, column: int, allowed: str
) -> None:
    found = mistake(sentence)
    assert found.column == column
    assert allowed in found.allowed


WRONG = [
    ("当客户为黑金会员且客户为金卡会员，则优先分拣", 10, "“客户为”重复"),
    (
        "When the hour is at least 18 o'clock and the hour is at most 8 o'clock, then pick it first",
        *(42, "no order is like that"),
    ),
    ("当订单含超过3件商品且订单含3件以下商品，则优先分拣", 12, "没有订单符合"),
    ("Always pick it first and keep the promise and pick it first", 47, "was said before"),
    ("Always count a parcel as 1 EUR and count a refusal as 1 USD", 57, '"USD": the sentence speaks of EUR already'),
    ("When the currency is USD, then count a parcel as 1 EUR", 52, "speaks of USD"),
    ("When the order has exactly 1.5 lines, then pick it first", 28, "a whole number"),
    ("Always send it in at most 99 parcels", 27, "between 1 and 10"),
    ("Always count a parcel as -1 EUR", 26, "between 0"),
    ("Always count a parcel as 0.000001 EUR", 26, "thousandths of a minor unit"),
    ("When the hour is at least 24 o'clock, then pick it first", 27, "between 0 and 23"),
    ("When the hour is at least 8 o'clock and the hour is over 9 o'clock, then pick it first", 41, "was said before"),
]


@pytest.mark.parametrize(("sentence", "column", "what"), WRONG)
def test_what_no_rule_can_mean_is_a_mistake_too(sentence: str, column: int, what: str) -> None:
    found = mistake(sentence)
    assert found.column == column
    assert what in found.what


def test_a_mistake_is_told_in_the_language_of_the_sentence() -> None:
    assert (
        mistake("当客户为黑银会员，则优先分拣")
        .said("zh")
        .startswith("第 5 列：此处不能是“黑银会员，则优先分拣”；可用：黑金、")
    )
    said = mistake("When the customer is a glod member, then pick it first").said("en")
    assert (
        said
        == 'column 24: "glod" cannot stand here; what can: black gold, diamond, black card, platinum, gold, silver, VIP'
    )


def test_a_mistake_has_every_word_and_tells_as_many_as_somebody_reads() -> None:
    found = mistake("当收货地为海楠，则优先分拣")
    assert len(found.allowed) > 31
    assert found.said("zh").endswith("、…")
    assert found.said("zh").count("、") == 24


def test_a_sentence_that_nobody_would_read_is_not_read() -> None:
    assert "500" in mistake("when " * RULE_SENTENCE_CHARS_MAX).what


# --- a chain's own names ---------------------------------------------------------------------------------------------

OWN = """
[[tier]]
value = "emerald"
en = ["emerald"]
zh = ["翡翠"]

[[region]]
value = "DE-BY"
en = ["Bavaria"]
zh = ["巴伐利亚"]
"""


def test_a_chain_says_its_own_tiers_and_regions_by_name() -> None:
    names = read_names(OWN)
    assert isinstance(names, Names)
    words = Vocabulary(names)
    said = read("当客户为翡翠会员且收货地为巴伐利亚，则优先分拣", "zh", words)
    assert isinstance(said, Rule)
    assert [each.values for each in said.conditions] == [("emerald",), ("DE-BY",)]
    assert (
        tell(said, "en", words)
        == "When the customer's tier is emerald and the goods go to Bavaria, then pick it first."
    )
    assert isinstance(read("当客户为翡翠会员，则优先分拣", "zh", WORDS), Misreading)


def test_a_chains_word_for_a_tier_takes_the_place_of_the_languages() -> None:
    words = Vocabulary(Names(tier=(Name("gold", ("golden",), ("金牌",)),)))
    said = read("When the customer is a golden member, then pick it first", "en", words)
    assert isinstance(said, Rule)
    assert said.conditions[0].values == ("gold",)
    assert isinstance(read("When the customer is a gold member, then pick it first", "en", words), Misreading)


def test_a_chains_word_that_is_said_like_one_of_the_languages_takes_its_place() -> None:
    words = Vocabulary(Names(tier=(Name("g1", ("Gold",), ("甲级",)),)))
    said = read("When the customer's tier is gold, then pick it first", "en", words)
    assert isinstance(said, Rule)
    assert said.conditions[0].values == ("g1",)
    assert tell(said, "zh", words) == "当客户为甲级会员，则优先分拣。"
    assert "金卡" not in words.ways("TIER", "zh")


TWO_ALIKE = """
tier = [{value = "a", en = ["top"], zh = ["顶级"]}, {value = "b", en = ["Top"], zh = ["次级"]}]
"""
QUOTED = """
tier = [{value = 'a"b', en = ["x"], zh = ["y"]}]
"""


@pytest.mark.parametrize("text", ["[[tier]]\nvalue = 1", "[[country]]", "[[tier", QUOTED, TWO_ALIKE])
def test_names_that_cannot_be_used_are_refused(text: str) -> None:
    assert isinstance(read_names(text), Rejected)


def test_a_number_is_told_without_an_exponent() -> None:
    said = rule("When the value is more than 100000 EUR, then pick it first")
    assert said.conditions[0].values == (Decimal(10_000_000),)
    assert "100000.00 EUR" in tell(said, "en", WORDS)


# --- the grammar -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_no_sentence_has_two_meanings(lang: Lang, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger=lark_logger.name):
        parser(lang, Vocabulary())
    assert [record.message for record in caplog.records if "onflict" in record.message] == []


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_word_of_a_language_can_be_said_and_every_fact_be_asked(lang: Lang) -> None:
    grammar = parser(lang, WORDS)
    used = {each.name for rule in grammar.rules for each in rule.expansion if each.is_term}
    assert [kind for kind in WORDS.words if WORDS.ways(kind, lang) and kind not in used] == []
    assert used <= {*WORDS.words, "DIGITS", "REGION_CODE", "COUNTRY_CODE"}


def test_every_fact_and_every_answer_of_a_policy_can_be_said() -> None:
    asked = {measure.fact for measure in MEASURES.values()} | {naming.fact for naming in NAMINGS.values()}
    asked |= {word.value for word in TABLE["EXTRA"]} | {"is_offline", "value_minor", "currency", "lines", "units"}
    asked |= {f"{word.value}_{unit}" for word in TABLE["TRAIT"] for unit in ("lines", "units")}
    assert asked == set(INPUTS)
    answered = (
        {word.value for word in TABLE["PRICE"]}
        | {name for name, _ in BOUNDS.values()}
        | {name for name, _ in SWITCHES.values()}
    )
    assert answered | {"bars", "requires"} == set(OUTPUTS)


def test_no_two_words_of_a_class_are_written_alike() -> None:
    for kind in TABLE:
        for lang in LANGS:
            ways = [(way, word.value) for word in TABLE[kind] for way in word.said(lang)]
            assert len({written(way) for way, _ in ways}) == len(ways) or kind == "AND", kind


def test_the_examples_of_the_page_mean_the_same_in_both_languages() -> None:
    for example in describing.EXAMPLES:
        assert rule(example) == rule(tell(rule(example), "zh", WORDS))
