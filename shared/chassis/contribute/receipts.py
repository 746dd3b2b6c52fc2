"""The answer to a contribution, and the forms in which it is published and recorded."""

from dataclasses import dataclass
from typing import Any, Final

import orjson

from shared.chassis.contribute.prepare import Prepared
from shared.chassis.database.outgoing import Outgoing
from shared.chassis.policy.decide import POLICY_VERSION
from shared.chassis.telemetry import inject
from shared.chassis.wire.plain_json import plain_json
from shared.ledger import Agent, Authentication, Contributor, Section, plain
from shared.ledger.topics import AUDIT_RECORDS

_NOT_SAID: Final = Authentication()


@dataclass(frozen=True)
class Answer:
    """A receipt as JSON, whether it is kept, and whether it is the first one given again."""

    receipt: dict[str, Any]
    kept: bool
    repeated: bool = False
    retryable: bool = False

    @property
    def outcome(self) -> str:
        """``accepted`` or ``refused``."""
        return str(self.receipt["outcome"])

    @property
    def code(self) -> str | None:
        """Why it was refused."""
        code: str | None = self.receipt.get("code")
        return code


def receipt_message(topic: str, receipt: dict[str, Any], *, completes: bool = False) -> Outgoing:
    """A receipt for the topic of the organisation that contributed by Kafka."""
    key = receipt["plan_id"] or receipt["contribution_id"]
    headers = [
        ("content-type", b"application/json"),
        ("ce_specversion", b"1.0"),
        ("ce_id", f"receipt.{receipt['section']}.{receipt['contribution_id']}".encode()),
        ("ce_source", f"urn:careplan:section:{receipt['section']}".encode()),
        ("ce_type", b"careplan.receipt.v1"),
        ("ce_causationid", receipt["contribution_id"].encode()),
        *_trace(),
    ]
    return Outgoing(topic, key.encode(), tuple(headers), orjson.dumps(receipt), completes)


def audit_record(
    section: Section, prepared: Prepared, receipt: dict[str, Any], *, kept: bool, prefix: str = ""
) -> Outgoing:
    """A refusal for the audit: who, what and why; of the content only its hash."""
    digest = prepared.content_hash.hex()
    record_id = f"{section.wire_name}/{prepared.contribution_id}.{digest[:16]}"
    traceparent = inject()
    record = {
        "record_id": record_id,
        "operation": "refusal",
        "actor": actor_of(prepared.provenance.recorded_by, prepared.contributor.sub),
        "on_behalf_of": plain(prepared.provenance.on_behalf_of),
        "plan_id": receipt["plan_id"],
        "section": section.wire_name,
        "entry_id": receipt.get("entry_id"),
        "entry_version": receipt.get("entry_version"),
        "command": prepared.command.type,
        "code": receipt["code"],
        "contribution_id": str(prepared.contribution_id),
        "content_sha256": digest,
        "authn": plain(prepared.contributor.authentication) or None,
        "policy_version": POLICY_VERSION,
        "trace_id": traceparent.split("-")[1] if traceparent else None,
        "kept": kept,
    }
    key = receipt["plan_id"] or str(prepared.contribution_id)
    headers = [
        ("content-type", b"application/json"),
        ("ce_specversion", b"1.0"),
        ("ce_id", record_id.encode()),
        ("ce_source", f"urn:careplan:section:{section.wire_name}".encode()),
        ("ce_type", b"careplan.audit.record.v1"),
        *_trace(),
    ]
    topic = f"{prefix}{AUDIT_RECORDS}"
    return Outgoing(topic, key.encode(), tuple(headers), orjson.dumps(record), completes=True)


def authn_of(contributor: Contributor) -> bytes | None:
    """How they were authenticated, as it is kept: JSON of what the token or the topic says."""
    if contributor.authentication == _NOT_SAID:
        return None
    return plain_json(contributor.authentication)


def actor_of(agent: Agent, sub: str) -> dict[str, Any]:
    """Who did it, as the audit names them."""
    return {
        "kind": agent.kind,
        "id": sub,
        "name": agent.name,
        "role": agent.role,
        "organisation": plain(agent.organisation),
    }


def _trace() -> list[tuple[str, bytes]]:
    traceparent = inject()
    return [("traceparent", traceparent.encode())] if traceparent else []
