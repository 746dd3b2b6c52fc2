"""An action: one step towards a goal, and who is accountable for it."""

from typing import ClassVar, Self

from eventsourcing.domain import event

from services.goals.domain.action_rules import (
    ActionStatus,
    must_be_somebody,
    must_be_theirs,
    must_name_goals,
    must_not_end_early,
    must_say_how,
    must_say_what,
    must_say_why,
    organisation_of,
)
from shared.ledger import (
    KEEP,
    PERSON,
    PROFESSIONAL,
    PROXY,
    SYSTEM,
    Change,
    CodedText,
    Entry,
    GoalRef,
    Keep,
    Location,
    MayContribute,
    PartialDate,
    Party,
    Provenance,
    Refused,
    Score,
    Status,
    When,
    need_reason,
)


class Action(Entry):
    """One step towards one goal or several, until it is set aside."""

    may_contribute: ClassVar[MayContribute] = {
        "*": (PERSON, PROXY, PROFESSIONAL),
        # A system speaks for itself here where its organisation is accountable, see below.
        "record_progress": (PERSON, PROXY, PROFESSIONAL, SYSTEM),
    }

    class Planned(Entry.Creation):
        change = Change.CREATED
        what: tuple[CodedText, ...]
        goal_ids: tuple[GoalRef, ...]
        who: Party | None = None
        place: Location | None = None
        when: When | None = None
        strategies: tuple[str, ...] = ()
        status: Status[ActionStatus] | None = None
        confidence: Score | None = None
        review_date: PartialDate | None = None

    class Reworded(Entry.Event):
        change = Change.AMENDED
        what: tuple[CodedText, ...] | Keep = KEEP
        strategies: tuple[str, ...] | Keep | None = KEEP

    class Assigned(Entry.Event):
        change = Change.AMENDED
        who: Party

    class Scheduled(Entry.Event):
        change = Change.AMENDED
        when: When | Keep | None = KEEP
        review_date: PartialDate | Keep | None = KEEP

    class ProgressRecorded(Entry.Event):
        change = Change.AMENDED
        status: Status[ActionStatus] | None

    class ConfidenceRated(Entry.Event):
        change = Change.AMENDED
        confidence: Score | None

    class Reattached(Entry.Event):
        change = Change.AMENDED
        goal_ids: tuple[GoalRef, ...]

    class SetAside(Entry.Event):
        change = Change.WITHDRAWN
        reason: str

    class Resumed(Entry.Event):
        change = Change.RESTORED

    @classmethod
    def plan(
        cls,
        provenance: Provenance,
        what: tuple[CodedText, ...],
        goal_ids: tuple[GoalRef, ...],
        who: Party | None = None,
        place: Location | None = None,
        when: When | None = None,
        strategies: tuple[str, ...] = (),
        status: Status[ActionStatus] | None = None,
        confidence: Score | None = None,
        review_date: PartialDate | None = None,
    ) -> Self:
        """Plan a step; who is accountable may follow, the goal may not."""
        must_say_what(what)
        must_name_goals(goal_ids)
        if who is not None:
            must_be_somebody(who)
        must_not_end_early(when)
        must_say_how(strategies)
        must_say_why(status)
        if confidence is not None:
            must_be_theirs(provenance)
        return cls._create(
            cls.Planned,
            what=what,
            goal_ids=goal_ids,
            who=who,
            place=place,
            when=when,
            strategies=strategies,
            status=status,
            confidence=confidence,
            review_date=review_date,
            provenance=provenance,
        )

    def reword(
        self,
        provenance: Provenance,
        what: tuple[CodedText, ...] | Keep = KEEP,
        strategies: tuple[str, ...] | Keep | None = KEEP,
    ) -> None:
        """Say better what is to be done, or how."""
        self._must_be_current()
        if what is not KEEP:
            must_say_what(what)
        if strategies is not KEEP:
            must_say_how(strategies)
        self.trigger_event(self.Reworded, what=what, strategies=strategies, provenance=provenance)

    def assign(self, provenance: Provenance, who: Party | None) -> None:
        """Make one party accountable: a person or a team, never several and never nobody."""
        self._must_be_current()
        must_be_somebody(who)
        self.trigger_event(self.Assigned, who=who, provenance=provenance)

    def schedule(
        self,
        provenance: Provenance,
        when: When | Keep | None = KEEP,
        review_date: PartialDate | Keep | None = KEEP,
    ) -> None:
        """Say when it happens, and when it is looked at again."""
        self._must_be_current()
        if when is not KEEP:
            must_not_end_early(when)
        self.trigger_event(
            self.Scheduled, when=when, review_date=review_date, provenance=provenance
        )

    def record_progress(self, provenance: Provenance, status: Status[ActionStatus] | None) -> None:
        """How far it has come; where the person refuses it, or it does not apply, also why."""
        self._must_be_current()
        if provenance.voice == SYSTEM and not self._answers_for_it(provenance):
            raise Refused(
                "role-may-not-contribute",
                "A system by itself reports only for the organisation that is accountable.",
            )
        must_say_why(status)
        self.trigger_event(self.ProgressRecorded, status=status, provenance=provenance)

    def rate_confidence(self, provenance: Provenance, confidence: Score | None) -> None:
        """How sure the person is that it will work, which nobody else can say."""
        self._must_be_current()
        must_be_theirs(provenance)
        self.trigger_event(self.ConfidenceRated, confidence=confidence, provenance=provenance)

    def reattach(self, provenance: Provenance, goal_ids: tuple[GoalRef, ...]) -> None:
        """Let it serve other goals, for instance when its own was set aside."""
        must_name_goals(goal_ids)
        self.trigger_event(self.Reattached, goal_ids=goal_ids, provenance=provenance)

    def set_aside(self, provenance: Provenance, reason: str | None = None) -> None:
        """Take it out of the current plan; ``resume`` undoes it."""
        self._must_be_current()
        self.trigger_event(self.SetAside, reason=need_reason(reason), provenance=provenance)

    def resume(self, provenance: Provenance) -> None:
        """Put it back."""
        if not self.is_set_aside:
            raise Refused("action-not-set-aside", "This action is part of the current plan.")
        self.trigger_event(self.Resumed, provenance=provenance)

    def _must_be_current(self) -> None:
        if self.is_set_aside:
            raise Refused("action-already-set-aside", "This action was set aside; resume it first.")

    def _answers_for_it(self, provenance: Provenance) -> bool:
        return self.accountable is not None and provenance.organisation_code == self.accountable

    @event(Planned)
    def __init__(self, who: Party | None = None) -> None:
        self.is_set_aside = False
        self.accountable = organisation_of(who)

    @event(Assigned)
    def _apply_assigned(self, who: Party) -> None:
        self.accountable = organisation_of(who)

    @event(SetAside)
    def _apply_set_aside(self) -> None:
        self.is_set_aside = True

    @event(Resumed)
    def _apply_resumed(self) -> None:
        self.is_set_aside = False
