"""Who may use a command at all: by the token, or by what the deployment grants to an inbox."""

from collections.abc import Collection, Iterable

from shared.chassis.policy.facts import READS_NO_PLAN, Decision, Facts, Roles
from shared.chassis.policy.rules import Action
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


def no_by_the_command(contributor: Contributor, action: Action, facts: Facts) -> Decision | None:
    """What the command, and the token, forbid whatever the copy says."""
    if action is Action.STORE_MEDIA:
        return _may_store(contributor, facts) or no_by_the_plan(contributor, facts)
    return (
        _may_use(contributor, facts)
        or no_by_the_plan(contributor, facts)
        or _claim_of_an_organisation(contributor, facts.provenance)
    )


def _may_use(contributor: Contributor, facts: Facts) -> Decision | None:
    if facts.provenance is None:
        raise ValueError("who may contribute depends on who says it")
    voice = _voice(contributor, facts.provenance)
    who = facts.who
    if _is_for_no_plan(contributor, facts.roles):
        who = tuple(rule for rule in who if isinstance(rule, ServiceRole))
    for rule in who:
        if _is_met(rule, voice, contributor, facts.roles):
            return None
    detail = f"This command is for {in_words(facts.who, facts.roles)}."
    if contributor.kind == SYSTEM and voice == SYSTEM:
        detail = (
            "A system may not do this in its own name. Say who said it in `provenance.stated_by`."
        )
    elif who != facts.who:
        detail = f"The role `{contributor.role}` may use only commands that name it."
    return Decision(False, "role-may-not-contribute", detail)


def _may_store(contributor: Contributor, facts: Facts) -> Decision | None:
    """Whoever may contribute what names the file may store it; who says it, the contribution says.

    A system stores for whoever it speaks for.
    """
    who = facts.who
    if _is_for_no_plan(contributor, facts.roles):
        who = tuple(rule for rule in who if isinstance(rule, ServiceRole))
    voice = PROXY if contributor.kind == RELATED_PERSON else contributor.kind
    is_for_others = contributor.kind == SYSTEM and who == facts.who and bool(who)
    if is_for_others or any(_is_met(one, voice, contributor, facts.roles) for one in who):
        return None
    return Decision(False, "role-may-not-contribute", "This role may not store files here.")


def no_by_the_plan(contributor: Contributor, facts: Facts) -> Decision | None:
    """The person, and whoever is close to them, have the plan that their token names."""
    if contributor.kind not in (PERSON, RELATED_PERSON):
        return None
    if contributor.plan_id is None:
        return Decision(False, "not-permitted", "This token is for no plan.")
    if contributor.plan_id != facts.plan_id:
        return Decision(False, "not-permitted", "This token is for another plan.")
    return None


def _claim_of_an_organisation(
    contributor: Contributor, provenance: Provenance | None
) -> Decision | None:
    """An organisation speaks for its own people; a person has none to speak for."""
    if provenance is None:
        return None
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
    return is_staff and contributor.role in roles.get(READS_NO_PLAN, ())


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
