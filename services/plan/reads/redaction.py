"""What of a plan a reader is shown, entry by entry, and the record of what was left out."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import msgspec
import orjson

from services.plan.reads.authorship import authorship_of
from services.plan.store.document import Authored, Shown, entries_of
from services.plan.store.redacted import counted, entry_without, leaves_without
from shared.chassis.database.database import Database
from shared.chassis.database.together import Together
from shared.chassis.policy.redaction.marks import Rule, Withheld
from shared.chassis.policy.redaction.of_a_plan import PlanMarks, Redaction
from shared.chassis.wire.remembered import Remembered

Left = Mapping[str, Any]
"""One thing that was left out: ``{section, entry_id, field, rule}``, for the access record."""

_KEPT_MARKS: Final = 20_000
"""Of entries, about half a kilobyte each."""
_SAID_BYTES: Final = 4 * 2**20
_OF_EACH_PART: Final = 1_000

# The last event of an entry that set something which the reader is shown. A name covers the leaf of
# that name, and those of a map.
_SAID: Final = """
    SELECT asked.*, last."by", last.stated_by, last.recorded_at,
           last.stated_at
      FROM unnest($1::text[], $2::uuid[], $3::bigint[], $4::text[])
           AS asked (section, entry_id, up_to, hidden)
     CROSS JOIN LATERAL (
           SELECT e."by", e.stated_by, e.recorded_at, e.stated_at FROM ledger.plan_ledger e
            WHERE e.section = asked.section AND e.entry_id = asked.entry_id
              AND e.entry_version <= asked.up_to
              AND (e.entry_version = 1 OR EXISTS (
                   SELECT FROM unnest(e.fields) AS field
                    WHERE field <> 'visibility'
                      AND field <> ALL (string_to_array(asked.hidden, E'\\n'))
                      AND split_part(field, '.', 1)
                          <> ALL (string_to_array(asked.hidden, E'\\n'))))
            ORDER BY e.entry_version DESC LIMIT 1) last
"""


class _Numbered(msgspec.Struct, gc=False):
    entry_version: int


_numbered = msgspec.json.Decoder(_Numbered).decode


class MarksOfToday:
    """The marks of plans, kept beside the revision of their plan; bounded by their number."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: OrderedDict[UUID, tuple[int, PlanMarks]] = OrderedDict()
        self.marks = 0

    async def of(self, plan_id: UUID, revision: int) -> PlanMarks:
        """The marks of a plan at that revision of it, or at a later one."""
        kept = self._kept.get(plan_id)
        if kept is not None and kept[0] >= revision:
            self._kept.move_to_end(plan_id)
            return kept[1]
        row = await self._database.pool.fetchrow(
            "SELECT revision, document, rest FROM plan WHERE plan_id = $1", plan_id
        )
        marks = marks_of_plan(entries_of(row["document"], row["rest"]))
        self._keep(plan_id, row["revision"], marks)
        return marks

    async def today(self, plan_id: UUID) -> PlanMarks:
        """Those of a plan that there is, as it stands now."""
        revision = await self._database.pool.fetchval(
            "SELECT revision FROM plan WHERE plan_id = $1", plan_id
        )
        return await self.of(plan_id, revision)

    def _keep(self, plan_id: UUID, revision: int, marks: PlanMarks) -> None:
        before = self._kept.pop(plan_id, None)
        if before is not None:
            self.marks -= len(before[1]) + 1
        self._kept[plan_id] = revision, marks
        self.marks += len(marks) + 1
        while self.marks > _KEPT_MARKS:
            _, (_, oldest) = self._kept.popitem(last=False)
            self.marks -= len(oldest) + 1


@dataclass(frozen=True)
class Seen:
    """The entries that a reader is shown, how many of each section they are not, and what not."""

    entries: Sequence[Authored]
    withheld: Sequence[Mapping[str, Any]]
    left_out: tuple[Left, ...]

    async def bodies(self, database: Database, *, with_authorship: bool) -> list[tuple[str, bytes]]:
        """Section and body of each entry, where it is wanted with who said what of it."""
        if with_authorship:
            return await authorship_of(database, self.entries)
        return [(section, body) for section, _, body, _ in self.entries]

    @property
    def more(self) -> dict[str, Any]:
        """What the plan says of it: nothing, where no entry is withheld."""
        return {"withheld": self.withheld} if self.withheld else {}


