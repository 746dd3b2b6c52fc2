"""A proxy: who may act for the person, by what right, in what and for how long."""

from typing import Annotated

from eventsourcing.domain import event

from shared.ledger import (
    DERIVED,
    NEEDS_CODE_OR_TEXT,
    PERSON,
    PROFESSIONAL,
    Amendment,
    ChangeReason,
    Choice,
    Creation,
    Document,
    Entry,
    Instant,
    Name,
    Party,
    Provenance,
    Refusal,
    Refused,
    SectionName,
    Withdrawal,
    changes,
    creates,
    is_blank,
    must_end_after_it_starts,
    must_not_lie_ahead,
    must_say_something,
    titled,
    value,
    withdraws,
)


class ProxyAuthority(Choice):
    """By what right somebody acts for the person."""

    NOMINATION = "nomination", "Nominated", "The person has named them."
    LPA = "lpa", "Lasting power of attorney", "For health and welfare."
    DEPUTY = "deputy", "Deputy", "Appointed by the Court of Protection."
    PARENTAL_RESPONSIBILITY = (
        "parental-responsibility",
        "Parental responsibility",
        "For a child, until the 18th birthday at most.",
    )
    ADVOCATE = "advocate", "Advocate", "An independent mental capacity advocate."
    CONSULTEE = "consultee", "Consultee", "Asked what is in the person's best interests."


@value
class Evidence:
    """What shows the right, and who has seen it."""

    document: Annotated[Document, titled("Document", "The document that shows it.")]
    seen_by: Annotated[Name, titled("Seen by", "Who has seen it.")]
    seen_at: Annotated[Instant, titled("Seen at", "When they saw it, a day and a time.")]


@value
class ProxyScope:
    """What somebody may do for the person, and in which sections."""

    view: Annotated[bool, titled("View", "Whether they may see the plan.")] = False
    contribute: Annotated[bool, titled("Contribute", "Whether they may contribute.")] = False
    agree: Annotated[bool, titled("Agree", "Whether they may agree for the person.")] = False
    sections: (
        Annotated[tuple[SectionName, ...], titled("Sections", "Left out, all of them.")] | None
    ) = None


Who = Annotated[
    Party,
    titled(
        "Party", "Who acts; by an identifier of kind `sub` where they have a token of their own."
    ),
]
ByRight = Annotated[ProxyAuthority, titled("Authority", "By what right.")]
ShownBy = Annotated[Evidence, titled("Evidence", "What shows it, and who has seen that.")]
InWhat = Annotated[ProxyScope, titled("Scope", "What they may do.")]
LiveFrom = Annotated[Instant, titled("Live from", "When it begins, a day and a time.")]
LiveUntil = Annotated[
    Instant, titled("Live until", "When it ends, a day and a time; left out, it stays open.")
]
IsSuspended = Annotated[
    bool, titled("Suspended", "That they may not act for the person for the time being.")
]

NEEDS_AN_AUTHORITY = Refusal(
    "proxy-needs-an-authority",
    "It does not say by what right",
    "Say in `authority` by what right they act for the person.",
)
NOT_VERIFIED = Refusal(
    "authority-not-verified",
    "Nobody has seen what shows it",
    "Say in `evidence` who has seen what shows the authority, and when.",
)
DOES_NOT_COVER_AGREEING = Refusal(
    "authority-does-not-cover-agreeing",
    "They may not agree for the person",
    "Somebody who was nominated, or is only consulted, may not agree for the person.",
)
NOT_SUSPENDED = Refusal(
    "proxy-not-suspended", "The proxy is not suspended", "This Proxy is not suspended."
)

_MAY_NOT_AGREE = frozenset({ProxyAuthority.NOMINATION, ProxyAuthority.CONSULTEE})


