"""A stage goal: a nearer goal on the way to a goal, and what came of it."""

from typing import Annotated

from services.goals.domain.goal import GOALS_AND_HOPES, GoalStatus
from shared.ledger import (
    KEEP,
    NEEDS_CODE_OR_TEXT,
    ActionRef,
    Amendment,
    CanBeSetAside,
    Carries,
    CodedText,
    Creation,
    EachOnce,
    GoalRef,
    Keep,
    Refusal,
    Status,
    changes,
    creates,
    must_say_something,
    titled,
)
from shared.ledger.codes.care import GOAL_STATUSES, GOALS, HEALTHCARE_MATTERS

Aim = Annotated[
    CodedText,
    titled("Stage goal", "What is to be reached on the way to the goal."),
    GOALS,
    Carries("Stage goal"),
]
Goal = Annotated[GoalRef, titled("Goal", "The goal that it is a stage of.")]
Actions = Annotated[
    tuple[ActionRef, ...], EachOnce(), titled("Actions", "The actions that serve this stage.")
]
CameOfIt = Annotated[
    CodedText, titled("Outcome", "What came of it."), HEALTHCARE_MATTERS, Carries("Outcome")
]
HowFar = Annotated[
    Status[GoalStatus],
    titled("Status", "How far this stage has come."),
    GOAL_STATUSES,
    Carries("Goal status"),
]

NEEDS_AN_AIM = Refusal(
    "stage-goal-needs-an-aim",
    "The stage goal says nothing",
    "Say what the stage is, in words or by code.",
)


@titled("Stage goal")
class StageGoal(CanBeSetAside):
    """One stage on the way to a goal, with the actions that serve it, until it is set aside."""

    carries = (f"{GOALS_AND_HOPES} > Actions and activities > Stage goal",)
    already_out = Refusal(
        "stage-goal-already-set-aside",
        "The stage goal was set aside",
        "This stage was set aside; resume it first.",
    )
    not_out = Refusal(
        "stage-goal-not-set-aside",
        "The stage goal is not set aside",
        "This stage is part of the current plan.",
    )

    @titled("Stage goal agreed")
    class Agreed(Creation):
        """A stage on the way to a goal was agreed with the person."""

        aim: Aim
        goal_id: Goal
        action_ids: Actions = ()

    @titled("Stage goal reworded")
    class Reworded(Amendment):
        """The stage was said better, or other actions serve it."""

        aim: Aim | Keep = KEEP
        action_ids: Actions | Keep | None = KEEP

    @titled("Outcome recorded")
    class OutcomeRecorded(Amendment):
        """What came of the stage was recorded."""

        outcome: CameOfIt | Keep | None = KEEP
        status: HowFar | Keep | None = KEEP

    @creates(Agreed, "Agree a stage goal")
    @staticmethod
    def agree(said: Agreed) -> None:
        """Agree a stage of a goal."""
        must_say_something(said.aim, NEEDS_AN_AIM, "aim")

    @changes(Reworded, "Reword the stage goal")
    def reword(self, said: Reworded) -> None:
        """Say it better, or name the actions that serve it."""
        must_say_something(said.aim, NEEDS_AN_AIM, "aim")

    @changes(OutcomeRecorded, "Record what came of it")
    def record_outcome(self, said: OutcomeRecorded) -> None:
        """What came of it."""
        must_say_something(said.outcome, NEEDS_CODE_OR_TEXT, "outcome")
