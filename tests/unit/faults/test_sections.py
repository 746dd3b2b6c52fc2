"""The judge of the sections finds whatever is not as it was promised, and nothing else."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.faults.judge.evidence import Stored, leaf_hash_of
from tests.faults.judge.findings import Findings
from tests.faults.judge.published import Published
from tests.faults.judge.sections import (
    judge_answers,
    judge_openings,
    judge_origin,
    judge_published,
    judge_reused,
    judge_store,
    judge_unanswered,
)
from tests.faults.load.sent import REUSED, Party, Sent

PLAN, GOAL = "0199c0de-0000-7000-8000-0000000000a1", "0199c0de-0000-7000-8000-0000000000e1"
C1, C2, C3 = (str(UUID(int=number)) for number in (1, 2, 3))
AT = datetime(2026, 11, 24, 8, tzinfo=UTC)
RECORDED_BY = {"kind": "professional", "organisation": {"ods": "ZZG01"}}


@dataclass
class World:
    """One goal, agreed and reworded, as all of it should be; and a refusal."""

    sent: list[Sent]
    reused: list[Sent]
    stored: list[Stored]
    receipts: dict[str, dict[str, Any]]
    published: list[Published]

    def judged(self) -> Findings:
        found = Findings()
        judge_store("goals", self.stored, found)
        judge_answers(self.sent, self.stored, self.receipts, found)
        judge_reused(self.reused, found)
        judge_origin(self.sent, self.stored, found)
        judge_published({event.key: event for event in self.stored}, self.published, found)
        return found


def world() -> World:
    agreed = said(C1, "agree", {"aim": {"text": "Walk"}, "need_ids": [{"entry_id": "n1"}]})
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


def said(contribution_id: str, command: str, content: dict[str, Any]) -> Sent:
    contribution = {
        "contribution_id": contribution_id,
        "plan_id": PLAN,
        "command": f"careplan.goals.commands.{command}.v1",
        "entry_id": GOAL,
        "content": content,
    }
    return Sent(
        "goals", contribution, Party("professional", "ZZG01"), "http", f"n-{contribution_id}"
    )


def event(version: int, type_: str, sent: Sent) -> Stored:
    ids = {"plan_id": PLAN, "entry_id": GOAL, "contribution_id": sent.id}
    state = {
        "timestamp": "2026-11-24T08:00:00Z",
        **sent.contribution["content"],
        "provenance": {**ids, "recorded_by": RECORDED_BY, "reason": sent.nonce},
    }
    raw = json.dumps(state).encode()
    at = AT + timedelta(seconds=version)
    command = sent.contribution["command"]
    because = (b'{"jti":"t-1"}', "2026-11-30", command)
    return hashed(Stored("goals", version, GOAL, version, type_, raw, at, None, *because))


def hashed(stored: Stored) -> Stored:
    return replace(stored, leaf_hash=leaf_hash_of(stored))


def receipt(stored: Stored) -> dict[str, Any]:
    return {
        "outcome": "accepted",
        "entry_id": stored.entry_id,
        "events": [{"type": stored.type, "entry_version": stored.version}],
        "recorded_at": stored.recorded_at.isoformat(),
    }


def message(stored: Stored) -> Published:
    told = {
        "plan_id": PLAN,
        "section": "goals",
        "entry_id": GOAL,
        "entry_version": stored.version,
        "type": stored.type,
        "change": "created" if stored.version == 1 else "amended",
        "contribution_id": stored.contribution_id,
        "recorded_at": stored.recorded_at.isoformat(),
        "content": stored.content,
        "fields": list(stored.content),
        "provenance": {"recorded_by": RECORDED_BY, "reason": stored.provenance["reason"]},
    }
    headers = {
        "ce_id": f"{GOAL}.{stored.version}",
        "ce_source": "urn:careplan:section:goals",
        "ce_type": stored.type,
        "ce_partitionkey": PLAN,
        "ce_causationid": stored.contribution_id,
        "ce_position": str(stored.position),
        "ce_leafhash": stored.leaf_hash or "",
        "ce_command": stored.command or "",
        "ce_policyversion": stored.policy_version or "",
        "ce_authclaims": (stored.authn or b"").decode(),
    }
    encoded = {name: text.encode() for name, text in headers.items()}
    topic = "careplan.goals.events.v1"
    return Published(topic, 0, PLAN.encode(), json.dumps(told).encode(), encoded)


def altered(record: Published, **members: Any) -> Published:
    return replace(record, value=json.dumps({**record.told, **members}).encode())


def with_header(record: Published, **headers: bytes) -> Published:
    return replace(record, headers={**record.headers, **headers})


def test_a_world_as_it_should_be_has_nothing_to_be_found() -> None:
    assert world().judged().lines() == []


def _no_answer(it: World) -> None:
    it.sent[0].answers.clear()


def _two_answers(it: World) -> None:
    it.sent[0].answers.append({**it.sent[0].answers[0], "recorded_at": "2026-11-24T09:00:00+00:00"})


def _event_gone(it: World) -> None:
    del it.stored[1]


def _event_twice(it: World) -> None:
    it.stored.append(hashed(replace(it.stored[1], position=3, version=3)))


def _stored_refused(it: World) -> None:
    it.stored.append(event(3, "careplan.goals.reworded.v1", it.sent[2]))


def _other_words(it: World) -> None:
    raw = it.stored[1].raw.replace(b"Walk far", b"Walk on")
    it.stored[1] = hashed(replace(it.stored[1], raw=raw))
    it.published[1] = message(it.stored[1])


def _field_lost(it: World) -> None:
    state = it.stored[0].state
    del state["need_ids"]
    it.stored[0] = hashed(replace(it.stored[0], raw=json.dumps(state).encode()))
    it.published[0] = message(it.stored[0])


def _other_bytes(it: World) -> None:
    it.stored[1] = replace(it.stored[1], raw=it.stored[1].raw + b" ")


def _hash_of_nothing(it: World) -> None:
    it.stored[1] = replace(it.stored[1], leaf_hash=None)


def _position_left_out(it: World) -> None:
    it.stored[1] = replace(it.stored[1], position=3)


def _time_falls(it: World) -> None:
    it.stored[1] = replace(it.stored[1], recorded_at=AT - timedelta(days=1))


def _receipt_gone(it: World) -> None:
    del it.receipts[C1]


def _receipt_of_another(it: World) -> None:
    it.receipts[C1]["outcome"] = "refused"


def _from_nobody(it: World) -> None:
    del it.sent[1]


def _reused_and_answered(it: World) -> None:
    it.reused[0].answers[:] = it.sent[0].answers


def _not_published(it: World) -> None:
    del it.published[1]


def _published_out_of_turn(it: World) -> None:
    it.published.reverse()


def _published_unstored(it: World) -> None:
    later = message(hashed(replace(it.stored[1], position=3, version=3)))
    it.published.append(later)


def _published_in_two_forms(it: World) -> None:
    it.published.append(altered(it.published[1], more=1))


def _content_left_out(it: World) -> None:
    content = it.published[0].told["content"]
    it.published[0] = altered(it.published[0], content={"aim": content["aim"]}, fields=["aim"])


def _field_left_out(it: World) -> None:
    it.published[0] = altered(it.published[0], fields=["aim"])


def _recorded_by_another(it: World) -> None:
    told = {**it.published[0].told["provenance"], "recorded_by": {"kind": "system"}}
    it.published[0] = altered(it.published[0], provenance=told)


def _header_of_another(it: World) -> None:
    it.published[0] = with_header(it.published[0], ce_leafhash=b"00")


def _key_of_another(it: World) -> None:
    it.published[0] = replace(it.published[0], key=b"another")


@pytest.mark.parametrize(
    ("spoil", "kind"),
    [
        (_no_answer, "lost"),
        (_two_answers, "wrong"),
        (_event_gone, "lost"),
        (_event_twice, "doubled"),
        (_stored_refused, "wrong"),
        (_other_words, "wrong"),
        (_field_lost, "wrong"),
        (_other_bytes, "wrong"),
        (_hash_of_nothing, "wrong"),
        (_position_left_out, "wrong"),
        (_time_falls, "reordered"),
        (_receipt_gone, "lost"),
        (_receipt_of_another, "wrong"),
        (_from_nobody, "wrong"),
        (_reused_and_answered, "wrong"),
        (_not_published, "lost"),
        (_published_out_of_turn, "reordered"),
        (_published_unstored, "wrong"),
        (_published_in_two_forms, "wrong"),
        (_content_left_out, "wrong"),
        (_field_left_out, "wrong"),
        (_recorded_by_another, "wrong"),
        (_header_of_another, "wrong"),
        (_key_of_another, "wrong"),
    ],
)
def test_one_thing_that_is_not_as_promised_is_found(
    spoil: Callable[[World], None], kind: Any
) -> None:
    it = world()
    spoil(it)
    found = it.judged()
    assert found.count(kind) > 0, found.lines()


def test_an_entry_begun_again_says_of_every_leaf_what_has_become_of_it() -> None:
    it = world()
    again = altered(it.published[1], change="restored")
    it.published[1] = altered(again, fields=["aim", "need_ids"])
    assert it.judged().lines() == []
    it.published[1] = again
    [line] = it.judged().lines()
    assert line.endswith("is begun again, and keeps ['need_ids']")
    it.published[1] = altered(it.published[1], change="amended", fields=["aim", "need_ids"])
    assert it.judged().count("wrong") == 1


def test_what_nobody_answered_is_there_entirely_or_not_at_all() -> None:
    it = world()
    silent = it.sent[:1]

    def judged(stored: list[Stored], receipts: dict[str, Any]) -> int:
        found = Findings()
        judge_unanswered(silent, stored, receipts, found)
        return len(found.all)

    assert judged(it.stored, it.receipts) == 0
    assert judged([], {}) == 0
    assert judged([], it.receipts) == 1
    assert judged(it.stored, {}) == 1


def test_a_person_has_one_open_plan_at_a_time() -> None:
    def person(position: int, plan: str, word: str) -> Stored:
        state = {"nhs_number": {"value": "9990000000"}, "provenance": {}}
        raw, type_ = json.dumps(state).encode(), f"careplan.person.{word}.v1"
        return Stored("person", position, plan, 1, type_, raw, AT, None)

    def judged(*events: Stored) -> int:
        found = Findings()
        judge_openings([], events, found)
        return found.count("doubled")

    first, second = person(1, "p1", "plan-opened"), person(3, "p2", "plan-opened")
    assert judged(first, second) == 1
    assert judged(first, person(2, "p1", "plan-ended"), second) == 0
    assert judged(first, person(2, "p1", "entered-in-error"), second) == 0
    again = person(4, "p1", "plan-reopened")
    assert judged(first, person(2, "p1", "plan-ended"), second, again) == 1
