"""How a copy is asked: by one statement for all who wait, and again where it would refuse."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from typing import Any, cast
from uuid import UUID, uuid4

import orjson
import pytest

from shared.chassis.policy.access_copy import AccessCopy
from shared.chassis.policy.decide import Action, Decision, Facts, decide
from shared.chassis.settings import USUAL_ROLES
from shared.ledger import Contributor, Organisation

NURSE = Contributor("professional", "tom", "Tom", "nurse", Organisation("ZZC01"))
KNOWN = {"organisation": "ZZC01", "kind": "caseload", "live_from": "2020-01-01T00:00:00Z"}


class Rows:
    """A database that has one relationship for each plan that a test names."""

    def __init__(self) -> None:
        self.pool = self
        self.asked: list[list[UUID]] = []
        self.related: dict[UUID, dict[str, Any]] = {}

    async def fetch(self, _: str, plan_ids: list[UUID]) -> list[dict[str, Any]]:
        self.asked.append(plan_ids)
        await asyncio.sleep(0)
        return [
            {
                "plan_id": plan_id,
                "entry_id": uuid4(),
                "kind": "relationship",
                "leaves": orjson.dumps({name: [1, of] for name, of in said.items()}),
            }
            for plan_id, said in self.related.items()
            if plan_id in plan_ids
        ]


def copy_of(rows: Rows) -> AccessCopy:
    return AccessCopy(cast("Any", rows), wait_seconds=60)


async def reads(
    copy: AccessCopy, plan_id: UUID, by: Contributor = NURSE, purpose: str | None = None
) -> Decision:
    facts = Facts(USUAL_ROLES, plan_id)
    return await copy.decide(by, Action.READ_PLAN, facts, purpose, patience=0)


@pytest.mark.asyncio
async def test_one_statement_is_asked_for_all_who_wait() -> None:
    rows, plans = Rows(), [uuid4() for _ in range(40)]
    rows.related = dict.fromkeys(plans, KNOWN)
    copy = copy_of(rows)
    answers = await asyncio.gather(*(reads(copy, plan_id) for plan_id in plans))
    assert all(one.allowed for one in answers)
    assert len(rows.asked) <= 2


@pytest.mark.asyncio
async def test_what_let_somebody_in_does_so_for_a_moment_and_nobody_is_refused_by_it() -> None:
    rows, plan_id = Rows(), uuid4()
    copy = copy_of(rows)
    assert (await reads(copy, plan_id)).code == "no-live-relationship"
    rows.related[plan_id] = KNOWN
    assert (await reads(copy, plan_id)).allowed
    asked = len(rows.asked)
    assert (await reads(copy, plan_id)).allowed
    assert len(rows.asked) == asked
    # What was learned here counts at once, and what has ended ends at its instant.
    rows.related[plan_id] = {**KNOWN, "live_until": datetime.now(UTC).isoformat()}
    copy.learned([plan_id])
    assert (await reads(copy, plan_id)).code == "no-live-relationship"


class Clock(datetime):
    """What the copy takes for the time of day."""

    at = datetime(2026, 12, 1, 12, tzinfo=UTC)

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> "datetime":  # type: ignore[override]
        return cls.at.astimezone(tz)


@pytest.mark.asyncio
async def test_a_decision_is_made_once_until_something_ends_and_for_one_reader(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[Contributor] = []

    def counted(by: Contributor, *given: Any) -> Decision:
        made.append(by)
        return decide(by, *given)

    monkeypatch.setattr("shared.chassis.policy.access_copy.datetime", Clock)
    monkeypatch.setattr("shared.chassis.policy.access_copy.decide", counted)
    rows, plan_id = Rows(), uuid4()
    rows.related[plan_id] = {**KNOWN, "live_until": "2026-12-01T13:00:00Z"}
    copy = copy_of(rows)
    assert (await reads(copy, plan_id)).allowed
    made.clear()
    assert all([(await reads(copy, plan_id)).allowed for _ in range(3)])
    assert made == []
    alike = replace(NURSE)
    assert (await reads(copy, plan_id, alike)).allowed
    assert (await reads(copy, plan_id, purpose="review")).allowed
    assert made == [alike, NURSE]
    monkeypatch.setattr(Clock, "at", datetime(2026, 12, 1, 13, tzinfo=UTC))
    assert (await reads(copy, plan_id)).code == "no-live-relationship"
    # A clock that is put back is asked anew as well.
    monkeypatch.setattr(Clock, "at", datetime(2026, 12, 1, 11, tzinfo=UTC))
    assert (await reads(copy, plan_id)).allowed


@pytest.mark.asyncio
async def test_nothing_is_asked_where_the_token_decides_it() -> None:
    rows, plan_id = Rows(), uuid4()
    copy = copy_of(rows)
    own = Contributor("person", "edith", plan_id=plan_id)
    assert (await reads(copy, plan_id, own)).allowed
    assert (await reads(copy, plan_id, replace(own, plan_id=uuid4()))).code == "not-permitted"
    assert (await reads(copy, plan_id, NURSE, "audit")).code == "not-permitted"
    assert rows.asked == []


@pytest.mark.asyncio
async def test_break_glass_is_no_answer_before_the_copy_was_asked() -> None:
    rows, plan_id = Rows(), uuid4()
    copy, facts = copy_of(rows), Facts(USUAL_ROLES, plan_id)
    asked = (NURSE, Action.READ_EMERGENCY, facts, "emergency")
    assert (await copy.decide(*asked)).override == "break-glass"
    rows.related[plan_id] = KNOWN
    decision = await copy.decide(*asked)
    assert decision.override is None
    assert decision.relationship is not None
