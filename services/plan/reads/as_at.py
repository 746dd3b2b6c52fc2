"""Past plans: joined from the ledger, of each entry what it was after its last event until then."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from email.utils import format_datetime
from itertools import compress
from typing import Any, Final
from uuid import UUID

import orjson

from services.plan.reads.authorship import authorship_of
from services.plan.reads.together import Together
from services.plan.reads.view import PlanView
from services.plan.store.document import document_of
from shared.chassis.database.database import Database
from shared.chassis.wire.position import Position

# The entries of each version in the order in which they came: a seek for each, however many
# versions there are.
_PAST: Final = """
    SELECT asked.plan_id, asked.version, asked.with_leaves, p.version AS newest,
           l.head, l.positions, l.projected_at, l.policy_version, entries.*
      FROM unnest($1::uuid[], $2::bigint[], $3::boolean[]) AS asked (plan_id, version, with_leaves)
      JOIN ledger.plan_ledger l ON l.plan_id = asked.plan_id AND l.plan_version = asked.version
      JOIN plan p ON p.plan_id = asked.plan_id
     CROSS JOIN LATERAL (
           SELECT array_agg(section) AS sections, array_agg(entry_id) AS entry_ids,
                  array_agg(current) AS current, array_agg(entry) AS bodies,
                  array_agg(leaves) FILTER (WHERE asked.with_leaves) AS leaves
             FROM (SELECT began.section, began.entry_id, latest.*
                     FROM ledger.plan_ledger began
                    CROSS JOIN LATERAL (
                          SELECT e.current, e.entry, e.leaves FROM ledger.plan_ledger e
                           WHERE e.section = began.section AND e.entry_id = began.entry_id
                             AND e.plan_version <= asked.version
                           ORDER BY e.plan_version DESC LIMIT 1) latest
                    WHERE began.plan_id = asked.plan_id AND began.entry_version = 1
                      AND began.plan_version <= asked.version
                    ORDER BY began.plan_version) in_order) entries
"""
_Asked = tuple[UUID, int, bool]
"""A plan, its version, and whether it is asked who said what."""


class PastPlans:
    """Reads plans as they were; nothing is folded, and no version costs more than another."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ask = Together(self._rows_of)

    async def version(
        self, plan_id: UUID, version: int, include: frozenset[str] = frozenset()
    ) -> PlanView | None:
        """The plan of that version; ``None`` where it has no such one.

        ``complete`` is what readers were told when the version was new. What then waited is kept
        in the ledger and not shown: ``parked`` is empty.
        """
        row = await self._ask((plan_id, version, "authorship" in include))
        if row is None:
            return None
        bodies = await self._bodies(row, include)
        told = orjson.loads(row["head"])
        return PlanView(
            plan_id,
            version,
            document_of(plan_id, version, told, bodies, as_at=_as_at(version, row)),
            Position(plan_id, orjson.loads(row["positions"])),
            _headers(plan_id, version, row["newest"], row["projected_at"], include),
        )

    async def _bodies(
        self, row: Mapping[str, Any], include: frozenset[str]
    ) -> list[tuple[str, bytes]]:
        sections, bodies = row["sections"] or (), row["bodies"] or ()
        is_shown = [current or "withdrawn" in include for current in row["current"] or ()]
        if not row["with_leaves"]:
            return list(compress(zip(sections, bodies, strict=True), is_shown))
        leaves = map(orjson.loads, row["leaves"] or ())
        entries = zip(sections, row["entry_ids"] or (), bodies, leaves, strict=True)
        return await authorship_of(self._database, list(compress(entries, is_shown)))

    async def _rows_of(self, asked: Sequence[_Asked]) -> Sequence[Mapping[str, Any] | None]:
        each = list(dict.fromkeys(asked))
        rows = await self._database.pool.fetch(_PAST, *map(list, zip(*each, strict=True)))
        found = {(row["plan_id"], row["version"], row["with_leaves"]): row for row in rows}
        return [found.get(one) for one in asked]


def _as_at(version: int, head: Mapping[str, Any]) -> dict[str, Any]:
    """What marks a past answer as one, even where nothing has changed since."""
    return {
        "requested": version,
        "basis": "version",
        "resolved_version": version,
        "resolved_at": head["projected_at"],
        "without": [],
        "policy_version": head["policy_version"],
        "is_current": False,
    }


def _headers(
    plan_id: UUID, version: int, newest: int, at: datetime, include: frozenset[str]
) -> dict[str, str]:
    """Whoever follows ``prev`` or ``next`` is shown as much as before."""
    plan = f"/v1/plans/{plan_id}"
    as_much = f"?include={','.join(sorted(include))}" if include else ""
    links = [f'<{plan}>; rel="original"', f'<{plan}/versions>; rel="timemap"']
    if version > 1:
        links.append(f'<{plan}/versions/{version - 1}{as_much}>; rel="prev"')
    if version < newest:
        links.append(f'<{plan}/versions/{version + 1}{as_much}>; rel="next"')
    return {
        "Memento-Datetime": format_datetime(at, usegmt=True),
        "Link": ", ".join(links),
        "Ledger-Current-Version": str(newest),
    }
