"""How many contributions there are to a plan: by organisation, by month and by section."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from itertools import islice
from typing import Any, Final
from uuid import UUID

import orjson

from services.plan.reads.redaction import Left, left_out, marks_of_plan
from services.plan.reads.turns import Turns
from services.plan.store.document import Shown, entries_of
from services.plan.store.redacted import is_withheld
from services.plan.store.values import dumps
from shared.chassis.database.database import Database
from shared.chassis.policy.access_copy import AccessCopy
from shared.chassis.policy.redaction.of_a_plan import Redaction
from shared.chassis.policy.sees import Sees

ORGANISATION: Final = "organisation"
MONTH: Final = "month"
SECTION: Final = "section"
BY: Final = (ORGANISATION, MONTH, SECTION)
"""What they may be counted by, in the order in which what is counted is sorted."""

_PEOPLE: Final = ("person", "related-person")
_CHANGES: Final = ("created", "amended", "withdrawn", "restored", "commented")
_PAGE: Final = 500
_COMMENT: Final = "comment"
_JOINED: Final = ("organisation", "live_from")
"""The leaves of a relationship that are told of an organisation which only joined."""

# The events of a contribution follow each other in one entry: it is counted at the last of them.
_LAST: Final = """
      FROM ledger.plan_ledger l
     WHERE l.plan_id = $1 AND l.plan_version <= $2
       AND NOT EXISTS (
           SELECT FROM ledger.plan_ledger n
            WHERE n.goes_on AND n.section = l.section AND n.entry_id = l.entry_id
              AND n.entry_version = l.entry_version + 1 AND n.plan_version <= $2)
"""
_KEY: Final = "(l.section, l.entry_id) IN (SELECT * FROM unnest($3::text[], $4::uuid[]))"
_WHOLE: Final = f"""
    SELECT "by", section, month, change, count(*) AS number,
           min(recorded_at) AS first_at, max(recorded_at) AS last_at
      FROM (SELECT l."by", l.section, l.recorded_at,
                   to_char(l.recorded_at AT TIME ZONE $5::text, 'YYYY-MM') AS month,
                   CASE l.entry_type WHEN '{_COMMENT}' THEN 'commented' ELSE l.change END AS change
              {_LAST} AND NOT {_KEY}) counted
     GROUP BY "by", section, month, change
"""  # noqa: S608 - of the constants above alone
_HIDDEN: Final = f"SELECT count(*) {_LAST} AND {_KEY}"
_PARTLY: Final = f"""
    SELECT l.plan_version, l.section, l.entry_id, l.entry_type, l.contribution_id, l.change,
           l."by", l.fields, l.recorded_at,
           to_char(l.recorded_at AT TIME ZONE $5::text, 'YYYY-MM') AS month
      FROM ledger.plan_ledger l
     WHERE l.plan_id = $1 AND l.plan_version <= $2 AND {_KEY} AND l.plan_version > $6::bigint
     ORDER BY l.plan_version LIMIT {_PAGE}
"""  # noqa: S608 - of the constants above alone

_Key = tuple[bool, str, str, str]
"""Whether it is a person's, the code of the organisation or the kind, the month, the section."""


@dataclass
class _Counted:
    """The contributions of one group."""

    by: Mapping[str, Any]
    numbers: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_CHANGES, 0))
    first_at: datetime | None = None
    last_at: datetime | None = None
    joined_at: datetime | None = None

    def add(self, change: str, number: int, first_at: datetime, last_at: datetime) -> None:
        self.numbers[change] += number
        self.first_at = min(first_at, self.first_at or first_at)
        self.last_at = max(last_at, self.last_at or last_at)

    def as_json(self, key: _Key, grouped: Sequence[str]) -> bytes:
        is_a_persons, code, month, section = key
        named: dict[str, Any] = {}
        if ORGANISATION in grouped:
            named = {
                "organisation": None if is_a_persons else self.by.get("organisation"),
                "kind": code if is_a_persons else "organisation",
            }
        told = {
            **named,
            **({MONTH: month} if MONTH in grouped else {}),
            **({SECTION: section} if SECTION in grouped else {}),
            **self.numbers,
            "total": sum(self.numbers.values()),
            "first_at": self.first_at,
            "last_at": self.last_at,
        }
        return dumps(told if self.joined_at is None else {**told, "joined_at": self.joined_at})


@dataclass(frozen=True)
class Counts:
    """What was counted, and how many contributions are left out of it."""

    found: "_Groups"
    withheld: int
    redactions: tuple[Left, ...]

    @property
    def groups(self) -> int:
        """How many groups there are."""
        return len(self.found)

    def page(self, begin: int, end: int) -> list[bytes]:
        """Some of the groups, each ready to be shown."""
        return list(islice(self.found.items(), begin, end))


