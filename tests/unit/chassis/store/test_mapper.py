"""Events as stored bytes: flat JSON out, typed values back, old versions upcast on the way."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from eventsourcing.domain import event
from eventsourcing.persistence import NotSupportedError, StoredEvent

from shared.chassis.store.mapper import EntryMapper, OrjsonTranscoder, fields_of
from shared.ledger import (
    KEEP,
    Agent,
    Amendment,
    ChangeReason,
    Code,
    CodedText,
    Creation,
    Entry,
    EntryRef,
    Keep,
    Organisation,
    Period,
    Provenance,
    Section,
    Status,
    When,
    changes,
    creates,
)

LEVELS = Mapping[str, int | None]


class Sample(Entry):
    """An entry with a field of every kind."""

    class Noted(Creation):
        what: tuple[CodedText, ...]
        refs: tuple[EntryRef, ...] = ()
        when: When | None = None
        since: datetime | None = None
        status: Status[str] | None = None
        levels: LEVELS | None = None
        is_urgent: bool = False
        remark: str | None = None

    class Changed(Amendment):
        what: tuple[CodedText, ...] | Keep = KEEP
        when: When | Keep | None = KEEP
        levels: LEVELS | Keep = KEEP
        remark: str | Keep | None = KEEP
        reason: ChangeReason | None = None

    class Graded(Amendment):
        """Version 1 held the number as text, version 2 had another name for it."""

        class_version = 3
        grade: int

        @staticmethod
        def upcast_v1_v2(state: dict[str, Any]) -> None:
            state["mark"] = int(state["mark"])

        @staticmethod
        def upcast_v2_v3(state: dict[str, Any]) -> None:
            state["grade"] = state.pop("mark")

    @event(Noted)
    def __init__(self) -> None:
        pass

    @creates(Noted, "Note")
    @staticmethod
    def note(said: Noted) -> None:
        """Make one."""

    @changes(Changed, "Change")
    def change(self, said: Changed) -> None:
        """Change it."""

    @changes(Graded, "Grade")
    def grade(self, said: Graded) -> None:
        """Grade it."""


SECTION = Section("stored_samples", "Stored samples", (Sample,))
MAPPER = EntryMapper()


def provenance() -> Provenance:
    person = Agent("person", "Edith Marlow-Synth", organisation=Organisation("ZZG01"))
    return Provenance(uuid4(), uuid4(), uuid4(), person, person, stated_at=datetime.now(UTC))


def noted(**given: Any) -> Sample:
    return Sample.note(provenance(), what=(CodedText("Sleeps badly"),), **given)


def state_of(entry: Sample, index: int = -1) -> dict[str, Any]:
    state: dict[str, Any] = orjson.loads(MAPPER.to_stored_event(entry.pending_events[index]).state)
    return state


def test_a_stored_event_is_flat_json_under_its_stable_name() -> None:
    entry = noted(is_urgent=True)
    stored = MAPPER.to_stored_event(entry.pending_events[0])
    assert (stored.originator_id, stored.originator_version) == (entry.id, 1)
    assert stored.topic == "careplan.stored-samples.sample-noted.v1"
    state = state_of(entry)
    assert set(state) == {"timestamp", "originator_topic", "provenance", "what", "is_urgent"}
    assert state["originator_topic"] == "careplan.stored-samples.entries.sample"
    assert state["what"] == [{"text": "Sleeps badly"}]
    assert state["provenance"]["recorded_by"]["organisation"] == {"ods": "ZZG01"}
    assert state["timestamp"].endswith("Z")


def test_what_is_kept_is_no_part_of_a_change_and_what_is_removed_is() -> None:
    entry = noted(remark="late")
    entry.change(provenance(), when=None)
    state = state_of(entry)
    assert state["when"] is None
    assert not {"what", "remark", "levels"} & set(state)


def test_typed_values_come_back() -> None:
    entry = noted(
        refs=(EntryRef("needs", uuid4()),),
        when=When(period=Period("2025-05", "2026-02")),
        since=datetime(2025, 5, 1, 9, tzinfo=timezone(timedelta(hours=1))),
        status=Status("open", code=Code("http://example.org", "1")),
        levels={"a": 1, "b": None},
    )
    entry.change(provenance(), levels={"a": None}, reason="told")
    for decided in entry.pending_events:
        back = MAPPER.to_domain_event(MAPPER.to_stored_event(decided))
        assert back == decided
        assert type(back) is type(decided)
        assert back.timestamp == decided.timestamp
    first, second = (
        MAPPER.to_domain_event(MAPPER.to_stored_event(each)) for each in entry.pending_events
    )
    assert first.since == datetime(2025, 5, 1, 8, tzinfo=UTC)
    assert first.levels == {"a": 1, "b": None}, "a map keeps what is null"
    assert (second.what, second.remark) == (KEEP, KEEP)
    replayed = second.mutate(first.mutate(None))
    assert (replayed.id, replayed.version, replayed.plan_id, replayed.origin) == (
        entry.id,
        2,
        entry.plan_id,
        entry.origin,
    )


def stored(entry_id: UUID, name: str, **state: Any) -> StoredEvent:
    first = MAPPER.to_stored_event(noted().pending_events[0])
    held = {**orjson.loads(first.state), **state}
    topic = SECTION.event_type(Sample, getattr(Sample, name))
    return StoredEvent(entry_id, 2, topic, orjson.dumps(held))


@pytest.mark.parametrize(
    ("state", "grade"),
    [
        ({"mark": "7"}, 7),
        ({"mark": 7, "class_version": 2}, 7),
        ({"grade": 7, "class_version": 3}, 7),
    ],
)
def test_old_versions_are_upcast_on_the_way_out(state: dict[str, Any], grade: int) -> None:
    found = MAPPER.to_domain_event(stored(uuid4(), "Graded", **state))
    assert found.grade == grade
    assert not hasattr(found, "mark")
    assert found.class_version == 3


def test_a_new_event_names_its_version_and_needs_no_upcast() -> None:
    entry = noted()
    entry.grade(provenance(), grade=3)
    assert state_of(entry)["class_version"] == 3
    assert MAPPER.to_domain_event(MAPPER.to_stored_event(entry.pending_events[-1])).grade == 3


def test_a_field_that_came_later_has_its_default() -> None:
    found = MAPPER.to_domain_event(stored(uuid4(), "Noted"))
    assert (found.refs, found.when, found.is_urgent) == ((), None, False)
    found = MAPPER.to_domain_event(stored(uuid4(), "Changed"))
    assert found.remark is KEEP


def test_what_an_older_program_does_not_know_is_no_obstacle() -> None:
    found = MAPPER.to_domain_event(stored(uuid4(), "Noted", later={"a": 1}))
    assert found.what == (CodedText("Sleeps badly"),)


def test_text_that_is_not_unicode_is_never_stored() -> None:
    with pytest.raises(TypeError):
        OrjsonTranscoder().encode({"text": "\ud800"})
    with pytest.raises(ValueError, match="UTF-8"):
        OrjsonTranscoder().decode(b'{"text": "\xff"}')


def test_leaves_of_a_map_are_fields_of_their_own() -> None:
    changed = Sample.Changed
    content = {"what": [{"text": "x"}], "levels": {"a": 1, "b": None}, "reason": "told"}
    assert fields_of(changed, content, 2) == ["what", "levels.a", "levels.b"]
    assert fields_of(changed, {"levels": None}, 2) == ["levels"]
    assert fields_of(changed, {}, 2) == []
    topic = SECTION.event_type(Sample, Sample.Changed)
    state = orjson.dumps({"timestamp": "…", "provenance": {}, "class_version": 2, **content})
    assert MAPPER.fields(topic, state, 2) == ["what", "levels.a", "levels.b"]


def test_the_library_s_factories_can_make_one_but_not_with_a_cipher() -> None:
    EntryMapper(transcoder=OrjsonTranscoder(), compressor=None, cipher=None)
    with pytest.raises(NotSupportedError):
        EntryMapper(compressor=SimpleNamespace())
    with pytest.raises(NotSupportedError):
        EntryMapper(cipher=SimpleNamespace())
