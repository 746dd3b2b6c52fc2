"""What a plan says about itself now, and since which of its versions."""

from collections import OrderedDict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from itertools import islice
from typing import Any, Final
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

import orjson

from services.plan.fold.findings.all_rules import findings_of, rules
from services.plan.fold.findings.facts import Changes, PlanFacts, Today
from services.plan.fold.findings.rules import RULES_BEHIND, Found, Name, Rule, is_certain
from services.plan.reads.facts import Known, facts_before, facts_of, said_of
from services.plan.reads.redaction import Left, left_out
from services.plan.reads.turns import Turns
from services.plan.reads.view import PlanView
from shared.chassis.database.database import Database
from shared.chassis.policy.redaction.of_a_plan import Redaction
from shared.chassis.policy.sees import Sees
from shared.ledger import in_zone

FINDINGS: Final = "findings"
_REMEMBERED_PLANS: Final = 1_000
_REMEMBERED_OF_A_PLAN: Final = 500

_ALL_WAIT: Final = "SELECT version = 0 FROM plan WHERE plan_id = $1 AND document IS NOT NULL"


@dataclass(frozen=True)
class _Remembered:
    """The version at which the findings of a plan were looked for, and when each of them began."""

    version: int
    began: Mapping[Name, int]


_NOTHING_KNOWN: Final = _Remembered(0, {})


@dataclass(frozen=True)
class Findings:
    """The findings of a plan at one of its versions, oldest first, each ready to be shown.

    ``withheld`` is how many are left out because they rest on what is withheld.
    """

    version: int
    items: Sequence[dict[str, Any]]
    redaction: Redaction = field(compare=False)
    redactions: tuple[Left, ...] = ()
    withheld: int = 0


