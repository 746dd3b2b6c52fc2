"""A plan at any instant, by each clock, is what the plainest fold of its events says."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final
from uuid import UUID, uuid4

import orjson
import pytest
from hypothesis import settings

from services.plan.reads.as_at import PastPlans
from services.plan.reads.past.clocks import Clock
from services.plan.reads.redaction import MarksOfToday
from services.plan.reads.view import PlanView, Wanted
from shared.ledger import RecordedEvent, instant
from shared.testing import hostile
from shared.testing.events import told_of
from shared.testing.plain_fold import Event, Key, Taken
from tests.component.plan.bench import Bench, fold_directly, plan_store
from tests.component.plan.past import plain_past
from tests.component.plan.withheld.readers import EVERYTHING

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]

MICROSECOND: Final = timedelta(microseconds=1)
ALL_OF_IT: Final = Wanted(frozenset({"withdrawn", "authorship"}))
AT_ONCE: Final = 50


def of_the_run(everyday: int) -> tuple[int, Random]:
    """How many histories this run looks at, and from where they are drawn."""
    profile = settings.default
    assert profile is not None
    drawn = Random(14) if profile.derandomize else Random()  # noqa: S311 - histories
    return everyday * profile.max_examples // 25, drawn


def histories(random: Random, number: int) -> list[list[RecordedEvent]]:
    """Of so many plans, in an order in which sections may bring them."""
    made = []
    for _ in range(number):
        plan_id = uuid4()
        entries = [plan_id, uuid4(), uuid4()]
        events = hostile.history_of(random, plan_id, random.randrange(4, 16), entries)
        events = hostile.told_at_odd_times(random, events)
        events = [_among_comments(random, one, entries[1:]) for one in events]
        made.append([one for batch in hostile.as_it_comes(random, events) for one in batch])
    return made


def _among_comments(random: Random, event: RecordedEvent, ids: Sequence[UUID]) -> RecordedEvent:
    """The same event, which may be one of a comment, and may answer one."""
    if event.section == "sleep-diary":
        its_type = event.type.replace(event.section, "stewardship")
        event = replace(event, section="stewardship", type=its_type)
    if random.random() < 0.5:
        ref = {"section": "stewardship", "entry_id": str(random.choice(ids))}
        event = replace(event, provenance={**event.provenance, "answers": ref})
    return event


async def taken(bench: Bench, came: Sequence[RecordedEvent]) -> Taken:
    """What counts of a history, in the order of the ledger, and what waits."""
    rows = await bench.ledger(came[0].plan_id)
    by_key = {one.natural_key: told_of(one) for one in came}
    order = [(row["section"], row["entry_id"], row["entry_version"]) for row in rows]
    waiting: dict[tuple[Key, int], Event] = {
        ((section, str(entry_id)), version): told
        for (section, entry_id, version), told in by_key.items()
        if (section, entry_id, version) not in set(order)
    }
    return Taken([by_key[key] for key in order], waiting)


def must_be(view: PlanView | None, wanted: dict[str, Any], basis: str, at: datetime) -> None:
    if plain_past.nothing_counts(wanted):
        assert view is None
        return
    assert view is not None
    marked = dict(wanted.pop("as_at"))
    del marked["counted"]
    shown = orjson.loads(view.body)
    told = shown.pop("as_at")
    assert told == {"requested": instant(at), "basis": basis, **marked, "is_current": False}
    assert shown == orjson.loads(orjson.dumps(wanted))


async def test_every_instant_is_what_the_plainest_fold_says(bench: Bench) -> None:
    number, random = of_the_run(25)
    past, store = PastPlans(bench.database, MarksOfToday(bench.database)), plan_store("one")
    looked_at = 0
    for _ in range(0, number, AT_ONCE):
        made = [one for one in histories(random, AT_ONCE) if one]
        await fold_directly(bench, store, [event for came in made for event in came], batch=400)
        for came in made:
            told = await taken(bench, came)
            if told.events:
                looked_at += await must_be_at_every_instant(bench, past, came[0].plan_id, told)
    assert looked_at > number


async def must_be_at_every_instant(
    bench: Bench, past: PastPlans, plan_id: UUID, told: Taken
) -> int:
    instants = plain_past.instants_of(told)
    seen = [row["projected_at"] for row in await bench.ledger(plan_id)]
    instants |= {at + step for at in instants for step in (-MICROSECOND, MICROSECOND)}
    ordered = sorted(instants)
    for clock, plain in (
        (Clock.RECORDED, plain_past.recorded_plan),
        (Clock.EFFECTIVE, plain_past.effective_plan),
    ):
        views = await asyncio.gather(
            *(past.at(plan_id, clock, at, ALL_OF_IT, EVERYTHING) for at in ordered)
        )
        for at, view in zip(ordered, views, strict=True):
            wanted = plain(str(plan_id), told, at, withdrawn=True, authorship=True)
            must_be(view, wanted, clock, at)
    for at in {*seen, seen[0] - MICROSECOND, seen[-1] + MICROSECOND}:
        version = sum(one <= at for one in seen)
        view = await past.at(plan_id, Clock.VISIBLE, at, ALL_OF_IT, EVERYTHING)
        if version == 0:
            assert view is None
            continue
        of_it = await past.version(plan_id, version, ALL_OF_IT, EVERYTHING)
        assert view is not None
        assert of_it is not None
        shown, same = orjson.loads(view.body), orjson.loads(of_it.body)
        marked = {**same["as_at"], "requested": instant(at.astimezone(UTC)), "basis": "visible"}
        assert shown == {**same, "as_at": marked}
    return len(ordered)
