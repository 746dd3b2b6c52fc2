"""A record of an event topic as an event that the plan can fold and store, or ``Unreadable``."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from services.plan.fold.domain import PlanEvent
from services.plan.store.answered import SECTION
from services.plan.store.values import Json, json_of
from shared.chassis.kafka.dead_letters import Record
from shared.chassis.kafka.event_message import ConsumedRecord, event_of
from shared.ledger import PERSON, RELATED_PERSON, RecordedEvent, id_in, in_zone
from shared.ledger.topics import events_topic

_LONGEST_NAME: Final = 200  # of another system
_LEAF_HASH: Final = re.compile(r"[0-9a-f]{64}")
_SCHEMA: Final = re.compile(rb"[!-~]{1,200}")

_BY: Final = ("kind", "name", "role", "organisation")
_STATED_BY: Final = (*_BY, "relationship")
_OF_A_PROFESSIONAL: Final = ("team", "contact", "grade", "speciality")
_TOKENS_OWN: Final = "sub"
_ORGANISATION: Final = ("ods", "local_id", "name")


@dataclass(frozen=True, slots=True)
class Read:
    """An event that could be read, with the record it was read from and the id of its topic."""

    event: PlanEvent
    record: Record
    topic_id: UUID | None = None


def read_event(record: Record, topic_id: UUID | None = None) -> Read:
    """The event of a record; raises ``Unreadable``."""
    return Read(_plan_event(event_of(record), record), record, topic_id)


@dataclass(slots=True)
class _Stored:
    """The record that an event of the ledger was read from, as far as a fold looks."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Any


def stored_event(row: Mapping[str, Any], topic_prefix: str = "") -> PlanEvent:
    """The event of a row of the ledger; raises ``Unreadable``.

    The row has ``plan_id``, ``section``, ``position`` and ``event``.
    """
    position = row["position"]
    record = _Stored(
        topic_prefix + events_topic(row["section"]),
        str(row["plan_id"]).encode(),
        row["event"],
        () if position is None else (("ce_position", b"%d" % position),),
    )
    return _plan_event(event_of(record), record)


def stated_at_of(event: RecordedEvent) -> datetime:
    """When it was said; left out, when it was recorded."""
    given = event.provenance.get("stated_at")
    return event.recorded_at if given is None else in_zone(datetime.fromisoformat(given), UTC)


def _plan_event(event: RecordedEvent, record: ConsumedRecord) -> PlanEvent:
    provenance = event.provenance
    recorded_by = provenance.get("recorded_by")
    leaf_hash = event.leaf_hash
    schema = dict(record.headers).get("ce_dataschema")
    return PlanEvent(
        plan_id=event.plan_id,
        section=event.section,
        entry_id=event.entry_id,
        entry_type=event.entry_type,
        entry_version=event.entry_version,
        type=event.type,
        change=event.change,
        contribution_id=event.contribution_id,
        recorded_at=event.recorded_at,
        stated_at=stated_at_of(event),
        fields=event.fields,
        content={name: json_of(held) for name, held in event.content.items()},
        by=json_of(_shown(recorded_by, _BY)),
        stated_by=json_of(_shown(provenance.get("stated_by") or recorded_by, _STATED_BY)),
        reason=_reason_of(event),
        source=_source_of(provenance),
        position=event.position,
        # Headers are whatever somebody wrote: only what has the form of such a thing is stored.
        traceparent=event.traceparent,
        leaf_hash=bytes.fromhex(leaf_hash)
        if leaf_hash and _LEAF_HASH.fullmatch(leaf_hash)
        else None,
        schema=schema.decode() if schema and _SCHEMA.fullmatch(schema) else None,
        origin=_origin_of(provenance),
        answers=_answered_by(provenance),
        value=record.value or b"",
    )


def _shown(agent: Any, members: tuple[str, ...]) -> dict[str, Any]:
    """Somebody as every list shows them: without the identifiers of anybody."""
    if not isinstance(agent, dict):
        return {}
    shown = {name: held for name in members if (held := agent.get(name)) is not None}
    organisation = shown.get("organisation")
    if isinstance(organisation, dict):
        shown["organisation"] = {
            name: held for name in _ORGANISATION if (held := organisation.get(name)) is not None
        }
    return shown


def professional_shown(agent: Any) -> dict[str, Any]:
    """Somebody with what tells a professional, their number among it; never what their token is."""
    shown = _shown(agent, (*_STATED_BY, *_OF_A_PROFESSIONAL))
    number = agent.get("identifier") if shown else None
    is_shown = isinstance(number, dict) and number.get("kind") != _TOKENS_OWN
    return {**shown, "identifier": number} if is_shown else shown


def _reason_of(event: RecordedEvent) -> Json | None:
    """Why it was done, where anybody said so: in the content, or of the whole contribution."""
    reason = event.content.get("reason") or event.provenance.get("reason")
    return None if reason is None else json_of(reason)


def _origin_of(provenance: Mapping[str, Any]) -> str | None:
    """The organisation that recorded it, or the person's side, where they recorded it."""
    by = provenance.get("recorded_by")
    by = by if isinstance(by, dict) else {}
    kind = by.get("kind")
    if kind == PERSON or (kind == RELATED_PERSON and provenance.get("on_behalf_of")):
        return PERSON
    organisation = by.get("organisation")
    organisation = organisation if isinstance(organisation, dict) else {}
    code = organisation.get("ods") or organisation.get("local_id")
    return code if isinstance(code, str) else None


def _answered_by(provenance: Mapping[str, Any]) -> UUID | None:
    """The comment that the change answers."""
    ref = provenance.get("answers")
    if not isinstance(ref, dict) or ref.get("section") != SECTION:
        return None
    named = ref.get("entry_id")
    return id_in(named) if isinstance(named, str) else None


def _source_of(provenance: Mapping[str, Any]) -> tuple[str, Json] | None:
    """The system that the contribution came from, and what it calls the entry."""
    system, ref = provenance.get("system"), provenance.get("source_ref")
    if not isinstance(system, dict) or not isinstance(ref, dict):
        return None
    name = system.get("name")
    if not isinstance(name, str) or len(name) > _LONGEST_NAME:
        return None
    told = {"system": name, "id": ref.get("id"), "version": ref.get("version")}
    return name, json_of({member: held for member, held in told.items() if held is not None})
