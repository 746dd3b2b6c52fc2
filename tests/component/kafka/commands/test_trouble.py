"""Stopped, cut off or overloaded, the Kafka door loses nothing and doubles nothing."""

import asyncio
from functools import partial
from typing import Any
from uuid import uuid4

import orjson
import pytest

import shared.chassis.kafka.offsets
from services.goals.domain import Goal
from shared.chassis.kafka.event_message import header
from shared.chassis.kafka.offsets import fence_all
from shared.ledger import Provenance
from shared.testing.eventually import LONG_ENOUGH, eventually
from shared.testing.service import Bench, contribution, headers_of, works_for
from shared.testing.topic_reader import TopicReader
from tests.component.kafka.commands.goals import (
    BY_THE_PERSON,
    NO_TOPIC,
    PLAN,
    WEIGH,
    Goals,
    agree,
    has_one_about,
)

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


async def test_stopped_between_answers_and_offset_it_answers_with_the_first_receipts(
    bench: Bench,
    readers: tuple[TopicReader, TopicReader, TopicReader],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = [agree() for _ in range(20)]
    reached = asyncio.Event()

    async def never_passed(*_: Any) -> int:
        reached.set()
        await asyncio.Event().wait()
        return 0

    async with bench.running() as door:
        monkeypatch.setattr(shared.chassis.kafka.offsets, "fence_all", never_passed)
        await asyncio.gather(*(bench.command(item, "ZZC01") for item in given))
        goals = Goals(bench, door, *readers)
        await asyncio.wait_for(reached.wait(), LONG_ENOUGH)
        answered = await bench.pool.fetchval(
            "SELECT count(*) FROM receipt WHERE contribution_id = ANY($1::uuid[])",
            [item["contribution_id"] for item in given],
        )
        assert answered > 0
    monkeypatch.setattr(shared.chassis.kafka.offsets, "fence_all", fence_all)
    async with bench.running() as door:
        goals = Goals(bench, door, *readers)
        for item in given:
            receipt = await goals.told(item)
            assert receipt["outcome"] == "accepted"
            assert await goals.stored(item) == 1
        # What was answered before the stop was answered again, with the same.
        ids = {item["contribution_id"] for item in given}
        await goals.receipts.until(
            lambda records: (
                sum(header(record, "ce_causationid") in ids for record in records) >= 20 + answered
            ),
            "the first receipts again",
        )
        for item in given:
            await goals.told(item)


async def test_an_organisation_that_nobody_registered_is_a_dead_letter(goals: Goals) -> None:
    """Its answer has nowhere to go: nothing of it is accepted, or queued for no topic."""
    unheard = [agree() for _ in range(5)]
    heard = [agree() for _ in range(5)]
    for one, other in zip(unheard, heard, strict=True):
        await goals.bench.command(one, NO_TOPIC)
        await goals.bench.send(b"{", key=b"key", headers=headers_of(one, NO_TOPIC))
        await goals.bench.command(other, "ZZC01")
    for item in heard:
        assert (await goals.told(item))["outcome"] == "accepted"
    council = works_for("ZZL01")
    for item in unheard:
        letter = await goals.letter(orjson.dumps(item))
        assert "not registered" in (header(letter, "dead-letter-reason") or "")
        await goals.audit.until(partial(has_one_about, letter), "its audit record")
        kept = await goals.door.receipt(item["contribution_id"], council)
        assert kept.status_code == 404
    queued = "SELECT count(*) FROM outgoing WHERE topic LIKE $1"
    assert await goals.bench.pool.fetchval(queued, f"%receipts.{NO_TOPIC}.%") == 0
    await goals.door.until_ready()


async def test_what_our_code_cannot_apply_is_a_dead_letter_and_stops_nobody(
    goals: Goals, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry_id = str(uuid4())
    before, after = agree(entry_id=entry_id), agree()
    weigh = contribution(
        WEIGH, {"importance": 3}, PLAN, entry_id=entry_id, based_on=1, provenance=BY_THE_PERSON
    )

    def broken(self: Goal, provenance: Provenance, importance: int | None) -> None:
        raise TypeError(f"{self} {provenance} {importance}")

    monkeypatch.setattr(Goal, "weigh", broken)
    for item in (before, weigh, after):
        await goals.bench.command(item, "ZZC01")
    assert (await goals.told(before))["outcome"] == "accepted"
    assert (await goals.told(after))["outcome"] == "accepted"
    told = await goals.told(weigh)
    assert (told["code"], told["kept"]) == ("internal-error", False)
    letter = await goals.letter(orjson.dumps(weigh))
    assert header(letter, "dead-letter-reason") == "This cannot be applied (TypeError)."
    monkeypatch.undo()
    await goals.bench.command(weigh, "ZZC01")
    answers = await goals.receipts.about(weigh["contribution_id"], 2)
    assert answers[1]["outcome"] == "accepted"


async def test_what_is_too_much_for_the_queue_is_taken_a_little_later(
    bench: Bench, readers: tuple[TopicReader, TopicReader, TopicReader]
) -> None:
    plans = [uuid4() for _ in range(60)]
    await bench.know_plans(plans)
    given = [agree(plan_id) for plan_id in plans]
    async with bench.running(queue_limit=3) as door:
        goals = Goals(bench, door, *readers)
        await asyncio.gather(*(bench.command(item, "ZZC01") for item in given))
        for item in given:
            assert (await goals.told(item))["outcome"] == "accepted"


async def test_connections_lost_in_the_middle_lose_and_double_nothing(goals: Goals) -> None:
    plans = [uuid4() for _ in range(50)]
    await goals.bench.know_plans(plans)
    given = [agree(plan_id) for plan_id in plans for _ in range(6)]
    sending = asyncio.gather(*(goals.bench.command(item, "ZZC01") for item in given))
    for _ in range(10):
        await asyncio.sleep(0.05)
        await goals.bench.pool.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND usename = current_database()"
        )
    await sending
    for item in given:
        assert (await goals.told(item))["outcome"] == "accepted"
    stored = await goals.bench.pool.fetchval(
        "SELECT count(*) FROM stored_events"
        " WHERE convert_from(state, 'UTF8')::json->'provenance'->>'plan_id' = ANY($1)",
        [str(plan_id) for plan_id in plans],
    )
    assert stored == len(given)
    offset = "SELECT sum(next_offset) FROM consumer_offset WHERE consumer = 'goals'"
    reached = await goals.bench.pool.fetchval(offset)
    assert reached >= len(given)
    await eventually(goals.door.not_ready, "ready again", holds=lambda parts: not parts)
