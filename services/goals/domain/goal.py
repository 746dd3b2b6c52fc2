"""A goal: what the person wants to be able to do, in their own words."""

from typing import Literal, Self

from eventsourcing.domain import event

from shared.ledger import (
    KEEP,
    Change,
    CodedText,
    Entry,
    Keep,
    NeedRef,
    Provenance,
    Refused,
    Score,
    Status,
    StrengthRef,
    Text,
    need_reason,
)

GoalStatus = Literal[
    "not-started",
    "on-going",
    "achieved",
    "partially-achieved",
    "not-achieved",
    "not-applicable",
]


class Goal(Entry):
    """One goal, agreed with the person, until it is set aside."""

    class Agreed(Entry.Creation):
        change = Change.CREATED
        aim: CodedText
        need_ids: tuple[NeedRef, ...]
        why: Text | None = None
        importance: Score | None = None
        strength_ids: tuple[StrengthRef, ...] = ()

    class Reworded(Entry.Event):
        change = Change.AMENDED
        aim: CodedText | Keep = KEEP
        why: Text | Keep | None = KEEP

    class Weighed(Entry.Event):
        change = Change.AMENDED
        importance: Score | None

    class Linked(Entry.Event):
        change = Change.AMENDED
        need_ids: tuple[NeedRef, ...] | Keep = KEEP
        strength_ids: tuple[StrengthRef, ...] | Keep | None = KEEP

    class StatusRecorded(Entry.Event):
        change = Change.AMENDED
        status: Status[GoalStatus] | None

    class SetAside(Entry.Event):
        change = Change.WITHDRAWN
        reason: str

    class Resumed(Entry.Event):
        change = Change.RESTORED

    @classmethod
    def agree(
        cls,
        provenance: Provenance,
        aim: CodedText,
        need_ids: tuple[NeedRef, ...],
        why: Text | None = None,
        importance: Score | None = None,
        strength_ids: tuple[StrengthRef, ...] = (),
    ) -> Self:
        """Agree a goal with the person."""
        _must_say_something(aim)
        _must_name_needs(need_ids)
        _must_be_theirs(importance, provenance)
        return cls._create(
            cls.Agreed,
            aim=aim,
            need_ids=need_ids,
            why=why,
            importance=importance,
            strength_ids=strength_ids,
            provenance=provenance,
        )

    def reword(
        self,
        provenance: Provenance,
        aim: CodedText | Keep = KEEP,
        why: Text | Keep | None = KEEP,
    ) -> None:
        """Say it better."""
        self._must_be_current()
        if aim is not KEEP:
            _must_say_something(aim)
        self.trigger_event(self.Reworded, aim=aim, why=why, provenance=provenance)

    def weigh(self, provenance: Provenance, importance: Score | None) -> None:
        """How much it matters to the person, which nobody else can say."""
        self._must_be_current()
        if not provenance.is_the_persons:
            raise _not_theirs()
        self.trigger_event(self.Weighed, importance=importance, provenance=provenance)

    def link(
        self,
        provenance: Provenance,
        need_ids: tuple[NeedRef, ...] | Keep = KEEP,
        strength_ids: tuple[StrengthRef, ...] | Keep | None = KEEP,
    ) -> None:
        """Name the needs it serves and the strengths it builds on."""
        self._must_be_current()
        if need_ids is not KEEP:
            _must_name_needs(need_ids)
        self.trigger_event(
            self.Linked, need_ids=need_ids, strength_ids=strength_ids, provenance=provenance
        )

    def record_status(self, provenance: Provenance, status: Status[GoalStatus] | None) -> None:
        """How far it has come."""
        self._must_be_current()
        self.trigger_event(self.StatusRecorded, status=status, provenance=provenance)

    def set_aside(self, provenance: Provenance, reason: str | None = None) -> None:
        """Take it out of the current plan; its actions stay, and ``resume`` undoes it."""
        self._must_be_current()
        self.trigger_event(self.SetAside, reason=need_reason(reason), provenance=provenance)

    def resume(self, provenance: Provenance) -> None:
        """Put it back."""
        if not self.is_set_aside:
            raise Refused("goal-not-set-aside", "This goal is part of the current plan.")
        self.trigger_event(self.Resumed, provenance=provenance)

    def _must_be_current(self) -> None:
        if self.is_set_aside:
            raise Refused("goal-already-set-aside", "This goal was set aside; resume it first.")

    @event(Agreed)
    def __init__(self) -> None:
        self.is_set_aside = False

    @event(SetAside)
    def _apply_set_aside(self) -> None:
        self.is_set_aside = True

    @event(Resumed)
    def _apply_resumed(self) -> None:
        self.is_set_aside = False


def _must_say_something(aim: CodedText) -> None:
    if aim.is_empty:
        raise Refused(
            "goal-needs-an-aim", "Say what the goal is, in words or by code.", field="aim"
        )


def _must_be_theirs(importance: Score | None, provenance: Provenance) -> None:
    if importance is not None and not provenance.is_the_persons:
        raise _not_theirs()


def _not_theirs() -> Refused:
    return Refused(
        "importance-is-the-persons",
        "Only the person, or somebody on their behalf, says how important a goal is. "
        "Name who said it in `provenance.stated_by`, or leave the importance out.",
        field="importance",
    )


def _must_name_needs(need_ids: tuple[NeedRef, ...]) -> None:
    if not need_ids:
        raise Refused(
            "goal-needs-a-need", "Name the need, or the needs, that it serves.", field="need_ids"
        )
