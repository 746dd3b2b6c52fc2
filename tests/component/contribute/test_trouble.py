"""Contributions in trouble: an answer may be missing and is never wrong, nothing is lost."""

import asyncio
import socket
from collections import Counter
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import Any

import httpx
import pytest

from services.goals.section import SECTION as GOALS
from shared.chassis.kafka.event_message import header
from shared.chassis.section_app import create_app
from shared.chassis.store import event_store
from shared.testing.eventually import LONG_ENOUGH, eventually
from shared.testing.service import contribution
from tests.component.contribute.running import AGREE, GOAL, NURSE, Running, a_plan, side_by_side

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


async def test_an_entry_that_would_grow_too_large_is_a_problem_also_when_validated(
    goals: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_store, "MAX_EVENT_BYTES", 1_000)
    large = contribution(AGREE, {**GOAL, "why": "x" * 2_000}, await a_plan(goals))
    for answer in (
        await goals.door.contribute(large, NURSE),
        await goals.door.validate(large, NURSE),
    ):
        assert (answer.status_code, answer.json()["code"]) == (413, "body-too-large")


async def test_when_too_much_is_waiting_it_says_so_and_nothing_is_lost(goals: Running) -> None:
    plan_id = await a_plan(goals)
    given = [contribution(AGREE, GOAL, plan_id) for _ in range(150)]
    async with goals.bench.running("two", queue_limit=2) as narrow:
        answers = await side_by_side(narrow.contribute(item, NURSE) for item in given)
        statuses = Counter(answer.status_code for answer in answers)
        assert set(statuses) == {201, 503}
        turned_away = [answer for answer in answers if answer.status_code == 503]
        for answer in turned_away:
            assert (answer.json()["code"], answer.json()["retryable"]) == ("overloaded", True)
            assert answer.headers["retry-after"] == "1"
            assert "receipt" not in answer.json()
        batch = {"contributions": given[:100]}
        receipts = (await narrow.contribute(batch, NURSE)).json()["receipts"]
        assert {one.get("outcome") or one["code"] for one in receipts} <= {
            "accepted",
            "overloaded",
        }
    again = await side_by_side(goals.door.contribute(item, NURSE) for item in given)
    assert {answer.json()["outcome"] for answer in again} == {"accepted"}
    by_id = {answer.json()["contribution_id"]: answer.json() for answer in again}
    for answer in answers:
        if answer.status_code == 201:
            assert answer.json() == by_id[answer.json()["contribution_id"]]


async def cut_off(running: Running) -> int:
    """How many of the service's connections to its database were ended."""
    ended: int = await running.bench.pool.fetchval(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE datname = current_database() AND usename = current_database()"
    )
    return ended


async def until_accepted(running: Running, given: list[dict[str, Any]]) -> list[httpx.Response]:
    """The answers to all; that a connection was cut may still come to light on the way."""
    return await eventually(
        lambda: side_by_side(running.door.contribute(item, NURSE) for item in given),
        "all are accepted",
        holds=lambda answers: {one.json().get("outcome") for one in answers} == {"accepted"},
    )


async def test_while_the_database_is_cut_off_answers_are_missing_and_not_wrong(
    goals: Running,
) -> None:
    plan_id = await a_plan(goals)
    given = [contribution(AGREE, GOAL, plan_id) for _ in range(300)]
    answers: list[httpx.Response] = []
    for start in range(0, 300, 50):
        batch = given[start : start + 50]
        asking = asyncio.create_task(
            side_by_side(goals.door.contribute(item, NURSE) for item in batch)
        )
        asking_at_once = asyncio.create_task(goals.door.contribute({"contributions": batch}, NURSE))
        for _ in range(3):
            await asyncio.sleep(0.02)
            await eventually(partial(cut_off, goals), "connections are cut")
        answers += await asking
        for one in (await asking_at_once).json()["receipts"]:
            assert one.get("outcome") == "accepted" or one["code"] == "unavailable", one
    assert {answer.status_code for answer in answers} <= {200, 201, 503}
    for answer in answers:
        assert answer.status_code != 503 or answer.json()["code"] == "unavailable"
    again = await until_accepted(goals, given)
    for first, second in zip(answers, again, strict=True):
        if first.status_code != 503:
            assert first.json() == second.json()
    await goals.door.until_ready()


async def test_a_broker_that_says_nothing_holds_up_neither_contributions_nor_the_end(
    goals: Running,
) -> None:
    plan_id = await a_plan(goals)
    silent = socket.create_server(("127.0.0.1", 0))
    address = "{}:{}".format(*silent.getsockname())
    app = create_app(GOALS, goals.bench.settings("silent", kafka_servers=address))
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://silent") as client,
    ):
        door = replace(goals.door, client=client)
        answer = await door.contribute(contribution(AGREE, GOAL, plan_id), NURSE)
        assert answer.status_code == 201
        assert {"commands", "copies"} <= set(await door.not_ready())
        assert (await client.get("/readyz")).status_code == 200
        began = monotonic()
    assert monotonic() - began < LONG_ENOUGH, "the broker is silent still, and it has ended"
    silent.close()


async def test_in_the_end_positions_are_contiguous_and_every_event_is_published_once(
    goals: Running,
) -> None:
    plan_id = await a_plan(goals)
    given = [contribution(AGREE, GOAL, plan_id) for _ in range(100)]
    asking = asyncio.create_task(side_by_side(goals.door.contribute(item, NURSE) for item in given))
    await eventually(partial(cut_off, goals), "connections are cut")
    await asking
    await until_accepted(goals, given)
    rows = await goals.bench.pool.fetch(
        "SELECT notification_id, recorded_at FROM stored_events ORDER BY notification_id"
    )
    assert [row["notification_id"] for row in rows] == list(range(1, len(rows) + 1))
    times = [row["recorded_at"] for row in rows]
    assert times == sorted(times)
    async with goals.bench.events as events:
        records = await events.until(
            lambda records: len({header(r, "ce_position") for r in records}) >= len(rows),
            f"{len(rows)} events",
        )
    by_partition: dict[int, list[int]] = {}
    for record in records:
        position = int(header(record, "ce_position") or 0)
        held = by_partition.setdefault(record.partition, [])
        if position not in held:  # a window that was cut off may come again
            held.append(position)
    for positions in by_partition.values():
        assert positions == sorted(positions)
    assert sum(len(positions) for positions in by_partition.values()) == len(rows)
