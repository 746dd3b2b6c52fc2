"""What is live at an instant: a row for each rule of relationships and of Proxies."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.chassis.policy.access import (
    Access,
    Doing,
    Objection,
    Proxy,
    Relationship,
    Scope,
    live,
    next_change,
)
from shared.chassis.policy.decide import Action, Facts, decide
from shared.chassis.policy.standing import named_proxy, proxies_of
from shared.chassis.settings import USUAL_ROLES
from shared.ledger import Agent, CareTeamRef, Contributor, OnBehalfOf, Organisation, Provenance
from shared.ledger.values.parties import Identifier

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)
ORG, OTHER_ORG = Organisation(ods="ZZG01"), Organisation(ods="ZZC01")
ONE, TWO = UUID(int=1), UUID(int=2)
RELATIONSHIP = Relationship(ONE, "ZZG01", NOW)
NEEDS = Scope(frozenset({"needs"}))
TO_ALL, TO_NEEDS = Objection(), Objection(NEEDS)
RUTH = Proxy(
    *(ONE, "Ruth Marlow-Synth", frozenset({("sub", "ruth"), ("nhs-login", "7")})),
    *(frozenset({Doing.VIEW, Doing.CONTRIBUTE}), NOW),
)


@pytest.mark.parametrize(
    ("given", "section", "contributing", "is_live"),
    [
        ({}, None, False, True),
        ({}, "goals", True, True),
        ({"live_from": NOW + MOMENT}, None, False, False),
        ({"live_until": NOW + MOMENT}, "goals", True, True),
        ({"live_until": NOW}, "goals", True, False),
        ({"live_until": NOW}, None, False, False),
        ({"scope": NEEDS}, None, False, True),
        ({"scope": NEEDS}, "needs", True, True),
        ({"scope": NEEDS}, "goals", False, False),
        ({"scope": Scope(frozenset())}, None, False, False),
        ({"scope": Scope(contribute=False)}, "needs", False, True),
        ({"scope": Scope(contribute=False)}, "needs", True, False),
        ({"objections": (TO_ALL,)}, None, False, False),
        ({"objections": (TO_ALL,)}, "needs", False, False),
        ({"objections": (TO_NEEDS,)}, None, False, True),
        ({"objections": (TO_NEEDS,)}, "needs", False, False),
        ({"objections": (TO_NEEDS,)}, "goals", True, True),
        ({"objections": (TO_NEEDS,), "scope": NEEDS}, None, False, False),
        ({"objections": (replace(TO_ALL, released_until=NOW + MOMENT),)}, "needs", True, True),
        ({"objections": (replace(TO_ALL, released_until=NOW),)}, "needs", True, False),
        ({"objections": (replace(TO_ALL, released_until=NOW),)}, None, False, False),
        ({"organisation": "ZZC01"}, None, False, False),
    ],
)
def test_a_relationship_permits_what_it_covers_while_it_is_live(
    given: dict[str, Any], section: str | None, contributing: bool, is_live: bool
) -> None:
    one = replace(RELATIONSHIP, **given)
    found = live([one], ORG, NOW, section, contributing=contributing)
    assert found == ((one,) if is_live else ())


@pytest.mark.parametrize("organisation", [None, Organisation(name="ZZG01"), OTHER_ORG])
def test_nobody_else_has_it(organisation: Organisation | None) -> None:
    """The kind: an organisation that is only named, or that is another one."""
    assert live([RELATIONSHIP], organisation, NOW) == ()
    assert live([], ORG, NOW) == ()


def test_what_is_no_claim_is_what_access_rests_on() -> None:
    claimed, registered = RELATIONSHIP, replace(RELATIONSHIP, entry_id=TWO, self_claimed=False)
    for both in ([claimed, registered], [registered, claimed]):
        assert live(both, ORG, NOW) == (registered, claimed)
    ended = replace(registered, live_until=NOW)
    assert live([claimed, ended], ORG, NOW) == (claimed,)


@pytest.mark.parametrize(
    ("given", "section", "doing", "is_live"),
    [
        ({}, "goals", Doing.CONTRIBUTE, True),
        ({}, None, Doing.VIEW, True),
        ({}, "goals", Doing.AGREE, False),
        ({"may": frozenset({Doing.VIEW})}, "goals", Doing.CONTRIBUTE, False),
        ({"sections": frozenset({"needs"})}, "goals", Doing.CONTRIBUTE, False),
        ({"sections": frozenset({"needs"})}, "needs", Doing.CONTRIBUTE, True),
        ({"sections": frozenset()}, None, Doing.VIEW, False),
        ({"suspended": True}, "goals", Doing.CONTRIBUTE, False),
        ({"live_from": NOW + MOMENT}, "goals", Doing.CONTRIBUTE, False),
        ({"live_until": NOW + MOMENT}, "goals", Doing.CONTRIBUTE, True),
        ({"live_until": NOW}, "goals", Doing.CONTRIBUTE, False),
        ({"entry_id": TWO}, "goals", Doing.CONTRIBUTE, False),
    ],
)
def test_a_proxy_permits_what_it_covers_while_it_is_live(
    given: dict[str, Any], section: str | None, doing: Doing, is_live: bool
) -> None:
    one = replace(RUTH, **given)
    ruth = Contributor("related-person", "ruth")
    acting = OnBehalfOf(proxy=CareTeamRef("care-team", ONE))
    said = Provenance(*(ONE, ONE, ONE), ruth.agent, ruth.agent, on_behalf_of=acting)
    assert named_proxy([one], ruth, said, NOW, section, doing) == (one if is_live else None)
    theirs = replace(one, entry_id=ONE)
    is_theirs = is_live or one.entry_id == TWO
    assert proxies_of([theirs], ruth, NOW, section, doing) == ((theirs,) if is_theirs else ())
    joan = Contributor("related-person", "joan")
    assert named_proxy([one], joan, said, NOW, section, doing) is None
    assert proxies_of([one], joan, NOW, section, doing) == ()


@pytest.mark.parametrize(
    ("contributor", "stated_by", "is_theirs"),
    [
        (Contributor("related-person", "ruth"), None, True),
        (Contributor("related-person", "joan"), None, False),
        (
            Contributor("related-person", "joan"),
            Agent("related-person", "Ruth Marlow-Synth"),
            False,
        ),
        (
            Contributor("related-person", "joan"),
            Agent("related-person", identifier=Identifier("sub", "ruth")),
            False,
        ),
        (Contributor("professional", "ruth", organisation=ORG), None, True),
        (
            Contributor("professional", "tom", organisation=ORG),
            Agent("professional", "Ruth Marlow-Synth"),
            False,
        ),
        (
            Contributor("system", "epr", organisation=ORG),
            Agent("related-person", "Ruth Marlow-Synth"),
            True,
        ),
        (
            Contributor("system", "epr", organisation=ORG),
            Agent("related-person", identifier=Identifier("nhs-login", "7")),
            True,
        ),
        (
            Contributor("system", "epr", organisation=ORG),
            Agent("related-person", "Ruth Marlow-Synth", identifier=Identifier("sub", "joan")),
            False,
        ),
        (Contributor("system", "epr", organisation=ORG), Agent("related-person"), False),
        (Contributor("system", "epr", organisation=ORG), Agent("person"), False),
    ],
)
def test_a_proxy_is_whose_party_they_are(
    contributor: Contributor, stated_by: Agent | None, is_theirs: bool
) -> None:
    """The kind: somebody who acts under the Proxy of another."""
    assert RUTH.is_of(contributor, stated_by) is is_theirs
    unnamed = replace(RUTH, name=None, identifiers=frozenset())
    assert not unnamed.is_of(contributor, stated_by)


HOURS = st.integers(0, 12).map(lambda hours: NOW + timedelta(hours=hours))
OBJECTIONS = st.builds(
    Objection, st.sampled_from([Scope(), NEEDS]), released_until=st.none() | HOURS
)
RELATIONSHIPS = st.builds(
    Relationship,
    st.sampled_from([ONE, TWO]),
    st.sampled_from(["ZZG01", "ZZC01"]),
    HOURS,
    st.none() | HOURS,
    st.sampled_from([Scope(), NEEDS]),
    st.lists(OBJECTIONS, max_size=2).map(tuple),
)
PROXIES = st.builds(replace, st.just(RUTH), live_from=HOURS, live_until=st.none() | HOURS)
READERS = st.sampled_from(
    [
        Contributor("professional", "tom", "Tom", "nurse", ORG),
        Contributor("professional", "ann", "Ann", "registration", OTHER_ORG),
        Contributor("related-person", "ruth", plan_id=ONE),
    ]
)


@given(
    st.lists(RELATIONSHIPS, max_size=4).map(tuple),
    st.lists(PROXIES, max_size=2).map(tuple),
    READERS,
    st.sampled_from([Action.READ_PLAN, Action.READ_EMERGENCY]),
    st.sampled_from([None, "direct-care", "emergency", "review"]),
    HOURS,
)
def test_until_something_begins_or_ends_a_reader_is_told_the_same(
    relationships: tuple[Relationship, ...],
    proxies: tuple[Proxy, ...],
    reader: Contributor,
    action: Action,
    purpose: str | None,
    at: datetime,
) -> None:
    access = Access(relationships, proxies)
    until = next_change(access, at)
    last = NOW + timedelta(days=9) if until is None else until - MOMENT
    facts = Facts(USUAL_ROLES, ONE, access=access, at=at)
    first = decide(reader, action, facts, purpose)
    for then in (at, at + (last - at) / 2, last):
        assert decide(reader, action, replace(facts, at=then), purpose) == first
