from typing import Any
from uuid import uuid4

from services.goals.domain import Outcome
from shared.ledger import CodedText, GoalRef, Status
from shared.testing.people import EDITH, HELEN, RUTH, SAM, TOM
from shared.testing.scenario import acting, do, given, happened, said

WHAT = CodedText("No fall since 11 August")
GOAL = GoalRef("goals", uuid4())
RECORDED = do(Outcome.record, TOM, what=WHAT, goal_id=GOAL)
CORRECTION = {"what": CodedText("No fall since 21 August"), "reason": "Mistyped"}


def test_record() -> None:
    content: dict[str, Any] = {
        "status": Status("partially-achieved"),
        "person_comment": "Better than I thought",
    }
    for by in (said(EDITH), said(EDITH, recorded_by=TOM), acting(RUTH, EDITH)):
        given().when(do(Outcome.record, by, what=WHAT, goal_id=GOAL, **content)).then(
            happened(Outcome.Recorded, what=WHAT, goal_id=GOAL, **content)
        )


def test_record_is_refused_without_words() -> None:
    given().when(do(Outcome.record, TOM, what=CodedText(), goal_id=GOAL)).refused(
        "outcome-needs-code-or-text", "what"
    )


def test_the_person_comments() -> None:
    for by in (said(EDITH), said(EDITH, recorded_by=TOM), acting(RUTH, EDITH)):
        given(RECORDED).when(do(Outcome.add_person_comment, by, text="I am glad")).then(
            happened(Outcome.PersonCommented, person_comment="I am glad")
        )


def test_nobody_else_comments_as_the_person() -> None:
    for by in (said(TOM), said(RUTH)):
        given(RECORDED).when(do(Outcome.add_person_comment, by, text="She is glad")).refused(
            "comment-is-the-persons", "text"
        )
        given().when(
            do(Outcome.record, by, what=WHAT, goal_id=GOAL, person_comment="She is glad")
        ).refused("comment-is-the-persons", "person_comment")


def test_a_comment_says_something() -> None:
    given(RECORDED).when(do(Outcome.add_person_comment, EDITH, text=" ")).refused(
        "needs-code-or-text", "text"
    )


def test_anybody_of_the_organisation_of_origin_corrects() -> None:
    given(RECORDED).when(do(Outcome.correct, HELEN, **CORRECTION)).then(
        happened(Outcome.Corrected, **CORRECTION)
    )


def test_another_organisation_does_not_correct_nor_does_the_person() -> None:
    for by in (SAM, EDITH):
        given(RECORDED).when(do(Outcome.correct, by, **CORRECTION)).refused(
            "correction-belongs-to-the-origin"
        )


def test_the_person_corrects_what_they_recorded() -> None:
    by_the_person = do(Outcome.record, EDITH, what=WHAT, goal_id=GOAL)
    given(by_the_person).when(do(Outcome.correct, EDITH, **CORRECTION)).then(
        happened(Outcome.Corrected, **CORRECTION)
    )
    given(by_the_person).when(do(Outcome.correct, TOM, **CORRECTION)).refused(
        "correction-belongs-to-the-origin"
    )


def test_a_correction_says_why_and_something() -> None:
    given(RECORDED).when(do(Outcome.correct, TOM, what=WHAT)).refused("reason-missing", "reason")
    given(RECORDED).when(do(Outcome.correct, TOM, what=CodedText(), reason="So")).refused(
        "outcome-needs-code-or-text", "what"
    )
