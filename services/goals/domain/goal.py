"""A goal: what the person wants to be able to do, in their own words."""

from typing import Annotated, Final

from shared.ledger import (
    KEEP,
    Amendment,
    CanBeSetAside,
    Carries,
    Choice,
    CodedText,
    Creation,
    EachOnce,
    Keep,
    NeedRef,
    Refusal,
    Score,
    Status,
    StrengthRef,
    Text,
    changes,
    creates,
    must_be_the_persons,
    must_name_one,
    must_say_something,
    titled,
)
from shared.ledger.codes.care import GOAL_STATUSES, GOALS

GOALS_AND_HOPES: Final = "Care and support plan > Needs, concerns or problems > Goals and hopes"
"""The group of the standard that all entries of this section stand in."""


class GoalStatus(Choice):
    """How far a goal has come."""

    NOT_STARTED = "not-started", "Not started", "Nobody has begun on it yet."
    ON_GOING = "on-going", "On-going", "It is being worked on."
    ACHIEVED = "achieved", "Achieved", "It was reached."
    PARTIALLY_ACHIEVED = "partially-achieved", "Partially achieved", "Part of it was reached."
    NOT_ACHIEVED = "not-achieved", "Not achieved", "It was not reached."
    NOT_APPLICABLE = "not-applicable", "Not applicable", "It no longer applies."


Aim = Annotated[
    CodedText, titled("Goal", "What the person wants to be able to do."), GOALS, Carries("")
]
Why = Annotated[Text, titled("Why", "Why it matters to the person.")]
Importance = Annotated[
    Score,
    titled("Importance", "How much it matters to the person, from 1 (least) to 10 (most)."),
    Carries("Goal importance score"),
]
Needs = Annotated[
    tuple[NeedRef, ...], EachOnce(), titled("Needs", "The needs that the goal serves.")
]
Strengths = Annotated[
    tuple[StrengthRef, ...],
    EachOnce(),
    titled("Strengths", "The strengths that the goal builds on."),
]
HowFar = Annotated[
    Status[GoalStatus],
    titled("Status", "How far the goal has come."),
    GOAL_STATUSES,
    Carries("Goal status"),
]

NEEDS_AN_AIM = Refusal(
    "goal-needs-an-aim", "The goal says nothing", "Say what the goal is, in words or by code."
)
NEEDS_A_NEED = Refusal(
    "goal-needs-a-need", "The goal serves no need", "Name the need, or the needs, that it serves."
)
IMPORTANCE_IS_THE_PERSONS = Refusal(
    "importance-is-the-persons",
    "Only the person says how much it matters",
    "Only the person, or somebody on their behalf, says how important a goal is. "
    "Name who said it in `provenance.stated_by`, or leave the importance out.",
)


@titled("Goal")
class Goal(CanBeSetAside):
    """What the person wants to be able to do, agreed with them, until it is set aside."""

    carries = (GOALS_AND_HOPES,)
    already_out = Refusal(
        "goal-already-set-aside",
        "The goal was set aside",
        "This goal was set aside; resume it first.",
    )
    not_out = Refusal(
        "goal-not-set-aside", "The goal is not set aside", "This goal is part of the current plan."
    )

    @titled("Goal agreed")
    class Agreed(Creation):
        """A goal was agreed with the person."""

        aim: Aim
        need_ids: Needs
        why: Why | None = None
        importance: Importance | None = None
        strength_ids: Strengths = ()

    @titled("Goal reworded")
    class Reworded(Amendment):
        """The goal, or why it matters, was said better."""

        aim: Aim | Keep = KEEP
        why: Why | Keep | None = KEEP

    @titled("Importance stated")
    class Weighed(Amendment):
        """The person said how much the goal matters to them."""

        importance: Importance | None

    @titled("Goal linked")
    class Linked(Amendment):
        """The goal serves other needs, or builds on other strengths."""

        need_ids: Needs | Keep = KEEP
        strength_ids: Strengths | Keep | None = KEEP

    @titled("Status recorded")
    class StatusRecorded(Amendment):
        """How far the goal has come was recorded."""

        status: HowFar | None

    @creates(Agreed, "Agree a goal")
    @staticmethod
    def agree(said: Agreed) -> None:
        """Agree a goal with the person."""
        must_say_something(said.aim, NEEDS_AN_AIM, "aim")
        must_name_one(said.need_ids, NEEDS_A_NEED, "need_ids")
        if said.importance is not None:
            must_be_the_persons(said.provenance, IMPORTANCE_IS_THE_PERSONS, "importance")

    @changes(Reworded, "Reword the goal")
    def reword(self, said: Reworded) -> None:
        """Say it better."""
        must_say_something(said.aim, NEEDS_AN_AIM, "aim")

    @changes(Weighed, "Say how important it is", persons=IMPORTANCE_IS_THE_PERSONS)
    def weigh(self, said: Weighed) -> None:
        """How much it matters to the person, which nobody else can say."""

    @changes(Linked, "Link the goal")
    def link(self, said: Linked) -> None:
        """Name the needs it serves and the strengths it builds on."""
        must_name_one(said.need_ids, NEEDS_A_NEED, "need_ids")

    @changes(StatusRecorded, "Record the status")
    def record_status(self, said: StatusRecorded) -> None:
        """How far it has come."""