_Part = tuple[str, UUID, int, str]
"""An entry by its section and id, its version, and the leaves that are withheld of it."""
_Told = Mapping[str, Any]


class WhoSaid:
    """Who said what is left of entries that are shown in part; who began one with nothing left.

    Many who ask at once are answered by one statement. An event is never changed: what was found
    out is remembered, bounded in bytes.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self._together: Together[tuple[_Part, ...], Mapping[_Part, _Told]] = Together(self._ask)
        self._kept: Remembered[_Part, _Told] = Remembered(_SAID_BYTES)

    async def of(
        self, partly: Sequence[tuple[Authored, Withheld]]
    ) -> Mapping[tuple[str, UUID], _Told]:
        """By section and id, as an entry has it."""
        told: dict[tuple[str, UUID], _Told] = {}
        missing: list[_Part] = []
        for (section, entry_id, body, _), withheld in partly:
            part = section, entry_id, _numbered(body).entry_version, "\n".join(withheld.leaves)
            kept = self._kept.get(part)
            if kept is None:
                missing.append(part)
            else:
                told[section, entry_id] = kept
        if missing:
            found = await self._together(tuple(missing))
            told |= {part[:2]: found[part] for part in missing if part in found}
        return told

    async def _ask(self, asked: Sequence[tuple[_Part, ...]]) -> Sequence[Mapping[_Part, _Told]]:
        parts = list(dict.fromkeys(part for each in asked for part in each))
        found: dict[_Part, _Told] = {}
        for row in await self.database.pool.fetch(_SAID, *map(list, zip(*parts, strict=True))):
            part = row["section"], row["entry_id"], row["up_to"], row["hidden"]
            found[part] = {
                "recorded_at": row["recorded_at"],
                "stated_at": row["stated_at"],
                "by": orjson.Fragment(row["by"]),
                "stated_by": orjson.Fragment(row["stated_by"]),
            }
            weight = _OF_EACH_PART + len(part[3]) + len(row["by"]) + len(row["stated_by"])
            self._kept.put(part, found[part], weight)
        return [found] * len(asked)


def marks_of_plan(entries: Iterable[Shown]) -> PlanMarks:
    """What access to each entry of a plan rests on."""
    return PlanMarks(((one.section, str(one.entry_id)), one.marks) for one in entries)


async def seen(who: WhoSaid, redaction: Redaction, entries: Iterable[Authored]) -> Seen:
    """Of these entries what their reader is shown."""
    judged = [(entry, redaction.of(entry[0], entry[1])) for entry in entries]
    said = await who.of([one for one in judged if one[1].leaves])
    return Seen(
        [
            _without(entry, withheld, said) if withheld else entry
            for entry, withheld in judged
            if withheld.rule is None
        ],
        counted(entry[0] for entry, withheld in judged if withheld.rule is not None),
        tuple(one for entry, withheld in judged for one in left_out(entry[0], entry[1], withheld)),
    )


def left_out(section: str, entry_id: UUID | str, withheld: Withheld) -> list[Left]:
    """What is left out of one entry, as the access record has it."""
    named: Iterable[tuple[str | None, Rule]] = withheld.leaves.items()
    if withheld.rule is not None:
        named = [(None, withheld.rule)]
    return [
        {"section": section, "entry_id": str(entry_id), "field": field, "rule": rule.value}
        for field, rule in named
    ]


def _without(
    entry: Authored, withheld: Withheld, said: Mapping[tuple[str, UUID], Mapping[str, Any]]
) -> Authored:
    section, entry_id, body, leaves = entry
    told = said.get((section, entry_id))
    return section, entry_id, entry_without(body, withheld, told), leaves_without(leaves, withheld)
