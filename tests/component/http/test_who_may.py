"""Entries and plans are named rightly, and by those who may."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.chassis.policy.decide import POLICY_VERSION
from shared.chassis.policy.plan_states import PlanStates
from shared.testing.eventually import LONG_ENOUGH
from shared.testing.service import Bench, Door, contribution
from tests.component.http.goals import (
    AGREE,
    GOAL,
    NURSE,
    PERSON,
    PLAN,
    SET_ASIDE,
    UNKNOWN_PLAN,
    WEIGH,
    WORDS,
    Goals,
    problem,
)

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


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
    assert monotonic() - began > 1.9
    assert told["retryable"]
    assert "receipt" not in told
    problem(await goals.door.receipt(given_["contribution_id"], NURSE), 404, "contribution-unknown")


@asynccontextmanager
async def where_waiting_has_no_end(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Door]:
    """Another replica: what waits for the state of a plan there is never answered."""

    async def never(_: PlanStates, plan_id: UUID, *, wait: bool = True) -> str | None:
        raise AssertionError(f"{plan_id} is waited for: {await asyncio.Event().wait()}, {wait}")

    async with bench.running("patient") as door:
        monkeypatch.setattr(PlanStates, "of", never)
        async with asyncio.timeout(LONG_ENOUGH):
            yield door
        monkeypatch.undo()


async def test_an_ended_plan_takes_nothing_and_its_repeats_wait_for_nothing(
    goals: Goals, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan_id = uuid4()
    await goals.bench.know_plans([plan_id])
    before = contribution(AGREE, GOAL, plan_id)
    first = await goals.door.contribute(before, NURSE)
    assert first.status_code == 201
    await goals.bench.know_plans([plan_id], "ended", 2)
    async with where_waiting_has_no_end(goals.bench, monkeypatch) as patient:
        for door in (goals.door, patient):
            again = await door.contribute(before, NURSE)
            assert (again.status_code, again.json()) == (200, first.json())
    told = problem(
        await goals.door.contribute(contribution(AGREE, GOAL, plan_id), NURSE),
        409,
        "plan-not-open",
    )
    assert told["retryable"]


async def test_a_persons_token_is_for_their_plan(
    goals: Goals, monkeypatch: pytest.MonkeyPatch
) -> None:
    other_plan = uuid4()
    await goals.bench.know_plans([other_plan])
    mine = contribution(AGREE, GOAL, PLAN)
    assert (await goals.door.contribute(mine, PERSON)).status_code == 201
    given_ = contribution(AGREE, GOAL, other_plan)
    told = problem(await goals.door.contribute(given_, PERSON), 403, "not-permitted")
    assert not told["retryable"]
    assert "receipt" not in told
    # Not even whether somebody has used this id.
    theirs = {**mine, "plan_id": str(other_plan)}
    problem(await goals.door.contribute(theirs, PERSON), 403, "not-permitted")
    async with where_waiting_has_no_end(goals.bench, monkeypatch) as patient:
        for asked in (given_, theirs, contribution(AGREE, GOAL, uuid4())):
            problem(await patient.contribute(asked, PERSON), 403, "not-permitted")


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
    assert told["errors"][0]["pointer"] == "/provenance/stated_by"
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
