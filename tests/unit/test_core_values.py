"""Small pure values: the clock, identifiers, money, topics, the chain, the books."""

from itertools import pairwise
from uuid import RFC_4122, UUID

import pytest

from edge_core import ids
from edge_core.clock import COUNTER_BITS, tick, wall_ms
from edge_core.errors import InvariantViolated, PeerFault
from edge_core.limits import SHARDS
from edge_core.orders.money import gross_minor
from edge_core.sync import chain, conservation, topics
from edge_core.sync.messages import LaneLedger

NOW_MS = 1_795_000_000_000
YEAR_MS = 365 * 86_400_000
INCARNATION = ids.uuid7(NOW_MS, 1)

# --- the clock -------------------------------------------------------------------------------------------------------


def readings(*wall: int) -> list[int]:
    found: list[int] = [0]
    for now_ms in wall:
        found.append(tick(found[-1], now_ms))
    return found[1:]


@pytest.mark.parametrize(
    "wall",
    [
        [NOW_MS] * 5,
        [NOW_MS, NOW_MS - 1, NOW_MS - 3_600_000, NOW_MS],
        [NOW_MS, NOW_MS + 10 * YEAR_MS, NOW_MS, NOW_MS - 10 * YEAR_MS],
        [0, -1, -YEAR_MS],
    ],
    ids=["stands still", "goes back an hour", "jumps ten years and back", "before 1970"],
)
def test_readings_only_ever_grow_whatever_the_wall_clock_does(wall: list[int]) -> None:
    assert all(earlier < later for earlier, later in pairwise(readings(*wall)))


def test_a_reading_follows_the_wall_clock_while_that_goes_forward() -> None:
    assert [wall_ms(reading) for reading in readings(NOW_MS, NOW_MS + 5, NOW_MS + 9)] == [
        NOW_MS,
        NOW_MS + 5,
        NOW_MS + 9,
    ]


def test_after_a_jump_ahead_and_back_only_the_counter_moves() -> None:
    ahead, back, still = readings(NOW_MS + YEAR_MS, NOW_MS, NOW_MS + 1)
    assert (back - ahead, still - back) == (1, 1)
    assert wall_ms(still) == NOW_MS + YEAR_MS


def test_a_full_counter_borrows_the_next_millisecond() -> None:
    full = (NOW_MS << COUNTER_BITS) + (1 << COUNTER_BITS) - 1
    assert tick(full, NOW_MS) == (NOW_MS + 1) << COUNTER_BITS


def test_a_clock_at_the_end_of_its_range_stops_rather_than_wraps() -> None:
    last = ((1 << 48) - 1 << COUNTER_BITS) + (1 << COUNTER_BITS) - 1
    assert tick(0, 1 << 60) >> COUNTER_BITS == (1 << 48) - 1
    with pytest.raises(InvariantViolated, match="ran out"):
        tick(last, NOW_MS)


# --- identifiers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("random_bits", [0, 1, (1 << 62) - 1, 1 << 62, (1 << 74) - 1])
def test_a_uuid7_has_the_bits_of_rfc_9562(random_bits: int) -> None:
    made = ids.uuid7(NOW_MS, random_bits)
    assert (made.version, made.variant) == (7, RFC_4122)
    assert made.int >> 80 == NOW_MS
    assert (made.int >> 64 & 0xFFF) << 62 | made.int & (1 << 62) - 1 == random_bits


def test_the_example_of_rfc_9562_comes_out() -> None:
    # Appendix A.6: 2022-02-22T19:22:22.000Z, rand_a 0xCC3, rand_b 0x18C4DC0C0C07398F.
    made = ids.uuid7(1_645_557_742_000, 0xCC3 << 62 | 0x18C4DC0C0C07398F)
    assert made == UUID("017f22e2-79b0-7cc3-98c4-dc0c0c07398f")


def test_uuid7s_sort_by_their_time() -> None:
    assert ids.uuid7(NOW_MS, (1 << 74) - 1) < ids.uuid7(NOW_MS + 1, 0)


def test_the_lives_of_a_machine_bear_its_mark_and_are_uuid7s_all_the_same() -> None:
    mark, other = ids.machine_mark("e3b0c442"), ids.machine_mark("98fc1c14")
    lives = [ids.incarnation(NOW_MS, n << 24, mark) for n in range(100)]
    assert len(set(lives)) == 100
    assert {(life.version, life.int >> 80) for life in lives} == {(7, NOW_MS)}
    assert all(ids.is_same_machine(lives[0], life) for life in lives)
    assert not ids.is_same_machine(lives[0], ids.incarnation(NOW_MS, 0, other))


def test_a_machine_without_an_id_is_nobodys_double() -> None:
    assert ids.machine_mark("") == b""
    assert ids.incarnation(NOW_MS, 7, b"") == ids.uuid7(NOW_MS, 7)


def test_display_numbers_differ_by_seq_by_incarnation_and_by_start_of_the_process() -> None:
    incarnations = [ids.uuid7(NOW_MS, n) for n in range(10)]
    lives = [bytes(8), b"x" * 8]
    numbers = {
        ids.display_number("store-0001", "till-1", ids.life_code(incarnation, life), seq)
        for incarnation in incarnations
        for life in lives
        for seq in range(1, 51)
    }
    assert len(numbers) == 1_000


def test_a_display_number_is_fit_for_people() -> None:
    code = ids.life_code(INCARNATION, bytes(8))
    assert len(code) == 8
    assert code.isalnum()
    assert code == code.lower()
    assert ids.display_number("store-0001", "till-1", code, 42) == f"store-0001-till-1-{code}-42"


def test_digests_of_different_keys_differ() -> None:
    assert len(ids.digest16("key")) == 16
    assert len({ids.digest16(f"key-{n}") for n in range(1_000)}) == 1_000


