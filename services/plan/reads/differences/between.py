"""What differs between two plans of one person, with who said what made the difference."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import msgspec
import orjson

from services.plan.reads.authorship import said_by
from services.plan.reads.differences.fields import (
    ADDED,
    CHANGED,
    EMPTY,
    Fields,
    Side,
    fields_between,
    set_by,
)
from services.plan.reads.past.then import EntryThen, PlanThen
from services.plan.reads.turns import Turns
from services.plan.store.redacted import is_withheld, withheld_among
from shared.chassis.database.database import Database
from shared.chassis.policy.redaction.marks import Withheld
from shared.chassis.policy.redaction.of_a_plan import Redaction

_MARKS: Final = ("confirmed_at", "current", "entry_version", "external_refs", "state")

Key = tuple[str, UUID]
_Version = tuple[str, UUID, int]

# Of the events between two versions of an entry those that put it on the plan or took it out.
_TURNED: Final = """
    SELECT asked.n, e.entry_version, e.fields
      FROM unnest($1::text[], $2::uuid[], $3::bigint[], $4::bigint[])
           WITH ORDINALITY AS asked (section, entry_id, after, up_to, n)
     CROSS JOIN LATERAL (
           SELECT e.entry_version, e.fields FROM ledger.plan_ledger e
            WHERE e.section = asked.section AND e.entry_id = asked.entry_id
              AND e.entry_version > asked.after AND e.entry_version <= asked.up_to
              AND (e.change <> 'amended' OR e.type LIKE '%entered-in-error%')
            ORDER BY e.entry_version DESC LIMIT 20) e
     ORDER BY asked.n, e.entry_version
"""
# The last event between two versions of an entry that set a field which is gone, its map, or a part
# of it that is gone; what it set of what is hidden counts for nothing.
_REMOVED: Final = """
    SELECT asked.n, last.entry_version
      FROM unnest($1::text[], $2::uuid[], $3::bigint[], $4::bigint[], $5::text[], $6::text[])
           WITH ORDINALITY AS asked (section, entry_id, after, up_to, field, hidden, n)
     CROSS JOIN LATERAL (
           SELECT e.entry_version FROM ledger.plan_ledger e
            WHERE e.section = asked.section AND e.entry_id = asked.entry_id
              AND e.entry_version > asked.after AND e.entry_version <= asked.up_to
              AND EXISTS (
                  SELECT FROM unnest(e.fields) AS field
                   WHERE (field IN (asked.field, split_part(asked.field, '.', 1))
                          OR starts_with(field, asked.field || '.'))
                     AND NOT EXISTS (
                         SELECT FROM unnest(string_to_array(asked.hidden, E'\\n')) AS hidden
                          WHERE field = hidden OR starts_with(field, hidden || '.')))
            ORDER BY e.entry_version DESC LIMIT 1) last
"""
_SAID: Final = """
    SELECT section, entry_id, entry_version, contribution_id, plan_version, recorded_at,
           stated_at, "by", stated_by, event, item, fields
      FROM ledger.plan_ledger
      JOIN unnest($1::text[], $2::uuid[], $3::bigint[])
           AS said (section, entry_id, entry_version) USING (section, entry_id, entry_version)
