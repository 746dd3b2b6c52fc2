"""Rows of the plans' ledger: added in the order of commits, and never changed."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
import orjson

from services.plan.fold.domain import Accepted, EntryKey, Plan, PlanEntry
from services.plan.store.document import Shown, head_bytes
from services.plan.store.history_item import item_of
from services.plan.store.values import dumps
from shared.chassis.database.database import Connection
from shared.chassis.kafka.streams import Stream
from shared.chassis.kafka.windows import Message
from shared.chassis.settings import Settings
from shared.chassis.wire.plain_json import fitted
from shared.ledger.topics import PLAN_CHANGES

_COLUMNS: Final = (
    *("plan_id", "plan_version", "section", "entry_id", "entry_version", "entry_type", "type"),
    *("change", "contribution_id", "position", "recorded_at", "stated_at"),
    *("effective_from", "effective_latest", "effective_to", "in_order", "updated_at"),
    *("by", "stated_by", "fields", "answers"),
    *("leaf_hash", "schema", "traceparent", "current", "entry", "leaves", "head", "positions"),
    *("event", "item", "goes_on", "policy_version", "projected_at", "feed"),
)
_HEAD: Final = _COLUMNS.index("head")
_CHANGE_TYPE: Final = b"careplan.plan.changed.v1"
_CHANGE: Final = (
    *("plan_id", "plan_version", "section", "entry_id", "entry_type", "entry_version", "change"),
    *("type", "contribution_id", "recorded_at", "projected_at", "stated_at"),
)


@dataclass(frozen=True, slots=True)
class Turn:
    """Somebody's turn to write: the last place in the feed, and the time, which nobody has had."""

    last_feed: int
    at: datetime


@dataclass(slots=True)
class LedgerRow:
    """A row to be added; ``facts`` has its columns up to ``goes_on``, in their order."""

    plan_id: UUID
    plan_version: int
    facts: tuple[Any, ...]
    projected_at: datetime | None = None

    def conclude(self, plan: Plan) -> None:
        """The row is the last of its batch: readers are told what waits at the end of that."""
        self.facts = (*self.facts[:_HEAD], head_bytes(plan), *self.facts[_HEAD + 1 :])

    def named(self) -> dict[str, Any]:
        """Its columns by their names."""
        return dict(zip(_COLUMNS, self.facts, strict=False))


def row_of(plan: Plan, entry: PlanEntry, accepted: Accepted, shown: Shown) -> LedgerRow:
    """What the ledger keeps of an event, with plan and entry as they are after it."""
    event, effect = accepted.event, accepted.effect
    facts = (
        event.plan_id,
        accepted.plan_version,
        event.section,
        event.entry_id,
        event.entry_version,
        event.entry_type,
        event.type,
        event.change,
        event.contribution_id,
        event.position,
        event.recorded_at,
        event.stated_at,
        effect.begins,
        entry.latest_effect,
        effect.ends,
        effect.is_in_order,
        entry.updated_at,
        event.by,
        event.stated_by,
        event.fields,
        event.answers,
        event.leaf_hash,
        event.schema,
        event.traceparent,
        shown.current,
        shown.body,
        fitted(orjson.dumps(entry.leaves)),
        head_bytes(plan),
        fitted(orjson.dumps(plan.positions)),
        event.value,
        item_of(event, accepted.plan_version),
        accepted.goes_on,
    )
    return LedgerRow(plan.plan_id, accepted.plan_version, facts)


