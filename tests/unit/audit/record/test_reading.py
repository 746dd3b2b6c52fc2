"""Audit records made from what arrives: every fact is there, and nothing that a plan says."""

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from services.audit.record.checks import Unfit, kafka_time
from services.audit.record.model import Kind, Operation, Source
from services.audit.record.reading import (
    change_id,
    hash_of_content,
    record_of_event,
    record_of_message,
    record_of_unreadable,
    section_of_topic,
    source_position,
)
from shared.ledger import RecordedEvent
from shared.ledger.names import trace_of

PLAN = UUID("0199c0de-0000-7000-8000-0000000000a1")
ENTRY = UUID("0199c0de-0000-7000-8000-0000000000e1")
CONTRIBUTION = UUID("0199c0de-0000-7000-8000-000000000001")
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
KAFKA_AT = datetime(2026, 11, 24, 8, 0, 0, 5000, tzinfo=UTC)
SOURCE = Source("careplan.goals.events.v1", 3, 17, 41, KAFKA_AT)

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
        "supported_by": {
            "name": "Ivy Pell-Synth",
            "relationship": "friend",
            "contact": "01632 1",
            "how": "Read it aloud",
        },
        "system": {"name": "Northmoor EPR", "maker": "Northmoor", "version": "4.2"},
        "source_ref": {"id": "g-7", "version": "2"},
        "reason": "She asked for it",
    },
    fields=("status", "closed_on"),
    position=41,
    traceparent=TRACEPARENT,
    leaf_hash="ab" * 32,
)

HEADERS = {
    "traceparent": TRACEPARENT,
    "ce_authtype": "user",
    "ce_authclaims": '{"jti":"t-1","client_id":"epr","idp":"cis2","acr":"aal3","sub":"not kept"}',
    "ce_policyversion": "2026-11-30",
    "ce_policyinputs": "ef" * 32,
    "ce_command": "careplan.goals.set-aside.v1",
}

REFUSAL: dict[str, Any] = {
    "record_id": f"goals/{CONTRIBUTION}.0123456789abcdef.base-version-stale",
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
    "command": "careplan.goals.commands.agree.v1",
    "code": "base-version-stale",
    "authn": {"jti": "t-2"},
    "policy_version": "2026-11-30",
    "contribution_id": str(CONTRIBUTION),
    "content_sha256": "cd" * 32,
    "trace_id": TRACE,
    "kept": True,
}


def test_record_of_event_when_a_goal_is_set_aside_then_it_can_be_found_by_who_what_and_when() -> (
    None
):
    record = record_of_event(EVENT, SOURCE, HEADERS)

    assert record.record_id == f"goals/{ENTRY}.2" == change_id("goals", ENTRY, 2)
    assert record.entry_before == f"goals/{ENTRY}.1"
    assert (record.operation, record.kind, record.change) == ("change", Kind.CHANGE, "withdrawn")
    assert record.type == "careplan.goals.set-aside.v1"
    assert record.recorded_at == datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
    assert record.stated_at == datetime(2026, 11, 24, 7, 30, tzinfo=UTC)
    assert (record.actor_kind, record.actor_id) == ("professional", "quill")
    assert (record.organisation, record.policy_version) == ("ZZG01", "2026-11-30")
    assert record.trace_id == TRACE
    assert record.source.position == 41


