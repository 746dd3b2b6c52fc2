"""A review: when the plan or a part of it is looked at again, by whom, and what came of it."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any
from uuid import UUID, uuid5

from eventsourcing.domain import event

from services.stewardship.domain.review_parts import (
    Cause,
    DueOn,
    HeldReview,
    HeldReviews,
    Interval,
    Lead,
    ReviewCause,
    ReviewKind,
    Subject,
    WhoSeesToIt,
    party_of,
)
from shared.ledger import (
    DERIVED,
    ENDS_BEFORE_IT_STARTS,
    KEEP,
    PERSON,
    PROFESSIONAL,
    PROXY,
    ROLE_MAY_NOT,
    Amendment,
    ChangeReason,
    Creation,
    Entry,
    EntryRef,
    Keep,
    Party,
    Provenance,
    Refusal,
    Refused,
    Responsible,
    Restoration,
    Text,
    Withdrawal,
    changes,
    creates,
    day_in_london,
    item_id,
    restores,
    titled,
    withdraws,
)

REVIEW_ALREADY_PLANNED = Refusal(
    "review-already-planned",
    "Its review is planned already",
    "There is one review of each subject. Change the one that there is.",
)
NEEDS_A_DATE_OR_INTERVAL = Refusal(
    "review-needs-a-date-or-interval",
    "It does not say when",
    "Give the day in `due_on`, or an `interval` such as P6M.",
)
NEEDS_A_RESPONSIBLE_PERSON = Refusal(
    "review-needs-a-responsible-person",
    "Nobody has to see to it",
    "Say in `responsible` who has to see to it: a name, a role or a contact of the care team.",
)
ONLY_THE_PERSON_REQUESTS = Refusal(
    "only-the-person-requests",
    "Only the person asks for a review",
    "The person asks, or somebody on their behalf. Others plan one.",
)
HELD_IN_THE_FUTURE = Refusal(
    "review-held-in-the-future",
    "It has not been held yet",
    "`held_on` must not be later than today.",
)
NEXT_IS_LATER = "`next` must be later than `held_on`: it is the day when it is due again."
HAND_IT_OVER_FIRST = "Nobody has to see to it yet: hand the review over first, or leave `next` out."
LEAD_BELONGS_TO_THE_PLAN = Refusal(
    "lead-belongs-to-the-review-of-the-plan",
    "Only the plan has a lead",
    "Appoint the lead on the review whose subject is the plan.",
)

_ANYBODY = (PERSON, PROXY, PROFESSIONAL)


class Begun(Creation):
    """The first event of a review: it says what is reviewed."""

    subject: Subject

    def apply(self, aggregate: Any) -> None:
        """Remember whether it is the plan's own."""
        super().apply(aggregate)
        aggregate.is_of_the_plan = self.subject == "plan"


