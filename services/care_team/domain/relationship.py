"""A relationship: why an organisation may see the plan and contribute to it, and for how long."""

from datetime import datetime
from typing import Annotated, Final

from eventsourcing.domain import event

from services.care_team.domain.rules import REGISTRATION, RELATIONSHIP_SUPERVISING
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
    Limits,
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
    instant_after,
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
    SELF_CLAIMED = (
        "self-claimed",
        "Self-claimed",
        "The organisation says so itself, for a limited time.",
    )
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

    def is_within(self, other: "Scope") -> bool:
        """True where it lets nobody see or do what the other does not."""
        return (
            (
                other.sections is None
                or (self.sections is not None and {*self.sections} <= {*other.sections})
            )
            and {*self.labels} <= {*other.labels}
            and (other.contribute or not self.contribute)
        )


@value
class Preference:
    """What the person said, and when."""

    said: Annotated[Said, titled("Said", "What the person said.")]
    stated_at: Annotated[Instant, titled("Stated at", "When they said it, a day and a time.")]


@value
class Objection:
    """The person does not want it; that is stronger than the relationship."""

    stated_at: Annotated[Instant, titled("Stated at", "When they said it, a day and a time.")]
    scope: Annotated[Scope, titled("Scope", "What they object to; left out, all of it.")] | None = (
        None
    )
    reason: Annotated[Text, titled("Reason", "Why, where they say so.")] | None = None


@value
class ReleasedInSpite:
    """It is seen in spite of an objection, until when, and who approved."""

    reason: Annotated[str, titled("Reason", "Why it is released.")]
    approved_by: Annotated[str, titled("Approved by", "Who approved it.")]
    until: Annotated[Instant, titled("Until", "When it ends, a day and a time.")]


