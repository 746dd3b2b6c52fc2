from typing import Any
from uuid import uuid4

import pytest

from services.goals.domain import Action
from shared.ledger import (
    Agent,
    CodedText,
    GoalRef,
    Location,
    NeedRef,
    Organisation,
    Party,
    Period,
    Status,
    When,
)
from shared.testing.people import EDITH, KESTREL, LIN, NORTHMOOR_COUNCIL, RUTH, TOM
from shared.testing.scenario import Step, acting, do, given, happened, said

WHAT = (CodedText("Strength and balance programme"),)
GOAL = GoalRef("goals", uuid4())
NEED = NeedRef("needs", uuid4())
FALLS_SERVICE = Party(name="Tom Okafor-Synth", team="Falls service")
EVENING_TEAM = Party(kind="team", team="Evening team", organisation=KESTREL)
REVERSED = When(period=Period("2026-12", "2026-03-10"))


def planned(**content: Any) -> Step:
    return do(Action.plan, TOM, **{"what": WHAT, "goal_ids": (GOAL,), **content})


SET_ASIDE = do(Action.set_aside, TOM, reason="The programme has ended")


def test_plan_with_everything() -> None:
    content = {
        "who": FALLS_SERVICE,
        "place": Location(text="Day centre"),
        "when": When(timing="twice weekly"),
        "strategies": ("If dizzy, sit and drink",),
        "status": Status("not-started"),
        "confidence": 6,
        "review_date": "2026-12",
    }
    for by in (said(EDITH), said(EDITH, recorded_by=TOM), acting(RUTH, EDITH)):
        given().when(do(Action.plan, by, what=WHAT, goal_ids=(GOAL,), **content)).then(
            happened(Action.Planned, what=WHAT, goal_ids=(GOAL,), **content)
        )


def test_plan_with_the_least() -> None:
    given().when(planned()).then(happened(Action.Planned, what=WHAT, goal_ids=(GOAL,)))


@pytest.mark.parametrize(
    ("content", "code", "field"),
    [
        ({"what": ()}, "action-needs-code-or-text", "what"),
        ({"what": (*WHAT, CodedText(" "))}, "action-needs-code-or-text", "what.1"),
        ({"goal_ids": ()}, "action-needs-a-goal", "goal_ids"),
        ({"who": Party()}, "action-needs-one-accountable-party", "who"),
        ({"who": Party(kind="team")}, "action-needs-one-accountable-party", "who"),
        ({"when": REVERSED}, "ends-before-it-starts", "when.period"),
        ({"strategies": ("",)}, "needs-code-or-text", "strategies.0"),
        ({"status": Status("refused")}, "reason-missing", "status.reason"),
        ({"confidence": 6}, "confidence-is-the-persons", "confidence"),
    ],
)
def test_plan_is_refused(content: dict[str, Any], code: str, field: str) -> None:
    given().when(planned(**content)).refused(code, field)


def test_the_person_alone_is_somebody() -> None:
    who = Party(kind="person")
    given(planned()).when(do(Action.assign, TOM, who=who)).then(happened(Action.Assigned, who=who))


def test_others_take_part_without_being_accountable() -> None:
    others = (Party(name="Tom Okafor-Synth"), Party(team="Evening team"))
    content = {"who": others[0], "with_": others[1:]}
    given(planned(**content)).when(do(Action.assign, TOM, who=others[1])).then(
        happened(Action.Assigned, who=others[1])
    )
    given(planned()).when(do(Action.assign, TOM, **content)).then(
        happened(Action.Assigned, **content)
    )
    given(planned()).when(do(Action.assign, TOM, who=others[0], with_=(Party(),))).refused(
        "needs-code-or-text", "with.0"
    )


@pytest.mark.parametrize("who", [Party(), Party(name=" ")])
def test_assign_to_nobody_is_refused(who: Party) -> None:
    given(planned()).when(do(Action.assign, TOM, who=who)).refused(
        "action-needs-one-accountable-party", "who"
    )


def test_reword_what_it_is() -> None:
    what = (CodedText("Classes"), CodedText("Walks"))
    given(planned()).when(do(Action.reword, TOM, what=what)).then(
        happened(Action.Reworded, what=what)
    )


def test_reword_takes_strategies_away() -> None:
    given(planned()).when(do(Action.reword, TOM, strategies=None)).then(
        happened(Action.Reworded, strategies=None)
    )


