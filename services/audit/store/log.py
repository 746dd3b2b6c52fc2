"""The tables of the log: leaves to be hashed, tiles, checkpoints and what witnesses signed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from shared.chassis.database.database import Connection
from shared.tlog.tiles import FullTile, Nodes, Tile

Row = Any
"""A row of asyncpg, which ships no types."""

_STORED: Final = """
SELECT r.idx, r.id, r.kind, r.operation, r.type, r.recorded_at, r.stated_at, r.logged_at, r.plan_id,
       r.section, r.entry_id, r.entry_version, r.contribution_id, r.change, r.code,
       r.actor_kind, r.actor_id, r.organisation, r.purpose, r.policy_version, r.trace_id,
       r.what, r.sections, r.relationship, r.override, r.override_id, r.related_from, r.role,
       r.via, r.plan_version,
       r.commitment, r.leaf, p.salts, p.groups
  FROM audit_record r LEFT JOIN audit_payload p USING (idx)
 WHERE r.idx >= $1 AND r.idx < $2 ORDER BY r.idx
"""

_SHOWN: Final = """
SELECT c.size, c.root, c.at, c.note, w.signatures
  FROM log_checkpoint c JOIN LATERAL
       (SELECT string_agg(signatures, '' ORDER BY number) AS signatures
          FROM (SELECT number, signatures FROM log_witnessing
                 WHERE size = c.size ORDER BY number DESC LIMIT 20) AS newest) AS w
       ON w.signatures IS NOT NULL
"""


class Asked(Protocol):
    """A connection, or a pool that lends one for each question."""

    async def fetch(self, query: str, *values: Any) -> list[Row]:
        """The rows of an answer."""
        ...


class TileMissing(LookupError):
    """The tables do not hold all of a tile that is asked for."""


@dataclass(frozen=True)
class Shown:
    """A checkpoint that was shown to the witnesses; ``signatures`` are the lines of theirs."""

    size: int
    root: bytes
    at: datetime
    note: str
    signatures: str


async def count_of_records(asked: Asked) -> int:
    """How many records there are: the place of the last one, and one more."""
    [row] = await asked.fetch("SELECT coalesce(max(idx), -1) + 1 AS count FROM audit_record")
    count: int = row["count"]
    return count


async def stored_records(asked: Asked, start: int, end: int) -> list[Row]:
    """Records with their payloads, as they are stored, in the order of the log."""
    return await asked.fetch(_STORED, start, end)


async def leaves(asked: Asked, tile: Tile) -> list[bytes]:
    """The leaves of a tile of level 0, or of a bundle; raises ``TileMissing``."""
    query = "SELECT leaf FROM audit_record WHERE idx >= $1 AND idx < $2 ORDER BY idx"
    rows = await asked.fetch(query, tile.first, tile.first + tile.width)
    return [row["leaf"] for row in _all_of(tile, rows)]


async def roots_below(asked: Asked, tile: Tile) -> list[bytes]:
    """What a tile above level 0 holds: the roots of the full tiles below; ``TileMissing``."""
    query = """SELECT root FROM log_tile WHERE level = $1 AND number >= $2 AND number < $3
                ORDER BY number"""
    rows = await asked.fetch(query, tile.level - 1, tile.first, tile.first + tile.width)
    return [row["root"] for row in _all_of(tile, rows)]


async def stored_tile(asked: Asked, tile: Tile) -> Nodes:
    """A full tile, as it is stored; raises ``TileMissing``."""
    query = "SELECT hashes, inner_ FROM log_tile WHERE level = $1 AND number = $2"
    rows = await asked.fetch(query, tile.level, tile.number)
    if not rows:
        raise TileMissing(tile.path)
    return Nodes(*rows[0])


async def stored_root(asked: Asked, tile: Tile) -> bytes:
    """The root of a full tile, as it is stored beside it; raises ``TileMissing``."""
    query = "SELECT root FROM log_tile WHERE level = $1 AND number = $2"
    rows = await asked.fetch(query, tile.level, tile.number)
    if not rows:
        raise TileMissing(tile.path)
    root: bytes = rows[0]["root"]
    return root


async def all_checkpoints(asked: Asked) -> dict[int, bytes]:
    """The root of every size that was ever signed."""
    rows = await asked.fetch("SELECT size, root FROM log_checkpoint")
    return {row["size"]: row["root"] for row in rows}


async def newest_checkpoint(asked: Asked) -> Row | None:
    """The row of the newest checkpoint that was signed, shown or not; ``None`` before the first."""
    rows = await asked.fetch("SELECT * FROM log_checkpoint ORDER BY size DESC LIMIT 1")
    return rows[0] if rows else None


async def shown_checkpoints(
    asked: Asked, *, below: int | None = None, limit: int = 1
) -> list[Shown]:
    """The newest checkpoints that were shown, below a size where one is given."""
    where = "" if below is None else "WHERE c.size < $1 "
    query = f"{_SHOWN} {where}ORDER BY c.size DESC LIMIT {limit:d}"
    rows = await asked.fetch(query, *([] if below is None else [below]))
    return [Shown(*row) for row in rows]


async def shown_at(asked: Asked, size: int) -> Shown | None:
    """The checkpoint of exactly this size, if one was shown."""
    rows = await asked.fetch(f"{_SHOWN} WHERE c.size = $1", size)
    return Shown(*rows[0]) if rows else None


async def raise_epoch(asked: Asked) -> int:
    """A number that no sealer had before; theirs are worth nothing from now on."""
    [row] = await asked.fetch("UPDATE log_sealer SET epoch = epoch + 1 RETURNING epoch")
    epoch: int = row["epoch"]
    return epoch


async def current_epoch(connection: Connection) -> int:
    """The number of the sealer; held until the end of the transaction."""
    epoch: int = await connection.fetchval("SELECT epoch FROM log_sealer FOR SHARE")
    return epoch


async def add_tiles(connection: Connection, tiles: Sequence[FullTile]) -> None:
    """Add tiles that have become full."""
    await connection.copy_records_to_table(
        "log_tile",
        records=[
            (*one.tile[:2], one.nodes.hashes, one.nodes.inner, one.nodes.root) for one in tiles
        ],
        columns=("level", "number", "hashes", "inner_", "root"),
    )


async def add_checkpoint(connection: Connection, size: int, root: bytes, note: str) -> None:
    """Add what was signed; nobody sees it before it was shown to the witnesses."""
    await connection.execute(
        "INSERT INTO log_checkpoint (size, root, note) VALUES ($1, $2, $3)", size, root, note
    )


async def add_witnessing(connection: Connection, size: int, signatures: str) -> None:
    """Add that the witnesses were asked, and what they signed: from now on it is shown."""
    await connection.execute(
        "INSERT INTO log_witnessing (size, signatures) VALUES ($1, $2)", size, signatures
    )


def _all_of(tile: Tile, rows: list[Row]) -> list[Row]:
    if len(rows) != tile.width:
        raise TileMissing(tile.path)
    return rows
