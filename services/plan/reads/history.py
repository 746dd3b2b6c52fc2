"""The versions of a plan and the contributions to it, from the ledger."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import orjson

from services.plan.reads.redaction import Left, MarksOfToday, left_out
from services.plan.store.history_item import joined
from services.plan.store.redacted import contribution_without, is_withheld, version_withheld
from services.plan.store.values import dumps
from shared.chassis.database.database import Database
from shared.chassis.policy.redaction.of_a_plan import Redaction
from shared.chassis.policy.sees import Sees

_LONGEST_CONTRIBUTION: Final = 1_000
_VERSION: Final = (
    *("plan_version", "section", "entry_id", "entry_type", "entry_version", "change", "type"),
    *("contribution_id", "recorded_at", "projected_at", "stated_at"),
)
_VERSIONS: Final = f"""
    SELECT {", ".join(_VERSION)}, "by", fields FROM ledger.plan_ledger
     WHERE plan_id = $1 AND ($2::bigint IS NULL OR plan_version < $2)
     ORDER BY plan_version DESC LIMIT $3
"""  # noqa: S608 - our own words
# The events of one contribution are versions of one entry that follow each other: it is listed at
# the last of them. Nearly every contribution has one event, and then nothing is joined.
_CONTRIBUTIONS: Final = """
    SELECT plan_version, section, entry_id, item,
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

_REVISION: Final = "SELECT revision FROM plan WHERE plan_id = $1 AND document IS NOT NULL"


@dataclass(frozen=True)
class Page:
    """Items as JSON, newest first, what of them was left out, and where the next page begins.

    That is the plan version to go on before, where there are more.
    """

    items: Sequence[bytes]
    redactions: tuple[Left, ...]
    following: int | None


class History:
    """Lists versions and contributions; changes nothing."""

    def __init__(self, database: Database, marks: MarksOfToday) -> None:
        self._database = database
        self._marks = marks

    async def versions(
        self, plan_id: UUID, before: int | None, limit: int, sees: Sees
    ) -> Page | None:
        """A page of versions; ``None`` where there is no such plan."""
        rows = await self._database.pool.fetch(_VERSIONS, plan_id, before, limit + 1)
        redaction = await self._redaction(plan_id, sees)
        if redaction is None:
            return None
        items = [
            version_withheld(row["plan_version"])
            if is_withheld(row["fields"], redaction.of(row["section"], row["entry_id"]))
            else dumps({**{name: row[name] for name in _VERSION}, "by": orjson.Fragment(row["by"])})
            for row in rows[:limit]
        ]
        return _page(items, rows, limit, redaction)

    async def contributions(
        self, plan_id: UUID, before: int | None, limit: int, sees: Sees
    ) -> Page | None:
        """A page of contributions; ``None`` where there is no such plan."""
        rows = await self._database.pool.fetch(
            _CONTRIBUTIONS, plan_id, before, limit + 1, _LONGEST_CONTRIBUTION
        )
        redaction = await self._redaction(plan_id, sees)
        if redaction is None:
            return None
        items = []
        for row in rows[:limit]:
            item = row["item"]
            if row["earlier"] is not None:
                item = joined([*row["earlier"], item])
            withheld = redaction.of(row["section"], row["entry_id"])
            items.append(contribution_without(item, withheld) if withheld else item)
        return _page(items, rows, limit, redaction)

    async def _redaction(self, plan_id: UUID, sees: Sees) -> Redaction | None:
        """What is withheld today. It is asked after the list, so it knows of all that is listed."""
        revision = await self._database.pool.fetchval(_REVISION, plan_id)
        if revision is None:
            return None
        return (await self._marks.of(plan_id, revision)).withheld_from(sees)


def _page(
    items: Sequence[bytes], rows: Sequence[Mapping[str, Any]], limit: int, redaction: Redaction
) -> Page:
    concerned = dict.fromkeys((row["section"], row["entry_id"]) for row in rows[:limit])
    return Page(
        items,
        tuple(one for key in concerned for one in left_out(*key, redaction.of(*key))),
        rows[limit - 1]["plan_version"] if len(rows) > limit else None,
    )
