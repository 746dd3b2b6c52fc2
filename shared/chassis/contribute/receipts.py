"""The answer to a contribution, and the forms in which it is published and recorded."""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any, Final

import orjson
from msgspec import Struct

from shared.chassis.accesses.record import inputs_of, standing_of
from shared.chassis.contribute.prepare import Prepared
from shared.chassis.database.outgoing import Outgoing
from shared.chassis.policy.decide import Decision
from shared.chassis.telemetry import inject
from shared.chassis.wire.plain_json import plain_json
from shared.chassis.wire.problem import title_of
from shared.ledger import (
    Agent,
    Authentication,
    Contributor,
    Entry,
    Receipt,
    Refused,
    Section,
    plain,
)
from shared.ledger.names import trace_of
from shared.ledger.topics import AUDIT_RECORDS

_NOT_SAID: Final = Authentication()


class Reply(Struct, frozen=True):
    """A receipt as JSON, whether it is kept, and whether it is the first one given again.

    ``policy_version`` is that of the decision by which an answer that is not kept was given.
    """

    receipt: dict[str, Any]
    kept: bool
    repeated: bool = False
    retryable: bool = False
    policy_version: str | None = None

    @property
    def outcome(self) -> str:
        """``accepted`` or ``refused``."""
        return str(self.receipt["outcome"])

    @property
    def code(self) -> str | None:
        """Why it was refused."""
        code: str | None = self.receipt.get("code")
        return code


def acceptance(section: Section, prepared: Prepared, entry: Entry) -> Receipt:
    """The receipt of a contribution from which these events follow."""
    events: Sequence[Any] = entry.pending_events
    return Receipt(
        contribution_id=prepared.contribution_id,
        outcome="accepted",
        plan_id=prepared.plan_id,
        section=section.wire_name,
        entry_id=prepared.entry_id,
        entry_version=entry.version,
        events=tuple((type(event).TOPIC, event.originator_version) for event in events),
    )


def refusal(
    section: Section, prepared: Prepared, refused: Refused, version: int | None = None
) -> Receipt:
    """The receipt of a refused one; ``version`` is that of an entry which the contributor knows."""
    facts = dict(plain(refused.facts))
    if refused.field is not None:
        facts["field"] = refused.field
    opens = prepared.command.opens_plan
    is_named = prepared.entry_is_chosen and not (opens and prepared.asked_plan_id is None)
    return Receipt(
        contribution_id=prepared.contribution_id,
        outcome="refused",
        plan_id=prepared.asked_plan_id if opens else prepared.plan_id,
        section=section.wire_name,
        entry_id=prepared.entry_id if is_named else None,
        entry_version=version,
        code=refused.code,
        detail=refused.detail or f"{title_of(refused.code)}.",
        facts=facts,
    )


def authn_of(contributor: Contributor) -> bytes | None:
    """How they were authenticated, as it is kept: JSON of what the token or the topic says."""
    if contributor.authentication == _NOT_SAID:
        return None
    return plain_json(contributor.authentication)


def receipt_message(
    topic: str, receipt: dict[str, Any], *, completes: bool = False, source: str | None = None
) -> Outgoing:
    """A receipt for the topic of the organisation that contributed by Kafka.

    ``source`` is the service that answers, where it is not the section.
    """
    key = receipt["plan_id"] or receipt["contribution_id"]
    answering = source or f"section:{receipt['section']}"
    headers = [
        ("content-type", b"application/json"),
        ("ce_specversion", b"1.0"),
        ("ce_id", f"receipt.{source or receipt['section']}.{receipt['contribution_id']}".encode()),
        ("ce_source", f"urn:careplan:{answering}".encode()),
        ("ce_type", b"careplan.receipt.v1"),
        ("ce_causationid", receipt["contribution_id"].encode()),
        *_trace(),
    ]
    return Outgoing(topic, key.encode(), tuple(headers), orjson.dumps(receipt), completes)


