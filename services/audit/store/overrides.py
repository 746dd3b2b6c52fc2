"""Reads in an emergency that somebody has to review: which are open, overdue or decided."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

from services.audit.record.alerts import ESCALATED, UNREVIEWED, Alert, told_of
from shared.chassis.accesses.rows import salts
from shared.chassis.database.database import Connection, Database
from shared.ledger import instant

OUTCOMES: Final = ("appropriate", "not-appropriate", "unclear")
"""What a review can find. One that is unclear leaves it to somebody else."""

_NOTE: Final = """
INSERT INTO override_to_review (override_id, idx, plan_id, organisation, sub, due_at)
SELECT DISTINCT ON (override_id) override_id, idx, plan_id, organisation, actor_id,
       recorded_at + make_interval(secs => $2)
  FROM audit_record
 WHERE override_id = ANY ($1) AND operation = 'read' AND plan_id IS NOT NULL
 ORDER BY override_id, idx
ON CONFLICT DO NOTHING
"""
_OF: Final = """
SELECT o.override_id, o.plan_id, o.organisation, o.sub, o.is_open,
       o.due_at <= clock_timestamp() AS is_overdue, p.groups
  FROM override_to_review o JOIN audit_payload p USING (idx) WHERE o.override_id = $1
"""
_OVERDUE: Final = """
SELECT o.override_id, o.plan_id, o.due_at, p.groups
  FROM override_to_review o JOIN audit_payload p USING (idx)
 WHERE o.is_open AND o.escalated_at IS NULL AND o.due_at <= clock_timestamp()
 ORDER BY o.due_at LIMIT $1 FOR UPDATE OF o SKIP LOCKED
"""
_ESCALATED: Final = """
UPDATE override_to_review SET escalated_at = clock_timestamp() WHERE override_id = ANY ($1)
"""
_COUNTS: Final = """
SELECT count(*) AS unreviewed, count(*) FILTER (WHERE due_at <= clock_timestamp()) AS overdue
  FROM override_to_review WHERE is_open
"""
_REVIEWED: Final = """
SELECT override_id, outcome, reviewed_at FROM override_to_review
 WHERE override_id = ANY ($1) AND outcome IS NOT NULL
"""
_AT_A_TIME: Final = 100


async def note_overrides(
    connection: Connection, override_ids: Collection[UUID], review_seconds: int
) -> None:
    """Have them reviewed within so many seconds, in the caller's transaction; each once.

    The first read under each is in the audit by then.
    """
    if override_ids:
        await connection.execute(_NOTE, sorted(override_ids), review_seconds)


@dataclass(frozen=True)
class ToReview:
    """An override as far as a review asks: who read, of which plan, and whether it is open."""

    override_id: UUID
    plan_id: UUID
    organisation: str | None
    sub: str | None
    is_open: bool
    is_overdue: bool
    groups: bytes


@dataclass(frozen=True)
class Review:
    """What a review found, and the record of it: ``who`` stands apart, so it can be erased."""

    of: ToReview
    outcome: str
    organisation: str
    record_id: UUID
    record: bytes
    who: bytes


class Overrides:
    """Overrides that somebody has to review."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, override_id: UUID) -> ToReview | None:
        """The override of this id."""
        row = await self._database.pool.fetchrow(_OF, override_id)
        return None if row is None else ToReview(**row)

    async def review(self, review: Review) -> bool:
        """Keep what a review found, with its record; false where it had been decided before."""
        is_kept: bool = await self._database.pool.fetchval(
            "SELECT review_override($1, $2, $3, $4, $5, $6, $7, $8)",
            review.of.override_id,
            review.outcome,
            review.organisation,
            review.record_id,
            review.of.plan_id,
            review.record,
            review.who,
            salts(1)[0],
        )
        return is_kept

    async def reviewed(self, override_ids: Collection[UUID]) -> dict[UUID, tuple[str, datetime]]:
        """What the last review of each found, and when; those that nobody has reviewed are out."""
        if not override_ids:
            return {}
        rows = await self._database.pool.fetch(_REVIEWED, list(override_ids))
        return {row["override_id"]: (row["outcome"], row["reviewed_at"]) for row in rows}

    async def escalate(self) -> int:
        """Raise an alert for each that is overdue, each once, whoever else looks; how many."""
        async with self._database.transaction() as connection:
            rows = await connection.fetch(_OVERDUE, _AT_A_TIME)
            if rows:
                await keep_alerts(connection, [_overdue(row) for row in rows])
                await connection.execute(_ESCALATED, [row["override_id"] for row in rows])
        return len(rows)

    async def counts(self) -> tuple[int, int]:
        """How many nobody has decided on, and how many of these are overdue."""
        row = await self._database.pool.fetchrow(_COUNTS)
        return row["unreviewed"], row["overdue"]


def _overdue(row: Mapping[str, Any]) -> Alert:
    override = told_of(row["groups"]).get("why", {}).get("override")
    return Alert.of(
        uuid5(row["override_id"], ESCALATED),
        row["plan_id"],
        row["groups"],
        {
            "type": ESCALATED,
            "what": "overrides",
            "code": UNREVIEWED,
            "due_at": instant(row["due_at"]),
            "override": override,
        },
    )


async def keep_alerts(connection: Connection, told: Sequence[Alert]) -> None:
    """Keep alerts as accesses are kept, in the caller's transaction, to be taken to the audit."""
    nothing: list[Any] = [None] * len(told)
    await connection.execute(
        "SELECT ledger.keep_accesses($1, $2, $3, $4, $5, $6, $7)",
        [one.record_id for one in told],
        [one.plan_id for one in told],
        nothing,
        nothing,
        [one.record for one in told],
        [one.who for one in told],
        salts(len(told)),
    )
