"""An outcome: what came of a goal, with the person's own comment."""

from typing import Literal, Self

from eventsourcing.domain import event

from shared.ledger import (
    KEEP,
    PERSON,
    Change,
    CodedText,
    Entry,
    GoalRef,
    Keep,
    Provenance,
    Refused,
    Status,
    is_blank,
    need_reason,
)

OutcomeStatus = Literal[
    "fully-achieved", "partially-achieved", "not-achieved", "on-going", "no-longer-applicable"
]


class Outcome(Entry):
    """One result of a goal, as it was found; only its origin corrects it."""

    class Recorded(Entry.Creation):
        change = Change.CREATED
        what: CodedText
        goal_id: GoalRef
        status: Status[OutcomeStatus] | None = None
        person_comment: str | None = None

    class PersonCommented(Entry.Event):
        change = Change.AMENDED
        person_comment: str

    class Corrected(Entry.Event):
        change = Change.AMENDED
        reason: str
        what: CodedText | Keep = KEEP
        status: Status[OutcomeStatus] | Keep | None = KEEP

    @classmethod
    def record(
        cls,
        provenance: Provenance,
        what: CodedText,
        goal_id: GoalRef,
        status: Status[OutcomeStatus] | None = None,
        person_comment: str | None = None,
    ) -> Self:
        """Record what came of a goal."""
        _must_say_something(what)
        if person_comment is not None:
            _must_be_the_persons(person_comment, provenance, "person_comment")
        return cls._create(
            cls.Recorded,
            what=what,
            goal_id=goal_id,
            status=status,
            person_comment=person_comment,
            provenance=provenance,
        )

    def add_person_comment(self, provenance: Provenance, text: str) -> None:
        """What the person says about it."""
        _must_be_the_persons(text, provenance, "text")
        self.trigger_event(self.PersonCommented, person_comment=text, provenance=provenance)

    def correct(
        self,
        provenance: Provenance,
        what: CodedText | Keep = KEEP,
        status: Status[OutcomeStatus] | Keep | None = KEEP,
        reason: str | None = None,
    ) -> None:
        """Put right what was recorded wrongly, and say why."""
        self._must_be_origin(provenance)
        if what is not KEEP:
            _must_say_something(what)
        self.trigger_event(
            self.Corrected,
            what=what,
            status=status,
            reason=need_reason(reason),
            provenance=provenance,
        )

    @event(Recorded)
    def __init__(self) -> None:
        """Nothing of it decides about what follows."""


def _must_be_the_persons(comment: str, provenance: Provenance, field: str) -> None:
    # Not even somebody who acts for them: these are their own words, or there are none.
    if provenance.voice != PERSON:
        raise Refused(
            "comment-is-the-persons",
            "Only the person comments as the person. Name them in `provenance.stated_by` where "
            "these are their words.",
            field=field,
        )
    if is_blank(comment):
        raise Refused("needs-code-or-text", "The comment says nothing.", field=field)


def _must_say_something(what: CodedText) -> None:
    if what.is_empty:
        raise Refused(
            "outcome-needs-code-or-text", "Say what came of it, in words or by code.", field="what"
        )
