"""The list of overrides for those who review them: oldest first, each with what was said of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from services.audit.record.alerts import actor_of, told_of
from shared.chassis.database.database import Database
from shared.ledger import instant


class State(StrEnum):
    """How far an override is: nobody has decided yet, not even in time, or somebody has."""

    AWAITING = "awaiting"
    OVERDUE = "overdue"
    REVIEWED = "reviewed"


_IN_STATE: Final[Mapping[State, str]] = {
    State.AWAITING: "o.is_open",
    State.OVERDUE: "o.is_open AND o.due_at <= clock_timestamp()",
    State.REVIEWED: "NOT o.is_open",
}
_READS_COUNTED: Final = 1_000

_LIST: Final = """
SELECT o.override_id, o.idx, o.plan_id, o.due_at, o.escalated_at, o.is_open, o.outcome,
       o.reviewed_at, o.reviewed_for, o.due_at <= clock_timestamp() AS is_overdue,
       r.recorded_at, p.groups, j.recorded_at AS justified_at, j.groups AS justification,
       (SELECT count(*) FROM (SELECT FROM audit_record a WHERE a.override_id = o.override_id
                                 AND a.operation = 'read' LIMIT {reads:d}) AS counted) AS reads
  FROM override_to_review o JOIN audit_record r USING (idx) JOIN audit_payload p USING (idx)
  LEFT JOIN LATERAL (
       SELECT a.recorded_at, q.groups FROM audit_record a JOIN audit_payload q USING (idx)
        WHERE a.override_id = o.override_id AND a.operation = 'justification'
        ORDER BY a.idx LIMIT 1) AS j ON true
 WHERE {state} AND o.idx > $1
   AND ($2::text IS NULL OR o.organisation = $2
        OR EXISTS (SELECT FROM plan_organisation k
                    WHERE k.plan_id = o.plan_id AND k.organisation = $2))
   AND ($3::text IS NULL OR o.organisation = $3)
   AND ($4::uuid IS NULL OR o.plan_id = $4)
 ORDER BY o.idx LIMIT $5
"""


@dataclass(frozen=True)
class WantedOverrides:
    """Which overrides are asked for; ``None`` is no filter.

    ``within`` is the organisation of whoever asks, where they see no more than what it did and what
    happened to people whom it looks after. ``after`` is the place of the last of the page before.
    """

    state: State
    within: str | None = None
    organisation: str | None = None
    plan_id: UUID | None = None
    after: int | None = None
    limit: int = 50


class OverrideList:
    """Finds overrides, the oldest first."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def oldest(self, wanted: WantedOverrides) -> list[dict[str, Any]]:
        """The oldest of those that are wanted, as answers give them."""
        # Only words of our own are put into the statement; every value is a parameter.
        query = _LIST.format(state=_IN_STATE[wanted.state], reads=_READS_COUNTED)
        rows = await self._database.pool.fetch(
            query,
            -1 if wanted.after is None else wanted.after,
            *(wanted.within, wanted.organisation, wanted.plan_id, wanted.limit),
        )
        return [_as_item(row) for row in rows]


def _as_item(row: Mapping[str, Any]) -> dict[str, Any]:
    told = told_of(row["groups"])
    override = told.get("why", {}).get("override") or {}
    return {
        "override_id": str(row["override_id"]),
        "idx": row["idx"],
        "at": instant(row["recorded_at"]),
        "plan_id": str(row["plan_id"]),
        "actor": actor_of(told),
        "kind": override.get("kind"),
        "reason": override.get("reason"),
        "ends_at": override.get("ends_at"),
        "sections": told.get("object", {}).get("sections") or [],
        "reads": row["reads"],
        "justification": _justification(row),
        "state": _state_of(row),
        "due_at": instant(row["due_at"]),
        "escalated_at": None if row["escalated_at"] is None else instant(row["escalated_at"]),
        "review": _review(row),
    }


def _state_of(row: Mapping[str, Any]) -> State:
    if not row["is_open"]:
        return State.REVIEWED
    return State.OVERDUE if row["is_overdue"] else State.AWAITING


def _justification(row: Mapping[str, Any]) -> dict[str, Any] | None:
    if row["justification"] is None:
        return None
    told = told_of(row["justification"])
    override = told.get("why", {}).get("override") or {}
    return {
        "at": instant(row["justified_at"]),
        "basis": override.get("basis"),
        "text": told.get("change", {}).get("reason"),
    }


def _review(row: Mapping[str, Any]) -> dict[str, Any] | None:
    if row["outcome"] is None:
        return None
    return {
        "at": instant(row["reviewed_at"]),
        "outcome": row["outcome"],
        "organisation": row["reviewed_for"],
    }
