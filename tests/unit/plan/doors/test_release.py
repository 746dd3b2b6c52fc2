"""Nothing of a plan leaves on a decision that does not allow it."""

from uuid import UUID

import pytest
from starlette.requests import Request

from services.plan.doors.release import release_list, release_plan
from services.plan.reads.view import PlanView
from shared.chassis.policy.decide import POLICY_VERSION, Decision
from shared.chassis.wire.position import Position

REFUSED = Decision(allowed=False, code="not-permitted")
PLAN_ID = UUID(int=1)
VIEW = PlanView(PLAN_ID, 3, b"{}", Position(PLAN_ID, {"goals": 7}), {"Link": "<x>"})


def request(*held: str) -> Request:
    headers = [(b"if-none-match", tag.encode()) for tag in held]
    return Request({"type": "http", "headers": headers})


def test_a_refusal_releases_nothing() -> None:
    with pytest.raises(PermissionError):
        release_plan(request(), REFUSED, VIEW, lambda: 0.0, waited=False)
    with pytest.raises(PermissionError):
        release_plan(request("*"), REFUSED, VIEW, lambda: 0.0, waited=False)
    with pytest.raises(PermissionError):
        release_list(REFUSED, b"[]", lambda: 0.0)


def test_a_plan_leaves_with_what_it_was_decided_on() -> None:
    answer = release_plan(request(), Decision(allowed=True), VIEW, lambda: 1.26, waited=True)
    assert answer.body == b"{}"
    assert answer.headers["ledger-policy"] == POLICY_VERSION
    assert answer.headers["ledger-version"] == "3"
    assert answer.headers["ledger-position"] == VIEW.position.encode()
    assert answer.headers["ledger-lag"] == "1.3"
    assert answer.headers["preference-applied"] == "wait"
    assert answer.headers["link"] == "<x>"
    tag = answer.headers["etag"]
    same = release_plan(
        request('"x"', tag), Decision(allowed=True), VIEW, lambda: None, waited=False
    )
    assert (same.status_code, same.body, same.headers["etag"]) == (304, b"", tag)
    assert same.headers["ledger-lag"] == "unknown"
    assert release_list(Decision(allowed=True), b"[]", lambda: 0.0).headers["ledger-lag"] == "0"
