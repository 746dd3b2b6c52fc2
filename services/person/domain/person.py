"""The person of a plan: the entry that opens it, and that says who it is about."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Annotated, Any, ClassVar
from uuid import UUID

from eventsourcing.domain import event

from services.person.domain.demographics import (
    Address,
    GpPractice,
    NhsNumber,
    OtherIdentifier,
    PlanState,
    Source,
)
from services.person.domain.events import (
    ITEMISED,
    DemographicsChanged,
    DemographicsGiven,
    PracticesSaid,
)
from services.person.domain.rules import (
    ALREADY_REGISTERED,
    DEMOGRAPHICS_SERVICE,
    ENDED_IN_THE_FUTURE,
    FOR_SOMEBODY_ELSE,
    NOT_REGISTERED,
    OLDER_THAN_HELD,
    PLAN_ALREADY_ENDED,
    PLAN_ALREADY_OPEN,
    PLAN_ENDING,
    PLAN_NOT_ENDED,
    PRACTICE_NEEDS_A_CODE,
    TRACED_IN_THE_FUTURE,
    as_far_as_is_known,
    judge,
    judge_identifiers,
    must_be_the_practice,
)
from shared.ledger import (
    DERIVED,
    NEEDS_CODE_OR_TEXT,
    NHS_NUMBER,
    OF_THE_CHANGE,
    PERSON,
    PROFESSIONAL,
    Amendment,
    ChangeReason,
    Entry,
    Instant,
    OdsCode,
    Origins,
    Refused,
    changes,
    creates,
    identity_keys,
    item_id,
    must_not_lie_ahead,
    must_say_something,
    titled,
)

CameFrom = Annotated[Source, titled("Source", "Where the demographics come from, traced when.")]
State = Annotated[
    PlanState, DERIVED, titled("State of the plan", "Whether the plan is open, ended or merged.")
]
EndedAt = Annotated[
    Instant, OF_THE_CHANGE, titled("Ended at", "When the plan ended, if before now.")
]


@titled("Person")
class Person(Entry):
    """One person with one plan; while it is open, nobody opens another for them."""

    carries = ("Person demographics", "GP practice")
    key_taken = PLAN_ALREADY_OPEN
    key_holder: ClassVar[str] = "existing_plan_id"
    opens_plan: ClassVar[str | None] = "open_plan"

    @titled("Plan opened")
    class PlanOpened(DemographicsGiven):
        """The person has a plan from now on."""

        source: CameFrom
        plan_state: State

    @titled("Demographics refreshed")
    class DemographicsRefreshed(DemographicsChanged):
        """The national service said who the person is."""

        source: Annotated[CameFrom, DERIVED]

    @titled("Demographics corrected")
    class DemographicsCorrected(DemographicsChanged):
        """What was said wrongly of the person was put right."""

        reason: ChangeReason

    @titled("Registered with a practice")
    class RegisteredWithPractice(PracticesSaid):
        """The person is registered with one more practice."""

    @titled("Left a practice")
    class LeftPractice(PracticesSaid):
        """The person is no longer registered with a practice."""

    @titled("Plan ended")
    class PlanEnded(Amendment):
        """The plan takes nothing more; it can still be read."""

        plan_state: State
        reason: ChangeReason
        ended_at: EndedAt | None = None

    @titled("Plan reopened")
    class PlanReopened(Amendment):
        """The plan is open again."""

        plan_state: State
        reason: ChangeReason

    @classmethod
    def fixed_id(cls, plan_id: UUID) -> UUID:
        """The person of a plan has the plan's own id."""
        return plan_id

    def unique_keys(self) -> frozenset[str]:
        """What no second open plan may have: the numbers that stand for one person."""
        if self.plan_state != "open" or self.is_in_error:
            return frozenset()
        numbers = [(other.kind, other.value, False) for other in self.other_identifiers]
        number = self.nhs_number
        if number is not None and number.value is not None:
            numbers.append((NHS_NUMBER, number.value, number.is_verified))
        return identity_keys(numbers, self.date_of_birth)

    def judge_again(self, before: Entry) -> None:
        """Opened again only for the same person: the rest of the plan is about them."""
        is_another = not isinstance(before, Person) or (
            before.date_of_birth != self.date_of_birth or not before.named & self.named
        )
        if is_another:
            raise Refused(FOR_SOMEBODY_ELSE)

    @property
    def named(self) -> frozenset[tuple[str, str]]:
        """Every identifier, with its kind."""
        number = self.nhs_number
        own = {("nhs-number", number.value)} if number is not None and number.value else set()
        return frozenset({*own, *((one.kind, one.value) for one in self.other_identifiers)})

    @creates(PlanOpened, "Open a plan", by=(PROFESSIONAL,))
    @staticmethod
    def open_plan(said: PlanOpened, granted: frozenset[str]) -> PlanOpened:
        """Open the one plan of a person."""
        must_not_lie_ahead(said.source.traced_at, TRACED_IN_THE_FUTURE, "source.traced_at")
        judge(said.said(), said.provenance)
        judge_identifiers(said.nhs_number, said.other_identifiers)
        number = as_far_as_is_known(said.nhs_number, granted)
        return said.having(nhs_number=number, plan_state="open")

    @changes(DemographicsRefreshed, "Refresh demographics", by=(DEMOGRAPHICS_SERVICE,))
    def refresh_demographics(
        self,
        said: DemographicsRefreshed,
        traced_at: Annotated[Instant, titled("Traced at", "When the service was asked.")],
    ) -> DemographicsRefreshed:
        """Take over what the national service says, unless something newer is held."""
        must_not_lie_ahead(traced_at, TRACED_IN_THE_FUTURE, "traced_at")
        if self.traced_at is not None and traced_at < self.traced_at:
            raise Refused(OLDER_THAN_HELD, field="traced_at")
        self._judge_changed(said)
        return said.having(source=Source("PDS", traced_at))

    @changes(
        DemographicsCorrected,
        "Correct demographics",
        by=(PERSON, PROFESSIONAL, DEMOGRAPHICS_SERVICE),
    )
    def correct_demographics(
        self, said: DemographicsCorrected, granted: frozenset[str]
    ) -> DemographicsCorrected:
        """Put right what the same organisation, or the person, had said wrongly."""
        number = as_far_as_is_known(said.nhs_number, granted)
        given = {**said.having(nhs_number=number).said()}
        for field, value in given.items():
            if field in ITEMISED:
                theirs = (getattr(self, field), value or (), said.provenance)
                given[field] = self.origins.corrected(field, *theirs)
            else:
                self.origins.must_be_theirs(field, said.provenance, self.origin)
        corrected = said.having(**given)
        self._judge_changed(corrected)
        return corrected

    @changes(
        RegisteredWithPractice,
        "Register with a practice",
        by=(PROFESSIONAL, DEMOGRAPHICS_SERVICE),
    )
    def register_with_practice(
        self,
        said: RegisteredWithPractice,
        practice: Annotated[GpPractice, titled("Practice", "The practice that the person joins.")],
        granted: frozenset[str],
    ) -> RegisteredWithPractice:
        """Add a practice; the national service says so, or the practice itself."""
        if practice.ods is None:
            raise Refused(PRACTICE_NEEDS_A_CODE, field="practice.ods")
        must_be_the_practice(practice.ods, said.provenance, granted)
        must_say_something(practice, NEEDS_CODE_OR_TEXT, "practice")
        if any(held.ods == practice.ods for held in self.gp_practices):
            raise Refused(ALREADY_REGISTERED, field="practice.ods")
        item = item_id(said.provenance.contribution_id, "gp_practices/0")
        return said.having(gp_practices=(*self.gp_practices, replace(practice, item_id=item)))

    @changes(LeftPractice, "Leave a practice", by=(PROFESSIONAL, DEMOGRAPHICS_SERVICE))
    def leave_practice(
        self,
        said: LeftPractice,
        ods: Annotated[OdsCode, titled("Practice", "The code of the practice that is left.")],
        granted: frozenset[str],
    ) -> LeftPractice:
        """Take a practice away; the national service says so, or the practice itself."""
        must_be_the_practice(ods, said.provenance, granted)
        remaining = tuple(held for held in self.gp_practices if held.ods != ods)
        if len(remaining) == len(self.gp_practices):
            raise Refused(NOT_REGISTERED, field="ods")
        return said.having(gp_practices=remaining)

    @changes(PlanEnded, "End the plan", by=(PLAN_ENDING,))
    def end_plan(self, said: PlanEnded) -> PlanEnded:
        """End the plan; it stays readable, and another may be opened."""
        if self.plan_state != "open":
            raise Refused(PLAN_ALREADY_ENDED)
        must_not_lie_ahead(said.ended_at, ENDED_IN_THE_FUTURE, "ended_at")
        return said.having(plan_state="ended")

    @changes(PlanReopened, "Reopen the plan", by=(PLAN_ENDING,))
    def reopen_plan(self, said: PlanReopened) -> PlanReopened:
        """Open an ended plan again, unless the person has another by now."""
        if self.plan_state != "ended":
            raise Refused(PLAN_NOT_ENDED, f"This plan is {self.plan_state}, and has not ended.")
        return said.having(plan_state="open")

    def _judge_changed(self, event: DemographicsChanged) -> None:
        said = event.said()
        judge(said, event.provenance)
        judge_identifiers(
            said.get("nhs_number", self.nhs_number),
            said.get("other_identifiers", self.other_identifiers),
        )

    @event(PlanOpened)
    def __init__(self, source: Source, plan_state: PlanState) -> None:
        self.plan_state = plan_state
        self.traced_at: datetime | None = source.traced_at
        self.origins = Origins(ITEMISED)
        self.date_of_birth: date | None = None
        self.addresses: tuple[Address, ...] = ()
        self.nhs_number: NhsNumber | None = None
        self.other_identifiers: tuple[OtherIdentifier, ...] = ()
        self.gp_practices: tuple[GpPractice, ...] = ()

    def remember(self, said: Mapping[str, Any], origin: str | None) -> None:
        """Keep of some demographics what later decisions need; events call this, nobody else."""
        self.origins = self.origins.after(said, vars(self), origin)
        self.date_of_birth = said.get("date_of_birth", self.date_of_birth)
        self.addresses = said.get("addresses", self.addresses) or ()
        self.nhs_number = said.get("nhs_number", self.nhs_number)
        self.other_identifiers = said.get("other_identifiers", self.other_identifiers) or ()
        self.gp_practices = said.get("gp_practices", self.gp_practices) or ()

    @event(DemographicsRefreshed)
    def _apply_refreshed(self, source: Source) -> None:
        self.traced_at = source.traced_at

    @event(PlanEnded)
    def _apply_ended(self, plan_state: PlanState) -> None:
        self.plan_state = plan_state

    @event(PlanReopened)
    def _apply_reopened(self, plan_state: PlanState) -> None:
        self.plan_state = plan_state
