"""Audit records: what is kept about one happening, and the closed lists of what can happen.

A record holds identifiers, versions and hashes. What a plan says stays in the plan.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum, StrEnum
from functools import cached_property
from typing import Any, Final, NamedTuple
from uuid import UUID

from services.audit.record.commitment import (
    GROUPS,
    canonical,
    commitment,
    group_hashes,
    leaf,
)
from shared.ledger import Organisation, instant, plain


class Kind(IntEnum):
    """What sort of happening it is; the number is a byte of the leaf and never changes."""

    UNKNOWN = 0
    CHANGE = 1
    ACCESS = 2
    REFUSAL = 3
    DECISION = 4
    DISCLOSURE = 5
    ADMIN = 6
    ALERT = 7
    CORRECTION = 8
    SYSTEM = 9


class Operation(StrEnum):
    """The same in plainer words, as queries and answers use it.

    ``UNKNOWN`` stands for an operation that a service reports and that is not known here. It is
    kept, and a list of all records shows it.
    """

    CHANGE = "change"
    REFUSAL = "refusal"
    UNREADABLE = "unreadable"
    READ = "read"
    SEARCH = "search"
    DENIAL = "denial"
    JUSTIFICATION = "justification"
    REVIEW = "review"
    DELIVERY = "delivery"
    EXPORT = "export"
    QUERY = "query"
    ADMIN = "admin"
    ALERT = "alert"
    CORRECTION = "correction"
    SYSTEM = "system"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class _Facts:
    """What an operation implies where the source says nothing else."""

    kind: Kind
    type: str
    action: str
    outcome: int

    @cached_property
    def word(self) -> str:
        """The kind, as the record has it."""
        return self.kind.name.lower()


_FACTS: Final[Mapping[Operation, _Facts]] = {
    Operation.CHANGE: _Facts(Kind.CHANGE, "change", "U", 0),
    Operation.REFUSAL: _Facts(Kind.REFUSAL, "contribution.refused", "E", 4),
    Operation.UNREADABLE: _Facts(Kind.REFUSAL, "message.unreadable", "E", 8),
    Operation.READ: _Facts(Kind.ACCESS, "access.read", "R", 0),
    Operation.SEARCH: _Facts(Kind.ACCESS, "query.search", "E", 0),
    Operation.DENIAL: _Facts(Kind.DECISION, "decision.deny", "R", 4),
    Operation.JUSTIFICATION: _Facts(Kind.DECISION, "override.justify", "E", 0),
    Operation.REVIEW: _Facts(Kind.DECISION, "override.review", "E", 0),
    Operation.DELIVERY: _Facts(Kind.DISCLOSURE, "delivery", "R", 0),
    Operation.EXPORT: _Facts(Kind.DISCLOSURE, "access.export", "R", 0),
    Operation.QUERY: _Facts(Kind.ADMIN, "audit.query", "E", 0),
    Operation.ADMIN: _Facts(Kind.ADMIN, "admin.config", "E", 0),
    Operation.ALERT: _Facts(Kind.ALERT, "alert.raised", "E", 0),
    Operation.CORRECTION: _Facts(Kind.CORRECTION, "correction", "E", 0),
    Operation.SYSTEM: _Facts(Kind.SYSTEM, "system", "E", 0),
    Operation.UNKNOWN: _Facts(Kind.UNKNOWN, "unknown", "E", 0),
}

_ACTION_OF_CHANGE: Final = {"created": "C", "amended": "U", "withdrawn": "D", "restored": "U"}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SUSPECT_AFTER: Final = timedelta(seconds=300)
_DIGESTS: Final = (
    ("change", "after_hash"),
    ("change", "content_sha256"),
    ("view", "body_sha256"),
    ("ext", "raw_sha256"),
)
_MILLISECOND: Final = timedelta(milliseconds=1)
_NOTHING: Final = b"null"


class Actor(NamedTuple):
    """Who did it, as the source authenticated them: whoever contributed, or was refused."""

    kind: str
    id: str | None = None
    id_system: str | None = None
    name: str | None = None
    role: str | None = None
    organisation: str | None = None
    organisation_name: str | None = None


class Source(NamedTuple):
    """Where on Kafka a record was found, when it was put there, and its section's position."""

    topic: str
    partition: int
    offset: int
    position: int | None = None
    kafka_at: datetime | None = None
    topic_id: UUID | None = None


