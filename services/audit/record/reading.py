"""Audit records of what arrives: an event, a service's message, or what could not be read."""

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from services.audit.record.checks import (
    Unfit,
    code_in,
    free_in,
    in_utc,
    instant_in,
    members_in,
    object_in,
    sha256_in,
    short_text_in,
    text_in,
    trace_id_in,
    uuid_in,
    uuid_or_none,
    version_in,
)
from services.audit.record.groups import (
    AUTHN,
    CHANGE,
    OBJECT,
    VIEW,
    WHY,
    actor_group,
    agent_in,
    authn_of_headers,
    entry_in_list,
    source_group,
    speaker,
    supporter,
    voice_of,
    where_group,
)
from services.audit.record.model import (
    AuditRecord,
    Operation,
    Source,
    header_group,
    type_of,
    without_nulls,
)
from shared.ledger import RecordedEvent
from shared.ledger.names import trace_of
from shared.ledger.topics import named_topic

HEADERS: Final = (
    "traceparent",
    "ce_position",
    "ce_authtype",
    "ce_authclaims",
    "ce_policyversion",
    "ce_policyinputs",
    "ce_command",
    "ce_signature",
)
"""The headers of an event that tell the audit more than the event does."""

LONGEST_ROLE: Final = 100
"""How many characters a role may have that records are found by."""

_WORD: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_LARGEST_POSITION: Final = 2**63 - 1  # one more is the open end of a range
_LONGEST_NUMBER: Final = 20

_ELSEWHERE: Final = (
    "record_id",
    "at",
    "recorded_at",
    "operation",
    "type",
    "actor",
    "authn",
    "on_behalf_of",
    "purpose",
    "policy_version",
    "plan_id",
    "section",
    "entry_id",
    "entry_version",
    "event_type",
    "change",
    "command",
    "code",
    "contribution_id",
    "content_sha256",
    "stated_by",
    "supported_by",
    "system",
    "trace_id",
)
_published = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode
_KNOWN: Final = frozenset((*_ELSEWHERE, *WHY, *OBJECT, *VIEW, *CHANGE))


def record_of_event(
    event: RecordedEvent, source: Source, headers: Mapping[str, str] | None = None
) -> AuditRecord:
    """The record of a change; raises ``Unfit``. A section never heard of is like any other."""
    told, given = event.provenance, headers or {}
    recorded_by = object_in(told.get("recorded_by"), "provenance.recorded_by")
    if recorded_by is None:
        raise Unfit("provenance.recorded_by is missing")
    leaf_hash = sha256_in(event.leaf_hash, "ce_leafhash")
    actor = agent_in(recorded_by, "provenance.recorded_by")
    section = short_text_in(event.section, "section") or ""
    record_id = change_id(section, event.entry_id, event.entry_version)
    type_ = short_text_in(event.type, "type") or ""
    reason = told.get("reason") or event.content.get("reason") or _of_restriction(event.content)
    digest = hash_of_content(event.content)
    policy_version = text_in(given.get("ce_policyversion"), "ce_policyversion")
    inputs = sha256_in(given.get("ce_policyinputs"), "ce_policyinputs")
    trace_id = trace_of(given.get("traceparent") or event.traceparent)
    said = told.get("stated_by")
    author = speaker(said, "provenance.stated_by", actor if said == recorded_by else None)
    groups = {
        "hdr": header_group(
            record_id,
            Operation.CHANGE,
            type_,
            change=event.change,
            contribution_id=event.contribution_id,
        ),
        "subject": {"plan_id": str(event.plan_id)},
        "actor": actor_group(actor, told.get("on_behalf_of")),
        "authn": authn_of_headers(given),
        "why": without_nulls(
            policy_version=policy_version,
            decision=None if inputs is None else "permit",
            inputs_sha256=inputs,
        ),
        "object": {
            "sections": [section],
            "entries": [entry_in_list(section, event.entry_id, event.entry_version)],
        },
        "change": without_nulls(
            op=text_in(given.get("ce_command"), "ce_command"),
            fields=[text_in(path, "fields") for path in event.fields],
            reason=text_in(reason, "reason") if isinstance(reason, str) else None,
            after_hash=digest,
            author=author,
            voice=voice_of(told),
            supported_by=supporter(told.get("supported_by")),
        ),
        "where": where_group(told.get("system"), told.get("location"), told.get("source_ref")),
        "source": source_group(source, trace_id, leaf_hash),
    }
    return AuditRecord(
        record_id=record_id,
        operation=Operation.CHANGE,
        source=source,
        groups={name: group for name, group in groups.items() if group},
        type=type_,
        recorded_at=in_utc(event.recorded_at),
        stated_at=instant_in(told.get("stated_at"), "provenance.stated_at"),
        plan_id=event.plan_id,
        section=section,
        entry_id=event.entry_id,
        entry_version=event.entry_version,
        contribution_id=event.contribution_id,
        change=event.change,
        actor_kind=actor.kind,
        actor_id=actor.id,
        organisation=actor.organisation,
        policy_version=policy_version,
        trace_id=trace_id,
        entry_before=None
        if event.entry_version == 1
        else change_id(section, event.entry_id, event.entry_version - 1),
    )


