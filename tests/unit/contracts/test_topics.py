"""The declared topics: names, partitions, how long they are kept."""

import re

from shared.contracts.topics import declared_topics
from shared.ledger.topics import EVENTS_PATTERN, events_topic

_DAY = 24 * 60 * 60 * 1000


def test_a_section_brings_its_three_topics_and_an_organisation_its_two() -> None:
    topics = {topic.name: topic for topic in declared_topics(["about_me"], ["ZZG01"])}
    assert set(topics) == {
        "careplan.about-me.commands.v1",
        "careplan.about-me.dead-letters.v1",
        "careplan.about-me.events.v1",
        "careplan.audit.dead-letters.v1",
        "careplan.audit.records.v1",
        "careplan.inbox.zzg01.v1",
        "careplan.intake.dead-letters.v1",
        "careplan.plan.changes.v1",
        "careplan.plan.dead-letters.v1",
        "careplan.receipts.zzg01.v1",
    }
    events = topics["careplan.about-me.events.v1"]
    assert (events.partitions, events.retention_ms) == (24, -1)
    assert events.configs == {
        "cleanup.policy": "delete",
        "retention.ms": "-1",
        "max.message.bytes": "4194304",
    }
    assert topics["careplan.receipts.zzg01.v1"].retention_ms == 30 * _DAY
    kept = topics["careplan.intake.dead-letters.v1"].retention_ms
    assert kept > topics["careplan.inbox.zzg01.v1"].retention_ms


def test_the_pattern_of_the_readers_matches_event_topics_and_no_other() -> None:
    sections = ["person", "about_me", "goals"]
    names = [topic.name for topic in declared_topics(sections, ["ZZG01", "x-kestrel"])]
    matched = [name for name in names if re.fullmatch(EVENTS_PATTERN, name)]
    assert matched == sorted(events_topic(section) for section in sections)


def test_tests_have_a_prefix_and_fewer_partitions() -> None:
    topics = declared_topics(["goals"], [], prefix="t1.", event_partitions=2)
    assert all(topic.name.startswith("t1.careplan.") for topic in topics)
    assert max(topic.partitions for topic in topics) == 3
