"""The tree of RFC 6962, section 2.1: its hashes, and how its two proofs are made and checked.

A proof is made in two steps: which ranges of leaves its hashes stand for, and then the hash of each
range from complete subtrees. So it can be made from tiles, and never needs all leaves. Checking
follows RFC 9162, sections 2.1.3.2 and 2.1.4.2.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

HASH_BYTES: Final = 32
EMPTY: Final = hashlib.sha256().digest()
"""The root of the tree without leaves."""

LONGEST_PROOF: Final = 63
"""Hashes of a proof: no tree has 2^63 leaves or more."""


class Subtree(NamedTuple):
    """A complete subtree: 2**height leaves, the first of them at ``number * 2**height``."""

    height: int
    number: int


Range = tuple[int, int]
"""The leaves from the first number up to, and not including, the second."""


class ProofWrong(ValueError):
    """A proof does not prove what it is meant to; the text says in what way."""


def leaf_hash(leaf: bytes) -> bytes:
    """The hash of a leaf."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def subtrees(leaves: Range) -> list[Subtree]:
    """The largest complete subtrees that a range consists of, from left to right.

    The range begins where a subtree of its size may begin, as every range of a proof does.
    """
    start, end = leaves
    found = []
    while start < end:
        height = (end - start).bit_length() - 1
        if start:
            height = min(height, (start & -start).bit_length() - 1)
        found.append(Subtree(height, start >> height))
        start += 1 << height
    return found


def folded(hashes: Sequence[bytes]) -> bytes:
    """The root over subtrees of falling size, from left to right."""
    if not hashes:
        return EMPTY
    root = hashes[-1]
    for left in reversed(hashes[:-1]):
        root = node_hash(left, root)
    return root


def hashes_of(ranges: Iterable[Range], hash_of: Callable[[Subtree], bytes]) -> list[bytes]:
    """The hash of each range, made from those of its subtrees."""
    return [folded([hash_of(subtree) for subtree in subtrees(one)]) for one in ranges]


def inclusion_ranges(index: int, size: int) -> list[Range]:
    """What the inclusion proof of a leaf consists of, from the leaf's sibling up."""
    if not 0 <= index < size:
        raise ValueError("the leaf is not in the tree")
    ranges: list[Range] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _left_half(end - start)
        if index < middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    return ranges[::-1]


def consistency_ranges(first: int, second: int) -> list[Range]:
    """What the proof consists of that the tree of ``first`` leaves begins that of ``second``."""
    if not 0 < first <= second:
        raise ValueError("a tree is consistent with one of the same size or a larger one")
    ranges: list[Range] = []
    start, end, is_a_prefix = 0, second, True
    while end != first:
        middle = start + _left_half(end - start)
        if first <= middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start, is_a_prefix = middle, False
    if not is_a_prefix:
        ranges.append((start, end))
    return ranges[::-1]


def check_inclusion(
    index: int, size: int, hashed: bytes, proof: Sequence[bytes], root: bytes
) -> None:
    """Raises ``ProofWrong`` unless the leaf with this hash is at this place of that tree."""
    if not 0 <= index < size:
        raise ProofWrong("the leaf is beyond the end of the tree")
    place, last, found = index, size - 1, hashed
    for one in proof:
        if last == 0:
            raise ProofWrong("the proof is too long")
        if place & 1 or place == last:
            found = node_hash(one, found)
            while not place & 1 and place:
                place >>= 1
                last >>= 1
        else:
            found = node_hash(found, one)
        place >>= 1
        last >>= 1
    if last != 0:
        raise ProofWrong("the proof is too short")
    if found != root:
        raise ProofWrong("the leaf is not in this tree at this place")


def check_consistency(  # noqa: C901, PLR0912 - the steps of RFC 9162, in its order
    first: int, second: int, proof: Sequence[bytes], first_root: bytes, second_root: bytes
) -> None:
    """Raises ``ProofWrong`` unless the first tree is the beginning of the second.

    A tree without leaves is the beginning of every tree, which proves nothing: it is refused.
    """
    if not 1 <= first <= second:
        raise ProofWrong("the first tree has no leaves, or more than the second")
    if first == second:
        if proof or first_root != second_root:
            raise ProofWrong("two trees of one size differ, or have a proof")
        return
    if not proof:
        raise ProofWrong("the proof is too short")
    hashes = [first_root, *proof] if first & (first - 1) == 0 else list(proof)
    place, last = first - 1, second - 1
    while place & 1:
        place >>= 1
        last >>= 1
    old = new = hashes[0]
    for one in hashes[1:]:
        if last == 0:
            raise ProofWrong("the proof is too long")
        if place & 1 or place == last:
            old, new = node_hash(one, old), node_hash(one, new)
            while not place & 1 and place:
                place >>= 1
                last >>= 1
        else:
            new = node_hash(new, one)
        place >>= 1
        last >>= 1
    if last != 0:
        raise ProofWrong("the proof is too short")
    if old != first_root:
        raise ProofWrong("the second tree does not begin with the first")
    if new != second_root:
        raise ProofWrong("the proof does not lead to the second tree")


class Frontier:
    """The right edge of a tree that grows: enough for its root, at most 63 hashes."""

    def __init__(self, size: int = 0, hashes: Sequence[bytes] = ()) -> None:
        """``hashes`` are those of ``subtrees((0, size))``."""
        if len(hashes) != size.bit_count():
            raise ValueError("a frontier has a hash for each subtree of its tree")
        self.size = size
        self._hashes = list(hashes)

    def append(self, hashed: bytes) -> None:
        """Add the hash of one leaf."""
        place = self.size
        while place & 1:
            hashed = node_hash(self._hashes.pop(), hashed)
            place >>= 1
        self._hashes.append(hashed)
        self.size += 1

    @property
    def root(self) -> bytes:
        """The root of the tree so far."""
        return folded(self._hashes)


def _left_half(size: int) -> int:
    """The largest power of two smaller than the size, for sizes above one."""
    return 1 << (size - 1).bit_length() - 1
