"""Events on the wire: what is published can be read, and nothing else is taken for an event."""

import tracemalloc
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.about_me.section import SECTION as ABOUT_ME
from services.goals.domain import Goal
from services.goals.section import SECTION
from shared.chassis.kafka.event_message import EventPublisher, Unreadable, event_of, header
from shared.chassis.store.mapper import EntryMapper
from shared.chassis.store.rows import StoredRow
from shared.ledger import Agent, CodedText, NeedRef, Organisation, Provenance
from shared.ledger.provenance import Kind
from shared.testing.events import History, record_of, told_of
from shared.testing.plain_fold import applied

RECORDED_AT = datetime(2026, 3, 1, 12, 30, 0, 250, tzinfo=UTC)
PUBLISHER = EventPublisher(SECTION)
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@dataclass
class Record:
    """The part of a Kafka record that is read."""

    key: bytes | None
    value: bytes | None
    headers: Any = ()
    topic: str = "careplan.goals.events.v1"


def goal(by: Kind = "person", **about: Any) -> Goal:
    person = Agent("person", "Edith Marlow-Synth", organisation=Organisation("ZZG01"))
    who = person if by == "person" else Agent(by, "Somebody")
    provenance = Provenance(uuid4(), uuid4(), uuid4(), who, person, **about)
    needs = (NeedRef("needs", uuid4()),)
    made = Goal.agree(provenance, aim=CodedText("To walk"), need_ids=needs, importance=None)
    made.weigh(provenance, importance=7)
    return made


def published(
    made: Goal,
    version: int = 1,
    *,
    traceparent: str | None = None,
    leaf: bytes | None = None,
    authn: bytes | None = None,
    policy_version: str | None = None,
    command: str | None = None,
    inputs_sha256: bytes | None = None,
    publisher: EventPublisher = PUBLISHER,
) -> Record:
    stored = EntryMapper().to_stored_event(made.pending_events[version - 1])
    row = StoredRow(
        40 + version,
        made.id,
        version,
        stored.topic,
        stored.state,
        RECORDED_AT,
        traceparent,
        leaf,
        authn,
        policy_version,
        command,
        inputs_sha256,
    )
    return Record(*publisher.message(row))


def changed(record: Record, **members: Any) -> Record:
    value = orjson.loads(record.value or b"")
    value.update(members)
    kept = {name: member for name, member in value.items() if member is not ...}
    return replace(record, value=orjson.dumps(kept))


@pytest.mark.parametrize(
    ("kept", "named"),
    [
        ([], "1.0"),
        (["1.0"], "1.0"),
        (["1.2", "1.10", "2.0"], "1.10"),
    ],
)
def test_an_event_names_the_newest_schema_of_its_major(
    kept: list[str], named: str, tmp_path: Path
) -> None:
    (tmp_path / "careplan.goals.agreed").mkdir()
    for version in kept:
        (tmp_path / "careplan.goals.agreed" / f"{version}.json").touch()
    record = published(goal(), publisher=EventPublisher(SECTION, tmp_path))
    assert header(record, "ce_dataschema") == f"urn:careplan:contract:careplan.goals.agreed:{named}"


def test_what_is_published_can_be_read() -> None:
    made = goal()
    event = event_of(published(made, traceparent=TRACEPARENT, leaf=b"\xab" * 32))
    assert (event.plan_id, event.section, event.entry_id) == (made.plan_id, "goals", made.id)
    assert (event.entry_type, event.entry_version, event.change) == ("goal", 1, "created")
    assert event.type == "careplan.goals.agreed.v1"
    assert (event.position, event.recorded_at) == (41, RECORDED_AT)
    assert (event.traceparent, event.leaf_hash) == (TRACEPARENT, "ab" * 32)
    assert event.fields == ("aim", "need_ids")
    assert applied(told_of(event), {})["aim"] == {"text": "To walk"}
    assert event.provenance["recorded_by"]["name"] == "Edith Marlow-Synth"
    second = event_of(published(made, 2))
    assert (second.fields, second.content, second.change) == (
        ("importance",),
        {"importance": 7},
        "amended",
    )
    assert (second.traceparent, second.leaf_hash) == (None, None)


