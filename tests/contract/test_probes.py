"""Whoever guesses an id learns nothing: what is not theirs is answered as what is not there.

The answers are the same but for the id that was asked for, have the same length, leave a record of
the same form, and take the same statements of the database.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from types import SimpleNamespace
from typing import Any, Final
from uuid import UUID

import httpx
import orjson
import pytest

from services.audit.doors.asking import Questions
from services.audit.queries.contributions import ContributionRecords
from services.audit.queries.evidence import LogReads
from services.audit.queries.records import RecordList
from services.audit.store.overrides import Overrides, ToReview
from shared.chassis.accesses.recording import AccessRecords
from shared.chassis.accesses.rows import AccessRow
from shared.chassis.database.database import Database
from shared.chassis.http.identity import Identity
from shared.chassis.policy.access_copy import AccessCopy
from shared.chassis.store.event_store import EventStore, KeptReceipt
from shared.ledger import Contributor, Organisation
from tests.contract.test_policy_of_routes import routes_of
from tests.contract.test_who_may import APPS, BODIES, DOES, address, client_of

PLAN: Final = UUID(int=1)
NOT_THERE: Final = UUID(int=0xDEAD)
OTHER: Final = UUID("0199dead-0000-0000-0000-000000000001")
JUSTIFIED: Final = {"basis": "vital-interest", "text": "Unconscious at the door"}
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

_REVISIONS: Final = count(1)


@dataclass
class Copied:
    """A database that knows who looks after whom, and notes what it is asked."""

    leaves: Sequence[Mapping[str, Any]]
    rows: Sequence[Mapping[str, Any]] = ()
    asked: list[str] = field(default_factory=list)
    # What an application has copied before counts no more: each has a revision of its own.
    revision: int = field(default_factory=lambda: next(_REVISIONS))

    async def fetch(self, sql: str, *given: Any) -> list[dict[str, Any]]:
        self.asked.append(sql)
        if "access_entry" not in sql:
            return [dict(row) for row in self.rows]
        nothing = {"revision": 0, "entry_id": None}
        of_others = [{**nothing, "plan_id": one} for one in given[0] if one != PLAN]
        known = [
            {
                "plan_id": PLAN,
                "revision": self.revision,
                "entry_id": UUID(int=100 + number),
                "kind": "relationship",
                "leaves": orjson.dumps(one),
            }
            for number, one in enumerate(self.leaves)
        ] or [{**nothing, "plan_id": PLAN, "revision": self.revision}]
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


class Nowhere:
    """A database that nobody may ask anything."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name}: it was looked for before it was known whether they may")


async def probed(
    client: httpx.AsyncClient, route: str, plan_id: UUID, records: list[AccessRow], more: str = ""
) -> tuple[Any, ...]:
    """All that whoever asks sees, and what it left behind, without the ids that were asked for."""
    method, path = address(route)
    path = path.replace(str(PLAN), str(plan_id))
    if plan_id == OTHER:
        path = path.replace("/00000000-", "/0199dead-")
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
    body = answer.text.replace(str(plan_id), "the plan").replace("/0199dead-", "/00000000-")
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
    does = ("see",) if purpose == "emergency" else ("see", "emergency")
    routes = [one for one in sorted(routes_of(APPS["plan"])) if DOES[one] in does]
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


