"""The versions of a plan and the contributions to it, from the ledger."""

from typing import Final
from uuid import UUID

import orjson

from services.plan.store.history_item import joined
from services.plan.store.values import dumps
from shared.chassis.database.database import Database

_LONGEST_CONTRIBUTION: Final = 1_000
_VERSION: Final = (
    *("plan_version", "section", "entry_id", "entry_type", "entry_version", "change", "type"),
    *("contribution_id", "recorded_at", "projected_at", "stated_at"),
)
_VERSIONS: Final = f"""
    SELECT {", ".join(_VERSION)}, "by" FROM ledger.plan_ledger
     WHERE plan_id = $1 AND ($2::bigint IS NULL OR plan_version < $2)
     ORDER BY plan_version DESC LIMIT $3
"""  # noqa: S608 - our own words
# The events of one contribution are versions of one entry that follow each other: it is listed at
# the last of them. Nearly every contribution has one event, and then nothing is joined.
_CONTRIBUTIONS: Final = """
    SELECT plan_version, item,
           CASE WHEN EXISTS (
                     SELECT 1 FROM ledger.plan_ledger b
                      WHERE b.section = l.section AND b.entry_id = l.entry_id
                        AND b.entry_version = l.entry_version - 1
                        AND b.contribution_id = l.contribution_id)
                THEN (SELECT array_agg(e.item ORDER BY e.entry_version) FROM ledger.plan_ledger e
                       WHERE e.section = l.section AND e.entry_id = l.entry_id
                         AND e.entry_version < l.entry_version
                         AND e.entry_version > l.entry_version - $4
                         AND e.contribution_id = l.contribution_id)
           END AS earlier
      FROM ledger.plan_ledger l
     WHERE plan_id = $1 AND ($2::bigint IS NULL OR plan_version < $2)
       AND NOT EXISTS (
           SELECT 1 FROM ledger.plan_ledger n
            WHERE n.section = l.section AND n.entry_id = l.entry_id
              AND n.entry_version = l.entry_version + 1
              AND n.contribution_id = l.contribution_id)
     ORDER BY plan_version DESC LIMIT $3
"""

Page = tuple[list[bytes], int | None]
"""Items as JSON, newest first, and the plan version to go on before, where there are more."""


class History:
    """Lists versions and contributions; changes nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def versions(self, plan_id: UUID, before: int | None, limit: int) -> Page:
        """A page of versions."""
        rows = await self._database.pool.fetch(_VERSIONS, plan_id, before, limit + 1)
        items = [
            dumps({**{name: row[name] for name in _VERSION}, "by": orjson.Fragment(row["by"])})
            for row in rows[:limit]
        ]
        return items, rows[limit - 1]["plan_version"] if len(rows) > limit else None

    async def contributions(self, plan_id: UUID, before: int | None, limit: int) -> Page:
        """A page of contributions."""
        rows = await self._database.pool.fetch(
            _CONTRIBUTIONS, plan_id, before, limit + 1, _LONGEST_CONTRIBUTION
        )
        items = [
            item if earlier is None else joined([*earlier, item])
            for _, item, earlier in rows[:limit]
        ]
        return items, rows[limit - 1]["plan_version"] if len(rows) > limit else None
