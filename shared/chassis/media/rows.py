"""What is known of the media of each plan: rows beside the events that name them."""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final, Literal, NamedTuple
from uuid import UUID, uuid5

import asyncpg

from shared.chassis.database.database import Database

State = Literal["available", "quarantined", "infected"]

_NAMESPACE: Final = UUID("5e0c1d4e-6f1b-5b53-9a54-0f6f3a2f7a10")


def media_id_of(sha256: str) -> UUID:
    """The id of media: it follows from their bytes, so the same bytes have the same one."""
    return uuid5(_NAMESPACE, sha256)


class StoredMedia(NamedTuple):
    """Media of one plan; ``blocks`` are the hashes of its blocks, ``blob`` its name in the store.

    ``contributor`` is the key of whoever stored it first.
    """

    plan_id: UUID
    sha256: str
    media_id: UUID
    size: int
    mime: str
    state: State
    blob: str
    blocks: bytes
    contributor: str
    stored_at: datetime
    named: bool


_COLUMNS: Final = ", ".join(StoredMedia._fields)


class MediaRows:
    """The rows of one section.

    A name in the store is noted before anything is put under it, so that nothing can lie there
    that nobody knows of. Media that an entry names are kept for good; the event store marks them
    in the transaction of the event.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, plan_id: UUID, sha256: str) -> StoredMedia | None:
        """The media with these bytes."""
        return (await self.find_all(plan_id, [sha256])).get(sha256)

    async def find_all(self, plan_id: UUID, sha256s: Collection[str]) -> Mapping[str, StoredMedia]:
        """The media with these bytes, as far as they are here."""
        rows = await self._database.pool.fetch(
            f"SELECT {_COLUMNS} FROM media WHERE plan_id = $1 AND sha256 = ANY($2::text[])",  # noqa: S608 - ours
            plan_id,
            list(sha256s),
        )
        return {row["sha256"]: StoredMedia(*row) for row in rows}

    async def find_again(self, plan_id: UUID, sha256: str) -> StoredMedia | None:
        """The same for whoever stores it once more: the time for which it is kept begins anew."""
        row = await self._database.pool.fetchrow(
            "UPDATE media SET kept_from = clock_timestamp() WHERE plan_id = $1 AND sha256 = $2"  # noqa: S608 - ours
            f" RETURNING {_COLUMNS}",
            plan_id,
            sha256,
        )
        return None if row is None else StoredMedia(*row)

    async def hold(self, media: StoredMedia, contributor: str) -> None:
        """Note that they have stored it, until they name it; kept as long as what nobody names."""
        await self._database.pool.execute(
            "INSERT INTO media_holder (plan_id, sha256, contributor) VALUES ($1, $2, $3)"
            " ON CONFLICT (plan_id, sha256, contributor) DO UPDATE SET kept_from = DEFAULT",
            media.plan_id,
            media.sha256,
            contributor,
        )

    async def is_held_by(self, media: StoredMedia, contributor: str) -> bool:
        """Whether they have stored it and have not named it yet."""
        held = await self._database.pool.fetchval(
            "SELECT true FROM media_holder WHERE plan_id = $1 AND sha256 = $2 AND contributor = $3",
            media.plan_id,
            media.sha256,
            contributor,
        )
        return bool(held)

    async def note(self, blob: str) -> None:
        """Something is about to be put into the store under this name."""
        await self._database.pool.execute("INSERT INTO media_blob (name) VALUES ($1)", blob)

    async def add(self, media: StoredMedia) -> bool:
        """Media whose bytes are in the store; False where others were quicker with the same.

        Raises ``TimeoutError`` where it took so long that the bytes were swept away.
        """
        try:
            added = await self._database.pool.fetchval(
                f"INSERT INTO media ({_COLUMNS})"  # noqa: S608 - ours
                " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
                " ON CONFLICT (plan_id, sha256) DO NOTHING RETURNING 1",
                *media,
            )
        except asyncpg.ForeignKeyViolationError:
            raise TimeoutError from None
        return added is not None

    async def quarantined(self, most: int) -> list[StoredMedia]:
        """Media of which the scanner has said nothing yet, the oldest first."""
        rows = await self._database.pool.fetch(
            f"SELECT {_COLUMNS} FROM media WHERE state = 'quarantined'"  # noqa: S608 - ours
            " ORDER BY stored_at LIMIT $1",
            most,
        )
        return [StoredMedia(*row) for row in rows]

    async def judged(self, media: StoredMedia, state: State) -> None:
        """The scanner has spoken."""
        await self._database.pool.execute(
            "UPDATE media SET state = $3 WHERE plan_id = $1 AND sha256 = $2"
            " AND state = 'quarantined'",
            media.plan_id,
            media.sha256,
            state,
        )

    async def named_by(self, plan_id: UUID, sha256: str) -> list[tuple[UUID, str]]:
        """The entries that name it, now or in an earlier version, each with the leaf."""
        rows = await self._database.pool.fetch(
            "SELECT entry_id, leaf FROM media_named WHERE plan_id = $1 AND sha256 = $2"
            " ORDER BY entry_id, leaf",
            plan_id,
            sha256,
        )
        return [(row["entry_id"], row["leaf"]) for row in rows]

    async def forget_unnamed(self, seconds: float) -> int:
        """Forget what no entry has named for so long; how many.

        It is one statement: nobody who is stopped holds a row that an append waits for.
        """
        forgotten = await self._database.pool.fetch(
            "DELETE FROM media WHERE (plan_id, sha256) IN (SELECT plan_id, sha256 FROM media"
            " WHERE NOT named AND kept_from < clock_timestamp() - make_interval(secs => $1)"
            " ORDER BY kept_from LIMIT 500 FOR UPDATE SKIP LOCKED) RETURNING 1",
            seconds,
        )
        await self._database.pool.execute(
            "DELETE FROM media_holder WHERE kept_from < clock_timestamp()"
            " - make_interval(secs => $1)",
            seconds,
        )
        return len(forgotten)

    async def unused(self, seconds: float) -> list[str]:
        """Names in the store that have belonged to no media for so long."""
        rows = await self._database.pool.fetch(
            "SELECT b.name FROM media_blob b"
            " WHERE b.begun_at < clock_timestamp() - make_interval(secs => $1)"
            " AND NOT EXISTS (SELECT FROM media m WHERE m.blob = b.name)"
            " ORDER BY b.begun_at LIMIT 500",
            seconds,
        )
        return [row["name"] for row in rows]

    @asynccontextmanager
    async def unused_one(self, blob: str) -> AsyncIterator[bool]:
        """Whether a name belongs to no media, nor will: meanwhile no media can be added with it.

        Afterwards it is noted no more.
        """
        async with self._database.transaction() as connection:
            is_ours = await connection.fetchval(
                "SELECT true FROM media_blob WHERE name = $1 FOR UPDATE SKIP LOCKED", blob
            )
            # A new statement sees what was committed before the lock was ours.
            is_used = await connection.fetchval("SELECT true FROM media WHERE blob = $1", blob)
            is_unused = bool(is_ours and not is_used)
            yield is_unused
            if is_unused:
                await connection.execute("DELETE FROM media_blob WHERE name = $1", blob)
