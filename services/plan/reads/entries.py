"""One entry of a plan as it was or is, and every event of it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
import orjson

from services.plan.reads.authorship import said_by
from services.plan.reads.differences.fields import EMPTY, Side, fields_between, of_paths
from services.plan.reads.turns import Turns
from services.plan.store.redacted import (
    is_withheld,
    leaves_without,
    version_withheld,
    withheld_among,
)
from services.plan.store.values import dumps
from shared.chassis.database.database import Database
from shared.chassis.policy.redaction.contents import content_without
from shared.chassis.policy.redaction.marks import Withheld

_REASON: Final = "reason"
_LISTED: Final = (
    *("plan_version", "section", "entry_id", "entry_type", "entry_version", "change", "type"),
    *("contribution_id", "recorded_at", "projected_at", "stated_at"),
)
_EVENTS: Final = """
    SELECT l.plan_version, l.section, l.entry_id, l.entry_type, l.entry_version, l.change, l.type,
           l.contribution_id, l.recorded_at, l.projected_at, l.stated_at, l."by", l.stated_by,
           l.event, l.item, l.fields, l.entry, l.leaves, before.entry AS entry_before,
           before.leaves AS leaves_before
      FROM ledger.plan_ledger l
      LEFT JOIN ledger.plan_ledger before
           ON before.section = l.section AND before.entry_id = l.entry_id
          AND before.entry_version = l.entry_version - 1
     WHERE l.section = $1 AND l.entry_id = $2 AND l.plan_id = $3
       AND ($4::bigint IS NULL OR l.entry_version < $4)
       AND ($5::text IS NULL OR EXISTS (
            SELECT FROM unnest(l.fields) AS field
             WHERE field = $5 OR starts_with(field, $5 || '.')))
     ORDER BY l.entry_version DESC LIMIT $6
"""
_SECTIONS: Final = """
    SELECT section FROM ledger.plan_ledger
     WHERE plan_id = $1 AND entry_version = 1 AND entry_id = $2 ORDER BY section
"""


class _Provenance(msgspec.Struct, gc=False):
    on_behalf_of: Any = None
    supported_by: Any = None


class _Event(msgspec.Struct, gc=False):
    provenance: _Provenance
    content: dict[str, msgspec.Raw] = {}


class _Item(msgspec.Struct, gc=False):
    reason: Any = None


_event_of = msgspec.json.Decoder(_Event).decode
_item_of = msgspec.json.Decoder(_Item).decode


class Entries:
    """Looks for an entry and lists its events; changes nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def sections_of(self, plan_id: UUID, entry_id: UUID) -> list[str]:
        """The sections of a plan that have an entry of this id: mostly one, and by chance two."""
        rows = await self._database.pool.fetch(_SECTIONS, plan_id, entry_id)
        return [row["section"] for row in rows]

    async def history(
        self,
        plan_id: UUID,
        section: str,
        entry_id: UUID,
        field: str | None,
        before: int | None,
        limit: int,
        withheld: Withheld,
    ) -> tuple[list[bytes], int | None]:
        """A page of the events of an entry, newest first, and the version to go on before.

        With ``field`` only those that set this leaf or one under it, and of them no other. What is
        ``withheld`` of the entry is in none; an event that set nothing else is only counted.
        """
        rows = await self._database.pool.fetch(
            _EVENTS, section, entry_id, plan_id, before, field, limit + 1
        )
        items = []
        turns = Turns()
        for row in rows[:limit]:
            if withheld and is_withheld(row["fields"], withheld):
                items.append(version_withheld(row["plan_version"]))
            else:
                items.append(dumps(event_listed(row, field, withheld)))
            await turns.pause()
        return items, rows[limit - 1]["entry_version"] if len(rows) > limit else None


def event_listed(row: Mapping[str, Any], field: str | None, withheld: Withheld) -> dict[str, Any]:
    """An event of the list as a row of the ledger tells it, without what is withheld of it."""
    event = _event_of(row["event"])
    provenance = event.provenance
    fields = fields_between(
        _side(row["entry_before"], row["leaves_before"], withheld),
        _side(row["entry"], row["leaves"], withheld),
    )
    if field is not None:
        fields = of_paths(fields, [field])
    said = orjson.Fragment(said_by(row))
    named = withheld_among(row["fields"], withheld)
    told = {
        **{name: row[name] for name in _LISTED},
        "by": orjson.Fragment(row["by"]),
        "stated_by": orjson.Fragment(row["stated_by"]),
        "on_behalf_of": provenance.on_behalf_of,
        "supported_by": provenance.supported_by,
        "reason": None if named else _item_of(row["item"]).reason,
        "fields": [{"field": path, **one, "said": said} for path, one in fields.items()],
    }
    if named:
        return {**told, "withheld": named}
    of_the_change = _of_the_change(event.content, row["fields"])
    return {**told, "of_the_change": of_the_change} if of_the_change else told


def _of_the_change(content: Mapping[str, msgspec.Raw], fields: Sequence[str]) -> dict[str, Any]:
    """What an event says of its change alone, its reason apart: it is in no field of the entry."""
    told = {_REASON, *(field.partition(".")[0] for field in fields)}
    return {
        name: orjson.Fragment(bytes(said))
        for name, said in content.items()
        if name not in told and bytes(said) != b"null"
    }


def _side(entry: bytes | None, leaves: bytes | None, withheld: Withheld) -> Side:
    if entry is None:
        return EMPTY
    content, said = orjson.loads(entry)["content"], orjson.loads(leaves or b"{}")
    if withheld:
        return Side(content_without(content, withheld), leaves_without(said, withheld))
    return Side(content, said)
