"""A personal contact: somebody close to the person, and whether they may be contacted."""

from typing import Annotated

from eventsourcing.domain import event

from shared.ledger import (
    DERIVED,
    KEEP,
    NEEDS_CODE_OR_TEXT,
    ROLE_MAY_NOT,
    Amendment,
    CanBeSetAside,
    Carries,
    ChangeReason,
    CodedText,
    Creation,
    InAnEmergency,
    Instant,
    Keep,
    Provenance,
    Refusal,
    Refused,
    Text,
    changes,
    creates,
    must_be_the_persons,
    must_say_something,
    restores,
    titled,
    value,
    withdraws,
)
from shared.ledger.codes.care import RELATIONSHIP


@value
class NotToContact:
    """That somebody must not be contacted or asked, why, and since when."""

    reason: Annotated[str, titled("Reason", "Why they must not be contacted.")]
    stated_at: Annotated[Instant, titled("Stated at", "When it was said, a day and a time.")]


FullName = Annotated[str, titled("Name", "What they are called."), Carries("Name")]
Relation = Annotated[
    CodedText,
    titled("Relationship", "What they are to the person."),
    RELATIONSHIP,
    Carries("Relationship"),
]
Roles = Annotated[
    tuple[str, ...],
    titled("Roles", "What they do for the person: carer, next of kin, key holder."),
    Carries("Relationship type"),
]
Details = Annotated[
    tuple[str, ...],
    titled("Contact details", "How to reach them, the best way first."),
    Carries("Contact details"),
]
Comments = Annotated[Text, titled("Comments", "Why this contact matters."), Carries("Comments")]
NotToBeContacted = Annotated[
    NotToContact, titled("Excluded", "That they must not be contacted or asked.")
]

NEEDS_A_NAME = Refusal(
    "contact-needs-a-name", "The contact has no name", "Say in `name` what they are called."
)
ALREADY_EXCLUDED = Refusal(
    "contact-already-excluded", "They are excluded", "This contact is excluded already."
)
NOT_EXCLUDED = Refusal(
    "contact-not-excluded", "They are not excluded", "This contact may be contacted."
)


@titled("Personal contact")
class PersonalContact(CanBeSetAside):
    """Somebody close to the person. This gives nobody access: that takes a Proxy."""

    carries = ("Personal contacts > Personal contacts record entry",)
    in_an_emergency = InAnEmergency()
    already_out = Refusal(
        "contact-already-set-aside",
        "The contact was set aside",
        "This contact was set aside; resume it first.",
    )
    not_out = Refusal(
        "contact-not-set-aside",
        "The contact is not set aside",
        "This contact is part of the current plan.",
    )

    @titled("Personal contact named")
    class Named(Creation):
        """The person named somebody close to them."""

        name: FullName
        relationship: Relation | None = None
        roles: Roles = ()
        contact_details: Details = ()
        comments: Comments | None = None

    @titled("Details changed")
    class DetailsChanged(Amendment):
        """What is said of them was said better."""

        name: FullName | Keep = KEEP
        relationship: Relation | Keep | None = KEEP
        roles: Roles | Keep | None = KEEP
        contact_details: Details | Keep | None = KEEP
        comments: Comments | Keep | None = KEEP

    @titled("Excluded")
    class Excluded(Amendment):
        """They must not be contacted or asked."""

        excluded: Annotated[NotToBeContacted, DERIVED]
        reason: ChangeReason

    @titled("Exclusion lifted")
    class ExclusionLifted(Amendment):
        """They may be contacted again."""

        excluded: Annotated[NotToBeContacted | None, DERIVED]
        reason: ChangeReason

    @creates(Named, "Name a personal contact", persons=ROLE_MAY_NOT)
    @staticmethod
    def name(said: Named) -> None:
        """Name somebody close to the person, on the person's word."""
        _must_say_something(said)

    @changes(DetailsChanged, "Change the details", persons=ROLE_MAY_NOT)
    def change_details(self, said: DetailsChanged) -> None:
        """Say better who they are and how to reach them."""
        _must_say_something(said)

    @changes(Excluded, "Exclude")
    def exclude(self, said: Excluded) -> Excluded:
        """Say that they must not be contacted: the person, or a professional to keep them safe."""
        if self.is_excluded:
            raise Refused(ALREADY_EXCLUDED)
        at = said.provenance.stated_at or said.timestamp
        return said.having(excluded=NotToContact(said.reason, at))

    @changes(ExclusionLifted, "Lift the exclusion")
    def lift_exclusion(self, said: ExclusionLifted) -> ExclusionLifted:
        """Let them be contacted again; whom the person excluded, on the person's word."""
        if not self.is_excluded:
            raise Refused(NOT_EXCLUDED)
        if self.is_excluded_by_the_person:
            must_be_the_persons(said.provenance, ROLE_MAY_NOT, "provenance.stated_by")
        return said.having(excluded=None)

    @withdraws(CanBeSetAside.SetAside, "Set aside", persons=ROLE_MAY_NOT)
    def set_aside(self, said: CanBeSetAside.SetAside) -> None:
        """Take them out of the current plan, on the person's word; ``resume`` undoes it."""

    @restores(CanBeSetAside.Resumed, "Resume", persons=ROLE_MAY_NOT)
    def resume(self, said: CanBeSetAside.Resumed) -> None:
        """Put them back into the current plan, on the person's word."""

    is_excluded: bool = False
    is_excluded_by_the_person: bool = False

    @event(Excluded)
    def _apply_excluded(self, provenance: Provenance) -> None:
        self.is_excluded = True
        self.is_excluded_by_the_person = provenance.is_the_persons

    @event(ExclusionLifted)
    def _apply_lifted(self) -> None:
        self.is_excluded = False


def _must_say_something(said: PersonalContact.Named | PersonalContact.DetailsChanged) -> None:
    must_say_something(said.name, NEEDS_A_NAME, "name")
    for field in ("relationship", "roles", "contact_details"):
        must_say_something(getattr(said, field), NEEDS_CODE_OR_TEXT, field)
