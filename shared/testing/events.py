"""Recorded events for tests: as a section makes them, and as they stand on Kafka."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import orjson
from aiokafka.structs import ConsumerRecord

from shared.ledger import RecordedEvent, instant, kebab

BEGAN = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
GP: Mapping[str, Any] = {
    "kind": "professional",
    "name": "Dr A. Quill-Synth",
    "role": "gp",
    "organisation": {"ods": "ZZG01", "name": "Northmoor Surgery"},
    "identifier": {"kind": "sub", "value": "synth-quill"},
}
"""Who records everything that a test says nothing else about."""


@dataclass
class History:
    """Makes the events of one plan: versions of entries and positions of sections follow on."""

    plan_id: UUID = field(default_factory=uuid4)
    versions: Counter[tuple[str, UUID]] = field(default_factory=Counter)
    positions: Counter[str] = field(default_factory=Counter)
    made: int = 0

    def opened(self) -> RecordedEvent:
        """The plan's first event, which every plan has."""
        content = {"name": {"text": "Edith Marlow-Synth"}}
        return self.event("person", "plan-opened", self.plan_id, "created", content)

    def event(
        self,
        section: str,
        name: str,
        entry_id: UUID,
        change: str = "amended",
        content: Mapping[str, Any] | None = None,
        *,
        entry_type: str = "",
        fields: Sequence[str] | None = None,
        contribution_id: UUID | None = None,
        recorded_by: Mapping[str, Any] = GP,
        stated_by: Mapping[str, Any] | None = None,
        traceparent: str | None = None,
    ) -> RecordedEvent:
        """The next event of an entry of this plan."""
        section = kebab(section)
        self.versions[section, entry_id] += 1
        self.positions[section] += 1
        self.made += 1
        at = BEGAN + timedelta(seconds=self.made, microseconds=self.made)
        given = dict(content or {})
        provenance: dict[str, Any] = {
            "recorded_by": dict(recorded_by),
            "stated_by": dict(stated_by or recorded_by),
            "stated_at": instant(at - timedelta(hours=1)),
        }
        return RecordedEvent(
            plan_id=self.plan_id,
            section=section,
            entry_id=entry_id,
            entry_type=entry_type or section.removesuffix("s"),
            entry_version=self.versions[section, entry_id],
            type=f"careplan.{section}.{name}.v1",
            change=change,
            contribution_id=contribution_id or uuid4(),
            recorded_at=at,
            content=given,
            provenance=provenance,
            fields=tuple(name for name in given if name != "reason")
            if fields is None
            else tuple(fields),
            position=self.positions[section],
            traceparent=traceparent,
        )


def told_of(event: RecordedEvent) -> dict[str, Any]:
    """The value of its message, as its readers have it."""
    told: dict[str, Any] = orjson.loads(value_of(event))
    return told


def value_of(event: RecordedEvent) -> bytes:
    """The value of its message."""
    return orjson.dumps(
        {
            "plan_id": event.plan_id,
            "section": event.section,
            "entry_id": event.entry_id,
            "entry_type": event.entry_type,
            "entry_version": event.entry_version,
            "type": event.type,
            "change": event.change,
            "contribution_id": event.contribution_id,
            "recorded_at": instant(event.recorded_at),
            "content": event.content,
            "fields": event.fields,
            "provenance": event.provenance,
        },
        default=str,  # the ids of an event that was read are those of the driver
    )


def headers_of(event: RecordedEvent) -> list[tuple[str, bytes]]:
    """The headers of its message that a reader looks at."""
    headers = [
        ("content-type", b"application/json"),
        ("ce_specversion", b"1.0"),
        ("ce_id", f"{event.entry_id}.{event.entry_version}".encode()),
        ("ce_source", f"urn:careplan:section:{event.section}".encode()),
        ("ce_type", event.type.encode()),
        ("ce_dataschema", f"urn:careplan:contract:{event.type.rpartition('.v')[0]}:1.0".encode()),
        ("ce_partitionkey", str(event.plan_id).encode()),
    ]
    if event.position is not None:
        headers.append(("ce_position", str(event.position).encode()))
    if event.leaf_hash is not None:
        headers.append(("ce_leafhash", event.leaf_hash.encode()))
    if event.traceparent is not None:
        headers.append(("traceparent", event.traceparent.encode()))
    return headers


def record_of(event: RecordedEvent, *, prefix: str = "", offset: int = 0) -> ConsumerRecord:
    """Its message as a consumer is handed it."""
    value = value_of(event)
    return ConsumerRecord(
        topic=f"{prefix}careplan.{event.section}.events.v1",
        partition=0,
        offset=offset,
        timestamp=0,
        timestamp_type=0,
        key=str(event.plan_id).encode(),
        value=value,
        checksum=None,
        serialized_key_size=0,
        serialized_value_size=len(value),
        headers=tuple(headers_of(event)),
    )
