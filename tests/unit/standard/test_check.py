"""One plan held against the standard."""

from typing import Any
from uuid import uuid4

import pytest

from shared.ledger import Section
from shared.standard.check import check
from shared.standard.coverage import Coverage, coverage
from shared.standard.declared import declared_coverage
from shared.standard.tree import elements
from tests.unit.standard.test_coverage import GOALS, PLAN, Crisis, Hope


def a_plan(**sections: list[dict[str, Any]]) -> dict[str, Any]:
    return {"plan_id": "p", "plan_version": 1, "sections": sections}


def entry(entry_type: str, content: dict[str, Any], **more: Any) -> dict[str, Any]:
    named = {"entry_id": str(uuid4()), "entry_type": entry_type}
    return {**named, "current": True, "content": content, **more}


@pytest.fixture(scope="module")
def declared() -> Coverage:
    return coverage([Section("hopes_and_crises", "Hopes and crises", (Hope, Crisis))], {})


def test_an_element_is_held_where_a_current_entry_has_a_value_for_it(declared: Coverage) -> None:
    told = {"triggers": {"entry_version": 1, "stated_by": {}, "location": {"ods": "ZZG01"}}}
    plan = {
        "sections": {
            "hopes-and-crises": [
                entry("hope", {"aim": {"text": "to walk"}, "importance": None}),
                entry("hope", {"importance": 9}, current=False),
                entry("crisis", {"triggers": [{}, {"text": "a fall"}]}, authorship=told),
            ]
        }
    }
    held = {one.path for one in check(plan, declared).held}
    assert {f"{GOALS} > Free text", f"{PLAN} > Trigger factors > Free text"} <= held
    assert f"{PLAN} > Location > Coded value" in held
    assert f"{GOALS} > Goal importance score" not in held


def test_a_mandatory_element_counts_where_its_group_is_there() -> None:
    everything = declared_coverage()
    bare = {one.path for one in check(a_plan(), everything).mandatory_missing}
    assert "Person demographics > Date of birth" in bare
    assert not any(path.startswith(("Personal contacts", PLAN)) for path in bare)
    with_a_crisis = {"contingency-plans": [entry("contingency-plan", {"triggers": []})]}
    missing = check(a_plan(**with_a_crisis), everything).mandatory_missing
    assert f"{PLAN} > Trigger factors" in {one.path for one in missing}


def test_the_five_criteria_are_met_by_what_the_plan_holds() -> None:
    everything = declared_coverage()
    none = check(a_plan(), everything)
    assert not any(one.is_met for one in none.criteria)
    assert len(none.held) + len(none.not_recorded) == len(elements())
    told = {
        "about-me": [entry("about-me", {"responses": {"my_wellness": {"text": "Good"}}})],
        "care-team": [entry("personal-contact", {"name": "Ruth"})],
        "goals": [
            {**entry("goal", {"aim": {"text": "walk"}}), "entry_id": "g1"},
            {**entry("goal", {"aim": {"text": "sing"}}), "entry_id": "g2"},
            entry("outcome", {"what": {"text": "walks"}, "goal_id": {"entry_id": "g1"}}),
            entry("action", {"who": {"name": "Edie"}, "goal_ids": [{"entry_id": "g1"}]}),
        ],
        "stewardship": [
            entry("agreement", {"outcome": "yes"}),
            entry("review", {"responsible": {"name": "Priya"}, "interval": "P6M"}),
        ],
    }
    criteria = check(a_plan(**told), everything).criteria
    assert [one.number for one in criteria if one.is_met] == [1, 2, 3, 5]
    # An outcome of one goal and somebody who answers for another make no goal that is agreed.
    told["goals"][2]["content"]["goal_id"] = {"entry_id": "g2"}
    criteria = check(a_plan(**told), everything).criteria
    assert [one.number for one in criteria if one.is_met] == [1, 2, 5]


def test_a_plan_is_sent_with_one_whole_address_and_shared_where_somebody_sees_it() -> None:
    everything = declared_coverage()
    person = {
        "name": {"first": "Edith", "family": "Marlow-Synth"},
        "date_of_birth": "1938-03-14",
        "addresses": [{"line1": "4 Sample Court"}, {"postcode": "ZZ1 1AA"}],
        "gp_practices": [{"ods": "ZZG01"}],
    }
    halves = check(a_plan(person=[entry("person", person)]), everything)
    assert [one.name for one in halves.mandatory_missing] == ["Address line 1", "Postcode"]
    person["addresses"] = [{"line1": "4 Sample Court", "postcode": "ZZ1 1AA"}]
    alone = check(a_plan(person=[entry("person", person)]), everything)
    assert (alone.is_sendable, alone.criteria[3].is_met) == (True, False)
    sees = {"care-team": [entry("relationship", {"kind": "registration"})]}
    shared = check(a_plan(person=[entry("person", person)], **sees), everything)
    assert shared.criteria[3].is_met


def test_what_is_derived_and_who_said_it_count_where_they_were_asked_for() -> None:
    everything = declared_coverage()
    nurse = {"kind": "professional", "name": "Sam Ferry-Synth"}
    said = {"entry_id": "f", "by": nurse, "stated_by": nurse, "recorded_at": "2026-03-10T14:00:00Z"}
    authorship = {"text": {"plan_version": 2, "location": {"text": "At home"}}}
    plan = {
        **a_plan(needs=[entry("formulation", {"text": "Together"}, **said, authorship=authorship)]),
        "derived": {"changed_at": "2026-03-10T14:00:00Z", "contributors": [nurse]},
    }
    held = {one.path for one in check(plan, everything).held}
    assert "Care and support plan > Date this plan was last updated" in held
    assert "Care and support plan > Person completing record > Name" in held
    assert "Formulation > Formulation record entry > Location > Free text" in held
    assert "Formulation > Formulation record entry > Performing professional > Name" in held
    assert "Care and support plan > Location" not in held
