"""What a plan says about itself now, and since which of its versions."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from time import monotonic
from typing import Any, Final
from uuid import UUID, uuid5

import msgspec
import orjson

from services.plan.fold.domain import is_update
from services.plan.fold.findings.all_rules import findings_of
from services.plan.fold.findings.facts import Changed, EntryKey, PlanFacts, Said, Today
from services.plan.fold.findings.rules import RULES_BEHIND, Found
from services.plan.store.document import entries_of
from shared.chassis.database.database import Database

_PAGE: Final = 200
_AT_ONCE_SECONDS: Final = 0.004
_REMEMBERED_PLANS: Final = 1_000
_REMEMBERED_OF_A_PLAN: Final = 500

Name = tuple[str, tuple[EntryKey, ...]]
Names = frozenset[Name]

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
class _Remembered:
    """The version at which the findings of a plan were looked for, and when each of them began."""

    version: int
    began: Mapping[Name, int]


_NOTHING_KNOWN: Final = _Remembered(0, {})


@dataclass(frozen=True)
class Findings:
    """The findings of a plan at one of its versions, oldest first, each ready to be shown."""

    version: int
    items: Sequence[dict[str, Any]]


class PlanFindings:
    """Looks for the findings of a plan. What is remembered is bounded, and only saves work."""

    def __init__(
        self, database: Database, zone: tzinfo, *, everybody_has_a_key_worker: bool = False
    ) -> None:
        self._database = database
        self._zone = zone
        self._everybody_has_one = everybody_has_a_key_worker
        self._remembered: OrderedDict[UUID, _Remembered] = OrderedDict()

    async def now(self, plan_id: UUID, at: datetime | None = None) -> Findings | None:
        """The findings of the plan as it stands; ``None`` where there is no such plan."""
        return await self._found(plan_id, None, at or datetime.now(UTC))

    async def of(self, plan_id: UUID, version: int, at: datetime | None = None) -> Findings | None:
        """Those of one of its versions, judged as of ``at``; left out, as of when it came."""
        return await self._found(plan_id, version, at)

    async def _found(
        self, plan_id: UUID, version: int | None, at: datetime | None
    ) -> Findings | None:
        row = await self._database.pool.fetchrow(
            "SELECT version, document, rest FROM plan WHERE plan_id = $1", plan_id
        )
        if row is None or row["document"] is None:
            return None
        wanted = row["version"] if version is None else version
        if not 0 < wanted <= row["version"]:
            return None
        entries = {
            (one.section, str(one.entry_id)): _said(one.section, str(one.entry_id), one.body)
            for one in entries_of(row["document"], row["rest"])
        }
        changes, seen_at = await self._changes(plan_id, row["version"])
        is_current = wanted == row["version"]
        plan = PlanFacts(
            version=row["version"],
            entries=entries,
            changes=changes,
            waiting=_waiting(row["document"]) if is_current else {},
        )
        if not is_current:
            async for before in self._before(plan_id, plan, wanted):
                plan = before
        today = Today(at or seen_at[wanted], self._zone)
        found = list(self._rules(plan, today))
        recorded = {change.plan_version: change.recorded_at for change in plan.changes}
        began = await self._began(plan_id, plan, today, frozenset(one.name for one in found))
        items = [_item(plan_id, one, began[one.name], recorded) for one in found]
        items.sort(key=lambda item: (item["since"], item["code"], item["finding_id"]))
        return Findings(plan.version, items)

    async def _before(
        self, plan_id: UUID, plan: PlanFacts, until: int = 0
    ) -> AsyncIterator[PlanFacts]:
        """The plan before its last event, before the one before that, and so on to a version.

        Each shares its entries with the one before it, and holds until the next is asked for.
        """
        entries, changes = dict(plan.entries), list(plan.changes)
        version, busy_since = plan.version, monotonic()
        while version > until:
            for row in await self._database.pool.fetch(_BEFORE, plan_id, version, until, _PAGE):
                _undo(entries, changes, row)
                version -= 1
                yield replace(plan, version=version, entries=entries, changes=changes)
                if monotonic() - busy_since > _AT_ONCE_SECONDS:
                    await asyncio.sleep(0)
                    busy_since = monotonic()

    async def _began(
        self, plan_id: UUID, plan: PlanFacts, today: Today, names: Names
    ) -> Mapping[Name, int]:
        """The version with which each of these findings began, undoing event by event.

        What was found out for an earlier version holds on: an event is never changed.
        """
        known = self._remembered.get(plan_id, _NOTHING_KNOWN)
        began: dict[Name, int] = {}
        wanted = set(names)
        if known.version == plan.version:
            wanted = _recall(known, wanted, began)
        if wanted:
            async for earlier in self._before(plan_id, plan):
                held = {one.name for one in self._rules(earlier, today)} if earlier.version else ()
                began |= dict.fromkeys(wanted.difference(held), earlier.version + 1)
                wanted.intersection_update(held)
                if earlier.version == known.version:
                    wanted = _recall(known, wanted, began)
                if not wanted:
                    break
        if plan.version >= known.version:
            self._remember(plan_id, _Remembered(plan.version, began))
        return began

    def _rules(self, plan: PlanFacts, today: Today) -> Iterable[Found]:
        return findings_of(plan, today, everybody_has_a_key_worker=self._everybody_has_one)

    async def _changes(
        self, plan_id: UUID, version: int
    ) -> tuple[list[Changed], Mapping[int, datetime]]:
        """The events up to a version, and when readers could first see each."""
        rows = await self._database.pool.fetch(
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

    def _remember(self, plan_id: UUID, told: _Remembered) -> None:
        if len(told.began) > _REMEMBERED_OF_A_PLAN:
            return
        self._remembered[plan_id] = told
        self._remembered.move_to_end(plan_id)
        while len(self._remembered) > _REMEMBERED_PLANS:
            self._remembered.popitem(last=False)


def _waiting(document: bytes) -> dict[EntryKey, datetime]:
    return {
        (one["section"], one["entry_id"]): datetime.fromisoformat(one["since"])
        for one in orjson.loads(document)["parked"]
    }


def _recall(known: _Remembered, wanted: set[Name], began: dict[Name, int]) -> set[Name]:
    """Take over what is remembered; answers with what is still to be found out."""
    began |= {name: known.began[name] for name in wanted & known.began.keys()}
    return wanted - known.began.keys()


def _said(section: str, entry_id: str, body: bytes) -> Said:
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


def _undo(entries: dict[EntryKey, Said], changes: list[Changed], row: Mapping[str, Any]) -> None:
    """Plan and history as they were before an event."""
    changes.pop()
    key = row["section"], str(row["entry_id"])
    if row["entry"] is None:
        del entries[key]
    else:
        entries[key] = _said(*key, row["entry"])


def _item(
    plan_id: UUID, found: Found, began: int, recorded: Mapping[int, datetime]
) -> dict[str, Any]:
    since, version = recorded[began], began
    if found.since is not None and found.since > since:
        since = found.since.astimezone(UTC)
        version = max(one for one, at in recorded.items() if at <= since)
    concerned = ",".join(sorted({f"{one.section}/{one.entry_id}" for one in found.entries}))
    return {
        "finding_id": uuid5(plan_id, f"{found.code}/{concerned}"),
        "code": found.code,
        "rule": RULES_BEHIND[found.code],
        "since": since,
        "plan_version": version,
        "entries": [
            {
                "section": one.section,
                "entry_id": one.entry_id,
                **({"field": one.field} if one.field is not None else {}),
            }
            for one in found.entries
        ],
        "words": found.words,
    }