@titled("Proxy")
class Proxy(Entry):
    """Who may act for the person, between its two dates, until it is revoked."""

    may_contribute = (PERSON, PROFESSIONAL)
    already_out = Refusal(
        "proxy-ended", "The proxy has ended", "This Proxy was revoked. Appoint a new one."
    )

    @titled("Proxy appointed")
    class Appointed(Creation):
        """Somebody may act for the person."""

        party: Who
        scope: InWhat
        live_from: LiveFrom
        authority: ByRight | None = None
        evidence: ShownBy | None = None
        live_until: LiveUntil | None = None

    @titled("Authority verified")
    class AuthorityVerified(Amendment):
        """Somebody has seen what shows the right."""

        evidence: ShownBy

    @titled("Scope changed")
    class ScopeChanged(Amendment):
        """They may do more, or less."""

        scope: InWhat
        reason: ChangeReason

    @titled("Proxy suspended")
    class Suspended(Amendment):
        """They may not act for the time being."""

        suspended: Annotated[IsSuspended, DERIVED]
        reason: ChangeReason

    @titled("Proxy reinstated")
    class Reinstated(Amendment):
        """They may act again."""

        suspended: Annotated[IsSuspended, DERIVED]
        reason: ChangeReason

    @titled("Proxy revoked")
    class Revoked(Withdrawal):
        """They no longer act for the person."""

        reason: ChangeReason

    @creates(Appointed, "Appoint a proxy")
    @staticmethod
    def appoint(said: Appointed) -> None:
        """Let somebody act for the person, by a right that somebody has seen."""
        must_say_something(said.party, NEEDS_CODE_OR_TEXT, "party")
        if said.authority is None:
            raise Refused(NEEDS_AN_AUTHORITY, field="authority")
        _must_have_been_seen(said.provenance, said.evidence)
        _must_show_something(said.evidence)
        _must_cover(said.scope, said.authority, said.evidence)
        must_end_after_it_starts(said.live_from, said.live_until, "live_until")

    @changes(AuthorityVerified, "Verify the authority")
    def verify_authority(self, said: AuthorityVerified) -> None:
        """Say who has seen what shows the right."""
        _must_show_something(said.evidence)

    @changes(ScopeChanged, "Change the scope")
    def change_scope(self, said: ScopeChanged) -> None:
        """Let them do more, or less."""
        _must_have_been_seen(said.provenance, self.evidence)
        _must_cover(said.scope, self.authority, self.evidence)

    @changes(Suspended, "Suspend the proxy")
    def suspend(self, said: Suspended) -> Suspended:
        """They may not act for the time being; ``reinstate`` undoes it."""
        return said.having(suspended=True)

    @changes(Reinstated, "Reinstate the proxy")
    def reinstate(self, said: Reinstated) -> Reinstated:
        """They may act again."""
        if not self.is_suspended:
            raise Refused(NOT_SUSPENDED)
        _must_have_been_seen(said.provenance, self.evidence)
        return said.having(suspended=False)

    @withdraws(Revoked, "Revoke the proxy")
    def revoke(self, said: Revoked) -> None:
        """They no longer act for the person; what they did stays done, and recorded."""

    authority: ProxyAuthority
    evidence: Evidence | None
    is_suspended: bool = False

    @event(Appointed)
    def __init__(self, authority: ProxyAuthority, evidence: Evidence | None) -> None:
        self.authority, self.evidence = authority, evidence

    @event(AuthorityVerified)
    def _apply_verified(self, evidence: Evidence) -> None:
        self.evidence = evidence

    @event(Suspended)
    def _apply_suspended(self, suspended: bool) -> None:
        self.is_suspended = suspended

    @event(Reinstated)
    def _apply_reinstated(self, suspended: bool) -> None:
        self.is_suspended = suspended


def _must_have_been_seen(provenance: Provenance, evidence: Evidence | None) -> None:
    """The person says it by their own token; others, once somebody has seen what shows it."""
    if provenance.recorded_by.kind != PERSON and evidence is None:
        raise Refused(NOT_VERIFIED, field="evidence")


def _must_show_something(evidence: Evidence | None) -> None:
    """Evidence names a document that a reader could find or ask for."""
    if evidence is None:
        return
    document = evidence.document
    named = not (is_blank(document.title) and is_blank(document.identifier))
    if not (named or document.is_stored or document.has_a_place):
        detail = "Say in `evidence.document` what it is called, or where it is."
        raise Refused(NOT_VERIFIED, detail, field="evidence.document")
    must_not_lie_ahead(evidence.seen_at, NOT_VERIFIED, "evidence.seen_at")


def _must_cover(scope: ProxyScope, authority: ProxyAuthority, evidence: Evidence | None) -> None:
    """Agreeing takes a right in law that somebody has seen."""
    if not scope.agree:
        return
    if authority in _MAY_NOT_AGREE:
        raise Refused(DOES_NOT_COVER_AGREEING, field="scope.agree")
    if evidence is None:
        raise Refused(NOT_VERIFIED, field="evidence")
