"""The HTTP door of a section as it is deployed: a process, a real database, a real broker."""

import asyncio
import json
import random
import re
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import UUID, uuid4

import httpx
import orjson
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import OctKey, OKPKey

from services.goals.section import SECTION
from shared.chassis.http.server import HEAD_LIMIT
from shared.chassis.policy.decide import POLICY_VERSION
from shared.ledger import Contributor
from shared.testing.service import Bench, Door, Process, bench_of, contribution, works_for
from shared.testing.tokens import claims_of

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]

AGREE = "careplan.goals.commands.agree.v1"
REWORD = "careplan.goals.commands.reword.v1"
SET_ASIDE = "careplan.goals.commands.set-aside.v1"
RESUME = "careplan.goals.commands.resume.v1"
WEIGH = "careplan.goals.commands.weigh.v1"

# Said in every content and in every token here, and never to be found in a log line.
WORDS = "Zephyrine wants her marigolds watered"
NAME = "Tom Okafor-Synth"
NEED = {"section": "needs", "entry_id": str(UUID(int=1))}
GOAL = {"aim": {"text": WORDS}, "need_ids": [NEED]}
PLAN = uuid4()
UNKNOWN_PLAN = uuid4()
NURSE = works_for("ZZC01")
COLLEAGUE = works_for("ZZC01", role="gp")
COUNCIL = works_for("ZZL01")
PERSON = Contributor(kind="person", sub="the-person", name=NAME, plan_id=PLAN)


@dataclass(frozen=True)
class Goals:
    """The section of goals with one plan, and a process that answers."""

    bench: Bench
    process: Process

    @property
    def door(self) -> Door:
        return self.process.door

    async def agreed(self, by: Contributor = NURSE) -> dict[str, Any]:
        """The receipt of a new goal."""
        answer = await self.door.contribute(contribution(AGREE, GOAL, PLAN), by)
        assert answer.status_code == 201, answer.text
        receipt: dict[str, Any] = answer.json()
        return receipt

    async def post(self, body: Any, **headers: str) -> httpx.Response:
        """Send bytes as they are."""
        return await self.door.client.post(
            "/v1/contributions",
            content=body,
            headers={
                "Content-Type": "application/json",
                **self.door.issuer.bearer(NURSE),
                **headers,
            },
        )


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def goals(
    postgres_url: str, kafka_servers: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Goals]:
    folder: Path = tmp_path_factory.mktemp("http-door")
    async with AsyncExitStack() as opened:
        bench = await opened.enter_async_context(
            bench_of(SECTION, postgres_url, kafka_servers, folder)
        )
        await bench.know_plans([PLAN])
        yield Goals(bench, await opened.enter_async_context(bench.in_a_process()))


