"""Audit records: made from events and from what services tell, without anything a plan says."""

import hashlib
import json
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from services.audit.record.model import (
    Actor,
    Source,
    Unfit,
    actor_as_json,
    change_id,
    hash_of_content,
    record_of_event,
    record_of_message,
    record_of_unreadable,
    refusal_id,
    section_of_topic,
    source_position,
    trace_of,
)
from shared.ledger import RecordedEvent

PLAN = UUID("0199c0de-0000-7000-8000-0000000000a1")
ENTRY = UUID("0199c0de-0000-7000-8000-0000000000e1")
CONTRIBUTION = UUID("0199c0de-0000-7000-8000-000000000001")
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
SOURCE = Source("careplan.goals.events.v1", 3, 17, 41)

EVENT = RecordedEvent(
    plan_id=PLAN,
    section="goals",
    entry_id=ENTRY,
    entry_type="goal",
    entry_version=2,
    type="careplan.goals.set-aside.v1",
    change="withdrawn",
    contribution_id=CONTRIBUTION,
    recorded_at=datetime(2026, 11, 24, 8, 0, tzinfo=UTC),
    content={"reason": "Moved to a flat without a gärden"},
    provenance={
        "stated_at": "2026-11-24T09:30:00+02:00",
        "recorded_by": {
            "kind": "professional",
            "name": "Dr A. Quill-Synth",
            "role": "gp",
            "organisation": {"ods": "ZZG01", "name": "Quill Surgery"},
            "identifier": {"kind": "sub", "value": "quill"},
            "contact": "01632 960000",
        },
        "stated_by": {"kind": "related-person", "name": "Ned Marlow-Synth", "contact": "by post"},
        "on_behalf_of": {
            "kind": "person",
            "name": "Edith Marlow-Synth",
            "proxy": {"section": "care-team", "entry_id": str(ENTRY)},
            "more": "words",
        },
        "reason": "She asked for it",
    },
    fields=(),
    position=41,
    traceparent=TRACEPARENT,
    leaf_hash="ab" * 32,
)

REFUSAL: dict[str, Any] = {
    "record_id": f"goals/{CONTRIBUTION}.0123456789abcdef",
    "recorded_at": "2026-11-24T08:00:00.5Z",
    "operation": "refusal",
    "actor": {
        "kind": "system",
        "id": "epr-1",
        "name": "Northmoor EPR",
        "role": None,
        "organisation": {"local_id": "x-hill-end", "name": "Hill End"},
    },
    "on_behalf_of": None,
    "plan_id": str(PLAN),
    "section": "goals",
    "entry_id": None,
    "entry_version": None,
    "code": "base-version-stale",
    "contribution_id": str(CONTRIBUTION),
    "content_sha256": "cd" * 32,
    "trace_id": TRACE,
    "kept": True,
}


def test_record_of_event_when_a_goal_is_set_aside_then_it_says_who_what_and_when() -> None:
    record = record_of_event(EVENT, SOURCE)

    assert record.record_id == f"goals/{ENTRY}.2" == change_id("goals", ENTRY, 2)
    assert (record.operation, record.kind, record.change) == ("change", "change", "withdrawn")
    assert record.event_type == "careplan.goals.set-aside.v1"
    assert record.recorded_at == datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
    assert record.stated_at == datetime(2026, 11, 24, 7, 30, tzinfo=UTC)
    assert record.trace_id == TRACE
    assert record.source.position == 41
    assert record.actor is not None
    assert actor_as_json(record.actor) == {
        "kind": "professional",
        "id": "quill",
        "name": "Dr A. Quill-Synth",
        "role": "gp",
        "organisation": {"ods": "ZZG01", "name": "Quill Surgery"},
    }
    assert record.on_behalf_of == {
        "kind": "person",
        "name": "Edith Marlow-Synth",
        "proxy": {"section": "care-team", "entry_id": str(ENTRY)},
    }


def test_record_of_event_when_made_then_nothing_the_plan_says_is_in_it() -> None:
    told = json.dumps(asdict(record_of_event(EVENT, SOURCE)), default=str)

    for word in ("gärden", "asked", "01632", "post", "words"):
        assert word not in told


def test_hash_of_content_when_published_then_it_is_that_of_the_bytes() -> None:
    published = '{"reason":"Moved to a flat without a gärden"}'.encode()

    assert hash_of_content(EVENT.content) == hashlib.sha256(published).hexdigest()
    assert hash_of_content({"a": 1, "b": 2}) != hash_of_content({"b": 2, "a": 1})


def test_record_of_event_when_the_section_was_never_heard_of_then_it_is_like_any_other() -> None:
    record = record_of_event(replace(EVENT, section="medication"), SOURCE)

    assert record.record_id == f"medication/{ENTRY}.2"
    assert record.operation == "change"


@pytest.mark.parametrize(
    "event",
    [
        replace(EVENT, provenance={}),
        replace(EVENT, provenance={"recorded_by": "somebody"}),
        replace(EVENT, provenance={"recorded_by": {"name": "No Kind-Synth"}}),
        replace(EVENT, provenance={"recorded_by": {"kind": "person", "name": "\x00"}}),
        replace(EVENT, provenance={"recorded_by": {"kind": "person", "id": "s" * 501}}),
        replace(EVENT, provenance={"recorded_by": {"kind": "person"}, "stated_at": "yesterday"}),
        replace(EVENT, leaf_hash="no hash"),
        replace(EVENT, section="s" * 501),
    ],
)
def test_record_of_event_when_it_makes_no_record_then_unfit(event: RecordedEvent) -> None:
    with pytest.raises(Unfit):
        record_of_event(event, SOURCE)


