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
    SourceSystem,
)
from services.person.domain.events import (
    ITEMISED,
    CameFrom,
    Compared,
    DemographicsChanged,
    DemographicsGiven,
    EndedAt,
    MergedInto,
    PlanStateSaid,
    PracticesSaid,
    State,
)
from services.person.domain.rules import (
    ALREADY_REGISTERED,
    CANNOT_MERGE_INTO_ITSELF,
    CONNECTIONS,
    DEMOGRAPHICS_SERVICE,
    ENDED_IN_THE_FUTURE,
    FOR_SOMEBODY_ELSE,
    MERGE_NEEDS_TWO,
    MERGE_TARGET_NOT_OPEN,
    NOT_REGISTERED,
    OLDER_THAN_HELD,
    PLAN_ALREADY_ENDED,
    PLAN_ALREADY_MERGED,
    PLAN_ALREADY_OPEN,
    PLAN_ENDING,
    PLAN_MERGING,
    PLAN_NOT_ENDED,
    PLAN_NOT_MERGED,
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
    PERSON,
    PROFESSIONAL,
    PROXY,
    ChangeReason,
    Entry,
    InAnEmergency,
    Instant,
    OdsCode,
    Origins,
    Refused,
    changes,
    creates,
    identity_keys,
    item_id,
    must_have_compared_two,
    must_not_lie_ahead,
    must_say_something,
    titled,
)


@titled("Person")
class Person(Entry):
    """One person with one plan; while it is open, nobody opens another for them."""

    carries = ("Person demographics", "GP practice")
    key_taken = PLAN_ALREADY_OPEN
    key_holder: ClassVar[str] = "existing_plan_id"
    opens_plan: ClassVar[str | None] = "open_plan"
    in_an_emergency = InAnEmergency(("name", "date_of_birth", "nhs_number", "contact"))

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
    class PlanEnded(PlanStateSaid):
        """The plan takes nothing more; it can still be read."""

        reason: ChangeReason
        ended_at: EndedAt | None = None

    @titled("Plan reopened")
    class PlanReopened(PlanStateSaid):
        """The plan is open again."""

        reason: ChangeReason

    @titled("Plan merged")
    class PlanMerged(PlanStateSaid):
        """The plan goes on in another one; what either of them says stays where it is."""

        merged_into: MergedInto
        identifiers_checked: Compared
        reason: ChangeReason

    @titled("Plan unmerged")
    class PlanUnmerged(PlanStateSaid):
        """The plan is open again, and goes on by itself."""

        merged_into: MergedInto
        reason: ChangeReason

    @classmethod
    def fixed_id(cls, plan_id: UUID) -> UUID:
        """The person of a plan has the plan's own id."""
        return plan_id

    def unique_keys(self) -> frozenset[str]:
        """What no second open plan may have: the numbers that stand for one person."""
        if not self.is_open:
            return frozenset()
        return identity_keys(self._numbers, self.date_of_birth)

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
        return frozenset((kind, value) for kind, value, _ in self._numbers)

    @property
    def verified(self) -> frozenset[tuple[str, str]]:
        """Those that whoever traces them has verified."""
        return frozenset((kind, value) for kind, value, is_verified in self._numbers if is_verified)

    @property
    def _numbers(self) -> list[tuple[str, str, bool]]:
        held = [(one.kind, one.value, one.is_verified) for one in self.other_identifiers]
        number = self.nhs_number
        if number is not None and number.value is not None:
            held.append((NHS_NUMBER, number.value, number.is_verified))
        return held

    @creates(PlanOpened, "Open a plan", by=(PROFESSIONAL,))
    @staticmethod
    def open_plan(said: PlanOpened, granted: frozenset[str]) -> PlanOpened:
        """Open the one plan of a person."""
        must_not_lie_ahead(said.source.traced_at, TRACED_IN_THE_FUTURE, "source.traced_at")
        judge(said.said(), said.provenance)
        judge_identifiers(said.nhs_number, said.other_identifiers)
        return said.having(**as_far_as_is_known(said.said(), granted), plan_state="open")

    @changes(DemographicsRefreshed, "Refresh demographics", by=CONNECTIONS)
    def refresh_demographics(
        self,
        said: DemographicsRefreshed,
        traced_at: Annotated[
            Instant, titled("Traced at", "When the service was asked, a day and a time.")
        ],
        granted: frozenset[str],
    ) -> DemographicsRefreshed:
        """Take over what a national service says, unless something newer is held."""
        must_not_lie_ahead(traced_at, TRACED_IN_THE_FUTURE, "traced_at")
        if self.traced_at is not None and traced_at < self.traced_at:
            raise Refused(OLDER_THAN_HELD, field="traced_at")
        self._judge_changed(said)
        system: SourceSystem = "PDS" if DEMOGRAPHICS_SERVICE.name in granted else "other"
        known = as_far_as_is_known(said.said(), granted, self.verified)
        return said.having(**known, source=Source(system, traced_at))

    @changes(
        DemographicsCorrected,
        "Correct demographics",
        by=(PERSON, PROXY, PROFESSIONAL, *CONNECTIONS),
    )
    def correct_demographics(
        self, said: DemographicsCorrected, granted: frozenset[str]
    ) -> DemographicsCorrected:
        """Put right what the same organisation, or the person, had said wrongly."""
        given = said.said()
        given |= as_far_as_is_known(given, granted, self.verified)
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
            raise Refused(PLAN_ALREADY_ENDED, f"This plan is {self.plan_state} already.")
        must_not_lie_ahead(said.ended_at, ENDED_IN_THE_FUTURE, "ended_at")
        return said.having(plan_state="ended")

    @changes(PlanReopened, "Reopen the plan", by=(PLAN_ENDING,))
    def reopen_plan(self, said: PlanReopened) -> PlanReopened:
        """Open an ended plan again, unless the person has another by now."""
        if self.plan_state != "ended":
            raise Refused(PLAN_NOT_ENDED, f"This plan is {self.plan_state}, and has not ended.")
        return said.having(plan_state="open")

    @changes(PlanMerged, "Merge the plan into another", by=(PLAN_MERGING,), reads="plan_id")
    def merge_into(
        self,
        said: PlanMerged,
        plan_id: Annotated[UUID, titled("Plan", "The open plan in which this one goes on.")],
        read: Entry | None,
    ) -> PlanMerged:
        """Say that two plans are about one person, and that this one goes on in the other."""
        if self.plan_state == "merged":
            raise Refused(PLAN_ALREADY_MERGED)
        if plan_id == self.id:
            raise Refused(CANNOT_MERGE_INTO_ITSELF, field="plan_id")
        must_have_compared_two(said.identifiers_checked, "identifiers_checked", MERGE_NEEDS_TWO)
        # Only an open plan is merged into, and that one leads nowhere: so no merges form a circle.
        if not isinstance(read, Person) or not read.is_open:
            raise Refused(MERGE_TARGET_NOT_OPEN, field="plan_id")
        return said.having(plan_state="merged", merged_into=plan_id)

    @changes(PlanUnmerged, "Take the merge back", by=(PLAN_MERGING,))
    def unmerge(self, said: PlanUnmerged) -> PlanUnmerged:
        """Open a merged plan again, unless the person has another with its identifier by now."""
        if self.plan_state != "merged":
            raise Refused(PLAN_NOT_MERGED)
        return said.having(plan_state="open")

    @property
    def is_open(self) -> bool:
        """True while the plan takes contributions."""
        return self.plan_state == "open" and not self.is_in_error

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
