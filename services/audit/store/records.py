"""The audit's tables: records with their payloads, added under one lock, and positions."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson

from services.audit.record.commitment import GROUPS, SALTS_BYTES
from services.audit.record.model import AuditRecord, Sealed, digest_of, members_of, sealed
from services.audit.record.reading import accessed
from services.audit.store.positions import Gap, gaps, newly_lost, note_positions
from shared.chassis.database.database import Connection, Database

_LOCK: Final = 7421  # taken before the lock of outgoing, by everybody who needs both
_CHANGE_GROUP: Final = GROUPS.index("change")

_COLUMNS: Final = (
    "idx",
    "id",
    "kind",
    "operation",
    "type",
    "recorded_at",
    "stated_at",
    "logged_at",
    "plan_id",
    "section",
    "entry_id",
    "entry_version",
    "contribution_id",
    "change",
    "code",
    "actor_kind",
    "actor_id",
    "organisation",
    "purpose",
    "policy_version",
    "trace_id",
    "what",
    "sections",
    "relationship",
    "override",
    "override_id",
    "related_from",
    "role",
    "via",
    "plan_version",
    "source_topic",
    "source_partition",
    "source_offset",
    "source_position",
    "kafka_at",
    "commitment",
    "leaf",
)

_PLACE: Final = """
SELECT coalesce(last.idx, -1) + 1 AS idx, greatest(clock_timestamp(), last.logged_at) AS logged_at
  FROM (VALUES (true)) AS always LEFT JOIN
       (SELECT idx, logged_at FROM audit_record ORDER BY idx DESC LIMIT 1) AS last ON true
"""

_HELD: Final = """
SELECT r.id, r.operation, r.type, r.plan_id, r.contribution_id, r.code, r.actor_id, r.organisation,
       p.groups
  FROM audit_record r JOIN audit_payload p USING (idx) WHERE r.id = ANY ($1)
"""

_BEFORE: Final = """
SELECT r.id, split_part(convert_from(p.groups, 'UTF8'), E'\n', $2) AS changed
  FROM audit_record r JOIN audit_payload p USING (idx) WHERE r.id = ANY ($1)
"""


@dataclass(frozen=True)
class Appended:
    """What became of records: how many were added or held already, and which contradict one held.

    ``conflicts`` are the places of the last in what was given.
    """

    added: int
    repeats: int
    conflicts: tuple[int, ...]


class AuditStore:
    """Adds audit records, and never changes or removes one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def append(self, connection: Connection, records: Sequence[AuditRecord]) -> Appended:
        """Add records in the caller's transaction, in their order; a repeat adds nothing.

        The log's lock is held until the commit, so that no place is given twice or left out.
        """
        if not records:
            return Appended(0, 0, ())
        hash_of = await self._hashes_before(connection, records)
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
            elif not _are_the_same(first, identity):
                conflicts.append(place)
        if fresh:
            await self._insert(connection, fresh, hash_of)
        repeats = len(records) - len(fresh) - len(conflicts)
        return Appended(len(fresh), repeats, tuple(conflicts))

    async def note_positions(
        self, connection: Connection, positions: Sequence[tuple[str, int]]
    ) -> None:
        """Note that these positions of these sources have arrived."""
        await note_positions(connection, positions)

    async def gaps(self) -> list[Gap]:
        """The sources of which something is missing."""
        async with self._database.pool.acquire() as connection:
            return await gaps(connection)

    async def newly_lost(self, after_seconds: float) -> list[Gap]:
        """Gaps that have been open for so long, each told once."""
        async with self._database.transaction() as connection:
            return await newly_lost(connection, after_seconds)

    async def _insert(
        self,
        connection: Connection,
        records: Sequence[AuditRecord],
        hash_of: Mapping[str, str | None],
    ) -> None:
        first, logged_at = await connection.fetchrow(_PLACE)
        rows: list[tuple[Any, ...]] = []
        payloads: list[tuple[Any, ...]] = []
        random = os.urandom(SALTS_BYTES * len(records))
        for place, record in enumerate(records):
            idx, start = first + place, SALTS_BYTES * place
            before = None if record.entry_before is None else hash_of.get(record.entry_before)
            salts = random[start : start + SALTS_BYTES]
            committed = sealed(record, salts, logged_at, before, canonical_by_orjson)
            rows.append(_row(idx, record, committed, logged_at))
            payloads.append((idx, committed.salts, committed.groups))
        await connection.copy_records_to_table("audit_record", records=rows, columns=_COLUMNS)
        await connection.copy_records_to_table(
            "audit_payload", records=payloads, columns=("idx", "salts", "groups")
        )

    async def _hashes_before(
        self, connection: Connection, records: Sequence[AuditRecord]
    ) -> dict[str, str | None]:
        """The hash of each entry's previous event, from this batch or from what is held.

        That event came earlier in the same partition, so no lock is needed to look it up.
        """
        wanted = {record.entry_before for record in records} - {None}
        told = {
            record.record_id: digest_of(record.groups)
            for record in records
            if record.record_id in wanted
        }
        if wanted:
            rows = await connection.fetch(_BEFORE, list(wanted), _CHANGE_GROUP + 1)
            told.update((row["id"], _after_hash(row["changed"])) for row in rows)
        return told

    async def _held(self, connection: Connection, ids: Sequence[str]) -> dict[str, tuple[Any, ...]]:
        rows = await connection.fetch(_HELD, list(ids))
        return {row["id"]: (*tuple(row)[1:-1], _digest(row["groups"])) for row in rows}


def canonical_by_orjson(value: Any) -> bytes:
    """The canonical form, by orjson, which is ten times as fast."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


class _Erased:
    """Stands for a hash that was erased."""


_ERASED: Final = _Erased()


def _are_the_same(held: tuple[Any, ...], given: tuple[Any, ...]) -> bool:
    return held[:-1] == given[:-1] and (held[-1] is _ERASED or held[-1] == given[-1])


def _digest(stored: bytes) -> str | _Erased | None:
    groups = dict(zip(GROUPS, members_of(stored), strict=True))
    wanted = {name: groups[name] for name in ("change", "view", "ext")}
    told = {name: orjson.loads(group) or {} for name, group in wanted.items() if group is not None}
    digest = digest_of(told)
    return _ERASED if digest is None and len(told) < len(wanted) else digest


def _after_hash(members: str) -> str | None:
    """Nothing where they were erased."""
    told: dict[str, Any] | None = orjson.loads(members) if members else None
    return (told or {}).get("after_hash")


def _row(idx: int, record: AuditRecord, committed: Sealed, logged_at: datetime) -> tuple[Any, ...]:
    source = record.source
    return (
        idx,
        record.record_id,
        record.kind,
        record.operation,
        record.type,
        record.recorded_at or logged_at,
        record.stated_at,
        logged_at,
        record.plan_id,
        record.section,
        record.entry_id,
        record.entry_version,
        record.contribution_id,
        record.change,
        record.code,
        record.actor_kind,
        record.actor_id,
        record.organisation,
        record.purpose,
        record.policy_version,
        record.trace_id,
        *accessed(record.groups),
        source.topic,
        source.partition,
        source.offset,
        source.position,
        source.kafka_at,
        committed.commitment,
        committed.leaf,
    )
