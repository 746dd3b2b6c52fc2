"""An action: one step towards a goal, and who is accountable for it."""

from typing import Annotated, Final

from eventsourcing.domain import event

from services.goals.domain.goal import GOALS_AND_HOPES
from shared.ledger import (
    KEEP,
    NEEDS_CODE_OR_TEXT,
    PERSON,
    PROFESSIONAL,
    PROXY,
    REASON_MISSING,
    ROLE_MAY_NOT,
    SYSTEM,
    Amendment,
    CanBeSetAside,
    Carries,
    Choice,
    CodedText,
    Creation,
    EachOnce,
    GoalRef,
    Keep,
    Location,
    PartialDate,
    Party,
    Provenance,
    Refusal,
    Refused,
    Score,
    Status,
    When,
    changes,
    creates,
    is_blank,
    must_be_the_persons,
    must_end_after_it_starts,
    must_name_one,
    must_say_something,
    titled,
)
from shared.ledger.codes.care import ACTION_STATUSES, ACTIONS


class ActionStatus(Choice):
    """How far an action has come."""

    NOT_STARTED = "not-started", "Not started", "Nobody has begun on it yet."
    IN_PROGRESS = "in-progress", "In progress", "It is being done."
    COMPLETED = "completed", "Completed", "It has been done."
    REFUSED = "refused", "Refused", "The person does not want it done; the reason says why."
    NOT_APPLICABLE = (
        "not-applicable",
        "Not applicable",
        "It no longer applies; the reason says why.",
    )


What = Annotated[
    tuple[CodedText, ...],
    titled("What", "What is to be done, in words or by codes."),
    ACTIONS,
    Carries("What"),
]
Goals = Annotated[
    tuple[GoalRef, ...], EachOnce(), titled("Goals", "The goals that the action serves.")
]
Who = Annotated[
    Party,
    titled("Who", "The one person or team that is accountable for its being done."),
    Carries("Who"),
]
Others = Annotated[
    tuple[Party, ...], titled("With", "Who takes part in it without being accountable.")
]
Place = Annotated[Location, titled("Place", "Where it is done.")]
Timing = Annotated[When, titled("When", "When, or how often, it is done."), Carries("When")]
Strategies = Annotated[
    tuple[str, ...],
    titled("Suggested strategies", "What helps to get it done."),
    Carries("Suggested strategies"),
]
HowFar = Annotated[
    Status[ActionStatus],
    titled("Status", "How far the action has come."),
    ACTION_STATUSES,
    Carries("Status"),
]
Confidence = Annotated[
    Score,
    titled("Confidence", "How sure the person is that it will work, from 1 to 10 (most)."),
    Carries("Confidence"),
]
ReviewDate = Annotated[
    PartialDate,
    titled("Review date", "When it is looked at again: a day or a month."),
    Carries("Review date"),
]

NEEDS_CODE_OR_TEXT_OF_WHAT = Refusal(
    "action-needs-code-or-text",
    "The action says nothing",
    "Say what is to be done, in words or by code.",
)
NEEDS_A_GOAL = Refusal(
    "action-needs-a-goal",
    "The action serves no goal",
    "Name the goal, or the goals, that it serves.",
)
NEEDS_ONE_ACCOUNTABLE_PARTY = Refusal(
    "action-needs-one-accountable-party",
    "Nobody is accountable",
    "Name the one person or team that is accountable.",
)
CONFIDENCE_IS_THE_PERSONS = Refusal(
    "confidence-is-the-persons",
    "Only the person says how confident they are",
    "Only the person, or somebody on their behalf, says how confident they are. "
    "Name who said it in `provenance.stated_by`, or leave the confidence out.",
)

_NEED_A_REASON: Final = (ActionStatus.REFUSED, ActionStatus.NOT_APPLICABLE)