def test_record_of_message_when_a_refusal_then_the_source_gives_its_id() -> None:
    record = record_of_message(REFUSAL, None, SOURCE)

    assert record.record_id == REFUSAL["record_id"]
    assert (record.operation, record.kind) == ("refusal", "refusal")
    assert record.code == "base-version-stale"
    assert record.actor == Actor(
        kind="system",
        id="epr-1",
        name="Northmoor EPR",
        organisation="x-hill-end",
        organisation_name="Hill End",
    )
    assert record.actor is not None
    assert actor_as_json(record.actor)["organisation"] == {
        "local_id": "x-hill-end",
        "name": "Hill End",
    }


def test_record_of_message_when_it_has_members_unknown_here_then_they_are_kept() -> None:
    record = record_of_message({**REFUSAL, "purpose": ["TREAT"]}, None, SOURCE)

    assert record.bag == {"kept": True, "purpose": ["TREAT"]}


@pytest.mark.parametrize(
    ("operation", "kind"),
    [("denial", "decision"), ("unreadable", "refusal"), ("read", "access"), ("export", "export")],
)
def test_record_of_message_when_of_another_operation_then_its_kind_follows(
    operation: str, kind: str
) -> None:
    assert record_of_message({**REFUSAL, "operation": operation}, None, SOURCE).kind == kind


def test_record_of_message_when_it_names_no_trace_then_the_header_does() -> None:
    assert record_of_message({**REFUSAL, "trace_id": None}, TRACEPARENT, SOURCE).trace_id == TRACE


def _nested(depth: int) -> Any:
    nested: Any = "deep"
    for _ in range(depth):
        nested = [nested]
    return nested


@pytest.mark.parametrize(
    "changed",
    [
        {"record_id": None},
        {"record_id": "r" * 501},
        {"operation": None},
        {"operation": "Refusal!"},
        {"operation": "change"},
        {"recorded_at": None},
        {"recorded_at": "2026-11-24T08:00:00"},
        {"recorded_at": "0001-01-01T00:00:00+14:00"},
        {"plan_id": "a plan"},
        {"plan_id": 7},
        {"entry_version": 0},
        {"entry_version": 2**53},
        {"entry_version": True},
        {"content_sha256": "short"},
        {"actor": []},
        {"actor": {"kind": None}},
        {"on_behalf_of": {"proxy": {"entry_id": "nobody"}}},
        {"extra": {"deep": ["\x00"]}},
        {"extra": _nested(50)},
    ],
)
def test_record_of_message_when_it_makes_no_record_then_unfit(changed: dict[str, Any]) -> None:
    with pytest.raises(Unfit):
        record_of_message({**REFUSAL, **changed}, None, SOURCE)


def test_record_of_unreadable_when_made_then_it_tells_what_the_headers_tell() -> None:
    headers = {
        "ce_partitionkey": str(PLAN),
        "ce_causationid": "no id",
        "traceparent": TRACEPARENT,
    }
    record = record_of_unreadable("not JSON in UTF-8", headers, b"\xff", SOURCE)

    assert record.record_id == "audit/careplan.goals.events.v1/3.17"
    assert (record.operation, record.kind) == ("unreadable", "refusal")
    assert record.code == "not JSON in UTF-8"
    assert (record.plan_id, record.section, record.contribution_id) == (PLAN, "goals", None)
    assert record.trace_id == TRACE
    assert record.content_sha256 == hashlib.sha256(b"\xff").hexdigest()
    assert record.recorded_at is None


def test_identity_when_a_change_says_something_else_under_its_id_then_it_is_no_repeat() -> None:
    first = record_of_event(EVENT, SOURCE)
    again = record_of_event(EVENT, replace(SOURCE, offset=99))
    other = record_of_event(replace(EVENT, content={"reason": "Another"}), SOURCE)

    assert again.identity == first.identity
    assert other.record_id == first.record_id
    assert other.identity != first.identity


def test_refusal_id_when_the_content_differs_then_it_is_another() -> None:
    assert refusal_id("goals", CONTRIBUTION, "ab" * 32) == f"goals/{CONTRIBUTION}.{'ab' * 8}"
    assert refusal_id("goals", CONTRIBUTION, "ac" * 32) != refusal_id(
        "goals", CONTRIBUTION, "ab" * 32
    )


@pytest.mark.parametrize(
    ("topic", "section"),
    [
        ("careplan.about-me.events.v1", "about-me"),
        ("t1a2b.careplan.goals.events.v1", "goals"),
        ("careplan.goals.events.v12", None),
        ("careplan.goals.commands.v1", None),
        ("careplan.audit.records.v1", None),
    ],
)
def test_section_of_topic(topic: str, section: str | None) -> None:
    assert section_of_topic(topic) == section


def test_trace_of_when_there_is_no_trace_then_none() -> None:
    assert trace_of(TRACEPARENT) == TRACE
    for odd in (None, "", "00-xyz", f"00-{'0' * 32}-00f067aa0ba902b7-01", TRACEPARENT + "-more"):
        assert trace_of(odd) is None


def test_source_position_when_it_is_none_then_unfit() -> None:
    assert source_position(None) is None
    assert source_position("41") == 41
    for odd in ("", "0", "-1", "4 1", "٤", str(2**63), "9" * 5000):
        with pytest.raises(Unfit):
            source_position(odd)
