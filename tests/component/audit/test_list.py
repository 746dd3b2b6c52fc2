"""Who may, sees who did what, newest first."""

from datetime import datetime
from uuid import UUID

import asyncpg
import pytest

from shared.chassis.policy.decide import POLICY_VERSION
from shared.cli.token import person
from tests.component.audit.bench import event
from tests.component.audit.door import Door, fill

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


_MEMBERS = """record_id idx at logged_at operation type what status code via trace_id actor
on_behalf_of authn purpose purpose_of_use case relationship override decision policy_version
inputs_sha256 plan_id plan_version as_at sections section entry_id entry_version redactions
body_sha256 body_length media_type build event_type contribution_id result_count"""
MEMBERS = set(_MEMBERS.split())

"""The members of an item: each has all of them."""


async def test_list_when_asked_then_it_says_who_did_what_newest_first(door: Door) -> None:
    await fill(door)
    answer = await door.get()

    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "private, no-cache"
    body = answer.json()
    assert body["next"] is None
    assert [item["idx"] for item in body["items"]] == [4, 3, 2, 1, 0]
    assert all(item.keys() == MEMBERS for item in body["items"])
    unread, refused, _, _, first = body["items"]
    logged_at = first.pop("logged_at")
    assert datetime.fromisoformat(logged_at) > datetime.fromisoformat(first["at"])
    told = {name: given for name, given in first.items() if given is not None}
    assert str(UUID(told["contribution_id"])) == told.pop("contribution_id")
    assert told == {
        "record_id": f"goals/{UUID(int=1)}.1",
        "idx": 0,
        "at": "2024-11-20T08:00:00Z",
        "operation": "change",
        "type": "careplan.goals.agreed.v1",
        "event_type": "careplan.goals.agreed.v1",
        "trace_id": f"{1:032x}",
        "actor": {
            "kind": "professional",
            "id": "quill",
            "name": "Dr A. Quill-Synth",
            "role": "gp",
            "organisation": {"ods": "ZZG01", "name": "Quill Surgery"},
        },
        "authn": {
            "jti": "t-event",
            "client_id": None,
            "idp": "cis2",
            "acr": None,
            "auth_time": None,
        },
        "policy_version": "2026-11-30",
        "decision": "permit",
        "inputs_sha256": "ab" * 32,
        "plan_id": str(UUID(int=1)),
        "sections": ["goals"],
        "section": "goals",
        "entry_id": str(UUID(int=1)),
        "entry_version": 1,
    }
    assert "Walk to the shop" not in answer.text
    assert answer.headers["ledger-policy"] == POLICY_VERSION
    assert (refused["operation"], refused["code"]) == ("refusal", "base-version-stale")
    assert (refused["type"], refused["authn"]["jti"]) == ("contribution.refused", "t-1")
    assert (unread["operation"], unread["actor"]) == ("unreadable", None)


async def test_list_when_the_reader_is_no_auditor_then_how_people_signed_in_is_not_shown(
    door: Door,
) -> None:
    await fill(door)
    for role in ("privacy-officer", "caldicott-guardian"):
        items = (await door.get(headers=door.token(role))).json()["items"]
        assert [item["idx"] for item in items] == [3, 2, 0]
        assert all(item["authn"] is None for item in items)


async def test_list_when_a_group_was_erased_then_the_rest_is_shown(door: Door) -> None:
    await fill(door)
    owner = await asyncpg.connect(door.bench.made.owner_url)
    try:
        for number in range(1, 13):
            await owner.execute("SELECT erase_group(0, $1, 'a test')", number)
    finally:
        await owner.close()
    item = (await door.get()).json()["items"][-1]

    assert item.keys() == MEMBERS
    assert (item["record_id"], item["operation"]) == (f"goals/{UUID(int=1)}.1", "change")
    assert item["actor"] == {
        "kind": "professional",
        "id": "quill",
        "name": None,
        "role": None,
        "organisation": {"ods": "ZZG01"},
    }
    assert item["authn"] is None


async def test_list_when_paged_while_records_arrive_then_each_is_there_once(door: Door) -> None:
    bench = door.bench
    await bench.publish(*[event(position=n, entry=n) for n in range(1, 12)])
    await bench.until_recorded(11)
    seen: list[int] = []
    query, position = "?limit=3", 12
    while True:
        body = (await door.get(query)).json()
        seen += [item["idx"] for item in body["items"]]
        if body["next"] is None:
            break
        await bench.publish(event(position=position, entry=position))
        await bench.until_recorded(position)
        position += 1
        query = f"?limit=3&cursor={body['next']}"
    assert seen == list(range(10, -1, -1))


async def test_list_when_the_purpose_is_another_then_it_is_refused(door: Door) -> None:
    for sent, status, code in (
        ("audit", 200, None),
        ("direct-care", 403, "not-permitted"),
        ("support", 403, "not-permitted"),
        ("curiosity", 400, "parameter-invalid"),
    ):
        answer = await door.get(headers={**door.token(), "Ledger-Purpose": sent})
        assert (answer.status_code, answer.json().get("code")) == (status, code)


async def test_list_when_the_caller_may_not_then_a_problem(door: Door) -> None:
    for role in ("privacy-officer", "caldicott-guardian", "auditor"):
        assert (await door.get(headers=door.token(role))).status_code == 200
    refused = await door.get("?colour=blue", headers=door.token("gp"))
    assert (refused.status_code, refused.json()["code"]) == (403, "not-permitted")
    claims = person(str(UUID(int=1)), "Edith Marlow-Synth")
    token = {"Authorization": f"Bearer {door.issuer.signer.sign(claims)}"}
    assert (await door.get(headers=token)).status_code == 403
    assert (await door.client.get("/v1/audit/records/")).json()["code"] == "not-found"
    nobody = await door.client.get("/v1/audit/records")
    assert (nobody.status_code, nobody.json()["code"]) == (401, "token-missing")