def test_reword_to_nothing_is_refused() -> None:
    given(planned()).when(do(Action.reword, TOM, what=())).refused("action-needs-code-or-text")
    given(planned()).when(do(Action.reword, TOM, strategies=(" ",))).refused("needs-code-or-text")


def test_schedule_and_unschedule() -> None:
    content = {"when": When(date="2026-10-15"), "place": Location(text="The path to the shop")}
    given(planned()).when(do(Action.schedule, TOM, **content, review_date=None)).then(
        happened(Action.Scheduled, **content, review_date=None)
    )


def test_schedule_backwards_is_refused() -> None:
    given(planned()).when(do(Action.schedule, TOM, when=REVERSED)).refused("ends-before-it-starts")


@pytest.mark.parametrize("value", ["refused", "not-applicable"])
def test_what_is_not_done_needs_a_reason(value: str) -> None:
    without: Status[Any] = Status(value)
    explained: Status[Any] = Status(value, reason="I would rather swim")
    given(planned()).when(do(Action.record_progress, EDITH, status=without)).refused(
        "reason-missing", "status.reason"
    )
    given(planned()).when(do(Action.record_progress, EDITH, status=explained)).then(
        happened(Action.ProgressRecorded, status=explained)
    )


class TestASystemByItself:
    status = Status("completed")
    of_kestrel = Agent("system", "Home sensors", organisation=KESTREL)
    of_the_council = Agent("system", "Case management", organisation=NORTHMOOR_COUNCIL)

    def test_reports_where_its_organisation_is_accountable(self) -> None:
        given(planned(), do(Action.assign, TOM, who=EVENING_TEAM)).when(
            do(Action.record_progress, self.of_kestrel, status=self.status)
        ).then(happened(Action.ProgressRecorded, status=self.status))

    def test_reports_nowhere_else(self) -> None:
        given(planned(who=EVENING_TEAM)).when(
            do(Action.record_progress, self.of_the_council, status=self.status)
        ).refused("role-may-not-contribute")

    def test_reports_nothing_where_no_organisation_is_accountable(self) -> None:
        nameless = Agent("system", "Nobody's", organisation=Organisation(name="No code"))
        for system in (self.of_kestrel, nameless):
            given(planned()).when(do(Action.record_progress, system, status=self.status)).refused(
                "role-may-not-contribute"
            )

    def test_speaks_for_a_professional_anywhere(self) -> None:
        by = said(LIN, recorded_by=self.of_the_council)
        given(planned()).when(do(Action.record_progress, by, status=self.status)).then(
            happened(Action.ProgressRecorded, status=self.status)
        )


def test_confidence_is_the_persons() -> None:
    rate = {"confidence": 2}
    given(planned()).when(do(Action.rate_confidence, TOM, **rate)).refused(
        "confidence-is-the-persons", "provenance.stated_by"
    )
    for by in (said(EDITH), said(EDITH, recorded_by=TOM), acting(RUTH, EDITH)):
        given(planned()).when(do(Action.rate_confidence, by, **rate)).then(
            happened(Action.ConfidenceRated, **rate)
        )


def test_reattach_also_what_was_set_aside() -> None:
    other = GoalRef("goals", uuid4())
    given(planned(), SET_ASIDE).when(do(Action.reattach, TOM, goal_ids=(other,))).then(
        happened(Action.Reattached, goal_ids=(other,))
    )


def test_reattach_to_no_goal_is_refused() -> None:
    given(planned()).when(do(Action.reattach, TOM, goal_ids=())).refused("action-needs-a-goal")


def test_set_aside_and_resume() -> None:
    given(planned()).when(do(Action.set_aside, TOM)).refused("reason-missing")
    given(planned()).when(do(Action.resume, TOM)).refused("action-not-set-aside")
    given(planned(), SET_ASIDE).when(do(Action.resume, TOM)).then(happened(Action.Resumed))


@pytest.mark.parametrize(
    "step",
    [
        do(Action.reword, TOM, what=WHAT),
        do(Action.assign, TOM, who=FALLS_SERVICE),
        do(Action.schedule, TOM, review_date="2027-01"),
        do(Action.record_progress, TOM, status=Status("completed")),
        do(Action.rate_confidence, EDITH, confidence=3),
        SET_ASIDE,
    ],
    ids=lambda step: step.method.__name__,
)
def test_nothing_else_follows_on_what_was_set_aside(step: Step) -> None:
    given(planned(), SET_ASIDE).when(step).refused("action-already-set-aside")