@titled("Review")
class Review(Entry):
    """The one review of the plan or of a part of it, with all that were held."""

    carries = (
        "Care and support plan",
        "Contingency/safety plans",
        "Additional support plans",
    )
    may_contribute = (PROFESSIONAL,)
    already_exists = REVIEW_ALREADY_PLANNED
    already_out = Refusal(
        "review-stopped",
        "The review was stopped",
        "This review was stopped; resume it first. The person asks for it by `review-ask-again`.",
    )
    not_out = Refusal(
        "review-not-stopped",
        "The review is not stopped",
        "This review is part of the current plan.",
    )

    @titled("Review planned")
    class Planned(Begun):
        """Somebody answers for it that it is looked at again."""

        responsible: WhoSeesToIt
        due_on: DueOn | None = None
        interval: Interval | None = None
        cause: Cause = ReviewCause.PLANNED

    @titled("Review requested")
    class Requested(Begun):
        """The person asked for a review of what has none yet."""

        reason: ChangeReason
        cause: Annotated[Cause, DERIVED] = ReviewCause.REQUESTED

    @titled("Review asked for")
    class AskedFor(Amendment):
        """The person asked for a review that is planned already."""

        reason: ChangeReason
        cause: Annotated[Cause, DERIVED] = ReviewCause.REQUESTED

    @titled("Review rescheduled")
    class Rescheduled(Amendment):
        """It is due at another time."""

        reason: ChangeReason
        due_on: DueOn | Keep | None = KEEP
        interval: Interval | Keep | None = KEEP
        responsible: WhoSeesToIt | Keep = KEEP

    @titled("Review handed over")
    class HandedOver(Amendment):
        """Somebody else has to see to it."""

        responsible: WhoSeesToIt

    @titled("Review held")
    class Held(Amendment):
        """It was held; when it is due again stands beside it."""

        held: Annotated[HeldReviews, DERIVED]
        due_on: Annotated[DueOn | None, DERIVED]

    @titled("Lead appointed")
    class LeadAppointed(Amendment):
        """A professional leads the plan."""

        lead: Lead

    @titled("Review stopped")
    class Stopped(Withdrawal):
        """It is no longer reviewed."""

        reason: ChangeReason

    @titled("Review resumed")
    class Resumed(Restoration):
        """It is reviewed again."""

        due_on: DueOn | Keep | None = KEEP
        interval: Interval | Keep | None = KEEP
        responsible: WhoSeesToIt | Keep = KEEP

    @titled("Review asked for again")
    class AskedForAgain(Restoration):
        """The person asked for a review that was stopped; it is due as it was then."""

        reason: ChangeReason
        cause: Annotated[Cause, DERIVED] = ReviewCause.REQUESTED

    @classmethod
    def id_following_from(cls, plan_id: UUID, said: Mapping[str, Any]) -> UUID | None:
        """One of each subject: the id follows from the plan and the subject."""
        subject = said.get("subject")
        if isinstance(subject, EntryRef):
            return uuid5(plan_id, f"review/{subject.section}/{subject.entry_id}")
        return uuid5(plan_id, f"review/{subject}") if subject is not None else None

    @creates(Planned, "Plan a review")
    @staticmethod
    def plan(said: Planned) -> None:
        """Say when it is looked at again, and who sees to it."""
        _must_say_when(said.due_on, said.interval)
        _must_name_somebody(said.responsible)

    @creates(Requested, "Request a review", by=_ANYBODY, persons=ONLY_THE_PERSON_REQUESTS)
    @staticmethod
    def request(said: Requested) -> None:
        """Ask for a review of what has none yet."""

    @changes(AskedFor, "Ask for a review", by=_ANYBODY, persons=ONLY_THE_PERSON_REQUESTS)
    def ask_for(self, said: AskedFor) -> None:
        """Ask that one which is planned be held sooner."""

    @restores(AskedForAgain, "Ask for it again", by=_ANYBODY, persons=ONLY_THE_PERSON_REQUESTS)
    def ask_again(self, said: AskedForAgain) -> None:
        """Ask for one that was stopped, which puts it back; it is due as it was then."""

    @changes(Rescheduled, "Reschedule the review")
    def reschedule(self, said: Rescheduled) -> None:
        """Let it be due on another day, or more or less often; what is not given stays.

        Of a review that was requested nobody answers yet: say who does in `responsible`.
        """
        self._must_still_be_due(said)

    @changes(HandedOver, "Hand the review over")
    def hand_over(self, said: HandedOver) -> None:
        """Let somebody else see to it."""
        _must_name_somebody(said.responsible)

    @changes(Held, "Hold the review")
    def hold(
        self,
        said: Held,
        held_on: Annotated[date, titled("Held on", "The day it was held.")],
        kind: Annotated[ReviewKind, titled("Kind", "How it was held.")],
        outcome: Annotated[Text, titled("Outcome", "What came of it.")] | None = None,
        next: Annotated[date, titled("Next", "The day it is due again, later than `held_on`.")]
        | None = None,
    ) -> Held:
        """Write down that it was held; it is due again on `next`, or after the interval."""
        if held_on > day_in_london(said.timestamp):
            raise Refused(HELD_IN_THE_FUTURE, field="held_on")
        if next is not None and next <= held_on:
            raise Refused(ENDS_BEFORE_IT_STARTS, NEXT_IS_LATER, field="next")
        if next is not None and not self.is_seen_to:
            raise Refused(NEEDS_A_RESPONSIBLE_PERSON, HAND_IT_OVER_FIRST, field="next")
        named = item_id(said.provenance.contribution_id, "held/0")
        held = HeldReview(held_on, kind, party_of(said.provenance.stated_by), outcome, next, named)
        return said.having(held=(*self.held, held), due_on=next)

    @changes(LeadAppointed, "Appoint the lead")
    def appoint_lead(self, said: LeadAppointed) -> None:
        """Name who leads the plan; the organisation of the present lead passes it on."""
        if not self.is_of_the_plan:
            raise Refused(LEAD_BELONGS_TO_THE_PLAN)
        if self.leads not in (None, said.provenance.organisation_code):
            raise Refused(ROLE_MAY_NOT, "The organisation of the present lead appoints the next.")
        if said.lead.is_empty:
            raise Refused(NEEDS_A_RESPONSIBLE_PERSON, "Say who leads the plan.", field="lead")

    @withdraws(Stopped, "Stop reviewing")
    def stop(self, said: Stopped) -> None:
        """It is no longer reviewed; ``resume`` undoes it."""

    @restores(Resumed, "Resume reviewing")
    def resume(self, said: Resumed) -> None:
        """It is reviewed again, on this day or this often; what is not given is as it was."""
        self._must_still_be_due(said)

    def _must_still_be_due(self, said: Rescheduled | Resumed) -> None:
        _must_say_when(
            self.due_on if said.due_on is KEEP else said.due_on,
            self.interval if said.interval is KEEP else said.interval,
        )
        if said.responsible is not KEEP:
            _must_name_somebody(said.responsible)
        elif not self.is_seen_to:
            raise Refused(NEEDS_A_RESPONSIBLE_PERSON, field="responsible")

    held: tuple[HeldReview, ...] = ()
    leads: str | None = None
    """The organisation of the present lead; where it has no code, the one that appointed them."""
    is_of_the_plan: bool = False
    is_seen_to: bool = False
    """True once somebody is named who has to see to it."""
    due_on: date | None = None
    interval: str | None = None

    @event(Planned)
    def __init__(
        self,
        due_on: date | None = None,
        interval: str | None = None,
        responsible: Responsible | None = None,
    ) -> None:
        self.due_on, self.interval = due_on, interval
        self.is_seen_to = responsible is not None

    @event(Rescheduled)
    def _apply_rescheduled(
        self,
        due_on: date | Keep | None,
        interval: str | Keep | None,
        responsible: Responsible | Keep,
    ) -> None:
        self._remember(due_on, interval, responsible)

    @event(Resumed)
    def _apply_resumed(
        self,
        due_on: date | Keep | None,
        interval: str | Keep | None,
        responsible: Responsible | Keep,
    ) -> None:
        self._remember(due_on, interval, responsible)

    def _remember(
        self,
        due_on: date | Keep | None,
        interval: str | Keep | None,
        responsible: Responsible | Keep,
    ) -> None:
        self.due_on = self.due_on if due_on is KEEP else due_on
        self.interval = self.interval if interval is KEEP else interval
        self.is_seen_to = self.is_seen_to or responsible is not KEEP

    @event(HandedOver)
    def _apply_handed_over(self) -> None:
        self.is_seen_to = True

    @event(Held)
    def _apply_held(self, held: tuple[HeldReview, ...], due_on: date | None) -> None:
        self.held, self.due_on = held, due_on

    @event(LeadAppointed)
    def _apply_lead(self, lead: Party, provenance: Provenance) -> None:
        named = lead.organisation.code if lead.organisation is not None else None
        self.leads = named or provenance.organisation_code


def _must_say_when(due_on: date | None, interval: str | None) -> None:
    if due_on is None and interval is None:
        raise Refused(NEEDS_A_DATE_OR_INTERVAL, field="due_on")


def _must_name_somebody(responsible: Responsible) -> None:
    if responsible.is_empty:
        raise Refused(NEEDS_A_RESPONSIBLE_PERSON, field="responsible")