def problem(answer: httpx.Response, status: int, code: str, *pointers: str) -> dict[str, Any]:
    """The answer is this problem, whole, and repeats nothing that was sent."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    told: dict[str, Any] = answer.json()
    assert (answer.status_code, told["code"]) == (status, code), told
    assert told["status"] == status
    assert told["type"].endswith(f"/problems/{code}")
    assert told["title"]
    assert told["detail"]
    assert told["instance"].startswith("/v1/contributions")
    assert told["correlation_id"] == answer.headers["x-correlation-id"]
    assert isinstance(told["retryable"], bool)
    for where in pointers:
        assert where in {error["pointer"] for error in told["errors"]}, told["errors"]
    for error in told["errors"]:
        assert error["rule"]
        assert error["message"]
    assert "marigolds" not in answer.text
    assert NAME not in json.dumps({**told, "receipt": None})
    return told


# What is accepted, refused and repeated


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


# Versions


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


# Entries, plans and who may


async def test_an_entry_is_named_rightly_or_not_known(goals: Goals) -> None:
    other_plan = uuid4()
    await goals.bench.know_plans([other_plan])
    receipt = await goals.agreed()
    unknown = contribution(SET_ASIDE, {"reason": WORDS}, PLAN, entry_id=uuid4(), based_on=1)
    told = problem(await goals.door.contribute(unknown, NURSE), 404, "entry-unknown")
    assert told["receipt"]["code"] == "entry-unknown"
    of_another = contribution(
        SET_ASIDE, {"reason": WORDS}, other_plan, entry_id=receipt["entry_id"], based_on=1
    )
    problem(await goals.door.contribute(of_another, NURSE), 404, "entry-unknown")
    of_another_kind = contribution(
        "careplan.goals.commands.action-set-aside.v1",
        {"reason": WORDS},
        PLAN,
        entry_id=receipt["entry_id"],
        based_on=1,
    )
    problem(await goals.door.contribute(of_another_kind, NURSE), 404, "entry-unknown")
    unnamed = contribution(SET_ASIDE, {"reason": WORDS}, PLAN, based_on=1)
    answer = await goals.door.contribute(unnamed, NURSE)
    problem(answer, 422, "content-invalid", "/entry_id")
    for plan_id in (PLAN, other_plan):
        taken = contribution(AGREE, GOAL, plan_id, entry_id=receipt["entry_id"])
        problem(await goals.door.contribute(taken, NURSE), 409, "entry-already-exists")


async def test_an_unknown_plan_is_asked_for_a_while_and_leaves_no_receipt(goals: Goals) -> None:
    given_ = contribution(AGREE, GOAL, UNKNOWN_PLAN)
    began = monotonic()
    told = problem(await goals.door.contribute(given_, NURSE), 404, "plan-unknown")
    assert 1.9 < monotonic() - began < 6
    assert told["retryable"]
    assert "receipt" not in told
    problem(await goals.door.receipt(given_["contribution_id"], NURSE), 404, "contribution-unknown")


async def test_an_ended_plan_takes_nothing_and_its_repeats_wait_for_nothing(goals: Goals) -> None:
    plan_id = uuid4()
    await goals.bench.know_plans([plan_id])
    before = contribution(AGREE, GOAL, plan_id)
    first = await goals.door.contribute(before, NURSE)
    assert first.status_code == 201
    await goals.bench.know_plans([plan_id], "ended", 2)
    await asyncio.sleep(1.1)  # as long as a plan that was open is remembered
    began = monotonic()
    again = await goals.door.contribute(before, NURSE)
    assert (again.status_code, again.json()) == (200, first.json())
    assert monotonic() - began < 1.5
    told = problem(
        await goals.door.contribute(contribution(AGREE, GOAL, plan_id), NURSE),
        409,
        "plan-not-open",
    )
    assert told["retryable"]


async def test_a_persons_token_is_for_their_plan(goals: Goals) -> None:
    other_plan = uuid4()
    await goals.bench.know_plans([other_plan])
    began = monotonic()
    mine = contribution(AGREE, GOAL, PLAN)
    assert (await goals.door.contribute(mine, PERSON)).status_code == 201
    given_ = contribution(AGREE, GOAL, other_plan)
    told = problem(await goals.door.contribute(given_, PERSON), 403, "not-permitted")
    assert not told["retryable"]
    assert "receipt" not in told
    # Not even whether somebody has used this id.
    theirs = {**mine, "plan_id": str(other_plan)}
    problem(await goals.door.contribute(theirs, PERSON), 403, "not-permitted")
    assert monotonic() - began < 5


async def test_whoever_acts_for_the_person_names_a_live_proxy(goals: Goals) -> None:
    """The kind: somebody who says of themselves that they act for the person."""
    relative = replace(PERSON, kind="related-person", sub="the-relative")
    unheard_of = {"proxy": {"section": "care-team", "entry_id": str(uuid4())}}
    for acting in (None, {}, {"kind": "person"}, unheard_of):
        claim = {"stated_by": {"kind": "person"}, "on_behalf_of": acting}
        given_ = contribution(AGREE, GOAL, PLAN, provenance=claim)
        told = problem(await goals.door.contribute(given_, relative), 403, "proxy-not-live")
        assert told["retryable"]
        assert "receipt" not in told
        kept = await goals.door.receipt(given_["contribution_id"], relative)
        problem(kept, 404, "contribution-unknown")
    for_another = contribution(AGREE, GOAL, PLAN, provenance={"on_behalf_of": {}})
    problem(await goals.door.contribute(for_another, NURSE), 403, "proxy-not-live")
    stranger = replace(relative, plan_id=None)
    problem(await goals.door.contribute(for_another, stranger), 403, "not-permitted")


async def test_a_role_that_may_not_leaves_no_receipt(goals: Goals) -> None:
    """Neither where the command alone says so, nor where the content has to be read for it."""
    system = replace(NURSE, kind="system", sub="the-system")
    hidden = {
        "withheld_from_person": True,
        "reason": "A third party",
        "approved_by": "The guardian",
    }
    for given_, by in (
        (contribution(AGREE, GOAL, PLAN), system),
        (contribution(AGREE, GOAL, PLAN, visibility=hidden), PERSON),
    ):
        told = problem(await goals.door.contribute(given_, by), 403, "role-may-not-contribute")
        assert "receipt" not in told
        assert not told["retryable"]
        assert told["policy_version"] == POLICY_VERSION
        kept = await goals.door.receipt(given_["contribution_id"], by)
        problem(kept, 404, "contribution-unknown")


async def test_whose_voice_it_is_decides(goals: Goals) -> None:
    entry_id = (await goals.agreed())["entry_id"]
    weigh = contribution(WEIGH, {"importance": 5}, PLAN, entry_id=entry_id, based_on=1)
    told = problem(await goals.door.contribute(weigh, NURSE), 409, "importance-is-the-persons")
    assert told["errors"][0]["pointer"] == "/content/importance"
    weigh = contribution(WEIGH, {"importance": 5}, PLAN, entry_id=entry_id, based_on=1)
    assert (await goals.door.contribute(weigh, PERSON)).status_code == 201


async def test_what_is_said_ahead_of_the_clock_is_refused(goals: Goals) -> None:
    def said(ahead: timedelta) -> dict[str, Any]:
        at = (datetime.now(UTC) + ahead).isoformat()
        return contribution(AGREE, GOAL, PLAN, provenance={"stated_at": at})

    told = problem(
        await goals.door.contribute(said(timedelta(minutes=3)), NURSE),
        409,
        "stated-in-the-future",
        "/provenance/stated_at",
    )
    assert told["receipt"]["outcome"] == "refused"
    taken = await goals.door.contribute(said(timedelta(seconds=20)), NURSE)
    assert taken.status_code == 201


# A batch


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


# Asked and not stored


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
    after = await goals.bench.rows()
    assert after.pop("outgoing") > before.pop("outgoing"), "who looked is recorded"
    assert after == before


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
        value = await goals.bench.pool.fetchval(
            "SELECT value FROM outgoing WHERE topic LIKE '%careplan.audit.records.v1'"
            " AND convert_from(value, 'utf8')::jsonb->>'record_id' = $1",
            answer.headers["ledger-access-id"],
        )
        record: dict[str, Any] = orjson.loads(value)
        return record

    asked = contribution(AGREE, GOAL, PLAN)
    answer = await goals.door.validate(asked, NURSE)
    assert answer.headers["cache-control"] == "private, no-cache"
    read = await record_of(answer)
    assert (read["operation"], read["what"], read["decision"]) == ("read", "validate", "permit")
    assert (read["plan_id"], read["section"]) == (str(PLAN), "goals")
    assert (read["status"], read["code"], read["via"]) == (200, None, "api")
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


# What cannot be read


def changed(**others: Any) -> bytes:
    """A contribution that is right but for one thing."""
    return orjson.dumps({**contribution(AGREE, GOAL, PLAN), **others})


def in_content(text: str) -> bytes:
    """A contribution whose content has a piece of JSON that no library would write."""
    return changed(content="@").replace(b'"@"', text.encode("utf-8", "surrogatepass"))


UNREADABLE: dict[str, tuple[bytes, int, str, str]] = {
    "nothing": (b"", 400, "unreadable-json", ""),
    "half of it": (changed()[:-20], 400, "unreadable-json", ""),
    "two of them": (changed() * 2, 400, "unreadable-json", ""),
    "not UTF-8": (changed(command="\u00e9").replace(b"\xc3", b"\xff"), 400, "unreadable-json", ""),
    "UTF-16": (changed().decode().encode("utf-16"), 400, "unreadable-json", ""),
    "a byte order mark": (b"\xef\xbb\xbf" + changed(), 400, "unreadable-json", ""),
    "NaN": (in_content('{"importance": NaN}'), 400, "unreadable-json", ""),
    "Infinity": (in_content('{"importance": -Infinity}'), 400, "unreadable-json", ""),
    "1e400": (in_content('{"importance": 1e400}'), 400, "unreadable-json", ""),
    "a comment": (in_content('{"why": /* x */ 1}'), 400, "unreadable-json", ""),
    "a key twice": (in_content('{"why": "a", "why": "b"}'), 400, "unreadable-json", ""),
    "a key twice, escaped": (in_content('{"why": "a", "wh\\u0079": "b"}'), 400, "unreadable-json",
                             ""),
    "an id twice": (changed()[:-1] + b',"plan_id":null}', 400, "unreadable-json", ""),
    "half a pair": (in_content('{"why": "\\ud800"}'), 400, "unreadable-json", ""),
    "the other half": (in_content('{"why": "\\udc00x"}'), 400, "unreadable-json", ""),
    "half a pair as a key": (in_content('{"\\ud800": 1}'), 400, "unreadable-json", ""),
    "half a pair in bytes": (in_content('{"why": "\ud800"}'), 400, "unreadable-json", ""),
    "deep": (in_content("[" * 100 + "]" * 100), 400, "unreadable-json", ""),
    "very deep": (b"[" * 900_000, 400, "unreadable-json", ""),
    "deep objects": (in_content('{"a":' * 200_000 + "1" + "}" * 200_000), 413, "body-too-large",
                     ""),
    "a NUL": (in_content('{"why": "a\\u0000b"}'), 422, "content-invalid", "/content/why"),
    "a NUL in a key": (in_content('{"a\\u0000": 1}'), 422, "content-invalid", "/content"),
    "a NUL in an id": (changed(contribution_id="\x00"), 422, "content-invalid",
                       "/contribution_id"),
    "2^53 + 1": (in_content(f'{{"importance": {2**53 + 1}}}'), 422, "content-invalid",
                 "/content/importance"),
    "a hundred thousand digits": (in_content('{"importance": ' + "9" * 100_000 + "}"), 422,
                                  "content-invalid", "/content/importance"),
    "a list": (b"[1]", 422, "content-invalid", ""),
    "null": (b"null", 422, "content-invalid", ""),
    "a text": (b'"marigolds"', 422, "content-invalid", ""),
    "no keys": (b"{}", 422, "content-invalid", "/contribution_id"),
    "no id": (changed(contribution_id=None), 422, "content-invalid", "/contribution_id"),
    "an id in upper case": (changed(contribution_id=str(UUID(int=2**127 + 10)).upper()), 422,
                            "content-invalid", "/contribution_id"),
    "an id in braces": (changed(plan_id=f"{{{PLAN}}}"), 422, "content-invalid", "/plan_id"),
    "an id with a new line": (changed(contribution_id=f"{PLAN}\n"), 422, "content-invalid",
                              "/contribution_id"),
    "an id without hyphens": (changed(entry_id=PLAN.hex), 422, "content-invalid", "/entry_id"),
    "an id that is a number": (changed(entry_id=1), 422, "content-invalid", "/entry_id"),
    "no plan": (changed(plan_id=None), 422, "content-invalid", "/plan_id"),
    "no command": (changed(command=None), 422, "content-invalid", "/command"),
    "a command that is a list": (changed(command=[AGREE]), 422, "content-invalid", "/command"),
    "another section's command": (changed(command="careplan.person.commands.open-plan.v1"), 422,
                                  "command-unknown", "/command"),
    "an event": (changed(command="careplan.goals.agreed.v1"), 422, "command-unknown", "/command"),
    "an unknown key": (changed(recorded_by={"kind": "system"}), 422, "content-invalid",
                       "/recorded_by"),
    "an unknown long key": (changed(**{"x" * 500: 1}), 422, "content-invalid", "/" + "x" * 64),
    "an unknown key in the content": (changed(content={**GOAL, "colour": 1}), 422,
                                      "content-invalid", "/content/colour"),
    "an unknown key in a value": (changed(content={**GOAL, "aim": {"text": "a", "lang": "en"}}),
                                  422, "content-invalid", "/content/aim/lang"),
    "an unknown key in a provenance": (changed(provenance={"recorded_by": None, "mood": 1}), 422,
                                       "content-invalid", "/provenance/mood"),
    "a content that is a list": (changed(content=[]), 422, "content-invalid", "/content"),
    "a content that is a text": (changed(content=WORDS), 422, "content-invalid", "/content"),
    "a provenance that is a text": (changed(provenance=WORDS), 422, "content-invalid",
                                    "/provenance"),
    "a field that is missing": (changed(content={"need_ids": [NEED]}), 422, "content-invalid",
                                "/content/aim"),
    "a bare text for a CodedText": (changed(content={**GOAL, "aim": WORDS}), 422,
                                    "content-invalid", "/content/aim"),
    "a number for a text": (changed(content={**GOAL, "why": 9}), 422, "content-invalid",
                            "/content/why"),
    "a score of 11": (changed(content={**GOAL, "importance": 11}), 422, "content-invalid",
                      "/content/importance"),
    "a score of 9.5": (changed(content={**GOAL, "importance": 9.5}), 422, "content-invalid",
                       "/content/importance"),
    "an unknown key that is null": (changed(content={**GOAL, "whyy": None}), 422,
                                    "content-invalid", "/content/whyy"),
    "an unknown key that is null in a value": (
        changed(content={**GOAL, "aim": {"text": WORDS, "language": None}}), 422,
        "content-invalid", "/content/aim/language"),
    "an unknown key that is null in a provenance": (changed(provenance={"mood": None}), 422,
                                                    "content-invalid", "/provenance/mood"),
    "a need in braces": (
        changed(content={**GOAL, "need_ids": [{**NEED, "entry_id": f"{{{NEED['entry_id']}}}"}]}),
        422, "content-invalid", "/content/need_ids/0/entry_id"),
    "201 needs": (changed(content={**GOAL, "need_ids": [NEED] * 201}), 422, "content-invalid",
                  "/content/need_ids"),
    "half a million needs": (in_content('{"need_ids": [' + "1," * 500_000 + "1]}"), 422,
                             "content-invalid", ""),
    "201 keys": (changed(content={f"k{n}": 1 for n in range(201)}), 422, "content-invalid", ""),
    "many texts with a NUL": (
        in_content('{"a":' * 20 + "[" + '"\\u0000",' * 110_000 + '""]' + "}" * 20), 422,
        "content-invalid", ""),
    "a system that cannot be seen": (changed(provenance={"system": {"name": "\u200b"}}), 422,
                                     "content-invalid", "/provenance/system/name"),
    "a score that is true": (changed(content={**GOAL, "importance": True}), 422,
                             "content-invalid", "/content/importance"),
    "a version below 1": (changed(based_on=0), 422, "content-invalid", "/based_on"),
    "a version that is true": (changed(based_on=True), 422, "content-invalid", "/based_on"),
    "a command that creates, and a version": (changed(based_on=1), 422, "content-invalid",
                                              "/based_on"),
    "a time without an offset": (changed(provenance={"stated_at": "2026-03-10T14:00:00"}), 422,
                                 "content-invalid", "/provenance/stated_at"),
    "a time that is a number": (changed(provenance={"stated_at": 1_770_000_000}), 422,
                                "content-invalid", "/provenance/stated_at"),
    "a time outside the calendar": (changed(provenance={"stated_at": "0001-01-01T00:00:00+05:00"}),
                                    422, "content-invalid", "/provenance/stated_at"),
    "a day that never was": (changed(provenance={"stated_at": "2026-02-30T14:00:00Z"}), 422,
                             "content-invalid", "/provenance/stated_at"),
    "a professional without a role": (changed(provenance={"stated_by": {"kind": "professional"}}),
                                      422, "content-invalid", "/provenance/stated_by/role"),
    "a relative without a relationship": (
        changed(provenance={"stated_by": {"kind": "related-person"}}), 422, "content-invalid",
        "/provenance/stated_by/relationship"),
    "a role that cannot be seen": (
        changed(provenance={"stated_by": {"kind": "professional", "role": "\u2060\u00ad"}}),
        422, "content-invalid", "/provenance/stated_by/role"),
    "a relationship that cannot be seen": (
        changed(provenance={"stated_by": {"kind": "related-person", "relationship": "\u3164"}}),
        422, "content-invalid", "/provenance/stated_by/relationship"),
    "an organisation in lower case": (
        changed(provenance={"stated_by": {"kind": "person", "organisation": {"ods": "zzg01"}}}),
        422, "content-invalid", "/provenance/stated_by/organisation/ods"),
}  # fmt: skip


@pytest.mark.parametrize("name", UNREADABLE)
async def test_what_cannot_be_read_is_a_precise_problem(goals: Goals, name: str) -> None:
    body, status, code, where = UNREADABLE[name]
    before = await goals.bench.rows()
    answer = await goals.post(body)
    problem(answer, status, code, *([where] if where else []))
    assert await goals.bench.rows() == before


async def test_a_body_is_json_in_utf_8_and_as_it_is(goals: Goals) -> None:
    body = changed()
    for headers in (
        {"Content-Type": "text/plain"},
        {"Content-Type": ""},
        {"Content-Type": "application/json; charset=latin-1"},
        {"Content-Type": "application/cloudevents+json"},
        {"Content-Type": "application/json, text/plain"},
        {"Content-Encoding": "gzip"},
        {"Content-Encoding": "identity"},
        {"Content-Encoding": ""},
    ):
        problem(await goals.post(body, **headers), 415, "unsupported-media-type")
    for content_type in ("application/json; charset=UTF-8", "Application/JSON"):
        answer = await goals.post(changed(), **{"Content-Type": content_type})
        assert answer.status_code == 201


async def test_a_body_beyond_a_mebibyte_is_not_read_to_its_end(goals: Goals) -> None:
    too_long = changed(content={**GOAL, "why": "marigolds" * 600_000})
    assert len(too_long) > 5_000_000
    problem(await goals.post(too_long), 413, "body-too-large")

    async def in_chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(too_long), 65_536):
            yield too_long[start : start + 65_536]

    problem(await goals.post(in_chunks()), 413, "body-too-large")
    fits = changed(content={**GOAL, "why": "x" * 1_000_000})
    assert (await goals.post(fits)).status_code == 201


async def test_a_connection_that_breaks_off_or_talks_nonsense_harms_nobody(goals: Goals) -> None:
    host, port = goals.door.url.removeprefix("http://").split(":")
    token = goals.door.issuer.bearer(NURSE)["Authorization"]
    head = f"POST /v1/contributions HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n"
    head += "Content-Type: application/json\r\n"
    before = await goals.bench.rows()
    for said in (
        f"{head}Content-Length: 500\r\n\r\n".encode() + changed()[:50],
        f"{head}Transfer-Encoding: chunked\r\n\r\nffff\r\n".encode() + changed()[:50],
        f"{head}Transfer-Encoding: chunked\r\n\r\nmarigolds\r\n".encode(),
        f"{head}Content-Length: minus one\r\n\r\n".encode(),
        f"{head}X: a\x00b\r\n\r\n".encode(),
        b"marigolds\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01",
    ):
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(said)
        await writer.drain()
        writer.close()
        await writer.wait_closed()
    assert (await goals.door.client.get("/livez")).status_code == 200
    assert await goals.bench.rows() == before


@pytest.mark.parametrize(
    "said",
    [
        b"marigolds\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: x\r\nX: ".ljust(HEAD_LIMIT + 1, b"m"),
        (b"GET /livez HTTP/1.1\r\nHost: x\r\n" + b"M: m\r\n" * 11_000)[: HEAD_LIMIT + 1],
        b"GET /livez?".ljust(HEAD_LIMIT + 1, b"m"),
    ],
    ids=["nonsense", "a NUL", "an endless header", "endless headers", "an endless address"],
)
async def test_what_is_no_request_is_a_problem_and_not_listened_to_for_ever(
    goals: Goals, said: bytes
) -> None:
    host, port = goals.door.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(said)
    async with asyncio.timeout(20):
        answer = await reader.read()
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"content-type: application/problem+json" in head.lower()
    told = json.loads(body)
    assert (told["status"], told["code"]) == (400, "bad-request")
    assert told["correlation_id"].encode() in head
    assert b"marigolds" not in answer
    writer.close()


OFFERS = {
    "curl --http2": "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
    "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n",
    "JDK 17": "Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAEAAEAA\r\nUpgrade: h2c\r\n",
    "websocket": "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    "TLS": "Upgrade: TLS/1.3\r\nConnection: upgrade\r\n",
}


@pytest.mark.parametrize("offer", OFFERS.values(), ids=OFFERS)
async def test_an_offer_to_upgrade_is_passed_over_and_a_body_is_never_a_request(
    goals: Goals, offer: str
) -> None:
    host, port = goals.door.url.removeprefix("http://").split(":")
    token = goals.door.issuer.bearer(NURSE)["Authorization"]
    head = f"POST /v1/contributions HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n{offer}"
    head += "Content-Type: application/json\r\n"
    inside = contribution(AGREE, GOAL, PLAN)
    hidden = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
    reader, writer = await asyncio.open_connection(host, int(port))

    async def answered() -> tuple[int, bytes]:
        async with asyncio.timeout(20):
            told = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = re.search(r"content-length: (\d+)", told)
            assert length is not None
            return int(told.split()[1]), await reader.readexactly(int(length[1]))

    for chunked in (False, True):
        body = orjson.dumps({**inside, "contribution_id": str(uuid4())})
        framed = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if chunked else body
        said = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
        writer.write(f"{head}{said}\r\n\r\n".encode())
        await writer.drain()
        writer.write(framed)
        status, told = await answered()
        assert (status, orjson.loads(told)["outcome"]) == (201, "accepted")

    # A body that looks like a request, and two offers at once.
    writer.write(f"{head}Content-Length: {len(hidden)}\r\n\r\n".encode() + hidden)
    writer.write(f"GET /readyz HTTP/1.1\r\nHost: x\r\n{offer}\r\n".encode() * 2)
    statuses = [(await answered())[0] for _ in range(3)]
    assert statuses == [400, 200, 200]
    writer.close()
    assert await reader.read() == b""


async def test_a_client_that_goes_away_finds_its_receipt_when_it_comes_back(
    goals: Goals,
) -> None:
    given = [contribution(AGREE, GOAL, PLAN) for _ in range(40)]
    host, port = goals.door.url.removeprefix("http://").split(":")
    token = goals.door.issuer.bearer(NURSE)["Authorization"]

    async def go_away(number: int, item: dict[str, Any]) -> None:
        body = orjson.dumps(item)
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(
            f"POST /v1/contributions HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        )
        writer.write(body[: len(body) - number % 2])  # every other one before it has said all
        await writer.drain()
        if number % 4:
            await asyncio.sleep(0.001 * number)
        writer.transport.abort()

    await asyncio.gather(*(go_away(number, item) for number, item in enumerate(given)))
    answers = await asyncio.gather(*(goals.door.contribute(item, NURSE) for item in given))
    assert {answer.status_code for answer in answers} <= {200, 201}
    assert {answer.json()["outcome"] for answer in answers} == {"accepted"}
    stored = await goals.bench.pool.fetchval(
        "SELECT count(*) FROM stored_events WHERE originator_id = ANY($1::uuid[])",
        [answer.json()["entry_id"] for answer in answers],
    )
    assert stored == 40


async def test_other_paths_and_methods_are_problems_too(goals: Goals) -> None:
    client, bearer = goals.door.client, goals.door.issuer.bearer(NURSE)
    assert (await client.get("/v1/marigolds")).json()["code"] == "not-found"
    assert (await client.put("/v1/contributions")).json()["code"] == "method-not-allowed"
    assert (await client.post("/v1/contributions:marigold")).json()["code"] == "not-found"
    assert (await client.post("/v1/contributions/")).json()["code"] == "not-found"
    for path in ("/v1/contributions", "/v1/contributions:validate"):
        given_ = contribution(AGREE, GOAL, PLAN)
        answer = await client.post(f"{path}?dry=1", headers=bearer, json=given_)
        told = problem(answer, 400, "parameter-invalid")
        assert told["parameter"] == "dry"
        assert told["detail"] == "This address takes no parameter `dry`."
    head = await client.head(f"/v1/contributions/{uuid4()}", headers=bearer)
    assert (head.status_code, head.content) == (404, b"")
    answer = await client.get("/v1/contributions", headers=bearer)
    assert answer.json()["code"] == "method-not-allowed"


# Who is speaking


def signed_otherwise(of: Door) -> dict[str, tuple[str, str]]:
    """Tokens that prove nothing, with the code that says so."""
    signer = of.issuer.signer
    claims = signer.complete(claims_of(NURSE), valid_for=3600)
    good = signer.encode(claims)
    header, content, signature = good.split(".")
    no_algorithm = urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    secret = OctKey.import_key(of.issuer.jwks.read_text())
    foreign = OKPKey.generate_key("Ed25519", auto_kid=True)
    kid = OKPKey.import_key(json.loads(signer.private_key.read_bytes())).kid

    def with_claims(**others: Any) -> str:
        return signer.encode({**claims, **others})

    return {
        "none": ("", "token-missing"),
        "basic": ("Basic bWFyaWdvbGRz", "token-missing"),
        "empty": ("Bearer", "token-missing"),
        "nonsense": ("Bearer marigolds", "token-invalid"),
        "unsigned": (f"Bearer {no_algorithm}.{content}.", "token-invalid"),
        "stripped": (f"Bearer {header}.{content}.", "token-invalid"),
        "symmetric": (
            "Bearer "
            + jwt.encode({"alg": "HS256", "kid": kid}, claims, secret, algorithms=["HS256"]),
            "token-invalid",
        ),
        "another key": (
            "Bearer "
            + jwt.encode({"alg": "Ed25519"}, claims, foreign, algorithms=["Ed25519"]),
            "token-invalid",
        ),
        "another key of that name": (
            "Bearer "
            + jwt.encode({"alg": "Ed25519", "kid": kid}, claims, foreign, algorithms=["Ed25519"]),
            "token-invalid",
        ),
        "other claims": (f"Bearer {header}.{content[:-8]}AAAAAAAA.{signature}", "token-invalid"),
        "expired": ("Bearer " + with_claims(exp=claims["iat"] - 100), "token-expired"),
        "from the future": ("Bearer " + with_claims(iat=claims["iat"] + 900), "token-invalid"),
        "another issuer": ("Bearer " + with_claims(iss="https://elsewhere.example"),
                           "token-invalid"),
        "another audience": ("Bearer " + with_claims(aud="somebody"), "token-invalid"),
        "no organisation": ("Bearer " + with_claims(careplan={"kind": "professional"}),
                            "token-invalid"),
        "unknown kind": ("Bearer " + with_claims(careplan={"kind": "robot"}), "token-invalid"),
        "very long": ("Bearer " + good + "A" * 9_000, "token-invalid"),
    }  # fmt: skip


async def test_a_token_that_proves_nothing_is_refused_before_the_body_is_read(
    goals: Goals,
) -> None:
    before = await goals.bench.rows()
    for name, (authorization, code) in signed_otherwise(goals.door).items():
        for method, path in (
            ("POST", "/v1/contributions"),
            ("POST", "/v1/contributions:validate"),
            ("GET", f"/v1/contributions/{uuid4()}"),
        ):
            answer = await goals.door.client.request(
                method,
                path,
                content=b"not even JSON" if method == "POST" else None,
                headers={"Authorization": authorization} if authorization else {},
            )
            problem(answer, 401, code)
            assert answer.headers["www-authenticate"].startswith("Bearer"), name
    assert await goals.bench.rows() == before


# Whatever else


def _json_values() -> st.SearchStrategy[Any]:
    texts = st.text(max_size=20) | st.sampled_from(
        [WORDS, "", " ", str(PLAN), AGREE, "2026-03-10T14:00:00Z", "2026-03", "P1D", "person"]
    )
    leaves = st.none() | st.booleans() | st.integers() | st.floats() | texts
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
        max_leaves=8,
    )


COMMANDS = sorted(SECTION.commands)
PARAMETERS = sorted({name for one in SECTION.commands.values() for name in one.parameters})
OF_A_CLAIM = ["stated_at", "stated_by", "on_behalf_of", "supported_by", "location", "reason",
              "system"]  # fmt: skip


@st.composite
def _contributions(draw: st.DrawFn) -> Any:
    values = _json_values()
    made: dict[str, Any] = {
        "contribution_id": str(UUID(int=draw(st.integers(0, 2**128 - 1)))),
        "plan_id": str(PLAN),
        "command": draw(st.sampled_from(COMMANDS)),
        "content": draw(st.dictionaries(st.sampled_from(PARAMETERS), values, max_size=5)),
        "provenance": draw(st.dictionaries(st.sampled_from(OF_A_CLAIM), values, max_size=3)),
    }
    made.update(draw(st.dictionaries(st.sampled_from(sorted(made)), values, max_size=2)))
    if draw(st.booleans()):
        made["entry_id"], made["based_on"] = str(uuid4()), draw(st.integers(-1, 2**70))
    return made


def _written(value: Any, how: random.Random) -> bytes:
    """As JSON, now and then damaged."""
    body = bytearray(json.dumps(value, ensure_ascii=how.random() < 0.5).encode("utf-8", "replace"))
    for _ in range(how.choice((0, 0, 0, 1, 3))):
        body[how.randrange(len(body))] = how.randrange(256)
    return bytes(body)


@pytest.mark.timeout(60)
@settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(made=_contributions() | _json_values(), seed=st.integers(0, 2**32), path=st.booleans())
def _never_a_failure(send: Callable[[str, bytes], httpx.Response], made: Any, seed: int,
                     path: bool) -> None:  # fmt: skip
    body = _written(made, random.Random(seed))  # noqa: S311 - nothing is kept secret by it
    answer = send("/v1/contributions:validate" if path else "/v1/contributions", body)
    assert answer.status_code < 500, (body, answer.text)
    if answer.status_code >= 400:
        told = answer.json()
        assert told["status"] == answer.status_code
        assert told["code"]


async def test_no_body_whatever_makes_it_fail(goals: Goals) -> None:
    headers = {**goals.door.issuer.bearer(NURSE), "Content-Type": "application/json"}

    def run() -> None:
        with httpx.Client(base_url=goals.door.url, headers=headers, trust_env=False) as client:
            _never_a_failure(lambda path, body: client.post(path, content=body))

    await asyncio.to_thread(run)


async def test_the_service_is_still_up_and_has_logged_nothing_of_what_was_said(
    goals: Goals,
) -> None:
    await goals.agreed()
    await goals.door.until_ready()
    lines = [json.loads(line) for line in goals.process.lines]
    assert len(lines) > 100
    assert {line["service"] for line in lines} == {"goals"}
    assert not [line for line in lines if line["level"] in ("error", "critical")]
    text = "\n".join(goals.process.lines)
    token = goals.door.issuer.bearer(NURSE)["Authorization"].removeprefix("Bearer ")
    for word in (*WORDS.split(), "marigold", NAME, "Okafor", token, token.split(".")[1], "xxxxxx"):
        assert f"{word}" not in text.replace("synth-zzc01", ""), word
