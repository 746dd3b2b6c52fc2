"""Who may do what: a row for each rule, asked of the one function that every door asks."""

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from shared.chassis.policy.decide import POLICY_VERSION, Action, Decision, Facts, decide, rights_of
from shared.chassis.settings import USUAL_ROLES, Settings
from shared.ledger import (
    Agent,
    CareTeamRef,
    Contributor,
    OnBehalfOf,
    Organisation,
    Provenance,
    ServiceRole,
)
from shared.ledger.provenance import Kind

PLAN, OTHER = uuid4(), uuid4()
ORG = Organisation("ZZG01", "Larkfield")
PLAN_ENDING = ServiceRole("plan_ending", ("gp", "practice-manager"))
DEMOGRAPHICS = ServiceRole("demographics", ("pds-connection",))
EVERYBODY = ("person", "proxy", "professional")


def professional(role: str | None = "nurse", org: Organisation = ORG) -> Contributor:
    return Contributor("professional", "tom", "Tom Okafor-Synth", role, org)


def system(role: str | None = None, granted: tuple[str, ...] = ()) -> Contributor:
    return Contributor("system", "epr", "EPR", role, ORG, service_roles=granted)


def close(kind: Kind, plan_id: Any = PLAN, role: str | None = None) -> Contributor:
    return Contributor(kind, "somebody", "Edith Marlow-Synth", role, plan_id=plan_id)


def contributes(
    contributor: Contributor,
    who: tuple[str | ServiceRole, ...] = EVERYBODY,
    *,
    stated_by: Agent | None = None,
    acting: bool = False,
) -> Decision:
    recorded_by = Agent(
        contributor.kind, contributor.name, contributor.role, contributor.organisation
    )
    provenance = Provenance(
        *(PLAN, uuid4(), uuid4(), recorded_by, stated_by or recorded_by),
        on_behalf_of=OnBehalfOf() if acting else None,
    )
    facts = Facts(USUAL_ROLES, plan_id=PLAN, who=who, provenance=provenance)
    return decide(contributor, Action.CONTRIBUTE, facts)


def reads(contributor: Contributor, purpose: str | None = None, plan_id: Any = PLAN) -> str | None:
    return decide(contributor, Action.READ_PLAN, Facts(USUAL_ROLES, plan_id), purpose).code


def test_every_decision_says_by_which_rules() -> None:
    assert contributes(professional()) == Decision(True, policy_version=POLICY_VERSION)
    refused = contributes(professional(), ("person",))
    assert (refused.allowed, refused.policy_version) == (False, POLICY_VERSION)
    assert refused.detail


@pytest.mark.parametrize(
    ("contributor", "stated_by", "who", "code"),
    [
        (professional(), None, EVERYBODY, None),
        (professional(), None, ("person",), "role-may-not-contribute"),
        (professional("gp"), None, (PLAN_ENDING,), None),
        (professional("nurse"), None, (PLAN_ENDING,), "role-may-not-contribute"),
        (professional(None), None, (PLAN_ENDING,), "role-may-not-contribute"),
        (system("pds-connection"), None, (DEMOGRAPHICS,), None),
        (system(granted=("data-quality", "pds-connection")), None, (DEMOGRAPHICS,), None),
        (system(), Agent("professional", role="nurse"), EVERYBODY, None),
        (system(), Agent("person"), ("person",), None),
        (system(), None, EVERYBODY, "role-may-not-contribute"),
        # Nothing that a contribution says gives a role, and nor does a token of the person.
        (
            *(system(), Agent("professional", role="pds-connection")),
            *((DEMOGRAPHICS,), "role-may-not-contribute"),
        ),
        (
            *(system(), Agent("professional", role="gp")),
            *((PLAN_ENDING,), "role-may-not-contribute"),
        ),
        (close("person", role="gp"), None, (PLAN_ENDING,), "role-may-not-contribute"),
        (professional("gp"), None, (ServiceRole("unheard_of", ()),), "role-may-not-contribute"),
        (professional("gp"), None, (), "role-may-not-contribute"),
    ],
)
def test_who_may_use_a_command(
    contributor: Contributor,
    stated_by: Agent | None,
    who: tuple[str | ServiceRole, ...],
    code: str | None,
) -> None:
    assert contributes(contributor, who, stated_by=stated_by).code == code


