"""Nothing of a plan leaves on a decision that does not allow it, nor before it is recorded."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import orjson
import pytest
from starlette.requests import Request

from services.plan.doors.release import Release
from services.plan.reads.view import ListView, PlanView
from shared.chassis.accesses.record import Asked, What
from shared.chassis.policy.decide import POLICY_VERSION, Decision
from shared.chassis.policy.redaction.of_a_plan import PlanMarks
from shared.chassis.wire.position import Position
from shared.chassis.wire.problem import Problem
from shared.ledger import Contributor, Organisation
from tests.component.plan.withheld.readers import EVERYTHING
from tests.unit.listed_accesses import ListedAccesses

PLAN_ID = UUID(int=1)
BODY = b'{"sections":{"goals":[],"needs":[]}}'
LEFT = {"section": "needs", "entry_id": "1", "field": None, "rule": "label"}
NOTHING_WITHHELD = PlanMarks(()).withheld_from(EVERYTHING)
VIEW = PlanView(
    *(PLAN_ID, 3, BODY, Position(PLAN_ID, {"goals": 7}), NOTHING_WITHHELD),
    redactions=(LEFT,),
    more_headers={"Link": "<x>"},
)
LIST = ListView(b"[]", (LEFT,))
NURSE = Contributor("professional", "a", "Ann Synth", "nurse", Organisation("ZZC01"))
ALLOWED = Asked(NURSE, Decision(allowed=True), What.PLAN, PLAN_ID)
REFUSED = Asked(NURSE, Decision(allowed=False, code="not-permitted"), What.PLAN, PLAN_ID)


def request(*held: str) -> Request:
    headers = [(b"if-none-match", tag.encode()) for tag in held]
    return Request({"type": "http", "headers": headers})


def release(lag: Callable[[], float | None] = lambda: 0.0) -> tuple[Release, ListedAccesses]:
    accesses = ListedAccesses()
    return Release(accesses, lag), accesses


def recorded(accesses: ListedAccesses) -> list[dict[str, Any]]:
    return [orjson.loads(row.record) for row in accesses.rows]


def test_a_refusal_releases_nothing() -> None:
    door, accesses = release()
    for held in ((), ("*",)):
        with pytest.raises(PermissionError):
            asyncio.run(door.plan(request(*held), REFUSED, VIEW))
    with pytest.raises(PermissionError):
        asyncio.run(door.list(REFUSED, LIST))
    assert not accesses.rows


def test_a_record_says_the_same_however_often_its_bytes_are_shown() -> None:
    door, accesses = release()
    others = [
        replace(ALLOWED, decision=replace(ALLOWED.decision)),
        replace(ALLOWED, contributor=replace(NURSE, sub="b")),
        replace(ALLOWED, purpose="review"),
        replace(ALLOWED, what=What.EMERGENCY),
        replace(ALLOWED, more={"limit": 3}),
        replace(ALLOWED, query="/v1/plans/1?x"),
    ]
    for asked in (ALLOWED, ALLOWED, *others, ALLOWED):
        for held in ((), (VIEW.etag,)):
            asyncio.run(door.plan(request(*held), asked, VIEW))
            asyncio.run(door.plan(request(*held), asked, replace(VIEW)))
    remembered, anew = accesses.rows[::2], accesses.rows[1::2]
    for one, other in zip(remembered, anew, strict=True):
        assert one.record == other.record.replace(
            str(other.access_id).encode(), str(one.access_id).encode()
        )
        assert orjson.loads(one.record)["record_id"] == str(one.access_id)
    assert len({row.record.partition(b",")[2] for row in anew}) == 2 * 5


LAST = replace(VIEW, body=b'{"sections":{}}', version=2, revision=9)


@pytest.mark.parametrize(
    ("stands_at", "asked", "read_again"),
    [
        (9, ALLOWED, False),
        (10, ALLOWED, True),
        (9, replace(ALLOWED, decision=replace(ALLOWED.decision, override="break-glass")), True),
    ],
)
def test_a_remembered_plan_leaves_only_where_it_stands(
    stands_at: int, asked: Asked, *, read_again: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    door, accesses = release()
    accesses.stands_at = stands_at
    monkeypatch.setattr(accesses._overrides, "keep", keeping_an_override)
    times = 0

    async def read() -> PlanView:
        nonlocal times
        times += 1
        return VIEW

    given = VIEW if read_again else LAST
    answer = asyncio.run(door.current(request(), asked, LAST, read))
    assert (answer.body, times) == (given.body, int(read_again))
    assert answer.headers["etag"] == given.etag
    if asked.decision.override is None:
        (told,) = recorded(accesses)
        assert told["body_sha256"] == given.sha256
        assert answer.headers["ledger-access-id"] == str(accesses.rows[0].access_id)
    unread = asyncio.run(door.current(request(LAST.etag), asked, LAST, read))
    assert unread.status_code == (200 if read_again else 304)
    asyncio.run(door.current(request(), asked, replace(LAST, revision=None), read))
    asyncio.run(door.current(request(), asked, None, read))
    assert times == 2 + 2 * read_again
    with pytest.raises(PermissionError):
        asyncio.run(door.current(request(), REFUSED, LAST, read))


async def keeping_an_override(*_: object) -> tuple[UUID, datetime]:
    return UUID(int=5), datetime(2026, 12, 1, tzinfo=UTC)


def test_a_plan_leaves_with_what_it_was_decided_on() -> None:
    door, accesses = release(lambda: 1.26)
    answer = asyncio.run(door.plan(request(), ALLOWED, VIEW, waited=True))
    assert answer.body == BODY
    assert answer.headers["ledger-policy"] == POLICY_VERSION
    assert answer.headers["ledger-version"] == "3"
    assert answer.headers["ledger-position"] == VIEW.position.encode()
    assert answer.headers["ledger-lag"] == "1.3"
    assert answer.headers["preference-applied"] == "wait"
    assert answer.headers["link"] == "<x>"
    assert answer.headers["ledger-access-id"] == str(accesses.rows[0].access_id)
    (told,) = recorded(accesses)
    assert (told["operation"], told["what"], told["status"]) == ("read", "plan", 200)
    assert (told["plan_version"], told["sections"]) == (3, ["goals", "needs"])
    assert told["redactions"] == [LEFT]
    assert (told["body_sha256"], told["body_length"]) == (sha256(BODY).hexdigest(), len(BODY))


def test_who_has_it_already_is_recorded_with_what_they_have() -> None:
    door, accesses = release(lambda: None)
    same = asyncio.run(door.plan(request('"x"', VIEW.etag), ALLOWED, VIEW))
    assert (same.status_code, same.body, same.headers["etag"]) == (304, b"", VIEW.etag)
    assert same.headers["ledger-lag"] == "unknown"
    (told,) = recorded(accesses)
    assert (told["status"], told["body_sha256"]) == (304, VIEW.sha256)


def test_a_list_is_recorded_with_its_own_bytes() -> None:
    door, accesses = release()
    answer = asyncio.run(door.list(ALLOWED, LIST))
    assert answer.headers["ledger-lag"] == "0"
    (told,) = recorded(accesses)
    assert (told["body_sha256"], told["redactions"]) == (sha256(b"[]").hexdigest(), [LEFT])


def test_what_cannot_be_recorded_does_not_leave() -> None:
    door, accesses = release()
    accesses.is_away = True
    for answer in (door.plan(request(), ALLOWED, VIEW), door.list(ALLOWED, LIST)):
        with pytest.raises(Problem, match="unavailable"):
            asyncio.run(answer)
    with pytest.raises(Problem, match="unavailable"):
        asyncio.run(door.denied(REFUSED))


def test_a_no_is_recorded_without_content() -> None:
    door, accesses = release()
    problem = asyncio.run(door.denied(REFUSED))
    assert (problem.code, problem.status) == ("not-permitted", 403)
    assert problem.headers["Ledger-Access-Id"] == str(accesses.rows[0].access_id)
    (told,) = recorded(accesses)
    assert (told["operation"], told["decision"], told["code"]) == (
        "denial",
        "deny",
        "not-permitted",
    )
    assert not told.keys() & {"body_sha256", "body_length", "plan_version", "sections"}
