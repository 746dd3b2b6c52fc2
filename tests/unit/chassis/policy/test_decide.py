"""Who may do what: a row for each rule, asked of the one function that every door asks."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from shared.chassis.policy.access import Access, Doing, Objection, Proxy, Relationship, Scope
from shared.chassis.policy.decide import POLICY_VERSION, Action, Decision, Facts, decide, rights_of
from shared.chassis.policy.rules import BY_CALLER, RULES, Caller
from shared.chassis.policy.sees import Reader, Sees
from shared.chassis.policy.standing import OWN, Standing
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

PLAN, OTHER, REL, RUTHS = uuid4(), uuid4(), uuid4(), uuid4()
ORG = Organisation("ZZG01", "Larkfield")
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
LIVE = Relationship(
    *(REL, "ZZG01", NOW, NOW + timedelta(days=30)), self_claimed=False, kind="registration"
)
PROXY_OF_SOMEBODY = Proxy(
    *(RUTHS, "Ruth Marlow-Synth", frozenset({("sub", "somebody")})),
    *(frozenset({Doing.VIEW, Doing.CONTRIBUTE}), NOW),
)
KNOWN = Access((LIVE,), (PROXY_OF_SOMEBODY,))
BY_LIVE = Standing("registration", REL, NOW, NOW + timedelta(days=30))
ACTING = OnBehalfOf(proxy=CareTeamRef("care-team", RUTHS))
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
    acting: OnBehalfOf | None = None,
    access: Access = KNOWN,
    action: Action = Action.CONTRIBUTE,
    **facts: Any,
) -> Decision:
    recorded_by = Agent(
        contributor.kind, contributor.name, contributor.role, contributor.organisation
    )
    provenance = Provenance(
        *(PLAN, uuid4(), uuid4(), recorded_by, stated_by or recorded_by),
        on_behalf_of=acting,
    )
    told: dict[str, Any] = {
        "plan_id": PLAN,
        "who": who,
        "provenance": provenance,
        "access": access,
        "at": NOW,
    }
    return decide(contributor, action, Facts(USUAL_ROLES, **{**told, **facts}))


def reading(
    contributor: Contributor,
    purpose: str | None = None,
    access: Access = KNOWN,
    action: Action = Action.READ_PLAN,
    plan_id: Any = PLAN,
) -> Decision:
    return decide(contributor, action, Facts(USUAL_ROLES, plan_id, access=access, at=NOW), purpose)


def reads(contributor: Contributor, purpose: str | None = None, plan_id: Any = PLAN) -> str | None:
    return reading(contributor, purpose, plan_id=plan_id).code


def test_every_decision_says_by_which_rules() -> None:
    assert contributes(professional()).policy_version == POLICY_VERSION
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
        ("operator", None),
        ("monitor", None),
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


@pytest.mark.parametrize("acting", [ACTING])
@pytest.mark.parametrize("plan_id", [None, OTHER, PLAN])
@pytest.mark.parametrize("kind", ["person", "related-person"])
def test_a_persons_token_and_that_of_somebody_close_are_for_the_plan_they_name(
    kind: Kind, plan_id: Any, acting: OnBehalfOf
) -> None:
    contributor = close(kind, plan_id)
    decision = contributes(contributor, (*EVERYBODY, "related-person"), acting=acting)
    assert decision.code == (None if plan_id == PLAN else "not-permitted")
    assert reads(contributor) == (None if plan_id == PLAN else "not-permitted")
    assert reads(contributor, plan_id=None) == "not-permitted"


@pytest.mark.parametrize(
    "acting", [None, OnBehalfOf(), OnBehalfOf(proxy=CareTeamRef("care-team", OTHER))]
)
def test_nobody_acts_for_the_person_without_a_live_proxy(acting: OnBehalfOf | None) -> None:
    """The kind: somebody who says of themselves that they act for the person."""
    said = Agent("related-person", "Ruth Marlow-Synth")
    assert contributes(close("related-person"), acting=acting).code == "proxy-not-live"
    staff = contributes(professional(), stated_by=said, acting=acting)
    assert staff.code == (None if acting is None else "proxy-not-live")
    assert contributes(close("person"), acting=acting).code is None


def test_a_proxy_and_what_it_rests_on_are_named_in_the_decision() -> None:
    decision = contributes(close("related-person"), acting=ACTING)
    assert (decision.code, decision.proxy) == (None, PROXY_OF_SOMEBODY)
    assert decision.relationship == Standing("proxy", RUTHS, NOW)
    said = Agent("related-person", "Ruth Marlow-Synth")
    recorded = contributes(professional(), stated_by=said, acting=ACTING)
    assert (recorded.proxy, recorded.relationship) == (PROXY_OF_SOMEBODY, BY_LIVE)
    of_another = contributes(professional(), stated_by=Agent("related-person"), acting=ACTING)
    assert of_another.code == "proxy-not-live"


@pytest.mark.parametrize(
    ("given", "section", "doing", "code"),
    [
        ({}, "goals", Doing.CONTRIBUTE, None),
        ({}, "goals", Doing.AGREE, "proxy-not-live"),
        ({"may": frozenset({Doing.AGREE})}, "stewardship", Doing.AGREE, None),
        ({"sections": frozenset({"needs"})}, "goals", Doing.CONTRIBUTE, "proxy-not-live"),
        ({"suspended": True}, "goals", Doing.CONTRIBUTE, "proxy-not-live"),
        ({"live_until": NOW}, "goals", Doing.CONTRIBUTE, "proxy-not-live"),
        ({"identifiers": frozenset({("sub", "joan")})}, None, Doing.CONTRIBUTE, "proxy-not-live"),
    ],
)
def test_a_proxy_covers_what_its_party_contributes(
    given: dict[str, Any], section: str | None, doing: Doing, code: str | None
) -> None:
    access = Access(proxies=(replace(PROXY_OF_SOMEBODY, **given),))
    said: dict[str, Any] = {"acting": ACTING, "access": access, "section": section, "doing": doing}
    assert contributes(close("related-person"), **said).code == code


@pytest.mark.parametrize(
    ("given", "section", "reads_it", "writes_it"),
    [
        ({}, "goals", True, True),
        ({"organisation": "ZZH01"}, "goals", False, False),
        ({"live_from": NOW + timedelta(seconds=1)}, "goals", False, False),
        ({"live_until": NOW}, "goals", False, False),
        ({"scope": Scope(contribute=False)}, "goals", True, False),
        ({"scope": Scope(frozenset({"needs"}))}, "goals", True, False),
        ({"scope": Scope(frozenset())}, "goals", False, False),
        ({"objections": (Objection(),)}, "goals", False, False),
        ({"objections": (Objection(Scope(frozenset({"goals"}))),)}, "goals", True, False),
    ],
)
def test_an_organisation_reads_and_contributes_by_a_live_relationship(
    given: dict[str, Any], section: str, *, reads_it: bool, writes_it: bool
) -> None:
    access = Access((replace(LIVE, **given),))
    code = "no-live-relationship"
    for staff in (professional(), system()):
        assert reading(staff, access=access).code == (None if reads_it else code)
        decision = contributes(
            staff, stated_by=Agent("person"), who=("person", "professional"), access=access,
            section=section,
        )  # fmt: skip
        assert decision.code == (None if writes_it else code)
        assert decision.may_change is not writes_it


def test_who_opens_a_plan_or_establishes_a_relationship_needs_none() -> None:
    nobody = Access()
    first = contributes(professional(), access=nobody, action=Action.GAIN_ACCESS)
    assert first.code is None
    proxys = contributes(
        close("related-person"), acting=ACTING, access=nobody, action=Action.GAIN_ACCESS
    )
    assert proxys.code == "proxy-not-live"


def test_a_national_service_reaches_every_plan_and_an_officer_those_of_their_organisation() -> None:
    """An officer is there for what the person objects to, and for what has run out as well."""
    nobody, other = Access(), Access((replace(LIVE, organisation="ZZH01"),))
    granted = system(granted=("pds-connection",))
    for national in (professional("pds-connection"), granted):
        assert contributes(national, (DEMOGRAPHICS,), access=nobody).code is None
        seen = contributes(national, (DEMOGRAPHICS,), access=nobody).sees
        assert seen is not None
        assert seen.has_labels("person", ["address"])
    told = Agent("professional", role="nurse")
    assert contributes(granted, stated_by=told, access=nobody).code == "no-live-relationship"
    officer = professional("privacy-officer")
    objected = Access((replace(LIVE, objections=(Objection(),), live_until=NOW),))
    for access, code in ((nobody, "no-live-relationship"), (other, "no-live-relationship"),
                         (objected, None)):  # fmt: skip
        assert contributes(officer, (_LIFTING,), access=access).code == code


def test_what_a_reader_sees_follows_from_each_of_their_relationships() -> None:
    """The kind: a label that one relationship has, and a section that only another covers."""
    labelled = replace(
        LIVE, entry_id=uuid4(), scope=Scope(frozenset({"goals"}), frozenset({"mental-health"}))
    )
    access = Access((LIVE, labelled))
    sees = reading(professional("gp"), access=access).sees
    assert sees is not None
    assert (sees.reader, sees.organisation, sees.role) == (Reader.ORGANISATION, "ZZG01", "gp")
    assert (sees.sex, sees.third_party, sees.objected) == (True, True, frozenset())
    assert sees.has_labels("goals", ["mental-health"])
    assert not sees.has_labels("needs", ["mental-health"])
    some = replace(sees, restricting=frozenset({"address"}))
    assert some.has_labels("needs", ["mental-health"])
    assert not some.has_labels("needs", ["address"])


def test_the_person_sees_all_and_a_proxy_the_sections_of_their_scope() -> None:
    own = reading(close("person"))
    assert own.relationship == OWN
    assert own.sees == Sees(Reader.PERSON, scopes=(Scope(),), sex=True, third_party=True)
    needs = frozenset({"needs"})
    access = Access(proxies=(replace(PROXY_OF_SOMEBODY, sections=needs),))
    decision = reading(close("related-person"), access=access)
    assert decision.proxy is not None
    assert decision.sees == Sees(Reader.PROXY, scopes=(Scope(needs),))
    blind = Access(proxies=(replace(PROXY_OF_SOMEBODY, may=frozenset({Doing.CONTRIBUTE})),))
    assert reading(close("related-person"), access=blind).code == "proxy-not-live"


@pytest.mark.parametrize(
    ("given", "purpose", "override", "code"),
    [
        (None, "emergency", "break-glass", None),
        (None, "direct-care", None, "no-live-relationship"),
        (None, None, None, "no-live-relationship"),
        ({}, "emergency", None, None),
        ({}, "direct-care", None, None),
        ({"live_until": NOW}, "emergency", "break-glass", None),
        ({"objections": (Objection(),)}, "emergency", "objection", None),
        ({"objections": (Objection(),)}, "direct-care", None, "no-live-relationship"),
        ({"objections": (Objection(Scope(frozenset({"goals"}))),)}, "emergency", "objection", None),
    ],
)
def test_an_emergency_opens_the_emergency_view(
    given: dict[str, Any] | None, purpose: str | None, override: str | None, code: str | None
) -> None:
    access = Access() if given is None else Access((replace(LIVE, **given),))

    def asks(contributor: Contributor, action: Action = Action.READ_EMERGENCY) -> Decision:
        return reading(contributor, purpose, access, action)

    decision = asks(professional("paramedic"))
    assert (decision.code, decision.override) == (code, override)
    if code is None:
        assert decision.sees is not None
        assert decision.sees.covers("goals")
        assert not decision.sees.objected
    # Nothing else opens so, and to nobody but a professional.
    assert asks(professional(), Action.READ_PLAN).override is None
    if override == "break-glass":
        assert asks(professional(), Action.READ_PLAN).code == "no-live-relationship"
        assert asks(system()).code == "no-live-relationship"
        assert asks(professional("auditor")).code == "not-permitted"


def test_each_rule_is_the_only_one_for_its_caller_and_action() -> None:
    assert len(BY_CALLER) == len(RULES)
    assert {rule.caller for rule in RULES} == {*Caller}


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
    assert decide(professional("pds-connection"), Action.READ_RECEIPT, facts).allowed
    assert decide(professional(), Action.READ_RECEIPT, facts).allowed
    other = professional(org=Organisation("ZZH01"))
    assert decide(other, Action.READ_RECEIPT, facts).code == "contribution-unknown"


def test_a_deployment_names_roles_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAREPLAN_ROLES", '{"plan_ending": ["matron"]}')
    roles = Settings().roles
    assert roles["plan_ending"] == ("matron",)
    assert roles["audit_reading"] == USUAL_ROLES["audit_reading"]


def test_whoever_wants_more_than_an_emergency_opens_is_told_the_way() -> None:
    facts = Facts(USUAL_ROLES, plan_id=uuid4())
    decision = decide(professional("nurse"), Action.READ_PLAN, facts, "emergency")
    assert (decision.code, decision.override) == ("no-live-relationship", None)
    assert "claim a relationship" in decision.detail
    assert "claim" not in decide(professional("nurse"), Action.READ_PLAN, facts).detail


@pytest.mark.parametrize("role", ["privacy-officer", "caldicott-guardian", "auditor"])
def test_who_reads_the_audit_is_told_of_their_organisation_alone(role: str) -> None:
    decision = decide(professional(role), Action.READ_AUDIT, Facts(USUAL_ROLES))
    assert (decision.allowed, decision.within) == (True, ORG.code)
    widened = {**USUAL_ROLES, "audit_everywhere": ("auditor",)}
    decision = decide(professional(role), Action.READ_AUDIT, Facts(widened))
    assert (decision.allowed, decision.within) == (True, None if role == "auditor" else ORG.code)


@pytest.mark.parametrize("role", ["auditor", "gp", "operator", None])
def test_only_an_officer_reviews_what_was_read_in_an_emergency(role: str | None) -> None:
    facts = Facts({**USUAL_ROLES, "audit_everywhere": ("auditor",)})
    assert decide(professional(role), Action.REVIEW_OVERRIDE, facts).code == "not-permitted"
    officer = professional("caldicott-guardian")
    decision = decide(officer, Action.REVIEW_OVERRIDE, facts)
    assert (decision.allowed, decision.within) == (True, ORG.code)
    assert decide(officer, Action.REVIEW_OVERRIDE, facts, "direct-care").code == "not-permitted"