class PlanFindings:
    """Looks for the findings of a plan. What is remembered is bounded, and only saves work."""

    def __init__(
        self, database: Database, zone: tzinfo, *, everybody_has_a_key_worker: bool = False
    ) -> None:
        self._database = database
        self._zone = zone
        self._rules = rules(everybody_has_a_key_worker=everybody_has_a_key_worker)
        self._remembered: OrderedDict[Hashable, _Remembered] = OrderedDict()

    async def now(self, plan_id: UUID, sees: Sees, at: datetime | None = None) -> Findings | None:
        """The findings of the plan as it stands; ``None`` where there is no such plan.

        There are none of a plan of which each event waits for another.
        """
        found = await self._counted(plan_id, None, sees, at or datetime.now(UTC))
        if found is None and await self._database.pool.fetchval(_ALL_WAIT, plan_id):
            return Findings(0, (), Redaction(sees, {}, frozenset()))
        return found

    async def of(
        self, plan_id: UUID, version: int, sees: Sees, at: datetime | None = None
    ) -> Findings | None:
        """Those of one of its versions, judged as of ``at``; left out, as of when it came."""
        return await self._counted(plan_id, version, sees, at)

    async def beside(
        self, view: PlanView, include: frozenset[str], at: datetime | None = None
    ) -> PlanView:
        """The plan with its findings, where they were asked for."""
        if FINDINGS not in include:
            return view
        found = await self._found(view.plan_id, view.version, view.redaction, at)
        document = orjson.loads(view.body)
        return view.with_document({**document, FINDINGS: found.items if found else []})

    async def _counted(
        self, plan_id: UUID, version: int | None, sees: Sees, at: datetime | None
    ) -> Findings | None:
        """Those that the reader is shown, and how many they are not.

        Nobody's sex counts: who may not see it is not told whether it is recorded either.
        """
        found = await self._found(plan_id, version, sees, at)
        if found is None or not found.redaction.but_sex:
            return found
        known = await facts_of(self._database, plan_id, found.redaction.only_sex, found.version)
        if known is None:
            return found
        there = {one["finding_id"] for one in found.items}
        today = Today(at or known.seen_at[found.version], self._zone)
        ids: set[UUID] = set()
        turns = Turns()
        for rule in self._rules:
            ids.update(_id_of(plan_id, one) for one in rule.find(known.facts, today))
            await turns.pause()
        return replace(found, withheld=len(ids - there))

    async def _found(
        self,
        plan_id: UUID,
        version: int | None,
        shown_to: Sees | Redaction,
        at: datetime | None,
    ) -> Findings | None:
        known = await facts_of(self._database, plan_id, shown_to, version)
        if known is None:
            return None
        plan = known.facts
        today = Today(at or known.seen_at[plan.version], self._zone)
        found: dict[Name, Found] = {}
        wanted: dict[Rule, set[Name]] = {}
        turns = Turns()
        for rule in self._rules:
            by_name = {one.name: one for one in rule.find(plan, today) if is_certain(one, plan)}
            wanted[rule] = by_name.keys() - found.keys()
            found = {**by_name, **found}
            await turns.pause()
        began = await self._began(plan_id, known, today, wanted)
        recorded = dict(islice(known.recorded_at.items(), plan.version))
        items = []
        for one in found.values():
            items.append(_item(plan_id, one, began[one.name], recorded))
            await turns.pause()
        items.sort(key=lambda item: (item["since"], item["code"], item["finding_id"]))
        hidden = sorted({*plan.hidden.entries, *plan.hidden.leaves})
        left = (one for key in hidden for one in left_out(*key, known.redaction.of(*key)))
        return Findings(plan.version, items, known.redaction, tuple(left))

    async def _began(
        self, plan_id: UUID, seen: Known, today: Today, wanted: Mapping[Rule, set[Name]]
    ) -> Mapping[Name, int]:
        """The version with which each of these findings began, undoing event by event.

        What was found out for an earlier version holds on for readers from whom the same is
        withheld: an event is never changed.
        """
        plan = seen.facts
        of = plan_id, seen.redaction.but_sex.fingerprint
        known = self._remembered.get(of, _NOTHING_KNOWN)
        began: dict[Name, int] = {}
        if known.version == plan.version:
            _recall(known, wanted, began)
        before = facts_before(self._database, plan_id, plan, seen.redaction)
        turns = Turns()
        async for earlier, undone in before:
            for rule, names in wanted.items():
                if names and undone is not None and rule.concerns(undone.kind):
                    held = rule.still_holds(names, earlier, today, undone.key)
                    began |= dict.fromkeys(names - held, undone.plan_version)
                    names.intersection_update(held)
                    await turns.pause()
            if earlier.version == known.version:
                _recall(known, wanted, began)
            if not any(wanted.values()):
                break
        began |= {name: 1 for names in wanted.values() for name in names}
        if plan.version >= known.version:
            self._remember(of, _Remembered(plan.version, began))
        return began

    def _remember(self, of: Hashable, told: _Remembered) -> None:
        if len(told.began) > _REMEMBERED_OF_A_PLAN:
            return
        self._remembered[of] = told
        self._remembered.move_to_end(of)
        while len(self._remembered) > _REMEMBERED_PLANS:
            self._remembered.popitem(last=False)


def _recall(known: _Remembered, wanted: Mapping[Rule, set[Name]], began: dict[Name, int]) -> None:
    """Take over what is remembered; the rest is still wanted."""
    for names in wanted.values():
        began |= {name: known.began[name] for name in names & known.began.keys()}
        names.difference_update(known.began)


def _item(plan_id: UUID, found: Found, began: int, recorded: dict[int, datetime]) -> dict[str, Any]:
    since, version = recorded[began], began
    if found.since is not None and found.since > since:
        since = in_zone(found.since, UTC)
        version = next(made for made in reversed(recorded) if recorded[made] <= since)
    return {
        "finding_id": _id_of(plan_id, found),
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


def _id_of(plan_id: UUID, found: Found) -> UUID:
    concerned = ",".join(sorted({f"{one.section}/{one.entry_id}" for one in found.entries}))
    return uuid5(plan_id, f"{found.code}/{concerned}")


def found_in(plan: Mapping[str, Any], now: datetime) -> Iterator[dict[str, Any]]:
    """The findings of a plan as a reader was given it; without its history they have no since."""
    entries = {
        (section, entry["entry_id"]): said_of(section, entry["entry_id"], orjson.dumps(entry))
        for section, told in plan["sections"].items()
        for entry in told
    }
    facts = PlanFacts(plan["plan_version"], entries, Changes())
    for found in findings_of(facts, Today(now, ZoneInfo("Europe/London"))):
        concerned = [one._asdict() for one in found.entries]
        yield {
            "code": found.code,
            "rule": RULES_BEHIND[found.code],
            "entries": concerned,
            "words": found.words,
        }
