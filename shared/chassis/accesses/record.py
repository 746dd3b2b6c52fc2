"""What is recorded of one access: who asked, by which decision, and what they were shown; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final, NamedTuple, get_args, get_type_hints
from uuid import UUID

import orjson

from shared.chassis.policy.facts import Decision
from shared.chassis.policy.standing import Standing
from shared.chassis.wire.build import BUILD
from shared.chassis.wire.plain_json import plain_json
from shared.chassis.wire.remembered import Remembered
from shared.ledger import (
    PERSON,
    RELATED_PERSON,
    Authentication,
    CareTeamRef,
    Contributor,
    OnBehalfOf,
    instant,
    plain,
)

OWN_ACCESS: Final = "own-access"
EMERGENCY: Final = "emergency"

_USUAL: Final = "direct-care"
_USE: Final = {
    _USUAL: "TREAT",
    EMERGENCY: "ETREAT",
    "review": "HOPERAT",
    "audit": "HSYSADMIN",
    "support": "HSYSADMIN",
}
_BROKE_THE_GLASS: Final = "BTG"
_OF_THEIR_OWN: Final = {PERSON: "PATRQT", RELATED_PERSON: "FAMRQT"}
_OF_PROXIES: Final = get_args(get_type_hints(CareTeamRef)["section"])[0]
"""The section that records Proxies, as the ledger's words name it."""
_NOT_SAID: Final = Authentication()
_REMEMBERED_BYTES: Final = 4 * 2**20
_OF_EACH: Final = 1_024
TOLD_OF_EACH: Final = 2
TOLD_BYTES: Final = 1_500
"""How many records are remembered beside what was shown, and about what each takes."""


class What(StrEnum):
    """The kind of answer that was asked for."""

    PLAN = "plan"
    EMERGENCY = "emergency"
    VERSION = "version"
    AS_AT = "as-at"
    VERSIONS = "versions"
    HISTORY = "history"
    DIFF = "diff"
    ENTRY = "entry"
    ENTRY_HISTORY = "entry-history"
    CONTRIBUTIONS = "contributions"
    CONTRIBUTION = "contribution"
    FINDINGS = "findings"
    REVIEWS = "reviews"
    FIGURES = "figures"
    CHANGES = "changes"
    FEED = "feed"
    PEOPLE_SEARCH = "people-search"
    MEDIA = "media"
    VALIDATE = "validate"
    ACCESS_BODY = "access-body"
    FHIR = "fhir"
    PLANS = "plans"
    SEEN = "seen"
    RECALLS = "recalls"
    RECORDS = "records"
    ACCESSES = "accesses"
    DEAD_LETTERS = "dead-letters"
    DEAD_LETTER = "dead-letter"
    DEAD_LETTER_UNMASKED = "dead-letter-unmasked"
    DEAD_LETTER_RETRY = "dead-letter-retry"
    DEAD_LETTER_RETURN = "dead-letter-return"
    DEAD_LETTER_DISCARD = "dead-letter-discard"
    OVERRIDES = "overrides"
    QUESTION = "question"


class Did(StrEnum):
    """What somebody did, in the words of the audit."""

    READ = "read"
    SEARCH = "search"
    DENIAL = "denial"
    QUERY = "query"
    ALERT = "alert"
    JUSTIFICATION = "justification"
    ADMIN = "admin"
    REVIEW = "review"
    EXPORT = "export"


