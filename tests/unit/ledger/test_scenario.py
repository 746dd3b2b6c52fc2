from collections.abc import Callable
from uuid import uuid4

import pytest

from services.goals.domain import Goal
from shared.ledger import CodedText, NeedRef
from shared.testing.people import TOM
from shared.testing.scenario import do, given, happened

AIM = CodedText("Walk to the shop by myself again")
NEEDS = (NeedRef("needs", uuid4()),)
AGREED = do(Goal.agree, TOM, aim=AIM, need_ids=NEEDS)
HAPPENED = happened(Goal.Agreed, aim=AIM, need_ids=NEEDS)
SET_ASIDE = do(Goal.set_aside, TOM, reason="Moved")


@pytest.mark.parametrize(
    "scenario",
    [
        lambda: given().when(AGREED).then(),
        lambda: given().when(AGREED).then(HAPPENED, HAPPENED),
        lambda: given().when(AGREED).then(happened(Goal.Agreed, aim=CodedText("Run"))),
        lambda: given().when(AGREED).then(happened(Goal.Resumed)),
        lambda: given().when(AGREED).refused("goal-needs-an-aim"),
        lambda: (
            given(AGREED, SET_ASIDE).when(SET_ASIDE).then(happened(Goal.SetAside, reason="Moved"))
        ),
        lambda: given(AGREED, SET_ASIDE).when(SET_ASIDE).refused("goal-not-set-aside"),
        lambda: given(AGREED, SET_ASIDE).when(SET_ASIDE).refused("goal-already-set-aside", "aim"),
    ],
    ids=[
        "an event too many",
        "an event too few",
        "another content",
        "another event",
        "not refused",
        "not accepted",
        "another code",
        "another field",
    ],
)
def test_a_scenario_that_does_not_hold_fails(scenario: Callable[[], object]) -> None:
    with pytest.raises(pytest.fail.Exception):
        scenario()


def test_commands_and_events_may_both_be_given() -> None:
    aside = happened(Goal.SetAside, reason="Moved")
    for past in ((AGREED, SET_ASIDE), (HAPPENED, aside), (AGREED, aside)):
        given(*past).when(SET_ASIDE).refused("goal-already-set-aside")
