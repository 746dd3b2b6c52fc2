"""What a section knows of plans decides what it takes; here one replica alone reads it all."""

import asyncio

import pytest

from shared.ledger.topics import events_topic
from shared.testing.events import History
from shared.testing.eventually import eventually
from shared.testing.service import contribution
from tests.component.contribute.running import AGREE, GOAL, NURSE, Running

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


async def test_a_plan_not_yet_heard_of_is_taken_later_under_the_same_id(goals: Running) -> None:
    history = History()
    given = contribution(AGREE, GOAL, history.plan_id)
    told = (await goals.door.contribute(given, NURSE)).json()
    assert (told["code"], told["retryable"]) == ("plan-unknown", True)
    await goals.publish(history, "plan-opened")
    answer = await goals.door.contribute(given, NURSE)
    assert answer.status_code == 201, answer.text
    # And one that asks a moment too early is kept waiting, not refused.
    other = History()
    asking = asyncio.create_task(
        goals.door.contribute(contribution(AGREE, GOAL, other.plan_id), NURSE)
    )
    await asyncio.sleep(0.2)
    await goals.publish(other, "plan-opened")
    assert (await asking).status_code == 201


async def test_a_plan_takes_contributions_while_it_is_open(goals: Running) -> None:
    history = History()

    async def state(wanted: str) -> None:
        await eventually(
            lambda: goals.bench.pool.fetchval(
                "SELECT state FROM plan_state WHERE plan_id = $1", history.plan_id
            ),
            wanted,
            holds=lambda found: found == wanted,
        )

    async def asked() -> tuple[int, str | None]:
        answer = await goals.door.contribute(contribution(AGREE, GOAL, history.plan_id), NURSE)
        return answer.status_code, answer.json().get("code")

    for name, wanted in (
        ("plan-opened", "open"),
        ("plan-ended", "ended"),
        ("plan-reopened", "open"),
        ("plan-merged", "merged"),
        ("plan-unmerged", "open"),
    ):
        await goals.publish(history, name)
        await state(wanted)
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
    answer = await goals.door.contribute(contribution(AGREE, GOAL, after.plan_id), NURSE)
    assert answer.status_code == 201
    await state("open")
    assert await asked() == (201, None)
    assert await goals.bench.pool.fetchval(
        "SELECT count(*) FROM outgoing WHERE topic LIKE '%.dead-letters.v1'"
    ) == 1  # fmt: skip
    assert await goals.door.not_ready() == []
