"""What intake sends: the command to its section, or the refusal, to its sender and to the audit."""

from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

import orjson

from services.intake.judging import CLAIM_DIFFERS, Judged
from shared.chassis.contribute.receipts import actor_of, receipt_message
from shared.chassis.database.outgoing import Headers, Outgoing
from shared.chassis.kafka.commands import NotTaken, system_of
from shared.chassis.kafka.dead_letters import Proven, Record, dead_letter
from shared.chassis.kafka.event_message import header
from shared.ledger import Organisation, id_in, instant, plain
from shared.ledger.names import trace_of
from shared.ledger.topics import AUDIT_RECORDS, commands_topic, named_topic, receipts_topic

SERVICE: Final = "intake"
TOO_MANY: Final = "Too many messages of this inbox could not be read: these are counted, not kept."


def command(judged: Judged, roles: Sequence[str], prefix: str) -> Outgoing:
    """The contribution as its section is given it: its bytes, and whose they are proven to be."""
    told = {
        "content-type": "application/json",
        "ce_specversion": "1.0",
        "ce_id": judged.contribution_id,
        "ce_source": f"urn:careplan:org:{judged.organisation}",
        "ce_type": judged.type,
        "ce_partitionkey": str(judged.plan_id),
        "ce_roles": ",".join(roles) or None,
        "ce_signature": judged.signature,
        "traceparent": _traceparent(judged.record),
    }
    headers = tuple((name, text.encode()) for name, text in told.items() if text is not None)
    topic = prefix + commands_topic(judged.section or "")
    return Outgoing(topic, judged.record.key, headers, judged.value)


def receipt(judged: Judged, no: NotTaken, prefix: str) -> list[Outgoing]:
    """The answer to whoever sent it, which is not kept; none where it names no contribution."""
    if judged.contribution_id is None:
        return []
    told: dict[str, Any] = {
        "contribution_id": judged.contribution_id,
        "outcome": "refused",
        "plan_id": str(judged.plan_id) if judged.plan_id else None,
        "section": judged.section,
        "code": no.code,
        "detail": no.reason,
        "kept": False,
        "retryable": False,
    }
    topic = prefix + receipts_topic(judged.organisation)
    return [receipt_message(topic, told, source=SERVICE)]


def unreadable(judged: Judged, no: NotTaken, prefix: str, topic_id: Any) -> list[Outgoing]:
    """The dead letter of it, and the audit's record."""
    proven = Proven(judged.organisation, SERVICE, judged.plan_id, id_in(judged.contribution_id))
    return dead_letter(
        SERVICE,
        judged.record,
        no.reason,
        no.code,
        prefix=prefix,
        topic_id=topic_id,
        proven=proven,
    )


def refusal(judged: Judged, no: NotTaken, prefix: str, topic_id: Any) -> Outgoing:
    """The audit's record of what could be read, and is not its sender's to say."""
    digest = sha256(judged.record.value or b"").hexdigest()
    contribution_id = id_in(judged.contribution_id)
    sent = f"{contribution_id}.{digest[:16]}.{no.code}" if contribution_id else None
    more = {
        "contribution_id": str(contribution_id) if contribution_id else None,
        "content_sha256": digest,
        "trace_id": trace_of(header(judged.record, "traceparent")),
    }
    if no.code == CLAIM_DIFFERS and judged.claimed:
        more["claimed_organisation"] = Organisation.of(judged.claimed).code
    return _for_the_audit(judged, no, "refusal", sent or _place(judged, topic_id), prefix, more)


def counted(many: Sequence[Judged], no: NotTaken, prefix: str, topic_id: Any) -> Outgoing:
    """One record of the audit for several of an inbox that nobody could read."""
    more = {"count": len(many), "reason": TOO_MANY, "plan_id": None}
    return _for_the_audit(many[0], no, "unreadable", _place(many[0], topic_id), prefix, more)


def _for_the_audit(
    judged: Judged, no: NotTaken, operation: str, named: str, prefix: str, more: dict[str, Any]
) -> Outgoing:
    by = system_of(judged.organisation)
    record = {
        "record_id": f"{SERVICE}/{named}",
        "at": instant(datetime.now(UTC)),
        "operation": operation,
        "actor": actor_of(by.agent, by.sub),
        "authn": plain(by.authentication),
        "on_behalf_of": None,
        "plan_id": str(judged.plan_id) if judged.plan_id else None,
        "section": SERVICE,
        "code": no.code,
        "kept": False,
        **more,
    }
    headers: Headers = (
        ("content-type", b"application/json"),
        ("ce_specversion", b"1.0"),
        ("ce_id", record["record_id"].encode()),
        ("ce_source", f"urn:careplan:{SERVICE}".encode()),
        ("ce_type", b"careplan.audit.record.v1"),
    )
    key = str(judged.plan_id).encode() if judged.plan_id else None
    return Outgoing(prefix + AUDIT_RECORDS, key, headers, orjson.dumps(record))


def _place(judged: Judged, topic_id: Any) -> str:
    record = judged.record
    return f"{named_topic(record.topic, topic_id)}/{record.partition}.{record.offset}"


def _traceparent(record: Record) -> str | None:
    told = header(record, "traceparent")
    return told if trace_of(told) else None
