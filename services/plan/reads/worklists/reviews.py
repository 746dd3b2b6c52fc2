"""The reviews of the plans with which an organisation has a live relationship, overdue first."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, tzinfo
from typing import Any, Final, NamedTuple
from uuid import UUID

import orjson

from services.plan.fold.findings.facts import CONTINGENCY_PLAN, REVIEW, Today, is_ref, key_of
from services.plan.fold.findings.reviews import due_by
from services.plan.fold.standard import OF_A_REVIEW, review_told, urgency
from services.plan.reads.redaction import Left, MarksOfToday, left_out
from services.plan.reads.turns import Turns
from services.plan.store.people.identifiers import person_key
from shared.chassis.database.database import Database
from shared.chassis.policy.access_copy import AccessCopy
from shared.chassis.policy.decide import Action, Decision, Facts
from shared.chassis.policy.redaction.of_a_plan import Redaction
from shared.ledger import Contributor, id_in

Place = tuple[str, ...]
"""Where a review stands in the list, by nothing but what whoever is shown it is told of it."""

_AT_ONCE: Final = 40
"""So many reviews are judged together; one after the other each would wait for the database."""

# Of each review of an open plan that it is still on, what it says, and when its interval was set.
_REVIEWS: Final = """
    SELECT p.plan_id, p.version, p.revision, r.entry_id, r.entry, r.recorded_at,
           (SELECT e.recorded_at FROM ledger.plan_ledger e
             WHERE e.section = 'stewardship' AND e.entry_id = r.entry_id
               AND 'interval' = ANY(e.fields)
             ORDER BY e.entry_version DESC LIMIT 1) AS interval_set_at
      FROM (SELECT DISTINCT plan_id FROM access_entry
             WHERE ledger.organisation_of(kind, leaves) = $1 AND kind <> 'proxy') AS related
      JOIN plan p ON p.plan_id = related.plan_id AND p.state = 'open'
     CROSS JOIN LATERAL (
           SELECT DISTINCT ON (l.entry_id) l.entry_id, l.entry, l.recorded_at, l.current
             FROM ledger.plan_ledger l
            WHERE l.plan_id = p.plan_id AND l.section = 'stewardship' AND l.entry_type = 'review'
            ORDER BY l.entry_id, l.entry_version DESC) AS r
     WHERE r.current
"""
_ENTRIES: Final = """
    SELECT asked.section, asked.entry_id, last.entry_type, last.entry
      FROM unnest($1::uuid[], $2::text[], $3::uuid[]) AS asked (plan_id, section, entry_id)
     CROSS JOIN LATERAL (
           SELECT e.entry_type, e.entry FROM ledger.plan_ledger e
            WHERE e.section = asked.section AND e.entry_id = asked.entry_id
              AND e.plan_id = asked.plan_id
            ORDER BY e.entry_version DESC LIMIT 1) AS last