"""


class _Item(msgspec.Struct, gc=False):
    reason: Any = None


_item_of = msgspec.json.Decoder(_Item).decode


@dataclass
class _Differing:
    """An entry that differs: how, from which of its versions to which, and by which fields."""

    key: Key
    entry_type: str
    what: str
    versions: tuple[int, int]
    fields: Fields
    withheld: Withheld
    said: dict[str, int] = field(default_factory=dict)
    turned: int | None = None

    @property
    def last(self) -> int:
        """The version of the last event that made the difference, as far as it is shown."""
        made = [*self.said.values(), *([] if self.turned is None else [self.turned])]
        return max(made, default=1 if self.withheld else self.versions[1])


async def entries_between(
    database: Database, before: PlanThen | None, after: PlanThen, redaction: Redaction
) -> list[dict[str, Any]]:
    """Entries that differ, in the order in which they came onto the plan.

    Both plans are given with the leaves of their entries, and without what is withheld; without
    ``before``, all is added. An entry that differs in nothing else than what is withheld is left
    out: who changed that, and when, is withheld with it.
    """
    held = {(one.section, one.entry_id): one for one in before.entries} if before else {}
    differing = []
    turns = Turns()
    for entry in after.entries:
        withheld = redaction.of(entry.section, entry.entry_id)
        one = _differing(held.get((entry.section, entry.entry_id)), entry, withheld)
        if one is not None and (one.fields or one.what != CHANGED or not withheld):
            differing.append(one)
        await turns.pause()
    await _find_who_removed(database, differing)
    await _find_who_turned(database, [one for one in differing if one.what != CHANGED])
    said = await _said(database, differing)
    return [_told(one, said) for one in differing]


def _differing(before: EntryThen | None, after: EntryThen, withheld: Withheld) -> _Differing | None:
    if before is not None and before.body == after.body:
        return None
    new = orjson.loads(after.body)
    old = {} if before is None else orjson.loads(before.body)
    fields = fields_between(_side(before, old), _side(after, new))
    if before is not None and not fields and all(old.get(n) == new.get(n) for n in _MARKS):
        return None
    differing = _Differing(
        (after.section, after.entry_id),
        new["entry_type"],
        _what(before, after),
        (old.get("entry_version", 0), new["entry_version"]),
        fields,
        withheld,
    )
    leaves = orjson.loads(after.leaves or b"{}")
    for path in fields:
        version = set_by(path, leaves)
        if version is not None and version > differing.versions[0]:
            differing.said[path] = version
    return differing


def _side(entry: EntryThen | None, told: Mapping[str, Any]) -> Side:
    if entry is None:
        return EMPTY
    return Side(told["content"], orjson.loads(entry.leaves or b"{}"))


def _what(before: EntryThen | None, after: EntryThen) -> str:
    if not after.current and (before is None or before.current):
        return "withdrawn"
    if before is None:
        return ADDED
    return "restored" if after.current and not before.current else CHANGED


async def _find_who_removed(database: Database, differing: Iterable[_Differing]) -> None:
    asked = [(one, path) for one in differing for path in one.fields if path not in one.said]
    if not asked:
        return
    rows = await database.pool.fetch(
        _REMOVED,
        [one.key[0] for one, _ in asked],
        [one.key[1] for one, _ in asked],
        [one.versions[0] for one, _ in asked],
        [one.versions[1] for one, _ in asked],
        [path for _, path in asked],
        ["\n".join(one.withheld.leaves) for one, _ in asked],
    )
    for row in rows:
        one, path = asked[row["n"] - 1]
        one.said[path] = row["entry_version"]


async def _find_who_turned(database: Database, differing: Sequence[_Differing]) -> None:
    if not differing:
        return
    rows = await database.pool.fetch(
        _TURNED,
        [one.key[0] for one in differing],
        [one.key[1] for one in differing],
        [one.versions[0] for one in differing],
        [one.versions[1] for one in differing],
    )
    for row in rows:
        one = differing[row["n"] - 1]
        if not is_withheld(row["fields"], one.withheld):
            one.turned = row["entry_version"]


async def _said(
    database: Database, differing: Iterable[_Differing]
) -> Mapping[_Version, Mapping[str, Any]]:
    asked = {(*one.key, version) for one in differing for version in (*one.said.values(), one.last)}
    if not asked:
        return {}
    rows = await database.pool.fetch(_SAID, *map(list, zip(*asked, strict=True)))
    return {(row["section"], row["entry_id"], row["entry_version"]): row for row in rows}


def _told(one: _Differing, said: Mapping[_Version, Mapping[str, Any]]) -> dict[str, Any]:
    section, entry_id = one.key
    last = said[(*one.key, one.last)]
    is_shown = not withheld_among(last["fields"], one.withheld)
    told = {
        "section": section,
        "entry_id": str(entry_id),
        "entry_type": one.entry_type,
        "what": one.what,
        "entry_versions": one.versions,
        "reason": _item_of(last["item"]).reason if is_shown else None,
        "said": orjson.Fragment(said_by(last)),
        "fields": [
            {
                "field": path,
                **differs,
                "said": orjson.Fragment(said_by(said[(*one.key, one.said.get(path, one.last))])),
            }
            for path, differs in one.fields.items()
        ],
    }
    return {**told, "withheld": sorted(one.withheld.leaves)} if one.withheld else told
