"""Versions and contributions in words, and what stands above a past plan."""

import pytest

from services.viewer.shown.entries import titles_of
from services.viewer.shown.past.history import contributions
from services.viewer.shown.past.versions import past_of, versions
from services.viewer.shown.values import Showing
from tests.unit.viewer.laid_out import CLOCK, PLANS, answered, words


def titles(plan_id: str) -> dict[tuple[str, str], str]:
    return titles_of(answered(plan_id)["sections"], words(), CLOCK)


@pytest.mark.parametrize("plan_id", PLANS)
def test_every_version_says_what_changed_and_who_recorded_it(plan_id: str) -> None:
    items = answered(plan_id, "/versions")["items"]
    shown = list(versions(items, words(), titles(plan_id), CLOCK))
    assert [one.number for one in shown] == list(range(len(items), 0, -1))
    assert all(one.words and one.title and one.by and one.by.name for one in shown)
    assert not [one.words for one in shown if "-" in one.words or "careplan" in one.words]


@pytest.mark.parametrize("plan_id", PLANS)
def test_every_contribution_says_what_each_field_said(plan_id: str) -> None:
    items = answered(plan_id, "/history")["items"]
    showing = Showing(CLOCK, titles(plan_id), may_telephone=False)
    shown = list(contributions(items, words(), showing))
    assert len(shown) == len(items)
    for one in shown:
        assert one.changes
        assert one.who.voice.name
        assert all(label for change in one.changes for label, _ in change.fields)


def test_what_is_withheld_is_only_counted() -> None:
    (one,) = versions([{"plan_version": 7, "withheld": True}], words(), {}, CLOCK)
    assert (one.number, one.words, one.by) == (7, "Not shared with you", None)
    items = [{"plan_versions": [7], "withheld": True}]
    (other,) = contributions(items, words(), Showing(CLOCK, {}))
    assert (other.version, other.withheld, other.changes) == (7, True, ())


def test_a_heading_that_was_cleared_says_nothing_any_more() -> None:
    item = {
        "section": "about-me",
        "entry_id": "x",
        "entry_type": "about-me",
        "by": {"kind": "person"},
        "reason": "I would rather not say",
        "events": [
            {
                "type": "careplan.about-me.cleared.v1",
                "fields": ["responses.my_wellness"],
                "content": {"responses": {"my_wellness": None}},
            }
        ],
    }
    (one,) = contributions([item], words(), Showing(CLOCK, {}))
    ((label, value),) = one.changes[0].fields
    assert (one.changes[0].words, label, value.is_empty) == ("Heading cleared", "My wellness", True)
    assert one.reason == "I would rather not say"


def test_a_past_plan_says_of_when_it_is_and_what_it_leaves_out() -> None:
    of_a_version = {"as_at": {"basis": "version", "resolved_version": 36,
                              "resolved_at": "2026-11-14T14:58:11Z"}}  # fmt: skip
    past = past_of(of_a_version, 52, CLOCK)
    assert past.words == "This is version 36, of 14 November 2026 at 2:58pm GMT."
    assert past.later == "16 later changes are not shown."
    at_a_time = {"as_at": {"basis": "effective", "requested": "2026-07-01T10:00:00Z",
                           "resolved_version": 52}}  # fmt: skip
    past = past_of(at_a_time, 52, CLOCK)
    assert past.words == (
        "This is the plan as at 1 July 2026 at 11:00am BST: "
        "what was true then, as far as is known today."
    )
    assert past.later == ""
