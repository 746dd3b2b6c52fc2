"""One goal, agreed and reworded, as all of it should be; and a refusal: what tests spoil."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from tests.faults.judge.evidence import Stored, leaf_hash_of
from tests.faults.judge.findings import Findings
from tests.faults.judge.messages import judge_published
from tests.faults.judge.published import Published
from tests.faults.judge.said import judge_said
from tests.faults.judge.sections import (
    judge_answers,
    judge_origin,
    judge_reused,
    judge_store,
)
from tests.faults.load.sent import NAME, REUSED, Party, Sent

PLAN, GOAL = "0199c0de-0000-7000-8000-0000000000a1", "0199c0de-0000-7000-8000-0000000000e1"
C1, C2, C3 = (str(UUID(int=number)) for number in (1, 2, 3))
AT = datetime(2026, 11, 24, 8, tzinfo=UTC)
NURSE = Party("professional", "ZZG01", role="nurse")
NEED = {"section": "needs", "entry_id": "0199c0de-0000-7000-8000-0000000000b1"}
RECORDED_BY = {
    "kind": "professional",
    "name": NAME,
    "role": "nurse",
    "organisation": {"ods": "ZZG01"},
    "identifier": {"kind": "sub", "value": NURSE.claims["sub"]},
}


@dataclass
class World:
    """All that the judge of the sections looks at."""

    sent: list[Sent]
    reused: list[Sent]
    stored: list[Stored]
    receipts: dict[str, dict[str, Any]]
    published: list[Published]

    def judged(self) -> Findings:
        """What it finds."""
        found = Findings()
        judge_store("goals", self.stored, found)
        judge_answers(self.sent, self.stored, self.receipts, found)
        judge_reused(self.reused, found)
        judge_origin(self.sent, self.stored, found)
        events = {event.key: event for event in self.stored}
        first = judge_published(events, self.published, self.sent, found)
        judge_said(self.sent, self.stored, first, found)
        return found


def world() -> World:
    """As it should be."""
    agreed = said(
        C1,
        "agree",
        {"aim": {"text": "Walk"}, "need_ids": [NEED]},
        stated_at="2026-11-24T08:30:00+01:00",
    )
    reworded = said(C2, "reword", {"aim": {"text": "Walk far"}})
    refused = said(C3, "reword", {"aim": {"text": "Late"}})
    stored = [
        event(1, "careplan.goals.agreed.v1", agreed),
        event(2, "careplan.goals.reworded.v1", reworded),
    ]
    for one, its in zip((agreed, reworded), stored, strict=True):
        one.answers.append(receipt(its))
    refused.answers.append({"outcome": "refused", "code": "base-version-stale"})
    receipts = {one.id: {**one.answers[0], "last_position": None} for one in (agreed, reworded)}
    for its in stored:
        receipts[its.contribution_id]["last_position"] = its.position
    receipts[C3] = {**refused.answers[0], "last_position": None}
    again = said(C1, "agree", {"aim": {"text": "Another"}})
    again.answers.append({"outcome": "refused", "code": REUSED, "kept": False})
    return World(
        [agreed, reworded, refused], [again], stored, receipts, [message(its) for its in stored]
    )


def said(contribution_id: str, command: str, content: dict[str, Any], **provenance: str) -> Sent:
    """One contribution to the goal."""
    contribution = {
        "contribution_id": contribution_id,
        "plan_id": PLAN,
        "command": f"careplan.goals.commands.{command}.v1",
        "entry_id": GOAL,
        "content": content,
        "provenance": {"reason": f"n-{contribution_id}", **provenance},
    }
    return Sent("goals", contribution, NURSE, "http", f"n-{contribution_id}")


def event(version: int, type_: str, sent: Sent) -> Stored:
    """Its event as it is stored."""
    ids = {"plan_id": PLAN, "entry_id": GOAL, "contribution_id": sent.id}
    provenance = {**ids, "recorded_by": RECORDED_BY, "stated_by": RECORDED_BY, "reason": sent.nonce}
    if "stated_at" in sent.contribution["provenance"]:
        provenance["stated_at"] = "2026-11-24T07:30:00Z"
    state = {
        "timestamp": "2026-11-24T08:00:00Z",
        **sent.contribution["content"],
        "provenance": provenance,
    }
    return hashed(
        Stored(
            section="goals",
            position=version,
            entry_id=GOAL,
            version=version,
            type=type_,
            raw=json.dumps(state).encode(),
            recorded_at=AT + timedelta(seconds=version),
            leaf_hash=None,
            authn=json.dumps(NURSE.signed_in).encode(),
            policy_version="2026-11-30",
            command=sent.contribution["command"],
            inputs=b"\xab" * 32,
        )
    )


def hashed(stored: Stored) -> Stored:
    """The same with the hash that belongs to it."""
    return replace(stored, leaf_hash=leaf_hash_of(stored))


def receipt(stored: Stored) -> dict[str, Any]:
    """The answer to the contribution of an event."""
    return {
        "outcome": "accepted",
        "entry_id": stored.entry_id,
        "events": [{"type": stored.type, "entry_version": stored.version}],
        "recorded_at": stored.recorded_at.isoformat(),
    }


def message(stored: Stored) -> Published:
    """An event as it is published, written out."""
    recorded_at = stored.recorded_at.isoformat().replace("+00:00", "Z")
    stated_at = stored.provenance.get("stated_at", recorded_at)
    provenance = {
        name: given for name, given in stored.provenance.items() if not name.endswith("_id")
    }
    told = {
        "plan_id": PLAN,
        "section": "goals",
        "entry_id": GOAL,
        "entry_type": "goal",
        "entry_version": stored.version,
        "type": stored.type,
        "change": "created" if stored.version == 1 else "amended",
        "contribution_id": stored.contribution_id,
        "recorded_at": recorded_at,
        "content": stored.content,
        "fields": list(stored.content),
        "provenance": {**provenance, "stated_at": stated_at},
    }
    headers = {
        "content-type": "application/json",
        "ce_specversion": "1.0",
        "ce_id": f"{GOAL}.{stored.version}",
        "ce_source": "urn:careplan:section:goals",
        "ce_type": stored.type,
        "ce_subject": f"plan/{PLAN}/goals",
        "ce_time": stated_at,
        "ce_recordedtime": recorded_at,
        "ce_dataschema": f"urn:careplan:contract:{stored.type.removesuffix('.v1')}:1.0",
        "ce_partitionkey": PLAN,
        "ce_entryid": GOAL,
        "ce_entryversion": str(stored.version),
        "ce_position": str(stored.position),
        "ce_causationid": stored.contribution_id,
        "ce_authtype": "user",
        "ce_authclaims": (stored.authn or b"").decode(),
        "ce_policyversion": stored.policy_version or "",
        "ce_policyinputs": (stored.inputs or b"").hex(),
        "ce_command": stored.command or "",
        "ce_leafhash": stored.leaf_hash or "",
    }
    encoded = {name: text.encode() for name, text in headers.items()}
    topic = "careplan.goals.events.v1"
    return Published(topic, 0, PLAN.encode(), json.dumps(told).encode(), encoded)


def altered(record: Published, **members: Any) -> Published:
    """The same with other members of its envelope."""
    return replace(record, value=json.dumps({**record.told, **members}).encode())


def restated(it: World, number: int, **content: Any) -> None:
    """An event that says something else, wherever it is."""
    state = {**it.stored[number].state, **content}
    it.stored[number] = hashed(replace(it.stored[number], raw=json.dumps(state).encode()))
    it.published[number] = message(it.stored[number])
