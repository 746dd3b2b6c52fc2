"""Who may do what: the one place that decides, asked by every door, by the rules in their table."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from shared.chassis.policy.access import Doing, Proxy, Scope, live
from shared.chassis.policy.facts import (
    AUDIT_EVERYWHERE,
    AUDIT_READING,
    AUTHN,
    NO_RELATIONSHIP,
    OPERATING,
    OVERRIDE_REVIEWING,
    POLICY_VERSION,
    PROXY_NOT_LIVE,
    READS_NO_PLAN,
    SEES_SEX,
    Decision,
    Facts,
    Roles,
)
from shared.chassis.policy.rights import no_by_the_command, no_by_the_plan, rights_of
from shared.chassis.policy.rules import BY_CALLER, EMERGENCY, Action, Caller, Needs
from shared.chassis.policy.sees import Reader, Sees
from shared.chassis.policy.standing import (
    OWN,
    named_proxy,
    of_proxy,
    of_relationship,
    proxies_of,
)
from shared.ledger import PERSON, RELATED_PERSON, SYSTEM, Contributor, ServiceRole

__all__ = [
    "AUTHN",
    "POLICY_VERSION",
    "Action",
    "Decision",
    "Facts",
    "Roles",
    "decide",
    "rights_of",
]

_Judge = Callable[[Contributor, Action, Facts, str | None], Decision]

_AUDITOR: Final = "auditor"
_FOR_A_ROLE: Final[Mapping[Action, tuple[str, Caller]]] = {
    Action.READ_AUDIT: (AUDIT_READING, Caller.OFFICER),
    Action.REVIEW_OVERRIDE: (OVERRIDE_REVIEWING, Caller.OFFICER),
    Action.TEND_DEAD_LETTERS: (OPERATING, Caller.OPERATOR),
}
"""What a role opens by itself, and as whom whoever has it asks."""
_CONTRIBUTING: Final = frozenset({Action.CONTRIBUTE, Action.GAIN_ACCESS, Action.STORE_MEDIA})
_READING: Final = frozenset({Action.READ_PLAN, Action.READ_EMERGENCY})
_ALL: Final = (Scope(),)

_NO_PLAN: Final = "This role reads no plan."
_NO_RULE: Final[Mapping[Action, str]] = {
    Action.READ_PLAN: _NO_PLAN,
    Action.READ_EMERGENCY: _NO_PLAN,
    Action.SEARCH_PEOPLE: "This role searches for nobody.",
    Action.LIST_PLANS: "This role is given no list of plans.",
    Action.READ_AUDIT: "This role may not read the audit.",
    Action.REVIEW_OVERRIDE: "This role may not review what was read in an emergency.",
    Action.READ_OWN_ACCESSES: "Only the person may read who has seen their plan.",
    Action.TEND_DEAD_LETTERS: "Only an operator may look at dead letters.",
}
_NO_PLAN_FOR_IT: Final = "This purpose opens no plan."
_NO_SUCH_PURPOSE: Final[Mapping[Action, str]] = {
    Action.READ_PLAN: _NO_PLAN_FOR_IT,
    Action.READ_EMERGENCY: _NO_PLAN_FOR_IT,
    Action.SEARCH_PEOPLE: "Nobody is searched for this purpose.",
    Action.LIST_PLANS: "No plans are listed for this purpose.",
    Action.READ_AUDIT: "The audit is read for the purpose `audit` only.",
    Action.TEND_DEAD_LETTERS: "Dead letters are looked at for the purpose `support` only.",
    Action.REVIEW_OVERRIDE: "What was read in an emergency is reviewed for the purpose `audit`.",
}
_RELATIONSHIP_TO_READ: Final = (
    "Your organisation has no live relationship with this person. Where it looks after them, "
    "establish one with the care team's section first."
)
_RELATIONSHIP_TO_CONTRIBUTE: Final = (
    "Your organisation has no live relationship with this person that covers this section and "
    "contributing. Where it looks after them, establish one with the care team's section first."
)
_EMERGENCY_ELSEWHERE: Final = (
    "An emergency opens `GET /v1/plans/{plan_id}/emergency` and the files that are named there, "
    "and nothing else. Where your organisation looks after the person, claim a relationship with "
    "the care team's section: it lets you in at once, unless the person objects."
)
_RELATIONSHIP_OF_AN_OFFICER: Final = (
    "Your organisation has no relationship with this person, not even one that has run out."
)
_PROXY_TO_VIEW: Final = (
    "You see this plan only by a live Proxy that may view, and whose party has the `sub` of this "
    "token among its identifiers."
)
_NOT_VERIFIED: Final = "This needs a token that says that the NHS number was verified."
_NAME_A_PROXY: Final = (
    "Name in `provenance.on_behalf_of.proxy` a Proxy of this plan that is live, covers this and "
    "whose party contributes."
)

_WITHOUT_AUTHN: Final = Decision(True, redactions=(AUTHN,))


def decide(
    contributor: Contributor, action: Action, facts: Facts, purpose: str | None = None
) -> Decision:
    """Whether this contributor may do this, by these facts, for this purpose.

    What no rule permits is refused. Only the token, or what the deployment grants to an inbox,
    gives a role; nothing that a contribution says does. What the token alone forbids is refused
    before anything is looked up; a no that ``may_change`` is worth asking the copy again.
    """
    if action in _CONTRIBUTING:
        refused = no_by_the_command(contributor, action, facts)
        if refused is not None:
            return refused
    rule = BY_CALLER.get((caller_of(contributor, action, facts), action))
    if rule is None:
        return Decision(False, "not-permitted", _NO_RULE.get(action, "This role may not do this."))
    if rule.purposes and purpose is not None and purpose not in rule.purposes:
        return Decision(False, "not-permitted", _NO_SUCH_PURPOSE[action])
    return _JUDGED[rule.needs](contributor, action, facts, purpose)


def caller_of(contributor: Contributor, action: Action, facts: Facts) -> Caller:
    """As whom they ask: in the rules' words.

    What the deployment grants to an inbox comes on top of what its organisation may do anyway.
    """
    if contributor.kind == PERSON:
        return Caller.PERSON
    if contributor.kind == RELATED_PERSON:
        return Caller.CLOSE
    roles, role = facts.roles, contributor.role
    if role is not None:
        if action in _FOR_A_ROLE:
            kind, caller = _FOR_A_ROLE[action]
            if role in roles.get(kind, ()):
                return caller
        elif role in roles.get(READS_NO_PLAN, ()):
            return Caller.OFFICER if role in roles.get(AUDIT_READING, ()) else Caller.NATIONAL
    if contributor.service_roles and _is_granted(contributor, facts):
        return Caller.NATIONAL
    return Caller.SYSTEM if contributor.kind == SYSTEM else Caller.PROFESSIONAL


def _is_granted(contributor: Contributor, facts: Facts) -> bool:
    """True where the command names a national service that the deployment says they are."""
    national = frozenset(facts.roles.get(READS_NO_PLAN, ())) - {*facts.roles.get(AUDIT_READING, ())}
    named = (
        name
        for rule in facts.who
        if isinstance(rule, ServiceRole)
        for name in facts.roles.get(rule.name, rule.roles)
    )
    return any(name in national and name in contributor.service_roles for name in named)


def _own_plan(contributor: Contributor, _: Action, facts: Facts, __: str | None) -> Decision:
    return no_by_the_plan(contributor, facts) or Decision(
        True, relationship=OWN, sees=Sees(Reader.PERSON, scopes=_ALL, sex=True, third_party=True)
    )


def _own_plan_verified(
    contributor: Contributor, action: Action, facts: Facts, purpose: str | None
) -> Decision:
    if not contributor.nhs_number_verified:
        return Decision(False, "not-permitted", _NOT_VERIFIED)
    return _own_plan(contributor, action, facts, purpose)


def _by_proxy(contributor: Contributor, action: Action, facts: Facts, __: str | None) -> Decision:
    refused = no_by_the_plan(contributor, facts)
    if refused is not None:
        return refused
    viewing = proxies_of(facts.access.proxies, contributor, facts.at, None, Doing.VIEW)
    if action in _READING:
        under = viewing[0] if viewing else None
    elif action is Action.STORE_MEDIA:
        may = (Doing.CONTRIBUTE, Doing.AGREE)
        asked = (facts.access.proxies, contributor, facts.at, facts.section)
        under = next((one for do in may for one in proxies_of(*asked, do)), None)
    else:
        under = _named(contributor, facts)
    if under is None:
        detail = _PROXY_TO_VIEW if action in _READING else _NAME_A_PROXY
        return Decision(False, PROXY_NOT_LIVE, detail)
    scopes = tuple(Scope(one.sections) for one in viewing)
    sees = Sees(Reader.PROXY, scopes=scopes, restricting=facts.restricting)
    revision = facts.access.revision
    return Decision(True, relationship=of_proxy(under), proxy=under, sees=sees, revision=revision)


def _by_relationship(
    contributor: Contributor, action: Action, facts: Facts, purpose: str | None
) -> Decision:
    relationships, organisation = facts.access.relationships, contributor.organisation
    viewing = live(relationships, organisation, facts.at)
    if action in _READING:
        by = viewing
    else:
        by = live(relationships, organisation, facts.at, facts.section, contributing=True)
    if not by:
        detail = _RELATIONSHIP_TO_READ if action in _READING else _RELATIONSHIP_TO_CONTRIBUTE
        if action is Action.READ_PLAN and purpose == EMERGENCY:
            detail = _EMERGENCY_ELSEWHERE
        return Decision(False, NO_RELATIONSHIP, detail)
    return _under_a_proxy(
        contributor,
        facts,
        Decision(
            True,
            relationship=of_relationship(by[0]),
            sees=_organisation_sees(
                contributor,
                facts,
                tuple(one.scope for one in viewing),
                (viewing[0].objected(facts.at) if viewing else None) or frozenset(),
            ),
            revision=facts.access.revision,
        ),
    )


def _or_break_glass(
    contributor: Contributor, action: Action, facts: Facts, purpose: str | None
) -> Decision:
    decision = _by_relationship(contributor, action, facts, purpose)
    if purpose != EMERGENCY or contributor.organisation is None:
        return decision
    if decision.sees is not None and not decision.sees.objected:
        return decision
    code = contributor.organisation.code
    in_time = [
        one
        for one in facts.access.relationships
        if one.organisation == code and one.is_in_time(facts.at)
    ]
    # An emergency opens no less to those who know the person than to those who do not.
    scopes = (*_ALL, *(one.scope for one in in_time))
    return Decision(
        True,
        relationship=of_relationship(in_time[0]) if in_time else None,
        sees=_organisation_sees(contributor, facts, scopes, frozenset()),
        override="objection" if in_time else "break-glass",
        revision=facts.access.revision,
    )


def _any_relationship(
    contributor: Contributor, _: Action, facts: Facts, __: str | None
) -> Decision:
    code = contributor.organisation.code if contributor.organisation else None
    for one in facts.access.relationships:
        if one.organisation == code:
            sees = replace(_organisation_sees(contributor, facts, _ALL), restricting=frozenset())
            revision = facts.access.revision
            return Decision(True, relationship=of_relationship(one), sees=sees, revision=revision)
    return Decision(False, NO_RELATIONSHIP, _RELATIONSHIP_OF_AN_OFFICER)


def _by_role(contributor: Contributor, _: Action, facts: Facts, __: str | None) -> Decision:
    sees = replace(_organisation_sees(contributor, facts, _ALL), restricting=frozenset())
    return _under_a_proxy(contributor, facts, Decision(True, sees=sees))


def _nothing_more(
    contributor: Contributor, action: Action, facts: Facts, _: str | None
) -> Decision:
    if action in (Action.READ_AUDIT, Action.REVIEW_OVERRIDE):
        decision = Decision(True) if contributor.role == _AUDITOR else _WITHOUT_AUTHN
        if action is Action.READ_AUDIT and contributor.role in facts.roles.get(
            AUDIT_EVERYWHERE, ()
        ):
            return decision
        organisation = contributor.organisation
        if organisation is None:
            return Decision(False, "not-permitted", _NO_RULE[action])
        return replace(decision, within=organisation.code)
    if action is Action.SEARCH_PEOPLE:
        return Decision(True, sees=_organisation_sees(contributor, facts, _ALL))
    sees = _organisation_sees(contributor, facts, ())
    return _under_a_proxy(contributor, facts, Decision(True, sees=sees))


def _own_receipt(contributor: Contributor, _: Action, facts: Facts, __: str | None) -> Decision:
    is_theirs = facts.contributed_by == contributor.key
    return Decision(True) if is_theirs else Decision(False, "contribution-unknown")


def _under_a_proxy(contributor: Contributor, facts: Facts, decision: Decision) -> Decision:
    """An organisation that records what somebody said for the person names their Proxy too."""
    if facts.provenance is None or facts.provenance.on_behalf_of is None:
        return decision
    proxy = _named(contributor, facts)
    if proxy is None:
        return Decision(False, PROXY_NOT_LIVE, _NAME_A_PROXY)
    return replace(decision, proxy=proxy, revision=facts.access.revision)


def _named(contributor: Contributor, facts: Facts) -> Proxy | None:
    if facts.provenance is None:
        return None
    return named_proxy(
        *(facts.access.proxies, contributor, facts.provenance),
        *(facts.at, facts.section, facts.doing),
    )


def _organisation_sees(
    contributor: Contributor,
    facts: Facts,
    scopes: tuple[Scope, ...],
    objected: frozenset[str] = frozenset(),
) -> Sees:
    organisation = contributor.organisation
    return Sees(
        Reader.ORGANISATION,
        organisation.code if organisation else None,
        contributor.role,
        scopes,
        objected,
        facts.restricting,
        sex=contributor.role is not None and contributor.role in facts.roles.get(SEES_SEX, ()),
        third_party=True,
    )


_JUDGED: Final[Mapping[Needs, _Judge]] = {
    Needs.OWN_PLAN: _own_plan,
    Needs.OWN_PLAN_VERIFIED: _own_plan_verified,
    Needs.PROXY: _by_proxy,
    Needs.RELATIONSHIP: _by_relationship,
    Needs.OR_BREAK_GLASS: _or_break_glass,
    Needs.ANY_RELATIONSHIP: _any_relationship,
    Needs.ROLE: _by_role,
    Needs.OWN_RECEIPT: _own_receipt,
    Needs.NOTHING: _nothing_more,
}