def test_what_stands_in_the_envelope_is_not_told_twice() -> None:
    value = orjson.loads(published(goal()).value or b"")
    assert not {"plan_id", "entry_id", "contribution_id"} & set(value["provenance"])
    assert not {"timestamp", "originator_topic", "provenance"} & set(value["content"])


def test_stated_at_is_when_it_was_recorded_unless_it_was_said() -> None:
    at = "2026-03-01T12:30:00.000250Z"
    told = published(goal())
    assert orjson.loads(told.value or b"")["provenance"]["stated_at"] == at
    assert (header(told, "ce_time"), header(told, "ce_recordedtime")) == (at, at)
    said = published(goal(stated_at=datetime(2026, 2, 28, tzinfo=UTC)))
    assert header(said, "ce_time") == "2026-02-28T00:00:00Z"
    assert header(said, "ce_recordedtime") == at


def test_fields_left_out_are_the_members_of_the_content() -> None:
    event = event_of(changed(published(goal()), fields=...))
    assert event.fields == ("aim", "need_ids")


@pytest.mark.parametrize(
    "members",
    [
        {"plan_id": "no-id"},
        {"plan_id": 7},
        {"plan_id": ...},
        {"section": None},
        {"section": "a\x00b"},
        {"entry_id": None},
        {"entry_type": 1},
        {"entry_version": 0},
        {"entry_version": -1},
        {"entry_version": True},
        {"entry_version": 1.0},
        {"entry_version": 2**53},
        {"type": ["careplan.goals.agreed.v1"]},
        {"change": "changed"},
        {"change": []},
        {"contribution_id": "…"},
        {"recorded_at": "2026-03-01T12:30:00"},
        {"recorded_at": "0001-01-01T00:00:00+05:00"},
        {"recorded_at": "yesterday"},
        {"recorded_at": 1_772_368_200},
        {"content": []},
        {"content": ...},
        {"provenance": "me"},
        {"fields": "aim"},
        {"fields": {"aim": 1}},
        {"fields": ["aim", 1]},
        {"fields": ["a\x00"]},
        {"fields": ["a" * 501]},
        {"fields": ["a"] * 1_001},
        {"fields": ..., "content": {"a\x00": 1}},
        {"fields": ..., "content": {"a" * 501: 1}},
        {"content": {"why": "a\x00b"}},
        {"content": {"why": {"a": [{"b\x00": 1}]}}},
        {"provenance": {"recorded_by": {"name": "a\x00b"}}},
        {"section": "a" * 61},
        {"section": "Goals"},
        {"section": "goals\n"},
        {"entry_type": "g" * 61},
        {"entry_type": "Goal 1"},
        {"type": "careplan.goals." + "a" * 12_000 + ".v1"},
        {"type": "careplan.goals.agreed.v1\n"},
        {"type": "careplan.goals.agreed"},
        {"recorded_at": "0999-12-31T23:59:59Z"},
        {"recorded_at": "1000-01-01T00:00:00+00:01"},
        {"recorded_at": "9999-01-01T00:00:00Z"},
        {"recorded_at": "9998-12-31T23:59:59-00:01"},
        {"provenance": {"stated_at": "0001-01-01T00:00:00+14:00"}},
        {"provenance": {"stated_at": "9999-12-31T23:59:59-14:00"}},
        {"provenance": {"stated_at": "2026-03-01T12:30:00"}},
        {"provenance": {"stated_at": "yesterday"}},
        {"provenance": {"stated_at": 1_772_368_200}},
        {"provenance": {"recorded_by": "me"}},
        {"provenance": {"stated_by": ["me"]}},
    ],
    ids=str,
)
def test_anything_else_is_unreadable(members: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        event_of(changed(published(goal()), **members))


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"null",
        b"[]",
        b"{",
        b"\xff",
        b'{"plan_id": NaN}',
        b'{"plan_id": "\\ud800"}',
        b"[" * 5_000,
    ],
)
def test_a_value_that_is_no_json_object_is_unreadable(value: bytes | None) -> None:
    with pytest.raises(Unreadable):
        event_of(Record(b"key", value))


