"""Audit records: what is kept about one happening, made from an event or from a service's word.

A record holds identifiers, versions and hashes. What a plan says stays in the plan.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from shared.ledger import RecordedEvent

CHANGE: Final = "change"
UNREADABLE: Final = "unreadable"

_KINDS: Final = {
    CHANGE: "change",
    "refusal": "refusal",
    UNREADABLE: "refusal",
    "denial": "decision",
    "read": "access",
}
"""The audit's own kind of each operation; one never heard of is a kind of its own."""

_OPERATION: Final = re.compile(r"[a-z][a-z-]{0,39}")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_TRACE_ID: Final = re.compile(r"[0-9a-f]{32}")
_NO_TRACE: Final = "0" * 32
_LONGEST_ID: Final = 500  # what is looked up by must fit into an index
_DEEPEST: Final = 32
_LARGEST: Final = 2**53
_LARGEST_POSITION: Final = 2**63 - 1  # one more is the open end of a range
_LONGEST_NUMBER: Final = 20

_READ_FROM_MESSAGES: Final = frozenset(
    {
        "record_id",
        "at",
        "recorded_at",
        "operation",
        "actor",
        "on_behalf_of",
        "plan_id",
        "section",
        "entry_id",
        "entry_version",
        "event_type",
        "change",
        "code",
        "contribution_id",
        "content_sha256",
        "trace_id",
    }
)


class Unfit(ValueError):
    """What was given makes no audit record; the message never quotes it."""


@dataclass(frozen=True)
class Actor:
    """Whoever did it, as the source proved it: the contributor of a change, the one refused."""

    kind: str
    id: str | None = None
    id_system: str | None = None
    name: str | None = None
    role: str | None = None
    organisation: str | None = None
    organisation_name: str | None = None


@dataclass(frozen=True)
class Source:
    """Where on Kafka a record was found, and its position in its section's store."""

    topic: str
    partition: int
    offset: int
    position: int | None = None


