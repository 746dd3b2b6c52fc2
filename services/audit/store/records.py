"""The audit's tables: records added under one lock, positions seen, and the lists asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson

from services.audit.record.model import Actor, AuditRecord, actor_as_json
from shared.chassis.database.database import Connection, Database
from shared.ledger import instant

_LOCK: Final = 7421  # taken before the lock of outgoing, by everybody who needs both

_COLUMNS: Final = """
    id text, kind text, operation text, recorded_at timestamptz, stated_at timestamptz,
    plan_id uuid, section text, entry_id uuid, entry_version bigint, event_type text, code text,
    change text, contribution_id uuid, actor_kind text, actor_id text, actor_id_system text,
    actor_name text, actor_role text, organisation text, organisation_name text, author jsonb,
    on_behalf_of jsonb, trace_id text, content_sha256 text, leaf_hash text, source_topic text,
    source_partition integer, source_offset bigint, source_position bigint, bag jsonb"""
_NAMES: Final = [column.split()[0] for column in _COLUMNS.split(",")]

_GIVEN: Final = [
    f"coalesce(given.{name}, now_.at)" if name == "recorded_at" else f"given.{name}"
    for name in _NAMES
]
# Only names of our own are put into these two statements; every value is a parameter.
_INSERT: Final = f"""
WITH last AS (
    SELECT idx, logged_at FROM audit_record ORDER BY idx DESC LIMIT 1
), now_ AS (
    SELECT greatest(clock_timestamp(), (SELECT logged_at FROM last)) AS at
), given AS (
    SELECT * FROM ROWS FROM (jsonb_to_recordset($1::jsonb) AS ({_COLUMNS}))
             WITH ORDINALITY AS given ({", ".join(_NAMES)}, n)
)
INSERT INTO audit_record (idx, logged_at, {", ".join(_NAMES)})
SELECT coalesce((SELECT idx FROM last), -1) + given.n, now_.at, {", ".join(_GIVEN)}
  FROM given CROSS JOIN now_ ORDER BY given.n
"""  # noqa: S608

_SEEN: Final = """
INSERT INTO source_stream AS s (source, seen, waiting_since)
SELECT source, range_agg(int8range(position, position + 1)), clock_timestamp()
  FROM unnest($1::text[], $2::bigint[]) AS given (source, position)
 GROUP BY source ORDER BY source
    ON CONFLICT (source) DO UPDATE SET
       seen = s.seen + excluded.seen,
       waiting_since = CASE
           WHEN s.next_position > s.last_position OR s.next_position <@ excluded.seen
           THEN clock_timestamp() ELSE s.waiting_since END
"""

_GAPS: Final = """
SELECT source, next_position AS first,
       extract(epoch FROM clock_timestamp() - waiting_since)::float8 AS seconds, (
           SELECT sum(upper(hole) - lower(hole))
             FROM unnest(int8multirange(int8range(1, last_position + 1)) - seen) AS hole
       )::bigint AS missing
  FROM source_stream WHERE next_position <= last_position ORDER BY source
"""


@dataclass(frozen=True)
class Appended:
    """What became of records: added, held already, or (by their place) at odds with one held."""

    added: int
    repeats: int
    conflicts: tuple[int, ...]


@dataclass(frozen=True)
class Gap:
    """Positions of a source that have not come although later ones have, and for how long."""

    source: str
    first: int
    missing: int
    seconds: float


@dataclass(frozen=True)
class Wanted:
    """Which records are asked for; what is ``None`` narrows nothing."""

    plan_id: UUID | None = None
    organisation: str | None = None
    contributor: str | None = None
    section: str | None = None
    operation: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    below: int | None = None
    limit: int = 50


class AuditStore:
    """Adds and reads audit records; nothing here changes or removes one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def append(self, connection: Connection, records: Sequence[AuditRecord]) -> Appended:
        """Add records in the caller's transaction, in their order; a repeat adds nothing.

        Holds the log's lock from here to the commit, so that no place is given twice or left out.
        """
        if not records:
            return Appended(0, 0, ())
        # In a statement of its own: the next one then sees what was committed before it.
        await connection.execute(f"SELECT pg_advisory_xact_lock({_LOCK})")
        held = await self._held(connection, [record.record_id for record in records])
        fresh: list[AuditRecord] = []
        conflicts: list[int] = []
        for place, record in enumerate(records):
            identity = record.identity
            first = held.setdefault(record.record_id, identity)
            if first is identity:
                fresh.append(record)
            elif first != identity:
                conflicts.append(place)
        if fresh:
            await connection.execute(_INSERT, _as_rows(fresh))
        repeats = len(records) - len(fresh) - len(conflicts)
        return Appended(len(fresh), repeats, tuple(conflicts))

    async def note_positions(
        self, connection: Connection, positions: Sequence[tuple[str, int]]
    ) -> None:
        """Remember that these positions of these sources have come."""
        if positions:
            await connection.execute(
                _SEEN, [source for source, _ in positions], [at for _, at in positions]
            )

    async def gaps(self) -> list[Gap]:
        """The sources of which something has not come yet."""
        async with self._database.pool.acquire() as connection:
            return [Gap(**row) for row in await connection.fetch(_GAPS)]

    async def records(self, wanted: Wanted) -> list[dict[str, Any]]:
        """The newest records that are wanted, newest first, as answers give them."""
        conditions, values = _conditions(wanted)
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        query = f"SELECT * FROM audit_record {where} ORDER BY idx DESC LIMIT {wanted.limit:d}"  # noqa: S608
        async with self._database.pool.acquire() as connection:
            rows = await connection.fetch(query, *values)
        return [_as_item(row) for row in rows]

    async def _held(
        self, connection: Connection, ids: Sequence[str]
    ) -> dict[str, tuple[str, str | None]]:
        rows = await connection.fetch(
            """SELECT id, operation, CASE WHEN operation = 'change' THEN content_sha256 END AS said
                 FROM audit_record WHERE id = ANY ($1)""",
            list(ids),
        )
        return {row["id"]: (row["operation"], row["said"]) for row in rows}


