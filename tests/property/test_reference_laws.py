"""Laws of the reference data: a delta leads where it says, a cut costs nothing, and no damage is ever applied."""

from hashlib import blake2b

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_core.errors import PeerFault
from edge_core.limits import REFERENCE_BLOCK_BYTES
from edge_core.reference.files import Header, Reading, encode_file, read_file
from edge_core.reference.versions import Change, ContentHash, applied, content_hash, diff, merged, snapshot

ROWS = st.dictionaries(st.text(min_size=1, max_size=4), st.binary(min_size=1, max_size=6), max_size=12)


def file_of(rows: dict[str, bytes], version: int = 1) -> bytes:
    changes = snapshot(rows)
    return encode_file(Header("snapshot", "prices", version, content_hash(rows), len(rows), len(rows), 5), changes)


def delta_of(old: dict[str, bytes], new: dict[str, bytes]) -> bytes:
    changes = diff(old, new)
    header = Header("delta", "prices", 2, content_hash(new), len(new), len(changes), 5, 1, content_hash(old))
    return encode_file(header, changes)


def large(count: int = 40) -> dict[str, bytes]:
    """Rows that fill several blocks and hardly compress."""
    return {f"k{n:03}": blake2b(bytes([n]), digest_size=64).digest() * 20 for n in range(count)}


@given(ROWS, ROWS)
def test_a_delta_applied_is_the_version_that_it_leads_to(old: dict[str, bytes], new: dict[str, bytes]) -> None:
    header, changes = read_file(delta_of(old, new))
    assert applied(old, changes) == new
    assert header.hash == content_hash(applied(old, changes))


@given(ROWS, ROWS)
def test_merging_row_by_row_is_the_same_as_applying_at_once(old: dict[str, bytes], new: dict[str, bytes]) -> None:
    found = ContentHash()
    for key, body in merged(sorted(old.items()), diff(old, new)):
        found.add(key, body)
    assert (found.digest(), found.rows) == (content_hash(new), len(new))


@given(ROWS, ROWS)
def test_two_versions_have_one_hash_only_where_they_are_the_same(old: dict[str, bytes], new: dict[str, bytes]) -> None:
    assert (content_hash(old) == content_hash(new)) == (old == new)


@given(st.lists(st.integers(0, 60_000), max_size=6), st.lists(st.integers(1, 9_000), min_size=1, max_size=6))
def test_a_download_that_is_cut_anywhere_goes_on_after_the_last_whole_block(cuts: list[int], pieces: list[int]) -> None:
    """Each cut loses what was read of a block: a new reader goes on where the last whole one ended."""
    file = file_of(large())
    taken: list[Change] = []
    start = 0
    for cut in [*cuts, len(file)]:
        reading = Reading(start)
        turn = 0
        while reading.position < max(cut, start) and reading.position < len(file):
            size = pieces[turn % len(pieces)]
            turn += 1
            for block in reading.feed(file[reading.position : min(reading.position + size, max(cut, start))]):
                taken += block.changes
                start = block.end
    assert start == len(file)
    assert applied({}, taken) == large()


@given(st.integers(0, 10**9), st.integers(1, 255))
def test_any_damaged_byte_is_found_before_anything_is_applied(place: int, flip: int) -> None:
    rows = {"a": b"1", "b": b"22", "ü": b"333"}
    whole = file_of(rows)
    place %= len(whole)
    with pytest.raises(PeerFault):
        read_file(whole[:place] + bytes([whole[place] ^ flip]) + whole[place + 1 :])


@given(st.binary(max_size=64))
def test_bytes_that_are_no_file_are_refused_and_never_break_the_reader(junk: bytes) -> None:
    with pytest.raises(PeerFault):
        read_file(junk)


@given(st.integers(0, 10**9))
def test_a_file_that_ends_too_early_is_refused(length: int) -> None:
    whole = file_of(large(4))
    with pytest.raises(PeerFault):
        read_file(whole[: length % len(whole)])


def test_a_large_version_has_many_blocks_none_of_them_much_larger_than_agreed() -> None:
    blocks = list(Reading().feed(file_of(large())))
    sizes = [sum(len(c.key) + len(c.body or b"") for c in block.changes) for block in blocks]
    assert len(blocks) > 2
    assert max(sizes) <= REFERENCE_BLOCK_BYTES
    assert [block.header is not None for block in blocks] == [True] + [False] * (len(blocks) - 1)
