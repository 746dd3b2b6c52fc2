"""An outcome: what came of a goal, with the person's own comment."""

from typing import Annotated

from services.goals.domain.goal import GOALS_AND_HOPES
from shared.ledger import (
    DERIVED,
    KEEP,
    NEEDS_CODE_OR_TEXT,
    Amendment,
    CanBeSetAside,
    Carries,
    ChangeReason,
    Choice,
    CodedText,
    Creation,
    GoalRef,
    Keep,
    Provenance,
    Refusal,
    Status,
    changes,
    creates,
    must_be_the_persons,
    must_say_something,
    titled,
)
from shared.ledger.codes.care import HEALTHCARE_MATTERS


class OutcomeStatus(Choice):
    """How much of what was wanted came about."""

    FULLY_ACHIEVED = "fully-achieved", "Fully achieved", "All of it was reached."
    PARTIALLY_ACHIEVED = "partially-achieved", "Partially achieved", "Part of it was reached."
    NOT_ACHIEVED = "not-achieved", "Not achieved", "It was not reached."
    ON_GOING = "on-going", "On-going", "It is still being worked on."
    NO_LONGER_APPLICABLE = "no-longer-applicable", "No longer applicable", "It no longer applies."


What = Annotated[
    CodedText,
    titled("Outcome", "What came of the goal, in words or by code."),
    HEALTHCARE_MATTERS,
    Carries(""),
]
Goal = Annotated[GoalRef, titled("Goal", "The goal that it came of.")]
HowFar = Annotated[Status[OutcomeStatus], titled("Status", "How much of it came about.")]
Comment = Annotated[str, titled("The person's comment", "What the person says about it.")]

NEEDS_CODE_OR_TEXT_OF_WHAT = Refusal(
    "outcome-needs-code-or-text",
    "The outcome says nothing",
    "Say what came of it, in words or by code.",
)
COMMENT_IS_THE_PERSONS = Refusal(
    "comment-is-the-persons",
    "Only the person comments as the person",
    "Only the person comments, or somebody on their behalf. Name who said it in "
    "`provenance.stated_by`, or leave the comment out.",
)


@titled("Outcome")
class Outcome(CanBeSetAside):
    """One result of a goal, as it was found; only its origin corrects it."""

    carries = (f"{GOALS_AND_HOPES} > Outcomes",)
    already_out = Refusal(
        "outcome-already-set-aside",
        "The outcome was set aside",
        "This outcome was set aside; resume it first.",
    )
    not_out = Refusal(
        "outcome-not-set-aside",
        "The outcome is not set aside",
        "This outcome is part of the current plan.",
    )

    @titled("Outcome recorded")
    class Recorded(Creation):
        """What came of a goal was recorded."""

        what: What
        goal_id: Goal
        status: HowFar | None = None
        person_comment: Comment | None = None

    @titled("The person commented")
    class PersonCommented(Amendment):
        """The person said what they think of it."""

        person_comment: Annotated[Comment, DERIVED]

    @titled("Outcome corrected")
    class Corrected(Amendment):
        """What was recorded wrongly was put right."""

        reason: ChangeReason
        what: What | Keep = KEEP
        status: HowFar | Keep | None = KEEP

    @creates(Recorded, "Record an outcome")
    @staticmethod
    def record(said: Recorded) -> None:
        """Record what came of a goal."""
        must_say_something(said.what, NEEDS_CODE_OR_TEXT_OF_WHAT, "what")
        if said.person_comment is not None:
            _must_be_their_comment(said.person_comment, said.provenance, "person_comment")

    @changes(PersonCommented, "Add the person's comment")
    def add_person_comment(self, said: PersonCommented, text: Comment) -> PersonCommented:
        """What the person says about it."""
        _must_be_their_comment(text, said.provenance, "text")
        return said.having(person_comment=text)

    @changes(Corrected, "Correct the outcome", of_origin=True)
    def correct(self, said: Corrected) -> None:
        """Put right what was recorded wrongly, and say why."""
        must_say_something(said.what, NEEDS_CODE_OR_TEXT_OF_WHAT, "what")


def _must_be_their_comment(comment: str, provenance: Provenance, field: str) -> None:
    must_be_the_persons(provenance, COMMENT_IS_THE_PERSONS, field)
    must_say_something(comment, NEEDS_CODE_OR_TEXT, field)