@titled("Action")
class Action(CanBeSetAside):
    """One step towards one goal or several, until it is set aside."""

    carries = (f"{GOALS_AND_HOPES} > Actions and activities",)
    already_out = Refusal(
        "action-already-set-aside",
        "The action was set aside",
        "This action was set aside; resume it first.",
    )
    not_out = Refusal(
        "action-not-set-aside",
        "The action is not set aside",
        "This action is part of the current plan.",
    )

    @titled("Action planned")
    class Planned(Creation):
        """A step towards a goal was planned."""

        what: What
        goal_ids: Goals
        who: Who | None = None
        with_: Others = ()
        place: Place | None = None
        when: Timing | None = None
        strategies: Strategies = ()
        status: HowFar | None = None
        confidence: Confidence | None = None
        review_date: ReviewDate | None = None

    @titled("Action reworded")
    class Reworded(Amendment):
        """What is to be done, or how, was said better."""

        what: What | Keep = KEEP
        strategies: Strategies | Keep | None = KEEP

    @titled("Action assigned")
    class Assigned(Amendment):
        """Somebody is accountable for it from now on."""

        who: Who
        with_: Others | Keep | None = KEEP

    @titled("Action scheduled")
    class Scheduled(Amendment):
        """When and where it is done, or when it is looked at again, was said."""

        when: Timing | Keep | None = KEEP
        place: Place | Keep | None = KEEP
        review_date: ReviewDate | Keep | None = KEEP

    @titled("Progress recorded")
    class ProgressRecorded(Amendment):
        """How far it has come was recorded."""

        status: HowFar | None

    @titled("Confidence stated")
    class ConfidenceRated(Amendment):
        """The person said how sure they are that it will work."""

        confidence: Confidence | None

    @titled("Action reattached")
    class Reattached(Amendment):
        """It serves other goals."""

        goal_ids: Goals

    @creates(Planned, "Plan an action")
    @staticmethod
    def plan(said: Planned) -> None:
        """Plan a step; who is accountable may follow, the goal may not."""
        must_name_one(said.what, NEEDS_CODE_OR_TEXT_OF_WHAT, "what")
        must_name_one(said.goal_ids, NEEDS_A_GOAL, "goal_ids")
        must_say_something(said.who, NEEDS_ONE_ACCOUNTABLE_PARTY, "who")
        must_say_something(said.with_, NEEDS_CODE_OR_TEXT, "with")
        _must_not_end_early(said.when)
        must_say_something(said.strategies, NEEDS_CODE_OR_TEXT, "strategies")
        _must_say_why(said.status)
        if said.confidence is not None:
            must_be_the_persons(said.provenance, CONFIDENCE_IS_THE_PERSONS, "confidence")

    @changes(Reworded, "Reword the action")
    def reword(self, said: Reworded) -> None:
        """Say better what is to be done, or how."""
        must_name_one(said.what, NEEDS_CODE_OR_TEXT_OF_WHAT, "what")
        must_say_something(said.strategies, NEEDS_CODE_OR_TEXT, "strategies")

    @changes(Assigned, "Assign the action")
    def assign(self, said: Assigned) -> None:
        """Make one party accountable: a person or a team, never several and never nobody."""
        must_say_something(said.who, NEEDS_ONE_ACCOUNTABLE_PARTY, "who")
        must_say_something(said.with_, NEEDS_CODE_OR_TEXT, "with")

    @changes(Scheduled, "Schedule the action")
    def schedule(self, said: Scheduled) -> None:
        """Say when and where it happens, and when it is looked at again."""
        _must_not_end_early(said.when)

    # A system speaks for itself here where its organisation is accountable.
    @changes(ProgressRecorded, "Record progress", by=(PERSON, PROXY, PROFESSIONAL, SYSTEM))
    def record_progress(self, said: ProgressRecorded) -> None:
        """How far it has come; where the person refuses it, or it does not apply, also why."""
        if said.provenance.voice == SYSTEM and not self._answers_for_it(said.provenance):
            raise Refused(
                ROLE_MAY_NOT,
                "A system by itself reports only for the organisation that is accountable.",
            )
        _must_say_why(said.status)

    @changes(ConfidenceRated, "Say how confident the person is", persons=CONFIDENCE_IS_THE_PERSONS)
    def rate_confidence(self, said: ConfidenceRated) -> None:
        """How sure the person is that it will work, which nobody else can say."""

    @changes(Reattached, "Attach the action to other goals", while_out=True)
    def reattach(self, said: Reattached) -> None:
        """Let it serve other goals, for instance when its own was set aside."""
        must_name_one(said.goal_ids, NEEDS_A_GOAL, "goal_ids")

    def _answers_for_it(self, provenance: Provenance) -> bool:
        return self.accountable is not None and provenance.organisation_code == self.accountable

    @event(Planned)
    def __init__(self, who: Party | None = None) -> None:
        self.accountable = _organisation_of(who)

    @event(Assigned)
    def _apply_assigned(self, who: Party) -> None:
        self.accountable = _organisation_of(who)


def _organisation_of(who: Party | None) -> str | None:
    """The code of the organisation that is accountable, where there is one."""
    return who.organisation.code if who is not None and who.organisation is not None else None


def _must_not_end_early(when: When | Keep | None) -> None:
    if isinstance(when, When) and when.period is not None:
        must_end_after_it_starts(when.period.start, when.period.end, "when.period")


def _must_say_why(status: Status[ActionStatus] | None) -> None:
    if status is not None and status.value in _NEED_A_REASON and is_blank(status.reason):
        raise Refused(
            REASON_MISSING, "Say why it is refused or does not apply.", field="status.reason"
        )