@pytest.mark.parametrize(
    "members",
    [
        {"section": "person"},
        {"section": "person", "type": "careplan.person.plan-ended.v1"},
        {"type": "careplan.person.plan-ended.v1"},
        {"type": "careplan.goal.agreed.v1"},
        {"type": "careplan.goals-too.agreed.v1"},
    ],
    ids=str,
)
def test_no_section_speaks_for_another(members: dict[str, Any]) -> None:
    """An event counts only on its section's topic: ``goals`` ends no plan."""
    record = changed(published(goal()), **members)
    for topic in ("careplan.goals.events.v1", "a-prefix.careplan.goals.events.v1"):
        with pytest.raises(Unreadable, match="section"):
            event_of(replace(record, topic=topic))
    event_of(replace(published(goal()), topic="a-prefix.careplan.goals.events.v1"))
    for topic in ("careplan.goals.commands.v1", "xcareplan.goals.events.v1", ""):
        with pytest.raises(Unreadable, match="section"):
            event_of(replace(published(goal()), topic=topic))


ANOTHER = "0199c0de-0000-7000-8000-0000000000a1"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("plan-opened", {"plan_state": "ended"}),
        ("plan-ended", {"plan_state": "x"}),
        ("plan-ended", {"plan_state": ["ended"]}),
        ("plan-ended", {"plan_state": "ended", "merged_into": ANOTHER}),
        ("plan-merged", {"plan_state": "open", "merged_into": ANOTHER}),
        ("plan-merged", {"plan_state": "merged"}),
        ("plan-merged", {"plan_state": "merged", "merged_into": None}),
        ("plan-merged", {"plan_state": "merged", "merged_into": "x" * 12_000}),
        ("plan-merged", {"plan_state": "merged", "merged_into": ANOTHER.upper()}),
        ("plan-merged", {"plan_state": "merged", "merged_into": 7}),
        ("plan-unmerged", {"plan_state": "open", "merged_into": ANOTHER}),
    ],
    ids=str,
)
def test_what_is_said_of_a_plan_fits_the_type_or_is_read_by_nobody(
    name: str, content: dict[str, Any]
) -> None:
    """Every consumer reads an event in one way: none applies the half of it that it likes."""
    history = History()
    history.opened()
    event = history.event("person", name, history.plan_id, content=content)
    with pytest.raises(Unreadable):
        event_of(record_of(event))


def test_what_is_rightly_said_of_a_plan_is_read() -> None:
    history = History()
    other = str(uuid4())
    for event in (
        history.opened(),
        history.event("person", "plan-ended", history.plan_id, content={"plan_state": "ended"}),
        history.event(
            *("person", "plan-merged", history.plan_id),
            content={"plan_state": "merged", "merged_into": other},
        ),
        history.event(
            *("person", "plan-unmerged", history.plan_id),
            content={"plan_state": "open", "merged_into": None},
        ),
    ):
        assert event_of(record_of(event)).content == event.content


def test_a_trace_that_is_none_is_left_out() -> None:
    for trace in ("a\x00b", "x" * 12_000, TRACEPARENT.upper()):
        record = published(goal(), traceparent=TRACEPARENT)
        others = [pair for pair in record.headers if pair[0] != "traceparent"]
        told = replace(record, headers=[*others, ("traceparent", trace.encode())])
        assert event_of(told).traceparent is None


