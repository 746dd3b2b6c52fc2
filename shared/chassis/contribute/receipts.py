"""The answer to a contribution, and the forms in which it is published and recorded."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

import orjson
from uuid_utils.compat import uuid7

from shared.chassis.contribute.prepare import Prepared
from shared.chassis.database.outgoing import Outgoing
from shared.chassis.media.rows import StoredMedia
from shared.chassis.policy.decide import Decision
from shared.chassis.telemetry import inject
from shared.chassis.wire.plain_json import plain_json
from shared.chassis.wire.problem import title_of
from shared.ledger import (
    PERSON,
    RELATED_PERSON,
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
_OWN: Final = ("own-access", "PATRQT")
_FOR_THEM: Final = ("own-access", "FAMRQT")
_CARE: Final = ("direct-care", "TREAT")
_OF_USE: Final = {"emergency": "ETREAT", "review": "HOPERAT"} | dict.fromkeys(
    ("audit", "support"), "HSYSADMIN"
)


@dataclass(frozen=True)
class Reply:
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


def validation_record(
    prepared: Prepared,
    decision: Decision,
    receipt: dict[str, Any],
    *,
    body: bytes,
    denied: bool,
    prefix: str = "",
) -> tuple[UUID, Outgoing]:
    """What somebody was shown by ``:validate``, as a read, or that they were denied it; its id.

    Its members are those of ``_who`` and, of an access record, those that a section can know.
    """
    access_id = uuid7()
    voice = prepared.contributor.kind
    purpose, of_use = {PERSON: _OWN, RELATED_PERSON: _FOR_THEM}.get(voice, _CARE)
    section = receipt["section"]
    # A refusal may tell of another plan than the one that was asked for: that one was looked into.
    plan_id = receipt.get("existing_plan_id") or receipt["plan_id"]
    shown = {
        "sections": [section],
        "redactions": [],
        "body_sha256": sha256(body).hexdigest(),
        "body_length": len(body),
        "media_type": "application/json",
    }
    record = {
        "record_id": str(access_id),
        "operation": "denial" if denied else "read",
        "type": "decision.deny" if denied else "access.read",
        "what": "validate",
        "status": 200,
        "code": receipt["code"] if denied else None,
        "via": "api",
        **_who(prepared, decision),
        "purpose": purpose,
        "purpose_of_use": of_use,
        "relationship": None,
        "decision": "deny" if denied else "permit",
        "plan_id": plan_id,
        "section": section,
        "entry_id": receipt.get("entry_id"),
        "entry_version": receipt.get("entry_version"),
        "command": prepared.command.type,
        **({} if denied else shown),
    }
    return access_id, _record(record, section, plan_id or str(access_id), prefix)


def media_record(
    contributor: Contributor,
    decision: Decision,
    section: Section,
    plan_id: UUID,
    access_id: UUID,
    *,
    purpose: str | None = None,
    media: StoredMedia | None = None,
    status: int = 403,
    prefix: str = "",
) -> Outgoing:
    """That somebody was given a file, or a part of it, as a read; or that they were denied it.

    Hash and length are those of the whole file, as for a 304 those of what it stands for.
    """
    why = {PERSON: _OWN, RELATED_PERSON: _FOR_THEM}.get(contributor.kind)
    why = why or (purpose or "direct-care", _OF_USE.get(purpose or "", "TREAT"))
    denied = media is None
    record: dict[str, Any] = {
        "record_id": str(access_id),
        "operation": "denial" if denied else "read",
        "type": "decision.deny" if denied else "access.read",
        "what": "media",
        "status": status,
        "code": decision.code,
        "via": "api",
        "actor": actor_of(contributor.agent, contributor.sub),
        "on_behalf_of": None,
        "authn": plain(contributor.authentication) or None,
        "policy_version": decision.policy_version,
        "trace_id": trace_of(inject()),
        "purpose": why[0],
        "purpose_of_use": why[1],
        "relationship": None,
        "decision": "deny" if denied else "permit",
        "plan_id": str(plan_id),
        "section": section.wire_name,
    }
    if media is not None:
        record |= {
            "sections": [section.wire_name],
            "redactions": [],
            "body_sha256": media.sha256,
            "body_length": media.size,
            "media_type": media.mime,
        }
    return _record(record, section.wire_name, str(plan_id), prefix)


def actor_of(agent: Agent, sub: str) -> dict[str, Any]:
    """Who did it, as the audit names them."""
    return {
        "kind": agent.kind,
        "id": sub,
        "name": agent.name,
        "role": agent.role,
        "organisation": plain(agent.organisation),
    }


def _who(prepared: Prepared, decision: Decision) -> dict[str, Any]:
    """Who did it and for whom, how they were authenticated, by which policy, in which trace."""
    return {
        "actor": actor_of(prepared.provenance.recorded_by, prepared.contributor.sub),
        "on_behalf_of": plain(prepared.provenance.on_behalf_of),
        "authn": plain(prepared.contributor.authentication) or None,
        "policy_version": decision.policy_version,
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
