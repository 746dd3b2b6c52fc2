"""What is only asked is answered and not stored."""

from hashlib import sha256
from typing import Any
from uuid import uuid4

import httpx
import orjson
import pytest

from shared.chassis.policy.decide import POLICY_VERSION
from shared.testing.service import contribution
from tests.component.http.goals import (
    AGREE,
    GOAL,
    NURSE,
    PERSON,
    PLAN,
    REWORD,
    UNKNOWN_PLAN,
    WORDS,
    Goals,
    problem,
)

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


async def test_validating_tells_the_receipt_and_stores_nothing(goals: Goals) -> None:
    receipt = await goals.agreed()
    entry_id = receipt["entry_id"]
    refused = contribution(AGREE, {**GOAL, "need_ids": []}, PLAN)
    await goals.door.contribute(refused, NURSE)
    before = await goals.bench.rows()
    told = await goals.door.validate(contribution(AGREE, GOAL, PLAN), NURSE)
    assert told.status_code == 200
    assert told.json()["stored"] is False
    assert told.json()["outcome"] == "accepted"
    assert told.json()["events"] == [
        {"type": "careplan.goals.agreed.v1", "entry_version": 1, "content": GOAL}
    ]
    assert not {"recorded_at", "ledger_position"} & set(told.json())
    change = contribution(REWORD, {"why": None}, PLAN, entry_id=entry_id, based_on=1)
    told = await goals.door.validate(change, NURSE)
    assert told.json()["entry_version"] == 2
    assert told.json()["events"][0]["content"] == {"why": None}
    expected = {
        "base-version-stale": {**change, "based_on": 7},
        "base-version-missing": {key: change[key] for key in change if key != "based_on"},
        "goal-needs-a-need": contribution(AGREE, {**GOAL, "need_ids": []}, PLAN),
        "entry-unknown": {**change, "entry_id": str(uuid4())},
        "entry-already-exists": contribution(AGREE, GOAL, PLAN, entry_id=entry_id),
        "plan-unknown": {**change, "plan_id": str(UNKNOWN_PLAN)},
        "contribution-id-reused": {**change, "contribution_id": receipt["contribution_id"]},
    }
    for code, asked in expected.items():
        told = await goals.door.validate(asked, NURSE)
        assert (told.status_code, told.json()["code"]) == (200, code)
        assert (told.json()["outcome"], told.json()["stored"]) == ("refused", False)
    again = contribution(AGREE, GOAL, PLAN)
    await goals.door.contribute(again, NURSE)
    before = await goals.bench.rows()
    told = await goals.door.validate(again, NURSE)
    assert told.json()["events"] == [
        {"type": "careplan.goals.agreed.v1", "entry_version": 1, "content": GOAL}
    ]
    assert not {"recorded_at", "ledger_position"} & set(told.json())
    first = await goals.door.receipt(refused["contribution_id"], NURSE)
    told = await goals.door.validate(refused, NURSE)
    assert {**told.json(), "recorded_at": first.json()["recorded_at"]} == {
        **first.json(),
        "stored": False,
    }
    problem(
        await goals.door.validate(contribution(AGREE, {"aim": WORDS}, PLAN), NURSE),
        422,
        "content-invalid",
        "/content/aim",
        "/content/need_ids",
    )
    problem(
        await goals.door.validate({"contributions": [change]}, NURSE),
        422,
        "content-invalid",
        "/contributions",
    )
    assert await goals.bench.rows() == before


async def test_validating_a_repeat_shows_the_first_receipt_and_what_was_stored(
    goals: Goals,
) -> None:
    asked = contribution(AGREE, GOAL, PLAN)
    foreseen = (await goals.door.validate(asked, NURSE)).json()
    first = (await goals.door.contribute(asked, NURSE)).json()
    told = (await goals.door.validate(asked, NURSE)).json()
    assert told["stored"] is False
    assert told["entry_id"] == first["entry_id"]
    assert [event["type"] for event in told["events"]] == [
        event["type"] for event in first["events"]
    ]
    assert told["events"][0]["content"] == foreseen["events"][0]["content"]
    assert not {"recorded_at", "ledger_position"} & told.keys()


async def test_validating_is_a_look_into_a_plan_and_recorded_before_it_is_answered(
    goals: Goals,
) -> None:
    """Kind: an answer that shows something of a plan and leaves no trace."""

    async def record_of(answer: httpx.Response) -> dict[str, Any]:
        row = await goals.bench.pool.fetchrow(
            "SELECT record, who FROM ledger.access_record WHERE access_id = $1",
            answer.headers["ledger-access-id"],
        )
        return {**orjson.loads(row["record"]), **orjson.loads(row["who"])}

    asked = contribution(AGREE, GOAL, PLAN)
    answer = await goals.door.validate(asked, NURSE)
    assert answer.headers["cache-control"] == "private, no-cache"
    read = await record_of(answer)
    assert (read["operation"], read["what"], read["decision"]) == ("read", "validate", "permit")
    assert (read["plan_id"], read["section"]) == (str(PLAN), "goals")
    assert (read["status"], read.get("code"), read["via"]) == (200, None, "api")
    assert (read["purpose"], read["purpose_of_use"]) == ("direct-care", "TREAT")
    assert read["actor"]["id"] == NURSE.sub
    assert read["authn"]["jti"]
    assert read["policy_version"] == POLICY_VERSION
    assert read["body_sha256"] == sha256(answer.content).hexdigest()
    assert read["body_length"] == len(answer.content)
    assert "Walk" not in orjson.dumps(read).decode()
    # A refusal by a rule is shown as well, and what nobody is shown is a denial.
    stale = {**contribution(REWORD, {"why": "x"}, PLAN), "entry_id": str(uuid4()), "based_on": 1}
    assert (await record_of(await goals.door.validate(stale, NURSE)))["operation"] == "read"
    own = await record_of(await goals.door.validate(contribution(AGREE, GOAL, PLAN), PERSON))
    assert (own["purpose"], own["purpose_of_use"]) == ("own-access", "PATRQT")
    elsewhere = await goals.door.validate(contribution(AGREE, GOAL, uuid4()), PERSON)
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (200, "not-permitted")
    denial = await record_of(elsewhere)
    assert (denial["operation"], denial["code"]) == ("denial", "not-permitted")
    assert (denial["type"], denial["decision"]) == ("decision.deny", "deny")
    assert "body_sha256" not in denial
