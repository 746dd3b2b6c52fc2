"""The tree is that of RFC 6962: the published vectors, a naive second one, and spoilt proofs."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.tlog.merkle import (
    EMPTY,
    Frontier,
    ProofWrong,
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
from tests.unit.tlog import naive

PUBLISHED_LEAVES = [
    bytes.fromhex(one)
    for one in (
        *("", "00", "10", "2021", "3031", "40414243", "5051525354555657"),
        "606162636465666768696a6b6c6d6e6f",
    )
]
PUBLISHED_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
"""The leaves and roots that the tests of Certificate Transparency have had since 2013."""

LARGEST = 140
LEAVES = [b"leaf %d" % number for number in range(LARGEST)]
ROOTS = [naive.root(LEAVES[:size]) for size in range(LARGEST + 1)]


def hash_of(subtree: Subtree) -> bytes:
    first = subtree.number << subtree.height
    return naive.root(LEAVES[first : first + (1 << subtree.height)])


def inclusion(index: int, size: int) -> list[bytes]:
    return hashes_of(inclusion_ranges(index, size), hash_of)


def consistency(first: int, second: int) -> list[bytes]:
    return hashes_of(consistency_ranges(first, second), hash_of)


def test_root_when_the_leaves_are_the_published_ones_then_it_is_the_published_root() -> None:
    frontier = Frontier()
    assert frontier.root == EMPTY
    for leaf, root in zip(PUBLISHED_LEAVES, PUBLISHED_ROOTS, strict=True):
        frontier.append(leaf_hash(leaf))
        assert frontier.root.hex() == root
        assert naive.root(PUBLISHED_LEAVES[: frontier.size]).hex() == root


@pytest.mark.parametrize("size", range(1, 70))
def test_inclusion_when_proved_for_every_leaf_then_it_is_the_naive_proof_and_holds(
    size: int,
) -> None:
    for index in range(size):
        proof = inclusion(index, size)
        assert proof == naive.path(index, LEAVES[:size])
        check_inclusion(index, size, leaf_hash(LEAVES[index]), proof, ROOTS[size])


@pytest.mark.parametrize("second", [*range(1, 48), 63, 64, 65, 127, 128, 129, 140])
def test_consistency_when_proved_from_every_size_then_it_is_the_naive_proof_and_holds(
    second: int,
) -> None:
    for first in range(1, second + 1):
        proof = consistency(first, second)
        assert proof == naive.proof(first, LEAVES[:second])
        check_consistency(first, second, proof, ROOTS[first], ROOTS[second])


def test_proofs_when_asked_for_outside_the_tree_then_they_are_refused() -> None:
    for index, size in ((0, 0), (5, 5), (-1, 3)):
        with pytest.raises(ValueError, match="not in the tree"):
            inclusion_ranges(index, size)
        with pytest.raises(ProofWrong, match="beyond the end"):
            check_inclusion(index, size, ROOTS[1], [], ROOTS[1])
    for first, second in ((0, 0), (0, 4), (5, 4)):
        with pytest.raises(ValueError, match="same size or a larger one"):
            consistency_ranges(first, second)
        # A tree without leaves begins every tree: that would prove nothing.
        with pytest.raises(ProofWrong, match="no leaves, or more"):
            check_consistency(first, second, [], ROOTS[first], ROOTS[second])


places = st.integers(1, LARGEST).flatmap(
    lambda size: st.tuples(st.integers(0, size - 1), st.just(size))
)
sizes = st.integers(1, LARGEST).flatmap(
    lambda second: st.tuples(st.integers(1, second), st.just(second))
)


@st.composite
def spoilt(draw: st.DrawFn, proof: list[bytes]) -> list[bytes]:
    """The proof with one bit turned over, one hash too few or too many, or two exchanged."""
    ways = ["longer"] if not proof else ["longer", "bit", "shorter", "exchanged"]
    way = draw(st.sampled_from(ways))
    place = draw(st.integers(0, max(0, len(proof) - 1)))
    if way == "longer":
        return [*proof[:place], draw(st.binary(min_size=32, max_size=32)), *proof[place:]]
    if way == "shorter":
        return [*proof[:place], *proof[place + 1 :]]
    if way == "exchanged":
        return [*proof[place:], *proof[:place]]
    bit = draw(st.integers(0, 255))
    changed = (int.from_bytes(proof[place], "big") ^ 1 << bit).to_bytes(32, "big")
    return [*proof[:place], changed, *proof[place + 1 :]]


@given(places, st.data())
def test_inclusion_when_any_part_is_spoilt_then_it_does_not_hold(
    place: tuple[int, int], data: st.DataObject
) -> None:
    index, size = place
    proof = inclusion(index, size)
    worse = data.draw(spoilt(proof))
    if worse != proof:
        with pytest.raises(ProofWrong):
            check_inclusion(index, size, leaf_hash(LEAVES[index]), worse, ROOTS[size])
    other = data.draw(st.integers(0, size - 1))
    if other != index:
        with pytest.raises(ProofWrong):
            check_inclusion(index, size, leaf_hash(LEAVES[other]), proof, ROOTS[size])
        with pytest.raises(ProofWrong):
            check_inclusion(other, size, leaf_hash(LEAVES[index]), proof, ROOTS[size])


@given(sizes, st.data())
def test_consistency_when_any_part_is_spoilt_then_it_does_not_hold(
    pair: tuple[int, int], data: st.DataObject
) -> None:
    first, second = pair
    proof = consistency(first, second)
    worse = data.draw(spoilt(proof))
    if worse != proof:
        with pytest.raises(ProofWrong):
            check_consistency(first, second, worse, ROOTS[first], ROOTS[second])
    rewritten = [*LEAVES[:second]]
    place = data.draw(st.integers(0, first - 1))
    rewritten[place] = b"another leaf"
    forged = naive.root(rewritten)
    for other in (proof, naive.proof(first, rewritten)):
        with pytest.raises(ProofWrong):
            check_consistency(first, second, other, ROOTS[first], forged)


@given(st.integers(0, 2**40), st.integers(1, 2**40))
def test_ranges_when_the_tree_is_huge_then_they_are_few_and_cover_all_other_leaves(
    index: int, more: int
) -> None:
    size = index + more
    ranges = inclusion_ranges(index, size)
    assert len(ranges) <= (size - 1).bit_length()
    covered = sorted([*ranges, (index, index + 1)])
    assert covered[0][0] == 0
    assert covered[-1][1] == size
    assert all(before[1] == after[0] for before, after in pairwise(covered))


@given(st.integers(0, LARGEST))
def test_frontier_when_begun_in_the_middle_then_it_ends_with_the_same_root(size: int) -> None:
    frontier = Frontier(size, [hash_of(one) for one in subtrees((0, size))])
    assert frontier.root == ROOTS[size] == folded([hash_of(one) for one in subtrees((0, size))])
    for leaf in LEAVES[size:]:
        frontier.append(leaf_hash(leaf))
    assert frontier.root == ROOTS[LARGEST]
