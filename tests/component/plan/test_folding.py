"""Events become a plan, once and in order, however they come."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from random import Random
from uuid import UUID, uuid4

import orjson
import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from services.plan.reads.as_at import PastPlans
from services.plan.reads.current import CurrentPlans
from services.plan.reads.history import History as Lists
from services.plan.reads.redaction import MarksOfToday
from services.plan.reads.view import Wanted
from shared.chassis import telemetry
from shared.ledger import RecordedEvent
from shared.testing import plain_fold
from shared.testing.events import History, told_of, value_of
from shared.testing.hostile import as_it_comes, history_of
from shared.testing.stack import create_topics
from tests.component.plan.bench import (
    BATCH,
    SECTIONS,
    Bench,
    fold_directly,
    plan_store,
    short_history,
)
from tests.component.plan.withheld.readers import EVERYTHING

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


async def test_events_become_a_plan_a_ledger_and_changes(bench: Bench) -> None:
    history = History()
    events = short_history(history)
    async with bench.consumer():
        await bench.publish(*events)
        tally = await bench.until_consumed(5)
    assert tally == {"consumed": 5, "applied": 5, "duplicates": 0, "parked": 0, "dead_lettered": 0}
    told = await bench.document(history.plan_id)
    assert told["plan_version"] == 5
    assert told["state"] == "open"
    assert told["complete"] is True
    assert list(told["sections"]) != []
    assert "goals" not in told["sections"]
    assert told["sections"]["needs"][0]["content"] == {"what": {"text": "Knee hurts"}}
    rows = await bench.ledger(history.plan_id)
    assert [row["plan_version"] for row in rows] == [1, 2, 3, 4, 5]
    times = [row["projected_at"] for row in rows]
    assert times == sorted(times)
    assert {row["event"] for row in rows} == {value_of(event) for event in events}
    changes = await bench.changes()
    values = [orjson.loads(change.value) for change in changes]
    assert [value["plan_version"] for value in values] == [1, 2, 3, 4, 5]
    assert {change.key for change in changes} == {str(history.plan_id).encode()}
    assert set(values[0]) == {
        "plan_id",
        "plan_version",
        "section",
        "entry_id",
        "entry_type",
        "entry_version",
        "change",
        "type",
        "contribution_id",
        "recorded_at",
        "projected_at",
        "stated_at",
    }
    assert not bench.has_stopped


async def test_repeats_gaps_and_disorder_give_the_same_plan(bench: Bench) -> None:
    straight, odd = History(), History()
    events = short_history(straight)
    same = [
        replace(event, plan_id=odd.plan_id, entry_id=moved(event, straight, odd))
        for event in events
    ]
    async with bench.consumer(max_records=3):
        await bench.publish(*events)
        await bench.until_consumed(5)
        await bench.publish(same[4], same[3], same[4], same[1])
        tally = await bench.until_consumed(9)
        assert (tally["parked"], tally["duplicates"]) == (2, 1)
        told = await bench.document(odd.plan_id)
        assert told["state"] == "unknown"
        assert told["complete"] is False
        assert told["parked"] == [
            {
                "section": "goals",
                "entry_id": str(same[4].entry_id),
                "waiting_from_version": 1,
                "since": told["parked"][0]["since"],
            }
        ]
        await bench.publish(same[2], same[2], same[0], *same)
        tally = await bench.until_consumed(17)
    assert (tally["parked"], tally["applied"], tally["duplicates"]) == (0, 10, 7)
    assert await bench.database.pool.fetchval("SELECT count(*) FROM ledger.plan_parked") == 0
    one, other = await bench.document(straight.plan_id), await bench.document(odd.plan_id)
    for told in (one, other):
        del told["plan_id"]
        for entries in told["sections"].values():
            for entry in entries:
                del entry["entry_id"]
    assert one == other
    versions = [
        row["entry_version"] for row in await bench.ledger(odd.plan_id) if row["section"] == "goals"
    ]
    assert versions == [1, 2, 3]


def moved(event: RecordedEvent, straight: History, odd: History) -> UUID:
    """The entry's counterpart in another plan: no entry may be in two."""
    if event.entry_id == straight.plan_id:
        return odd.plan_id
    return UUID(int=event.entry_id.int ^ 1)


