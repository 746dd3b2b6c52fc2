"""What the broker is told follows from what the contracts say of each topic."""

import pytest

from shared.broker.declared import rights_of_organisation, rights_of_services
from shared.broker.rights import READ, WRITE, Right, is_of_organisation
from shared.contracts import discover
from shared.contracts.topics import declared_topics

SECTIONS = [section.name for section in discover.sections()]
CODES = ["ZZG01", "x-harbour-homes"]
RIGHTS = rights_of_services(SECTIONS, CODES)


def users(operation: str, topic: str) -> set[str]:
    return {right.user for right in RIGHTS if right[2:4] == (topic, operation)}


def test_each_topic_has_a_service_that_writes_or_reads_it() -> None:
    for topic in declared_topics(SECTIONS, CODES):
        assert users(WRITE, topic.name) | users(READ, topic.name), topic.name


def test_a_service_is_given_no_pattern() -> None:
    assert not [right for right in RIGHTS if right.is_prefix or "*" in right.name]
    assert {right.name for right in RIGHTS if right.kind == "topic"} == {
        topic.name for topic in declared_topics(SECTIONS, CODES)
    }


def test_a_section_alone_writes_its_events_and_intake_alone_its_commands() -> None:
    assert users(WRITE, "careplan.goals.events.v1") == {"service-goals"}
    assert users(WRITE, "careplan.goals.commands.v1") == {"service-intake"}
    assert users(READ, "careplan.goals.commands.v1") == {"service-goals"}
    assert users(READ, "careplan.goals.events.v1") == {"service-plan", "service-audit"}
    assert users(READ, "careplan.audit.records.v1") == {"service-audit"}


def test_no_service_writes_an_inbox_or_reads_receipts() -> None:
    for code in ("zzg01", "x-harbour-homes"):
        assert users(WRITE, f"careplan.inbox.{code}.v1") == set()
        assert users(READ, f"careplan.inbox.{code}.v1") == {"service-intake"}
        assert users(READ, f"careplan.receipts.{code}.v1") == set()


def test_an_organisation_has_three_rights() -> None:
    assert rights_of_organisation("ZZG01") == {
        Right("zzg01", "topic", "careplan.inbox.zzg01.v1", WRITE),
        Right("zzg01", "topic", "careplan.receipts.zzg01.v1", READ),
        # The dot at its end keeps the groups of zzg017 out.
        Right("zzg01", "group", "zzg01.", READ, is_prefix=True),
    }


@pytest.mark.parametrize("code", ["ADMIN", "broker"])
def test_no_organisation_is_one_of_those_who_may_do_everything(code: str) -> None:
    with pytest.raises(ValueError, match="no organisation can have the code"):
        rights_of_organisation(code)


@pytest.mark.parametrize(
    ("user", "is_theirs"),
    [
        ("zzg01", True),
        ("zzg01.1", True),
        ("zzg01.12", True),
        ("zzg01.", False),
        ("zzg01.x", False),
        ("zzg017", False),
        ("zzg017.1", False),
        ("service-goals", False),
    ],
)
def test_an_organisation_is_its_user_and_those_of_its_certificates(
    user: str, *, is_theirs: bool
) -> None:
    assert is_of_organisation(user, "ZZG01") == is_theirs
