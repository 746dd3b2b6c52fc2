"""Tiles: their names, what is in each, and that every hash of a proof comes out of them."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.tlog.merkle import (
    Subtree,
    check_consistency,
    check_inclusion,
    consistency_ranges,
    folded,
    hashes_of,
    inclusion_ranges,
    leaf_hash,
    subtrees,
)
from shared.tlog.tiles import (
    ENTRIES,
    Nodes,
    Tile,
    TileHashes,
    TileWriter,
    bundle,
    is_in,
    needed,
    partial_tiles,
    tile_at,
    tiles_of,
)
from tests.unit.tlog import naive

LARGEST = 1_300
LEAVES = [sha256(b"leaf %d" % number).digest() for number in range(LARGEST)]


def bytes_of(tile: Tile) -> bytes:
    """What is in a tile, straight from its definition."""
    span = 256**tile.level
    firsts = range(tile.first * span, (tile.first + tile.width) * span, span)
    return b"".join(naive.root(LEAVES[first : first + span]) for first in firsts)


NODES: dict[Tile, Nodes] = {}


def hashes(size: int, wanted: list[Subtree]) -> TileHashes:
    for tile in needed(wanted, size):
        assert is_in(tile, size)
        if tile not in NODES:
            NODES[tile] = Nodes(bytes_of(tile))
    return TileHashes(size, NODES)


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 0), "0/000"),
        (Tile(0, 1_234_067), "0/x001/x234/067"),
        (Tile(2, 1_000, 17), "2/x001/000.p/17"),
        (Tile(63, 999, 255), "63/999.p/255"),
        (Tile(ENTRIES, 273, 112), "entries/273.p/112"),
    ],
)
def test_path_when_written_and_read_then_it_is_the_same_tile(tile: Tile, path: str) -> None:
    assert tile.path == path
    assert tile_at(path) == tile


@pytest.mark.parametrize(
    "path",
    [
        *("", "0", "0/", "0/0", "0/00", "00/000", "64/000", "-1/000", "0/1000", "0/x000/001"),
        *("0/x001/234/067", "0/000.p/0", "0/000.p/256", "0/000.p/007", "0/000.p/", "0/000.p"),
        *("0/000/", "0//000", "0/../000", "entry/000", "ENTRIES/000", "0/00\u0966", "0/000\n"),
    ],
)
def test_path_when_it_is_written_otherwise_then_there_is_no_such_tile(path: str) -> None:
    assert tile_at(path) is None


@given(st.integers(0, 10**18 - 1), st.integers(0, 63), st.integers(1, 256))
def test_path_when_any_tile_is_named_then_only_it_has_the_name(
    number: int, level: int, width: int
) -> None:
    tile = Tile(level, number, width)
    assert tile_at(tile.path) == tile


def test_tiles_when_a_tree_has_seventy_thousand_leaves_then_they_are_the_specified_ones() -> None:
    tiles = tiles_of(70_000)
    assert [tile for tile in tiles if tile.width < 256] == [
        Tile(0, 273, 112),
        Tile(1, 1, 17),
        Tile(2, 0, 1),
    ]
    assert len(tiles) == 273 + 1 + 1 + 1 + 1
    assert tiles_of(256) == [Tile(0, 0), Tile(1, 0, 1)]
    assert tiles_of(0) == []
    assert all(is_in(tile, 70_000) for tile in tiles)
    assert not is_in(Tile(0, 273), 70_000)
    assert not is_in(Tile(ENTRIES, 273, 113), 70_000)


@pytest.mark.parametrize("size", [1, 255, 256, 257, 511, 512, 513, 1_023, 1_024, 1_300])
def test_root_when_folded_out_of_tiles_then_it_is_the_naive_root(size: int) -> None:
    wanted = subtrees((0, size))
    hash_of = hashes(size, wanted)
    assert folded([hash_of(one) for one in wanted]) == naive.root(LEAVES[:size])


@given(
    st.integers(1, LARGEST).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n - 1))),
)
def test_proofs_when_made_out_of_tiles_then_they_are_the_naive_ones(pair: tuple[int, int]) -> None:
    size, index = pair
    ranges = inclusion_ranges(index, size)
    found = hashes_of(ranges, hashes(size, [one for each in ranges for one in subtrees(each)]))
    assert found == naive.path(index, LEAVES[:size])
    root = naive.root(LEAVES[:size])
    check_inclusion(index, size, leaf_hash(LEAVES[index]), found, root)
    first = index + 1
    ranges = consistency_ranges(first, size)
    found = hashes_of(ranges, hashes(size, [one for each in ranges for one in subtrees(each)]))
    assert found == naive.proof(first, LEAVES[:size])
    check_consistency(first, size, found, naive.root(LEAVES[:first]), root)


def test_nodes_when_the_bytes_are_no_tile_then_they_are_refused() -> None:
    for wrong in (b"", b"x", b"x" * 33, b"x" * 257 * 32):
        with pytest.raises(ValueError, match="a tile has from 1 to 256 hashes"):
            Nodes(wrong)
    with pytest.raises(ValueError, match="has no root"):
        _ = Nodes(b"x" * 32).root
    with pytest.raises(ValueError, match="not as many inner hashes"):
        Nodes(b"x" * 64, b"")


@pytest.mark.parametrize("width", [1, 2, 3, 7, 100, 255, 256])
def test_nodes_when_given_what_they_were_before_then_they_are_the_same(width: int) -> None:
    made = Nodes(bytes_of(Tile(0, 0, width)))
    again = Nodes(made.hashes, made.inner)
    for height in range(8):
        for number in range(width >> height):
            subtree = Subtree(height, number)
            first = number << height
            wanted = naive.root(LEAVES[first : first + (1 << height)])
            assert made.hash_of(subtree) == again.hash_of(subtree) == wanted


def test_bundle_when_leaves_are_written_then_each_has_its_length_before_it() -> None:
    assert bundle([b"ab", b"", b"c"]) == b"\x00\x02ab\x00\x00\x00\x01c"


@pytest.mark.parametrize("begun_at", [0, 1, 255, 256, 257, 1_024, 1_299])
def test_writer_when_begun_anywhere_then_each_tile_is_given_away_once_and_as_defined(
    begun_at: int,
) -> None:
    partial = [b"" if tile is None else bytes_of(tile) for tile in partial_tiles(begun_at)]
    writer = TileWriter(begun_at, partial)
    written = [full for leaf in LEAVES[begun_at:] for full in writer.append(leaf_hash(leaf))]
    before = {tile for tile in tiles_of(begun_at) if tile.width == 256}
    after = {tile for tile in tiles_of(LARGEST) if tile.width == 256}
    assert sorted(one.tile for one in written) == sorted(after - before)
    for one in written:
        assert one.nodes.hashes == bytes_of(one.tile)
        first = one.tile.first * 256**one.tile.level
        assert one.nodes.root == naive.root(LEAVES[first : first + 256 ** (one.tile.level + 1)])


def test_writer_when_a_tile_of_level_one_becomes_full_then_both_are_given_away() -> None:
    writer = TileWriter()
    hashed = leaf_hash(b"the same leaf")
    written = [full.tile for _ in range(256 * 256) for full in writer.append(hashed)]
    assert written[-2:] == [Tile(0, 255), Tile(1, 0)]
    assert len(written) == 257
