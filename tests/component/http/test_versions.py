"""A change names the version it is based on, and who comes too late is told what happened."""

from typing import Any
from uuid import uuid4

import pytest

from shared.testing.service import contribution
from tests.component.http.goals import (
    AGREE,
    COUNCIL,
    GOAL,
    NAME,
    NURSE,
    PLAN,
    REWORD,
    WORDS,
    Goals,
    problem,
)

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


async def test_a_change_names_its_version_in_the_body_or_in_a_header(goals: Goals) -> None:
    entry_id = (await goals.agreed())["entry_id"]
    in_the_body = contribution(REWORD, {"why": "one"}, PLAN, entry_id=entry_id, based_on=1)
    answer = await goals.door.contribute(in_the_body, NURSE)
    assert (answer.status_code, answer.headers["etag"]) == (201, '"2"')
    in_both = contribution(REWORD, {"why": "two"}, PLAN, entry_id=entry_id, based_on=2)
    answer = await goals.door.contribute(in_both, NURSE, **{"If-Match": '"2"'})
    assert (answer.status_code, answer.headers["etag"]) == (201, '"3"')
    in_a_header = contribution(REWORD, {"why": "three"}, PLAN, entry_id=entry_id)
    answer = await goals.door.contribute(in_a_header, NURSE, **{"If-Match": '"3"'})
    assert (answer.status_code, answer.headers["etag"]) == (201, '"4"')
    # Wherever the version stood, it is the same contribution.
    again = await goals.door.contribute({**in_a_header, "based_on": 3}, NURSE)
    assert (again.status_code, again.json()) == (200, answer.json())


async def test_a_change_that_names_no_version_is_refused(goals: Goals) -> None:
    entry_id = (await goals.agreed())["entry_id"]
    given_ = contribution(REWORD, {"why": WORDS}, PLAN, entry_id=entry_id)
    told = problem(
        await goals.door.contribute(given_, NURSE), 428, "base-version-missing", "/based_on"
    )
    assert told["receipt"]["entry_version"] == 1


async def test_a_stale_change_is_told_what_has_changed_since(goals: Goals) -> None:
    entry_id = (await goals.agreed())["entry_id"]
    for based_on, content in ((1, {"why": WORDS}), (2, {"aim": {"text": WORDS}, "why": None})):
        change = contribution(REWORD, content, PLAN, entry_id=entry_id, based_on=based_on)
        assert (await goals.door.contribute(change, COUNCIL)).status_code == 201
    stale = contribution(REWORD, {"why": WORDS}, PLAN, entry_id=entry_id, based_on=1)
    told = problem(await goals.door.contribute(stale, NURSE), 412, "base-version-stale")
    receipt = told["receipt"]
    assert (receipt["entry_id"], receipt["entry_version"]) == (entry_id, 3)
    assert [one["entry_version"] for one in receipt["changed_since"]] == [2, 3]
    assert [one["fields"] for one in receipt["changed_since"]] == [["why"], ["aim", "why"]]
    assert receipt["changed_since"][0]["by"] == {
        "kind": "professional",
        "name": NAME,
        "role": "nurse",
        "organisation": {"ods": "ZZL01"},
    }
    assert receipt["changed_since"][0]["at"].endswith("Z")
    ahead = contribution(REWORD, {"why": WORDS}, PLAN, entry_id=entry_id, based_on=2**53)
    told = problem(await goals.door.contribute(ahead, NURSE), 412, "base-version-stale")
    assert told["receipt"]["changed_since"] == []


@pytest.mark.parametrize(
    "tag", ['W/"1"', "*", "1", '"0"', '"1", "2"', '""', '"01"', '"1', '"-1"', '"1.0"', '"٣"', ""]
)
async def test_an_if_match_that_cannot_be_read(goals: Goals, tag: str) -> None:
    given_ = contribution(REWORD, {"why": WORDS}, PLAN, entry_id=uuid4())
    headers = {**goals.door.issuer.bearer(NURSE), "If-Match": tag}
    answer = await goals.door.client.post(
        "/v1/contributions",
        json=given_,
        headers=[(name.encode(), value.encode()) for name, value in headers.items()],
    )
    told = problem(answer, 400, "parameter-invalid")
    assert told["parameter"] == "If-Match"


async def test_if_match_and_based_on_must_agree(goals: Goals) -> None:
    entry_id = (await goals.agreed())["entry_id"]
    for based_on in (2, 10**15):
        given_ = contribution(REWORD, {"why": WORDS}, PLAN, entry_id=entry_id, based_on=based_on)
        answer = await goals.door.contribute(given_, NURSE, **{"If-Match": '"1"'})
        assert problem(answer, 400, "parameter-invalid")["parameter"] == "If-Match"
    unreadable: Any
    for unreadable in (True, 1.5, "1", [1], {}):
        given_ = contribution(REWORD, {"why": WORDS}, PLAN, entry_id=entry_id)
        given_["based_on"] = unreadable
        answer = await goals.door.contribute(given_, NURSE, **{"If-Match": '"1"'})
        problem(answer, 422, "content-invalid", "/based_on")
    creates = contribution(AGREE, GOAL, PLAN)
    answer = await goals.door.contribute(creates, NURSE, **{"If-Match": '"1"'})
    problem(answer, 422, "content-invalid", "/based_on")
    headers = [*goals.door.issuer.bearer(NURSE).items(), ("If-Match", '"1"'), ("If-Match", '"2"')]
    given_ = contribution(REWORD, {"why": WORDS}, PLAN, entry_id=entry_id)
    twice = await goals.door.client.post("/v1/contributions", json=given_, headers=headers)
    problem(twice, 400, "parameter-invalid")
