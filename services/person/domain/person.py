"""The person of a plan: the entry that opens it, and that says who it is about."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any, ClassVar, Self
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
from services.person.domain.events import (
    ITEMISED,
    DemographicsChanged,
    DemographicsGiven,
    PracticesSaid,
)
from services.person.domain.rules import (
    DEMOGRAPHICS_SERVICE,
    PLAN_ENDING,
    as_far_as_is_known,
    judge,
    judge_ended,
    judge_identifiers,
    judge_traced,
    must_be_the_practice,
)
from shared.ledger import (
    KEEP,
    NHS_NUMBER,
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
    identity_keys,
    item_id,
    need_reason,
)


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
    key_taken_detail: ClassVar[str] = "This person has an open plan; it has the same identifier."
    key_holder: ClassVar[str] = "existing_plan_id"
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

    class RegisteredWithPractice(PracticesSaid):
        change = Change.AMENDED

    class LeftPractice(PracticesSaid):
        change = Change.AMENDED

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
            raise Refused(
                "opened-for-somebody-else",
                "This plan was about somebody else: the date of birth and one identifier must be "
                "those it had. Open a plan with another plan_id.",
            )

    @property
    def named(self) -> frozenset[tuple[str, str]]:
        """Every identifier, with its kind."""
        number = self.nhs_number
        own = {("nhs-number", number.value)} if number is not None and number.value else set()
        return frozenset({*own, *((one.kind, one.value) for one in self.other_identifiers)})

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
        granted: frozenset[str] = frozenset(),
    ) -> Self:
        """Open the one plan of a person."""
        judge_traced(source.traced_at, "source.traced_at")
        if nhs_number is not None:
            nhs_number = as_far_as_is_known(nhs_number, granted)
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
        judge_traced(traced_at, "traced_at")
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
        granted: frozenset[str] = frozenset(),
    ) -> None:
        """Put right what the same organisation, or the person, had said wrongly."""
        if isinstance(nhs_number, NhsNumber):
            nhs_number = as_far_as_is_known(nhs_number, granted)
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
            if value is KEEP:
                continue
            if field in ITEMISED:
                given[field] = self._corrected(field, value or (), provenance)
            else:
                self._must_be_where_it_came_from(field, provenance)
        self._judge_changed(given, provenance)
        self.trigger_event(
            self.DemographicsCorrected,
            **given,
            reason=need_reason(reason),
            provenance=provenance,
        )

    def register_with_practice(
        self,
        provenance: Provenance,
        practice: GpPractice,
        granted: frozenset[str] = frozenset(),
    ) -> None:
        """Add a practice; the national service says so, or the practice itself."""
        if practice.ods is None:
            raise Refused(
                "practice-needs-a-code", "Give the practice's code.", field="practice.ods"
            )
        must_be_the_practice(practice.ods, provenance, granted)
        if practice.is_empty:
            raise Refused("needs-code-or-text", "A text of it says nothing.", field="practice")
        if any(held.ods == practice.ods for held in self.gp_practices):
            raise Refused("already-registered-there", field="practice.ods")
        item = item_id(provenance.contribution_id, "gp_practices/0")
        self.trigger_event(
            self.RegisteredWithPractice,
            gp_practices=(*self.gp_practices, replace(practice, item_id=item)),
            provenance=provenance,
        )

    def leave_practice(
        self, provenance: Provenance, ods: OdsCode, granted: frozenset[str] = frozenset()
    ) -> None:
        """Take a practice away; the national service says so, or the practice itself."""
        must_be_the_practice(ods, provenance, granted)
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
        judge_ended(ended_at)
        self.trigger_event(
            self.PlanEnded,
            plan_state="ended",
            reason=need_reason(reason),
            ended_at=ended_at,
            provenance=provenance,
        )

    def reopen_plan(self, provenance: Provenance, reason: str | None = None) -> None:
        """Open an ended plan again, unless the person has another by now."""
        if self.plan_state != "ended":
            raise Refused("plan-not-ended", f"This plan is {self.plan_state}, and has not ended.")
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
            raise _not_its_origin(field)

    def _corrected(
        self, field: str, items: tuple[Any, ...], provenance: Provenance
    ) -> tuple[Any, ...]:
        """The list as it is afterwards: the items of others stay, whether they are named or not."""
        came_from = self.item_origins.get(field, {})
        held = {item.item_id: item for item in getattr(self, field)}
        theirs = {key for key in held if came_from.get(key) != provenance.origin}
        for item in items:
            if item.item_id in theirs and item != held[item.item_id]:
                raise _not_its_origin(field)
        if theirs == held.keys() and theirs and not items:
            raise _not_its_origin(field)
        named = {item.item_id for item in items}
        return (*(held[key] for key in held if key in theirs - named), *items)

    @event(PlanOpened)
    def __init__(self, source: Source, plan_state: PlanState) -> None:
        self.plan_state = plan_state
        self.traced_at: datetime | None = source.traced_at
        self.origins: dict[str, str | None] = {}
        self.item_origins: dict[str, dict[UUID | None, str | None]] = {}
        self.date_of_birth: date | None = None
        self.addresses: tuple[Address, ...] = ()
        self.nhs_number: NhsNumber | None = None
        self.other_identifiers: tuple[OtherIdentifier, ...] = ()
        self.gp_practices: tuple[GpPractice, ...] = ()

    def remember(self, said: Mapping[str, Any], origin: str | None) -> None:
        """Keep of some demographics what later decisions need; events call this, nobody else."""
        self.origins = {**self.origins, **dict.fromkeys(said, origin)}
        for field in ITEMISED & said.keys():
            self._remember_items(field, said[field] or (), origin)
        self.date_of_birth = said.get("date_of_birth", self.date_of_birth)
        self.addresses = said.get("addresses", self.addresses) or ()
        self.nhs_number = said.get("nhs_number", self.nhs_number)
        self.other_identifiers = said.get("other_identifiers", self.other_identifiers) or ()
        self.gp_practices = said.get("gp_practices", self.gp_practices) or ()

    def _remember_items(self, field: str, items: tuple[Any, ...], origin: str | None) -> None:
        """An item that stands as it stood keeps its origin."""
        held = {item.item_id: item for item in getattr(self, field)}
        came_from = self.item_origins.get(field, {})
        after = {
            item.item_id: came_from[item.item_id]
            if item.item_id in came_from and held.get(item.item_id) == item
            else origin
            for item in items
        }
        self.item_origins = {**self.item_origins, field: after}

    @event(DemographicsRefreshed)
    def _apply_refreshed(self, source: Source) -> None:
        self.traced_at = source.traced_at

    @event(PlanEnded)
    def _apply_ended(self, plan_state: PlanState) -> None:
        self.plan_state = plan_state

    @event(PlanReopened)
    def _apply_reopened(self, plan_state: PlanState) -> None:
        self.plan_state = plan_state


def _not_its_origin(field: str) -> Refused:
    return Refused(
        "correction-belongs-to-the-origin",
        "Only whoever recorded this corrects it: that organisation, or the person.",
        field=field,
    )