def test_record_of_event_when_made_then_every_fact_stands_in_its_group() -> None:
    record = record_of_event(EVENT, SOURCE, HEADERS)

    assert record.groups == {
        "hdr": {
            "v": 1,
            "id": f"goals/{ENTRY}.2",
            "kind": "change",
            "type": "careplan.goals.set-aside.v1",
            "change": "withdrawn",
            "contribution_id": str(CONTRIBUTION),
            "action": "D",
            "outcome": 0,
        },
        "subject": {"plan_id": str(PLAN)},
        "actor": {
            "actor_type": "staff",
            "kind": "professional",
            "actor_id": {"system": "sub", "value": "quill"},
            "name_at_time": "Dr A. Quill-Synth",
            "role": "gp",
            "org": "ZZG01",
            "org_name": "Quill Surgery",
            "on_behalf_of": {
                "kind": "person",
                "name": "Edith Marlow-Synth",
                "proxy": {"section": "care-team", "entry_id": str(ENTRY)},
            },
        },
        "authn": {
            "type": "user",
            "jti": "t-1",
            "client_id": "epr",
            "idp": "cis2",
            "acr": "aal3",
        },
        "why": {
            "policy_version": "2026-11-30",
            "decision": "permit",
            "inputs_sha256": "ef" * 32,
        },
        "object": {
            "sections": ["goals"],
            "entries": [{"section": "goals", "entry_id": str(ENTRY), "entry_version": 2}],
        },
        "change": {
            "op": "careplan.goals.set-aside.v1",
            "fields": ["status", "closed_on"],
            "reason": "She asked for it",
            "after_hash": hash_of_content(EVENT.content),
            "author": {"kind": "related-person", "name": "Ned Marlow-Synth"},
            "voice": "proxy",
            "supported_by": {
                "name": "Ivy Pell-Synth",
                "relationship": "friend",
                "how": "Read it aloud",
            },
        },
        "where": {
            "app": "Northmoor EPR",
            "app_maker": "Northmoor",
            "app_version": "4.2",
            "source_ref": {"id": "g-7", "version": "2"},
        },
        "source": {
            "topic": "careplan.goals.events.v1",
            "partition": 3,
            "offset": 17,
            "seq": 41,
            "kafka_at": "2026-11-24T08:00:00.005000Z",
            "leaf_hash": "ab" * 32,
            "trace_id": TRACE,
        },
    }


def test_record_of_event_when_made_then_nothing_the_plan_says_is_in_it() -> None:
    told = json.dumps(record_of_event(EVENT, SOURCE, HEADERS)._asdict(), default=str)

    for word in ("gärden", "01632", "by post", "words", "not kept"):
        assert word not in told


def test_record_of_event_when_made_then_nobody_is_named_outside_the_groups() -> None:
    record = record_of_event(EVENT, SOURCE, HEADERS)._asdict()
    del record["groups"]
    told = json.dumps(record, default=str)

    for word in ("Synth", "Surgery", "asked", "Northmoor", "t-1", hash_of_content(EVENT.content)):
        assert word not in told


@pytest.mark.parametrize(
    ("changed", "voice"),
    [
        ({"stated_by": {"kind": "person"}}, "person"),
        ({"stated_by": {"kind": "related-person"}, "on_behalf_of": None}, "related-person"),
        ({"stated_by": None}, "professional"),
    ],
)
def test_record_of_event_when_somebody_else_said_it_then_the_voice_is_theirs(
    changed: dict[str, Any], voice: str
) -> None:
    event = replace(EVENT, provenance={**EVENT.provenance, **changed})

    assert record_of_event(event, SOURCE).groups["change"]["voice"] == voice


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
        replace(EVENT, fields=("\x00",)),
    ],
)
def test_record_of_event_when_it_makes_no_record_then_unfit(event: RecordedEvent) -> None:
    with pytest.raises(Unfit):
        record_of_event(event, SOURCE)


@pytest.mark.parametrize("claims", ["[]", "not JSON", "[" * 99_999, '{"jti": 1.5}'])
def test_record_of_event_when_its_claims_cannot_be_read_then_unfit(claims: str) -> None:
    with pytest.raises(Unfit):
        record_of_event(EVENT, SOURCE, {"ce_authclaims": claims})


def test_record_of_message_when_a_refusal_then_the_source_gives_its_id() -> None:
    record = record_of_message(REFUSAL, None, SOURCE)

    assert record.record_id == REFUSAL["record_id"]
    assert (record.operation, record.kind) == ("refusal", Kind.REFUSAL)
    assert (record.type, record.code) == ("contribution.refused", "base-version-stale")
    assert (record.actor_id, record.organisation) == ("epr-1", "x-hill-end")
    assert record.groups["actor"] == {
        "actor_type": "service",
        "kind": "system",
        "actor_id": {"system": "sub", "value": "epr-1"},
        "name_at_time": "Northmoor EPR",
        "org": "x-hill-end",
        "org_name": "Hill End",
    }
    assert record.groups["change"] == {
        "op": "careplan.goals.commands.agree.v1",
        "content_sha256": "cd" * 32,
        "kept": True,
    }
    assert record.groups["authn"] == {"jti": "t-2"}
    assert record.groups["why"] == {"policy_version": "2026-11-30"}


