"""Entries of which an event took effect before an earlier one: those alone are folded, by effect.

What counts of such an entry is all up to a version, and after that the few that came late. Those
are folded onto what the entry was at that version.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import Any, Final
from uuid import UUID

import orjson

from services.plan.fold.domain import PlanEntry, apply
from services.plan.fold.effective import ends_of
from services.plan.reads.past.then import EntryThen
from services.plan.reads.turns import Turns
from services.plan.store.document import entry_then, shown
from services.plan.store.reading import stored_event
from shared.chassis.database.database import Database

_LATE: Final = """
    SELECT e.plan_id, e.section, e.entry_id, e.entry_version, e.plan_version, e.position, e.event
      FROM unnest($1::text[], $2::uuid[], $3::bigint[]) AS folded (section, entry_id, version)
      JOIN ledger.plan_ledger e
           ON e.section = folded.section AND e.entry_id = folded.entry_id
          AND e.entry_version > folded.version
     WHERE NOT e.in_order AND e.effective_from <= $4 AND e.plan_version <= $5
     ORDER BY e.section, e.entry_id, e.entry_version
"""


@dataclass(frozen=True)
class Late:
    """The entries with what came late, how many events that was, and the highest version of them.

    ``ends`` says from when each of them is out.
    """

    entries: dict[tuple[str, UUID], EntryThen]
    ends: dict[tuple[str, UUID], datetime | None]
    events: int
    highest: int


async def with_late(
    database: Database,
    entries: Iterable[tuple[EntryThen, int]],
    at: datetime,
    newest: int,
) -> Late:
    """Fold what came late onto these entries, each at the version up to which all of it counts."""
    given = {(one.section, one.entry_id): one for one, _ in entries}
    versions = [version for _, version in entries]
    rows = await database.pool.fetch(
        _LATE,
        [section for section, _ in given],
        [entry_id for _, entry_id in given],
        versions,
        at,
        newest,
    )
    folded = Late({}, {}, len(rows), max((row["plan_version"] for row in rows), default=0))
    for key, its in groupby(rows, lambda row: (row["section"], row["entry_id"])):
        entry = await _fold(given[key], list(its))
        made = shown(entry)
        folded.entries[key] = replace(
            given[key],
            current=made.current,
            body=made.body,
            leaves=orjson.dumps(entry.leaves),
        )
        folded.ends[key] = ends_of(entry.content)
    return folded


async def _fold(then: EntryThen, rows: Sequence[Any]) -> PlanEntry:
    entry = entry_then(then.section, then.entry_id, then.body, orjson.loads(then.leaves or b"{}"))
    turns = Turns()
    for row in rows:
        apply(entry, stored_event(row))
        await turns.pause()
    return entry
