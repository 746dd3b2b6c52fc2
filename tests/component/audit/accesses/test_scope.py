"""Officers see what their own organisation did, and plans of people whom it looks after."""

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from shared.cli.token import professional
from tests.component.audit.bench import Bench, access, event
from tests.component.audit.door import Door, open_door

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]

HERE, THERE = UUID(int=1), UUID(int=2)
OFFICERS = ("privacy-officer", "caldicott-guardian")


def actor(org: str, sub: str = "other") -> dict[str, Any]:
    return {"kind": "professional", "id": sub, "role": "gp", "organisation": {"ods": org}}


async def fill(door: Door) -> None:
    """Two plans: ZZG01 opened the one, and ZZL01 looked after the person of the other once."""
    relationship: dict[str, Any] = {
        "type": "careplan.care-team.relationship-established.v1",
        "entry_type": "relationship",
        "content": {"organisation": {"ods": "ZZL01"}, "live_until": "2024-01-01T00:00:00Z"},
        "fields": ["organisation", "live_until"],
    }
    opened: dict[str, Any] = {
        "type": "careplan.person.plan-opened.v1",
        "entry_type": "person",
        "content": {},
    }
    messages = [
        event("person", position=1, fields=[], **opened),
        event("care-team", position=1, plan=2, org="ZZP01", **relationship),
        access(3, actor=actor("ZZG01"), plan_id=str(THERE)),
        access(4, actor=actor("ZZL01"), plan_id=str(THERE)),
        access(5, actor=actor("ZZA01"), plan_id=str(THERE)),
        access(6, actor=actor("ZZA01"), plan_id=str(HERE)),
        access(7, actor=actor("ZZG01", "vera"), plan_id=str(HERE)),
    ]
    for count, message in enumerate(messages, 1):
        await door.bench.publish(message)
        await door.bench.until_recorded(count)


async def test_an_auditor_sees_no_more_unless_the_deployment_says_so(
    bench: Bench, tmp_path: Path
) -> None:
    await bench.topics("goals", "needs", "person", "care_team")
    async with open_door(bench, tmp_path, roles={}) as door:
        await fill(door)
        for org, idxs in (("ZZG01", [0, 2, 6]), ("ZZL01", [3]), ("ZZZ01", [])):
            assert await seen(door, "/v1/audit/records", org, "auditor") == idxs
        found = await seen(door, f"/v1/audit/records?plan_id={HERE}", "ZZG01", "auditor")
        assert found == [0, 5, 6]


async def seen(door: Door, path: str, org: str, role: str) -> list[int] | tuple[int, str]:
    answer = await door.client.get(path, headers=door.token(role, org))
    if answer.status_code != 200:
        return answer.status_code, answer.json()["code"]
    items = answer.json()["items"]
    return sorted(item["idx"] for item in items)


@pytest.mark.parametrize("role", OFFICERS)
async def test_an_officer_sees_their_organisations_doings_and_the_plans_it_relates_to(
    door: Door, role: str
) -> None:
    await fill(door)
    wanted: dict[tuple[str, str], Any] = {
        ("records", "ZZG01"): [0, 2, 6],
        ("records", "ZZL01"): [3],
        ("records", "ZZA01"): [4, 5],
        ("records", "ZZZ01"): [],
        ("records?organisation=ZZG01", "ZZG01"): [0, 2, 6],
        ("records?organisation=ZZA01", "ZZG01"): (403, "not-permitted"),
        (f"records?plan_id={HERE}", "ZZG01"): [0, 5, 6],
        (f"records?plan_id={HERE}&organisation=ZZA01", "ZZG01"): [5],
        (f"records?plan_id={THERE}", "ZZG01"): [2],
        (f"records?plan_id={THERE}&organisation=ZZA01", "ZZG01"): (403, "not-permitted"),
        (f"records?plan_id={THERE}", "ZZL01"): [1, 2, 3, 4],
        (f"plans/{HERE}/accesses", "ZZG01"): [5, 6],
        (f"plans/{HERE}/accesses", "ZZA01"): [5],
        (f"plans/{THERE}/accesses?organisation=ZZA01", "ZZL01"): [4],
        (f"plans/{THERE}/accesses?organisation=ZZA01", "ZZG01"): (403, "not-permitted"),
    }
    found = {(path, org): await seen(door, f"/v1/audit/{path}", org, role) for path, org in wanted}
    assert found == wanted
    assert await seen(door, "/v1/audit/records", "ZZZ01", "auditor") == [*range(7)]


@pytest.mark.parametrize("role", OFFICERS)
async def test_a_record_of_others_is_not_told_from_one_that_is_not_there(
    door: Door, role: str
) -> None:
    await fill(door)
    headers = door.token(role, "ZZG01")
    shown = []
    for idx in range(8):
        answer = await door.client.get(f"/v1/audit/records/{idx}", headers=headers)
        if answer.status_code == 200:
            shown.append(idx)
        else:
            assert (answer.status_code, answer.json()["code"]) == (404, "record-unknown")
            assert answer.json()["detail"] == "The audit has no record at this place."
    assert shown == [0, 2, 5, 6]


async def test_nobody_asks_the_audit_about_themselves(door: Door) -> None:
    await fill(door)
    vera = door.bearer({**professional("ZZG01", "privacy-officer", "Vera"), "sub": "vera"})
    for path in ("records?contributor=vera", f"plans/{HERE}/accesses?actor=vera"):
        answer = await door.client.get(f"/v1/audit/{path}", headers=vera)
        assert (answer.status_code, answer.json()["code"]) == (403, "conflict-of-interest")
