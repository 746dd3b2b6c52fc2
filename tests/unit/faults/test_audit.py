"""The judge of the audit finds each record that is missing, there twice or of something else."""

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.faults.judge.audit import judge_audit
from tests.faults.judge.evidence import Stored
from tests.faults.judge.findings import Findings
from tests.faults.judge.published import Published
from tests.faults.load.sent import REUSED, Party, Sent

PLAN, GOAL = "p1", "e1"
CONTENT = b'{"aim":{"text":"Walk"}}'
Records = list[dict[str, Any]]


def sent(contribution_id: str, *answers: dict[str, Any]) -> Sent:
    contribution = {"contribution_id": contribution_id, "plan_id": PLAN, "content": {}}
    return Sent("goals", contribution, Party("person"), "http", "n", answers=list(answers))


def refused(code: str, **more: Any) -> dict[str, Any]:
    return {"outcome": "refused", "code": code, **more}


ACCEPTED = sent("c1", {"outcome": "accepted"})
LATE = sent("c2", refused("plan-unknown", kept=False, retryable=True), refused("stale"))
AGAIN = sent("c1", refused(REUSED, kept=False))
EVENT = Stored(
    "goals", 1, GOAL, 1, "careplan.goals.agreed.v1",
    json.dumps({"provenance": {"contribution_id": "c1", "plan_id": PLAN}}).encode(),
    datetime.now(UTC), "ab", inputs=b"\xef",
)  # fmt: skip
VALUE = b'{"section":"goals","entry_id":"e1","entry_version":1,"content":%b}' % CONTENT
MESSAGE = Published("careplan.goals.events.v1", 0, b"p1", VALUE, {})


def records() -> Records:
    change = {
        "record_id": "goals/e1.1",
        "operation": "change",
        "contribution_id": "c1",
        "plan_id": PLAN,
        "event_type": EVENT.type,
        "leaf_hash": "ab",
        "inputs_sha256": "ef",
        "after_hash": hashlib.sha256(CONTENT).hexdigest(),
        "actor": {"kind": "person", "organisation": None},
    }
    refusals = [
        {"record_id": f"goals/{id_}.x.{code}", "operation": "refusal", "section": "goals",
         "contribution_id": id_, "code": code}
        for id_, code in (("c2", "plan-unknown"), ("c2", "stale"), ("c1", REUSED))
    ]  # fmt: skip
    told: Records = [change, *refusals]
    return [{**one, "idx": idx, "logged_at": f"t{idx}"} for idx, one in enumerate(told)][::-1]


def judged(told: Records) -> Findings:
    found = Findings()
    key = EVENT.key
    judge_audit([ACCEPTED, LATE], [AGAIN], {key: EVENT}, {key: MESSAGE}, told, found)
    return found


def of(told: Records, record_id: str) -> dict[str, Any]:
    [one] = [record for record in told if record["record_id"] == record_id]
    return one


def without(told: Records, record_id: str) -> None:
    told.remove(of(told, record_id))
    for idx, record in enumerate(reversed(told)):
        record["idx"] = idx


def once_more(told: Records, record_id: str) -> None:
    told.insert(0, {**of(told, record_id), "idx": len(told), "logged_at": "t9"})


def test_an_audit_as_it_should_be_has_nothing_to_be_found() -> None:
    assert judged(records()).lines() == []


def test_a_passing_refusal_that_reached_nobody_may_be_recorded() -> None:
    told = records()
    of(told, "goals/c2.x.stale")["contribution_id"] = "c2"
    once = sent("c2", refused("stale"))
    found = Findings()
    judge_audit([ACCEPTED, once], [AGAIN], {EVENT.key: EVENT}, {EVENT.key: MESSAGE}, told, found)
    assert found.lines() == []


@pytest.mark.parametrize(("unanswered", "found_wrong"), [(1, 0), (0, 1)])
def test_a_refusal_without_a_receipt_is_explained_by_an_answer_that_was_lost_and_by_no_other(
    unanswered: int, found_wrong: int
) -> None:
    told = records()
    of(told, "goals/c2.x.plan-unknown").update(
        record_id="goals/c2.x.role", code="role-may-not-contribute"
    )
    late = sent("c2", refused("stale"))
    late.unanswered = unanswered
    found = Findings()
    judge_audit([ACCEPTED, late], [AGAIN], {EVENT.key: EVENT}, {EVENT.key: MESSAGE}, told, found)
    assert found.count("wrong") == found_wrong


@pytest.mark.parametrize(
    ("spoil", "kind"),
    [
        (lambda told: without(told, "goals/e1.1"), "lost"),
        (lambda told: without(told, "goals/c2.x.stale"), "lost"),
        (lambda told: without(told, "goals/c2.x.plan-unknown"), "lost"),
        (lambda told: without(told, f"goals/c1.x.{REUSED}"), "lost"),
        (lambda told: once_more(told, "goals/e1.1"), "doubled"),
        (lambda told: once_more(told, "goals/c2.x.stale"), "doubled"),
        (lambda told: once_more(told, f"goals/c1.x.{REUSED}"), "doubled"),
        (lambda told: of(told, "goals/c2.x.stale").update(code="another"), "wrong"),
        (lambda told: of(told, "goals/c2.x.stale").update(contribution_id="c9"), "wrong"),
        (lambda told: of(told, "goals/e1.1").update(leaf_hash="ac"), "wrong"),
        (lambda told: of(told, "goals/e1.1").update(after_hash="ac"), "wrong"),
        (lambda told: of(told, "goals/e1.1").update(inputs_sha256="ee"), "wrong"),
        (lambda told: of(told, "goals/e1.1").update(contribution_id="c2"), "wrong"),
        (lambda told: of(told, "goals/e1.1").update(operation="unreadable"), "wrong"),
        (lambda told: of(told, "goals/e1.1")["actor"].update(kind="system"), "wrong"),
        (lambda told: told[0].update(idx=7), "wrong"),
        (lambda told: told[0].update(logged_at="s"), "reordered"),
    ],
)
def test_one_record_that_is_not_as_it_should_be_is_found(
    spoil: Callable[[Records], object], kind: Any
) -> None:
    told = records()
    spoil(told)
    found = judged(told)
    assert found.count(kind) > 0, found.lines()
