"""The stories as data: understood, true to the contracts, taken by the sections that are there."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from deploy.examples.story import (
    STORIES,
    Said,
    Story,
    StoryUnusable,
    read,
    stories,
    what_is_there,
)
from deploy.examples.wire import Moment, contribution, depends_on_the_moment
from deploy.organisations import organisations
from shared.chassis.contribute.prepare import contribution_from_json, prepare
from shared.chassis.wire.problem import Problem
from shared.contracts import discover
from shared.contracts.examples.playing import Played, _decide
from shared.ledger import Contributor, Organisation, Refused
from shared.testing.people import synthetic_nhs_number

ALL = stories()
SECTIONS = {section.wire_name: section for section in discover.sections()}
HERE = what_is_there(section.name for section in SECTIONS.values())
OF_THE_STANDARD = {
    "person", "care-team", "about-me", "needs", "goals", "contingency-plans", "support-plans",
    "stewardship",
}  # fmt: skip
MOMENT = Moment(date(2026, 12, 1), 41)
every_story = pytest.mark.parametrize("story", ALL, ids=lambda story: story.person)


@every_story
def test_what_is_declared_takes_every_contribution_of_the_story(story: Story) -> None:
    """Whatever section exists: each of its contributions is read and accepted, in order."""
    played = Played()
    versions: dict[str, int] = {}
    taken = []
    for said in story.lit(HERE):
        section = SECTIONS[said.section]
        based_on = None if said.creates else versions[said.entry]
        given = contribution(story, said, MOMENT, based_on)
        assert said.command in section.commands, f"{named(said)}: there is no such command"
        assert said.creates == section.commands[said.command].creates, named(said)
        try:
            prepared = prepare(section, contribution_from_json(given), contributor(story, said))
            assert _decide(prepared, played), named(said)
        except Problem as problem:
            pytest.fail(f"{named(said)}: {problem.errors or problem.code}")
        except Refused as refused:
            pytest.fail(f"{named(said)}: {refused.code} {refused}")
        versions[said.entry] = played.entries[UUID(story.entry_id(said.entry))].version
        taken.append(said)
    assert {said.section for said in taken} >= {"person", "goals"} & {s.section for s in story.said}


@every_story
def test_what_is_dark_waits_for_a_section_that_is_not_declared(story: Story) -> None:
    """Decided from the declarations: nothing whose sections are there stays dark."""
    for said in story.dark(HERE):
        missing = story.asks(said) - HERE
        assert missing, named(said)
        assert missing <= OF_THE_STANDARD, f"{named(said)} asks a section that no standard has"
    assert len(story.lit(HERE)) + len(story.dark(HERE)) == len(story.said)


@every_story
def test_references_lead_to_entries_of_the_story_that_were_there_before(story: Story) -> None:
    known: set[str] = set()
    for said in story.said:
        for label in references(said):
            assert label in known, f"{named(said)} refers to {label}, which nobody has said yet"
        assert said.creates == (said.entry not in known), named(said)
        known.add(said.entry)


@every_story
def test_the_times_are_in_order_and_none_is_to_come(story: Story) -> None:
    times = [datetime.fromisoformat(said.stated_at) for said in story.said]
    assert times == sorted(times)
    assert all(time.tzinfo for time in times)
    assert times[-1] < datetime(2026, 11, 21, tzinfo=UTC), "the stories are told on that day"
    steps = [said.step for said in story.said]
    assert steps == sorted(steps)


@every_story
def test_the_people_are_invented(story: Story) -> None:
    known = [said.content.get("nhs_number", {}).get("value") for said in story.said]
    numbers = {number for number in known if number}
    assert numbers == {synthetic_nhs_number(int(number[3:9])) for number in numbers}
    assert all(number.startswith("999") for number in numbers)
    for somebody in story.people.values():
        code = somebody.code
        assert not code or re.fullmatch(r"ZZ[A-Z][0-9]{2}|x-[a-z-]+", code), somebody.label
        assert bool(code) == (somebody.kind in ("professional", "system")), somebody.label
        if somebody.kind == "person":
            assert somebody.name.endswith("-Synth")
        if somebody.contact:
            assert re.fullmatch(r"01632 960\d{3}|07700 900\d{3}", somebody.contact)
    telephones = re.findall(r"\b0\d{4} \d{6}\b", (STORIES / f"{story.person}.toml").read_text())
    assert telephones
    assert {number[:9] for number in telephones} <= {"01632 960", "07700 900"}


@every_story
def test_findings_are_about_entries_of_the_story(story: Story) -> None:
    assert story.findings
    for finding in story.findings:
        assert set(finding) == {"code", "about"}
        for label in finding["about"]:
            assert story.section_of(label)


def test_there_are_five_with_ids_of_their_own_that_never_change() -> None:
    assert [story.id for story in ALL] == [f"PCSP-EX-0{number}" for number in range(1, 6)]
    ids = [said.id for story in ALL for said in story.said]
    assert len(set(ids)) == len(ids)
    assert ALL[0].plan_id == "3ae6ef81-5ace-5780-905e-b4f26c5d67dc"
    assert [story.id for story in ALL] == sorted(story.id for story in ALL)
    assert len({story.plan_id for story in ALL}) == len(ALL)


def test_an_organisation_has_one_name_everywhere() -> None:
    names: set[tuple[str | None, str]] = {(one.code, one.name) for one in organisations()}
    for story in ALL:
        for somebody in story.people.values():
            if somebody.code:
                names.add((somebody.code, somebody.organisation["name"]))
        for said in story.said:
            names |= {
                (one.get("ods") or one.get("local_id"), one["name"])
                for one in organisations_in(said.content)
            }
    codes = [code for code, _ in names]
    assert len(set(codes)) == len(codes), sorted(names)


def test_every_section_and_each_kind_of_provenance_is_told_of() -> None:
    asked = {said.section for story in ALL for said in story.said}
    assert asked == OF_THE_STANDARD
    told = {name for story in ALL for said in story.said for name in said.provenance}
    assert told == {
        "stated_by", "on_behalf_of", "supported_by", "place", "system", "source_ref",
    }  # fmt: skip
    kinds = {said.by.kind for story in ALL for said in story.said}
    assert kinds == {"person", "related-person", "professional", "system"}


def test_a_date_that_depends_on_the_day_is_filled_in() -> None:
    edith = ALL[0]
    review = next(said for said in edith.said if said.entry == "review-of-plan" and said.creates)
    assert depends_on_the_moment(review)
    assert contribution(edith, review, MOMENT)["content"]["due_on"] == "2026-12-12"
    agreed = next(said for said in edith.said if said.entry == "agreement-to-c1")
    content = contribution(edith, agreed, MOMENT)["content"]
    assert content["plan_version"] == 41
    assert content["subject"] == {
        "section": "contingency-plans",
        "entry_id": edith.entry_id("c1"),
    }


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ('by = "priya"', 'by = "nobody"', "'nobody' is missing, or nobody has that name"),
        ('entry = "person"', 'entree = "person"', "'entry' is missing"),
        ("step = 1", "step = 1\nmood = 3", "step 1 has mood, which nothing reads"),
        ('role = "gp"', 'job = "gp"', "unexpected keyword argument 'job'"),
        ('reader = "priya"', 'reader = "priya', "edith.toml is not TOML"),
    ],
)
def test_a_slip_in_a_file_is_told_by_its_name(
    before: str, after: str, told: str, tmp_path: Path
) -> None:
    text = (STORIES / "edith.toml").read_text()
    assert before in text
    spoilt = tmp_path / "edith.toml"
    spoilt.write_text(text.replace(before, after, 1))
    with pytest.raises(StoryUnusable) as caught:
        read(spoilt)
    assert told in str(caught.value)
    assert str(caught.value).startswith("edith.toml")


def named(said: Said) -> str:
    return f"step {said.step}, {said.command} of {said.entry}"


def contributor(story: Story, said: Said) -> Contributor:
    """Whoever contributes, as the token proves them."""
    claims = said.by.claims(story.plan_id)["careplan"]
    works = claims.get("organisation")
    return Contributor(
        kind=claims["kind"],
        sub=said.by.claims(story.plan_id)["sub"],
        name=said.by.name,
        role=claims.get("role"),
        organisation=Organisation(**works) if works else None,
        plan_id=None if works else UUID(story.plan_id),
    )


def references(said: Said) -> Iterator[str]:
    yield from labels_in(said.content)
    if "on_behalf_of" in said.provenance:
        yield said.provenance["on_behalf_of"]
    if said.entry.startswith("review-of-") and said.entry != "review-of-plan":
        yield said.entry.removeprefix("review-of-")


def labels_in(given: Any) -> Iterator[str]:
    if isinstance(given, Mapping):
        if set(given) == {"entry"}:
            yield given["entry"]
        for one in given.values():
            yield from labels_in(one)
    elif isinstance(given, list):
        for one in given:
            yield from labels_in(one)


def organisations_in(given: Any) -> Iterator[Mapping[str, str]]:
    if isinstance(given, Mapping):
        if "name" in given and ("ods" in given or "local_id" in given):
            yield given
        for one in given.values():
            yield from organisations_in(one)
    elif isinstance(given, list):
        for one in given:
            yield from organisations_in(one)
