"""Whoever guesses an id learns nothing: what is not theirs is answered as what is not there.

The answers are the same but for the id that was asked for, have the same length, leave a record of
the same form, and take the same statements of the database.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Final
from uuid import UUID

import httpx
import orjson
import pytest

from shared.chassis.accesses.recording import AccessRecords
from shared.chassis.accesses.rows import AccessRow
from shared.chassis.database.database import Database
from shared.chassis.http.identity import Identity
from shared.chassis.policy.access_copy import AccessCopy
from shared.chassis.store.event_store import EventStore, KeptReceipt
from shared.ledger import Contributor, Organisation
from tests.contract.test_policy_of_routes import routes_of
from tests.contract.test_who_may import APPS, DOES, address, client_of

PLAN: Final = UUID(int=1)
NOT_THERE: Final = UUID(int=0xDEAD)
NURSE: Final = Contributor("professional", "n", "N", "nurse", Organisation("ZZC02"))
OF_OTHERS: Final = {
    "organisation": [1, "ZZC01"], "kind": [1, "caseload"], "self_claimed": [1, False],
    "live_from": [1, "2026-01-01T00:00:00Z"],
}  # fmt: skip
OVER: Final = {
    **OF_OTHERS, "organisation": [1, "ZZC02"], "live_until": [1, "2026-02-01T00:00:00Z"],
}  # fmt: skip
OBJECTED: Final = {
    **OF_OTHERS, "organisation": [1, "ZZC02"], "objection": [2, {"scope": None}],
}  # fmt: skip


@dataclass
class Copied:
    """A database that knows who looks after whom, and notes what it is asked."""

    leaves: Sequence[Mapping[str, Any]]
    asked: list[str] = field(default_factory=list)

    async def fetch(self, sql: str, *given: Any) -> list[dict[str, Any]]:
        self.asked.append(sql)
        if "access_entry" not in sql:
            return []
        nothing = {"revision": 0, "entry_id": None}
        of_others = [{**nothing, "plan_id": one} for one in given[0] if one != PLAN]
        known = [
            {
                "plan_id": PLAN,
                "revision": 1,
                "entry_id": UUID(int=100 + number),
                "kind": "relationship",
                "leaves": orjson.dumps(one),
            }
            for number, one in enumerate(self.leaves)
        ] or [{**nothing, "plan_id": PLAN}]
        return [*of_others, *(known if PLAN in given[0] else [])]

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name}: it was looked for before it was known whether they may")


@pytest.fixture
def records(monkeypatch: pytest.MonkeyPatch) -> list[AccessRow]:
    kept: list[AccessRow] = []

    async def proven(*_: Any, **__: Any) -> Contributor:
        return NURSE

    async def store(_: Any, row: AccessRow) -> None:
        kept.append(row)

    monkeypatch.setattr(Identity, "contributor", proven)
    monkeypatch.setattr(AccessRecords, "store", store)
    return kept


async def probed(
    client: httpx.AsyncClient, route: str, plan_id: UUID, records: list[AccessRow], more: str
) -> tuple[Any, ...]:
    """All that whoever asks sees, and what it left behind, without the id that was asked for."""
    method, path = address(route)
    path = path.replace(str(PLAN), str(plan_id))
    headers = {
        "Authorization": "Bearer x",
        "Prefer": "wait=0",
        "X-Correlation-Id": "probe",
        **({"Ledger-Purpose": more} if more else {}),
    }
    del records[:]
    answer = await client.request(method, path, headers=headers)
    told = {name: of for name, of in answer.headers.items() if name != "ledger-access-id"}
    (record,) = records
    kept = orjson.loads(record.record)
    for name in ("record_id", "plan_id", "inputs_sha256", "trace_id"):
        kept.pop(name, None)
    body = answer.text.replace(str(plan_id), "the plan")
    return answer.status_code, told, len(answer.content), body, kept, record.who


@pytest.mark.asyncio
@pytest.mark.parametrize("leaves", [[OF_OTHERS], [OVER], [OBJECTED, OF_OTHERS]])
@pytest.mark.parametrize("purpose", ["", "direct-care", "emergency"])
async def test_a_plan_of_others_is_answered_as_one_that_is_not_there(
    records: list[AccessRow],
    monkeypatch: pytest.MonkeyPatch,
    leaves: Sequence[Mapping[str, Any]],
    purpose: str,
) -> None:
    found = []
    routes = [one for one in sorted(routes_of(APPS["plan"])) if DOES[one] == "see"]
    assert routes
    async with client_of(APPS["plan"]) as client:
        for plan_id in (PLAN, NOT_THERE):
            database = Copied(leaves)
            monkeypatch.setattr(Database, "pool", database)
            monkeypatch.setattr(AccessCopy, "_now", lambda _: 0.0)
            answers = [await probed(client, one, plan_id, records, purpose) for one in routes]
            found.append((answers, database.asked))
    (of_others, asked), (not_there, asked_there) = found
    assert of_others == not_there
    assert {one[0] for one in of_others} == {403}
    assert asked == asked_there
    assert len(asked) >= len(routes)


@pytest.mark.asyncio
async def test_a_receipt_of_others_is_answered_as_one_that_is_not_there(
    records: list[AccessRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = KeptReceipt("org:ZZC01", b"x", {"outcome": "accepted"}, "somebody")
    found = []
    async with client_of(APPS["goals"]) as client:
        for kept in (theirs, None):

            async def receipt(_: Any, __: UUID, kept: KeptReceipt | None = kept) -> Any:
                return kept

            monkeypatch.setattr(EventStore, "receipt", receipt)
            answer = await client.get(
                f"/v1/contributions/{PLAN}",
                headers={"Authorization": "Bearer x", "X-Correlation-Id": "probe"},
            )
            found.append((answer.status_code, dict(answer.headers), answer.content))
    assert found[0] == found[1]
    assert (found[0][0], orjson.loads(found[0][2])["code"]) == (404, "contribution-unknown")
    assert records == []


@pytest.mark.asyncio
async def test_a_file_that_is_withheld_is_answered_as_one_that_is_not_there(
    records: list[AccessRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = {**OF_OTHERS, "organisation": [1, "ZZC02"]}
    monkeypatch.setattr(Database, "pool", Copied([here]))
    found = []
    there = SimpleNamespace(media_id=UUID(int=5), plan_id=PLAN, contributor="org:ZZC01")
    async with client_of(APPS["about_me"]) as client:
        for media in (there, None):

            async def find(*_: Any, media: Any = media) -> Any:
                return media

            async def hidden(*_: Any) -> bool:
                return False

            monkeypatch.setattr("shared.chassis.media.rows.MediaRows.find", find)
            monkeypatch.setattr("shared.chassis.contribute.showing.Showing.is_shown", hidden)
            answer = await client.get(
                f"/v1/media/{'0' * 64}?plan_id={PLAN}",
                headers={"Authorization": "Bearer x", "X-Correlation-Id": "probe"},
            )
            found.append((answer.status_code, dict(answer.headers), answer.content))
    assert found[0] == found[1]
    assert (found[0][0], orjson.loads(found[0][2])["code"]) == (404, "media-unknown")
    assert records == []