"""
# Among the last accesses to the plan, the last by anybody of an organisation. Who was shown a list
# of reviews has not looked at the plan.
_LAST_READ: Final = """
    SELECT asked.n, read.recorded_at
      FROM unnest($1::uuid[], $2::text[]) WITH ORDINALITY AS asked (plan_id, organisation, n)
     CROSS JOIN LATERAL (
           SELECT told.recorded_at FROM (
                  SELECT a.recorded_at, a.record, convert_from(a.who, 'UTF8')::jsonb AS who
                    FROM ledger.access_record a
                   WHERE a.plan_id = asked.plan_id AND a.who IS NOT NULL
                   ORDER BY a.recorded_at DESC LIMIT 200) AS told
            WHERE position('"operation":"read",'::bytea IN told.record) > 0
              AND position('"what":"reviews",'::bytea IN told.record) = 0
              AND coalesce(told.who #>> '{actor,organisation,ods}',
                           told.who #>> '{actor,organisation,local_id}') = asked.organisation
            ORDER BY told.recorded_at DESC LIMIT 1) AS read
"""


class Wanted(NamedTuple):
    """Which reviews are asked for; what is ``None`` may be anything."""

    states: frozenset[str] | None = None
    due_before: date | None = None
    organisation: str | None = None

    def has(self, review: Mapping[str, Any]) -> bool:
        """True for a review that is among them; ``due_before`` takes none without a day."""
        due_on = review["due_on"]
        return (
            (self.states is None or review["state"] in self.states)
            and (self.due_before is None or (due_on is not None and due_on < self.due_before))
            and (self.organisation is None or _responsible(review) == self.organisation)
        )


@dataclass(frozen=True)
class ReviewsOfAPlan:
    """Those of one plan that are shown, by which decision, and what of them was left out."""

    plan_id: UUID
    version: int
    decision: Decision
    items: Sequence[Mapping[str, Any]]
    redactions: tuple[Left, ...]


@dataclass(frozen=True)
class ReviewsPage:
    """A page: its items in their order, the same by plan, and behind what the next one begins."""

    items: Sequence[Mapping[str, Any]]
    plans: Sequence[ReviewsOfAPlan]
    following: Place | None


class _Candidate(NamedTuple):
    plan_id: UUID
    version: int
    revision: int
    content: Mapping[str, Any]
    review: dict[str, Any]

    @property
    def place(self) -> Place:
        """By what it is sorted."""
        state, is_of_no_crisis, due_on = urgency(self.review)
        told = str(state), str(int(is_of_no_crisis)), due_on
        return (*told, str(self.plan_id), self.review["entry_id"])

    @property
    def subject(self) -> tuple[str, UUID] | None:
        """The entry that it is about; ``None`` for the plan."""
        subject = self.content.get("subject")
        if not is_ref(subject):
            return None
        section, entry_id = key_of(subject)
        named = id_in(entry_id)
        return None if named is None else (section, named)


class _Judged(NamedTuple):
    decision: Decision
    redaction: Redaction


class _Told(NamedTuple):
    candidate: _Candidate
    by: _Judged
    item: dict[str, Any]


class Reviews:
    """Finds what is due, judges each plan as whoever opens it would be judged, and tells it."""

    def __init__(self, database: Database, access: AccessCopy, facts: Facts, zone: tzinfo) -> None:
        self._database = database
        self._access = access
        self._marks = MarksOfToday(database)
        self._facts = facts
        self._zone = zone

    async def page(
        self,
        reader: Contributor,
        purpose: str | None,
        wanted: Wanted,
        behind: Place | None,
        limit: int,
    ) -> ReviewsPage:
        """So many reviews behind that place; what is withheld from this reader is left out.

        There is a next page where something on it is shown, and never because of what is not.
        """
        candidates = await self._candidates(reader, wanted, behind)
        judged: dict[UUID, _Judged | None] = {}
        shown: list[tuple[_Candidate, _Judged]] = []
        looked_at = 0
        while looked_at < len(candidates) and len(shown) <= limit:
            some = candidates[looked_at : looked_at + min(_AT_ONCE, limit + 1 - len(shown))]
            await self._judge(some, reader, purpose, judged)
            shown += [
                (one, by)
                for one in some
                if (by := judged[one.plan_id]) is not None and _is_shown(one, by, wanted)
            ]
            looked_at += len(some)
        told = await self._told(shown[:limit])
        await self._note_last_reads([one.item for one in told])
        following = told[-1].candidate.place if len(shown) > limit else None
        return ReviewsPage([one.item for one in told], _by_plan(told), following)

    async def _candidates(
        self, reader: Contributor, wanted: Wanted, behind: Place | None
    ) -> list[_Candidate]:
        """Every review of a plan that the organisation has to do with, in their order."""
        if reader.organisation is None:
            return []
        today, turns = Today(datetime.now(UTC), self._zone), Turns()
        found = []
        for row in await self._database.pool.fetch(_REVIEWS, reader.organisation.code):
            content = orjson.loads(row["entry"])["content"]
            began = row["interval_set_at"] or row["recorded_at"]
            # Only contingency plans stand in their section; of what type another is, is told later.
            subject = content.get("subject")
            first = is_ref(subject) and subject["section"] == CONTINGENCY_PLAN[0]
            kind = CONTINGENCY_PLAN[1] if first else None
            due_on = due_by(content, began, today)
            review = review_told(str(row["entry_id"]), content, kind, due_on, today)
            if wanted.has(review):
                plan = row["plan_id"], row["version"], row["revision"]
                one = _Candidate(*plan, content, review)
                if behind is None or one.place > behind:
                    found.append(one)
            await turns.pause()
        found.sort(key=lambda one: one.place)
        return found

    async def _judge(
        self,
        some: Iterable[_Candidate],
        reader: Contributor,
        purpose: str | None,
        judged: dict[UUID, _Judged | None],
    ) -> None:
        """By plan what this reader may see of it, ``None`` where that is nothing."""
        new = {one.plan_id: one for one in some if one.plan_id not in judged}

        async def judge(one: _Candidate) -> None:
            facts = replace(self._facts, plan_id=one.plan_id, at=datetime.now(UTC))
            asked = reader, Action.READ_PLAN, facts, purpose
            decision = await self._access.decide(*asked, patience=0)
            judged[one.plan_id] = None
            if decision.allowed and decision.sees is not None:
                marks = await self._marks.of(one.plan_id, one.revision)
                judged[one.plan_id] = _Judged(decision, marks.withheld_from(decision.sees))

        await asyncio.gather(*map(judge, new.values()))

    async def _told(self, some: Sequence[tuple[_Candidate, _Judged]]) -> list[_Told]:
        asked = [(one.plan_id, *person_key(one.plan_id)) for one, _ in some]
        asked += [(one.plan_id, *key) for one, _ in some if (key := one.subject) is not None]
        entries: dict[tuple[str, UUID], Mapping[str, Any]] = {}
        if asked:
            rows = await self._database.pool.fetch(_ENTRIES, *map(list, zip(*asked, strict=True)))
            entries = {(row["section"], row["entry_id"]): row for row in rows}
        return [_Told(one, by, _item(one, by, entries)) for one, by in some]

    async def _note_last_reads(self, items: Sequence[dict[str, Any]]) -> None:
        asked = [(item, code) for item in items if (code := _responsible(item)) is not None]
        rows = await self._database.pool.fetch(
            _LAST_READ, [item["plan_id"] for item, _ in asked], [code for _, code in asked]
        )
        for row in rows:
            asked[row["n"] - 1][0]["last_read_at"] = row["recorded_at"]


def _is_shown(one: _Candidate, by: _Judged, wanted: Wanted) -> bool:
    """False where something is withheld without which it is not told, or that was asked for."""
    withheld = by.redaction.of(REVIEW[0], one.review["entry_id"])
    asked = ("responsible",) if wanted.organisation is not None else ()
    return not any(map(withheld.hides, (*OF_A_REVIEW, *asked)))


def _item(
    one: _Candidate, by: _Judged, entries: Mapping[tuple[str, UUID], Mapping[str, Any]]
) -> dict[str, Any]:
    review = dict(one.review)
    about = entries.get(one.subject) if one.subject is not None else None
    if about is not None:
        review["subject_type"] = about["entry_type"]
    if by.redaction.of(REVIEW[0], review["entry_id"]).hides("responsible"):
        review["responsible"] = None
    person = _person(entries.get(person_key(one.plan_id)), by.redaction, one.plan_id)
    return {"plan_id": one.plan_id, "person": person, **review, "last_read_at": None}


def _person(row: Mapping[str, Any] | None, redaction: Redaction, plan_id: UUID) -> dict[str, Any]:
    """Who the plan is of, as far as this reader is shown it."""
    withheld = redaction.of(*person_key(plan_id))
    content = {} if row is None else orjson.loads(row["entry"])["content"]
    name = None if withheld.hides("name") else content.get("name")
    born = None if withheld.hides("date_of_birth") else content.get("date_of_birth")
    return {
        "name": name and {part: name.get(part) for part in ("first", "family")},
        "date_of_birth": born,
    }


def _by_plan(told: Iterable[_Told]) -> list[ReviewsOfAPlan]:
    of_plans: dict[UUID, list[_Told]] = {}
    for one in told:
        of_plans.setdefault(one.candidate.plan_id, []).append(one)
    made = []
    for plan_id, listed in of_plans.items():
        candidate, by, _ = listed[0]
        keys: list[tuple[str, Any]] = [person_key(plan_id)]
        keys += [(REVIEW[0], one.item["entry_id"]) for one in listed]
        left = tuple(gone for key in keys for gone in left_out(*key, by.redaction.of(*key)))
        items = [one.item for one in listed]
        made.append(ReviewsOfAPlan(plan_id, candidate.version, by.decision, items, left))
    return made


def _responsible(review: Mapping[str, Any]) -> str | None:
    """The code of the organisation that sees to it."""
    organisation = (review["responsible"] or {}).get("organisation") or {}
    code = organisation.get("ods") or organisation.get("local_id")
    return code if isinstance(code, str) else None
