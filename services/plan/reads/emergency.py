"""What of a plan somebody needs in an emergency: the fields that the sections have marked."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

import msgspec
import orjson

from services.plan.reads.redaction import Seen, WhoSaid, marks_of_plan, seen
from services.plan.reads.view import PlanView
from services.plan.store.document import Authored, Shown, document_with, entries_of
from services.plan.store.values import dumps
from shared.chassis.database.database import Database
from shared.chassis.policy.redaction.marks import VISIBILITY
from shared.chassis.policy.redaction.of_a_plan import Redaction
from shared.chassis.policy.sees import Sees
from shared.chassis.wire.position import Position
from shared.ledger import InAnEmergency

Marked = Mapping[tuple[str, str], InAnEmergency]
"""What is shown then, by section and type of entry as the wire names them."""

_IN_ERROR: Final = "entered-in-error"
# The last event that took each of these entries out.
_TAKEN_OUT: Final = """
    SELECT section, entry_id, last.recorded_at, last.item
      FROM unnest($1::text[], $2::uuid[]) AS asked (section, entry_id)
     CROSS JOIN LATERAL (
           SELECT e.recorded_at, e.item FROM ledger.plan_ledger e
            WHERE e.section = asked.section AND e.entry_id = asked.entry_id
              AND e.change = 'withdrawn'
            ORDER BY e.entry_version DESC LIMIT 1) last
"""


class _Why(msgspec.Struct, gc=False):
    reason: str | None = None


_why_in = msgspec.json.Decoder(_Why).decode


class EmergencyPlans:
    """Reads plans for an emergency, with who said each field.

    Beside what is on the plan stands its ``history``: what was taken out of it and tells of a
    danger all the same.
    """

    def __init__(self, database: Database, marked: Marked) -> None:
        self._database = database
        self._who = WhoSaid(database)
        self._marked = marked

    async def of(self, plan_id: UUID, sees: Sees) -> PlanView | None:
        """The plan as it stands, with what is marked; ``None`` where there is none."""
        row = await self._database.pool.fetchrow(
            "SELECT version, positions, document, rest FROM plan WHERE plan_id = $1", plan_id
        )
        if row is None or row["document"] is None:
            return None
        listed = entries_of(row["document"], row["rest"])
        redaction = marks_of_plan(listed).withheld_from(sees)
        needed = [made for one in listed if (made := self._needed(one)) is not None]
        narrowed = _within(redaction, needed)
        shown = await seen(self._who, narrowed, [entry for entry, _ in needed])
        body = document_with(
            row["document"],
            bodies=await _of(shown, current=True).bodies(self._database, with_authorship=True),
            parked=redaction.shows,
            view="emergency",
            **await self._before(_of(shown, current=False)),
            **shown.more,
        )
        position = Position(plan_id, orjson.loads(row["positions"]))
        return PlanView(plan_id, row["version"], body, position, redaction, shown.left_out)

    async def _before(self, taken_out: Seen) -> dict[str, Any]:
        """What was taken out, by section, with when and why; nothing where nothing was."""
        if not taken_out.entries:
            return {}
        keys = [(section, entry_id) for section, entry_id, _, _ in taken_out.entries]
        rows = await self._database.pool.fetch(_TAKEN_OUT, *map(list, zip(*keys, strict=True)))
        ends = {(row["section"], row["entry_id"]): row for row in rows}
        history: dict[str, list[dict[str, Any]]] = {}
        bodies = await taken_out.bodies(self._database, with_authorship=True)
        for key, (section, body) in zip(keys, bodies, strict=True):
            entry, end = orjson.loads(body), ends[key]
            # The reason for a change of what is withheld is withheld with it.
            reason = None if entry.get("withheld") else _why_in(end["item"]).reason
            told = {"recorded_at": end["recorded_at"], "reason": reason}
            history.setdefault(section, []).append({**entry, "taken_out": told})
        return {"history": history}

    def _needed(self, one: Shown) -> tuple[Authored, InAnEmergency] | None:
        """An entry with what is marked of it, where anything is."""
        entry = orjson.loads(one.body)
        marked = self._marked.get((one.section, entry["entry_type"]))
        if marked is None or not (one.current or marked.stays) or entry["state"] == _IN_ERROR:
            return None
        labels = (entry["content"].get(VISIBILITY) or {}).get("labels") or ()
        if not marked.is_about(entry["content"], labels):
            return None
        entry["content"] = {
            name: left
            for name, value in entry["content"].items()
            if (left := _marked_of(name, value, marked)) is not None
        }
        leaves = {path: version for path, version in one.leaves.items() if marked.shows(path)}
        return (one.section, one.entry_id, dumps(entry), leaves), marked


def _of(shown: Seen, *, current: bool) -> Seen:
    """Of what is shown that which is on the plan, or that which is not."""
    entries = [one for one in shown.entries if orjson.loads(one[2])["current"] is current]
    return replace(shown, entries=entries)


def _marked_of(name: str, value: object, marked: InAnEmergency) -> object:
    """A field where it is marked, or those of a map that are."""
    if marked.shows(name):
        return value
    if not isinstance(value, dict):
        return None
    return {key: one for key, one in value.items() if marked.shows(f"{name}.{key}")} or None


def _within(redaction: Redaction, needed: list[tuple[Authored, InAnEmergency]]) -> Redaction:
    """What is withheld of what is marked: nothing else is named."""
    entries = dict(redaction.entries)
    for (section, entry_id, _, _), marked in needed:
        key = section, str(entry_id)
        if key in entries:
            entries[key] = entries[key].within(marked.shows)
    return Redaction(redaction.sees, entries, redaction.sections)
