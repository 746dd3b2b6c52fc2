"""Who may do what: the one place that decides, asked by every door; its rules have a version."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final
from uuid import UUID

from shared.ledger import (
    PERSON,
    PROFESSIONAL,
    PROXY,
    RELATED_PERSON,
    SYSTEM,
    Contributor,
    Provenance,
    ServiceRole,
    in_words,
)

POLICY_VERSION: Final = "2026-12-01.1"
"""Stored with every decision; it changes whenever a rule below does."""

Roles = Mapping[str, Collection[str]]
"""The names that a deployment gives to each kind of role that a rule asks for."""

_AUDIT: Final = "audit_reading"
_READS_NO_PLAN: Final = "reads_no_plan"
_AUDITOR: Final = "auditor"
_OPEN_NO_PLAN: Final = frozenset({"audit", "support"})


class Action(Enum):
    """What somebody asks for."""

    CONTRIBUTE = "contribute"
    STORE_MEDIA = "store-media"
    ACT_FOR = "act-for"
    READ_RECEIPT = "read-receipt"
    READ_PLAN = "read-plan"
    READ_AUDIT = "read-audit"


@dataclass(frozen=True)
class Facts:
    """What a decision rests on beside the token.

    ``who`` are the kinds of voices and the service roles that the command names;
    ``contributed_by`` is the key of whoever a receipt belongs to.
    """

    roles: Roles
    plan_id: UUID | None = None
    who: tuple[str | ServiceRole, ...] = ()
    provenance: Provenance | None = None
    contributed_by: str | None = None


@dataclass(frozen=True)
class Decision:
    """A permission, or a no with its code and the words for it.

    ``relationship`` is the one that it rests on, ``redactions`` what has to be left out.
    """

    allowed: bool
    code: str | None = None
    detail: str = ""
    relationship: str | None = None
    redactions: tuple[str, ...] = ()
    policy_version: str = POLICY_VERSION


AUTHN: Final = "authn"
"""How somebody was authenticated, where it is left out of an audit record."""

_YES: Final = Decision(True)
_WITHOUT_AUTHN: Final = Decision(True, redactions=(AUTHN,))


def decide(
    contributor: Contributor, action: Action, facts: Facts, purpose: str | None = None
) -> Decision:
    """Whether this contributor may do this, by these facts, for this purpose.

    What no rule permits is refused. Only the token, or what the deployment grants to an inbox,
    gives a role; nothing that a contribution says does.
    """
    if action is Action.CONTRIBUTE:
        return _contribute(contributor, facts)
    if action is Action.STORE_MEDIA:
        return _store_media(contributor, facts)
    if action is Action.ACT_FOR:
        return _act_for(contributor, facts)
    if action is Action.READ_PLAN:
        return _read_plan(contributor, facts, purpose)
    if action is Action.READ_RECEIPT:
        is_theirs = facts.contributed_by == contributor.key
        return _YES if is_theirs else Decision(False, "contribution-unknown")
    return _read_audit(contributor, facts, purpose)


def _contribute(contributor: Contributor, facts: Facts) -> Decision:
    if facts.provenance is None:
        raise ValueError("who may contribute depends on who says it")
    voice = _voice(contributor, facts.provenance)
    who = facts.who
    if _is_for_no_plan(contributor, facts.roles):
        who = tuple(rule for rule in who if isinstance(rule, ServiceRole))
    if not any(_is_met(rule, voice, contributor, facts.roles) for rule in who):
        detail = f"This command is for {in_words(facts.who, facts.roles)}."
        if contributor.kind == SYSTEM and voice == SYSTEM:
            detail = (
                "A system may not do this in its own name. "
                "Say who said it in `provenance.stated_by`."
            )
        elif who != facts.who:
            detail = f"The role `{contributor.role}` may use only commands that name it."
        return Decision(False, "role-may-not-contribute", detail)
    refused = _plan_of_the_token(contributor, facts)
    if refused is not None:
        return refused
    return _claim_of_an_organisation(contributor, facts.provenance) or _YES


def _store_media(contributor: Contributor, facts: Facts) -> Decision:
    """Whoever may contribute what names the file may store it; who says it, the contribution says.

    A system stores for whoever it speaks for. Of somebody close to the person a Proxy is asked.
    """
    who = facts.who
    if _is_for_no_plan(contributor, facts.roles):
        who = tuple(rule for rule in who if isinstance(rule, ServiceRole))
    voice = PROXY if contributor.kind == RELATED_PERSON else contributor.kind
    is_for_others = contributor.kind == SYSTEM and who == facts.who and bool(who)
    if not (is_for_others or any(_is_met(one, voice, contributor, facts.roles) for one in who)):
        return Decision(False, "role-may-not-contribute", "This role may not store files here.")
    return _plan_of_the_token(contributor, facts) or _act_for(contributor, facts)


def _act_for(contributor: Contributor, facts: Facts) -> Decision:
    """Proxies are recorded and not judged by yet: whoever acts for the person is refused."""
    claimed = facts.provenance is not None and facts.provenance.on_behalf_of is not None
    if contributor.kind != RELATED_PERSON and not claimed:
        return _YES
    detail = (
        "Name in `provenance.on_behalf_of.proxy` a Proxy of this plan that is live "
        "and whose party contributes."
    )
    return Decision(False, "proxy-not-live", detail)


def _read_plan(contributor: Contributor, facts: Facts, purpose: str | None) -> Decision:
    refused = _plan_of_the_token(contributor, facts)
    if refused is not None:
        return refused
    if _has_role(_READS_NO_PLAN, contributor, facts.roles):
        return Decision(False, "not-permitted", "This role reads no plan.")
    if purpose in _OPEN_NO_PLAN:
        return Decision(False, "not-permitted", "This purpose opens no plan.")
    return _YES


def _read_audit(contributor: Contributor, facts: Facts, purpose: str | None) -> Decision:
    if not _has_role(_AUDIT, contributor, facts.roles):
        return Decision(False, "not-permitted", "This role may not read the audit.")
    if purpose not in (None, "audit"):
        return Decision(False, "not-permitted", "The audit is read for the purpose `audit` only.")
    return _YES if contributor.role == _AUDITOR else _WITHOUT_AUTHN


def _plan_of_the_token(contributor: Contributor, facts: Facts) -> Decision | None:
    """The person, and whoever is close to them, have the plan that their token names."""
    if contributor.kind not in (PERSON, RELATED_PERSON):
        return None
    if contributor.plan_id is None:
        return Decision(False, "not-permitted", "This token is for no plan.")
    if contributor.plan_id != facts.plan_id:
        return Decision(False, "not-permitted", "This token is for another plan.")
    return None


def _claim_of_an_organisation(contributor: Contributor, provenance: Provenance) -> Decision | None:
    """An organisation speaks for its own people; a person has none to speak for."""
    stated_by = provenance.stated_by
    if stated_by.kind in (PERSON, RELATED_PERSON):
        return None
    if contributor.organisation is None:
        return Decision(
            False,
            "organisation-claim-differs",
            "A person speaks for no organisation: whoever else said it has to record it.",
        )
    claimed = stated_by.organisation
    if claimed is None or claimed.code == contributor.organisation.code:
        return None
    return Decision(
        False,
        "organisation-claim-differs",
        "`provenance.stated_by` must belong to the organisation that contributes.",
    )


def _is_for_no_plan(contributor: Contributor, roles: Roles) -> bool:
    """True for a token whose role is for the audit, or for the commands that name it.

    What the deployment grants to an inbox comes on top of what its organisation may do anyway.
    """
    is_staff = contributor.kind in (PROFESSIONAL, SYSTEM)
    return is_staff and contributor.role in roles.get(_READS_NO_PLAN, ())


def _voice(contributor: Contributor, provenance: Provenance) -> str:
    """The kind of contributor that counts: a system's organisation answers for who said it."""
    if contributor.kind == SYSTEM:
        return provenance.voice
    if contributor.kind == RELATED_PERSON:
        return PROXY  # or nobody's: whether a Proxy is live, and theirs, is a question of its own
    return contributor.kind


def _is_met(rule: str | ServiceRole, voice: str, contributor: Contributor, roles: Roles) -> bool:
    if isinstance(rule, ServiceRole):
        return _has_role(rule.name, contributor, roles, rule.roles)
    return rule == voice


def rights_of(
    contributor: Contributor, roles: Roles, asked: Iterable[ServiceRole]
) -> frozenset[str]:
    """The names of those service roles that the contributor has."""
    return frozenset(
        role.name for role in asked if _has_role(role.name, contributor, roles, role.roles)
    )


def _has_role(
    named: str, contributor: Contributor, roles: Roles, usual: Collection[str] = ()
) -> bool:
    if contributor.kind not in (PROFESSIONAL, SYSTEM):
        return False
    names = roles.get(named, usual)
    return contributor.role in names or any(role in names for role in contributor.service_roles)
