"""A relationship: why an organisation may see the plan and contribute to it, and for how long."""

from typing import Annotated

from eventsourcing.domain import event

from services.care_team.domain.rules import (
    LONGEST_SELF_CLAIM,
    REGISTRATION,
    RELATIONSHIP_SUPERVISING,
)
from shared.ledger import (
    DERIVED,
    NEEDS_CODE_OR_TEXT,
    ORGANISATION_CLAIM_DIFFERS,
    PERSON,
    PROFESSIONAL,
    PROXY,
    ROLE_MAY_NOT,
    Amendment,
    ChangeReason,
    Choice,
    Creation,
    Entry,
    Instant,
    Name,
    Organisation,
    Provenance,
    Refusal,
    Refused,
    SectionName,
    Text,
    Withdrawal,
    changes,
    creates,
    is_blank,
    must_be_own_organisation,
    must_be_the_persons,
    must_end_after_it_starts,
    must_say_something,
    titled,
    value,
    withdraws,
)


class RelationshipKind(Choice):
    """What the relationship rests on."""

    REGISTRATION = "registration", "Registration", "The person is registered there."
    REFERRAL = "referral", "Referral", "The person was referred there."
    CASELOAD = "caseload", "Caseload", "The person is on their caseload."
    SOCIAL_CARE = "social-care", "Social care", "They provide or arrange social care."
    COMMISSIONED_SERVICE = "commissioned-service", "Commissioned service", "They were commissioned."
    SELF_CLAIMED = "self-claimed", "Self-claimed", "They say so themselves; for a month at most."
    EMERGENCY = "emergency", "Emergency", "They look after the person in an emergency."


class Basis(Choice):
    """What allows it by law."""

    DIRECT_CARE = "direct-care", "Direct care", "The person's own care and treatment."
    SAFEGUARDING = "safeguarding", "Safeguarding", "To keep somebody safe."
    VITAL_INTERESTS = "vital-interests", "Vital interests", "To save a life."
    LEGAL_OBLIGATION = "legal-obligation", "Legal obligation", "The law asks for it."
    CONSENT = "consent", "Consent", "The person has said yes to it."
    OTHER = "other", "Another basis", "Another one, as `text` says."


class Said(Choice):
    """What the person said when told who will see the plan."""

    SHARE = "share", "Share", "They are content that it is seen."
    SHARE_WITH_LIMITS = "share-with-limits", "Share with limits", "They want some of it kept back."
    NOT_ASKED = "not-asked", "Not asked", "They have not been asked."


@value
class LawfulBasis:
    """What allows the relationship by law."""

    value: Annotated[Basis, titled("Basis", "What allows it.")]
    text: Annotated[Text, titled("Text", "In words.")] | None = None


@value
class Scope:
    """What may be seen, and whether they may contribute."""

    sections: (
        Annotated[tuple[SectionName, ...], titled("Sections", "Left out, all of them.")] | None
    ) = None
    labels: Annotated[
        tuple[Name, ...], titled("Labels", "The restricted labels that they may see as well.")
    ] = ()
    contribute: Annotated[bool, titled("Contribute", "Whether they may contribute.")] = True


@value
class Preference:
    """What the person said, and when."""

    said: Annotated[Said, titled("Said", "What the person said.")]
    stated_at: Annotated[Instant, titled("Stated at", "When they said it.")]


@value
class Objection:
    """The person does not want it; that is stronger than the relationship."""

    stated_at: Annotated[Instant, titled("Stated at", "When they said it.")]
    scope: Annotated[Scope, titled("Scope", "What they object to; left out, all of it.")] | None = (
        None
    )
    reason: Annotated[Text, titled("Reason", "Why, where they say so.")] | None = None


@value
class ReleasedInSpite:
    """It is seen in spite of an objection, until when, and who approved."""

    reason: Annotated[str, titled("Reason", "Why it is released.")]
    approved_by: Annotated[str, titled("Approved by", "Who approved it.")]
    until: Annotated[Instant, titled("Until", "When it ends.")]


Of = Annotated[Organisation, titled("Organisation", "The organisation that it is with.")]
TeamName = Annotated[Name, titled("Team", "The team, where it is with one.")]
Kind = Annotated[RelationshipKind, titled("Kind", "What it rests on.")]
Why = Annotated[str, titled("Reason", "Why there is a relationship.")]
LawBasis = Annotated[LawfulBasis, titled("Lawful basis", "What allows it by law.")]
LiveFrom = Annotated[Instant, titled("Live from", "When it begins.")]
LiveUntil = Annotated[Instant, titled("Live until", "When it ends; left out, it stays open.")]
WhatMayBeSeen = Annotated[Scope, titled("Scope", "What may be seen; left out, all of it.")]
WhatTheySaid = Annotated[Preference, titled("Preference", "What the person said about sharing.")]
TheirObjection = Annotated[Objection, titled("Objection", "That the person does not want it.")]
Release = Annotated[
    ReleasedInSpite, titled("Released", "That it is seen in spite of an objection.")
]

