"""A stage goal: a nearer goal on the way to a goal, and what came of it."""

from typing import Self

from eventsourcing.domain import event

from services.goals.domain.goal import GoalStatus
from shared.ledger import (
    KEEP,
    ActionRef,
    Change,
    CodedText,
    Entry,
    GoalRef,
    Keep,
    Provenance,
    Refused,
    Status,
    need_reason,
)


class StageGoal(Entry):
    """One stage on the way to a goal, with the actions that serve it, until it is set aside."""

    class Agreed(Entry.Creation):
        change = Change.CREATED
        aim: CodedText
        goal_id: GoalRef
        action_ids: tuple[ActionRef, ...] = ()

    class Reworded(Entry.Event):
        change = Change.AMENDED
        aim: CodedText | Keep = KEEP
        action_ids: tuple[ActionRef, ...] | Keep | None = KEEP

    class OutcomeRecorded(Entry.Event):
        change = Change.AMENDED
        outcome: CodedText | Keep | None = KEEP
        status: Status[GoalStatus] | Keep | None = KEEP

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
        goal_id: GoalRef,
        action_ids: tuple[ActionRef, ...] = (),
    ) -> Self:
        """Agree a stage of a goal."""
        _must_say_something(aim)
        return cls._create(
            cls.Agreed, aim=aim, goal_id=goal_id, action_ids=action_ids, provenance=provenance
        )

    def reword(
        self,
        provenance: Provenance,
        aim: CodedText | Keep = KEEP,
        action_ids: tuple[ActionRef, ...] | Keep | None = KEEP,
    ) -> None:
        """Say it better, or name the actions that serve it."""
        self._must_be_current()
        if aim is not KEEP:
            _must_say_something(aim)
        self.trigger_event(self.Reworded, aim=aim, action_ids=action_ids, provenance=provenance)

    def record_outcome(
        self,
        provenance: Provenance,
        outcome: CodedText | Keep | None = KEEP,
        status: Status[GoalStatus] | Keep | None = KEEP,
    ) -> None:
        """What came of it."""
        self._must_be_current()
        if outcome is not KEEP and outcome is not None and outcome.is_empty:
            raise Refused("needs-code-or-text", "The outcome says nothing.", field="outcome")
        self.trigger_event(
            self.OutcomeRecorded, outcome=outcome, status=status, provenance=provenance
        )

    def set_aside(self, provenance: Provenance, reason: str | None = None) -> None:
        """Take it out of the current plan; ``resume`` undoes it."""
        self._must_be_current()
        self.trigger_event(self.SetAside, reason=need_reason(reason), provenance=provenance)

    def resume(self, provenance: Provenance) -> None:
        """Put it back."""
        if not self.is_set_aside:
            raise Refused("stage-goal-not-set-aside", "This stage is part of the current plan.")
        self.trigger_event(self.Resumed, provenance=provenance)

    def _must_be_current(self) -> None:
        if self.is_set_aside:
            raise Refused(
                "stage-goal-already-set-aside", "This stage was set aside; resume it first."
            )

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
            "stage-goal-needs-an-aim", "Say what the stage is, in words or by code.", field="aim"
        )
