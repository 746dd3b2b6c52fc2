"""Reads the whole log again and hashes all of it: every record, every tile, every checkpoint."""

import asyncio
from typing import Final

import asyncpg

from services.audit.log.rehash import Damaged, hash_again
from services.audit.store.log import (
    Asked,
    TileMissing,
    all_checkpoints,
    count_of_records,
    stored_records,
    stored_root,
    stored_tile,
)
from shared.chassis import telemetry
from shared.chassis.database.database import TRANSIENT
from shared.chassis.telemetry import Background, Part
from shared.tlog.merkle import Frontier
from shared.tlog.tiles import WIDTH, FullTile, TileWriter

_IN_ONE_GO: Final = 64  # records that are hashed before others have their turn


async def fsck(asked: Asked, pause_seconds: float = 0.0) -> int:
    """How many records there are and fit; raises ``Damaged`` with the first that does not.

    It holds a tile of records in memory at a time, and nothing that others wait for; after each it
    pauses.
    """
    # In this order: whatever was signed by now is among the records that are there after it.
    signed = await all_checkpoints(asked)
    count = await count_of_records(asked)
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
            if idx % _IN_ONE_GO == 0:
                await asyncio.sleep(0)
            hashed = hash_again(row, idx)
            frontier.append(hashed)
            for full in writer.append(hashed):
                if frontier.size <= covered:
                    await _compare(asked, full)
            root = signed.get(frontier.size)
            if root is not None and root != frontier.root:
                raise Damaged(f"the first {frontier.size} records are not those that were signed")
        await asyncio.sleep(pause_seconds)
    return count


class FsckForEver(Background):
    """Reads the whole log again and again while its ``async with`` is open, a tile a second.

    What was damaged after it was signed is found so, and not years later by whoever asks for it.
    """

    def __init__(self, asked: Asked, *, pause_seconds: float = 1.0) -> None:
        self._asked = asked
        self._pause = pause_seconds
        self.failure: Damaged | None = None
        self.rounds = 0

    async def part(self) -> Part:
        """Not ready once anything was found, until somebody has looked and started it again."""
        if self.failure is not None:
            return Part(False, f"damaged: {self.failure}")
        return Part(self.is_alive, "reading", alive=self.is_alive)

    async def _work(self) -> None:
        while True:
            await asyncio.sleep(self._pause)
            try:
                await fsck(self._asked, self._pause)
                self.rounds += 1
            except Damaged as damaged:
                self.failure = damaged
                telemetry.log.critical("log.damaged", reason=str(damaged))
                return
            except (*TRANSIENT, asyncpg.PostgresError) as error:
                telemetry.log.warning("log.interrupted", error_type=type(error).__name__)


async def _compare(asked: Asked, full: FullTile) -> None:
    try:
        stored, root = await stored_tile(asked, full.tile), await stored_root(asked, full.tile)
    except TileMissing as error:
        raise Damaged(f"the tile {error} is missing") from None
    known = full.nodes.hashes, full.nodes.inner, full.nodes.root
    if (stored.hashes, stored.inner, root) != known:
        raise Damaged(f"the tile {full.tile.path} is not what its records give")
