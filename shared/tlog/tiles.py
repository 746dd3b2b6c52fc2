"""Tiles as C2SP tlog-tiles lays them out: a log as files of 256 hashes each.

A tile of level 0 holds hashes of leaves, one of a higher level the roots of full tiles below it. A
full tile never changes. The last one of a level is partial, and is the beginning of a full one.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from shared.tlog.merkle import HASH_BYTES, Subtree, node_hash

HEIGHT: Final = 8
WIDTH: Final = 1 << HEIGHT
TILE_BYTES: Final = WIDTH * HASH_BYTES
ENTRIES: Final = -1
"""Stands for the level of the bundles, which hold the leaves themselves."""

_HIGHEST_LEVEL: Final = 63
_PATH: Final = re.compile(
    r"(?P<level>0|[1-9][0-9]?|entries)/(?P<number>(?:x[0-9]{3}/){0,5}[0-9]{3})"
    r"(?:\.p/(?P<width>[1-9][0-9]{0,2}))?",
    re.ASCII,
)


class Tile(NamedTuple):
    """Which tile, and how many hashes it has: ``WIDTH`` where it is full."""

    level: int
    number: int
    width: int = WIDTH

    @property
    def first(self) -> int:
        """The number of its first hash in its level."""
        return self.number * WIDTH

    @property
    def path(self) -> str:
        """The path below ``tile/``: ``0/x001/x234/067.p/5``."""
        digits = str(self.number)
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
        number = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
        level = "entries" if self.level == ENTRIES else str(self.level)
        return f"{level}/{number}" + ("" if self.width == WIDTH else f".p/{self.width}")


def tile_at(path: str) -> Tile | None:
    """The tile with this path below ``tile/``; ``None`` where no tile is written so."""
    found = _PATH.fullmatch(path)
    if found is None:
        return None
    level = ENTRIES if found["level"] == "entries" else int(found["level"])
    number = int(found["number"].replace("x", "").replace("/", ""))
    width = WIDTH if found["width"] is None else int(found["width"])
    tile = Tile(level, number, width)
    # Written in any other way, one tile would have two addresses.
    known = level <= _HIGHEST_LEVEL and (found["width"] is None or width < WIDTH)
    return tile if known and tile.path == path else None


def is_in(tile: Tile, size: int) -> bool:
    """True where a tree of so many leaves has these hashes."""
    return tile.first + tile.width <= size >> (HEIGHT * max(tile.level, 0))


def tile_of(subtree: Subtree, size: int) -> Tile:
    """The tile that the hash of a subtree is made from, as wide as a tree of that size has it."""
    level, rest = divmod(subtree.height, HEIGHT)
    number = subtree.number << rest >> HEIGHT
    width = min(WIDTH, (size >> (HEIGHT * level)) - number * WIDTH)
    return Tile(level, number, width)


def tiles_of(size: int) -> list[Tile]:
    """Every tile of hashes that a tree of so many leaves has."""
    found = []
    level, hashes = 0, size
    while hashes:
        full, rest = divmod(hashes, WIDTH)
        found += [Tile(level, number) for number in range(full)]
        if rest:
            found.append(Tile(level, full, rest))
        level, hashes = level + 1, full
    return found


class Nodes:
    """The hashes in one tile and those of all complete subtrees above them, within the tile."""

    def __init__(self, hashes: bytes, inner: bytes | None = None) -> None:
        """``inner`` is what ``Nodes(hashes).inner`` was, where that is at hand."""
        width, rest = divmod(len(hashes), HASH_BYTES)
        if not 0 < width <= WIDTH or rest:
            raise ValueError("a tile has from 1 to 256 hashes of 32 bytes")
        self._starts = [0]
        while width > 1:
            self._starts.append(self._starts[-1] + width)
            width >>= 1
        self.hashes = hashes
        self.inner = _inner_of(hashes) if inner is None else inner
        if self._starts[-1] * HASH_BYTES + HASH_BYTES != len(hashes) + len(self.inner):
            raise ValueError("these are not as many inner hashes as the tile has")

    def hash_of(self, subtree: Subtree) -> bytes:
        """The hash of a subtree whose tile this is."""
        rest = subtree.height % HEIGHT
        at = (self._starts[rest] + subtree.number % (WIDTH >> rest)) * HASH_BYTES
        if at < len(self.hashes):
            return self.hashes[at : at + HASH_BYTES]
        at -= len(self.hashes)
        return self.inner[at : at + HASH_BYTES]

    @property
    def root(self) -> bytes:
        """The root of a full tile, which stands in the level above."""
        if len(self.hashes) != TILE_BYTES:
            raise ValueError("a partial tile has no root")
        return self.inner[-HASH_BYTES:]


class FullTile(NamedTuple):
    """A tile that has become full, with its hashes."""

    tile: Tile
    nodes: Nodes


class TileWriter:
    """Gathers hashes of leaves, and gives away each tile as it becomes full."""

    def __init__(self, size: int = 0, partial: Iterable[bytes] = ()) -> None:
        """Go on behind a tree of so many leaves.

        ``partial`` is what each of its ``partial_tiles`` holds, and nothing where there is none.
        """
        self._rows = [_hashes_in(one) for one in partial]
        self._numbers = [size >> HEIGHT * (level + 1) for level in range(len(self._rows))]

    def append(self, hashed: bytes) -> list[FullTile]:
        """Add the hash of one leaf; what has become full by it, from level 0 up."""
        found: list[FullTile] = []
        level = 0
        while True:
            if level == len(self._rows):
                self._rows.append([])
                self._numbers.append(0)
            row = self._rows[level]
            row.append(hashed)
            if len(row) < WIDTH:
                return found
            nodes = Nodes(b"".join(row))
            hashed = nodes.root
            found.append(FullTile(Tile(level, self._numbers[level]), nodes))
            self._numbers[level] += 1
            row.clear()
            level += 1


class TileHashes:
    """The hashes of subtrees of one tree, out of tiles that are at hand."""

    def __init__(self, size: int, nodes: Mapping[Tile, Nodes]) -> None:
        self._size = size
        self._nodes = nodes

    def __call__(self, subtree: Subtree) -> bytes:
        """The hash of a subtree; ``KeyError`` where its tile is not at hand."""
        return self._nodes[tile_of(subtree, self._size)].hash_of(subtree)


def partial_tiles(size: int) -> list[Tile | None]:
    """The last tile of each level from 0 up, ``None`` where the level ends with a full one."""
    found: list[Tile | None] = []
    hashes = size
    while hashes:
        full, rest = divmod(hashes, WIDTH)
        found.append(Tile(len(found), full, rest) if rest else None)
        hashes = full
    return found


def needed(wanted: Iterable[Subtree], size: int) -> set[Tile]:
    """The tiles that the hashes of these subtrees are made from."""
    return {tile_of(subtree, size) for subtree in wanted}


def bundle(leaves: Iterable[bytes]) -> bytes:
    """Leaves as one file: each with its length in two bytes before it."""
    return b"".join(len(leaf).to_bytes(2, "big") + leaf for leaf in leaves)


def _hashes_in(tile: bytes) -> list[bytes]:
    return [tile[at : at + HASH_BYTES] for at in range(0, len(tile), HASH_BYTES)]


def _inner_of(tile: bytes) -> bytes:
    """The hashes above those of a tile, row by row."""
    row, found = _hashes_in(tile), []
    while len(row) > 1:
        row = [node_hash(left, right) for left, right in zip(row[::2], row[1::2], strict=False)]
        found += row
    return b"".join(found)
