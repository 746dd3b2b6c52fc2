"""Discovery finds what is declared, and stops where two things would be one."""

import pytest

from shared.contracts import discover
from shared.contracts.discover import TwoThings, only_once
from shared.contracts.topic_files import readers_of, topics
from shared.contracts.topics import declared_topics


def test_sections_and_readers_are_found_by_their_folders() -> None:
    assert {"person", "about_me", "goals"} <= {section.name for section in discover.sections()}
    assert {"plan", "audit"} <= set(discover.readers())
    assert set(discover.services()) >= {"goals", "plan"}


def test_one_name_for_two_things_stops_it() -> None:
    goals = next(section for section in discover.sections() if section.name == "goals")
    with pytest.raises(TwoThings, match="goals"):
        only_once([goals, goals])


def test_readers_of_a_topic_follow_from_the_declarations() -> None:
    names = ["person", "about_me", "goals"]
    assert readers_of("careplan.goals.commands.v1", names) == ["goals"]
    assert readers_of("careplan.goals.events.v1", names) == ["audit", "plan"]
    assert readers_of("careplan.person.events.v1", names) == [
        *("audit", "plan", "about-me", "goals", "person"),
    ]
    assert readers_of("careplan.inbox.{org}.v1", names) == ["intake"]


def test_every_topic_of_a_section_is_among_the_files() -> None:
    declared = {topic.name for topic in declared_topics(["goals"], [])}
    assert declared <= {topic.name for topic in topics(["goals"])}