class ContributionCounts:
    """Counts the contributions to a plan; changes nothing."""

    def __init__(self, database: Database, access: AccessCopy, zone: tzinfo) -> None:
        self._database = database
        self._access = access
        self._zone = zone

    async def of(self, plan_id: UUID, grouped: Sequence[str], sees: Sees) -> Counts | None:
        """By what they are ``grouped``, sorted by it; ``None`` where there is no such plan.

        A contribution counts once, by the change of its last event that the reader is shown; one of
        which they are shown nothing is left out.
        """
        row = await self._database.pool.fetchrow(
            "SELECT version, document, rest FROM plan WHERE plan_id = $1 AND document IS NOT NULL",
            plan_id,
        )
        if row is None:
            return None
        listed = entries_of(row["document"], row["rest"])
        redaction = marks_of_plan(listed).withheld_from(sees)
        groups = _Groups(grouped)
        withheld = await self._count(plan_id, row["version"], listed, redaction, groups)
        if tuple(grouped) == (ORGANISATION,):
            await self._add_who_only_joined(plan_id, listed, redaction, groups)
        redactions = tuple(
            left for one in listed for left in left_out(*one.key, redaction.of(*one.key))
        )
        return Counts(groups, withheld, redactions)

    async def _count(
        self,
        plan_id: UUID,
        version: int,
        listed: Iterable[Shown],
        redaction: Redaction,
        groups: "_Groups",
    ) -> int:
        """Count into the groups; answers how many are left out."""
        hidden = [one.key for one in listed if redaction.of(*one.key).rule is not None]
        partly = [one.key for one in listed if redaction.of(*one.key).rule is None
                  and redaction.of(*one.key).leaves]  # fmt: skip
        turns, zone, pool = Turns(), str(self._zone), self._database.pool
        rows = await pool.fetch(_WHOLE, plan_id, version, *_columns([*hidden, *partly]), zone)
        for row in rows:
            groups.of(row).add(row["change"], row["number"], row["first_at"], row["last_at"])
            await turns.pause()
        left_out_of_it: int = (
            await pool.fetchval(_HIDDEN, plan_id, version, *_columns(hidden)) if hidden else 0
        )
        last: dict[tuple[str, UUID, UUID], tuple[Mapping[str, Any], bool]] = {}
        after = 0
        while partly:
            rows = await pool.fetch(_PARTLY, plan_id, version, *_columns(partly), zone, after)
            for row in rows:
                key = row["section"], row["entry_id"], row["contribution_id"]
                is_shown = not is_withheld(row["fields"], redaction.of(*key[:2]))
                if is_shown or key not in last:
                    last[key] = row, is_shown
                await turns.pause()
            if len(rows) < _PAGE:
                break
            after = rows[-1]["plan_version"]
        for row, is_shown in last.values():
            if is_shown:
                change = "commented" if row["entry_type"] == _COMMENT else row["change"]
                groups.of(row).add(change, 1, row["recorded_at"], row["recorded_at"])
            else:
                left_out_of_it += 1
            await turns.pause()
        return left_out_of_it

    async def _add_who_only_joined(
        self, plan_id: UUID, listed: Iterable[Shown], redaction: Redaction, groups: "_Groups"
    ) -> None:
        """Organisations that have a live relationship and have contributed nothing."""
        access = await self._access.of(plan_id, lambda _: True, wait=False)
        now = datetime.now(UTC)
        live = {one.entry_id: one for one in access.relationships if one.permits(now, None, False)}
        for one in listed:
            relationship = live.get(one.entry_id)
            withheld = redaction.of(*one.key)
            is_told = not any(map(withheld.hides, _JOINED))
            if relationship is not None and is_told:
                organisation = orjson.loads(one.body)["content"].get("organisation")
                if isinstance(organisation, Mapping):
                    groups.join({"organisation": organisation}, relationship.live_from)


class _Groups:
    """The groups that contributions are counted in."""

    def __init__(self, grouped: Sequence[str]) -> None:
        self._grouped = grouped
        self._found: dict[_Key, _Counted] = {}
        self._by: dict[bytes, Mapping[str, Any]] = {}

    def __len__(self) -> int:
        return len(self._found)

    def of(self, row: Mapping[str, Any]) -> _Counted:
        """That of a row: a stored ``by``, a month and a section."""
        by = self._by.get(row["by"])
        if by is None:
            by = self._by[row["by"]] = orjson.loads(row["by"])
        is_a_persons, code = _whose(by) if ORGANISATION in self._grouped else (False, "")
        month = row[MONTH] if MONTH in self._grouped else ""
        section = row[SECTION] if SECTION in self._grouped else ""
        return self._found.setdefault((is_a_persons, code, month, section), _Counted(by))

    def join(self, by: Mapping[str, Any], at: datetime) -> None:
        """Note since when an organisation has a relationship, where it has contributed nothing."""
        found = self._found.setdefault((*_whose(by), "", ""), _Counted(by))
        if found.first_at is None:
            found.joined_at = min(at, found.joined_at or at)

    def items(self) -> Iterator[bytes]:
        """Each as JSON: by code, people last, then by month and section."""
        for key in sorted(self._found):
            yield self._found[key].as_json(key, self._grouped)


def _whose(by: Mapping[str, Any]) -> tuple[bool, str]:
    """Whether a person contributed for themselves, and the code of the organisation, or the kind.

    Staff and systems contribute for their organisation.
    """
    kind = str(by.get("kind"))
    if kind in _PEOPLE:
        return True, kind
    organisation = by.get("organisation") or {}
    return False, str(organisation.get("ods") or organisation.get("local_id") or "")


def _columns(keys: Iterable[tuple[str, UUID]]) -> tuple[list[str], list[UUID]]:
    named = list(keys)
    return [section for section, _ in named], [entry_id for _, entry_id in named]