def refusal_record(
    prepared: Prepared,
    decision: Decision,
    receipt: dict[str, Any],
    *,
    kept: bool,
    prefix: str = "",
) -> Outgoing:
    """A refusal for the audit: who, what and why; of the content only its hash and its fields.

    Its members, each ``null`` where there is nothing to say: those of ``_who`` and ``record_id``,
    ``operation`` (``refusal``), ``section``, ``entry_id``, ``entry_version``, ``command``,
    ``code``, ``reason`` (the contributor's), ``fields`` (the names in the content),
    ``contribution_id``, ``content_sha256``, ``stated_by`` and ``supported_by`` and ``system`` as
    in the provenance, ``kept``, and ``recorded_at``, which the relay adds. ``record_id`` is
    ``<section>/<contribution_id>.<16 hex digits>.<code>``; the digits are of a hash of what was
    sent and of who sent it, so each refusal that differs in either, or in its code, has a record.
    """
    provenance, contributor = prepared.provenance, prepared.contributor
    sender = f"{contributor.key}\0{contributor.sub}".encode()
    digest = sha256(prepared.content_hash + sender).hexdigest()[:16]
    section, code = receipt["section"], receipt["code"]
    reason = provenance.reason or prepared.arguments.get("reason")
    if reason is None and prepared.visibility is not None:
        reason = prepared.visibility.reason
    record = {
        "record_id": f"{section}/{prepared.contribution_id}.{digest}.{code}",
        "operation": "refusal",
        **_who(prepared, decision),
        "plan_id": receipt["plan_id"],
        "section": section,
        "entry_id": receipt.get("entry_id"),
        "entry_version": receipt.get("entry_version"),
        "command": prepared.command.type,
        "code": code,
        "reason": reason if isinstance(reason, str) else None,
        "fields": sorted(prepared.arguments.keys() - {"reason"}),
        "contribution_id": str(prepared.contribution_id),
        "content_sha256": prepared.content_hash.hex(),
        "stated_by": plain(provenance.stated_by),
        "supported_by": plain(provenance.supported_by),
        "system": plain(provenance.system),
        "kept": kept,
    }
    return _record(record, section, receipt["plan_id"] or str(prepared.contribution_id), prefix)


def alert_records(
    section: Section, prepared: Prepared, decision: Decision, events: Iterable[Any], prefix: str
) -> list[Outgoing]:
    """The alerts that events raise, for the audit: who did what, and nothing that it says."""
    made = []
    for event in events:
        if event.alert is None:
            continue
        record = {
            "record_id": f"{section.wire_name}/{prepared.contribution_id}.{event.alert}",
            "operation": "alert",
            **_who(prepared, decision),
            "plan_id": str(prepared.plan_id),
            "section": section.wire_name,
            "entry_id": str(prepared.entry_id),
            "entry_version": event.originator_version,
            "command": prepared.command.type,
            "code": event.alert,
            "contribution_id": str(prepared.contribution_id),
        }
        made.append(_record(record, section.wire_name, str(prepared.plan_id), prefix))
    return made


def actor_of(agent: Agent, sub: str) -> dict[str, Any]:
    """Who did it, as the audit names them."""
    return {
        "kind": agent.kind,
        "id": sub,
        "name": agent.name,
        "role": agent.role,
        "organisation": plain(agent.organisation),
    }


def inputs_sha256(prepared: Prepared, decision: Decision) -> str:
    """The hash of what the decision on a contribution rested on, in hexadecimal."""
    return inputs_of(prepared.contributor, decision, prepared.command.type, prepared.plan_id)


def _who(prepared: Prepared, decision: Decision) -> dict[str, Any]:
    """Who did it and for whom, how they were authenticated, by which decision, in which trace."""
    return {
        "actor": actor_of(prepared.provenance.recorded_by, prepared.contributor.sub),
        "on_behalf_of": plain(prepared.provenance.on_behalf_of),
        "authn": plain(prepared.contributor.authentication) or None,
        "decision": "permit" if decision.allowed else "deny",
        "relationship": standing_of(decision.relationship),
        "policy_version": decision.policy_version,
        "inputs_sha256": inputs_sha256(prepared, decision),
        "trace_id": trace_of(inject()),
    }


def _record(record: dict[str, Any], section: str, key: str, prefix: str) -> Outgoing:
    headers = [
        ("content-type", b"application/json"),
        ("ce_specversion", b"1.0"),
        ("ce_id", record["record_id"].encode()),
        ("ce_source", f"urn:careplan:section:{section}".encode()),
        ("ce_type", b"careplan.audit.record.v1"),
        *_trace(),
    ]
    topic = f"{prefix}{AUDIT_RECORDS}"
    return Outgoing(topic, key.encode(), tuple(headers), orjson.dumps(record), completes=True)


def _trace() -> list[tuple[str, bytes]]:
    traceparent = inject()
    return [("traceparent", traceparent.encode())] if traceparent else []
