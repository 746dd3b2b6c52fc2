"""Contributions under contention: one receipt each, applied once, by whichever replica."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from time import monotonic
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.goals.section import SECTION as GOALS
from shared.chassis.kafka.event_message import header
from shared.ledger.topics import receipts_topic
from shared.testing.service import bench_of, contribution, works_for
from shared.testing.topic_reader import value_of as json_of
from tests.component.contribute.running import (
    AGREE,
    GOAL,
    NURSE,
    RESUME,
    REWORD,
    SAID,
    SET_ASIDE,
    SYSTEM,
    Running,
    a_plan,
    agreed,
    side_by_side,
)

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


async def test_of_two_hundred_contributors_one_wins_each_version(goals: Running) -> None:
    plan_id = await a_plan(goals)
    entry_id = await agreed(goals, plan_id)
    contributors = [works_for(f"ZZ{n:03}", sub=f"contributor-{n}") for n in range(200)]
    for n in range(200):
        await goals.bench.relate([plan_id], f"ZZ{n:03}")
    for version in (1, 2, 3):
        given = [
            contribution(REWORD, {"why": f"{n}"}, plan_id, entry_id=entry_id, based_on=version)
            for n in range(200)
        ]
        answers = await side_by_side(
            (goals.door.contribute(*both) for both in zip(given, contributors, strict=True)),
            at_once=200,
        )
        assert Counter(answer.status_code for answer in answers) == {201: 1, 412: 199}
        won = next(n for n, answer in enumerate(answers) if answer.status_code == 201)
        for n, answer in enumerate(answers):
            if n == won:
                receipt = answer.json()
            else:
                receipt = answer.json()["receipt"]
                assert receipt["changed_since"][0]["by"]["organisation"] == {"ods": f"ZZ{won:03}"}
                assert [one["entry_version"] for one in receipt["changed_since"]] == [version + 1]
            assert receipt["entry_version"] == version + 1
            assert receipt["contribution_id"] == given[n]["contribution_id"]
        kept = await goals.bench.pool.fetchval(
            "SELECT count(*) FROM receipt WHERE contribution_id = ANY($1::uuid[])",
            [one["contribution_id"] for one in given],
        )
        assert kept == 200
    versions = await goals.bench.pool.fetch(
        "SELECT originator_version FROM stored_events WHERE originator_id = $1 ORDER BY 1",
        UUID(entry_id),
    )
    assert [row[0] for row in versions] == [1, 2, 3, 4]


async def test_the_same_from_many_at_once_is_one_contribution(goals: Running) -> None:
    plan_id = await a_plan(goals)
    given = contribution(AGREE, GOAL, plan_id)
    answers = await side_by_side(goals.door.contribute(given, NURSE) for _ in range(60))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 59}
    assert len({answer.text for answer in answers}) == 1
    refused = contribution(AGREE, {**GOAL, "need_ids": []}, plan_id)
    answers = await side_by_side(goals.door.contribute(refused, NURSE) for _ in range(60))
    assert Counter(answer.status_code for answer in answers) == {409: 1, 200: 59}
    others = [{**given, "contribution_id": str(uuid4()), "entry_id": str(uuid4())}] * 30
    others = [dict(one, content={**GOAL, "why": f"{n % 10}"}) for n, one in enumerate(others)]
    answers = await side_by_side(goals.door.contribute(one, NURSE) for one in others)
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 2, 409: 27}
    assert {a.json()["code"] for a in answers if a.status_code == 409} == {"contribution-id-reused"}


async def test_a_group_commit_leaves_the_neighbours_of_a_no_unharmed(goals: Running) -> None:
    plan_id = await a_plan(goals)
    entry_id = await agreed(goals, plan_id)
    stale = await agreed(goals, plan_id)
    change = contribution(REWORD, {"why": "x"}, plan_id, entry_id=stale, based_on=1)
    assert (await goals.door.contribute(change, NURSE)).status_code == 201
    expected: list[tuple[dict[str, Any], int]] = []
    for n in range(40):
        expected += [
            (contribution(AGREE, GOAL, plan_id), 201),
            (contribution(AGREE, {**GOAL, "need_ids": []}, plan_id), 409),
            (contribution(REWORD, {"why": "y"}, plan_id, entry_id=stale, based_on=1), 412),
            (contribution(AGREE, GOAL, plan_id, entry_id=entry_id), 409),
            (change, 200),
            ({**change, "content": {"why": f"{n}"}}, 409),
            (contribution(AGREE, {"aim": 1}, plan_id), 422),
        ]
    answers = await side_by_side((goals.door.contribute(given, NURSE) for given, _ in expected))
    assert [answer.status_code for answer in answers] == [status for _, status in expected]


async def test_what_another_replica_has_done_is_seen_before_a_no(goals: Running) -> None:
    plan_id = await a_plan(goals)
    entry_id = await agreed(goals, plan_id)
    async with goals.bench.running("two") as other:
        aside = contribution(SET_ASIDE, {"reason": "x"}, plan_id, entry_id=entry_id, based_on=1)
        assert (await other.contribute(aside, NURSE)).status_code == 201
        # The first replica still holds version 1, which was not set aside.
        resume = contribution(RESUME, {}, plan_id, entry_id=entry_id, based_on=2)
        answer = await goals.door.contribute(resume, NURSE)
        assert answer.status_code == 201, answer.text
        # The second holds version 2, which was.
        word = contribution(REWORD, {"why": "x"}, plan_id, entry_id=entry_id, based_on=3)
        answer = await other.contribute(word, NURSE)
        assert answer.status_code == 201, answer.text
        # The first holds version 3: whoever is based on that is stale, whatever a rule would say.
        not_aside = contribution(RESUME, {}, plan_id, entry_id=entry_id, based_on=3)
        answer = await goals.door.contribute(not_aside, NURSE)
        assert answer.status_code == 412, answer.text
        assert answer.json()["receipt"]["entry_version"] == 4
        # And with nothing to do, neither of them does anything.
        commits = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"
        before, began = await goals.bench.pool.fetchval(commits), monotonic()
        await asyncio.sleep(2)
        done = await goals.bench.pool.fetchval(commits) - before
        assert done < 50 * (monotonic() - began)


async def test_a_thousand_sent_twice_to_two_replicas_by_both_doors(
    postgres_url: str, kafka_servers: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("two-replicas")
    plans = [uuid4() for _ in range(100)]
    given = [contribution(AGREE, GOAL, plans[n % 100], provenance=SAID) for n in range(1000)]
    for refused in given[::10]:
        refused["content"] = {**GOAL, "aim": {"text": " "}}
    async with AsyncExitStack() as opened:
        bench = await opened.enter_async_context(
            bench_of(GOALS, postgres_url, kafka_servers, folder)
        )
        await bench.know_plans(plans)
        one, two = await asyncio.gather(
            *(
                opened.enter_async_context(bench.in_a_process(instance))
                for instance in ("one", "two")
            )
        )
        by_kafka = asyncio.gather(*(bench.command(item, "ZZC01") for item in given))
        answers = await asyncio.gather(
            *(
                replica.door.contribute({"contributions": given[start : start + 50]}, SYSTEM)
                for start, replica in zip(range(0, 1000, 50), [one, two] * 10, strict=True)
            )
        )
        await by_kafka
        told = {
            receipt["contribution_id"]: receipt
            for answer in answers
            for receipt in answer.json()["receipts"]
        }
        assert not [r for r in told.values() if "outcome" not in r][:2]
        assert Counter(receipt["outcome"] for receipt in told.values()) == {
            "accepted": 900,
            "refused": 100,
        }
        receipts = await opened.enter_async_context(bench.reader(receipts_topic("zzc01")))
        for record in await receipts.count(1000, "receipts"):
            receipt = json_of(record)
            assert receipt == told[receipt["contribution_id"]]
        assert {header(r, "ce_causationid") for r in receipts.records} == set(told)
        events = await opened.enter_async_context(bench.events)
        records = await events.count(900, "events")
        positions = [int(header(record, "ce_position") or 0) for record in records]
        assert sorted(set(positions)) == list(range(1, 901))
        rows = await bench.rows()
        assert (rows["stored_events"], rows["receipt"]) == (900, 1000)
        once = "SELECT count(DISTINCT encode(leaf_hash, 'hex')) FROM stored_events"
        assert await bench.pool.fetchval(once) == 900
