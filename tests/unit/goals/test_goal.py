from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from services.goals.domain import Goal
from shared.ledger import CodedText, NeedRef, Refused, Status
from shared.testing.people import EDITH, RUTH, SAM, TOM
from shared.testing.scenario import Step, acting, do, given, happened, replayed, said

AIM = CodedText("Walk to the shop by myself again by Christmas")
NEED = NeedRef("needs", uuid4())
STRENGTH = NeedRef("needs", uuid4())


def agreed(**content: Any) -> Step:
    return do(Goal.agree, TOM, **{"aim": AIM, "need_ids": (NEED,), **content})


HER_WORDS = (said(EDITH), said(EDITH, recorded_by=TOM), acting(RUTH, EDITH))
SET_ASIDE = do(Goal.set_aside, TOM, reason="Moved to a flat without a garden")


def test_agree_with_everything_the_person_said() -> None:
    content = {
        "aim": AIM,
        "need_ids": (NEED,),
        "why": "My own things",
        "importance": 9,
        "strength_ids": (STRENGTH,),
    }
    for by in HER_WORDS:
        given().when(do(Goal.agree, by, **content)).then(happened(Goal.Agreed, **content))


def test_how_important_it_is_she_says_at_the_beginning_too() -> None:
    """The kind: what is the person's in a command that changes is theirs where it is created."""
    given().when(agreed(importance=9)).refused("importance-is-the-persons", "importance")


@pytest.mark.parametrize("aim", [CodedText(), CodedText(""), CodedText("  \n")])
def test_agree_without_an_aim_is_refused(aim: CodedText) -> None:
    given().when(agreed(aim=aim)).refused("goal-needs-an-aim", "aim")


def test_agree_without_a_need_is_refused() -> None:
    given().when(agreed(need_ids=())).refused("goal-needs-a-need", "need_ids")


def test_reword_says_only_what_it_changes() -> None:
    better = CodedText("Walk to the shop and back")
    given(agreed()).when(do(Goal.reword, SAM, aim=better)).then(happened(Goal.Reworded, aim=better))


def test_reword_can_take_the_why_away() -> None:
    given(agreed()).when(do(Goal.reword, SAM, why=None)).then(happened(Goal.Reworded, why=None))


def test_reword_to_nothing_is_refused() -> None:
    given(agreed()).when(do(Goal.reword, TOM, aim=CodedText(" "))).refused("goal-needs-an-aim")


@pytest.mark.parametrize(
    "by",
    [said(EDITH), said(EDITH, recorded_by=TOM), acting(RUTH, EDITH)],
    ids=["the person", "recorded by a professional", "on their behalf"],
)
def test_weigh_in_the_persons_voice(by: Any) -> None:
    given(agreed()).when(do(Goal.weigh, by, importance=4)).then(
        happened(Goal.Weighed, importance=4)
    )


@pytest.mark.parametrize("by", [TOM, RUTH], ids=["a professional", "a daughter for herself"])
def test_weigh_in_another_voice_is_refused(by: Any) -> None:
    given(agreed()).when(do(Goal.weigh, by, importance=4)).refused("importance-is-the-persons")


def test_link_needs_and_strengths() -> None:
    given(agreed()).when(do(Goal.link, TOM, strength_ids=(STRENGTH,))).then(
        happened(Goal.Linked, strength_ids=(STRENGTH,))
    )


def test_link_to_no_need_is_refused() -> None:
    given(agreed()).when(do(Goal.link, TOM, need_ids=())).refused("goal-needs-a-need")


def test_record_how_far_it_has_come() -> None:
    status = Status("partially-achieved", "To the corner")
    given(agreed()).when(do(Goal.record_status, TOM, status=status)).then(
        happened(Goal.StatusRecorded, status=status)
    )


def test_set_aside_with_a_reason() -> None:
    given(agreed()).when(SET_ASIDE).then(
        happened(Goal.SetAside, reason="Moved to a flat without a garden")
    )


@pytest.mark.parametrize("reason", [None, "", " "])
def test_set_aside_without_a_reason_is_refused(reason: str | None) -> None:
    given(agreed()).when(do(Goal.set_aside, TOM, reason=reason)).refused("reason-missing", "reason")


def test_resume_what_was_set_aside() -> None:
    given(agreed(), SET_ASIDE).when(do(Goal.resume, EDITH)).then(happened(Goal.Resumed))