NEEDS_A_REASON = Refusal(
    "relationship-needs-a-reason",
    "It does not say why",
    "Say in `reason` why there is a relationship.",
)
ALREADY_LIVE = Refusal(
    "relationship-already-live",
    "There is one of this kind",
    "The organisation has a relationship of this kind with the person, even if its time has run "
    "out. Extend that one, or end it.",
)
SELF_CLAIMED_TOO_LONG = Refusal(
    "self-claimed-too-long",
    "It would last too long",
    "A relationship that somebody claims for themselves lasts 31 days at most.",
)
NOT_AN_EXTENSION = Refusal(
    "not-an-extension",
    "It would not last longer",
    "Give a `live_until` that is later than the one it has.",
)
ALREADY_OBJECTED = Refusal(
    "already-objected", "The person has objected", "Lift the objection before making another."
)
NO_OBJECTION = Refusal(
    "no-objection", "Nobody has objected", "The person has not objected to this relationship."
)
ONLY_THE_PERSON_LIFTS = Refusal(
    "only-the-person-lifts-an-objection",
    "Only the person lifts an objection",
    "Only the person lifts it, or somebody on their behalf. Name who said so in "
    "`provenance.stated_by`.",
)
RELEASE_NEEDS_AN_APPROVER = Refusal(
    "release-needs-an-approver", "Nobody has approved it", "Say in `approved_by` who approved it."
)

_THEIR_OWN = (PERSON, PROXY, PROFESSIONAL, REGISTRATION)