def _as_rows(records: Sequence[AuditRecord]) -> str:
    return orjson.dumps([_as_row(record) for record in records]).decode()


def _as_row(record: AuditRecord) -> dict[str, Any]:
    actor = record.actor
    return {
        "id": record.record_id,
        "kind": record.kind,
        "operation": record.operation,
        "recorded_at": record.recorded_at,
        "stated_at": record.stated_at,
        "plan_id": _text(record.plan_id),
        "section": record.section,
        "entry_id": _text(record.entry_id),
        "entry_version": record.entry_version,
        "event_type": record.event_type,
        "code": record.code,
        "change": record.change,
        "contribution_id": _text(record.contribution_id),
        "actor_kind": actor and actor.kind,
        "actor_id": actor and actor.id,
        "actor_id_system": actor and actor.id_system,
        "actor_name": actor and actor.name,
        "actor_role": actor and actor.role,
        "organisation": actor and actor.organisation,
        "organisation_name": actor and actor.organisation_name,
        "author": record.author,
        "on_behalf_of": record.on_behalf_of,
        "trace_id": record.trace_id,
        "content_sha256": record.content_sha256,
        "leaf_hash": record.leaf_hash,
        "source_topic": record.source.topic,
        "source_partition": record.source.partition,
        "source_offset": record.source.offset,
        "source_position": record.source.position,
        "bag": record.bag,
    }


def _conditions(wanted: Wanted) -> tuple[list[str], list[Any]]:
    narrowed = {
        "plan_id = ": wanted.plan_id,
        "organisation = ": wanted.organisation,
        "actor_id = ": wanted.contributor,
        "section = ": wanted.section,
        "operation = ": wanted.operation,
        "recorded_at >= ": wanted.since,
        "recorded_at < ": wanted.until,
        "idx < ": wanted.below,
    }
    given = {condition: value for condition, value in narrowed.items() if value is not None}
    return [f"{condition}${n}" for n, condition in enumerate(given, 1)], list(given.values())


def _as_item(row: Mapping[str, Any]) -> dict[str, Any]:
    item = {
        "record_id": row["id"],
        "idx": row["idx"],
        "at": instant(row["recorded_at"]),
        "logged_at": instant(row["logged_at"]),
        "operation": row["operation"],
        "actor": _actor(row),
        "on_behalf_of": _json(row["on_behalf_of"]),
        "plan_id": _text(row["plan_id"]),
        "section": row["section"],
        "entry_id": _text(row["entry_id"]),
        "entry_version": row["entry_version"],
        "contribution_id": _text(row["contribution_id"]),
        "content_sha256": row["content_sha256"],
        "trace_id": row["trace_id"],
    }
    optional = {
        "event_type": row["event_type"],
        "change": row["change"],
        "code": row["code"],
        "stated_at": row["stated_at"] and instant(row["stated_at"]),
        "author": _json(row["author"]),
        "leaf_hash": row["leaf_hash"],
    }
    return {**item, **{name: given for name, given in optional.items() if given is not None}}


def _actor(row: Mapping[str, Any]) -> dict[str, Any] | None:
    if row["actor_kind"] is None:
        return None
    return actor_as_json(
        Actor(
            kind=row["actor_kind"],
            id=row["actor_id"],
            name=row["actor_name"],
            role=row["actor_role"],
            organisation=row["organisation"],
            organisation_name=row["organisation_name"],
        )
    )


def _json(stored: str | None) -> Any:
    return None if stored is None else orjson.loads(stored)


def _text(given: UUID | None) -> str | None:
    return None if given is None else str(given)