Of = Annotated[Organisation, titled("Organisation", "The organisation that it is with.")]
TeamName = Annotated[Name, titled("Team", "The team, where it is with one.")]
Kind = Annotated[RelationshipKind, titled("Kind", "What it rests on.")]
Why = Annotated[str, titled("Reason", "Why there is a relationship.")]
LawBasis = Annotated[LawfulBasis, titled("Lawful basis", "What allows it by law.")]
LiveFrom = Annotated[Instant, titled("Live from", "When it begins, a day and a time.")]
EndsAsClaimed = Annotated[
    Instant,
    titled(
        "Live until",
        "When it ends, a day and a time. Left out, it stays open where the person or a "
        "registration service says it. What an organisation claims for itself then ends 31 days "
        "after it begins, or as the deployment sets it, and may not be said to last longer.",
    ),
]
EndsAsConfirmed = Annotated[
    Instant,
    titled("Live until", "When it ends, a day and a time; left out, it stays open."),
]
LiveUntil = Annotated[Instant, titled("Live until", "When it ends, a day and a time.")]
WhatMayBeSeen = Annotated[Scope, titled("Scope", "What may be seen; left out, all of it.")]
WhatTheySaid = Annotated[Preference, titled("Preference", "What the person said about sharing.")]
TheirObjection = Annotated[Objection, titled("Objection", "That the person does not want it.")]
IsClaimed = Annotated[
    bool,
    titled(
        "Self-claimed",
        "Whether only the organisation says so, and not the person, a registration service or an "
        "officer.",
    ),
]
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
    "What an organisation claims for itself lasts for a time only.",
)
CLAIM_IS_OVER = Refusal(
    "self-claimed-already-over",
    "It would be over already",
    "A claim counts from now on, and this one would have ended. Give a `live_until` that is still "
    "to come, or leave it out.",
)
NOT_CLAIMED = Refusal(
    "relationship-not-self-claimed",
    "There is nothing to confirm",
    "This is no claim: the person, a registration service or an officer has recorded or confirmed "
    "it.",
)
CONFLICT_OF_INTEREST = Refusal(
    "conflict-of-interest",
    "There is a conflict of interest",
    "An officer cannot open a plan to their own organisation. Ask an officer of another "
    "organisation that looks after the person.",
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

SELF_CLAIM: Final = "self-claimed"
"""The code of the alert that a claim raises."""


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
        live_until: EndsAsClaimed | None = None
        scope: WhatMayBeSeen | None = None
        self_claimed: Annotated[IsClaimed, DERIVED] = True

        @property
        def alert(self) -> str | None:
            """Somebody has to look at what an organisation claims for itself."""
            return SELF_CLAIM if self.self_claimed else None

    @titled("Relationship extended")
    class Extended(Amendment):
        """It lasts longer."""

        live_until: LiveUntil
        reason: ChangeReason
        self_claimed: Annotated[IsClaimed, DERIVED] = True

        @property
        def alert(self) -> str | None:
            """A claim that goes on is looked at again."""
            return SELF_CLAIM if self.self_claimed else None

    @titled("Relationship confirmed")
    class Confirmed(Amendment):
        """What an organisation claimed is so."""

        self_claimed: Annotated[IsClaimed, DERIVED]
        live_until: EndsAsConfirmed | None = None
        reason: ChangeReason | None = None

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
    def establish(said: Established, granted: frozenset[str], limits: Limits) -> Established:
        """Say why an organisation looks after the person, from when and until when."""
        must_say_something(said.reason, NEEDS_A_REASON, "reason")
        if said.organisation.code is None:
            detail = "Name the organisation by its `ods` or `local_id`."
            raise Refused(NEEDS_CODE_OR_TEXT, detail, field="organisation")
        _must_be_theirs(said.provenance, said.organisation, granted)
        must_end_after_it_starts(said.live_from, said.live_until, "live_until")
        is_of_kind = said.kind is RelationshipKind.SELF_CLAIMED
        if is_of_kind and said.provenance.voice != PROFESSIONAL:
            raise Refused(ROLE_MAY_NOT, "Only a professional claims a relationship.")
        if not is_of_kind and _is_said_by_others(said.provenance, granted):
            return said.having(self_claimed=False)
        longest = instant_after(max(said.live_from, said.timestamp), limits.longest_claim)
        if said.live_until is not None:
            _must_be_a_claim_in_time(said.live_until, said.timestamp, longest, limits)
        return said.having(live_until=said.live_until or longest, self_claimed=True)

    @changes(Extended, "Extend the relationship", by=(PROFESSIONAL, REGISTRATION))
    def extend(self, said: Extended, granted: frozenset[str], limits: Limits) -> Extended:
        """Let it last longer: the organisation says so itself, not even the person for it.

        It is a claim then, whoever said so before.
        """
        is_registered = REGISTRATION.name in granted
        if not is_registered:
            must_be_own_organisation(
                said.provenance, self.organisation, ORGANISATION_CLAIM_DIFFERS, None
            )
        if self.live_until is None or said.live_until <= self.live_until:
            raise Refused(NOT_AN_EXTENSION, field="live_until")
        if not is_registered:
            longest = said.timestamp + limits.longest_claim
            _must_be_a_claim_in_time(said.live_until, said.timestamp, longest, limits)
        return said.having(self_claimed=not is_registered)

    @changes(
        Confirmed,
        "Confirm the relationship",
        by=(PERSON, PROXY, REGISTRATION, RELATIONSHIP_SUPERVISING),
    )
    def confirm(self, said: Confirmed, granted: frozenset[str]) -> Confirmed:
        """Say that what an organisation claimed is so, and until when; left out, it stays open."""
        if not self.is_claimed:
            raise Refused(NOT_CLAIMED)
        is_officer = RELATIONSHIP_SUPERVISING.name in granted
        if not (is_officer or _is_said_by_others(said.provenance, granted)):
            raise Refused(ROLE_MAY_NOT, "The person confirms it by a token of their own.")
        _must_not_be_their_own(said.provenance, self.organisation, granted)
        must_end_after_it_starts(self.live_from, said.live_until, "live_until")
        return said.having(self_claimed=False)

    @changes(ScopeChanged, "Change the scope", by=(RELATIONSHIP_SUPERVISING,))
    def change_scope(self, said: ScopeChanged, granted: frozenset[str]) -> None:
        """Let them see more, or less; nobody lets their own organisation see more."""
        if not said.scope.is_within(self.scope):
            _must_not_be_their_own(said.provenance, self.organisation, granted)

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
        if said.provenance.organisation_code == self.organisation.code:
            raise Refused(
                ONLY_THE_PERSON_LIFTS,
                "Nobody writes down for their own organisation that the person no longer objects. "
                "The person lifts it by a token of their own, or tells somebody else.",
            )

    @changes(Released, "Release in spite of the objection", by=(RELATIONSHIP_SUPERVISING,))
    def release(
        self,
        said: Released,
        granted: frozenset[str],
        until: Annotated[Instant, titled("Until", "When it ends, a day and a time.")],
        approved_by: Annotated[str, titled("Approved by", "Who approved it.")] | None = None,
    ) -> Released:
        """Let it be seen in spite of the objection, for a reason and for a time."""
        if not self.has_objection:
            raise Refused(NO_OBJECTION)
        if approved_by is None or is_blank(approved_by):
            raise Refused(RELEASE_NEEDS_AN_APPROVER, field="approved_by")
        _must_not_be_their_own(said.provenance, self.organisation, granted)
        must_end_after_it_starts(said.timestamp, until, "until")
        return said.having(released=ReleasedInSpite(said.reason, approved_by, until))

    @withdraws(Ended, "End the relationship", by=(*_THEIR_OWN, RELATIONSHIP_SUPERVISING))
    def end(self, said: Ended, granted: frozenset[str]) -> None:
        """They no longer look after the person; what they saw stays seen, and recorded."""
        if RELATIONSHIP_SUPERVISING.name in granted or said.provenance.is_the_persons:
            return
        _must_be_theirs(said.provenance, self.organisation, granted)

    organisation: Organisation
    kind: RelationshipKind
    live_from: Instant
    live_until: Instant | None
    scope: Scope
    is_claimed: bool
    has_objection: bool = False

    @event(Established)
    def __init__(
        self,
        organisation: Organisation,
        kind: RelationshipKind,
        live_from: Instant,
        live_until: Instant | None,
        scope: Scope | None,
        self_claimed: bool,
    ) -> None:
        self.organisation, self.kind = organisation, kind
        self.live_from, self.live_until = live_from, live_until
        self.scope, self.is_claimed = scope or Scope(), self_claimed

    @event(Extended)
    def _apply_extended(self, live_until: Instant, self_claimed: bool) -> None:
        self.live_until, self.is_claimed = live_until, self_claimed

    @event(Confirmed)
    def _apply_confirmed(self, live_until: Instant | None, self_claimed: bool) -> None:
        self.live_until, self.is_claimed = live_until, self_claimed

    @event(ScopeChanged)
    def _apply_scope(self, scope: Scope) -> None:
        self.scope = scope

    @event(Objected)
    def _apply_objected(self) -> None:
        self.has_objection = True

    @event(ObjectionLifted)
    def _apply_lifted(self) -> None:
        self.has_objection = False


def _must_be_theirs(
    provenance: Provenance, organisation: Organisation, granted: frozenset[str]
) -> None:
    """An organisation speaks for itself, whoever it quotes; others by a token of their own."""
    if not _is_said_by_others(provenance, granted):
        must_be_own_organisation(provenance, organisation, ORGANISATION_CLAIM_DIFFERS)


def _is_said_by_others(provenance: Provenance, granted: frozenset[str]) -> bool:
    """True where more than an organisation's own word stands for it.

    The person, or somebody who acts for them, proved it by their token: that an organisation
    quotes them is what it claims.
    """
    return provenance.is_from_the_persons_side or REGISTRATION.name in granted


def _must_not_be_their_own(
    provenance: Provenance, organisation: Organisation, granted: frozenset[str]
) -> None:
    """Refuse an officer who would open a plan to their own organisation."""
    is_officer = RELATIONSHIP_SUPERVISING.name in granted
    if is_officer and provenance.organisation_code == organisation.code:
        raise Refused(CONFLICT_OF_INTEREST)


def _must_be_a_claim_in_time(
    live_until: datetime, now: datetime, longest: datetime, limits: Limits
) -> None:
    if live_until <= now:
        raise Refused(CLAIM_IS_OVER, field="live_until")
    if live_until > longest:
        raise Refused(
            SELF_CLAIMED_TOO_LONG,
            f"What an organisation claims for itself lasts {limits.longest_claim.days} days at "
            "most. Let the person, a registration service or an officer confirm it.",
            field="live_until",
        )