@titled("Relationship")
class Relationship(Entry):
    """Why one organisation may see the plan and contribute to it, between its two dates."""

    gives_access = ("establish", "extend", "end")
    key_taken = ALREADY_LIVE
    already_out = Refusal(
        "relationship-ended",
        "The relationship has ended",
        "This relationship has ended. Establish a new one.",
    )

    @titled("Relationship established")
    class Established(Creation):
        """An organisation looks after the person, for a reason."""

        organisation: Of
        kind: Kind
        reason: Why
        lawful_basis: LawBasis
        live_from: LiveFrom
        team: TeamName | None = None
        live_until: LiveUntil | None = None
        scope: WhatMayBeSeen | None = None

    @titled("Relationship extended")
    class Extended(Amendment):
        """It lasts longer."""

        live_until: LiveUntil
        reason: ChangeReason

    @titled("Scope changed")
    class ScopeChanged(Amendment):
        """They may see more, or less."""

        scope: WhatMayBeSeen
        reason: ChangeReason

    @titled("Preference recorded")
    class PreferenceRecorded(Amendment):
        """The person said what they think of it."""

        preference: WhatTheySaid

    @titled("Objected")
    class Objected(Amendment):
        """The person does not want it."""

        objection: Annotated[TheirObjection, DERIVED]
        reason: ChangeReason | None = None

    @titled("Objection lifted")
    class ObjectionLifted(Amendment):
        """The person no longer objects."""

        objection: Annotated[TheirObjection | None, DERIVED]
        released: Annotated[Release | None, DERIVED]

    @titled("Released")
    class Released(Amendment):
        """It is seen in spite of the objection, for a time."""

        released: Annotated[Release, DERIVED]
        reason: ChangeReason

    @titled("Relationship ended")
    class Ended(Withdrawal):
        """They no longer look after the person."""

        reason: ChangeReason

    def unique_keys(self) -> frozenset[str]:
        """An organisation has one of each kind with a person, until it ends."""
        if self.is_out or self.is_in_error:
            return frozenset()
        return frozenset({f"{self.plan_id}/{self.organisation.code}/{self.kind}"})

    @creates(Established, "Establish a relationship", by=_THEIR_OWN)
    @staticmethod
    def establish(said: Established, granted: frozenset[str]) -> Established:
        """Say why an organisation looks after the person, from when and until when."""
        must_say_something(said.reason, NEEDS_A_REASON, "reason")
        if said.organisation.code is None:
            detail = "Name the organisation by its `ods` or `local_id`."
            raise Refused(NEEDS_CODE_OR_TEXT, detail, field="organisation")
        _must_be_theirs(said.provenance, said.organisation, granted)
        must_end_after_it_starts(said.live_from, said.live_until, "live_until")
        if said.kind is not RelationshipKind.SELF_CLAIMED:
            return said
        if said.provenance.voice != PROFESSIONAL:
            raise Refused(ROLE_MAY_NOT, "Only a professional claims a relationship.")
        longest = said.live_from + LONGEST_SELF_CLAIM
        if said.live_until is not None and said.live_until > longest:
            raise Refused(SELF_CLAIMED_TOO_LONG, field="live_until")
        return said.having(live_until=said.live_until or longest)

    @changes(Extended, "Extend the relationship", by=(PROFESSIONAL, REGISTRATION))
    def extend(self, said: Extended, granted: frozenset[str]) -> None:
        """Let it last longer: the organisation says so itself, not even the person for it."""
        if REGISTRATION.name not in granted:
            must_be_own_organisation(
                said.provenance, self.organisation, ORGANISATION_CLAIM_DIFFERS, None
            )
        if self.live_until is None or said.live_until <= self.live_until:
            raise Refused(NOT_AN_EXTENSION, field="live_until")
        is_claimed = self.kind is RelationshipKind.SELF_CLAIMED
        if is_claimed and said.live_until > said.timestamp + LONGEST_SELF_CLAIM:
            raise Refused(SELF_CLAIMED_TOO_LONG, field="live_until")

    @changes(ScopeChanged, "Change the scope", by=(RELATIONSHIP_SUPERVISING,))
    def change_scope(self, said: ScopeChanged) -> None:
        """Let them see more, or less."""

    @changes(PreferenceRecorded, "Record the person's preference", persons=ROLE_MAY_NOT)
    def record_preference(self, said: PreferenceRecorded) -> None:
        """Write down what the person said when told who will see the plan."""

    @changes(Objected, "Object", persons=ROLE_MAY_NOT)
    def object(
        self,
        said: Objected,
        scope: Annotated[Scope, titled("Scope", "What they object to; left out, all of it.")]
        | None = None,
    ) -> Objected:
        """Write down that the person does not want it; that is stronger than the relationship."""
        if self.has_objection:
            raise Refused(ALREADY_OBJECTED)
        at = said.provenance.stated_at or said.timestamp
        return said.having(objection=Objection(at, scope, said.reason))

    @changes(ObjectionLifted, "Lift the objection")
    def lift_objection(self, said: ObjectionLifted) -> None:
        """The person wants it after all; what was released in spite of it ends."""
        if not self.has_objection:
            raise Refused(NO_OBJECTION)
        must_be_the_persons(said.provenance, ONLY_THE_PERSON_LIFTS, "provenance.stated_by")

    @changes(Released, "Release in spite of the objection", by=(RELATIONSHIP_SUPERVISING,))
    def release(
        self,
        said: Released,
        until: Annotated[Instant, titled("Until", "When it ends.")],
        approved_by: Annotated[str, titled("Approved by", "Who approved it.")] | None = None,
    ) -> Released:
        """Let it be seen in spite of the objection, for a reason and for a time."""
        if not self.has_objection:
            raise Refused(NO_OBJECTION)
        if approved_by is None or is_blank(approved_by):
            raise Refused(RELEASE_NEEDS_AN_APPROVER, field="approved_by")
        must_end_after_it_starts(said.timestamp, until, "until")
        return said.having(released=ReleasedInSpite(said.reason, approved_by, until))

    @withdraws(Ended, "End the relationship", by=(*_THEIR_OWN, RELATIONSHIP_SUPERVISING))
    def end(self, said: Ended, granted: frozenset[str]) -> None:
        """They no longer look after the person; what they saw stays seen, and recorded."""
        if RELATIONSHIP_SUPERVISING.name not in granted:
            _must_be_theirs(said.provenance, self.organisation, granted)

    organisation: Organisation
    kind: RelationshipKind
    live_until: Instant | None
    has_objection: bool = False

    @event(Established)
    def __init__(
        self, organisation: Organisation, kind: RelationshipKind, live_until: Instant | None
    ) -> None:
        self.organisation, self.kind, self.live_until = organisation, kind, live_until

    @event(Extended)
    def _apply_extended(self, live_until: Instant) -> None:
        self.live_until = live_until

    @event(Objected)
    def _apply_objected(self) -> None:
        self.has_objection = True

    @event(ObjectionLifted)
    def _apply_lifted(self) -> None:
        self.has_objection = False


def _must_be_theirs(
    provenance: Provenance, organisation: Organisation, granted: frozenset[str]
) -> None:
    """An organisation speaks for itself; the person and a registration service for any."""
    if not provenance.is_the_persons and REGISTRATION.name not in granted:
        must_be_own_organisation(provenance, organisation, ORGANISATION_CLAIM_DIFFERS)