class AuditRecord(NamedTuple):
    """One thing that happened: what it can be found by, and the groups that are committed to.

    ``recorded_at`` is the source's claim, and ``None`` where there is no source but us. ``idx`` and
    ``logged_at``, its place in the log and the time of that, are set when it is stored. What names
    somebody or could be guessed from its hash is in ``groups`` only. ``entry_before`` is the id of
    the record of the entry's previous event.
    """

    record_id: str
    operation: Operation
    source: Source
    groups: Mapping[str, Mapping[str, Any]]
    type: str
    recorded_at: datetime | None = None
    stated_at: datetime | None = None
    plan_id: UUID | None = None
    section: str | None = None
    entry_id: UUID | None = None
    entry_version: int | None = None
    contribution_id: UUID | None = None
    change: str | None = None
    code: str | None = None
    actor_kind: str | None = None
    actor_id: str | None = None
    organisation: str | None = None
    purpose: str | None = None
    policy_version: str | None = None
    trace_id: str | None = None
    entry_before: str | None = None

    @property
    def kind(self) -> Kind:
        """The kind of happening, as the leaf has it."""
        return _FACTS[self.operation].kind

    @property
    def identity(self) -> tuple[Any, ...]:
        """What a repeat has in common with the first. Whatever differs in it is not a repeat.

        Times, traces and how somebody was authenticated are left out: if the same contribution is
        refused once more, that is the same record.
        """
        return (
            self.operation.value,
            self.type,
            self.plan_id,
            self.contribution_id,
            self.code,
            self.actor_id,
            self.organisation,
            digest_of(self.groups),
        )


class Sealed(NamedTuple):
    """A record as it is kept: its salts, the members of its groups, and what commits to them.

    ``salts`` stand one after the other, and ``groups`` one on a line, in the order of ``GROUPS``.
    """

    salts: bytes
    groups: bytes
    commitment: bytes
    leaf: bytes


def sealed(
    record: AuditRecord,
    salts: bytes,
    logged_at: datetime,
    before: str | None = None,
    encode: Callable[[Any], bytes] = canonical,
) -> Sealed:
    """Commit to a record, now that it is known when it is logged and what stood there before it.

    ``salts`` has one for each group, never used again; ``encode`` is a way to the canonical form.
    """
    told = {**record.groups, "time": _time(record, logged_at)}
    if before is not None:
        told["change"] = {**told["change"], "before_hash": before}
    members = [encode(told[name]) if name in told else _NOTHING for name in GROUPS]
    committed = commitment(group_hashes(salts, members))
    at = (logged_at - _EPOCH) // _MILLISECOND
    return Sealed(salts, b"\n".join(members), committed, leaf(record.kind, at, committed))


def members_of(groups: bytes) -> list[bytes | None]:
    """The members of each group as they were committed to; ``None`` where they were erased."""
    return [members or None for members in groups.split(b"\n")]


def header_group(
    record_id: str,
    operation: Operation,
    type_: str,
    *,
    change: str | None = None,
    contribution_id: UUID | None = None,
    code: str | None = None,
) -> dict[str, Any]:
    """The group ``hdr`` of a record."""
    facts = _FACTS[operation]
    action = facts.action if change is None else _ACTION_OF_CHANGE.get(change, facts.action)
    told: dict[str, Any] = {
        "v": 1,
        "id": record_id,
        "kind": facts.word,
        "type": type_,
        "action": action,
        "outcome": facts.outcome,
    }
    if change is not None:
        told["change"] = change
    if contribution_id is not None:
        told["contribution_id"] = str(contribution_id)
    if code is not None:
        told["outcome_reason"] = code
    return told


def type_of(operation: Operation) -> str:
    """The type of a record whose source gives none."""
    return _FACTS[operation].type


def without_nulls(**members: Any) -> dict[str, Any]:
    """The members that are not ``None``."""
    return {name: given for name, given in members.items() if given is not None}


def digest_of(groups: Mapping[str, Mapping[str, Any]]) -> str | None:
    """The hash of what happened: of the content, of what was shown, of what nobody could read."""
    for group, member in _DIGESTS:
        digest: str | None = groups.get(group, {}).get(member)
        if digest is not None:
            return digest
    return None


def organisation_as_json(code: str | None, name: str | None) -> dict[str, str] | None:
    """An organisation as answers give it; ``None`` where nothing names it."""
    if code:
        told: dict[str, str] = plain(Organisation.of(code, name or None))
        return told
    return {"name": name} if name else None


def _time(record: AuditRecord, logged_at: datetime) -> dict[str, Any]:
    """The claimed times beside our own. A clock ahead of ours is suspect; one behind may not be."""
    stated_at, kafka_at = record.stated_at, record.source.kafka_at
    recorded_at = record.recorded_at or logged_at
    latest = logged_at + _SUSPECT_AFTER
    told: dict[str, Any] = {
        "recorded_at": instant(recorded_at),
        "logged_at": instant(logged_at),
        "time_suspect": recorded_at > latest or (kafka_at is not None and kafka_at > latest),
    }
    if stated_at is not None:
        told["stated_at"] = instant(stated_at)
    if kafka_at is not None:
        told["skew_ms"] = (logged_at - kafka_at) // _MILLISECOND
    return told
