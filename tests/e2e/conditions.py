"""The test conditions of the stories, as facts that a reader is told, each with what it needs.

What follows from these facts is a finding of the plan; the stories say which.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from tests.e2e.told import HERE, Told, found_in, scalars

Check = Callable[[Told], Awaitable[None]]


@dataclass(frozen=True)
class Condition:
    """One sentence about one story, which holds where these sections are there."""

    person: str
    needs: frozenset[str]
    check: Check

    def __str__(self) -> str:
        return f"{self.person}: {self.check.__name__.replace('_', ' ')}"


CONDITIONS: list[Condition] = []


def condition(person: str, *needs: str) -> Callable[[Check], Check]:
    def declared(check: Check) -> Check:
        CONDITIONS.append(Condition(person, frozenset(needs), check))
        return check

    return declared


def lit() -> list[Condition]:
    """Those whose sections are all there."""
    return [one for one in CONDITIONS if one.needs <= HERE]


@condition("edith", "person")
async def what_a_coordinator_calls_verified_counts_once_the_national_service_says_so(
    told: Told,
) -> None:
    opened, verified = told.contributions("person")
    [event] = opened["events"]
    assert event["content"]["nhs_number"]["verification"] == "present-not-verified"
    assert verified["by"]["organisation"]["ods"] == "ZZP01"
    assert told.content("person")["nhs_number"]["verification"] == "traced-and-verified"
    assert told.who_said("person", "nhs_number")["recorded_by"]["kind"] == "system"
    assert told.who_said("person", "name")["recorded_by"]["organisation"]["ods"] == "ZZG01"
    unverified = ("identifier-not-verified", "person", told.story.entry_id("person"))
    before = await told.version(opened["plan_versions"][0], "?include=findings")
    assert unverified in found_in(before["findings"])
    assert unverified not in await told.findings()


@condition("edith", "person")
async def words_where_the_standard_has_codes_are_kept_and_shown(told: Told) -> None:
    person = told.content("person")
    assert "main" in dict(scalars(person["addresses"])).values()
    assert "letter" in dict(scalars(person["contact"])).values()
    if isinstance(person["addresses"][0]["kind"], dict):  # where it is declared to be a code
        unmapped = ("unmapped-code", "person", told.story.entry_id("person"))
        assert unmapped in await told.findings()


@condition("edith", "goals")
async def one_organisation_contributes_by_two_people(told: Told) -> None:
    names = {
        item["by"]["name"]
        for item in told.history
        if (item["by"].get("organisation") or {}).get("ods") == "ZZC01"
    }
    assert names == {"Tom Okafor-Synth", "Helen Birch-Synth"}


@condition("edith", "goals")
async def what_is_completed_or_achieved_is_still_in_the_plan(told: Told) -> None:
    closed = {label: told.content(label)["status"]["value"] for label in ("a2", "a4", "s1", "g3")}
    assert closed == {"a2": "completed", "a4": "completed", "s1": "achieved", "g3": "achieved"}
    for label in closed:
        assert told.entry(label)["state"] == "current"
        assert told.entry(label)["derived"]["closed"] is True
    assert told.entry("g1")["derived"]["closed"] is False


@condition("edith", "goals")
async def beside_when_it_was_stored_stands_when_it_was_said(told: Told) -> None:
    assert told.plan["derived"]["last_stated_at"] == "2026-11-05T09:30:00Z"
    assert told.plan["last_updated"] > "2026-11-21"
    assert told.entry("a3")["stated_at"] == "2026-11-05T09:30:00Z"


@condition("edith", "stewardship", "contingency-plans")
async def the_review_of_the_plan_for_carer_breakdown_was_due_and_not_held(told: Told) -> None:
    review = told.content("review-of-c2")
    assert review["due_on"] == "2026-09-24"
    assert not review.get("held")
    assert review["subject"] == told.story.reference("c2")


@condition("edith", "stewardship", "goals")
async def the_plan_has_changed_since_it_was_agreed_to(told: Told) -> None:
    agreed = told.content("agreement-to-plan")["plan_version"]
    assert agreed < told.plan["plan_version"]
    for label, leaf in (("s1", "outcome"), ("g1", "status"), ("a2", "status"), ("a3", "status")):
        assert told.who_said(label, leaf)["plan_version"] > agreed, label
    assert told.who_said("g1", "aim")["plan_version"] <= agreed


@condition("edith", "care-team", "contingency-plans")
async def nobody_is_to_call_the_nephew(told: Told) -> None:
    keith = told.content("keith")
    assert keith["excluded"]["reason"] == "I do not want him told anything"
    assert told.who_said("keith", "excluded")["stated_by"]["kind"] == "person"
    for label in ("c1", "c2"):
        names = [contact["name"] for contact in told.content(label)["contacts"]]
        assert not [name for name in names if "Keith" in name]


@condition("tariq", "person")
async def where_he_lives_is_restricted_from_the_opening_on(told: Told) -> None:
    opened = told.contributions("person")[0]
    [event] = opened["events"]
    restriction = event["content"]["visibility"]
    assert (restriction["fields"], restriction["labels"]) == (["addresses"], ["address"])
    assert restriction["reason"] == "Tee asked for it"
    assert opened["plan_versions"] == [1]


@condition("tariq", "goals")
async def a_health_check_was_planned_for_a_day_and_has_not_begun(told: Told) -> None:
    action = told.content("a3")
    assert action["when"] == {"date": "2026-11-10"}
    assert action["status"] == {"value": "not-started"}


@condition("tariq", "contingency-plans", "stewardship")
async def the_crisis_plan_changed_after_it_was_agreed_to(told: Told) -> None:
    plan, agreement = told.entry("c1"), told.content("agreement-to-c1")
    assert plan["stated_at"] == "2026-03-02T13:00:00Z"
    assert told.entry("agreement-to-c1")["stated_at"] == "2025-06-01T11:00:00Z"
    assert told.who_said("c1", "advance_statement")["plan_version"] > agreement["plan_version"]
    assert told.who_said("c1", "advance_statement")["recorded_by"]["kind"] == "person"
    assert told.who_said("c1", "triggers")["recorded_by"]["kind"] == "professional"
    assert told.content("review-of-c1")["due_on"] == "2026-06-01"
    assert plan["derived"]["review"]["state"] == "overdue"
    assert plan["derived"]["agreement"]["changed_since"] is True
    first, second = plan["content"]["coping_strategies"]
    wrote = told.entry("c1")["authorship"]
    for item, kind in ((first, "professional"), (second, "person")):
        said = wrote[f"coping_strategies.{item['item_id']}"]
        assert said["recorded_by"]["kind"] == kind


@condition("tariq", "needs")
async def the_formulation_is_kept_whole_and_says_who_made_it_and_who_typed_it(told: Told) -> None:
    text = told.content("formulation")["text"]
    assert len(text) > 470
    assert text.endswith("visits that nobody announced set him back.")
    said = told.who_said("formulation", "text")
    assert said["stated_by"]["name"] == "Dr Lewis Farrow-Synth"
    assert said["recorded_by"]["name"] == "Claire Osei-Synth"
    assert said["stated_at"] == "2026-04-16T14:00:00Z"
    assert told.content("formulation")["visibility"]["labels"] == ["mental-health"]


@condition("tariq", "stewardship", "goals")
async def a_comment_makes_a_version_and_does_not_move_when_the_plan_was_last_updated(
    told: Told,
) -> None:
    [comment] = told.contributions("comment-on-a1")
    [done] = [
        item
        for item in told.contributions("a4")
        if any(event["type"].endswith("progress-recorded.v1") for event in item["events"])
    ]
    # Sections reach the plan in any order, so which of the two has the higher version is open.
    assert comment["recorded_at"] > done["recorded_at"]
    of_others = {
        version
        for item in told.history
        if item["contribution_id"] != comment["contribution_id"]
        for version in item["plan_versions"]
    }
    [its_own] = comment["plan_versions"]
    assert its_own not in of_others
    assert told.plan["last_updated"] < comment["recorded_at"]
    assert told.entry("a1")["derived"]["changed_at"] < comment["recorded_at"]


@condition("maya", "care-team", "stewardship")
async def a_parent_agrees_and_the_childs_own_view_is_kept(told: Told) -> None:
    agreement = told.content("agreement-to-plan")
    assert agreement["authority"] == "parental-responsibility"
    assert agreement["by"] == "representative"
    assert agreement["persons_view"].startswith("With her eyes Maya said yes")
    said = told.who_said("agreement-to-plan", "outcome")
    assert said["on_behalf_of"]["proxy"] == told.story.reference("grace-for-maya")


@condition("maya", "care-team")
async def both_parents_have_a_proxy(told: Told) -> None:
    for label in ("grace-for-maya", "daniel-for-maya"):
        proxy = told.content(label)
        assert proxy["authority"] == "parental-responsibility"
        assert proxy["live_until"].startswith("2035-08-23"), "her 18th birthday"


@condition("maya", "about-me", "care-team")
async def film_and_picture_in_about_me_have_a_checksum_and_their_times(told: Told) -> None:
    responses = told.content("about-me")["responses"]
    [film] = responses["how_i_communicate"]["media"]
    [picture] = responses["how_and_when_to_support_me"]["media"]
    assert (film["mime"], picture["mime"]) == ("video/mp4", "image/jpeg")
    for media in (film, picture):
        assert re.fullmatch("[0-9a-f]{64}", media["sha256"])
        assert media["taken_at"] < "2026-09-08" < media["added_at"]
    [begun] = told.contributions("about-me")
    then = await told.version(begun["plan_versions"][0])
    assert then["sections"]["about-me"][0]["content"]["responses"] == responses
    before = await told.version(begun["plan_versions"][0] - 1)
    assert "about-me" not in before["sections"]


@condition("maya", "stewardship", "support-plans")
async def the_review_of_the_moving_plan_was_due(told: Told) -> None:
    assert told.content("review-of-asp-2")["due_on"] == "2026-11-02"


@condition("maya", "care-team", "contingency-plans")
async def no_dose_stands_in_the_ledger(told: Told) -> None:
    texts = [str(text) for _, text in scalars(told.plan["sections"])]
    assert "Rescue medicine as prescribed, from the bag; the dose is on the label" in texts
    dose = re.compile(r"\d\s*(mg|mcg|ml|microgram|gram)", re.IGNORECASE)
    assert not [text for text in texts if dose.search(text)]


@condition("maya", "stewardship")
async def an_ehc_plan_exists_beside_the_plan(told: Told) -> None:
    assert told.content("ehc-plan")["kind"] == "ehc-plan"
    assert told.content("ehc-plan")["document"]["held_at"] == "Westbrook Council"


@condition("george", "stewardship")
async def both_reviews_were_due_and_not_held(told: Told) -> None:
    for label in ("review-of-plan", "review-of-c1"):
        assert told.content(label)["due_on"] == "2026-11-12"
        assert not told.content(label).get("held")


@condition("george", "goals")
async def a_stage_was_missed_and_its_goal_stays(told: Told) -> None:
    assert told.content("s2")["status"]["value"] == "not-achieved"
    assert told.entry("g1")["state"] == "current"
    assert told.content("g1")["status"]["value"] == "on-going"


@condition("george", "support-plans", "stewardship")
async def two_plans_that_contradict_each_other_are_both_shown_with_their_owners(
    told: Told,
) -> None:
    owners = {label: told.content(label)["owner"]["ods"] for label in ("asp-1", "asp-2")}
    assert owners == {"asp-1": "ZZC04", "asp-2": "ZZA04"}
    comment = told.content("comment-on-asp-2")
    assert comment["kind"] == "disagreement"
    assert comment["target"] == told.story.reference("asp-2")
    assert not comment.get("answer")


@condition("george", "support-plans", "needs", "goals")
async def a_plan_written_without_knowing_of_the_practice_overwrites_nothing(told: Told) -> None:
    wound = told.content("asp-1")
    assert (wound["label"], wound["supersedes"]) == ("v4", "v3")
    assert told.entry("asp-1")["entry_version"] == 3
    for label in ("n2", "g2", "a3"):
        assert told.entry(label)["by"]["organisation"]["ods"] == "ZZG04"
    status, answer = await told.ask(
        {
            "contribution_id": str(uuid4()),
            "command": "careplan.support-plans.commands.revise.v1",
            "entry_id": told.story.entry_id("asp-1"),
            "based_on": 2,
            "content": {"label": "v4b", "supersedes": "v3"},
        },
        by="moira",
    )
    assert (status, answer["code"]) == (412, "base-version-stale")
    assert [since["entry_version"] for since in answer["receipt"]["changed_since"]] == [3]


@condition("george", "support-plans")
async def the_person_took_the_picture_in_the_wound_plan(told: Told) -> None:
    [picture] = told.content("asp-1")["body"]["media"]
    assert picture["taken_at"] == "2026-10-28T08:30:00Z"
    assert "George took the picture" in picture["caption"]


@condition("leanne", "goals")
async def a_dental_check_was_refused_by_her_and_the_contribution_was_not(told: Told) -> None:
    status = told.content("a2")["status"]
    assert status["value"] == "refused"
    assert status["reason"].startswith("She would not sit in the chair")
    assert told.who_said("a2", "status")["stated_by"]["kind"] == "person"


@condition("leanne", "goals")
async def a_support_worker_records_what_her_manager_said_and_both_are_shown(told: Told) -> None:
    said = told.who_said("a1", "status")
    assert said["recorded_by"]["name"] == "Support worker (synthetic)"
    assert said["stated_by"]["name"] == "Beth Lowe-Synth"
    assert said["stated_at"] == "2026-11-12T20:00:00Z"


@condition("leanne", "stewardship")
async def it_is_not_agreed_and_the_reason_is_shown(told: Told) -> None:
    agreement = told.content("agreement-to-plan")
    assert agreement["outcome"] == "no"
    assert agreement["reason_not"].startswith("Lee could not agree")
    assert agreement["capacity"]["assessed_on"] == "2026-07-08"


@condition("leanne", "stewardship")
async def a_sister_without_authority_agrees_to_nothing_for_her(told: Told) -> None:
    status, answer = await told.ask(
        {
            "contribution_id": str(uuid4()),
            "command": "careplan.stewardship.commands.agreement-record.v1",
            "content": {
                "subject": "plan",
                "plan_version": told.plan["plan_version"],
                "outcome": "yes",
                "by": "representative",
                "name": "Carly Ford-Synth",
                "authority": "none",
            },
        },
        by="chidi",
    )
    assert (status, answer["code"]) == (409, "representative-without-authority")


@condition("leanne", "stewardship", "support-plans")
async def the_provider_proposes_what_only_the_owner_changes(told: Told) -> None:
    change: dict[str, Any] = {
        "contribution_id": str(uuid4()),
        "command": "careplan.support-plans.commands.revise.v1",
        "entry_id": told.story.entry_id("asp-1"),
        "based_on": told.entry("asp-1")["entry_version"],
        "content": {"label": "v5"},
    }
    status, answer = await told.ask(change, by="beth")
    assert (status, answer["code"]) == (409, "only-the-owner-changes-a-support-plan")
    comment = told.content("comment-on-asp-1")
    assert comment["kind"] == "proposal"
    assert comment["addressed_to"]["ods"] == "ZZM05"


@condition("leanne", "stewardship")
async def the_review_of_the_staffing_plan_was_due(told: Told) -> None:
    assert told.content("review-of-c2")["due_on"] == "2026-09-03"
