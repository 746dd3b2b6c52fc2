"""What a consumer cannot read or apply: kept as it came for an operator, and told to the audit."""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias
from uuid import UUID

import orjson
from aiokafka import ConsumerRecord

from shared.chassis import telemetry
from shared.chassis.database.letters import Letter
from shared.chassis.database.outgoing import Headers, Outgoing
from shared.chassis.kafka.client import BROKEN
from shared.chassis.kafka.event_message import header
from shared.chassis.wire.command_record import organisation_in
from shared.chassis.wire.problem import STATUS
from shared.ledger import Organisation, id_in, instant, plain
from shared.ledger.names import trace_of
from shared.ledger.topics import AUDIT_RECORDS, dead_letters_topic, named_topic

Record: TypeAlias = ConsumerRecord[bytes | None, bytes | None]

LONGEST_VALUE: Final = 3 * 1024 * 1024
"""Bytes: what is compressed on its topic may be many times what one message of ours holds."""
_LONGEST_HEADERS: Final = 262_144
_LONGEST_KEY: Final = 65_536

_TYPE: Final = re.compile(r"careplan(\.[a-z][a-z0-9-]{0,63}){1,4}\.v[0-9]{1,4}")
_SECTION_TOPIC: Final = re.compile(r"careplan\.([a-z-]+)\.(?:events|commands)\.v\d+$")


@dataclass(frozen=True)
class Proven:
    """What is known of a record by its topic and by what could be read of it.

    ``organisation`` is the code of the one that wrote it, ``section`` the service to name for it.
    """

    organisation: str
    section: str
    plan_id: UUID | None = None
    contribution_id: UUID | None = None


def dead_letter(
    consumer: str,
    record: Record,
    reason: str,
    code: str,
    *,
    prefix: str = "",
    reader: str | None = None,
    topic_id: UUID | None = None,
    proven: Proven | None = None,
) -> list[Outgoing]:
    """A record that cannot be read or applied, as it came, and the audit's record of it.

    ``consumer`` owns the topic of dead letters, ``reader`` is the one of its consumers that read
    the record, ``prefix`` stands before the topics, ``topic_id`` is the broker's of the record's.
    ``proven`` is known of it beside what it says.
    ``reason`` is in words that are ours alone, ``code`` one of the codes of a problem: nothing that
    somebody sent may come after it.
    """
    if code not in STATUS:
        raise LookupError(f"there is no problem {code}")
    trace = telemetry.inject()
    traced: Headers = (("traceparent", trace.encode()),) if trace else ()
    came, left_out = _headers_of(record)
    value, how = _value_of(record)
    about: Headers = (
        ("dead-letter-consumer", (reader or consumer).encode()),
        ("dead-letter-topic", record.topic.encode()),
        ("dead-letter-partition", str(record.partition).encode()),
        ("dead-letter-offset", str(record.offset).encode()),
        ("dead-letter-code", code.encode()),
        ("dead-letter-reason", reason.encode()),
        ("dead-letter-value", how),
        *left_out,
    )
    key = record.key if len(record.key or b"") <= _LONGEST_KEY else None
    named = proven.plan_id if proven else id_in(header(record, "ce_partitionkey"))
    plan_id = str(named) if named else None
    caused_by = proven.contribution_id if proven else None
    topic = named_topic(record.topic, topic_id)
    known = Letter(
        consumer=reader or consumer,
        topic=record.topic,
        topic_id=topic_id,
        partition=record.partition,
        offset=record.offset,
        sent_ms=-1 if record.timestamp is None else record.timestamp,
        organisation=_code_of(proven, record),
        plan_id=named,
        contribution_id=caused_by or _contribution_of(record),
        type=_type_of(record),
        code=code,
        reason=reason,
        size=len(record.value or b""),
        headers_came=len(came),
        is_null=record.value is None,
        is_whole=came == tuple(record.headers)
        and len(value) == len(record.value or b"")
        and key == record.key,
    )
    to = prefix + dead_letters_topic(consumer)
    letter = Outgoing(to, key, came + about, value, letter=known)
    record_id = f"{reader or consumer}/{topic}/{record.partition}.{record.offset}"
    audited = Outgoing(
        prefix + AUDIT_RECORDS,
        plan_id.encode() if plan_id else None,
        (("ce_type", b"careplan.audit.record.v1"), ("ce_id", record_id.encode()), *traced),
        orjson.dumps(
            {
                "record_id": record_id,
                "at": instant(datetime.now(UTC)),
                "operation": "unreadable",
                "actor": _system_of(proven.organisation) if proven else _claimed(record),
                "on_behalf_of": None,
                "plan_id": plan_id,
                "section": proven.section if proven else _section_of(record.topic),
                "entry_id": None,
                "entry_version": None,
                "code": code,
                "reason": reason,
                "contribution_id": str(caused_by) if caused_by else None,
                "content_sha256": hashlib.sha256(record.value or b"").hexdigest(),
                "trace_id": trace_of(header(record, "traceparent")),
                "kept": False,
            }
        ),
    )
    return [letter, audited]


def _headers_of(record: Record) -> tuple[Headers, Headers]:
    """The headers as they came, so many as fit, and what says how many do not."""
    came: list[tuple[str, bytes | None]] = []
    left = _LONGEST_HEADERS
    for name, value in record.headers:
        told = _in_utf8(name)
        left -= len(told.encode()) + len(value or b"")
        if left < 0:
            unfit = len(record.headers) - len(came)
            return tuple(came), (("dead-letter-headers", f"{unfit} left out".encode()),)
        if name != BROKEN:
            came.append((told, value))
    return tuple(came), ()


def _value_of(record: Record) -> tuple[bytes, bytes]:
    """The value as it came, or as much of it as a message of ours holds, and which of them."""
    if record.value is None:
        return b"", b"null"
    if len(record.value) <= LONGEST_VALUE:
        return record.value, b"as it came"
    kept = f"the first {LONGEST_VALUE} of {len(record.value)} bytes"
    return record.value[:LONGEST_VALUE], kept.encode()


def _in_utf8(name: str) -> str:
    """The name of a header; bytes that are not UTF-8, which we cannot send, are spelt out."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _code_of(proven: Proven | None, record: Record) -> str | None:
    named = proven.organisation if proven else organisation_in(header(record, "ce_source"))
    return Organisation.of(named).code if named else None


def _type_of(record: Record) -> str | None:
    told = header(record, "ce_type") or ""
    return told if _TYPE.fullmatch(told) else None


def _contribution_of(record: Record) -> UUID | None:
    """The contribution that the record is, or the one that an event comes of."""
    is_event = header(record, "ce_causationid") is not None
    return id_in(header(record, "ce_causationid" if is_event else "ce_id"))


def _section_of(topic: str) -> str | None:
    found = _SECTION_TOPIC.search(topic)
    return found[1] if found else None


def _claimed(record: Record) -> dict[str, Any] | None:
    code = organisation_in(header(record, "ce_source"))
    return None if code is None else _system_of(code)


def _system_of(code: str) -> dict[str, Any]:
    named = plain(Organisation.of(code))
    return {"kind": "system", "id": None, "name": None, "role": None, "organisation": named}
