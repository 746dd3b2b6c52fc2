"""Given a plan on a day, then this is derived from it that no section holds."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.plan.fold.findings.facts import Changed, Changes, PlanFacts, Said, Today
from services.plan.fold.standard import Beside, Recorded, of_an_entry, of_the_plan, reviews

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
TODAY = Today(datetime(2026, 11, 21, 12, tzinfo=UTC), ZoneInfo("Europe/London"))
CRISIS = ("contingency-plans", "c1")
TO_CRISIS = {"section": CRISIS[0], "entry_id": CRISIS[1]}


def said(kind: str, entry_id: str, **content: Any) -> Said:
    section, _, entry_type = kind.partition("/")
    return Said(section, entry_id, entry_type, True, content, AT, AT)


def ref(section: str, entry_id: str) -> dict[str, str]:
    return {"section": section, "entry_id": entry_id}


def plan_of(*entries: Said) -> PlanFacts:
    changes = [
        Changed(version, one.section, one.entry_id, one.entry_type, "careplan.x.said.v1", AT)
        for version, one in enumerate(entries, 1)
    ]
    return PlanFacts(len(changes), {one.key: one for one in entries}, Changes(changes))


@pytest.mark.parametrize(
    ("kind", "status", "closed"),
    [
        ("goals/action", "completed", True),
        ("goals/action", "refused", False),
        ("goals/goal", "achieved", True),
        ("goals/goal", "not-achieved", False),
        ("goals/stage-goal", "not-applicable", True),
    ],
)
def test_what_is_done_is_closed_and_what_somebody_must_still_decide_is_not(
    kind: str, status: str, *, closed: bool
) -> None:
    entry = said(kind, "e", status={"value": status})
    assert of_an_entry(plan_of(entry), entry, TODAY)["closed"] is closed


def test_an_entry_has_its_agreement_its_review_and_the_day_it_goes_stale() -> None:
    crisis = said("contingency-plans/contingency-plan", "c1")
    agreed = said("stewardship/agreement", "a", subject=TO_CRISIS, outcome="yes", plan_version=1)
    review = said("stewardship/review", "r", subject=TO_CRISIS, due_on="2026-06-01")
    derived = of_an_entry(plan_of(crisis, agreed, review), crisis, TODAY)
    assert derived["agreement"] == {
        "entry_id": "a",
        "outcome": "yes",
        "plan_version": 1,
        "changed_since": False,
    }
    assert derived["review"] == {"entry_id": "r", "due_on": date(2026, 6, 1), "state": "overdue"}
    # The review comes before the twelve months are over, in the summer time of the place.
    assert derived["stale_after"] == datetime(2026, 6, 1, 23, tzinfo=UTC)


def test_an_agreement_to_a_version_that_the_plan_did_not_have_is_none_to_what_stands() -> None:
    crisis = said("contingency-plans/contingency-plan", "c1")
    agreed = said("stewardship/agreement", "a", subject=TO_CRISIS, outcome="yes", plan_version=4)
    plan = plan_of(crisis, agreed)
    changes = [*plan.changes[:1], replace(plan.changes[1], fields=("plan_version",))]
    later = [replace(plan.changes[1], plan_version=number, is_update=False) for number in (3, 4, 5)]
    for facts in (plan, PlanFacts(5, plan.entries, Changes([*changes, *later]))):
        derived = of_an_entry(facts, crisis, TODAY)["agreement"]
        assert (derived["plan_version"], derived["changed_since"]) == (4, True)


def test_a_plan_names_what_it_lacks_so_that_silence_is_not_read_as_none() -> None:
    person = said(
        "person/person",
        "p",
        name={"first": "Edie", "family": "Synth"},
        date_of_birth="1938-03-14",
        addresses=[{"line1": "4 Sample Court", "postcode": "ZZ1 1AA"}],
        aliases=[],
    )
    fields = {"person": ("name", "aliases", "religion", "sex"), "about-me": ("responses",)}
    gp = {"kind": "professional", "name": "Dr A. Quill-Synth"}
    nurse = {"kind": "professional", "name": "N. Synth"}
    recorded = [
        Recorded(("goals", "goal"), gp, AT.replace(day=3)),
        Recorded(("goals", "goal"), gp, AT),
        Recorded(("goals", "goal"), nurse, AT.replace(day=5)),
        Recorded(("person", "person"), {"name": "somebody else"}, AT),
    ]
    beside = Beside(recorded, opened_by=gp, location={"ods": "ZZG01"})
    derived = of_the_plan(plan_of(person), TODAY, fields, beside, AT)
    assert derived["missing"] == ["person.gp_practices"]
    assert derived["sendable"] is False
    assert derived["not_recorded"] == ["person.aliases", "person.religion", "about-me"]
    assert derived["contributors"] == [
        {**nurse, "recorded_at": AT.replace(day=5)},
        {**gp, "recorded_at": AT.replace(day=3)},
    ]
    assert (derived["lead"], derived["location"]) == (gp, {"ods": "ZZG01"})


def test_reviews_are_told_by_how_pressing_they_are() -> None:
    told = reviews(
        plan_of(
            said("contingency-plans/contingency-plan", "c1"),
            said("stewardship/review", "late", subject="plan", due_on="2026-11-20"),
            said("stewardship/review", "far", subject="plan", due_on="2027-05-01"),
            said("stewardship/review", "never", subject="plan"),
            said("stewardship/review", "crisis", subject=TO_CRISIS, due_on="2026-11-20"),
            said("stewardship/review", "soon", subject="plan", due_on="2026-12-21"),
        ),
        TODAY,
    )
    assert [(one["entry_id"], one["state"], one["days"]) for one in told] == [
        ("crisis", "overdue", -1),
        ("late", "overdue", -1),
        ("never", "without-date", None),
        ("soon", "due", 30),
        ("far", "later", 161),
    ]
    assert told[0]["subject_type"] == "contingency-plan"


def test_the_tree_of_needs_goals_actions_and_stage_goals_can_be_read() -> None:
    need, other = said("needs/need", "n1"), said("needs/need", "n2")
    goal = said("goals/goal", "g1", need_ids=[ref("needs", "n1"), ref("needs", "n2")])
    action = said("goals/action", "a1", goal_ids=[ref("goals", "g1"), ref("goals", "gone")])
    stage = said("goals/stage-goal", "s1", action_ids=[ref("goals", "a1")])
    outcome = said("goals/outcome", "o1", goal_id=ref("goals", "g1"))
    plan = plan_of(need, other, goal, action, stage, outcome)
    assert {
        one.entry_id: of_an_entry(plan, one, TODAY).get("below")
        for one in (need, other, goal, action, stage)
    } == {
        "n1": [ref("goals", "g1")],
        "n2": [ref("goals", "g1")],
        "g1": [ref("goals", "a1"), ref("goals", "o1")],
        "a1": [ref("goals", "s1")],
        "s1": None,
    }
