"""What a section knows of plans decides what it takes; here one replica alone reads it all."""

import asyncio
from uuid import UUID

import pytest

from shared.chassis.policy.plan_states import PlanStates
from shared.ledger.topics import events_topic
from shared.testing.events import History
from shared.testing.eventually import LONG_ENOUGH, eventually
from shared.testing.service import contribution
from tests.component.contribute.running import AGREE, GOAL, GP, Running

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


async def test_a_plan_not_yet_heard_of_is_taken_later_under_the_same_id(goals: Running) -> None:
    history = History()
    given = contribution(AGREE, GOAL, history.plan_id)
    told = (await goals.door.contribute(given, GP)).json()
    assert (told["code"], told["retryable"]) == ("plan-unknown", True)
    await goals.publish(history, "plan-opened")
    await until_known(goals, history.plan_id, "open")
    answer = await goals.door.contribute(given, GP)
    assert answer.status_code == 201, answer.text


async def test_who_asks_a_moment_too_early_is_kept_waiting_and_not_refused(
    goals: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    history, has_asked, read = History(), asyncio.Event(), PlanStates._read

    async def and_say_so(states: PlanStates, plan_id: UUID) -> str | None:
        state = await read(states, plan_id)
        if plan_id == history.plan_id:
            has_asked.set()
        return state

    monkeypatch.setattr(PlanStates, "_read", and_say_so)
    async with goals.bench.running("patient", copy_wait_seconds=LONG_ENOUGH) as patient:
        given = contribution(AGREE, GOAL, history.plan_id)
        asking = asyncio.create_task(patient.contribute(given, GP))
        await asyncio.wait_for(has_asked.wait(), LONG_ENOUGH)
        assert not asking.done()
        await goals.publish(history, "plan-opened")
        assert (await asking).status_code == 201


async def until_known(running: Running, plan_id: UUID, wanted: str) -> None:
    await eventually(
        lambda: running.bench.pool.fetchval(
            "SELECT state FROM plan_state WHERE plan_id = $1", plan_id
        ),
        wanted,
        holds=lambda found: found == wanted,
    )


async def test_a_plan_takes_contributions_while_it_is_open(goals: Running) -> None:
    history = History()

    async def asked() -> tuple[int, str | None]:
        answer = await goals.door.contribute(contribution(AGREE, GOAL, history.plan_id), GP)
        return answer.status_code, answer.json().get("code")

    for name, wanted in (
        ("plan-opened", "open"),
        ("plan-ended", "ended"),
        ("plan-reopened", "open"),
        ("plan-merged", "merged"),
        ("plan-unmerged", "open"),
    ):
        await goals.publish(history, name)
        await until_known(goals, history.plan_id, wanted)
        assert await asked() == ((201, None) if wanted == "open" else (409, "plan-not-open"))
    # What comes a second time, or late, changes nothing.
    late = History(history.plan_id)
    await goals.publish(late, "plan-opened")
    await goals.publish(late, "plan-ended")
    unheard = History()
    await goals.publish(unheard, "plan-opened")
    await goals.bench.producer.send_and_wait(
        goals.bench.topic(events_topic("person")), b"no event", str(history.plan_id).encode()
    )
    await goals.publish(history, "demographics-corrected")
    after = History()
    await goals.publish(after, "plan-opened")
    await until_known(goals, after.plan_id, "open")
    answer = await goals.door.contribute(contribution(AGREE, GOAL, after.plan_id), GP)
    assert answer.status_code == 201
    await eventually(
        lambda: goals.bench.pool.fetchval(
            "SELECT count(*) FROM outgoing WHERE topic LIKE '%.dead-letters.v1'"
        ),
        "what is no event is a dead letter",
        holds=lambda letters: letters == 1,
    )
    await until_known(goals, history.plan_id, "open")
    assert await asked() == (201, None)
    assert await goals.door.not_ready() == []