def test_resume_what_is_current_is_refused() -> None:
    given(agreed()).when(do(Goal.resume, EDITH)).refused("goal-not-set-aside")


@pytest.mark.parametrize(
    "step",
    [
        do(Goal.reword, EDITH, why="Because"),
        do(Goal.weigh, EDITH, importance=1),
        do(Goal.link, EDITH, need_ids=(NEED,)),
        do(Goal.record_status, EDITH, status=Status("achieved")),
        SET_ASIDE,
    ],
    ids=lambda step: step.method.__name__,
)
def test_nothing_else_follows_on_what_was_set_aside(step: Step) -> None:
    given(agreed(), SET_ASIDE).when(step).refused("goal-already-set-aside")


def test_events_of_the_past_decide_like_commands() -> None:
    given(
        happened(Goal.Agreed, aim=AIM, need_ids=(NEED,)), happened(Goal.SetAside, reason="Moved")
    ).when(do(Goal.reword, EDITH, why="Because")).refused("goal-already-set-aside")


@for_all(st.lists(st.sampled_from(["set_aside", "resume", "reword"]), max_size=12))
def test_set_aside_and_resume_alternate(methods: list[str]) -> None:
    goal = Goal.agree(said(TOM), aim=AIM, need_ids=(NEED,))
    for method in methods:
        content = {"set_aside": {"reason": "So"}, "reword": {"why": "So"}}.get(method, {})
        before = goal.version
        try:
            getattr(goal, method)(provenance=said(TOM), **content)
        except Refused:
            assert goal.version == before
    told = [type(event).__name__ for event in goal.pending_events]
    turns = [name for name in told if name in ("SetAside", "Resumed")]
    assert turns == (["SetAside", "Resumed"] * len(turns))[: len(turns)]
    assert goal.is_out == (turns[-1:] == ["SetAside"])
    assert replayed(goal.pending_events).version == goal.version


class TestWhatEveryEntryCanDo:
    def test_the_origin_marks_it_in_error(self) -> None:
        goal = (
            given(agreed())
            .when(do(Goal.mark_in_error, TOM, reason="Wrong plan"))
            .then(happened(Goal.EnteredInError, reason="Wrong plan"))
        )
        assert goal.is_in_error

    def test_so_does_the_person(self) -> None:
        hers = do(Goal.agree, said(EDITH, recorded_by=TOM), aim=AIM, need_ids=(NEED,))
        given(hers).when(do(Goal.mark_in_error, EDITH, reason="Never said it")).then(
            happened(Goal.EnteredInError, reason="Never said it")
        )

    def test_the_person_does_not_of_what_others_said(self) -> None:
        given(agreed()).when(do(Goal.mark_in_error, EDITH, reason="I disagree")).refused(
            "correction-belongs-to-the-origin"
        )

    def test_another_organisation_does_not(self) -> None:
        given(agreed()).when(do(Goal.mark_in_error, SAM, reason="Wrong plan")).refused(
            "correction-belongs-to-the-origin"
        )

    def test_nor_somebody_without_one_on_what_the_person_recorded(self) -> None:
        stranger = replace(TOM.agent, organisation=None)
        given(do(Goal.agree, EDITH, aim=AIM, need_ids=(NEED,))).when(
            do(Goal.mark_in_error, stranger, reason="Wrong plan")
        ).refused("correction-belongs-to-the-origin")

    def test_withholding_from_the_person_needs_an_approver(self) -> None:
        given(agreed()).when(
            do(Goal.restrict, TOM, withheld_from_person=True, reason="A third party")
        ).refused("withholding-needs-an-approver", "approved_by")

    def test_a_restriction_is_lifted_once(self) -> None:
        restricted = do(Goal.restrict, TOM, labels=("sensitive",), reason="A third party")
        lift = do(Goal.lift_restriction, TOM, reason="They agreed")
        given(agreed(), restricted).when(lift).then(
            happened(Goal.RestrictionLifted, visibility=None, reason="They agreed")
        )
        given(agreed(), restricted, lift).when(lift).refused("entry-not-restricted")

    def test_restricting_does_not_bring_back_what_was_set_aside(self) -> None:
        goal = (
            given(agreed(), SET_ASIDE, do(Goal.restrict, TOM, reason="A third party"))
            .when(do(Goal.resume, TOM))
            .then(happened(Goal.Resumed))
        )
        assert goal.visibility is not None
