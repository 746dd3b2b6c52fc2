"""The tree as it is stored: its tiles, its roots and its proofs."""

from collections.abc import Iterable
from typing import Final

from services.audit.record.commitment import leaf_hash
from services.audit.store.log import Asked, leaves, roots_below, stored_tile
from shared.chassis.wire.remembered import Remembered
from shared.tlog.merkle import (
    Range,
    consistency_ranges,
    folded,
    hashes_of,
    inclusion_ranges,
    subtrees,
)
from shared.tlog.tiles import (
    ENTRIES,
    WIDTH,
    Nodes,
    Tile,
    TileHashes,
    TileWriter,
    bundle,
    needed,
    partial_tiles,
)

REMEMBERED_BYTES: Final = 32 * 2**20
"""Of tiles with their inner hashes: those of some 500,000 records."""

_OF_A_TILE: Final = 600  # beside its hashes


class StoredTree:
    """Reads tiles, and remembers them: what is in a tile of some width never changes."""

    def __init__(self, asked: Asked, remembered_bytes: int = REMEMBERED_BYTES) -> None:
        self._asked = asked
        self._seen: Remembered[Tile, Nodes] = Remembered(remembered_bytes)

    async def tile(self, tile: Tile) -> bytes:
        """The bytes of a tile or of a bundle of leaves; raises ``TileMissing``."""
        if tile.level == ENTRIES:
            return bundle(await leaves(self._asked, tile))
        return (await self._nodes(tile)).hashes

    async def root(self, size: int) -> bytes:
        """The root over the first leaves; raises ``TileMissing``."""
        wanted = subtrees((0, size))
        hash_of = await self._hashes(size, [(0, size)])
        return folded([hash_of(one) for one in wanted])

    async def inclusion(self, idx: int, size: int) -> list[bytes]:
        """The proof that a leaf is in the tree of that size; raises ``TileMissing``."""
        ranges = inclusion_ranges(idx, size)
        return hashes_of(ranges, await self._hashes(size, ranges))

    async def consistency(self, first: int, second: int) -> list[bytes]:
        """The proof that one tree begins another; raises ``TileMissing``."""
        ranges = consistency_ranges(first, second)
        return hashes_of(ranges, await self._hashes(second, ranges))

    async def writer(self, size: int) -> TileWriter:
        """Goes on behind the tree of that size; raises ``TileMissing``."""
        partial = [b"" if one is None else await self.tile(one) for one in partial_tiles(size)]
        return TileWriter(size, partial)

    async def frontier(self, size: int) -> list[bytes]:
        """The hashes of the complete subtrees of the tree of that size, from left to right."""
        hash_of = await self._hashes(size, [(0, size)])
        return [hash_of(one) for one in subtrees((0, size))]

    async def _hashes(self, size: int, ranges: Iterable[Range]) -> TileHashes:
        wanted = needed((one for each in ranges for one in subtrees(each)), size)
        at_hand: dict[Tile, Nodes] = {}
        for tile in wanted:
            at_hand[tile] = await self._nodes(tile)
        return TileHashes(size, at_hand)

    async def _nodes(self, tile: Tile) -> Nodes:
        nodes = self._seen.get(tile)
        if nodes is None:
            nodes = await self._read(tile)
            weight = len(nodes.hashes) + len(nodes.inner) + _OF_A_TILE
            self._seen.put(tile, nodes, weight)
        return nodes

    async def _read(self, tile: Tile) -> Nodes:
        if tile.width == WIDTH:
            return await stored_tile(self._asked, tile)
        if tile.level:
            return Nodes(b"".join(await roots_below(self._asked, tile)))
        return Nodes(b"".join(map(leaf_hash, await leaves(self._asked, tile))))