# --- money -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quantity_milli", "unit_price_minor", "gross"),
    [(1_000, 250, 250), (1, 499, 0), (1, 500, 1), (1_500, 333, 500), (333, 3, 1), (10**9, 10**9, 10**15)],
)
def test_gross_is_rounded_half_up(quantity_milli: int, unit_price_minor: int, gross: int) -> None:
    assert gross_minor(quantity_milli, unit_price_minor) == gross


# --- topics ----------------------------------------------------------------------------------------------------------


def test_a_nodes_topic_is_found_by_the_filter_of_its_shard() -> None:
    name = topics.topic("store-0001", "up")
    shard = topics.shard_of("store-0001")
    assert name == topics.shard_filter(shard).replace("+", "store-0001")
    assert topics.node_of(name) == "store-0001"
    assert topics.topic("store-0001", "down") == name.removesuffix("up") + "down"


def test_nodes_spread_over_all_shards() -> None:
    assert {topics.shard_of(f"store-{n:04d}") for n in range(2_000)} == set(range(SHARDS))


@pytest.mark.parametrize("name", ["", "a/b", "a+", "#", "-a", ".a", "a b", "ü", "a\n", "a" * 65, "a\x00"])
def test_what_could_be_read_as_something_else_is_no_name_of_a_node(name: str) -> None:
    assert not topics.is_node_id(name)


@pytest.mark.parametrize("name", ["a", "store-0001", "A.b_c-9", "a" * 64])
def test_plain_names_are_names_of_nodes(name: str) -> None:
    assert topics.is_node_id(name)


@pytest.mark.parametrize(
    "change",
    [
        lambda name: name.replace("/up", "/down"),
        lambda name: name.replace("/v1/", "/v2/"),
        lambda name: name + "/up",
        lambda name: name.replace("store-0001", "store-0002"),
        lambda name: name.replace("store-0001", "store/0001"),
        lambda name: name.replace("edge/", "Edge/"),
        lambda _: "",
        lambda _: "edge/v1/zz/store-0001/up",
    ],
)
def test_a_topic_that_is_no_nodes_own_is_the_senders_fault(change: object) -> None:
    assert callable(change)
    with pytest.raises(PeerFault) as caught:
        topics.node_of(change(topics.topic("store-0001", "up")))
    assert caught.value.reason == "wrong-topic"


# --- the chain -------------------------------------------------------------------------------------------------------


def test_every_part_of_a_streams_name_changes_its_genesis() -> None:
    streams = [
        ("store-0001", INCARNATION, "orders"),
        ("store-0002", INCARNATION, "orders"),
        ("store-0001", ids.uuid7(NOW_MS, 2), "orders"),
        ("store-0001", INCARNATION, "bulk"),
    ]
    assert len({chain.genesis(*stream) for stream in streams}) == len(streams)


def test_hashes_are_the_links_one_after_another() -> None:
    start = chain.genesis("store-0001", INCARNATION, "orders")
    first = chain.link(start, b"one")
    assert chain.hashes(start, [b"one", b"two"]) == [first, chain.link(first, b"two")]
    assert chain.hashes(start, []) == []


def test_a_changed_swapped_or_missing_body_changes_the_hash_at_the_end() -> None:
    start = chain.genesis("store-0001", INCARNATION, "orders")
    logs = [[b"one", b"two"], [b"one", b"twp"], [b"two", b"one"], [b"two"], [b"one", b"two", b""]]
    assert len({chain.hashes(start, bodies)[-1] for bodies in logs}) == len(logs)


# --- the books -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("tail_seq", "durable_seq", "parked"), [(0, 0, 0), (10, 0, 0), (10, 7, 2), (10, 10, 10)])
def test_the_edges_books_always_add_up(tail_seq: int, durable_seq: int, parked: int) -> None:
    books = conservation.ledger("orders", tail_seq=tail_seq, durable_seq=durable_seq, parked=parked)
    assert books.accepted == books.confirmed + books.pending + books.parked == tail_seq
    assert conservation.differences(books, durable_seq=durable_seq, parked=parked) == ()


def test_a_node_may_know_less_than_the_centre_and_never_more() -> None:
    books = conservation.ledger("orders", tail_seq=10, durable_seq=7, parked=1)
    assert conservation.differences(books, durable_seq=9, parked=2) == ()
    assert conservation.differences(books, durable_seq=6, parked=1) == (
        "orders: the node counts 7 as done, the centre holds 6",
    )
    assert conservation.differences(books, durable_seq=7, parked=0) == (
        "orders: the node counts 1 parked, the centre 0",
    )


def test_a_lost_word_of_what_is_parked_is_a_difference_once_the_node_knows_of_everything_else() -> None:
    books = conservation.ledger("orders", tail_seq=10, durable_seq=7, parked=0)
    assert conservation.differences(books, durable_seq=8, parked=1) == ()
    assert conservation.differences(books, durable_seq=7, parked=1) == (
        "orders: the node counts 0 parked, the centre 1",
    )


def test_a_node_that_has_not_heard_of_a_replay_yet_does_not_differ() -> None:
    books = conservation.ledger("orders", tail_seq=10, durable_seq=7, parked=2, settled=1)
    assert conservation.differences(books, durable_seq=7, parked=0, settled=3) == ()
    assert conservation.differences(books, durable_seq=7, parked=0, settled=1) != ()


def test_books_that_do_not_add_up_are_told() -> None:
    books = LaneLedger("bulk", accepted=10, confirmed=5, pending=4, parked=0)
    assert conservation.differences(books, durable_seq=5, parked=0) == (
        "bulk: 10 accepted are not the sum of the other columns",
    )
