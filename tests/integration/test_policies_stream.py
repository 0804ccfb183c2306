"""The table of `make policies`: real orders, made-up stores, each policy from shelves of its own."""

import json
from pathlib import Path

import msgspec
import pytest

from deploy.demo.records import SAMPLE
from deploy.policies.__main__ import main, strategies
from deploy.policies.stream import Account, Order, read_orders, run, shelves
from edge_core.policy.pricing import Policies
from holdfast_runtime.policies import bundled_policies, bundled_release

RELEASE = bundled_release(number=1, made_at_ms=0)


@pytest.fixture(scope="module")
def orders() -> list[Order]:
    return read_orders(SAMPLE, 30, 10)


def account_of(name: str, orders: list[Order]) -> Account:
    strategy = next(each for each in strategies(RELEASE) if each.name == name)
    return run(strategy, orders, Policies(RELEASE, bundled_policies()), lambda: None)


def test_each_policy_is_best_at_what_it_is_for(orders: list[Order]) -> None:
    nearest, fewest, cheapest, greenest = (
        account_of(name, orders) for name in ("nearest", "fewest_parcels", "cheapest", "greenest")
    )
    assert nearest.orders == fewest.orders == cheapest.orders == greenest.orders
    assert fewest.parcels < nearest.parcels
    assert cheapest.paid_milli < min(nearest.paid_milli, fewest.paid_milli)
    assert greenest.carbon_g < min(nearest.carbon_g, fewest.carbon_g, cheapest.carbon_g)


def test_the_same_orders_have_the_same_account_in_every_run(orders: list[Order]) -> None:
    assert account_of("the release", orders) == account_of("the release", orders)


def test_goods_that_were_sent_are_gone(orders: list[Order], monkeypatch: pytest.MonkeyPatch) -> None:
    """The same order ten times, of shelves that were filled for one of them: at last it is for a person."""
    only = orders[:1]
    filled = shelves(only)
    monkeypatch.setattr("deploy.policies.stream.shelves", lambda _: filled)
    account = account_of("ordinary", only * 10)
    assert account.orders > 0
    assert account.for_a_person > 0
    assert all(units >= 0 for shelf in filled.values() for units in shelf.values())


def test_the_command_prints_a_row_for_each_policy_and_the_release(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--data", str(SAMPLE), "--orders", "3", "--json"])
    accounts = msgspec.convert(json.loads(capsys.readouterr().out), list[Account])
    assert [each.name for each in accounts[:3]] == ["nearest", "fewest_parcels", "ordinary"]
    assert len(accounts) == len(bundled_policies()) + 1
    assert all(each.orders + each.for_a_person == 3 for each in accounts)


def test_a_file_that_is_no_ledger_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--data", str(tmp_path / "none.csv.gz")])
    assert left.value.code == 2
    assert "none.csv.gz" in capsys.readouterr().err
