"""The plan on a page, from what the API answered about the five example plans."""

import copy
import re

import pytest

from services.viewer.shown.parts import PARTS
from services.viewer.shown.values import Showing
from services.viewer.shown.words import Field
from tests.browser.recorded_apis import EDITH
from tests.unit.viewer.laid_out import (
    CLOCK,
    PLANS,
    answered,
    entries_of,
    entry_called,
    page_of,
    shown,
    statements_of,
    words,
)

NOT_FOR_PEOPLE = re.compile(
    r"[{}]|[0-9a-f]{8}-[0-9a-f]{4}|https?://|\bcareplan\.|\b[a-z]+_[a-z]+\b"
)


@pytest.mark.parametrize("plan_id", PLANS)
def test_every_entry_of_the_plan_is_on_the_page_once(plan_id: str) -> None:
    there = sorted(
        (section, entry["entry_id"])
        for section, entries in answered(plan_id)["sections"].items()
        for entry in entries
    )
    assert sorted(entry.key for entry in entries_of(page_of(plan_id))) == there


def test_the_examples_hold_every_kind_of_entry_that_is_declared() -> None:
    kinds = {
        (section, entry["entry_type"])
        for plan_id in PLANS
        for section, entries in answered(plan_id)["sections"].items()
        for entry in entries
    }
    assert kinds == set(words().entries)
    assert kinds == {kind for part in PARTS for kind in part.kinds}


@pytest.mark.parametrize("plan_id", PLANS)
def test_every_statement_has_a_label_words_and_somebody_who_said_it(plan_id: str) -> None:
    for entry in entries_of(page_of(plan_id)):
        assert entry.title
        for statement in statements_of(entry):
            assert statement.label, statement.path
            assert not statement.value.is_empty, statement.path
            assert statement.who is not None, statement.path
            assert statement.who.voice.name
            assert re.search(r"20\d\d at \d+:\d\d[ap]m (GMT|BST)$", statement.who.said.words)


@pytest.mark.parametrize("plan_id", PLANS)
def test_nothing_on_the_page_is_a_code_a_key_or_an_id(plan_id: str) -> None:
    page = page_of(plan_id)
    texts = [part.title for part in page.parts]
    texts += [missing for part in page.parts for missing in part.not_recorded]
    for entry in entries_of(page):
        texts += [entry.kind, entry.title, *(words for _, words in entry.tags)]
        texts += [statement.label for statement in statements_of(entry)]
        texts += [statement.value.plain_text for statement in statements_of(entry)]
    strange = [text for text in texts if NOT_FOR_PEOPLE.search(text)]
    assert not strange


def test_about_me_comes_first_and_the_parts_follow_the_standard() -> None:
    names = [part.name for part in page_of().parts]
    assert names[:5] == ["about-me", "care-team", "needs", "contingency-plans", "support-plans"]


def test_what_the_person_said_and_a_professional_wrote_down_names_both() -> None:
    goal = entry_called("Walk to the shop by myself again by Christmas", page_of())
    said, status = goal.runs[0].who, goal.runs[-1].who
    assert said is not None
    assert said.recorder is not None
    assert status is not None
    assert (said.voice.kind, said.voice.name) == ("person", "Edith Marlow-Synth")
    assert said.recorder.line == (
        "Tom Okafor-Synth, physiotherapist, Northmoor Community NHS Trust (synthetic)"
    )
    assert said.said.words == "10 March 2026 at 2:00pm GMT"
    assert (status.voice.name, status.recorder) == ("Tom Okafor-Synth", None)


def test_goals_stand_under_their_need_and_actions_under_their_goal() -> None:
    need = entry_called(
        "I have fallen three times since January and I am afraid of the next one", page_of()
    )
    (goal,) = need.below
    assert goal.kind == "Goal"
    assert {one.kind for one in goal.below} == {"Action", "Outcome"}
    assert not [s for s in statements_of(goal) if s.path == "need_ids"], "its place says so"


def test_coded_values_are_shown_by_their_words() -> None:
    person = next(entry for entry in entries_of(page_of()) if entry.entry_type == "person")
    said = {statement.path: statement.value.plain_text for statement in statements_of(person)}
    assert said["gender"] == "Female"
    assert said["ethnicity"] == "White: British"
    assert said["nhs_number"] == "999 410 0017 (Traced and verified)"


def test_findings_stand_at_their_entries_and_in_one_list() -> None:
    page = page_of()
    plan = entry_called("If Ruth cannot care (carer breakdown)", page)
    assert plan.notes == ("The day planned for the review has passed.",)
    assert ("red", "Review overdue since 24 September 2026") in plan.tags
    assert ("If Ruth cannot care (carer breakdown)", plan.anchor) in [
        place for one in page.noticed for place in one.places
    ]


def test_who_is_not_to_be_contacted_is_seen_at_once() -> None:
    assert ("red", "Do not contact") in entry_called("Keith Marlow-Synth", page_of()).tags


def test_an_entry_that_is_withheld_is_counted_and_a_field_that_is_withheld_is_said_to_be() -> None:
    plan = copy.deepcopy(answered())
    (goal,) = [e for e in plan["sections"]["goals"] if e["entry_id"] == goal_id()]
    del goal["content"]["why"]
    goal["withheld"] = ["why"]
    plan["withheld"] = [{"section": "needs", "entries": 2}]
    page = shown(plan)
    assert page.withheld == "2 entries not shared with you"
    (part,) = [part for part in page.parts if part.name == "needs"]
    assert part.withheld == "2 entries not shared with you"
    found = entry_called("Walk to the shop by myself again by Christmas", page)
    assert [(s.label, s.is_withheld) for s in statements_of(found) if s.path == "why"] == [
        ("Why", True)
    ]