class ChangeStream(Stream):
    """What subscribers are told of each row of the ledger: what changed, and never who.

    The ledger is the outbox: a row has its place in the feed under the lock of its transaction.
    """

    name = "changes"
    rows = f"""
        SELECT feed, {", ".join(_CHANGE)}, traceparent, 0 AS up_to
          FROM ledger.plan_ledger WHERE feed > $1 AND $3 > 0 ORDER BY feed LIMIT $2
    """  # noqa: S608 - names of ours
    to_go = """
        SELECT (SELECT max(feed) FROM ledger.plan_ledger) AS newest,
               (SELECT projected_at FROM ledger.plan_ledger WHERE feed > $1
                 ORDER BY feed LIMIT 1) AS oldest
    """

    def __init__(self, settings: Settings) -> None:
        self._topic = settings.topic_prefix + PLAN_CHANGES

    def message(self, row: Any) -> Message:
        """A row of the ledger as it is published (contracts/careplan.plan.changed)."""
        trace = row["traceparent"]
        plan_id = str(row["plan_id"])
        key = plan_id.encode()
        headers: list[tuple[str, bytes | None]] = [
            ("content-type", b"application/json"),
            ("ce_specversion", b"1.0"),
            ("ce_id", f"{plan_id}.{row['plan_version']}".encode()),
            ("ce_source", b"urn:careplan:plan"),
            ("ce_type", _CHANGE_TYPE),
            ("ce_subject", f"plan/{plan_id}".encode()),
            ("ce_partitionkey", key),
        ]
        if trace is not None:
            headers.append(("traceparent", trace.encode()))
        value = dumps({name: row[name] for name in _CHANGE})
        at = row["projected_at"].timestamp()
        return Message(row["feed"], self._topic, key, value, headers, at, trace)


async def take_turn(connection: Connection) -> Turn:
    """Take the lock of all who write: what others have committed before is seen after it.

    It is to be the last lock of the transaction: what waits for it has no time yet.
    """
    row = await connection.fetchrow("SELECT last_feed, at FROM ledger.take_turn()")
    return Turn(row["last_feed"], row["at"])


async def append(
    connection: Connection,
    rows: Sequence[LedgerRow],
    turn: Turn,
    *,
    before: Mapping[UUID, datetime | None],
    policy_version: str,
) -> dict[UUID, datetime]:
    """Add the rows of a batch and answer when each plan was projected, never before ``before``."""
    if not rows:
        return {}
    at = turn.at
    projected_at = {row.plan_id: max(at, before.get(row.plan_id) or at) for row in rows}
    records = []
    for feed, row in enumerate(rows, turn.last_feed + 1):
        row.projected_at = projected_at[row.plan_id]
        records.append((*row.facts, policy_version, row.projected_at, feed))
    try:
        # COPY: the driver looks at every element of an array before it encodes one.
        await connection.copy_records_to_table(
            "plan_ledger", schema_name="ledger", columns=_COLUMNS, records=records
        )
    except asyncpg.UniqueViolationError as error:
        # Another replica has just given the entry to another plan: seen at the next attempt.
        raise asyncpg.SerializationError("an entry came under two plans at once") from error
    return projected_at


async def projected_at(
    connection: Connection, versions: Mapping[UUID, int]
) -> dict[UUID, datetime]:
    """When these versions of plans could first be seen."""
    rows = await connection.fetch(
        """SELECT plan_id, projected_at FROM ledger.plan_ledger
             JOIN unnest($1::uuid[], $2::bigint[]) AS asked (plan_id, plan_version)
                  USING (plan_id, plan_version)""",
        list(versions),
        list(versions.values()),
    )
    return {row["plan_id"]: row["projected_at"] for row in rows}


async def owners(connection: Connection, keys: Collection[EntryKey]) -> dict[EntryKey, UUID]:
    """The plan of each of these entries that is on the ledger: that of its first event."""
    if not keys:
        return {}
    rows = await connection.fetch(
        """SELECT section, entry_id, plan_id FROM ledger.plan_ledger
             JOIN unnest($1::text[], $2::uuid[]) AS asked (section, entry_id)
                  USING (section, entry_id)
            WHERE entry_version = 1""",
        [section for section, _ in keys],
        [entry_id for _, entry_id in keys],
    )
    return {(row["section"], row["entry_id"]): row["plan_id"] for row in rows}