_LIFTING = ServiceRole("restriction_lifting", ("privacy-officer", "caldicott-guardian"))
_MERGING = ServiceRole("merging", ("data-quality",))
_REGISTERING = ServiceRole("registering", ("registration-service",))


@pytest.mark.parametrize(
    ("role", "named_by"),
    [
        ("auditor", None),
        ("privacy-officer", _LIFTING),
        ("caldicott-guardian", _LIFTING),
        ("registration-service", _REGISTERING),
        ("pds-connection", DEMOGRAPHICS),
        ("data-quality", _MERGING),
    ],
)
def test_a_role_that_reads_no_plan_writes_only_by_the_commands_that_name_it(
    role: str, named_by: ServiceRole | None
) -> None:
    """The kind: a right to write that came from the kind of a token, past its role."""
    for token, stated_by in (
        (professional(role), None),
        (professional(role), Agent("person")),
        (system(role), Agent("professional", role="nurse")),
        (system(role), Agent("person")),
        (system(role), None),
    ):
        refused = "role-may-not-contribute"
        assert contributes(token, EVERYBODY, stated_by=stated_by).code == refused
        for rule in (_LIFTING, _REGISTERING, DEMOGRAPHICS, _MERGING, PLAN_ENDING):
            code = contributes(token, (*EVERYBODY, rule), stated_by=stated_by).code
            assert code == (None if rule is named_by else refused)
    # An inbox may have been granted it on top of what its organisation does anyway.
    granted = system(granted=(role,))
    assert contributes(granted, EVERYBODY, stated_by=Agent("person")).code is None


def test_whoever_may_not_is_told_who_may() -> None:
    assert contributes(professional(), ("person", DEMOGRAPHICS, PLAN_ENDING)).detail == (
        "This command is for the person or the roles `pds-connection`, `gp` or `practice-manager`."
    )
    assert contributes(professional(), (DEMOGRAPHICS,)).detail == (
        "This command is for the role `pds-connection`."
    )
    assert contributes(professional("auditor")).detail == (
        "The role `auditor` may use only commands that name it."
    )


def test_a_system_is_told_to_say_who_said_it() -> None:
    assert "provenance.stated_by" in contributes(system()).detail


@pytest.mark.parametrize("acting", [True, False])
@pytest.mark.parametrize("plan_id", [None, OTHER, PLAN])
@pytest.mark.parametrize("kind", ["person", "related-person"])
def test_a_persons_token_and_that_of_somebody_close_are_for_the_plan_they_name(
    kind: Kind, plan_id: Any, *, acting: bool
) -> None:
    contributor = close(kind, plan_id)
    decision = contributes(contributor, (*EVERYBODY, "related-person"), acting=acting)
    assert decision.code == (None if plan_id == PLAN else "not-permitted")
    assert reads(contributor) == (None if plan_id == PLAN else "not-permitted")
    assert reads(contributor, plan_id=None) == "not-permitted"


@pytest.mark.parametrize(
    "acting", [OnBehalfOf(), OnBehalfOf(proxy=CareTeamRef("care-team", OTHER))]
)
def test_nobody_acts_for_the_person_without_a_live_proxy(acting: OnBehalfOf) -> None:
    """The kind: somebody who says of themselves that they act for the person."""
    agent = Agent("person")
    alone = Provenance(PLAN, uuid4(), uuid4(), recorded_by=agent, stated_by=agent)
    for contributor, provenance, code in (
        (close("related-person"), alone, "proxy-not-live"),
        (close("related-person"), replace(alone, on_behalf_of=acting), "proxy-not-live"),
        (professional(), replace(alone, on_behalf_of=acting), "proxy-not-live"),
        (professional(), alone, None),
        (close("person"), alone, None),
    ):
        facts = Facts(USUAL_ROLES, plan_id=PLAN, provenance=provenance)
        assert decide(contributor, Action.ACT_FOR, facts).code == code


def test_the_rights_of_roles_are_declared_and_a_deployment_names_others() -> None:
    asked = (PLAN_ENDING, DEMOGRAPHICS)
    assert rights_of(professional("gp"), {}, asked) == {"plan_ending"}
    named = {"plan_ending": ("matron",)}
    assert rights_of(professional("gp"), named, asked) == frozenset()
    assert rights_of(professional("matron"), named, asked) == {"plan_ending"}
    assert rights_of(system(granted=("pds-connection",)), {}, asked) == {"demographics"}
    assert rights_of(close("person", role="gp"), {}, asked) == frozenset()


