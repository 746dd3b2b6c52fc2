"""The emergency view answers a paramedic's five questions about each of the example plans."""

from copy import deepcopy

import pytest

from services.viewer.shown.emergency import EmergencyPage, emergency_page
from services.viewer.shown.plan import Asked
from tests.browser.recorded_apis import EDITH
from tests.unit.viewer.laid_out import CLOCK, PLANS, answered, words


def page_of(plan_id: str = EDITH) -> EmergencyPage:
    return emergency_page(Asked(answered(plan_id, "/emergency")), words(), CLOCK)


@pytest.mark.parametrize("plan_id", PLANS)
def test_who_this_is_what_to_do_and_whom_to_call(plan_id: str) -> None:
    page = page_of(plan_id)
    assert page.banner.family
    assert page.banner.nhs_number.startswith("999 ")
    assert page.banner.age is not None
    assert page.plans[0].do
    assert page.call
    assert all(one.name for one in page.call)


def test_what_to_avoid_stands_apart_from_what_to_do() -> None:
    plan = page_of().plans[0]
    assert plan.title == "If I fall or cannot get up"
    assert [one.text for one in plan.avoid] == ["A long wait on the floor"]
    assert "A long wait on the floor" not in [one.text for one in plan.do]


def test_the_plan_for_the_worst_is_first() -> None:
    assert [plan.tags[0][1] for plan in page_of().plans] == ["Severe", "Moderate"]


def test_those_to_call_are_named_once_in_the_order_of_their_author() -> None:
    called = [(one.name, one.number.target) for one in page_of().call]
    assert called == [
        ("Pendant service", "01632960130"),
        ("Ruth Marlow-Synth", "07700900101"),
        ("Urgent community response", "01632960131"),
        ("Joan Pell-Synth", "01632960150"),
    ]


def test_who_must_not_be_contacted_is_named_and_never_among_those_to_call() -> None:
    page = page_of()
    assert page.never_call == ("Keith Marlow-Synth, nephew",)
    assert not [one for one in page.call if one.name.startswith("Keith")]


def test_whom_a_contingency_plan_names_and_the_person_excluded_is_not_called() -> None:
    plan = deepcopy(answered(path="/emergency"))
    worst = max(
        plan["sections"]["contingency-plans"],
        key=lambda one: one["content"]["severity"] == "severe",
    )
    ruth = next(one for one in worst["content"]["contacts"] if one["name"].startswith("Ruth"))
    numbers = {one.number.target for one in page_of().call}
    worst["derived"]["not_to_be_called"] = [ruth["item_id"]]
    team = plan["sections"]["care-team"]
    team[:] = [one for one in team if not one["content"]["name"].startswith("Ruth")]
    page = emergency_page(Asked(plan), words(), CLOCK)
    assert page.never_call == ("Keith Marlow-Synth, nephew", "Ruth Marlow-Synth")
    assert {one.number.target for one in page.call} == numbers - {"07700900101"}


def test_what_matters_now_is_in_the_persons_words() -> None:
    (most, communicate, please) = page_of().matters
    assert most[0] == "What is most important to me"
    assert "Bramble" in most[1].text
    assert "hearing aid" in communicate[1].text
    assert please[0] == "Please do and please don't"


def test_a_plan_of_nothing_is_no_error() -> None:
    page = emergency_page(Asked({"plan_id": EDITH, "sections": {}}, "unknown"), words(), CLOCK)
    assert (page.plans, page.call, page.matters) == ((), (), ())
    assert page.currency.is_behind


def test_a_risk_is_told_and_one_that_was_set_aside_apart_from_it_with_when_and_why() -> None:
    plan = deepcopy(answered(path="/emergency"))
    listed = plan["sections"]["contingency-plans"]
    worst = next(one for one in listed if one["content"].get("early_warning_signs"))
    need = {
        **worst,
        "entry_type": "need",
        "content": {"what": {"text": "Falls asleep with the gas on"}},
    }
    plan["sections"]["needs"] = [need]
    ended = {"recorded_at": "2026-03-10T14:00:00Z", "reason": "She lives with Ruth now"}
    older = {"recorded_at": "2025-03-10T14:00:00Z", "reason": None}
    plan["history"] = {
        "needs": [{**need, "current": False, "taken_out": older}],
        "contingency-plans": [{**worst, "current": False, "taken_out": ended}],
    }
    page = emergency_page(Asked(plan), words(), CLOCK)
    assert [one.title for one in page.risks] == ["Falls asleep with the gas on"]
    last, first = page.before
    assert (last.is_what, last.until.words) == ("Contingency plan", "10 March 2026")
    assert last.reason == "She lives with Ruth now"
    assert [label for label, _ in last.told] == ["Triggers", "Early warning signs"]
    assert (first.title, first.reason, first.told) == ("Falls asleep with the gas on", "", ())
    assert len(page.plans) == len(page_of().plans)
