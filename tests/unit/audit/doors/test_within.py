"""Whose doings an officer is told of: their organisation's, and all on plans that it relates to."""

from typing import Any, cast
from uuid import UUID

import orjson
import pytest

from services.audit.doors.asking import Questions
from services.audit.store.organisations import PlanOrganisations
from shared.chassis.accesses.record import Asked, What
from shared.chassis.policy.decide import Action, Facts, decide
from shared.chassis.policy.relationships import organisation_of
from shared.chassis.settings import USUAL_ROLES
from shared.chassis.wire.problem import Problem
from shared.ledger import Contributor, Organisation
from shared.testing.events import History
from tests.unit.listed_accesses import ListedAccesses

HERE, THERE = UUID(int=1), UUID(int=2)


class Related(PlanOrganisations):
    """ZZG01 looks after the person of one plan."""

    def __init__(self) -> None:
        super().__init__(cast("Any", None))

    async def are_related(self, plan_id: UUID, organisation: str) -> bool:
        return (plan_id, organisation) == (HERE, "ZZG01")


ROLES = {**USUAL_ROLES, "audit_everywhere": ("auditor",)}


def asking(role: str, plan_id: UUID | None = None) -> Asked:
    officer = Contributor("professional", "vera", "Vera", role, Organisation("ZZG01"))
    decision = decide(officer, Action.READ_AUDIT, Facts(ROLES, plan_id=plan_id))
    return Asked(officer, decision, What.RECORDS, plan_id, "audit")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("role", "plan_id", "organisation", "within"),
    [
        ("privacy-officer", None, None, "ZZG01"),
        ("privacy-officer", None, "ZZG01", "ZZG01"),
        ("privacy-officer", None, "ZZA01", "not-permitted"),
        ("privacy-officer", HERE, None, None),
        ("privacy-officer", HERE, "ZZA01", "ZZA01"),
        ("caldicott-guardian", THERE, None, "ZZG01"),
        ("caldicott-guardian", THERE, "ZZA01", "not-permitted"),
        ("auditor", THERE, "ZZA01", "ZZA01"),
        ("auditor", None, None, None),
    ],
)
async def test_the_organisation_that_a_list_is_narrowed_to(
    role: str, plan_id: UUID | None, organisation: str | None, within: str | None
) -> None:
    accesses = ListedAccesses()
    questions = Questions(accesses, ROLES, Related())
    asked = asking(role, plan_id)
    try:
        found = await questions.within(asked, organisation, None)
    except Problem as problem:
        found = problem.code
    assert found == within
    denied = [orjson.loads(row.record)["code"] for row in accesses.rows]
    assert denied == (["not-permitted"] if found == "not-permitted" else [])


@pytest.mark.asyncio
async def test_a_record_is_shown_by_its_plan_or_by_who_did_it() -> None:
    questions = Questions(ListedAccesses(), ROLES, Related())
    officer, auditor = asking("privacy-officer"), asking("auditor")
    for plan_id, organisation, shown in (
        (HERE, "ZZA01", True),
        (HERE, None, True),
        (THERE, "ZZG01", True),
        (None, "ZZG01", True),
        (THERE, "ZZA01", False),
        (None, None, False),
    ):
        assert await questions.shows(officer, plan_id, organisation) is shown
        assert await questions.shows(auditor, plan_id, organisation) is True


@pytest.mark.asyncio
async def test_nobody_asks_about_themselves() -> None:
    questions = Questions(ListedAccesses(), ROLES, Related())
    with pytest.raises(Problem) as raised:
        await questions.within(asking("privacy-officer", HERE), None, "vera")
    assert (raised.value.code, raised.value.status) == ("conflict-of-interest", 403)


def test_which_organisation_an_event_relates_to_its_plan() -> None:
    history = History()
    assert organisation_of(history.opened()) == "ZZG01"
    made = history.event(
        *("care-team", "relationship-established", HERE, "created"),
        {"organisation": {"local_id": "x-school"}},
        entry_type="relationship",
    )
    assert organisation_of(made) == "x-school"
    for name, kind, content in (
        ("relationship-extended", "relationship", {"live_until": "2027-01-01T00:00:00Z"}),
        ("relationship-established", "relationship", {"organisation": {"ods": 7}}),
        ("proxy-appointed", "proxy", {"party": {"name": "Ruth"}}),
        ("personal-contact-named", "personal-contact", {"name": "Ruth"}),
    ):
        event = history.event("care-team", name, THERE, "created", content, entry_type=kind)
        assert organisation_of(event) is None