def record_of_message(
    told: Mapping[str, Any], traceparent: str | None, source: Source
) -> AuditRecord:
    """The record that a service wrote about what it saw; raises ``Unfit``.

    Unknown members are kept in the bag. An unknown operation is kept as ``unknown``, with its own
    word as the type.
    """
    record_id = short_text_in(told.get("record_id"), "record_id")
    word = short_text_in(told.get("operation"), "operation")
    if not record_id or not word:
        raise Unfit("record_id or operation is missing")
    if word == Operation.CHANGE:
        raise Unfit("a change is recorded only from its event")
    operation = _operation(word)
    given = told.get("at") if told.get("at") is not None else told.get("recorded_at")
    recorded_at = instant_in(given, "at")
    if recorded_at is None:
        raise Unfit("the time (at) is missing")
    told_actor = object_in(told.get("actor"), "actor")
    actor = None if told_actor is None else agent_in(told_actor, "actor")
    plan_id = uuid_in(told.get("plan_id"), "plan_id")
    section = short_text_in(told.get("section"), "section")
    entry_id = uuid_in(told.get("entry_id"), "entry_id")
    entry_version = version_in(told.get("entry_version"), "entry_version")
    contribution_id = uuid_in(told.get("contribution_id"), "contribution_id")
    code = code_in(told.get("code"), "code")
    type_ = word if operation is Operation.UNKNOWN else short_text_in(told.get("type"), "type")
    type_ = type_ or type_of(operation)
    purpose = short_text_in(told.get("purpose"), "purpose")
    policy_version = short_text_in(told.get("policy_version"), "policy_version")
    content_hash = sha256_in(told.get("content_sha256"), "content_sha256")
    trace_id = trace_id_in(told.get("trace_id"), "trace_id") or trace_of(traceparent)
    bag = {name: item for name, item in told.items() if name not in _KNOWN}
    groups = {
        "hdr": header_group(
            record_id, operation, type_, contribution_id=contribution_id, code=code
        ),
        "subject": without_nulls(plan_id=None if plan_id is None else str(plan_id)),
        "actor": actor_group(actor, told.get("on_behalf_of")),
        "authn": members_in(object_in(told.get("authn"), "authn") or {}, AUTHN),
        "why": {
            **without_nulls(purpose=purpose, policy_version=policy_version),
            **members_in(told, WHY),
        },
        "object": {
            **without_nulls(
                sections=None if section is None else [section],
                entries=None
                if entry_id is None
                else [entry_in_list(section, entry_id, entry_version)],
            ),
            **members_in(told, OBJECT),
        },
        "view": members_in(told, VIEW),
        "change": {
            **without_nulls(
                op=text_in(told.get("command"), "command"),
                event_type=text_in(told.get("event_type"), "event_type"),
                change=text_in(told.get("change"), "change"),
                content_sha256=content_hash,
                author=speaker(told.get("stated_by"), "stated_by"),
                supported_by=supporter(told.get("supported_by")),
            ),
            **members_in(told, CHANGE),
        },
        "where": where_group(told.get("system"), None),
        "source": source_group(source, trace_id),
        "ext": _bag(bag),
    }
    return AuditRecord(
        record_id=record_id,
        operation=operation,
        source=source,
        groups={name: group for name, group in groups.items() if group},
        type=type_,
        recorded_at=recorded_at,
        plan_id=plan_id,
        section=section,
        entry_id=entry_id,
        entry_version=entry_version,
        contribution_id=contribution_id,
        code=code,
        actor_kind=None if actor is None else actor.kind,
        actor_id=None if actor is None else actor.id,
        organisation=None if actor is None else actor.organisation,
        purpose=purpose,
        policy_version=policy_version,
        trace_id=trace_id,
    )


