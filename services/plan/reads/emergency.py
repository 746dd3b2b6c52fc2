"""What of a plan somebody needs in an emergency: the fields that the sections have marked."""

from collections.abc import Mapping
from uuid import UUID

import orjson

from services.plan.reads.redaction import WhoSaid, marks_of_plan, seen
from services.plan.reads.view import PlanView
from services.plan.store.document import Authored, Shown, document_with, entries_of
from services.plan.store.values import dumps
from shared.chassis.database.database import Database
from shared.chassis.policy.redaction.of_a_plan import Redaction
from shared.chassis.policy.sees import Sees
from shared.chassis.wire.position import Position
from shared.ledger import InAnEmergency

Marked = Mapping[tuple[str, str], InAnEmergency]
"""What is shown then, by section and type of entry as the wire names them."""


class EmergencyPlans:
    """Reads plans for an emergency, with who said each field."""

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
            bodies=await shown.bodies(self._database, with_authorship=True),
            parked=redaction.shows,
            view="emergency",
            **shown.more,
        )
        position = Position(plan_id, orjson.loads(row["positions"]))
        return PlanView(plan_id, row["version"], body, position, redaction, shown.left_out)

    def _needed(self, one: Shown) -> tuple[Authored, InAnEmergency] | None:
        """An entry with what is marked of it, where anything is."""
        if not one.current:
            return None
        entry = orjson.loads(one.body)
        marked = self._marked.get((one.section, entry["entry_type"]))
        if marked is None or not marked.is_about(entry["content"]):
            return None
        entry["content"] = {
            name: left
            for name, value in entry["content"].items()
            if (left := _marked_of(name, value, marked)) is not None
        }
        leaves = {path: version for path, version in one.leaves.items() if marked.shows(path)}
        return (one.section, one.entry_id, dumps(entry), leaves), marked


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
