"""The person of a plan: the entry that opens it, and that says who it is about."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any, ClassVar, Final, Self
from uuid import UUID

from eventsourcing.domain import event

from services.person.domain.demographics import (
    Address,
    Contact,
    GpPractice,
    NhsNumber,
    OneLetter,
    OtherIdentifier,
    PersonName,
    PlanState,
    Source,
    ThreeLetters,
    TwoLetters,
)
from services.person.domain.events import DemographicsChanged, DemographicsGiven
from services.person.domain.rules import judge, judge_identifiers, must_be_the_practice
from shared.ledger import (
    KEEP,
    PERSON,
    PROFESSIONAL,
    PROXY,
    Change,
    CodedText,
    Entry,
    Instant,
    Keep,
    MayContribute,
    OdsCode,
    Provenance,
    Refused,
    ServiceRole,
    item_id,
    need_reason,
)

DEMOGRAPHICS_SERVICE: Final = ServiceRole("demographics", ("pds-connection",))
"""The national service, which alone traces people and verifies their numbers."""

PLAN_ENDING: Final = ServiceRole("plan_ending", ("gp", "practice-manager", "lead-professional"))


class Person(Entry):
    """One person with one plan; while it is open, nobody opens another for them."""

    may_contribute: ClassVar[MayContribute] = {
        "*": (PERSON, PROXY, PROFESSIONAL),
        "open_plan": (PROFESSIONAL,),
        "refresh_demographics": (DEMOGRAPHICS_SERVICE,),
        "correct_demographics": (PERSON, PROFESSIONAL, DEMOGRAPHICS_SERVICE),
        "register_with_practice": (PROFESSIONAL, DEMOGRAPHICS_SERVICE),
        "leave_practice": (PROFESSIONAL, DEMOGRAPHICS_SERVICE),
        "end_plan": (PLAN_ENDING,),
        "reopen_plan": (PLAN_ENDING,),
    }
    key_taken: ClassVar[str] = "plan-already-open"
    opens_plan: ClassVar[str | None] = "open_plan"

    class PlanOpened(DemographicsGiven, Entry.Creation):
        change = Change.CREATED
        source: Source
        plan_state: PlanState

    class DemographicsRefreshed(DemographicsChanged):
        change = Change.AMENDED
        source: Source

    class DemographicsCorrected(DemographicsChanged):
        change = Change.AMENDED
        reason: str

    class RegisteredWithPractice(Entry.Event):
        change = Change.AMENDED
        gp_practices: tuple[GpPractice, ...]

    class LeftPractice(Entry.Event):
        change = Change.AMENDED
        gp_practices: tuple[GpPractice, ...]

    class PlanEnded(Entry.Event):
        change = Change.AMENDED
        not_fields = frozenset({"reason", "ended_at"})
        plan_state: PlanState
        reason: str
        ended_at: Instant | None = None

    class PlanReopened(Entry.Event):
        change = Change.AMENDED
        plan_state: PlanState
        reason: str

    @classmethod
    def fixed_id(cls, plan_id: UUID) -> UUID:
        """The person of a plan has the plan's own id."""
        return plan_id

    def unique_keys(self) -> frozenset[str]:
        """A verified NHS number, as long as the plan is open: no second plan may have it."""
        number = self.nhs_number
        if self.plan_state != "open" or self.is_in_error or number is None:
            return frozenset()
        if number.verification != "traced-and-verified" or number.value is None:
            return frozenset()
        return frozenset({f"nhs-number:{number.value}"})

    @classmethod
    def open_plan(
        cls,
        provenance: Provenance,
        name: PersonName,
        date_of_birth: date,
        source: Source,
        gender: OneLetter | None = None,
        sex: OneLetter | None = None,
        aliases: tuple[str, ...] = (),
        ethnicity: TwoLetters | None = None,
        religion: CodedText | None = None,
        nhs_number: NhsNumber | None = None,
        other_identifiers: tuple[OtherIdentifier, ...] = (),
        addresses: tuple[Address, ...] = (),
        contact: Contact | None = None,
        country_of_birth: ThreeLetters | None = None,
        marital_status: OneLetter | None = None,
        gp_practices: tuple[GpPractice, ...] = (),
    ) -> Self:
        """Open the one plan of a person."""
        given: dict[str, Any] = {
            "name": name,
            "date_of_birth": date_of_birth,
            "gender": gender,
            "sex": sex,
            "aliases": aliases,
            "ethnicity": ethnicity,
            "religion": religion,
            "nhs_number": nhs_number,
            "other_identifiers": other_identifiers,
            "addresses": addresses,
            "contact": contact,
            "country_of_birth": country_of_birth,
            "marital_status": marital_status,
            "gp_practices": gp_practices,
        }
        judge(given, provenance)
        judge_identifiers(nhs_number, other_identifiers)
        return cls._create(
            cls.PlanOpened, **given, source=source, plan_state="open", provenance=provenance
        )

    def refresh_demographics(
        self,
        provenance: Provenance,
        traced_at: Instant,
        name: PersonName | Keep = KEEP,
        date_of_birth: date | Keep = KEEP,
        gender: OneLetter | Keep | None = KEEP,
        sex: OneLetter | Keep | None = KEEP,
        aliases: tuple[str, ...] | Keep | None = KEEP,
        ethnicity: TwoLetters | Keep | None = KEEP,
        religion: CodedText | Keep | None = KEEP,
        nhs_number: NhsNumber | Keep | None = KEEP,
        other_identifiers: tuple[OtherIdentifier, ...] | Keep | None = KEEP,
        addresses: tuple[Address, ...] | Keep | None = KEEP,
        contact: Contact | Keep | None = KEEP,
        country_of_birth: ThreeLetters | Keep | None = KEEP,
        marital_status: OneLetter | Keep | None = KEEP,
        gp_practices: tuple[GpPractice, ...] | Keep | None = KEEP,
    ) -> None:
        """Take over what the national service says, unless something newer is held."""
        if self.traced_at is not None and traced_at < self.traced_at:
            raise Refused(
                "demographics-older-than-held", "What is held was traced later.", field="traced_at"
            )
        given: dict[str, Any] = {
            "name": name,
            "date_of_birth": date_of_birth,
            "gender": gender,
            "sex": sex,
            "aliases": aliases,
            "ethnicity": ethnicity,
            "religion": religion,
            "nhs_number": nhs_number,
            "other_identifiers": other_identifiers,
            "addresses": addresses,
            "contact": contact,
            "country_of_birth": country_of_birth,
            "marital_status": marital_status,
            "gp_practices": gp_practices,
        }
        self._judge_changed(given, provenance)
        self.trigger_event(
            self.DemographicsRefreshed,
            **given,
            source=Source("PDS", traced_at),
            provenance=provenance,
        )

    def correct_demographics(
        self,
        provenance: Provenance,
        name: PersonName | Keep = KEEP,
        date_of_birth: date | Keep = KEEP,
        gender: OneLetter | Keep | None = KEEP,
        sex: OneLetter | Keep | None = KEEP,
        aliases: tuple[str, ...] | Keep | None = KEEP,
        ethnicity: TwoLetters | Keep | None = KEEP,
        religion: CodedText | Keep | None = KEEP,
        nhs_number: NhsNumber | Keep | None = KEEP,
        other_identifiers: tuple[OtherIdentifier, ...] | Keep | None = KEEP,
        addresses: tuple[Address, ...] | Keep | None = KEEP,
        contact: Contact | Keep | None = KEEP,
        country_of_birth: ThreeLetters | Keep | None = KEEP,
        marital_status: OneLetter | Keep | None = KEEP,
        gp_practices: tuple[GpPractice, ...] | Keep | None = KEEP,
        reason: str | None = None,
    ) -> None:
        """Put right what the same organisation, or the person, had said wrongly."""
        given: dict[str, Any] = {
            "name": name,
            "date_of_birth": date_of_birth,
            "gender": gender,
            "sex": sex,
            "aliases": aliases,
            "ethnicity": ethnicity,
            "religion": religion,
            "nhs_number": nhs_number,
            "other_identifiers": other_identifiers,
            "addresses": addresses,
            "contact": contact,
            "country_of_birth": country_of_birth,
            "marital_status": marital_status,
            "gp_practices": gp_practices,
        }
        for field, value in given.items():
            if value is not KEEP:
                self._must_be_where_it_came_from(field, provenance)
        self._judge_changed(given, provenance)
        self.trigger_event(
            self.DemographicsCorrected,
            **given,
            reason=need_reason(reason),
            provenance=provenance,
        )

    def register_with_practice(self, provenance: Provenance, practice: GpPractice) -> None:
        """Add a practice; the national service says so, or the practice itself."""
        if practice.ods is None:
            raise Refused(
                "practice-needs-a-code", "Give the practice's code.", field="practice.ods"
            )
        must_be_the_practice(practice.ods, provenance)
        if any(held.ods == practice.ods for held in self.gp_practices):
            raise Refused("already-registered-there", field="practice.ods")
        item = item_id(provenance.contribution_id, "gp_practices/0")
        self.trigger_event(
            self.RegisteredWithPractice,
            gp_practices=(*self.gp_practices, replace(practice, item_id=item)),
            provenance=provenance,
        )

    def leave_practice(self, provenance: Provenance, ods: OdsCode) -> None:
        """Take a practice away; the national service says so, or the practice itself."""
        must_be_the_practice(ods, provenance)
        remaining = tuple(held for held in self.gp_practices if held.ods != ods)
        if len(remaining) == len(self.gp_practices):
            raise Refused("not-registered-there", field="ods")
        self.trigger_event(self.LeftPractice, gp_practices=remaining, provenance=provenance)

    def end_plan(
        self,
        provenance: Provenance,
        reason: str | None = None,
        ended_at: Instant | None = None,
    ) -> None:
        """End the plan; it stays readable, and another may be opened."""
        if self.plan_state != "open":
            raise Refused("plan-already-ended", "This plan has ended.")
        self.trigger_event(
            self.PlanEnded,
            plan_state="ended",
            reason=need_reason(reason),
            ended_at=ended_at,
            provenance=provenance,
        )

    def reopen_plan(self, provenance: Provenance, reason: str | None = None) -> None:
        """Open an ended plan again, unless the person has another by now."""
        if self.plan_state == "open":
            raise Refused("plan-not-ended", "This plan is open.")
        self.trigger_event(
            self.PlanReopened,
            plan_state="open",
            reason=need_reason(reason),
            provenance=provenance,
        )

    def _judge_changed(self, given: Mapping[str, Any], provenance: Provenance) -> None:
        said = {field: value for field, value in given.items() if value is not KEEP}
        judge(said, provenance)
        judge_identifiers(
            said.get("nhs_number", self.nhs_number),
            said.get("other_identifiers", self.other_identifiers),
        )

    def _must_be_where_it_came_from(self, field: str, provenance: Provenance) -> None:
        came_from = self.origins.get(field) or self.origin
        if came_from is None or provenance.origin != came_from:
            raise Refused(
                "correction-belongs-to-the-origin",
                "Only where this came from is it corrected.",
                field=field,
            )

    @event(PlanOpened)
    def __init__(self, source: Source, plan_state: PlanState) -> None:
        self.plan_state = plan_state
        self.traced_at: datetime | None = source.traced_at
        self.origins: dict[str, str | None] = {}
        self.nhs_number: NhsNumber | None = None
        self.other_identifiers: tuple[OtherIdentifier, ...] = ()
        self.gp_practices: tuple[GpPractice, ...] = ()

    def remember(self, said: Mapping[str, Any], origin: str | None) -> None:
        """Keep of some demographics what later decisions need; events call this, nobody else."""
        self.origins = {**self.origins, **dict.fromkeys(said, origin)}
        self.nhs_number = said.get("nhs_number", self.nhs_number)
        self.other_identifiers = said.get("other_identifiers", self.other_identifiers) or ()
        self.gp_practices = said.get("gp_practices", self.gp_practices) or ()

    @event(DemographicsRefreshed)
    def _apply_refreshed(self, source: Source) -> None:
        self.traced_at = source.traced_at

    @event(RegisteredWithPractice)
    def _apply_registered(self, gp_practices: tuple[GpPractice, ...]) -> None:
        self.gp_practices = gp_practices

    @event(LeftPractice)
    def _apply_left(self, gp_practices: tuple[GpPractice, ...]) -> None:
        self.gp_practices = gp_practices

    @event(PlanEnded)
    def _apply_ended(self, plan_state: PlanState) -> None:
        self.plan_state = plan_state

    @event(PlanReopened)
    def _apply_reopened(self, plan_state: PlanState) -> None:
        self.plan_state = plan_state
