"""Events that wait for a missing version of their entry, kept as the records they were."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg

from services.plan.fold.domain import EntryKey
from services.plan.store.reading import Read
from shared.chassis.database.database import Connection
from shared.chassis.database.outgoing import headers_from_bytes, headers_to_bytes
from shared.chassis.kafka.dead_letters import Record


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits in a plan under a natural key, as the record it was, of the topic it was on."""

    plan_id: UUID
    natural_key: tuple[str, UUID, int]
    record: Record
    topic_id: UUID | None


async def park(connection: Connection, reads: Sequence[Read]) -> None:
    """Keep events that wait from now on."""
    if not reads:
        return
    await connection.execute(
        """INSERT INTO ledger.plan_parked
           (section, entry_id, entry_version, plan_id, event, headers,
            from_topic, from_topic_id, from_partition, from_offset, from_timestamp)
           SELECT * FROM unnest($1::text[], $2::uuid[], $3::bigint[], $4::uuid[], $5::bytea[],
                                $6::bytea[], $7::text[], $8::uuid[], $9::integer[], $10::bigint[],
                                $11::bigint[])""",
        [read.event.section for read in reads],
        [read.event.entry_id for read in reads],
        [read.event.entry_version for read in reads],
        [read.event.plan_id for read in reads],
        [read.event.value for read in reads],
        [headers_to_bytes(tuple(read.record.headers)) for read in reads],
        [read.record.topic for read in reads],
        [read.topic_id for read in reads],
        [read.record.partition for read in reads],
        [read.record.offset for read in reads],
        [read.record.timestamp for read in reads],
    )


async def release(
    connection: Connection, released: Sequence[tuple[UUID, tuple[str, UUID, int]]]
) -> None:
    """Let go of what waits no longer, each by its plan and its natural key."""
    if not released:
        return
    await connection.execute(
        """DELETE FROM ledger.plan_parked p
            USING unnest($1::uuid[], $2::text[], $3::uuid[], $4::bigint[])
                  AS gone (plan_id, section, entry_id, entry_version)
            WHERE p.section = gone.section AND p.entry_id = gone.entry_id
              AND p.entry_version = gone.entry_version AND p.plan_id = gone.plan_id""",
        [plan_id for plan_id, _ in released],
        [section for _, (section, _, _) in released],
        [entry_id for _, (_, entry_id, _) in released],
        [entry_version for _, (_, _, entry_version) in released],
    )


async def waiting(connection: Connection, plan_ids: Sequence[UUID]) -> list[Waiting]:
    """What waits in these plans."""
    rows = await connection.fetch(
        "SELECT * FROM ledger.plan_parked WHERE plan_id = ANY($1)", plan_ids
    )
    return [_waiting_from(row) for row in rows]


async def take_out(
    connection: Connection, plan_id: UUID, keys: Sequence[EntryKey]
) -> list[Waiting]:
    """Events that wait in a plan which their entries are not of, as the records they were."""
    rows = await connection.fetch(
        """DELETE FROM ledger.plan_parked p
            USING unnest($2::text[], $3::uuid[]) AS gone (section, entry_id)
            WHERE p.plan_id = $1 AND p.section = gone.section AND p.entry_id = gone.entry_id
        RETURNING p.*""",
        plan_id,
        [section for section, _ in keys],
        [entry_id for _, entry_id in keys],
    )
    return [_waiting_from(row) for row in rows]


async def where_strays_wait(connection: Connection, begun: Mapping[EntryKey, UUID]) -> set[UUID]:
    """Plans in which events wait whose entry is begun in another plan."""
    if not begun:
        return set()
    rows = await connection.fetch(
        """SELECT DISTINCT p.plan_id
             FROM ledger.plan_parked p
             JOIN unnest($1::text[], $2::uuid[], $3::uuid[])
                  AS begun (section, entry_id, plan_id) USING (section, entry_id)
            WHERE p.plan_id <> begun.plan_id""",
        [section for section, _ in begun],
        [entry_id for _, entry_id in begun],
        list(begun.values()),
    )
    return {row["plan_id"] for row in rows}


async def must_not_stray(
    connection: Connection,
    begun: Sequence[tuple[EntryKey, UUID]],
    parked: Sequence[tuple[EntryKey, UUID]],
) -> None:
    """Have the batch tried again where an entry is begun in one plan and waits in another.

    Another replica has just begun it, or parked an event of it: after ``take_turn``, and not
    before, each sees what the other has committed.
    """
    if not begun and not parked:
        return
    strays: bool = await connection.fetchval(
        """SELECT EXISTS (
               SELECT FROM ledger.plan_parked p
                 JOIN unnest($1::text[], $2::uuid[], $3::uuid[])
                      AS begun (section, entry_id, plan_id) USING (section, entry_id)
                WHERE p.plan_id <> begun.plan_id
           ) OR EXISTS (
               SELECT FROM ledger.plan_ledger l
                 JOIN unnest($4::text[], $5::uuid[], $6::uuid[])
                      AS waits (section, entry_id, plan_id) USING (section, entry_id)
                WHERE l.entry_version = 1 AND l.plan_id <> waits.plan_id
           )""",
        *_columns(begun),
        *_columns(parked),
    )
    if strays:
        raise asyncpg.SerializationError("an entry is begun in one plan and waits in another")


def _columns(named: Sequence[tuple[EntryKey, UUID]]) -> tuple[list[str], list[UUID], list[UUID]]:
    return (
        [section for (section, _), _ in named],
        [entry_id for (_, entry_id), _ in named],
        [plan_id for _, plan_id in named],
    )


def _waiting_from(row: Mapping[str, Any]) -> Waiting:
    natural_key = (row["section"], row["entry_id"], row["entry_version"])
    return Waiting(row["plan_id"], natural_key, _record_from(row), row["from_topic_id"])


def _record_from(row: Mapping[str, Any]) -> Record:
    return Record(
        topic=row["from_topic"],
        partition=row["from_partition"],
        offset=row["from_offset"],
        timestamp=row["from_timestamp"],
        timestamp_type=0,
        key=str(row["plan_id"]).encode(),  # no event has another
        value=row["event"],
        checksum=None,
        serialized_key_size=0,
        serialized_value_size=len(row["event"]),
        headers=headers_from_bytes(row["headers"]),
    )