@pytest.mark.asyncio
@pytest.mark.parametrize("name", APPS)
async def test_what_a_role_alone_forbids_is_said_before_anything_is_looked_for(
    records: list[AccessRow], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(Database, "pool", Nowhere())
    by_role = ("operate", "audit", "review", "own_accesses")
    routes = [one for one in sorted(routes_of(APPS[name])) if DOES[one] in by_role]
    assert routes
    async with client_of(APPS[name]) as client:
        for route in routes:
            known, guessed = [await probed(client, route, one, records) for one in (PLAN, OTHER)]
            assert known == guessed, route
            assert (known[0], known[4]["code"]) == (403, "not-permitted"), route


@pytest.mark.asyncio
async def test_a_file_of_others_is_answered_as_one_that_is_not_there(
    records: list[AccessRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    async with client_of(APPS["support_plans"]) as client:
        for plan_id in (PLAN, NOT_THERE):
            monkeypatch.setattr(Database, "pool", Copied([OF_OTHERS]))
            found.append(await probed(client, "GET /v1/media/{sha256}", plan_id, records))
    assert found[0] == found[1]
    assert (found[0][0], found[0][4]["code"]) == (403, "no-live-relationship")


async def answers_of(
    service: str, request: tuple[str, str], worlds: Sequence[Any], change: Callable[[Any], None]
) -> list[tuple[Any, ...]]:
    """What is answered where something is there, and where it is not."""
    method, path = request
    told = []
    headers = {"Authorization": "Bearer x", "X-Correlation-Id": "probe", "Prefer": "wait=0"}
    async with client_of(APPS[service]) as client:
        for world in worlds:
            change(world)
            body = BODIES.get(f"{method} {path.replace(str(PLAN), '{override_id}')}", JUSTIFIED)
            sent = body if method == "POST" else None
            answer = await client.request(method, path, headers=headers, json=sent)
            told.append((answer.status_code, dict(answer.headers), answer.content))
    return told


def must_be_unknown(told: Sequence[tuple[Any, ...]], code: str) -> None:
    assert told[0] == told[1]
    assert (told[0][0], orjson.loads(told[0][2])["code"]) == (404, code)


@pytest.mark.asyncio
async def test_a_contribution_of_others_is_followed_as_one_that_is_not_there(
    records: list[AccessRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = {**OF_OTHERS, "organisation": [1, "ZZC02"]}
    theirs = {"section": "goals", "entry_id": PLAN, "by": b'{"organisation":{"ods":"ZZC01"}}'}

    def on_the_plan(found: Any) -> None:
        monkeypatch.setattr(Database, "pool", Copied([ours], found))

    path = f"/v1/plans/{PLAN}/contributions/{UUID(int=7)}"
    must_be_unknown(
        await answers_of("plan", ("GET", path), ([theirs], []), on_the_plan), "contribution-unknown"
    )

    def in_the_audit(found: Any) -> None:
        monkeypatch.setattr(ContributionRecords, "of", returning(found))

    path = f"/v1/audit/contributions/{UUID(int=7)}"
    recorded = [("org:ZZC01", {"idx": 1})]
    must_be_unknown(
        await answers_of("audit", ("GET", path), (recorded, []), in_the_audit),
        "contribution-unknown",
    )
    assert records == []


@pytest.mark.asyncio
async def test_an_access_of_somebody_else_is_justified_as_one_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch, records: list[AccessRow]
) -> None:
    def change(found: Any) -> None:
        monkeypatch.setattr(Database, "pool", SimpleNamespace(fetchrow=returning(found)))

    theirs = {"sub": "somebody", "plan_id": PLAN, "override_id": UUID(int=6)}
    for service in ("plan", "about_me"):
        path = f"/v1/accesses/{UUID(int=8)}:justify"
        told = await answers_of(service, ("POST", path), (theirs, None), change)
        must_be_unknown(told, "access-unknown")
    assert records == []


@pytest.mark.asyncio
async def test_an_officer_is_answered_alike_for_what_others_did_and_what_is_not_there(
    monkeypatch: pytest.MonkeyPatch, records: list[AccessRow]
) -> None:
    officer = Contributor("professional", "o", "O", "privacy-officer", Organisation("ZZC02"))
    monkeypatch.setattr(Identity, "contributor", returning(officer))
    monkeypatch.setattr(Questions, "_looks_after", returning(False))
    theirs = ToReview(PLAN, PLAN, "ZZC01", "somebody", True, True, b"")

    def reviewed(found: Any) -> None:
        monkeypatch.setattr(Overrides, "find", returning(found))

    path = f"/v1/audit/overrides/{PLAN}:review"
    must_be_unknown(
        await answers_of("audit", ("POST", path), (theirs, None), reviewed), "override-unknown"
    )
    held = SimpleNamespace(row={"leaf": b"x", "commitment": b"x"}, is_erased=False, groups={})

    def recorded(found: Any) -> None:
        monkeypatch.setattr(LogReads, "evidence", returning(found))
        about = None if found is None else (PLAN, "ZZC01")
        monkeypatch.setattr(RecordList, "about", returning(about))

    for path in ("/v1/audit/records/0", "/v1/audit/records/0?proof=1"):
        must_be_unknown(
            await answers_of("audit", ("GET", path), (held, None), recorded), "record-unknown"
        )
    assert records == []


def returning(found: Any) -> Callable[..., Any]:
    """An awaitable method that finds this, whatever it is asked for."""

    async def find(*_: Any, **__: Any) -> Any:
        return found

    return find
