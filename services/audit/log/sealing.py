"""Seals records: hashes each again, adds tiles, and signs how far the log has come.

One sealing belongs to one connection, and ends with it. Whatever it has added is committed together
with the checkpoint that covers it, so whoever goes on after a crash begins at the last checkpoint.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from services.audit.log.rehash import Damaged, hash_again
from services.audit.log.signer import Signer
from services.audit.log.tree import StoredTree
from services.audit.log.witnesses import Witnesses
from services.audit.store.log import (
    TileMissing,
    add_checkpoint,
    add_tiles,
    add_witnessing,
    count_of_records,
    current_epoch,
    newest_checkpoint,
    raise_epoch,
    shown_checkpoints,
    stored_records,
)
from shared.chassis.database.database import Connection
from shared.tlog.checkpoint import Checkpoint
from shared.tlog.merkle import Frontier
from shared.tlog.notes import Note
from shared.tlog.tiles import WIDTH, FullTile, TileWriter

AT_MOST: Final = 64 * WIDTH
"""Records between two checkpoints, however many wait."""


_IN_ONE_GO: Final = 64
"""Records that are hashed before others have their turn: some five milliseconds of them."""


class Superseded(Exception):
    """Another sealer has begun."""


class Sealing:
    """The log as far as it is signed, and the way on. Raises ``Damaged`` rather than sign."""

    def __init__(self, connection: Connection, signer: Signer, witnesses: Witnesses) -> None:
        self._connection = connection
        self._signer = signer
        self._witnesses = witnesses
        self._epoch = 0
        self._logged_at: datetime | None = None
        self.newest: Note | None = None
        self.waiting = 0
        self._frontier = Frontier()
        self._writer = TileWriter()

    @property
    def size(self) -> int:
        """How many records are covered by what was signed."""
        return self._frontier.size

    async def begin(self) -> None:
        """Become the one that seals, and hold what is stored against everything we ever signed.

        That is the newest checkpoint in the database, in the signer's file, and at each witness.
        """
        self._epoch = await raise_epoch(self._connection)
        row = await newest_checkpoint(self._connection)
        ours = None if row is None else self._signer.read(row["note"].encode())
        signed = await asyncio.to_thread(self._signer.look)
        notes = await self._witnesses.latest(self._signer.verifier.name)
        claims = [one for one in (ours, signed, *map(self._signer.read, notes)) if one is not None]
        count = await count_of_records(self._connection)
        largest = max((one.size for one in claims), default=0)
        if count < largest:
            raise Damaged(f"there are {count} records, and {largest} were signed")
        await self._begin_after(ours)
        # The largest first: no smaller one can be signed any more.
        for claim in sorted(claims, key=lambda one: one.size, reverse=True):
            await self._hold_against(claim)
        row = await newest_checkpoint(self._connection)
        if row is not None:
            self.newest = Note.read(row["note"].encode())
            if not await self._is_shown(row["size"]):
                await self.show(self.newest)

    async def seal(self) -> Note | None:
        """Sign the records that are new; ``None`` where there are none, or another one seals."""
        count = await count_of_records(self._connection)
        size = min(count, self.size + AT_MOST)
        self.waiting = count - size
        return await self._seal_up_to(size) if size > self.size else None

    async def show(self, note: Note) -> None:
        """Ask the witnesses about a checkpoint; with what they signed, anybody may see it."""
        size = Checkpoint.read(note.text).size
        tree = StoredTree(self._connection)

        async def proof(first: int) -> Sequence[bytes]:
            async with one_at_a_time:
                return await tree.consistency(first, size)

        one_at_a_time = asyncio.Lock()
        signatures = await self._witnesses.cosign(note, proof)
        async with self._connection.transaction():
            await self._judge_epoch()
            await self._add_witnessing(size, "".join(one.line for one in signatures))

    async def _begin_after(self, ours: Checkpoint | None) -> None:
        size = 0 if ours is None else ours.size
        tree = StoredTree(self._connection)
        try:
            self._frontier = Frontier(size, await tree.frontier(size) if size else ())
            self._writer = await tree.writer(size)
        except TileMissing as error:
            raise Damaged(f"the tile {error} is missing") from None

    async def _hold_against(self, claim: Checkpoint) -> None:
        """Compare with something that we signed: the records up to there must give its root."""
        if claim.size > self.size:
            await self._seal_up_to(claim.size, claim)
            return
        try:
            root = await StoredTree(self._connection).root(claim.size)
        except TileMissing as error:
            raise Damaged(f"the tile {error} is missing") from None
        if root != claim.root:
            raise Damaged(f"the first {claim.size} records are not those that were signed")
        if self._signer.last is None or self._signer.last.size < claim.size:
            self._signer.adopt(claim)

    async def _seal_up_to(self, size: int, expected: Checkpoint | None = None) -> Note:
        tiles = await self._hash_up_to(size)
        checkpoint = Checkpoint(self._signer.verifier.name, size, self._frontier.root)
        if expected is not None and expected.root != checkpoint.root:
            raise Damaged(f"the first {size} records are not those that were signed")
        async with self._connection.transaction():
            await self._judge_epoch()
            await self._add_tiles(tiles)
            # Once more, out of what is stored now: tiles, and the leaves read a second time.
            tree = StoredTree(self._connection)
            try:
                root = await tree.root(size)
                last = self._signer.last
                grown = last is not None and 0 < last.size < size
                proof = await tree.consistency(last.size, size) if last and grown else []
            except TileMissing as error:
                raise Damaged(f"the tile {error} is missing") from None
            if root != checkpoint.root:
                raise Damaged(f"the tiles up to {size} do not give the root of its leaves")
            note = await self._sign(checkpoint, proof)
            await self._add_checkpoint(checkpoint, note)
        self.newest = note
        return note

    async def _hash_up_to(self, size: int) -> list[FullTile]:
        """Hash what is stored again, a tile at a time, with requests answered in between."""
        tiles: list[FullTile] = []
        while self.size < size:
            start, end = self.size, min(size, (self.size // WIDTH + 1) * WIDTH)
            rows = await stored_records(self._connection, start, end)
            if len(rows) != end - start:
                found = {row["idx"] for row in rows}
                raise Damaged(f"record {min(set(range(start, end)) - found)} is missing")
            for idx, row in enumerate(rows, start):
                if idx % _IN_ONE_GO == 0:
                    await asyncio.sleep(0)
                hashed = hash_again(row, idx)
                if self._logged_at is not None and row["logged_at"] < self._logged_at:
                    raise Damaged(f"record {idx} is older than the one before it")
                self._logged_at = row["logged_at"]
                self._frontier.append(hashed)
                tiles += self._writer.append(hashed)
        return tiles

    async def _judge_epoch(self) -> None:
        if await current_epoch(self._connection) != self._epoch:
            raise Superseded

    async def _is_shown(self, size: int) -> bool:
        shown = await shown_checkpoints(self._connection)
        return bool(shown) and shown[0].size == size

    async def _add_tiles(self, tiles: Sequence[FullTile]) -> None:
        await add_tiles(self._connection, tiles)

    async def _sign(self, checkpoint: Checkpoint, proof: Sequence[bytes]) -> Note:
        return await asyncio.to_thread(self._signer.sign, checkpoint, proof)

    async def _add_checkpoint(self, checkpoint: Checkpoint, note: Note) -> None:
        await add_checkpoint(self._connection, checkpoint.size, checkpoint.root, str(note))

    async def _add_witnessing(self, size: int, signatures: str) -> None:
        await add_witnessing(self._connection, size, signatures)