@pytest.mark.parametrize(
    "value",
    [
        b'{"content": ' + b"[" * 101 + b"]" * 101 + b"}",
        b'{"content": [' + b"1," * 200_000 + b"1]}",
        b'{"content": [' + b"{}," * 200_000 + b"{}]}",
        b'{"content": "' + b"a" * (4 * 1024 * 1024) + b'"}',
    ],
    ids=["deep", "broad", "objects", "long"],
)
def test_what_holds_too_much_is_refused_before_anything_is_made_of_it(value: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(Unreadable):
            event_of(Record(b"key", value))
        assert tracemalloc.get_traced_memory()[1] < 3 * len(value) + 1_000_000
    finally:
        tracemalloc.stop()


def test_a_text_may_speak_of_a_nul_and_hold_many_commas() -> None:
    told = {"why": "\\u0000" + "a,[{" * 100_000}
    assert event_of(changed(published(goal()), content=told, fields=["why"])).content == told


@given(st.binary())
def test_no_bytes_do_anything_worse(value: bytes) -> None:
    with pytest.raises(Unreadable):
        event_of(Record(b"key", value))


def test_a_key_of_another_plan_is_unreadable() -> None:
    record = published(goal())
    for key in (None, b"", str(uuid4()).encode(), (record.key or b"").upper()):
        with pytest.raises(Unreadable, match="key"):
            event_of(replace(record, key=key))


def test_the_reason_never_quotes_the_content() -> None:
    with pytest.raises(Unreadable) as caught:
        event_of(changed(published(goal()), plan_id="Edith Marlow-Synth"))
    assert "Edith" not in caught.value.reason


@pytest.mark.parametrize(
    ("given_", "read"),
    [
        (b"41", 41),
        (b"0", 0),
        (b"", None),
        (b"-1", None),
        (b"4.1", None),
        ("٤".encode(), None),
        (b"9" * 19, None),
        (b"9" * 5_000, None),
        (b"\xff", None),
        (None, None),
    ],
)
def test_a_position_that_is_no_number_is_none(given_: bytes | None, read: int | None) -> None:
    record = published(goal())
    others = [(name, value) for name, value in record.headers if name != "ce_position"]
    told = replace(record, headers=[*others, ("ce_position", given_)])
    assert event_of(told).position == read
    assert event_of(replace(record, headers=others)).position is None


def test_of_two_headers_with_one_name_the_last_counts() -> None:
    record = Record(None, None, [("a", b"1"), ("b", None), ("a", b"2"), ("c", b"\xff")])
    assert [header(record, name) for name in "abcd"] == ["2", None, None, None]


def test_positions_and_ids_are_in_the_headers_of_every_event() -> None:
    made = goal()
    record = published(made, 2)
    assert record.key == str(made.plan_id).encode()
    assert header(record, "ce_id") == f"{made.id}.2"
    assert header(record, "ce_position") == "42"
    assert header(record, "ce_partitionkey") == str(made.plan_id)
    cause = header(record, "ce_causationid")
    assert cause is not None
    assert UUID(cause) == event_of(record).contribution_id
    assert all(isinstance(value, bytes) for _, value in record.headers)


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("professional", "user"),
        ("person", "app_user"),
        ("related-person", "app_user"),
        ("system", "service_account"),
    ],
)
def test_how_it_was_authenticated_and_allowed_stands_in_headers_and_nowhere_else(
    kind: Kind, told: str
) -> None:
    record = published(
        goal(kind),
        authn=b'{"jti":"a-token"}',
        policy_version="of-these-rules",
        command="careplan.goals.agree.v1",
        inputs_sha256=b"\xab" * 32,
    )
    assert header(record, "ce_authtype") == told
    assert header(record, "ce_authclaims") == '{"jti":"a-token"}'
    assert header(record, "ce_policyversion") == "of-these-rules"
    assert header(record, "ce_policyinputs") == "ab" * 32
    assert header(record, "ce_command") == "careplan.goals.agree.v1"
    assert b"a-token" not in (record.value or b"")
    unsaid = published(goal(kind))
    assert header(unsaid, "ce_authtype") == told
    assert header(unsaid, "ce_authclaims") is None
    assert header(unsaid, "ce_policyversion") is None
    assert header(unsaid, "ce_policyinputs") is None
    assert header(unsaid, "ce_command") is None


def test_each_key_of_a_map_is_a_field_of_its_own() -> None:
    told = {
        "timestamp": "2026-03-01T12:30:00Z",
        "provenance": {
            "plan_id": str(uuid4()),
            "contribution_id": str(uuid4()),
            "recorded_by": {"kind": "person"},
        },
        "responses": {"important_to_me": {"text": "Tea"}, "how_to_support_me": None},
    }
    row = StoredRow(
        *(1, uuid4(), 2, "careplan.about-me.reworded.v1", orjson.dumps(told)),
        *(RECORDED_AT, None, None),
    )
    event = event_of(Record(*EventPublisher(ABOUT_ME).message(row), "careplan.about-me.events.v1"))
    assert event.fields == ("responses.important_to_me", "responses.how_to_support_me")
    assert event.content == {"responses": told["responses"]}
