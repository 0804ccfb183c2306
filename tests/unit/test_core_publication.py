"""What somebody publishes: every mistake with its line, all or nothing, one canonical row whatever the form."""

import json

import pytest

from edge_core.errors import PermanentFault
from edge_core.limits import POLICIES_MAX, POLICY_SIGNALS_MAX, REFERENCE_MISTAKES_MAX
from edge_core.reference.datasets import RULES_KEY
from edge_core.reference.publication import Form, Mistake, read_publication
from edge_core.reference.versions import content_hash

JSON = b"""[
  {"sku": "b", "description": "Butter", "unit": "H87"},
  {"sku": "a",
   "description": "Apples, loose", "unit": "KGM", "traits": ["fragile"]}
]"""
CSV = b"""sku,unit,description,traits,is_listed
a,KGM,"Apples, loose","[""fragile""]",
b,H87,Butter,,true
"""


def test_json_and_csv_of_the_same_rows_are_the_same_version() -> None:
    rows = read_publication("catalogue", JSON, "json").rows
    assert set(rows) == {"a", "b"}
    assert content_hash(read_publication("catalogue", CSV, "csv").rows) == content_hash(rows)


def test_each_mistake_is_named_with_the_line_on_which_its_row_begins() -> None:
    body = JSON.replace(b'"KGM"', b'"KGM", "colour": "red"').replace(b'"Butter"', b"7")
    found = read_publication("catalogue", body, "json")
    assert found.rows == {}
    assert [mistake.line for mistake in found.mistakes] == [2, 3]
    assert "description" in found.mistakes[0].what
    assert "colour" in found.mistakes[1].what


def test_a_line_of_csv_is_named_even_after_a_cell_of_several_lines() -> None:
    body = b'sku,unit,description\na,H87,"two\nlines"\nb,H87,\nc,H87,x,y\n'
    found = read_publication("catalogue", body, "csv")
    assert [(mistake.line, mistake.what) for mistake in found.mistakes] == [
        (4, "Object missing required field `description`"),
        (5, "there are more cells than the first line has names"),
    ]


def test_a_file_without_a_row_is_a_mistake_since_it_would_empty_every_store() -> None:
    empty: list[tuple[bytes, Form]] = [(b"[]", "json"), (b"", "csv"), (b"sku,unit,description\n", "csv")]
    for body, form in empty:
        found = read_publication("catalogue", body, form)
        assert found.mistakes == (Mistake(1, "there is no row"),), (body, form)


def test_a_line_that_was_cut_does_not_become_a_row_with_defaults() -> None:
    found = read_publication("catalogue", b"sku,unit,description,is_listed\na,H87,x,false\nb,H87,y", "csv")
    assert found.mistakes == (Mistake(3, "there are fewer cells than the first line has names"),)


def test_a_name_that_stands_twice_in_the_first_line_is_a_mistake() -> None:
    found = read_publication("catalogue", b"sku,unit,description,sku\na,H87,x,b\n", "csv")
    assert found.mistakes == (Mistake(1, "a name stands twice in the first line"),)


def test_only_the_end_of_a_line_ends_a_row_of_csv() -> None:
    """`str.splitlines` also ends lines at characters that office programs put into descriptions."""
    body = "sku,unit,description\na,H87,one\u2028two\x0bthree\x85four\r\nb,H87,\n".encode()
    found = read_publication("catalogue", body, "csv")
    assert [mistake.line for mistake in found.mistakes] == [3]


def test_a_key_that_stands_twice_is_a_mistake() -> None:
    row = {"sku": "a", "description": "x", "unit": "H87"}
    body = "[\n" + ",\n".join([json.dumps(row)] * 2) + "]"
    found = read_publication("catalogue", body.encode(), "json")
    assert found.mistakes == (Mistake(3, "'a' stands on line 2 already"),)


def test_a_price_in_csv_has_its_offers_as_json_in_a_cell() -> None:
    body = b'sku,offers\na,"[{""currency"":""EUR"",""unit_price_minor"":129}]"\n'
    assert set(read_publication("prices", body, "csv").rows) == {"a"}


def test_rules_are_one_object_under_one_key() -> None:
    assert set(read_publication("rules", b'{"rules_id": "2026-11"}', "json").rows) == {RULES_KEY}


def test_many_mistakes_are_counted_and_the_first_are_named() -> None:
    found = read_publication("catalogue", b"[" + b",".join([b"{}"] * 50) + b"]", "json")
    assert (len(found.mistakes), found.mistaken) == (REFERENCE_MISTAKES_MAX, 50)


@pytest.mark.parametrize("body", [b"", b"[", b"[1", b'"text"', b"\xff", b"[[]", b"{", b"null", b"[" * 10_000])
def test_what_is_no_json_of_rows_is_one_mistake(body: bytes) -> None:
    found = read_publication("catalogue", body, "json")
    assert (found.rows, found.mistaken) == ({}, 1)


@pytest.mark.parametrize("body", [b"\xff\xfe", b'sku,unit,description\na,"H87'])
def test_what_is_no_csv_is_a_mistake(body: bytes) -> None:
    found = read_publication("catalogue", body, "csv")
    assert (found.rows, found.mistaken) == ({}, 1)


def test_a_dataset_that_nobody_knows_is_refused() -> None:
    with pytest.raises(PermanentFault, match="no dataset"):
        read_publication("weather", b"[]", "json")


@pytest.mark.parametrize(("dataset", "rows_max"), [("policies", POLICIES_MAX), ("signals", POLICY_SIGNALS_MAX)])
def test_what_decisions_read_as_a_whole_has_a_bound_of_its_own(dataset: str, rows_max: int) -> None:
    def row(number: int) -> dict[str, object]:
        if dataset == "signals":
            return {"signal_id": f"s{number}", "source": "ops", "scope": "all", "until_ms": 1}
        return {"policy_id": f"p{number}", "revision": 1, "title_en": "p", "title_zh": "p", "graph": "{}"}

    rows = [row(number) for number in range(rows_max + 1)]
    assert read_publication(dataset, json.dumps(rows[:-1]).encode(), "json").mistakes == ()
    (mistake,) = read_publication(dataset, json.dumps(rows).encode(), "json").mistakes
    assert mistake.what == f"there are more than {rows_max} rows"
