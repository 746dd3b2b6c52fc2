from uuid import uuid4

import pytest

from services.goals.domain import StageGoal
from shared.ledger import ActionRef, CodedText, GoalRef, Status
from shared.testing.people import EDITH, TOM
from shared.testing.scenario import Step, do, given, happened

AIM = CodedText("Walk to the corner with frame")
GOAL = GoalRef("goals", uuid4())
ACTION = ActionRef("goals", uuid4())
AGREED = do(StageGoal.agree, EDITH, aim=AIM, goal_id=GOAL)
SET_ASIDE = do(StageGoal.set_aside, TOM, reason="Reached")


def test_agree() -> None:
    given().when(do(StageGoal.agree, EDITH, aim=AIM, goal_id=GOAL, action_ids=(ACTION,))).then(
        happened(StageGoal.Agreed, aim=AIM, goal_id=GOAL, action_ids=(ACTION,))
    )


def test_agree_is_refused_without_an_aim() -> None:
    given().when(do(StageGoal.agree, TOM, aim=CodedText(), goal_id=GOAL)).refused(
        "stage-goal-needs-an-aim", "aim"
    )


def test_reword() -> None:
    given(AGREED).when(do(StageGoal.reword, TOM, action_ids=(ACTION,))).then(
        happened(StageGoal.Reworded, action_ids=(ACTION,))
    )
    given(AGREED).when(do(StageGoal.reword, TOM, aim=CodedText(" "))).refused(
        "stage-goal-needs-an-aim"
    )


def test_record_what_came_of_it() -> None:
    content = {"outcome": CodedText("Done on 20 September"), "status": Status("achieved")}
    given(AGREED).when(do(StageGoal.record_outcome, TOM, **content)).then(
        happened(StageGoal.OutcomeRecorded, **content)
    )
    given(AGREED).when(do(StageGoal.record_outcome, TOM, outcome=CodedText(""))).refused(
        "needs-code-or-text", "outcome"
    )


def test_set_aside_and_resume() -> None:
    given(AGREED).when(SET_ASIDE).then(happened(StageGoal.SetAside, reason="Reached"))
    given(AGREED).when(do(StageGoal.set_aside, TOM)).refused("reason-missing")
    given(AGREED, SET_ASIDE).when(do(StageGoal.resume, TOM)).then(happened(StageGoal.Resumed))
    given(AGREED).when(do(StageGoal.resume, TOM)).refused("stage-goal-not-set-aside")


@pytest.mark.parametrize(
    "step",
    [
        do(StageGoal.reword, TOM, aim=AIM),
        do(StageGoal.record_outcome, TOM, status=Status("achieved")),
        SET_ASIDE,
    ],
    ids=lambda step: step.method.__name__,
)
def test_nothing_else_follows_on_what_was_set_aside(step: Step) -> None:
    given(AGREED, SET_ASIDE).when(step).refused("stage-goal-already-set-aside")