def test_record_of_message_when_it_has_members_unknown_here_then_they_are_kept() -> None:
    record = record_of_message({**REFUSAL, "weather": ["fine"]}, None, SOURCE)
    odd = record_of_message({**REFUSAL, "weather": 1.5, "ö": {"deep": "\x00"}}, None, SOURCE)

    assert record.groups["ext"] == {"bag": {"weather": ["fine"]}}
    assert json.loads(odd.groups["ext"]["bag_as_json"]) == {"weather": 1.5, "ö": {"deep": "\x00"}}


def test_record_of_message_when_a_read_then_what_was_seen_stands_in_its_groups() -> None:
    access = {
        **REFUSAL,
        "operation": "read",
        "type": "access.read_version",
        "what": "version",
        "purpose": "direct-care",
        "purpose_of_use": "TREAT",
        "relationship": {"id": "r-1", "kind": "referral", "self_claimed": False},
        "decision": "permit",
        "plan_version": 43,
        "sections": ["about-me"],
        "redactions": [{"section": "needs", "entry_id": None, "rule": "label"}],
        "body_sha256": "ef" * 32,
        "body_length": 18211,
    }
    record = record_of_message(access, None, SOURCE)

    assert (record.kind, record.type, record.purpose) == (
        Kind.ACCESS,
        "access.read_version",
        "direct-care",
    )
    assert record.groups["view"] == {
        "redactions": [{"section": "needs", "entry_id": None, "rule": "label"}],
        "body_sha256": "ef" * 32,
        "body_length": 18211,
    }
    assert record.groups["why"]["relationship"]["kind"] == "referral"
    assert record.groups["object"]["plan_version"] == 43
    assert "ext" not in record.groups


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        ("refusal", Kind.REFUSAL),
        ("unreadable", Kind.REFUSAL),
        ("read", Kind.ACCESS),
        ("search", Kind.ACCESS),
        ("denial", Kind.DECISION),
        ("justification", Kind.DECISION),
        ("delivery", Kind.DISCLOSURE),
        ("export", Kind.DISCLOSURE),
        ("query", Kind.ADMIN),
        ("admin", Kind.ADMIN),
        ("alert", Kind.ALERT),
        ("correction", Kind.CORRECTION),
        ("system", Kind.SYSTEM),
    ],
)
def test_record_of_message_when_of_another_operation_then_its_kind_follows(
    operation: str, kind: Kind
) -> None:
    assert record_of_message({**REFUSAL, "operation": operation}, None, SOURCE).kind is kind


@pytest.mark.parametrize("word", ["unknown", "consultation", "Refusal!", "an operation of 2031"])
def test_record_of_message_when_the_operation_is_not_known_then_it_is_kept_as_that(
    word: str,
) -> None:
    record = record_of_message({**REFUSAL, "operation": word, "type": "made.up"}, None, SOURCE)

    assert (record.operation, record.kind) == (Operation.UNKNOWN, Kind.UNKNOWN)
    assert record.type == record.groups["hdr"]["type"] == word
    assert record.groups["hdr"]["kind"] == "unknown"


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
        {"operation": "change"},
        {"recorded_at": None},
        {"recorded_at": "2026-11-24T08:00:00"},
        {"recorded_at": "0001-01-01T00:00:00+14:00"},
        {"plan_id": "a plan"},
        {"plan_id": 7},
        {"plan_id": str(PLAN).upper()},
        {"plan_id": f"urn:uuid:{PLAN}"},
        {"entry_version": 0},
        {"entry_version": 2**53},
        {"entry_version": True},
        {"content_sha256": "short"},
        {"code": "content-invalid: /content/Wilma Tarn-Synth has cancer unknown-key"},
        {"code": "Content"},
        {"code": "c" * 65},
        {"actor": []},
        {"actor": {"kind": None}},
        {"on_behalf_of": {"proxy": {"entry_id": "nobody"}}},
        {"redactions": [{"deep": ["\x00"]}]},
        {"relationship": _nested(50)},
        {"extra": _nested(5000)},
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
    record = record_of_unreadable(
        "It is not JSON in UTF-8.", "unreadable-json", headers, b"\xff", SOURCE
    )

    assert record.record_id == "audit/careplan.goals.events.v1/3.17"
    assert (record.operation, record.kind) == ("unreadable", Kind.REFUSAL)
    assert record.code == "unreadable-json"
    assert record.groups["hdr"]["outcome_reason"] == "unreadable-json"
    assert record.groups["change"] == {"reason": "It is not JSON in UTF-8."}
    assert (record.plan_id, record.section, record.contribution_id) == (PLAN, "goals", None)
    assert record.trace_id == TRACE
    assert record.groups["ext"] == {"raw_sha256": hashlib.sha256(b"\xff").hexdigest()}
    assert record.recorded_at is None


