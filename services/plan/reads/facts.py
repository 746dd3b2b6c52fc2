"""A plan at one of its versions as the rules of the standard look at it, and what came before."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from time import monotonic
from typing import Any, Final
from uuid import UUID

import msgspec
import orjson

from services.plan.fold.domain import is_update
from services.plan.fold.findings.facts import Changed, EntryKey, PlanFacts, Said
from services.plan.store.document import entries_of
from shared.chassis.database.database import Database

_PAGE: Final = 200
_AT_ONCE_SECONDS: Final = 0.004

# Of each event, newest first, what its entry was before it.
_BEFORE: Final = """
    SELECT l.plan_version, l.section, l.entry_id, before.entry
      FROM ledger.plan_ledger l
      LEFT JOIN LATERAL (
           SELECT e.entry FROM ledger.plan_ledger e
            WHERE e.section = l.section AND e.entry_id = l.entry_id
              AND e.plan_version < l.plan_version
            ORDER BY e.plan_version DESC LIMIT 1) before ON true
     WHERE l.plan_id = $1 AND l.plan_version <= $2 AND l.plan_version > $3
     ORDER BY l.plan_version DESC LIMIT $4
"""


class _Body(msgspec.Struct, gc=False):
    entry_type: str
    current: bool
    recorded_at: datetime
    stated_at: datetime
    content: dict[str, Any]
    confirmed_at: datetime | None = None


_body_of = msgspec.json.Decoder(_Body).decode


@dataclass(frozen=True)
class Known:
    """A plan at a version: its facts, and when readers could first see each version up to it."""

    facts: PlanFacts
    seen_at: Mapping[int, datetime]


async def facts_of(database: Database, plan_id: UUID, version: int | None = None) -> Known | None:
    """The plan as it stands, or in one of its versions; ``None`` where there is no such one."""
    row = await database.pool.fetchrow(
        "SELECT version, document, rest FROM plan WHERE plan_id = $1", plan_id
    )
    if row is None or row["document"] is None:
        return None
    wanted = row["version"] if version is None else version
    if not 0 < wanted <= row["version"]:
        return None
    entries = {
        (one.section, str(one.entry_id)): said_of(one.section, str(one.entry_id), one.body)
        for one in entries_of(row["document"], row["rest"])
    }
    changes, seen_at = await _changes(database, plan_id, row["version"])
    plan = PlanFacts(row["version"], entries, changes, _waiting(row["document"]))
    if wanted < row["version"]:
        plan = replace(plan, waiting={})
        async for before, _ in facts_before(database, plan_id, plan, wanted):
            plan = before
    return Known(plan, seen_at)


async def facts_before(
    database: Database, plan_id: UUID, plan: PlanFacts, until: int = 0
) -> AsyncIterator[tuple[PlanFacts, Changed]]:
    """The plan before its last event, before the one before that, and so on down to a version.

    Beside each stands the event that was undone. Each shares its entries with the one before it,
    and holds until the next is asked for. The event loop is given back every few milliseconds.
    """
    entries, changes = dict(plan.entries), list(plan.changes)
    version, busy_since = plan.version, monotonic()
    while version > until:
        for row in await database.pool.fetch(_BEFORE, plan_id, version, until, _PAGE):
            undone = _undo(entries, changes, row)
            version -= 1
            yield replace(plan, version=version, entries=entries, changes=changes), undone
            if monotonic() - busy_since > _AT_ONCE_SECONDS:
                await asyncio.sleep(0)
                busy_since = monotonic()


async def _changes(
    database: Database, plan_id: UUID, version: int
) -> tuple[list[Changed], Mapping[int, datetime]]:
    """The events up to a version, and when readers could first see each."""
    rows = await database.pool.fetch(
        """SELECT plan_version, section, entry_id, entry_type, type, recorded_at,
                  projected_at, fields
             FROM ledger.plan_ledger WHERE plan_id = $1 AND plan_version <= $2
            ORDER BY plan_version""",
        plan_id,
        version,
    )
    changes = [
        Changed(
            plan_version=row["plan_version"],
            section=row["section"],
            entry_id=str(row["entry_id"]),
            entry_type=row["entry_type"],
            type=row["type"],
            recorded_at=row["recorded_at"],
            fields=tuple(path.partition(".")[0] for path in row["fields"]),
            is_update=is_update(row["type"]),
        )
        for row in rows
    ]
    return changes, {row["plan_version"]: row["projected_at"] for row in rows}


def _waiting(document: bytes) -> dict[EntryKey, datetime]:
    return {
        (one["section"], one["entry_id"]): datetime.fromisoformat(one["since"])
        for one in orjson.loads(document)["parked"]
    }


def said_of(section: str, entry_id: str, body: bytes) -> Said:
    """An entry as the rules look at it, from its JSON."""
    told = _body_of(body)
    return Said(
        section=section,
        entry_id=entry_id,
        entry_type=told.entry_type,
        is_current=told.current,
        content=told.content,
        recorded_at=told.recorded_at,
        stated_at=told.stated_at,
        confirmed_at=told.confirmed_at,
    )


def _undo(entries: dict[EntryKey, Said], changes: list[Changed], row: Mapping[str, Any]) -> Changed:
    """Plan and history as they were before an event; answers with that event."""
    undone = changes.pop()
    key = row["section"], str(row["entry_id"])
    if row["entry"] is None:
        del entries[key]
    else:
        entries[key] = said_of(*key, row["entry"])
    return undone
