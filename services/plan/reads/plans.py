"""What readers are given: the current plan as one row, past plans and history from the ledger."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from services.plan.fold.domain import Plan, by, fold, stated_by
from services.plan.store.document import (
    entry_from,
    merged_document,
    plan_document,
    shown,
    with_details,
)
from services.plan.store.projection import event_from
from shared.chassis.database.database import Database
from shared.chassis.wire.position import Position
from shared.ledger import RecordedEvent

_LONGEST_CONTRIBUTION = 1_000


@dataclass(frozen=True)
class PlanView:
    """A plan as it is given: its version, its bytes, and how far it has got in each section."""

    version: int
    body: bytes
    position: Position


class PlanLedger:
    """Reads plans; changes nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def has_reached(self, position: Position) -> bool:
        """True where the plan shows at least what the position speaks of."""
        stored = await self._database.pool.fetchval(
            "SELECT positions FROM plan WHERE plan_id = $1", position.plan_id
        )
        reached = orjson.loads(stored) if stored else {}
        return all(reached.get(name, 0) >= at for name, at in position.sections.items())

    async def position(self, plan_id: UUID) -> Position:
        """How far the plan has got; nowhere for one not heard of."""
        stored = await self._database.pool.fetchval(
            "SELECT positions FROM plan WHERE plan_id = $1", plan_id
        )
        return Position(plan_id, orjson.loads(stored) if stored else {})

    async def current(
        self, plan_id: UUID, include: frozenset[str] = frozenset()
    ) -> PlanView | None:
        """The plan as it stands; ``None`` where there is none."""
        while True:
            row = await self._database.pool.fetchrow(
                """SELECT version, revision, positions, document,
                          (SELECT array_agg(other.plan_id) FROM plan other
                            WHERE other.merged_into = $1::uuid::text) AS merged_from
                     FROM plan WHERE plan_id = $1""",
                plan_id,
            )
            if row is None or row["document"] is None:
                return None
            body: bytes | None = row["document"]
            merged_from = row["merged_from"] or ()
            if include:
                body = await self._in_detail(plan_id, row, include, merged_from)
            elif merged_from:
                body = merged_document(orjson.loads(row["document"]), merged_from)
            if body is not None:
                position = Position(plan_id, orjson.loads(row["positions"]))
                return PlanView(row["version"], body, position)

    async def _in_detail(
        self,
        plan_id: UUID,
        row: Mapping[str, Any],
        include: frozenset[str],
        merged_from: Sequence[UUID],
    ) -> bytes | None:
        """The document with what was asked for; ``None`` where the plan has moved on meanwhile."""
        rows = await self._database.pool.fetch(
            """SELECT e.*, p.revision FROM plan p JOIN plan_entry e USING (plan_id)
                WHERE plan_id = $1 ORDER BY entry_order""",
            plan_id,
        )
        if any(one["revision"] != row["revision"] for one in rows):
            return None
        return with_details(
            row["document"],
            [entry_from(one) for one in rows],
            withdrawn="withdrawn" in include,
            authorship="authorship" in include,
            merged_from=merged_from,
        )

    async def past(
        self, plan_id: UUID, version: int, include: frozenset[str] = frozenset()
    ) -> PlanView | None:
        """The plan of that version: the fold of its ledger; ``None`` where it has no such one."""
        rows = await self._database.pool.fetch(
            """SELECT plan_id, position, event FROM plan_ledger
                WHERE plan_id = $1 AND plan_version <= $2 ORDER BY plan_version""",
            plan_id,
            version,
        )
        if len(rows) != version:
            return None
        plan = Plan(plan_id)
        for row in rows:
            fold(plan, event_from(row))
        entries = plan.entries.values()
        body = plan_document(plan, [shown(entry) for entry in entries])
        if include:
            body = with_details(
                body,
                entries,
                withdrawn="withdrawn" in include,
                authorship="authorship" in include,
            )
        return PlanView(version, body, Position(plan_id, plan.positions))

    async def newest_version(self, plan_id: UUID) -> int | None:
        """The plan's version; ``None`` where there is no such plan."""
        found: int | None = await self._database.pool.fetchval(
            "SELECT version FROM plan WHERE plan_id = $1 AND document IS NOT NULL", plan_id
        )
        return found

    async def versions(
        self, plan_id: UUID, before: int | None, limit: int
    ) -> tuple[list[dict[str, Any]], int | None]:
        """Versions, newest first, and the one to go on before, where there are more."""
        rows = await self._database.pool.fetch(
            """SELECT * FROM plan_ledger
                WHERE plan_id = $1 AND ($2::bigint IS NULL OR plan_version < $2)
                ORDER BY plan_version DESC LIMIT $3""",
            plan_id,
            before,
            limit + 1,
        )
        items = [
            {
                "plan_version": row["plan_version"],
                "section": row["section"],
                "entry_id": row["entry_id"],
                "entry_type": row["entry_type"],
                "entry_version": row["entry_version"],
                "change": row["change"],
                "type": row["type"],
                "contribution_id": row["contribution_id"],
                "recorded_at": row["recorded_at"],
                "projected_at": row["projected_at"],
                "stated_at": row["stated_at"],
                "by": by(event_from(row)),
            }
            for row in rows[:limit]
        ]
        return items, rows[limit - 1]["plan_version"] if len(rows) > limit else None

    async def history(
        self, plan_id: UUID, before: int | None, limit: int
    ) -> tuple[list[dict[str, Any]], int | None]:
        """Contributions, newest first, and the plan version to go on before.

        The events of one contribution are versions of one entry that follow each other: it is
        listed at the last of them.
        """
        heads = await self._database.pool.fetch(
            """SELECT * FROM plan_ledger l
                WHERE plan_id = $1 AND ($2::bigint IS NULL OR plan_version < $2)
                  AND NOT EXISTS (
                      SELECT 1 FROM plan_ledger n
                       WHERE n.section = l.section AND n.entry_id = l.entry_id
                         AND n.entry_version = l.entry_version + 1
                         AND n.contribution_id = l.contribution_id)
                ORDER BY plan_version DESC LIMIT $3""",
            plan_id,
            before,
            limit + 1,
        )
        shown_heads = heads[:limit]
        earlier = await self._database.pool.fetch(
            """SELECT l.* FROM unnest($1::text[], $2::uuid[], $3::bigint[], $4::uuid[])
                              AS head (section, entry_id, entry_version, contribution_id)
                 JOIN plan_ledger l ON l.section = head.section AND l.entry_id = head.entry_id
                      AND l.entry_version < head.entry_version
                      AND l.entry_version > head.entry_version - $5
                      AND l.contribution_id = head.contribution_id
                ORDER BY l.plan_version""",
            [row["section"] for row in shown_heads],
            [row["entry_id"] for row in shown_heads],
            [row["entry_version"] for row in shown_heads],
            [row["contribution_id"] for row in shown_heads],
            _LONGEST_CONTRIBUTION,
        )
        before_head: dict[tuple[str, UUID, UUID], list[Mapping[str, Any]]] = {}
        for row in earlier:
            before_head.setdefault(_contribution(row), []).append(row)
        items = [_history_item([*before_head.get(_contribution(r), []), r]) for r in shown_heads]
        return items, shown_heads[-1]["plan_version"] if len(heads) > limit else None


def _contribution(row: Mapping[str, Any]) -> tuple[str, UUID, UUID]:
    return row["section"], row["entry_id"], row["contribution_id"]


def _history_item(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    events = [event_from(row) for row in rows]
    last, head = events[-1], rows[-1]
    return {
        "contribution_id": head["contribution_id"],
        "plan_versions": [row["plan_version"] for row in rows],
        "section": head["section"],
        "entry_id": head["entry_id"],
        "entry_type": head["entry_type"],
        "recorded_at": head["recorded_at"],
        "stated_at": head["stated_at"],
        "by": by(last),
        "stated_by": stated_by(last),
        "reason": _reason(events),
        "events": [
            {
                "plan_version": row["plan_version"],
                "entry_version": row["entry_version"],
                "type": row["type"],
                "change": row["change"],
                "fields": event.fields,
                "content": event.content,
            }
            for row, event in zip(rows, events, strict=True)
        ],
    }


def _reason(events: Sequence[RecordedEvent]) -> Any:
    for event in events:
        reason = event.content.get("reason") or event.provenance.get("reason")
        if reason is not None:
            return reason
    return None