@pytest.mark.parametrize(
    ("contributor", "stated_by", "code"),
    [
        (professional(), Agent("professional", role="gp"), None),
        (professional(), Agent("professional", role="gp", organisation=ORG), None),
        (professional(), Agent("person", organisation=Organisation("ZZH01")), None),
        (professional(), Agent("related-person", organisation=Organisation("ZZH01")), None),
        (
            *(professional(), Agent("professional", role="gp", organisation=Organisation("ZZH01"))),
            "organisation-claim-differs",
        ),
        (
            professional(),
            Agent("professional", organisation=Organisation(name="Larkfield")),
            "organisation-claim-differs",
        ),
        (
            system(),
            Agent("professional", organisation=Organisation("ZZH01")),
            "organisation-claim-differs",
        ),
        (close("person"), Agent("professional", role="gp"), "organisation-claim-differs"),
        (close("person"), Agent("system"), "organisation-claim-differs"),
    ],
)
def test_an_organisation_speaks_for_its_own_people(
    contributor: Contributor, stated_by: Agent, code: str | None
) -> None:
    decision = contributes(contributor, (*EVERYBODY, "related-person"), stated_by=stated_by)
    assert decision.code == code


@pytest.mark.parametrize(
    ("role", "code"),
    [
        (None, None),
        ("gp", None),
        ("pds-connection", "not-permitted"),
        ("data-quality", "not-permitted"),
        ("registration-service", "not-permitted"),
        ("auditor", "not-permitted"),
        ("privacy-officer", "not-permitted"),
        ("caldicott-guardian", "not-permitted"),
    ],
)
def test_roles_that_serve_or_audit_read_no_plan(role: str | None, code: str | None) -> None:
    assert reads(professional(role)) == code
    assert reads(system(role)) == code


@pytest.mark.parametrize(
    ("purpose", "code"),
    [
        (None, None),
        ("direct-care", None),
        ("review", None),
        ("emergency", None),
        ("audit", "not-permitted"),
        ("support", "not-permitted"),
    ],
)
def test_two_purposes_open_no_plan(purpose: str | None, code: str | None) -> None:
    assert reads(professional(), purpose) == code


@pytest.mark.parametrize(
    ("contributor", "purpose", "code"),
    [
        (professional("auditor"), None, None),
        (professional("caldicott-guardian"), "audit", None),
        (professional("privacy-officer"), "direct-care", "not-permitted"),
        (professional("gp"), "audit", "not-permitted"),
        (close("person", role="auditor"), "audit", "not-permitted"),
    ],
)
def test_who_may_read_the_audit(
    contributor: Contributor, purpose: str | None, code: str | None
) -> None:
    assert decide(contributor, Action.READ_AUDIT, Facts(USUAL_ROLES), purpose).code == code


@pytest.mark.parametrize(
    ("role", "redactions"),
    [("auditor", ()), ("privacy-officer", ("authn",)), ("caldicott-guardian", ("authn",))],
)
def test_only_an_auditor_sees_how_somebody_was_authenticated(
    role: str, redactions: tuple[str, ...]
) -> None:
    asked = Contributor("professional", "ann", role=role, organisation=Organisation("ZZG01"))
    decision = decide(asked, Action.READ_AUDIT, Facts(USUAL_ROLES), "audit")
    assert (decision.allowed, decision.redactions) == (True, redactions)


def test_a_receipt_is_for_whoever_contributed() -> None:
    facts = Facts(USUAL_ROLES, contributed_by="org:ZZG01")
    assert decide(professional(), Action.READ_RECEIPT, facts).allowed
    other = professional(org=Organisation("ZZH01"))
    assert decide(other, Action.READ_RECEIPT, facts).code == "contribution-unknown"


def test_a_deployment_names_roles_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAREPLAN_ROLES", '{"plan_ending": ["matron"]}')
    roles = Settings().roles
    assert roles["plan_ending"] == ("matron",)
    assert roles["audit_reading"] == USUAL_ROLES["audit_reading"]