def goal_id() -> str:
    return entry_called("Walk to the shop by myself again by Christmas", page_of()).key[1]


@pytest.mark.parametrize(
    ("lag", "said", "is_behind"),
    [
        ("0", "Up to date", False),
        ("2.4", "Up to date to 2 seconds ago", False),
        ("720", "May be out of date by 12 minutes", True),
        ("unknown", "Nobody can tell how far this plan is up to date. Ask before acting", True),
    ],
)
def test_how_far_the_plan_is_behind_is_said(lag: str, said: str, *, is_behind: bool) -> None:
    currency = shown(answered(), lag).currency
    assert (currency.words, currency.is_behind) == (said, is_behind)


def test_a_plan_that_waits_for_something_says_in_which_part() -> None:
    plan = {**answered(), "complete": False, "parked": [{"section": "goals", "entry_id": "x"}]}
    assert shown(plan).incomplete == ("Goals and actions",)


def test_a_section_that_is_not_declared_here_is_shown_all_the_same() -> None:
    entry = {
        "entry_id": "0199c0de-0000-7000-8000-0000000000d1",
        "entry_type": "dose-note",
        "entry_version": 1,
        "current": True,
        "content": {"what": {"text": "With food"}, "how_often": "P1D", "since": "2026-11-02"},
        "stated_by": {"kind": "person"},
        "by": {"kind": "person"},
    }
    page = shown({"plan_id": EDITH, "sections": {"medicine-notes": [entry]}})
    (part,) = [part for part in page.parts if part.name == "medicine-notes"]
    ((_, (found,)),) = part.groups
    assert (part.title, found.kind, found.title) == ("Medicine notes", "Dose note", "With food")
    assert {s.label: s.value.text for s in statements_of(found)} == {
        "What": "With food",
        "How often": "Every day",
        "Since": "2 November 2026",
    }


@pytest.mark.parametrize("plan_id", PLANS)
def test_every_entry_has_a_statement_and_who_made_it(plan_id: str) -> None:
    for entry in entries_of(page_of(plan_id)):
        assert entry.runs, entry.title
        assert all(run.who for run in entry.runs if not run.statements[0].is_withheld), entry.title


def test_a_code_without_words_is_shown_as_what_it_is() -> None:
    showing = Showing(CLOCK, {})
    code = {"code": {"system": "ods", "code": "ZZL01"}}
    assert showing.coded(code, Field()).text == "A code that came without words: ZZL01"
    assert showing.coded({**code, "text": "The council"}, Field()).note == ""


@pytest.mark.parametrize(
    ("waited", "words"),
    [
        ("PT15M", "go on to the next after 15 minutes without an answer"),
        ("PT1H30M", "go on to the next after 1 hour and 30 minutes without an answer"),
        ("P1DT12H", "go on to the next after 1 day and 12 hours without an answer"),
    ],
)
def test_how_long_to_wait_for_an_answer_is_said_in_words(waited: str, words: str) -> None:
    said = {"name": "Joy", "contact": "07700 900222", "hours": "9 to 5", "escalate_after": waited}
    shown = Showing(CLOCK, {}).whom_to_call(said, Field())
    assert shown.note == f"9 to 5; {words}"


def test_a_plan_of_nothing_says_that_nothing_is_recorded() -> None:
    page = shown({"plan_id": EDITH, "sections": {}})
    assert page.banner.name == "Name not known"
    assert [part.nothing for part in page.parts if part.name == "contingency-plans"] == [
        "No contingency plan is recorded."
    ]


def test_entries_that_hang_under_each_other_are_all_shown() -> None:
    def hung(this: str, under: str) -> dict[str, object]:
        return {
            "entry_id": this,
            "entry_type": "goal",
            "content": {"aim": {"text": this}},
            "derived": {"below": [{"section": "goals", "entry_id": under}]},
        }

    page = shown({"plan_id": EDITH, "sections": {"goals": [hung("a", "b"), hung("b", "a")]}})
    assert sorted(entry.title for entry in entries_of(page)) == ["a", "b"]


def test_nobody_is_rung_from_a_past_plan() -> None:
    from services.viewer.shown.plan import Asked, plan_page  # noqa: PLC0415
    from tests.unit.viewer.laid_out import CLOCK  # noqa: PLC0415

    page = plan_page(Asked(answered()), words(), CLOCK, is_past=True)
    ruth = entry_called("Ruth Marlow-Synth", page)
    (numbers,) = [s.value for s in statements_of(ruth) if s.path == "contact_details"]
    assert [one.kind for one in numbers.items] == ["words"]


def test_whom_nobody_may_call_stands_without_a_number() -> None:
    plan = copy.deepcopy(answered())
    (worst,) = [
        one
        for one in plan["sections"]["contingency-plans"]
        if one["content"].get("severity") == "severe"
    ]
    ruth = next(one for one in worst["content"]["contacts"] if one["name"].startswith("Ruth"))
    worst["derived"]["not_to_be_called"] = [ruth["item_id"]]
    shown_entry = entry_called("If I fall or cannot get up", shown(plan))
    (contacts,) = [one for one in statements_of(shown_entry) if one.path == "contacts"]
    (her,) = [one for one in contacts.value.items if one.text.startswith("Ruth")]
    assert (her.target, her.note) == ("", "must not be contacted")