@dataclass(frozen=True)
class AuditRecord:
    """One happening. ``recorded_at`` is the source's claim; ``None`` where only we saw it.

    Its place in the log and the time of that (``idx``, ``logged_at``) are given when it is stored.
    """

    record_id: str
    operation: str
    source: Source
    recorded_at: datetime | None = None
    stated_at: datetime | None = None
    actor: Actor | None = None
    author: Mapping[str, Any] | None = None
    on_behalf_of: Mapping[str, Any] | None = None
    plan_id: UUID | None = None
    section: str | None = None
    entry_id: UUID | None = None
    entry_version: int | None = None
    event_type: str | None = None
    change: str | None = None
    code: str | None = None
    contribution_id: UUID | None = None
    content_sha256: str | None = None
    leaf_hash: str | None = None
    trace_id: str | None = None
    bag: Mapping[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """The audit's own word for the operation."""
        return _KINDS.get(self.operation, self.operation)

    @property
    def identity(self) -> tuple[str, str | None]:
        """What a repeat has in common with the first: anything else under its id is no repeat.

        Only a change must have the same content; a refusal's id follows from its content.
        """
        return self.operation, self.content_sha256 if self.operation == CHANGE else None


def record_of_event(event: RecordedEvent, source: Source) -> AuditRecord:
    """The record of a change; raises ``Unfit``. A section never heard of is like any other."""
    told = event.provenance
    recorded_by = _object(told.get("recorded_by"), "provenance.recorded_by")
    if recorded_by is None:
        raise Unfit("nobody recorded it")
    if event.leaf_hash is not None and not _SHA256.fullmatch(event.leaf_hash):
        raise Unfit("the leaf hash is not a SHA-256")
    author = _object(told.get("stated_by"), "provenance.stated_by")
    return AuditRecord(
        record_id=change_id(event.section, event.entry_id, event.entry_version),
        operation=CHANGE,
        source=source,
        recorded_at=_in_utc(event.recorded_at),
        stated_at=_instant(told.get("stated_at"), "provenance.stated_at"),
        actor=_agent(recorded_by, "provenance.recorded_by"),
        author=None if author is None else actor_as_json(_agent(author, "provenance.stated_by")),
        on_behalf_of=_on_behalf_of(told.get("on_behalf_of")),
        plan_id=event.plan_id,
        section=_id(event.section, "section"),
        entry_id=event.entry_id,
        entry_version=event.entry_version,
        event_type=_text(event.type, "type"),
        change=event.change,
        contribution_id=event.contribution_id,
        content_sha256=hash_of_content(event.content),
        leaf_hash=event.leaf_hash,
        trace_id=trace_of(event.traceparent),
    )


def record_of_message(
    told: Mapping[str, Any], traceparent: str | None, source: Source
) -> AuditRecord:
    """The record that a service wrote about what it refused or could not read; raises ``Unfit``.

    Members that are not known here are kept in the bag.
    """
    record_id = _id(told.get("record_id"), "record_id")
    operation = _text(told.get("operation"), "operation")
    if record_id is None or operation is None or not _OPERATION.fullmatch(operation):
        raise Unfit("it has no record_id or no operation")
    if operation == CHANGE:
        raise Unfit("a change is recorded from its event alone")
    at = told.get("at") if told.get("at") is not None else told.get("recorded_at")
    recorded_at = _instant(at, "at")
    if recorded_at is None:
        raise Unfit("it does not say when")
    actor = _object(told.get("actor"), "actor")
    trace_id = _text(told.get("trace_id"), "trace_id")
    return AuditRecord(
        record_id=record_id,
        operation=operation,
        source=source,
        recorded_at=recorded_at,
        actor=None if actor is None else _agent(actor, "actor"),
        on_behalf_of=_on_behalf_of(told.get("on_behalf_of")),
        plan_id=_uuid(told.get("plan_id"), "plan_id"),
        section=_id(told.get("section"), "section"),
        entry_id=_uuid(told.get("entry_id"), "entry_id"),
        entry_version=_version(told.get("entry_version"), "entry_version"),
        event_type=_text(told.get("event_type"), "event_type"),
        change=_text(told.get("change"), "change"),
        code=_text(told.get("code"), "code"),
        contribution_id=_uuid(told.get("contribution_id"), "contribution_id"),
        content_sha256=_sha256(told.get("content_sha256"), "content_sha256"),
        trace_id=_trace_id(trace_id) or trace_of(traceparent),
        bag=_bag(told),
    )


def record_of_unreadable(
    reason: str, headers: Mapping[str, str], raw: bytes, source: Source
) -> AuditRecord:
    """The record of a Kafka message that could not be read, with what its headers tell."""
    return AuditRecord(
        record_id=unreadable_id(source),
        operation=UNREADABLE,
        source=source,
        plan_id=_uuid_or_none(headers.get("ce_partitionkey")),
        section=section_of_topic(source.topic),
        code=reason,
        contribution_id=_uuid_or_none(headers.get("ce_causationid")),
        content_sha256=hashlib.sha256(raw).hexdigest(),
        trace_id=trace_of(headers.get("traceparent")),
    )


def change_id(section: str, entry_id: UUID, entry_version: int) -> str:
    """The id of an event's record."""
    return f"{section}/{entry_id}.{entry_version}"


def refusal_id(section: str, contribution_id: UUID, content_sha256: str) -> str:
    """The id of a refusal's record: the same contribution with other content is another one."""
    return f"{section}/{contribution_id}.{content_sha256[:16]}"


def unreadable_id(source: Source) -> str:
    """The id of the record of a message that the audit itself could not read."""
    return f"audit/{source.topic}/{source.partition}.{source.offset}"


def source_position(told: str | None) -> int | None:
    """A section's store position as a header tells it; raises ``Unfit`` where it is none."""
    if told is None:
        return None
    position = int(told) if told.isascii() and told.isdigit() and len(told) < _LONGEST_NUMBER else 0
    if not 0 < position < _LARGEST_POSITION:
        raise Unfit("the position is not a position")
    return position


def section_of_topic(topic: str) -> str | None:
    """``careplan.about-me.events.v1`` → ``about-me``; ``None`` where it is no event topic."""
    found = re.search(r"careplan\.([a-z-]+)\.events\.v1$", topic)
    return found[1] if found else None


def hash_of_content(content: Mapping[str, Any]) -> str:
    """SHA-256 of a content's bytes as published: JSON without spaces, members in their order."""
    try:
        published = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except RecursionError as error:
        raise Unfit("the content is nested too deeply") from error
    return hashlib.sha256(published.encode()).hexdigest()


def trace_of(traceparent: str | None) -> str | None:
    """The trace's id in a W3C ``traceparent``; ``None`` where it is none."""
    found = _TRACEPARENT.fullmatch(traceparent or "")
    return found[1] if found and found[1] != _NO_TRACE else None


def actor_as_json(actor: Actor) -> dict[str, Any]:
    """An actor as answers give it."""
    code, name = actor.organisation, actor.organisation_name
    organisation: dict[str, str] | None = None
    if code is not None or name is not None:
        named = {"local_id" if code is not None and code.startswith("x-") else "ods": code}
        organisation = {key: text for key, text in {**named, "name": name}.items() if text}
    return {
        "kind": actor.kind,
        "id": actor.id,
        "name": actor.name,
        "role": actor.role,
        "organisation": organisation,
    }


def _agent(told: Mapping[str, Any], where: str) -> Actor:
    kind = _text(told.get("kind"), f"{where}.kind")
    if kind is None:
        raise Unfit(f"{where}.kind is missing")
    identifier = _object(told.get("identifier"), f"{where}.identifier") or {}
    organisation = _object(told.get("organisation"), f"{where}.organisation") or {}
    given_id = told.get("id") if told.get("id") is not None else identifier.get("value")
    return Actor(
        kind=kind,
        id=_id(given_id, f"{where}.id"),
        id_system=_text(identifier.get("kind"), f"{where}.identifier.kind"),
        name=_text(told.get("name"), f"{where}.name"),
        role=_text(told.get("role"), f"{where}.role"),
        organisation=_id(organisation.get("ods"), f"{where}.organisation.ods")
        or _id(organisation.get("local_id"), f"{where}.organisation.local_id"),
        organisation_name=_text(organisation.get("name"), f"{where}.organisation.name"),
    )


def _on_behalf_of(told: Any) -> Mapping[str, Any] | None:
    given = _object(told, "on_behalf_of")
    if given is None:
        return None
    proxy = _object(given.get("proxy"), "on_behalf_of.proxy")
    entry_id = None if proxy is None else _uuid(proxy.get("entry_id"), "on_behalf_of.proxy")
    return {
        "kind": _text(given.get("kind"), "on_behalf_of.kind"),
        "name": _text(given.get("name"), "on_behalf_of.name"),
        "proxy": None
        if proxy is None or entry_id is None
        else {
            "section": _text(proxy.get("section"), "on_behalf_of.proxy.section"),
            "entry_id": str(entry_id),
        },
    }


def _bag(told: Mapping[str, Any]) -> Mapping[str, Any]:
    unknown = {name: given for name, given in told.items() if name not in _READ_FROM_MESSAGES}
    _must_be_storable(unknown, 0)
    return unknown


def _must_be_storable(given: Any, depth: int) -> None:
    if depth > _DEEPEST:
        raise Unfit("a member is nested too deeply")
    if isinstance(given, str) and "\x00" in given:
        raise Unfit("a member holds a NUL")
    if isinstance(given, Mapping):
        for name, item in given.items():
            _must_be_storable(name, depth)
            _must_be_storable(item, depth + 1)
    elif isinstance(given, list):
        for item in given:
            _must_be_storable(item, depth + 1)


def _object(given: Any, where: str) -> Mapping[str, Any] | None:
    if given is not None and not isinstance(given, Mapping):
        raise Unfit(f"{where} is not an object")
    return given


def _text(given: Any, where: str) -> str | None:
    if given is None:
        return None
    if not isinstance(given, str) or "\x00" in given:
        raise Unfit(f"{where} is not a text")
    return given


def _id(given: Any, where: str) -> str | None:
    text = _text(given, where)
    if text is not None and len(text) > _LONGEST_ID:
        raise Unfit(f"{where} is longer than {_LONGEST_ID} characters")
    return text


def _uuid(given: Any, where: str) -> UUID | None:
    text = _text(given, where)
    try:
        return None if text is None else UUID(text)
    except ValueError as error:
        raise Unfit(f"{where} is not a UUID") from error


def _uuid_or_none(text: str | None) -> UUID | None:
    try:
        return None if text is None else UUID(text)
    except ValueError:
        return None


def _version(given: Any, where: str) -> int | None:
    if given is not None and (type(given) is not int or not 0 < given < _LARGEST):
        raise Unfit(f"{where} is not a version")
    return given


def _sha256(given: Any, where: str) -> str | None:
    text = _text(given, where)
    if text is not None and not _SHA256.fullmatch(text):
        raise Unfit(f"{where} is not a SHA-256")
    return text


def _trace_id(text: str | None) -> str | None:
    return text if text is not None and _TRACE_ID.fullmatch(text) and text != _NO_TRACE else None


def _instant(given: Any, where: str) -> datetime | None:
    text = _text(given, where)
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise Unfit(f"{where} is not a time") from error
    if at.tzinfo is None:
        raise Unfit(f"{where} has no offset")
    return _in_utc(at)


def _in_utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError as error:
        raise Unfit("a time lies outside the calendar") from error
