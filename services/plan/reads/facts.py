"""A plan at one of its versions as the rules of the standard look at it, and what came before."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
import orjson

from services.plan.fold.domain import ENTERED_IN_ERROR, is_update
from services.plan.fold.findings.facts import (
    Changed,
    Changes,
    EntryKey,
    Hidden,
    PlanFacts,
    Said,
)
from services.plan.reads.redaction import marks_of_plan
from services.plan.reads.turns import Turns
from services.plan.store.document import Shown, entries_of
from shared.chassis.database.database import Database
from shared.chassis.policy.redaction.contents import content_without
from shared.chassis.policy.redaction.marks import NOTHING, Withheld
from shared.chassis.policy.redaction.of_a_plan import Redaction
from shared.chassis.policy.sees import Sees

_PAGE: Final = 200
_CHANGES_PAGE: Final = 500

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
_CHANGES: Final = """
    SELECT plan_version, section, entry_id, entry_type, type, recorded_at, projected_at, fields
      FROM ledger.plan_ledger WHERE plan_id = $1 AND plan_version > $2 AND plan_version <= $3
     ORDER BY plan_version LIMIT $4
"""


class _Body(msgspec.Struct, gc=False):
    entry_type: str
    current: bool
    recorded_at: datetime
    stated_at: datetime
    content: dict[str, Any]
    confirmed_at: datetime | None = None
    state: str | None = None


_body_of = msgspec.json.Decoder(_Body).decode


@dataclass(frozen=True)
class Known:
    """A plan at a version as one reader may know it, and what is withheld from them of all of it.

    ``recorded_at`` and ``seen_at`` have, for each version up to it and maybe later ones, when a
    section stored it and when readers could first see it; in the order of versions.
    """

    facts: PlanFacts
    redaction: Redaction
    recorded_at: Mapping[int, datetime]
    seen_at: Mapping[int, datetime]


async def facts_of(
    database: Database, plan_id: UUID, shown_to: Sees | Redaction, version: int | None = None
) -> Known | None:
    """The plan as it stands, or in one of its versions; ``None`` where there is no such one."""
    row = await database.pool.fetchrow(
        "SELECT version, document, rest FROM plan WHERE plan_id = $1", plan_id
    )
    if row is None or row["document"] is None:
        return None
    wanted = row["version"] if version is None else version
    if not 0 < wanted <= row["version"]:
        return None
    listed = entries_of(row["document"], row["rest"])
    redaction = (
        shown_to
        if isinstance(shown_to, Redaction)
        else marks_of_plan(listed).withheld_from(shown_to)
    )
    turns = Turns()
    entries, hidden = await _told(listed, redaction, turns)
    made = await _versions(database, plan_id, row["version"], redaction, turns)
    waiting = _waiting(row["document"], redaction)
    hidden = replace(hidden, versions=made.hidden)
    plan = PlanFacts(row["version"], entries, made.changes, waiting, hidden)
    if wanted < row["version"]:
        plan = replace(plan, waiting={})
        async for before, _ in facts_before(database, plan_id, plan, redaction, wanted):
            plan = before
    return Known(plan, redaction, made.recorded_at, made.seen_at)


async def facts_before(
    database: Database, plan_id: UUID, plan: PlanFacts, redaction: Redaction, until: int = 0
) -> AsyncIterator[tuple[PlanFacts, Changed | None]]:
    """The plan before its last event, before the one before that, and so on down to a version.

    Beside each stands the event that was undone, ``None`` for one that is withheld. Each shares its
    entries with the one before it, and holds until the next is asked for. The event loop is given
    back every few milliseconds.
    """
    entries, changes = dict(plan.entries), plan.changes.copy()
    version, turns = plan.version, Turns()
    while version > until:
        for row in await database.pool.fetch(_BEFORE, plan_id, version, until, _PAGE):
            withheld = redaction.of(row["section"], row["entry_id"])
            undone = None if withheld.rule else _undo(entries, changes, row, withheld)
            version -= 1
            yield replace(plan, version=version, entries=entries, changes=changes), undone
            await turns.pause()


async def _told(
    listed: Sequence[Shown], redaction: Redaction, turns: Turns
) -> tuple[dict[EntryKey, Said], Hidden]:
    """What the reader is told of each entry, and what is hidden of all."""
    entries: dict[EntryKey, Said] = {}
    gone: set[EntryKey] = set()
    kinds: set[tuple[str, str]] = set()
    leaves: dict[EntryKey, frozenset[str]] = {}
    for one in listed:
        key = one.section, str(one.entry_id)
        withheld = redaction.of(*key)
        said = said_of(*key, one.body, withheld)
        if withheld.rule is None:
            entries[key] = said
        else:
            gone.add(key)
            if withheld.by_itself:
                kinds.add(said.kind)
        if withheld.leaves:
            firsts = (name.partition(".")[0] for name in withheld.leaves)
            leaves[key] = frozenset((*withheld.leaves, *firsts))
        await turns.pause()
    return entries, Hidden(frozenset(gone), frozenset(kinds), leaves)


@dataclass
class _Versions:
    """The events of entries that the reader is shown, and the versions that the others made."""

    changes: Changes = field(default_factory=Changes)
    hidden: list[int] = field(default_factory=list)
    recorded_at: dict[int, datetime] = field(default_factory=dict)
    seen_at: dict[int, datetime] = field(default_factory=dict)

    def add(self, row: Mapping[str, Any], withheld: Withheld) -> None:
        version = row["plan_version"]
        self.recorded_at[version], self.seen_at[version] = row["recorded_at"], row["projected_at"]
        if withheld.rule is not None:
            self.hidden.append(version)
            return
        change = Changed(
            plan_version=version,
            section=row["section"],
            entry_id=str(row["entry_id"]),
            entry_type=row["entry_type"],
            type=row["type"],
            recorded_at=row["recorded_at"],
            fields=tuple(
                path.partition(".")[0] for path in row["fields"] if not withheld.hides(path)
            ),
            is_update=is_update(row["type"], row["fields"]),
        )
        self.changes.append(change)


async def _versions(
    database: Database, plan_id: UUID, newest: int, redaction: Redaction, turns: Turns
) -> _Versions:
    """All versions up to the newest, read in pages: rows are only added to the ledger."""
    made, last = _Versions(), 0
    while last < newest:
        rows = await database.pool.fetch(_CHANGES, plan_id, last, newest, _CHANGES_PAGE)
        for row in rows:
            made.add(row, redaction.of(row["section"], row["entry_id"]))
            await turns.pause()
        last = rows[-1]["plan_version"]
    return made


def _waiting(document: bytes, redaction: Redaction) -> dict[EntryKey, datetime]:
    return {
        (one["section"], one["entry_id"]): datetime.fromisoformat(one["since"])
        for one in orjson.loads(document)["parked"]
        if redaction.shows(one["section"], one["entry_id"])
    }


def said_of(section: str, entry_id: str, body: bytes, withheld: Withheld = NOTHING) -> Said:
    """An entry as the rules look at it, from its JSON, without what is withheld of it."""
    told = _body_of(body)
    return Said(
        section=section,
        entry_id=entry_id,
        entry_type=told.entry_type,
        is_current=told.current,
        content=content_without(told.content, withheld) if withheld.leaves else told.content,
        recorded_at=told.recorded_at,
        stated_at=told.stated_at,
        confirmed_at=told.confirmed_at,
        is_an_error=told.state == ENTERED_IN_ERROR,
    )


def _undo(
    entries: dict[EntryKey, Said],
    changes: Changes,
    row: Mapping[str, Any],
    withheld: Withheld,
) -> Changed:
    """Plan and history as they were before an event; answers with that event."""
    undone = changes.pop()
    key = row["section"], str(row["entry_id"])
    if row["entry"] is None:
        del entries[key]
    else:
        entries[key] = said_of(*key, row["entry"], withheld)
    return undone
