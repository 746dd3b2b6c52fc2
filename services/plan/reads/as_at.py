"""Past plans: joined from the ledger, of each entry what it was after its last event until then."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson

from services.plan.reads.past import clocks
from services.plan.reads.past.clocks import Clock
from services.plan.reads.past.late import with_late
from services.plan.reads.past.parked import waiting_by_effect, waiting_in
from services.plan.reads.past.then import EntryThen, PlanThen
from services.plan.reads.past.without import with_the_rest, without
from services.plan.reads.redaction import MarksOfToday, WhoSaid
from services.plan.reads.view import PlanView, Wanted
from services.plan.store.answered import answers_in
from shared.chassis.database.database import Database
from shared.chassis.database.together import Together
from shared.chassis.policy.sees import Sees

Row = Mapping[str, Any]
_Asked = tuple[UUID, Any, bool]
"""A plan, its version or an instant, and whether it is asked who said what."""

_NOT_OPENED: Final = {"state": "unknown", "opened_at": None, "merged_into": None}
_IS_CURRENT: Final = b'"current":true,"state":"current"'
_IS_OUT: Final = b'"current":false,"state":"withdrawn"'


class PastPlans:
    """Reads plans as they were; no version and no instant costs more than another."""

    def __init__(self, database: Database, marks: MarksOfToday) -> None:
        self._database = database
        self._marks = marks
        self._who = WhoSaid(database)
        self._by_version = Together(self._asking(clocks.BY_VERSION))
        self._by_clock = {
            Clock.RECORDED: Together(self._asking(clocks.RECORDED)),
            Clock.VISIBLE: Together(self._asking(clocks.VISIBLE)),
            Clock.EFFECTIVE: Together(self._asking(clocks.EFFECTIVE)),
        }

    async def version(
        self, plan_id: UUID, version: int, wanted: Wanted, sees: Sees
    ) -> PlanView | None:
        """The plan of that version as it is given; ``None`` where it has no such one."""
        then = await self.of_version(plan_id, version, with_leaves="authorship" in wanted.include)
        return await self.shown(then, wanted, sees) if then else None

    async def at(
        self, plan_id: UUID, clock: Clock, at: datetime, wanted: Wanted, sees: Sees
    ) -> PlanView | None:
        """The plan at an instant by a clock; ``None`` where no event of it counts by then."""
        then = await self.of_instant(plan_id, clock, at, with_leaves="authorship" in wanted.include)
        return await self.shown(then, wanted, sees) if then else None

    async def shown(self, then: PlanThen, wanted: Wanted, sees: Sees) -> PlanView:
        """A past plan as such a reader is shown it: what is withheld today is withheld of it."""
        marks = await self._marks.of(then.plan_id, then.revision)
        return await then.view(self._who, marks.withheld_from(sees), wanted)

    async def of_version(
        self, plan_id: UUID, version: int, *, with_leaves: bool = False
    ) -> PlanThen | None:
        """The plan of that version in its pieces.

        ``complete`` is what readers were told when the version was new. What then waited is kept
        in the ledger and not shown: ``parked`` is empty.
        """
        row = await self._by_version((plan_id, version, with_leaves))
        return None if row is None else _then(row, version, "version")

    async def of_instant(
        self,
        plan_id: UUID,
        clock: Clock,
        at: datetime,
        *,
        requested: datetime | None = None,
        with_leaves: bool = False,
    ) -> PlanThen | None:
        """The plan at an instant in its pieces; ``requested`` is what the caller has asked for."""
        row = await self._by_clock[clock]((plan_id, at, with_leaves))
        if row is None or row["bodies"] is None:
            return None
        asked = requested or at
        if clock is Clock.VISIBLE:
            return _then(row, asked, clock)
        if clock is Clock.RECORDED:
            return await self._recorded(row, at, asked)
        return await self._effective(row, at, asked)

    async def _recorded(self, row: Row, at: datetime, asked: datetime) -> PlanThen:
        head = _NOT_OPENED if row["head"] is None else orjson.loads(row["head"])
        parked = [one for one in waiting_in(row["incomplete"]) if one["since"] <= at]
        positions: dict[str, int] = {}
        for section, position in zip(row["sections"], row["positions"], strict=True):
            if position is not None:
                positions[section] = max(position, positions.get(section, 0))
        told = {
            **head,
            "last_updated": row["last_updated"],
            "complete": head["state"] != "unknown" and not parked,
        }
        gaps = await without(
            self._database, row["plan_id"], Clock.RECORDED, at, row["version"], row["counted"]
        )
        return PlanThen(
            row["plan_id"],
            row["version"],
            row["newest"],
            row["revision"],
            row["resolved_at"],
            told,
            _entries(row),
            positions,
            _marked(asked, Clock.RECORDED, row["version"], row["resolved_at"], gaps),
            parked,
            answers_in(row["answered"]),
        )

    async def _effective(self, row: Row, at: datetime, asked: datetime) -> PlanThen:
        entries, ends = _entries(row), row["ends"]
        newest, highest, counted = row["newest"], row["version"], row["counted"]
        if any(row["late"]):
            late = await with_late(
                self._database,
                [
                    (one, version)
                    for one, version, is_late in zip(
                        entries, row["entry_versions"], row["late"], strict=True
                    )
                    if is_late
                ],
                at,
                newest,
            )
            highest, counted = max(highest, late.highest), counted + late.events
            keys = [(one.section, one.entry_id) for one in entries]
            ends = [late.ends.get(key, end) for key, end in zip(keys, ends, strict=True)]
            entries = [late.entries.get(key, one) for key, one in zip(keys, entries, strict=True)]
        entries = [
            _out(one) if end is not None and end <= at else one
            for one, end in zip(entries, ends, strict=True)
        ]
        gaps = await without(self._database, row["plan_id"], Clock.EFFECTIVE, at, highest, counted)
        head = {
            name: row[name]
            for name in ("state", "opened_at", "last_updated", "complete", "merged_into")
        }
        return PlanThen(
            row["plan_id"],
            newest,
            newest,
            row["revision"],
            at,
            head,
            entries,
            orjson.loads(row["positions"]),
            _marked(asked, Clock.EFFECTIVE, newest, at, with_the_rest(gaps, highest, newest)),
            await waiting_by_effect(self._database, row["plan_id"], row["incomplete"], at),
            answers_in(row["answered"]),
        )

    def _asking(
        self, statement: str
    ) -> Callable[[Sequence[_Asked]], Awaitable[Sequence[Row | None]]]:
        async def rows_of(asked: Sequence[_Asked]) -> Sequence[Row | None]:
            each = list(dict.fromkeys(asked))
            rows = await self._database.pool.fetch(statement, *map(list, zip(*each, strict=True)))
            found = {(row["plan_id"], row["asked_for"], row["with_leaves"]): row for row in rows}
            return [found.get(one) for one in asked]

        return rows_of


def _then(row: Row, asked: int | datetime, basis: str) -> PlanThen:
    """A plan as it was at one of its versions."""
    version, at = row["version"], row["projected_at"]
    marked = _marked(asked, basis, version, at, [], row["policy_version"])
    return PlanThen(
        row["plan_id"],
        version,
        row["newest"],
        row["revision"],
        at,
        orjson.loads(row["head"]),
        _entries(row),
        orjson.loads(row["positions"]),
        marked,
        answers=answers_in(row["answered"]),
    )


def _entries(row: Row) -> list[EntryThen]:
    bodies = row["bodies"] or ()
    leaves = row["leaves"] or [None] * len(bodies)
    return [
        EntryThen(*one)
        for one in zip(
            row["sections"] or (),
            row["entry_ids"] or (),
            row["current"] or (),
            bodies,
            leaves,
            strict=True,
        )
    ]


def _marked(
    asked: int | datetime,
    basis: str,
    version: int,
    at: datetime,
    gaps: Sequence[Sequence[int]],
    policy_version: str | None = None,
) -> dict[str, Any]:
    """What marks a past answer as one, even where nothing has changed since."""
    marked: dict[str, Any] = {
        "requested": asked,
        "basis": basis,
        "resolved_version": version,
        "resolved_at": at,
        "without": gaps,
    }
    if policy_version is not None:
        marked["policy_version"] = policy_version
    return {**marked, "is_current": False}


def _out(entry: EntryThen) -> EntryThen:
    """An entry whose time is over: shown as one that is no longer on the plan."""
    return replace(entry, current=False, body=entry.body.replace(_IS_CURRENT, _IS_OUT, 1))