def test_identity_when_a_change_says_something_else_under_its_id_then_it_is_no_repeat() -> None:
    first = record_of_event(EVENT, SOURCE, HEADERS)
    again = record_of_event(EVENT, SOURCE._replace(offset=99), {"traceparent": "another"})

    assert again.identity == first.identity
    for other in (
        replace(EVENT, content={"reason": "Another"}),
        replace(EVENT, plan_id=ENTRY),
        replace(EVENT, type="careplan.goals.agreed.v1"),
        replace(EVENT, contribution_id=PLAN),
        replace(EVENT, provenance={"recorded_by": {"kind": "person", "id": "somebody else"}}),
    ):
        record = record_of_event(other, SOURCE, HEADERS)
        assert record.record_id == first.record_id
        assert record.identity != first.identity


def test_identity_when_a_contribution_is_refused_once_more_then_it_is_a_repeat() -> None:
    first = record_of_message(REFUSAL, None, SOURCE)
    later = {"recorded_at": "2026-11-24T09:00:00Z", "authn": {"jti": "t-3"}, "trace_id": None}
    again = record_of_message({**REFUSAL, **later}, None, SOURCE)

    assert again.identity == first.identity
    for changed in ({"code": "not-permitted"}, {"actor": None}, {"content_sha256": "ee" * 32}):
        assert record_of_message({**REFUSAL, **changed}, None, SOURCE).identity != first.identity


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


def test_kafka_time_when_the_producer_gave_an_odd_one_then_none() -> None:
    assert kafka_time(1_795_507_200_250) == datetime(2026, 11, 24, 8, 0, 0, 250_000, tzinfo=UTC)
    for odd in (None, -1, 2**62, 2**63 - 1):
        assert kafka_time(odd) is None


def test_record_of_event_when_it_restricts_then_the_reason_of_that_is_the_reason() -> None:
    """Kind: a reason that stands within what is set, and not beside it."""
    content = {"visibility": {"labels": ["sensitive"], "reason": "Names a third party"}}
    provenance = {name: said for name, said in EVENT.provenance.items() if name != "reason"}
    event = replace(EVENT, content=content, fields=("visibility",), provenance=provenance)
    record = record_of_event(event, SOURCE)
    assert record.groups["change"]["reason"] == "Names a third party"


def test_every_record_when_it_is_about_a_section_then_it_is_among_its_sections() -> None:
    """Kind: one fact under two names, so that a question finds half of the records."""
    told = {"record_id": "x", "at": "2026-11-24T08:00:00Z", "operation": "refusal", "code": "x-y"}
    records = (
        record_of_event(EVENT, SOURCE),
        record_of_message({**told, "section": "goals"}, None, SOURCE),
        record_of_unreadable("Not JSON.", "unreadable-json", {}, b"", SOURCE),
    )
    assert [record.groups["object"]["sections"] for record in records] == [["goals"]] * 3
    assert not any("section" in record.groups["object"] for record in records)
