"""Reads the whole log again and hashes all of it: every record, every tile, every checkpoint."""

from services.audit.log.rehash import Damaged, hash_again
from services.audit.store.log import (
    Asked,
    TileMissing,
    all_checkpoints,
    count_of_records,
    stored_records,
    stored_tile,
)
from shared.tlog.merkle import Frontier
from shared.tlog.tiles import WIDTH, FullTile, TileWriter


async def fsck(asked: Asked) -> int:
    """How many records there are and fit; raises ``Damaged`` with the first that does not.

    It holds a tile of records in memory at a time, and nothing that others wait for.
    """
    count = await count_of_records(asked)
    signed = await all_checkpoints(asked)
    if signed and max(signed) > count:
        raise Damaged(f"there are {count} records, and {max(signed)} were signed")
    covered = max(signed, default=0)
    frontier, writer = Frontier(), TileWriter()
    for start in range(0, count, WIDTH):
        end = min(start + WIDTH, count)
        rows = await stored_records(asked, start, end)
        missing = {*range(start, end)} - {row["idx"] for row in rows}
        if missing:
            raise Damaged(f"record {min(missing)} is missing")
        for idx, row in enumerate(rows, start):
            hashed = hash_again(row, idx)
            frontier.append(hashed)
            for full in writer.append(hashed):
                if frontier.size <= covered:
                    await _compare(asked, full)
            root = signed.get(frontier.size)
            if root is not None and root != frontier.root:
                raise Damaged(f"the first {frontier.size} records are not those that were signed")
    return count


async def _compare(asked: Asked, full: FullTile) -> None:
    try:
        stored = await stored_tile(asked, full.tile)
    except TileMissing as error:
        raise Damaged(f"the tile {error} is missing") from None
    if stored != (full.hashes, full.root):
        raise Damaged(f"the tile {full.tile.path} is not what its records give")
