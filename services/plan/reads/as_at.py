"""Past plans: joined from the ledger, of each entry what it was after its last event until then."""

from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime
from typing import Any
from uuid import UUID

import orjson

from services.plan.reads.authorship import authorship_of
from services.plan.reads.view import PlanView
from services.plan.store.document import document_of
from shared.chassis.database.database import Database
from shared.chassis.wire.position import Position


class PastPlans:
    """Reads plans as they were; nothing is folded, and no version costs more than another."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def version(
        self, plan_id: UUID, version: int, include: frozenset[str] = frozenset()
    ) -> PlanView | None:
        """The plan of that version; ``None`` where it has no such one."""
        head = await self._database.pool.fetchrow(
            """SELECT l.head, l.positions, l.projected_at, l.policy_version, p.version AS newest
                 FROM ledger.plan_ledger l JOIN plan p USING (plan_id)
                WHERE l.plan_id = $1 AND l.plan_version = $2""",
            plan_id,
            version,
        )
        if head is None:
            return None
        bodies = await self._entries(plan_id, version, include)
        told = orjson.loads(head["head"])
        body = document_of(plan_id, version, told, bodies, as_at=_as_at(version, head))
        return PlanView(
            plan_id,
            version,
            body,
            Position(plan_id, orjson.loads(head["positions"])),
            _headers(plan_id, version, head["newest"], head["projected_at"]),
        )

    async def _entries(
        self, plan_id: UUID, version: int, include: frozenset[str]
    ) -> list[tuple[str, bytes]]:
        """The entries in the order in which they came: a seek for each, however many versions."""
        rows = await self._database.pool.fetch(
            """SELECT began.section, began.entry_id, latest.current, latest.entry, latest.leaves
                 FROM ledger.plan_ledger began
                CROSS JOIN LATERAL (
                      SELECT l.current, l.entry, l.leaves FROM ledger.plan_ledger l
                       WHERE l.section = began.section AND l.entry_id = began.entry_id
                         AND l.plan_version <= $2
                       ORDER BY l.plan_version DESC LIMIT 1) latest
                WHERE began.plan_id = $1 AND began.entry_version = 1 AND began.plan_version <= $2
                ORDER BY began.plan_version""",
            plan_id,
            version,
        )
        shown = [row for row in rows if row["current"] or "withdrawn" in include]
        if "authorship" not in include:
            return [(row["section"], row["entry"]) for row in shown]
        return await authorship_of(
            self._database,
            [
                (row["section"], row["entry_id"], row["entry"], orjson.loads(row["leaves"]))
                for row in shown
            ],
        )


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


def _headers(plan_id: UUID, version: int, newest: int, at: datetime) -> dict[str, str]:
    plan = f"/v1/plans/{plan_id}"
    links = [f'<{plan}>; rel="original"', f'<{plan}/versions>; rel="timemap"']
    if version > 1:
        links.append(f'<{plan}/versions/{version - 1}>; rel="prev"')
    if version < newest:
        links.append(f'<{plan}/versions/{version + 1}>; rel="next"')
    return {
        "Memento-Datetime": format_datetime(at, usegmt=True),
        "Link": ", ".join(links),
        "Ledger-Current-Version": str(newest),
    }