def record_of_unreadable(
    reason: str, code: str, headers: Mapping[str, str], raw: bytes, source: Source
) -> AuditRecord:
    """The record of a Kafka message that could not be read, with what its headers say."""
    record_id = unreadable_id(source)
    plan_id = uuid_or_none(headers.get("ce_partitionkey"))
    contribution_id = uuid_or_none(headers.get("ce_causationid"))
    section = section_of_topic(source.topic)
    trace_id = trace_of(headers.get("traceparent"))
    raw_hash = hashlib.sha256(raw).hexdigest()
    type_ = type_of(Operation.UNREADABLE)
    groups = {
        "hdr": header_group(
            record_id, Operation.UNREADABLE, type_, contribution_id=contribution_id, code=code
        ),
        "subject": without_nulls(plan_id=None if plan_id is None else str(plan_id)),
        "object": without_nulls(sections=None if section is None else [section]),
        "change": {"reason": reason},
        "source": source_group(source, trace_id),
        "ext": {"raw_sha256": raw_hash},
    }
    return AuditRecord(
        record_id=record_id,
        operation=Operation.UNREADABLE,
        source=source,
        groups={name: group for name, group in groups.items() if group},
        type=type_,
        plan_id=plan_id,
        section=section,
        contribution_id=contribution_id,
        code=code,
        trace_id=trace_id,
    )


class Accessed(NamedTuple):
    """What accesses are found by; nothing where a record says nothing of it."""

    what: str | None
    sections: list[str] | None
    relationship: str | None
    override: str | None
    override_id: UUID | None
    related_from: datetime | None
    role: str | None
    via: str | None
    plan_version: int | None


def accessed(groups: Mapping[str, Mapping[str, Any]]) -> Accessed:
    """What a record can be found by as an access, as far as what it says has the form for it."""
    told, why = groups.get("object", {}), groups.get("why", {})
    relationship, override = _object(why.get("relationship")), _object(why.get("override"))
    sections = told.get("sections")
    names = [one for one in sections if _word(one)] if isinstance(sections, list) else []
    role, version = groups.get("actor", {}).get("role"), told.get("plan_version")
    return Accessed(
        _word(told.get("what")),
        names or None,
        _word(relationship.get("kind")),
        _word(override.get("kind")),
        uuid_or_none(_word(override.get("override_id"))),
        _instant(relationship.get("live_from")),
        role if isinstance(role, str) and 0 < len(role) <= LONGEST_ROLE else None,
        _word(groups.get("view", {}).get("via")),
        version if type(version) is int and version > 0 else None,
    )


def _instant(given: Any) -> datetime | None:
    try:
        return instant_in(given, "live_from")
    except Unfit:
        return None


def _object(given: Any) -> Mapping[str, Any]:
    return given if isinstance(given, dict) else {}


def _word(given: Any) -> str | None:
    return given if isinstance(given, str) and _WORD.fullmatch(given) else None


def change_id(section: str, entry_id: UUID, entry_version: int) -> str:
    """The id of an event's record."""
    return f"{section}/{entry_id}.{entry_version}"


def unreadable_id(source: Source) -> str:
    """The id of the record of a message that the audit itself could not read."""
    topic = named_topic(source.topic, source.topic_id)
    return f"audit/{topic}/{source.partition}.{source.offset}"


def source_position(told: str | None) -> int | None:
    """The position in the section's store that a header gives; raises ``Unfit`` if it is none."""
    if told is None:
        return None
    position = int(told) if told.isascii() and told.isdigit() and len(told) < _LONGEST_NUMBER else 0
    if not 0 < position < _LARGEST_POSITION:
        raise Unfit("ce_position is not a positive whole number")
    return position


def section_of_topic(topic: str) -> str | None:
    """``careplan.about-me.events.v1`` → ``about-me``; ``None`` where it is no event topic."""
    found = re.search(r"careplan\.([a-z-]+)\.events\.v1$", topic)
    return found[1] if found else None


def hash_of_content(content: Mapping[str, Any]) -> str:
    """SHA-256 of a content's bytes as published: JSON without spaces, members in their order."""
    try:
        published = _published(content)
    except RecursionError as error:
        raise Unfit("the content is nested too deeply") from error
    return hashlib.sha256(published.encode()).hexdigest()


def _of_restriction(content: Mapping[str, Any]) -> Any:
    """The reason of a restriction, which stands with it and not beside it."""
    visibility = content.get("visibility")
    return visibility.get("reason") if isinstance(visibility, dict) else None


def _bag(unknown: Mapping[str, Any]) -> dict[str, Any]:
    """Unknown members are kept, as text where they have no canonical form."""
    if not unknown:
        return {}
    try:
        return {"bag": free_in(unknown, "a member")}
    except Unfit:
        try:
            return {"bag_as_json": json.dumps(unknown)}
        except RecursionError as error:
            raise Unfit("a member is nested too deeply") from error


def _operation(word: str) -> Operation:
    try:
        return Operation(word)
    except ValueError:
        return Operation.UNKNOWN
