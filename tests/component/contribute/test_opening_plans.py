"""A person has one plan, whoever opens it and whenever."""

import asyncio
from collections import Counter
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.ledger.topics import receipts_topic
from shared.testing.people import somebody
from shared.testing.service import contribution
from tests.component.contribute.running import END, GP, OPEN, REOPEN, Running, side_by_side

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


async def test_of_those_who_open_a_plan_for_one_person_one_wins(person: Running) -> None:
    content = somebody(1).opening()
    plans = [uuid4() for _ in range(21)]
    given = [contribution(OPEN, content, plan_id) for plan_id in plans]
    by_kafka = {**given.pop(), "provenance": {"stated_by": {"kind": "professional", "role": "gp"}}}
    unnamed = {key: given[0][key] for key in given[0] if key != "plan_id"}
    given[0] = unnamed
    async with person.bench.reader(receipts_topic("zzg01")) as receipts:
        sending = asyncio.create_task(person.bench.command(by_kafka, "ZZG01"))
        answers = await side_by_side(person.door.contribute(one, GP) for one in given)
        await sending
        (by_kafka_told,) = await receipts.about(by_kafka["contribution_id"])
    told = [*(answer.json() for answer in answers), by_kafka_told]
    won = [one for one in told if one.get("outcome") == "accepted"]
    assert len(won) == 1
    assert won[0]["entry_id"] == won[0]["plan_id"]
    for answer, one in zip(answers, given, strict=True):
        if answer.status_code == 201:
            continue
        refused = answer.json()
        assert (answer.status_code, refused["code"]) == (409, "plan-already-open")
        assert refused["existing_plan_id"] == won[0]["plan_id"]
        assert refused["receipt"]["existing_plan_id"] == won[0]["plan_id"]
        assert refused["receipt"]["plan_id"] == one.get("plan_id")
    if by_kafka_told["outcome"] == "refused":
        assert by_kafka_told["existing_plan_id"] == won[0]["plan_id"]
        assert by_kafka_told["plan_id"] == by_kafka["plan_id"]


async def test_a_plan_id_is_chosen_once(person: Running) -> None:
    plan_id = uuid4()
    given = [contribution(OPEN, somebody(n).opening(), plan_id) for n in (11, 12, 13, 14)]
    answers = await side_by_side(person.door.contribute(one, GP) for one in given)
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 3}
    refused = [answer.json() for answer in answers if answer.status_code == 409]
    assert {one["code"] for one in refused} == {"entry-already-exists"}
    assert {one["receipt"]["plan_id"] for one in refused} == {str(plan_id)}
    # What the losers would have held, nobody holds.
    lost = answers.index(next(answer for answer in answers if answer.status_code == 409))
    again = contribution(OPEN, given[lost]["content"], uuid4())
    assert (await person.door.contribute(again, GP)).status_code == 201


async def test_an_ended_plan_gives_the_person_free_for_another(person: Running) -> None:
    content = somebody(21).opening()
    first, second = uuid4(), uuid4()

    async def ask(command: str, content: Any, plan_id: UUID, based_on: int | None) -> Any:
        given = contribution(command, content, plan_id, based_on=based_on)
        answer = await person.door.contribute(given, GP)
        body = answer.json()
        return answer.status_code, body.get("code"), body.get("existing_plan_id")

    assert (await ask(OPEN, content, first, None))[0] == 201
    assert await ask(OPEN, content, second, None) == (409, "plan-already-open", str(first))
    assert (await ask(END, {"reason": "moved away"}, first, 1))[0] == 201
    assert (await ask(OPEN, content, second, None))[0] == 201
    assert await ask(REOPEN, {"reason": "back"}, first, 2) == (
        409,
        "plan-already-open",
        str(second),
    )
    assert (await ask(END, {"reason": "moved away"}, second, 1))[0] == 201
    assert (await ask(REOPEN, {"reason": "back"}, first, 2))[0] == 201
    assert await ask(REOPEN, {"reason": "back"}, second, 2) == (
        409,
        "plan-already-open",
        str(first),
    )
