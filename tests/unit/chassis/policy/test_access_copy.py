"""How a copy is asked: by one statement for all who wait, and again where it would refuse."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from typing import Any, cast
from uuid import UUID, uuid4

import orjson
import pytest

from shared.chassis.policy.access_copy import AFRESH, JUDGED_AGAIN, JUST_NOW, AccessCopy
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
        self.revisions: Counter[UUID] = Counter()
        self.read = 0

    def relate(self, plan_id: UUID, **said: Any) -> None:
        """Has this relationship of the plan from now on."""
        self.related[plan_id] = {**KNOWN, **said}
        self.revisions[plan_id] += 1

    async def fetch(self, _: str, plan_ids: list[UUID], held: list[int]) -> list[dict[str, Any]]:
        self.asked.append(plan_ids)
        await asyncio.sleep(0)
        return [self._row(*one) for one in zip(plan_ids, held, strict=True)]

    def _row(self, plan_id: UUID, held: int) -> dict[str, Any]:
        said, revision = self.related.get(plan_id), self.revisions[plan_id]
        row = {"plan_id": plan_id, "revision": revision, "entry_id": None}
        if said is None or revision == held:
            return row
        self.read += 1
        leaves = orjson.dumps({name: [1, of] for name, of in said.items()})
        return {**row, "entry_id": uuid4(), "kind": "relationship", "leaves": leaves}


def copy_of(rows: Rows) -> AccessCopy:
    return AccessCopy(cast("Any", rows), wait_seconds=60)


async def reads(
    copy: AccessCopy,
    plan_id: UUID,
    by: Contributor = NURSE,
    purpose: str | None = None,
    not_older_than: float = JUST_NOW,
) -> Decision:
    facts = Facts(USUAL_ROLES, plan_id)
    return await copy.decide(
        by, Action.READ_PLAN, facts, purpose, patience=0, not_older_than=not_older_than
    )


@pytest.mark.asyncio
async def test_one_statement_is_asked_for_all_who_wait() -> None:
    rows, plans = Rows(), [uuid4() for _ in range(40)]
    for plan_id in plans:
        rows.relate(plan_id)
    copy = copy_of(rows)
    answers = await asyncio.gather(*(reads(copy, plan_id) for plan_id in plans))
    assert all(one.allowed for one in answers)
    assert len(rows.asked) <= 2


@pytest.mark.asyncio
async def test_what_let_somebody_in_does_so_for_a_moment_and_nobody_is_refused_by_it() -> None:
    rows, plan_id = Rows(), uuid4()
    copy = copy_of(rows)
    assert (await reads(copy, plan_id)).code == "no-live-relationship"
    rows.relate(plan_id)
    assert (await reads(copy, plan_id)).allowed
    asked = len(rows.asked)
    assert (await reads(copy, plan_id)).allowed
    assert len(rows.asked) == asked
    # What was learned here counts at once, and what has ended ends at its instant.
    rows.relate(plan_id, live_until=datetime.now(UTC).isoformat())
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
    rows.relate(plan_id, live_until="2026-12-01T13:00:00Z")
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
async def test_what_is_as_it_was_is_asked_for_and_not_read_again() -> None:
    rows, plan_id = Rows(), uuid4()
    copy = copy_of(rows)
    rows.relate(plan_id)
    first = await reads(copy, plan_id)
    assert await reads(copy, plan_id, not_older_than=AFRESH) == first
    assert (len(rows.asked), rows.read, first.revision) == (2, 1, 1)
    rows.relate(plan_id, kind="referral")
    again = await reads(copy, plan_id, not_older_than=AFRESH)
    assert (len(rows.asked), rows.read, again.revision) == (3, 2, 2)
    assert again.relationship is not None
    assert again.relationship.kind == "referral"


@pytest.mark.asyncio
async def test_what_is_judged_again_may_rest_on_an_older_answer_and_names_it() -> None:
    rows, plan_id = Rows(), uuid4()
    copy = copy_of(rows)
    rows.relate(plan_id)
    await reads(copy, plan_id)
    rows.relate(plan_id, organisation="ZZH01")  # learned by another replica
    decision = await reads(copy, plan_id, not_older_than=JUDGED_AGAIN)
    assert (decision.allowed, decision.revision, len(rows.asked)) == (True, 1, 1)
    # A no is never by it.
    other = replace(NURSE, organisation=Organisation("ZZH01"))
    assert (await reads(copy, plan_id, other, not_older_than=JUDGED_AGAIN)).allowed
    refused = await reads(copy, plan_id, not_older_than=JUDGED_AGAIN)
    assert refused.code == "no-live-relationship"


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
    rows.relate(plan_id)
    decision = await copy.decide(*asked)
    assert decision.override is None
    assert decision.relationship is not None
