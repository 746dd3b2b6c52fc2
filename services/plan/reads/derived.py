"""The plan with what the standard derives from it beside its entries, and its reviews."""

from collections import deque
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, tzinfo
from itertools import chain
from typing import Any, Final
from uuid import UUID

import orjson

from services.plan.fold.findings.facts import PERSON, REVIEW, PlanFacts, Today
from services.plan.fold.standard import (
    Beside,
    Recorded,
    of_an_entry,
    of_the_plan,
    reviews,
)
from services.plan.reads.facts import facts_of
from services.plan.reads.turns import Turns
from services.plan.reads.view import PlanView
from services.plan.store.reading import professional_shown
from services.plan.store.redacted import is_withheld
from shared.chassis.database.database import Database
from shared.chassis.policy.redaction.of_a_plan import Redaction
from shared.ledger import in_zone

DERIVED: Final = "derived"
REVIEWS: Final = "reviews"

_REVIEW_HELD: Final = "careplan.stewardship.review-held"
_LOOKED_AT: Final = 20
"""How many of the last contributions of each recorder are asked who they say that they are."""

_PAGE: Final = 500
_EVENTS_PAGE: Final = 200
_RECORDED: Final = """
    SELECT plan_version, section, entry_id, entry_type, "by", stated_by, recorded_at, fields
      FROM ledger.plan_ledger WHERE plan_id = $1 AND plan_version > $2 AND plan_version <= $3
     ORDER BY plan_version LIMIT $4
"""


