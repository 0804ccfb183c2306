"""Laws of the rights, whatever stands in them: replicas that hear the same agree, in whatever order they heard it."""

from uuid import UUID

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from edge_core.errors import Rejected
from edge_core.stock import rights as rules
from edge_core.stock.rights import Life, Moved, Rights, Row

LIVES = [Life(node, UUID(int=number)) for node in ("owner", "store-a", "store-b") for number in (1, 2)]
EMPTY = Rights("owner", "milk")


_ROW_BYTES = len(LIVES) + 5


def _row(life: Life, figures: bytes) -> Row:
    """Any figures at all: also those that no run could have made."""
    minted, used, returned, flags, *given = (figure % 10 for figure in figures)
    moved = tuple(Moved(to, n) for to, n in zip(LIVES, given[1:], strict=True) if n and to != life)
    return Row(life, minted, moved, used, returned, flags % 4 == 1)


def _rights(figures: bytes) -> Rights:
    parts = [figures[at : at + _ROW_BYTES] for at in range(0, len(figures), _ROW_BYTES)]
    return replace(EMPTY, rows=tuple(_row(life, part) for life, part in zip(LIVES, parts, strict=True) if part[0] % 3))


# Drawn as bytes, for speed.
KNOWN = st.binary(min_size=_ROW_BYTES * len(LIVES), max_size=_ROW_BYTES * len(LIVES)).map(_rights)


def written(rights: Rights) -> bytes:
    return msgspec.msgpack.encode(rights)


@settings(max_examples=5 * settings().max_examples)
@given(KNOWN, KNOWN, KNOWN)
def test_the_order_and_the_number_of_times_of_hearing_change_no_byte(a: Rights, b: Rights, c: Rights) -> None:
    assert written(rules.merge(a, b)) == written(rules.merge(b, a))
    assert written(rules.merge(rules.merge(a, b), c)) == written(rules.merge(a, rules.merge(b, c)))
    assert written(rules.merge(a, a)) == written(a) == written(rules.merge(a, EMPTY))
    assert written(rules.merge(rules.merge(a, b), b)) == written(rules.merge(a, b))


@settings(max_examples=5 * settings().max_examples)
@given(KNOWN, KNOWN)
def test_knowing_more_never_lowers_a_figure_nor_revives_a_void_life(a: Rights, b: Rights) -> None:
    both = rules.merge(a, b)
    for life in rules.lives(a):
        before, after = rules.row_of(a, life), rules.row_of(both, life)
        assert (before.minted_milli, before.used_milli, before.returned_milli) <= (
            after.minted_milli, after.used_milli, after.returned_milli
        )  # fmt: skip
        given_before, given_after = ({m.to: m.quantity_milli for m in row.moved} for row in (before, after))
        assert all(given_after[to] >= quantity for to, quantity in given_before.items())
        assert after.is_void >= before.is_void


@settings(max_examples=5 * settings().max_examples)
@given(KNOWN)
def test_every_right_is_held_stranded_or_uncovered(rights: Rights) -> None:
    balances = {life: rules.balance_milli(rights, life) for life in rules.lives(rights)}
    assert sum(balances.values()) == rules.outstanding_milli(rights)
    debts = sum(-b for life, b in balances.items() if b < 0 and not rules.row_of(rights, life).is_void)
    held = sum(rules.held_milli(rights, life) for life in balances)
    found = held + rules.stranded_milli(rights) - rules.uncovered_milli(rights) - debts
    assert found == rules.outstanding_milli(rights)


@settings(max_examples=5 * settings().max_examples)
@given(KNOWN, st.sampled_from(LIVES), st.sampled_from(LIVES), st.integers(1, 12))
def test_moving_neither_makes_nor_loses_and_nobody_gives_what_it_does_not_hold(
    rights: Rights, life: Life, to: Life, quantity: int
) -> None:
    if life == to:
        return
    after = rules.move(rights, life, to, quantity)
    if isinstance(after, Rejected):
        is_void = any(rules.row_of(rights, each).is_void for each in (life, to))
        assert is_void or quantity > rules.held_milli(rights, life)
        return
    assert rules.outstanding_milli(after) == rules.outstanding_milli(rights)
    assert rules.balance_milli(after, life) == rules.balance_milli(rights, life) - quantity >= 0
    assert rules.balance_milli(after, to) == rules.balance_milli(rights, to) + quantity


@given(KNOWN, st.sampled_from(LIVES), st.sampled_from(LIVES))
def test_a_settled_life_leaves_nothing_and_settling_again_changes_nothing(
    rights: Rights, life: Life, heir: Life
) -> None:
    rights = rules.void(rights, life)
    after = rules.settle(rights, life, heir)
    if isinstance(after, Rejected):
        assert rules.row_of(rights, heir).is_void
        return
    assert rules.balance_milli(after, life) == min(0, rules.balance_milli(rights, life))
    assert rules.outstanding_milli(after) == rules.outstanding_milli(rights)
    assert rules.settle(after, life, heir) == after
