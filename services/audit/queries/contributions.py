"""What the audit has of one contribution, for whoever contributed it."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from shared.chassis.database.database import Database
from shared.ledger import instant

_MOST: Final = 1_000
_RECORDS: Final = """
    SELECT r.section, r.idx, r.id, r.operation, r.code, r.logged_at, r.organisation, r.actor_id,
           sealed.size AS sealed_size, sealed.at AS sealed_at
      FROM audit_record r
      LEFT JOIN LATERAL (
           SELECT c.size, c.at FROM log_checkpoint c
            WHERE c.size > r.idx AND EXISTS (SELECT FROM log_witnessing w WHERE w.size = c.size)
            ORDER BY c.size LIMIT 1) sealed ON true
     WHERE r.contribution_id = $1 AND r.operation IN ('change', 'refusal', 'unreadable')
     ORDER BY r.recorded_at, r.idx LIMIT $2
"""


class ContributionRecords:
    """Finds the records of a contribution: what it changed, and where it was refused or unread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, contribution_id: UUID) -> list[tuple[str, dict[str, Any]]]:
        """Each with whose contribution it was, as a contributor's key, oldest first."""
        rows = await self._database.pool.fetch(_RECORDS, contribution_id, _MOST)
        return [(_key(row), _item(row)) for row in rows]


def _key(row: Mapping[str, Any]) -> str:
    code = row["organisation"]
    return f"org:{code}" if code else f"sub:{row['actor_id']}"


def _item(row: Mapping[str, Any]) -> dict[str, Any]:
    is_sealed = row["sealed_size"] is not None
    return {
        "section": row["section"],
        "idx": row["idx"],
        "record_id": row["id"],
        "operation": row["operation"],
        "code": row["code"],
        "logged_at": instant(row["logged_at"]),
        "sealed": {"size": row["sealed_size"], "at": instant(row["sealed_at"])}
        if is_sealed
        else None,
    }