class PlanDerived:
    """Works out what is derived. ``fields`` are those that carry the standard, by section."""

    def __init__(
        self, database: Database, zone: tzinfo, fields: Mapping[str, Iterable[str]]
    ) -> None:
        self._database = database
        self._zone = zone
        self._fields = fields

    async def beside(
        self, view: PlanView, include: frozenset[str], at: datetime | None = None
    ) -> PlanView:
        """The plan with what was asked for, of its very version; ``at``, or when it came."""
        if not include & {DERIVED, REVIEWS}:
            return view
        known = await facts_of(self._database, view.plan_id, view.redaction, view.version)
        if known is None:
            return view
        plan, document = known.facts, orjson.loads(view.body)
        today = Today(at or known.seen_at[plan.version], self._zone)
        turns = Turns()
        if REVIEWS in include:
            document[REVIEWS] = reviews(plan, today)
        if DERIVED in include:
            for section, entries in document["sections"].items():
                for entry in entries:
                    said = plan.entries[section, entry["entry_id"]]
                    entry[DERIVED] = of_an_entry(plan, said, today)
                    await turns.pause()
            last_updated = _instant(document["last_updated"])
            told = await self._beside(view.plan_id, plan, view.redaction)
            document[DERIVED] = of_the_plan(plan, today, self._fields, told, last_updated)
        return view.with_document(document)

    async def _beside(self, plan_id: UUID, plan: PlanFacts, redaction: Redaction) -> Beside:
        """What stands in the provenance of single contributions, those that are withheld apart."""
        recorded = await self._recorded(plan_id, plan.version, redaction)
        opened = await self._opening(plan_id, plan)
        held = await self._last_review(plan_id, plan)
        who = professional_shown(opened.get("stated_by") or opened.get("recorded_by"))
        return Beside(
            recorded,
            who if who.get("kind") == "professional" else None,
            held.get("location") or opened.get("location"),
        )

    async def _stated_by(
        self, plan_id: UUID, versions: Iterable[int]
    ) -> Mapping[int, Mapping[str, Any]]:
        """Who said what made these versions of a plan; read in pages, as events may be large."""
        wanted = list(versions)
        said: dict[int, Mapping[str, Any]] = {}
        turns = Turns()
        for first in range(0, len(wanted), _EVENTS_PAGE):
            rows = await self._database.pool.fetch(
                """SELECT plan_version, event FROM ledger.plan_ledger
                    WHERE plan_id = $1 AND plan_version = ANY ($2::bigint[])""",
                plan_id,
                wanted[first : first + _EVENTS_PAGE],
            )
            for row in rows:
                provenance = orjson.loads(row["event"]).get("provenance", {})
                said[row["plan_version"]] = professional_shown(provenance.get("stated_by"))
                await turns.pause()
        return said

    async def _recorded(
        self, plan_id: UUID, newest: int, redaction: Redaction
    ) -> Iterable[Recorded]:
        """Who recorded something of each type of entry, with the last time; read in pages.

        Who wrote something down is known by name and role alone. The rest of what the standard
        asks of a professional they say themselves, where they say something as who they are.
        """
        last_at: dict[tuple[str, str, bytes], datetime] = {}
        as_themselves: dict[bytes, deque[int]] = {}
        turns, last = Turns(), 0
        while last < newest:
            rows = await self._database.pool.fetch(_RECORDED, plan_id, last, newest, _PAGE)
            for row in rows:
                if not is_withheld(row["fields"], redaction.of(row["section"], row["entry_id"])):
                    of = row["section"], row["entry_type"], row["by"]
                    last_at[of] = max(last_at.get(of, row["recorded_at"]), row["recorded_at"])
                    if _is_said_by_its_recorder(row):
                        its = as_themselves.setdefault(row["by"], deque(maxlen=_LOOKED_AT))
                        its.append(row["plan_version"])
                await turns.pause()
            last = rows[-1]["plan_version"]
        said = await self._stated_by(plan_id, chain.from_iterable(as_themselves.values()))
        # Not all of it stands in each contribution: what they said of it last counts.
        told = {
            by: {name: one for version in its for name, one in said.get(version, {}).items()}
            for by, its in as_themselves.items()
        }
        return [
            Recorded(
                (section, entry_type),
                {**told.get(by, {}), **orjson.loads(by)},
                at,
            )
            for (section, entry_type, by), at in last_at.items()
        ]

    async def _last_review(self, plan_id: UUID, plan: PlanFacts) -> Mapping[str, Any]:
        """The provenance of the last formal review of the plan that was held."""
        of_the_plan_itself = {
            review.key for review in plan.current(REVIEW) if review.content.get("subject") == "plan"
        }
        for change in reversed(plan.changes):
            if change.key in of_the_plan_itself and change.type.startswith(_REVIEW_HELD):
                event = await self._event(plan_id, change.plan_version)
                held = event.get("content", {}).get("held") or [{}]
                if held[-1].get("kind") == "formal":
                    told: Mapping[str, Any] = event.get("provenance", {})
                    return told
        return {}

    async def _opening(self, plan_id: UUID, plan: PlanFacts) -> Mapping[str, Any]:
        """The provenance of the contribution that opened the plan, which others may come before."""
        of_the_person = (one.plan_version for one in plan.changes if one.kind == PERSON)
        event = await self._event(plan_id, next(of_the_person, 0))
        told: Mapping[str, Any] = event.get("provenance", {})
        return told

    async def _event(self, plan_id: UUID, version: int) -> Mapping[str, Any]:
        event = await self._database.pool.fetchval(
            "SELECT event FROM ledger.plan_ledger WHERE plan_id = $1 AND plan_version = $2",
            plan_id,
            version,
        )
        told: Mapping[str, Any] = orjson.loads(event) if event else {}
        return told


def _is_said_by_its_recorder(row: Mapping[str, Any]) -> bool:
    """True where who said it is who wrote it down: of one organisation, and of one name."""
    if row["by"] == row["stated_by"]:
        return True
    by, said = orjson.loads(row["by"]), orjson.loads(row["stated_by"])
    return all(by.get(name) == said.get(name) for name in ("kind", "name"))


def _instant(given: str | None) -> datetime | None:
    return in_zone(datetime.fromisoformat(given), UTC) if given else None
