"""Brings a database's tables up to date: numbered SQL files, each once, each in a transaction."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg

# One number for all databases: an advisory lock is held within a database.
_LOCK: Final = 0x6D6967726174

_TABLE: Final = """
CREATE TABLE IF NOT EXISTS schema_migration (
    name       text PRIMARY KEY,
    checksum   text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""


class MigrationChanged(Exception):
    """The database is of an older version: a file that was applied has changed, or is gone."""


@dataclass(frozen=True)
class _Migration:
    name: str
    sql: str
    checksum: str


async def migrate(connection: asyncpg.Connection, *folders: Path) -> list[str]:
    """Applies what is new in the folders, in their order and by file name; returns its names.

    Everything is made as the owner of the database, so the connection has to be that role or one
    that may become it.
    """
    owner = await connection.fetchval(
        "SELECT quote_ident(pg_get_userbyid(datdba)) FROM pg_database"
        " WHERE datname = current_database()"
    )
    await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
    try:
        async with connection.transaction():
            await connection.execute(f"SET LOCAL ROLE {owner}")
            await connection.execute(_TABLE)
        rows = await connection.fetch("SELECT name, checksum FROM schema_migration")
        applied = {row["name"]: row["checksum"] for row in rows}
        found = list(_found(folders))
        if gone := sorted(applied.keys() - {migration.name for migration in found}):
            raise MigrationChanged(f"this database is of an older version, from {gone[0]}")
        return [
            migration.name
            for migration in found
            if await _apply(connection, migration, applied.get(migration.name), owner)
        ]
    finally:
        await connection.execute("SELECT pg_advisory_unlock($1)", _LOCK)


async def _apply(
    connection: asyncpg.Connection, migration: _Migration, applied: str | None, owner: str
) -> bool:
    if applied == migration.checksum:
        return False
    if applied is not None:
        raise MigrationChanged(f"this database is of an older version of {migration.name}")
    async with connection.transaction():
        await connection.execute(f"SET LOCAL ROLE {owner}")
        await connection.execute(migration.sql)
        await connection.execute(
            "INSERT INTO schema_migration (name, checksum) VALUES ($1, $2)",
            migration.name,
            migration.checksum,
        )
    return True


def _found(folders: tuple[Path, ...]) -> Iterator[_Migration]:
    for folder in folders:
        for path in sorted(folder.glob("[0-9]*.sql")):
            content = path.read_bytes()
            # The folder above tells `plan/migrations` from `audit/migrations`.
            name = f"{folder.parent.name}/{folder.name}/{path.name}"
            yield _Migration(name, content.decode(), hashlib.sha256(content).hexdigest())