_TYPE: Final = {
    Did.READ: "access.read",
    Did.SEARCH: "query.search",
    Did.DENIAL: "decision.deny",
    Did.QUERY: "audit.query",
    Did.ALERT: "alert.raised",
    Did.JUSTIFICATION: "override.justify",
    Did.ADMIN: "admin.dead-letter",
    Did.REVIEW: "override.review",
    Did.EXPORT: "audit.export",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks for what, of which plan and why, and what was decided.

    ``purpose`` is what the caller said, if it is one, and ``reason`` why it is an emergency.
    ``query`` is the path with what stands behind it, where the same bytes can be made again from
    it. ``said_for`` is for whom a contribution says that it is. ``sought`` is a search in base64:
    it stands with who they are, and can be erased. ``more`` are further members.
    """

    contributor: Contributor
    decision: Decision
    what: What
    plan_id: UUID | None = None
    purpose: str | None = None
    section: str | None = None
    reason: str | None = None
    query: str | None = None
    said_for: OnBehalfOf | None = None
    sought: str | None = None
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Shown:
    """What is about to leave; for a 304 hash and length are those of what it stands for."""

    body_sha256: str
    body_length: int
    status: int = 200
    media_type: str = "application/json"
    plan_version: int | None = None
    sections: Sequence[str] = ()
    redactions: Sequence[Mapping[str, Any]] = ()
    told: dict[int, "_Told"] = field(default_factory=dict, compare=False, repr=False)
    """What records of it were made of; who gives the same bytes again, keeps the same of these."""

    @classmethod
    def of(cls, body: bytes, **others: Any) -> "Shown":
        """These bytes."""
        return cls(sha256(body).hexdigest(), len(body), **others)


def access_record(
    access_id: UUID, asked: Asked, shown: Shown | None, trace_id: str | None, did: Did | None = None
) -> bytes:
    """The record without who it was: a read where something is shown, else a denial; JSON.

    When it was, and what only the commit knows of an override, is added as it is published.
    """
    did = did or (Did.READ if shown is not None else Did.DENIAL)
    told = _told(asked, shown, did)
    trace = b"" if trace_id is None else b',"trace_id":"%b"' % trace_id.encode()
    return b'{"record_id":"%b",%b%b,%b' % (str(access_id).encode(), told.first, trace, told.rest)


class _Told(NamedTuple):
    """A record without its id and its trace: what stands before the trace, and what behind it."""

    asked: Asked
    did: Did
    first: bytes
    rest: bytes

    def is_of(self, asked: Asked, did: Did) -> bool:
        """True where a record of this says the same; the query is no part of it."""
        mine = self.asked
        return (
            did is self.did
            and asked.decision is mine.decision
            and asked.contributor is mine.contributor
            and asked.what is mine.what
            and asked.plan_id == mine.plan_id
            and asked.purpose == mine.purpose
            and asked.section == mine.section
            and asked.reason == mine.reason
            and asked.said_for is mine.said_for
            and asked.more == mine.more
        )


def _told(asked: Asked, shown: Shown | None, did: Did) -> _Told:
    """Made anew, or as it was made when these bytes were last shown on this decision."""
    name = id(asked.decision)
    kept = None if shown is None else shown.told.get(name)
    if kept is not None and kept.is_of(asked, did):
        return kept
    first, rest = _members_of(asked, shown, did)
    made = _Told(asked, did, _json(first)[1:-1], _json(rest)[1:])
    if shown is not None:
        if len(shown.told) >= TOLD_OF_EACH:
            shown.told.clear()
        shown.told[name] = made
    return made


def _json(told: Mapping[str, Any]) -> bytes:
    return plain_json({name: given for name, given in told.items() if given is not None})


def _members_of(
    asked: Asked, shown: Shown | None, did: Did
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a record says before its trace and behind it."""
    decision = asked.decision
    purpose, use = why_of(asked)
    more = dict(asked.more)
    first = {
        "operation": did,
        "type": _TYPE[did],
        "what": asked.what,
        "status": more.pop("status", 403 if shown is None else shown.status),
        "code": decision.code,
        "via": "api",
    }
    told: dict[str, Any] = {
        "purpose": purpose,
        "purpose_of_use": use,
        "relationship": standing_of(decision.relationship),
        "decision": "permit" if decision.allowed else "deny",
        "policy_version": decision.policy_version,
        "inputs_sha256": inputs_sha256(asked),
        "plan_id": None if asked.plan_id is None else str(asked.plan_id),
        "section": asked.section,
        "build": BUILD,
        **more,
    }
    if shown is not None:
        told["plan_version"] = shown.plan_version
        told["sections"] = shown.sections
        told["redactions"] = shown.redactions
        told["body_sha256"] = shown.body_sha256
        told["body_length"] = shown.body_length
        told["media_type"] = shown.media_type
    return first, told


def standing_of(one: Standing | None) -> dict[str, Any] | None:
    """A relationship as it is now: what ends it later does not change what it was."""
    if one is None:
        return None
    return {
        "id": None if one.id is None else str(one.id),
        "kind": one.kind,
        "live_from": None if one.live_from is None else instant(one.live_from),
        "live_until": None if one.live_until is None else instant(one.live_until),
        "self_claimed": one.self_claimed,
    }


def why_of(asked: Asked) -> tuple[str, str]:
    """The purpose, and its code of HL7's PurposeOfUse; people close to the person have one."""
    use = _OF_THEIR_OWN.get(asked.contributor.kind)
    if use is not None:
        return OWN_ACCESS, use
    purpose = asked.purpose or _USUAL
    if asked.decision.override is not None:
        return purpose, _BROKE_THE_GLASS
    return purpose, _USE.get(purpose, _USE[_USUAL])


def on_behalf_of(asked: Asked) -> OnBehalfOf | None:
    """For whom they act, and under which Proxy, as the decision or the contribution has it."""
    proxy = asked.decision.proxy
    if asked.said_for is not None or proxy is None:
        return asked.said_for
    return OnBehalfOf(proxy=CareTeamRef(section=_OF_PROXIES, entry_id=proxy.entry_id))


def who_of(
    contributor: Contributor, acting_for: OnBehalfOf | None = None, sought: str | None = None
) -> bytes:
    """Who it was, for whom, how they were authenticated, and what they sought: what can be erased.

    JSON.
    """
    if sought is not None:
        return b'%b,"query_raw":%b}' % (_who(contributor, acting_for)[:-1], orjson.dumps(sought))
    if acting_for is not None:
        return _who(contributor, acting_for)
    kept = _WHO.get(contributor)
    if kept is None:
        kept = bytes(memoryview(_who(contributor, None)))
        _WHO.put(contributor, kept, _OF_EACH + 2 * len(kept))
    return kept


_WHO: Final[Remembered[Contributor, bytes]] = Remembered(_REMEMBERED_BYTES)


def _who(contributor: Contributor, acting_for: OnBehalfOf | None) -> bytes:
    authn = contributor.authentication
    told = {
        "actor": {
            "kind": contributor.kind,
            "id": contributor.sub,
            "name": contributor.name,
            "role": contributor.role,
            "organisation": plain(contributor.organisation),
        },
        "on_behalf_of": plain(acting_for),
        "authn": None if authn == _NOT_SAID else plain(authn),
    }
    return orjson.dumps(told)


def inputs_sha256(asked: Asked) -> str:
    """The hash of what the decision rested on, so that it can be made again and compared."""
    return inputs_of(
        *(asked.contributor, asked.decision, asked.what, asked.plan_id),
        *(asked.section, asked.purpose, asked.reason),
    )


def inputs_of(
    contributor: Contributor,
    decision: Decision,
    what: str,
    plan_id: UUID | None,
    section: str | None = None,
    purpose: str | None = None,
    reason: str | None = None,
) -> str:
    """The same of any decision; ``what`` was asked for, or the command of a contribution."""
    organisation = contributor.organisation
    told = [
        contributor.kind,
        contributor.sub,
        contributor.role,
        contributor.service_roles,
        organisation.code if organisation else None,
        None if contributor.plan_id is None else str(contributor.plan_id),
        contributor.nhs_number_verified,
        what,
        None if plan_id is None else str(plan_id),
        section,
        purpose,
        reason,
        decision.override,
        standing_of(decision.relationship),
        None if decision.proxy is None else str(decision.proxy.entry_id),
        decision.policy_version,
    ]
    return sha256(plain_json(told)).hexdigest()
