"""Every history ever published still loads: rules may become stricter, history stays."""

import json
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest
from eventsourcing.domain import CanInitAggregate
from eventsourcing.persistence import StoredEvent
from eventsourcing.utils import resolve_topic
from jsonschema import Draft202012Validator

from shared.chassis.store.mapper import EntryMapper, content_of
from shared.contracts import discover
from shared.contracts.generate import CONTRACTS, versions_in
from shared.contracts.schemas import EVENT, name_and_major
from shared.ledger import Entry

HISTORIES = sorted((CONTRACTS / "histories").glob("*.json"))


def named(path: Path) -> str:
    return path.stem


def test_every_section_has_a_history() -> None:
    assert {path.stem for path in HISTORIES} >= {s.wire_name for s in discover.sections()}


@pytest.mark.parametrize("path", HISTORIES, ids=named)
def test_every_event_has_the_shape_of_its_envelope_and_content(path: Path) -> None:
    envelope = newest(EVENT)
    for event in json.loads(path.read_text("utf-8")):
        envelope.validate(event)
        newest(event["type"]).validate(event["content"])


@pytest.mark.parametrize("path", HISTORIES, ids=named)
def test_every_history_replays_to_an_entry_of_the_last_version(path: Path) -> None:
    by_entry: dict[str, list[Any]] = defaultdict(list)
    for event in json.loads(path.read_text("utf-8")):
        by_entry[event["entry_id"]].append(event)
    mapper = EntryMapper()
    for entry_id, events in by_entry.items():
        entry: Any = None
        for event in events:
            loaded = mapper.to_domain_event(stored(event))
            assert content_of(loaded) == event["content"]
            entry = loaded.mutate(entry)
        assert isinstance(entry, Entry)
        assert entry.id == UUID(entry_id)
        assert entry.version == events[-1]["entry_version"] == len(events)
        assert str(entry.plan_id) == events[0]["plan_id"]


def stored(event: Any) -> StoredEvent:
    ids = {name: event[name] for name in ("plan_id", "entry_id", "contribution_id")}
    state = {
        **event["content"],
        "provenance": {**event["provenance"], **ids},
        "timestamp": event["recorded_at"],
    }
    if issubclass(resolve_topic(event["type"]), CanInitAggregate):
        state["originator_topic"] = f"careplan.{event['section']}.entries.{event['entry_type']}"
    return StoredEvent(
        UUID(event["entry_id"]), event["entry_version"], event["type"], orjson.dumps(state)
    )


@cache
def newest(type_: str) -> Draft202012Validator:
    """Of the major that the type names, by number: 1.10 comes after 1.9."""
    name, of = name_and_major(type_)
    minor = max(minor for major, minor in versions_in(CONTRACTS / name) if major == of)
    path = CONTRACTS / name / f"{of}.{minor}.json"
    return Draft202012Validator(json.loads(path.read_text("utf-8")))