async def test_five_consumers_meet_on_one_plan_and_its_versions_follow_on(bench: Bench) -> None:
    histories = [History() for _ in range(3)]
    events: list[RecordedEvent] = []
    for _ in range(40):
        for history in histories:
            for section in SECTIONS:
                made = history.event(section, "made", uuid4(), "created", {"text": "x"})
                events.append(made)
                events.append(history.event(section, "changed", made.entry_id, "amended", {"b": 1}))
    stores = [plan_store(f"n{n}") for n in range(5)]
    shares: list[list[RecordedEvent]] = [[] for _ in stores]
    for number, event in enumerate(events):
        shares[number // 2 % 5].append(event)
    done = await asyncio.gather(
        *(fold_directly(bench, store, share) for store, share in zip(stores, shares, strict=True))
    )
    assert sum(done) == len(events)
    for history in histories:
        its_own = [event for event in events if event.plan_id == history.plan_id]
        await bench.must_be_folded(history.plan_id, its_own)
        times = [row["projected_at"] for row in await bench.ledger(history.plan_id)]
        assert times == sorted(times)
    assert len(await bench.changes()) == len(events)


async def all_pages(lists: Lists, plan_id: UUID) -> list[bytes]:
    """The history of a plan, a few contributions at a time."""
    found: list[bytes] = []
    page = await lists.contributions(plan_id, None, 4, EVERYTHING)
    while page is not None and page.following is not None:
        found += page.items
        page = await lists.contributions(plan_id, page.following, 4, EVERYTHING)
    return [*found, *(page.items if page is not None else ())]


async def test_three_members_of_the_group_apply_everything_once(bench: Bench) -> None:
    histories = [History() for _ in range(12)]
    events = [event for history in histories for event in short_history(history)]
    async with AsyncExitStack() as opened:
        for number in range(3):
            await opened.enter_async_context(bench.consumer(f"m{number}", max_records=4))
            await bench.publish(*events[number::3])
        tally = await bench.until_consumed(60)
    assert (tally["applied"], tally["parked"], tally["dead_lettered"]) == (60, 0, 0)
    for history in histories:
        its_own = [event for event in events if event.plan_id == history.plan_id]
        await bench.must_be_folded(history.plan_id, its_own)
    assert not bench.has_stopped


async def test_whatever_comes_the_plan_is_that_of_the_plain_fold(bench: Bench) -> None:
    """Repeats, gaps, disorder, strays and merges: documents, past plans, authors and history."""
    random = Random(20261130)  # noqa: S311 - histories, no secret
    plan_ids = [UUID(int=random.getrandbits(128)) for _ in range(12)]
    entries = {
        plan_id: [UUID(int=random.getrandbits(128)) for _ in range(3)] for plan_id in plan_ids
    }
    events = [
        event for plan_id in plan_ids for event in history_of(random, plan_id, 25, entries[plan_id])
    ]
    # Under another plan than its entry's: it is nobody's, whenever it comes.
    strays = [
        replace(event, plan_id=random.choice(plan_ids))
        for event in random.sample(events, 30)
        if event.entry_version > 1
    ]
    came = [event for batch in as_it_comes(random, [*events, *strays]) for event in batch]
    # What has come last of all settles whose each entry is.
    came += events
    stores = [plan_store(name) for name in ("one", "two")]
    marks = MarksOfToday(bench.database)
    plans, past = CurrentPlans(bench.database), PastPlans(bench.database, marks)
    lists = Lists(bench.database, marks)
    # Whether a version was complete depends on what waited when it was first shown.
    was_complete: dict[tuple[UUID, int], bool] = {}
    for start in range(0, len(came), BATCH):  # looked at after each: the next may change what waits
        await fold_directly(bench, random.choice(stores), came[start : start + BATCH])
        for plan_id in plan_ids:
            if (seen := await plans.current(plan_id, EVERYTHING)) is not None:
                shown = orjson.loads(seen.body)
                was_complete.setdefault((plan_id, shown["plan_version"]), shown["complete"])
    assert len(set(was_complete.values())) == 2
    for plan_id in plan_ids:
        rows = await bench.ledger(plan_id)
        of_the_plan = {one.natural_key: one for one in events if one.plan_id == plan_id}
        order = [(row["section"], row["entry_id"], row["entry_version"]) for row in rows]
        told = plain_fold.Taken([told_of(of_the_plan[key]) for key in order])
        assert len(order) == 25
        view = await plans.current(plan_id, EVERYTHING)
        assert view is not None
        assert view.body == plain_fold.document(str(plan_id), told)
        assert await all_pages(lists, plan_id) == plain_fold.history(told)
        what = Wanted(frozenset({"withdrawn", "authorship"}))
        for version in (1, 13, 25):
            then = await past.version(plan_id, version, what, EVERYTHING)
            assert then is not None
            told_then = plain_fold.Taken(told.events[:version])
            wanted = plain_fold.plan_of(str(plan_id), told_then, withdrawn=True)
            shown = orjson.loads(then.body)
            del shown["as_at"]
            is_complete, _ = shown.pop("complete"), wanted.pop("complete")
            assert is_complete == was_complete.get((plan_id, version), is_complete)
            for section, its_entries in shown["sections"].items():
                for entry in its_entries:
                    authors = {
                        leaf: said["entry_version"]
                        for leaf, said in entry.pop("authorship").items()
                    }
                    key = (section, entry["entry_id"])
                    mine = [one for one in told_then.events if plain_fold.key_of(one) == key]
                    assert authors == plain_fold.authors(mine)
            assert shown == wanted


async def test_the_same_id_in_two_sections_is_two_entries(bench: Bench) -> None:
    history = History()
    shared_id = uuid4()
    async with bench.consumer():
        await bench.publish(
            history.opened(),
            history.event("goals", "agreed", shared_id, "created", {"aim": 1}),
            history.event("needs", "found", shared_id, "created", {"what": 2}),
        )
        await bench.until_consumed(3)
    told = await bench.document(history.plan_id)
    assert [e["content"] for e in told["sections"]["goals"]] == [{"aim": 1}]
    assert [e["content"] for e in told["sections"]["needs"]] == [{"what": 2}]


async def test_a_section_never_heard_of_is_noticed_and_folded_from_its_beginning(
    bench: Bench,
) -> None:
    history = History()
    entry = uuid4()
    first = history.event("sleep_diary", "night-noted", entry, "created", {"hours": 6})
    second = history.event("sleep_diary", "night-corrected", entry, "amended", {"hours": 7})
    async with bench.consumer():
        await bench.publish(history.opened())
        await bench.until_consumed(1)
        await create_topics(bench.servers, [bench.prefix + "careplan.sleep-diary.events.v1"])
        await bench.publish(first, second)
        await bench.until_consumed(3)
    told = await bench.document(history.plan_id)
    assert told["sections"]["sleep-diary"][0]["content"] == {"hours": 7}


async def test_one_span_for_a_batch_with_links_to_what_caused_its_events(bench: Bench) -> None:
    history = History()
    traces = [f"00-{n:032x}-{n:016x}-01" for n in (11, 12)]
    spans = InMemorySpanExporter()
    telemetry.configure("plan", span_exporter=spans)
    try:
        await bench.publish(
            replace(history.opened(), traceparent=traces[0]),
            history.event("goals", "agreed", uuid4(), "created", {}, traceparent=traces[1]),
        )
        async with bench.consumer():
            await bench.until_consumed(2)
        folds = [span for span in spans.get_finished_spans() if span.name == "fold plan"]
        links = {link.context.trace_id for span in folds for link in span.links}
        assert links == {11, 12}
        counts = [(span.attributes or {})["messaging.batch.message_count"] for span in folds]
        assert counts in ([2], [1, 1])
        assert b"careplan_consumed" in bytes(telemetry.metrics_response().body)
    finally:
        telemetry.shut_down()
    told = [dict(change.headers) for change in await bench.changes()]
    assert {headers["traceparent"] for headers in told} == {trace.encode() for trace in traces}
