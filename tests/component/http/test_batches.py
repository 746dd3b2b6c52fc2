"""A batch is answered one by one."""

from typing import Any
from uuid import uuid4

import pytest

from shared.testing.service import contribution
from tests.component.http.goals import (
    AGREE,
    GOAL,
    NURSE,
    PLAN,
    REWORD,
    UNKNOWN_PLAN,
    WORDS,
    Goals,
    problem,
)

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


async def test_a_batch_is_answered_one_by_one_in_order(goals: Goals) -> None:
    entry_id = str(uuid4())
    known = contribution(AGREE, GOAL, PLAN)
    first = await goals.door.contribute(known, NURSE)
    items: list[Any] = [
        contribution(AGREE, GOAL, PLAN, entry_id=entry_id),
        contribution(REWORD, {"why": "one"}, PLAN, entry_id=entry_id, based_on=1),
        contribution(REWORD, {"why": "stale"}, PLAN, entry_id=entry_id, based_on=1),
        known,
        {**known, "content": {**GOAL, "why": "other"}},
        contribution(AGREE, {"aim": {"text": WORDS}}, PLAN),
        contribution(REWORD, {"why": "two"}, PLAN, entry_id=entry_id, based_on=2),
        contribution("careplan.goals.commands.dance.v1", {}, PLAN),
        [WORDS],
        contribution(AGREE, GOAL, UNKNOWN_PLAN),
        {**contribution(AGREE, GOAL, PLAN), "contribution_id": WORDS * 9},
    ]
    answer = await goals.door.contribute({"contributions": items}, NURSE)
    assert answer.status_code == 200
    told = answer.json()
    assert set(told) == {"receipts"}
    receipts = told["receipts"]
    assert [one.get("outcome") or one["code"] for one in receipts] == [
        "accepted",
        "accepted",
        "refused",
        "accepted",
        "contribution-id-reused",
        "content-invalid",
        "accepted",
        "command-unknown",
        "content-invalid",
        "plan-unknown",
        "content-invalid",
    ]
    assert [one.get("entry_version") for one in receipts[:3]] == [1, 2, 2]
    assert receipts[2]["code"] == "base-version-stale"
    assert receipts[3] == first.json()
    assert receipts[6]["entry_version"] == 3
    for item, one in zip(items[:8], receipts[:8], strict=True):
        assert one["contribution_id"] == item["contribution_id"]
    assert receipts[5]["errors"][0]["pointer"] == "/content/need_ids"
    assert receipts[9]["retryable"]
    assert "contribution_id" not in receipts[8]


async def test_an_item_that_no_contribution_can_be_leaves_the_others_stored(goals: Goals) -> None:
    good = contribution(AGREE, GOAL, PLAN)
    faulty = contribution(AGREE, {**GOAL, "why": "a\0b"}, PLAN)
    answer = await goals.door.contribute({"contributions": [good, faulty]}, NURSE)
    assert answer.status_code == 200
    stored, told = answer.json()["receipts"]
    assert stored["outcome"] == "accepted"
    assert (told["status"], told["code"]) == (422, "content-invalid")
    assert told["contribution_id"] == faulty["contribution_id"]
    assert [error["pointer"] for error in told["errors"]] == ["/content/why"]


async def test_a_batch_has_one_to_a_hundred(goals: Goals) -> None:
    full = [contribution(AGREE, GOAL, PLAN) for _ in range(100)]
    answer = await goals.door.contribute({"contributions": full}, NURSE)
    assert [one["outcome"] for one in answer.json()["receipts"]] == ["accepted"] * 100
    items: Any
    for items in ([], [*full, contribution(AGREE, GOAL, PLAN)], {}, WORDS, None, 1):
        answer = await goals.door.contribute({"contributions": items}, NURSE)
        problem(answer, 422, "content-invalid", "/contributions")
    answer = await goals.door.contribute({"contributions": full[:1], "plan_id": str(PLAN)}, NURSE)
    problem(answer, 422, "content-invalid", "/plan_id")
    answer = await goals.door.contribute({"contributions": full[:1]}, NURSE, **{"If-Match": '"1"'})
    assert problem(answer, 400, "parameter-invalid")["parameter"] == "If-Match"
    long = contribution(AGREE, {**GOAL, "why": "x" * 20_000}, PLAN)
    answer = await goals.door.contribute({"contributions": [long] * 60}, NURSE)
    problem(answer, 413, "body-too-large")
