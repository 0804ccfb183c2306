"""Our plans are as cheap as those of a MIP solver: a few problems of `make sourcing`, which compares thousands."""

import pytest

from tests.rigs.brunel import EXCERPT
from tests.rigs.sourcing_gap import brunel_problems, compare, main, random_problems

pytestmark = pytest.mark.slow


def test_no_plan_of_a_mip_solver_is_cheaper_for_random_problems() -> None:
    compared = [compare(problem) for problem in random_problems(range(10_001, 10_061))]
    assert [each for each in compared if each.is_wrong] == []
    assert sum(each.mip_milli is not None for each in compared) > 40


def test_no_plan_of_a_mip_solver_is_cheaper_at_real_freight_rates() -> None:
    compared = [compare(problem) for problem in brunel_problems(EXCERPT, limit=25)]
    assert [each for each in compared if each.is_wrong] == []
    assert sum(each.mip_milli is not None for each in compared) > 20


def test_a_plan_that_is_not_the_cheapest_fails_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--problems", "3", "--jobs", "1", "--long", "0", "--data", str(EXCERPT)]
    monkeypatch.setattr("tests.rigs.sourcing_gap._LINES_MAX", 3)
    monkeypatch.setattr("tests.rigs.sourcing_gap.brunel_problems", lambda folder: brunel_problems(folder, 3))
    assert main(arguments) == 0
    monkeypatch.setattr("tests.rigs.sourcing_gap.cheapest_by_mip", lambda _: 1)
    assert main(arguments) == 1
    assert "HiGHS 1" in capsys.readouterr().err
