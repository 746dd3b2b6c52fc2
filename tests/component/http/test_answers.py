"""What is accepted, refused and repeated is answered with a receipt or a problem."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.testing.service import contribution
from tests.component.http.goals import (
    AGREE,
    COLLEAGUE,
    COUNCIL,
    GOAL,
    NURSE,
    PERSON,
    PLAN,
    Goals,
    problem,
)

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


async def test_an_accepted_contribution_has_a_receipt_and_its_headers(goals: Goals) -> None:
    given_ = contribution(AGREE, GOAL, PLAN)
    answer = await goals.door.contribute(given_, NURSE)
    receipt = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/v1/contributions/{given_['contribution_id']}"
    assert answer.headers["etag"] == '"1"'
    assert answer.headers["ledger-position"] == receipt["ledger_position"]
    assert answer.headers["content-type"] == "application/json"
    assert receipt.pop("recorded_at").endswith("Z")
    assert receipt.pop("ledger_position")
    assert UUID(receipt.pop("entry_id")).version == 7
    assert receipt == {
        "contribution_id": given_["contribution_id"],
        "outcome": "accepted",
        "plan_id": str(PLAN),
        "section": "goals",
        "entry_version": 1,
        "events": [{"type": "careplan.goals.agreed.v1", "entry_version": 1}],
    }


async def test_a_repeat_is_answered_with_the_first_receipt_also_to_a_colleague(
    goals: Goals,
) -> None:
    given_ = contribution(AGREE, GOAL, PLAN)
    first = await goals.door.contribute(given_, NURSE)
    for by in (NURSE, COLLEAGUE):
        again = await goals.door.contribute(given_, by)
        assert again.status_code == 200
        assert again.json() == first.json()
        assert again.headers["etag"] == '"1"'
    kept = await goals.door.receipt(given_["contribution_id"], COLLEAGUE)
    assert (kept.status_code, kept.json()) == (200, first.json())


async def test_a_receipt_is_shown_to_whoever_contributed_and_to_nobody_else(goals: Goals) -> None:
    receipt = await goals.agreed()
    told = [
        problem(await goals.door.receipt(asked, by), 404, "contribution-unknown")
        for asked, by in (
            (receipt["contribution_id"], COUNCIL),
            (receipt["contribution_id"], PERSON),
            (str(uuid4()), NURSE),
            ("not-an-id", NURSE),
            (receipt["contribution_id"].upper(), NURSE),
            (f"{{{receipt['contribution_id']}}}", NURSE),
            (f"urn:uuid:{receipt['contribution_id']}", NURSE),
            (receipt["contribution_id"].replace("-", ""), NURSE),
            ("%00", NURSE),
            (receipt["contribution_id"] + "%0a", NURSE),
        )
    ]
    assert {one["detail"] for one in told} == {told[0]["detail"]}


async def test_a_rule_says_no_and_the_receipt_of_that_is_kept(goals: Goals) -> None:
    given_ = contribution(AGREE, {**GOAL, "need_ids": []}, PLAN)
    told = problem(
        await goals.door.contribute(given_, NURSE), 409, "goal-needs-a-need", "/content/need_ids"
    )
    assert not told["retryable"]
    assert told["receipt"]["outcome"] == "refused"
    assert told["receipt"]["code"] == "goal-needs-a-need"
    assert told["receipt"]["recorded_at"]
    assert "entry_id" not in told["receipt"]
    again = await goals.door.contribute(given_, NURSE)
    assert (again.status_code, again.json()) == (200, told["receipt"])
    kept = await goals.door.receipt(given_["contribution_id"], NURSE)
    assert kept.json() == told["receipt"]


async def test_an_id_is_used_for_one_thing_only_and_shows_no_receipt(goals: Goals) -> None:
    given_ = contribution(AGREE, GOAL, PLAN)
    assert (await goals.door.contribute(given_, NURSE)).status_code == 201
    others = (
        ({**given_, "content": {**GOAL, "importance": 4}}, NURSE),
        ({**given_, "entry_id": str(uuid4())}, NURSE),
        ({**given_, "provenance": {"reason": "another"}}, NURSE),
        (given_, COUNCIL),
        (given_, PERSON),
    )
    for other, by in others:
        told = problem(await goals.door.contribute(other, by), 409, "contribution-id-reused")
        assert "receipt" not in told
        assert told["contribution_id"] == given_["contribution_id"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"stated_at": "2026-03-10T14:00:00Z"}, {"stated_at": "2026-03-10T15:00:00+01:00"}),
        ({"stated_at": "2026-03-10T00:00:00.5Z"}, {"stated_at": "2026-03-09T19:00:00.500-05:00"}),
        ({"reason": None, "location": None}, None),
        ({"stated_by": {"kind": "person", "name": None}}, {"stated_by": {"kind": "person"}}),
    ],
)
async def test_the_same_said_otherwise_is_the_same(goals: Goals, first: Any, second: Any) -> None:
    given_ = contribution(AGREE, GOAL, PLAN, provenance=first)
    receipt = await goals.door.contribute(given_, NURSE)
    assert receipt.status_code == 201
    again = await goals.door.contribute({**given_, "provenance": second}, NURSE)
    assert (again.status_code, again.json()) == (200, receipt.json())
