"""Who knows two identifiers of a person finds the plan, and nobody learns from a near miss."""

import base64
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

import httpx
import orjson
import pytest

from shared.cli.token import person, professional, related_person, system
from shared.testing.events import History
from tests.component.plan.bench import Bench, codes, fold_directly, plan_store
from tests.component.plan.withheld.readers import let_in, related

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]

EDITH: Final[dict[str, Any]] = {
    "name": {"first": "Edith", "family": "Marlow-Synth"},
    "date_of_birth": "1938-03-14",
    "nhs_number": {"value": "9990000018", "status": "traced"},
    "other_identifiers": [{"kind": "chi", "value": "1403380007"}],
    "addresses": [{"line1": "3 Test Court", "postcode": "ZZ99 3VZ"}],
}
WHO: Final = {"nhs_number": "9990000018", "date_of_birth": "1938-03-14"}
CHI: Final = {"kind": "chi", "value": "1403380007"}
NAMED: Final = {
    "family": "Marlow-Synth",
    "first": "Edith",
    "date_of_birth": "1938-03-14",
    "postcode": "ZZ99 3VZ",
}
LABELLED: Final = {"labels": ["address"], "reason": "Safety"}


def opened(more: dict[str, Any] | None = None, history: History | None = None) -> History:
    one = history or History()
    content = {**EDITH, "plan_state": "open", **(more or {})}
    one.first = one.event("person", "plan-opened", one.plan_id, "created", content)  # type: ignore[attr-defined]
    return one


async def known(bench: Bench, *histories: Any) -> None:
    await fold_directly(bench, plan_store("one"), [one.first for one in histories])


def bearer(bench: Bench, claims: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {bench.issuer.signer.sign(claims)}"}


CREW: Final = professional("ZZA01", "paramedic", "Pat Ambler-Synth")


async def search(
    bench: Bench,
    client: httpx.AsyncClient,
    body: Any,
    claims: dict[str, Any] = CREW,
    why: Mapping[str, str] = MappingProxyType({}),
) -> httpx.Response:
    headers = {**bearer(bench, claims), **why}
    return await client.post("/v1/people:search", json=body, headers=headers)


def plans(answer: httpx.Response) -> list[UUID]:
    assert answer.status_code == 200, answer.text
    assert {*answer.json()} == {"items"}
    return [UUID(item["plan_id"]) for item in answer.json()["items"]]


async def test_two_identifiers_find_the_plan_and_a_near_miss_is_as_nobody(bench: Bench) -> None:
    edith = opened()
    twin = opened({"nhs_number": {"value": "9990000026", "status": "traced"}})
    await known(bench, edith, twin)
    async with bench.service(searches_a_minute=1_000) as client:
        hits = [
            WHO,
            {"nhs_number": "9990000018", "family": "MARLOW-synth"},
            {**WHO, "family": "Marlow-Synth", "first": " edith", "postcode": "zz993vz"},
            {**WHO, "other_identifier": CHI},
        ]
        for body in hits:
            assert plans(await search(bench, client, body)) == [edith.plan_id], body
        for both in (NAMED, {"other_identifier": CHI, "date_of_birth": "1938-03-14"}):
            found = plans(await search(bench, client, both))
            assert set(found) == {edith.plan_id, twin.plan_id}
        nobody = await search(
            bench, client, {"nhs_number": "9990000034", "date_of_birth": "1900-01-01"}
        )
        near = [
            {**WHO, "date_of_birth": "1938-03-15"},
            {**WHO, "nhs_number": "9990000026", "family": "Marlowe-Synth"},
            {"nhs_number": "9990000018", "family": "Marlow"},
            {**WHO, "postcode": "ZZ99 3VX"},
            {**NAMED, "first": "Edit"},
            {"other_identifier": {**CHI, "kind": "local"}, "date_of_birth": "1938-03-14"},
        ]
        for body in near:
            answer = await search(bench, client, body)
            assert answer.content == nobody.content, body
            assert {*answer.headers} == {*nobody.headers}


async def test_what_is_withheld_from_the_searcher_finds_nobody(bench: Bench) -> None:
    hidden = opened({"visibility": {**LABELLED, "fields": ["addresses"]}})
    whole = opened(
        {"visibility": LABELLED, "nhs_number": {"value": "9990000026", "status": "traced"}}
    )
    await known(bench, hidden, whole)
    async with bench.service(searches_a_minute=1_000) as client:
        assert plans(await search(bench, client, WHO)) == [hidden.plan_id]
        for postcode in ("ZZ99 3VZ", "ZZ99 3VX"):
            assert plans(await search(bench, client, {**WHO, "postcode": postcode})) == []
        theirs = {**WHO, "nhs_number": "9990000026"}
        assert plans(await search(bench, client, theirs)) == []
        gp = professional("ZZG01", "gp", "Dr A. Quill-Synth")
        assert plans(await search(bench, client, theirs, gp)) == [whole.plan_id]


async def test_a_name_of_any_length_stops_nobody_from_being_found(bench: Bench) -> None:
    long = "".join(map(chr, range(0x4E00, 0x4E00 + 20_000)))
    edith = opened({"name": {"first": "Edith", "family": long}})
    await known(bench, edith)
    async with bench.service(searches_a_minute=1_000) as client:
        assert plans(await search(bench, client, WHO)) == [edith.plan_id]


async def test_what_more_than_ten_have_identifies_nobody(bench: Bench) -> None:
    same = [opened() for _ in range(11)]
    hidden = opened({"visibility": LABELLED})
    await known(bench, *same[:10], hidden)
    async with bench.service(searches_a_minute=1_000) as client:
        assert len(plans(await search(bench, client, WHO))) == 10
        await known(bench, same[10])
        answer = await search(bench, client, WHO)
        assert codes([answer]) == [(422, "content-invalid")]
        assert [one["rule"] for one in answer.json()["errors"]] == ["too-many"]
    recorded = [one for one in await bench.accesses() if one["operation"] == "search"]
    assert [one["result_count"] for one in recorded] == [10, 11]


async def test_it_is_told_what_became_of_a_plan_and_whether_the_searcher_is_known_there(
    bench: Bench,
) -> None:
    gone, here, before = opened(), opened(), opened()
    await known(bench, gone, here, before)
    ended = gone.event("person", "plan-ended", gone.plan_id, "amended", {"plan_state": "ended"})
    await fold_directly(bench, plan_store("two"), [ended])
    over = related(before.plan_id, "ZZA01", live_until="2026-02-01T00:00:00Z")
    await let_in(bench.database, [related(here.plan_id, "ZZA01"), over])
    async with bench.service(searches_a_minute=1_000) as client:
        items = (await search(bench, client, WHO)).json()["items"]
    told = {item["plan_id"]: (item["state"], item["relationship"]) for item in items}
    assert told == {
        str(gone.plan_id): ("ended", "none"),
        str(here.plan_id): ("open", "live"),
        str(before.plan_id): ("open", "ended"),
    }
    assert items[-1]["plan_id"] == str(gone.plan_id), "open plans come first"


async def test_a_plan_that_was_merged_or_corrected_is_found_by_what_it_says_now(
    bench: Bench,
) -> None:
    edith = opened()
    await known(bench, edith)
    corrected = {"date_of_birth": "1938-03-15", "reason": "Misheard"}
    change = edith.event("person", "demographics-corrected", edith.plan_id, "amended", corrected)
    await fold_directly(bench, plan_store("two"), [change])
    async with bench.service(searches_a_minute=1_000) as client:
        assert plans(await search(bench, client, WHO)) == []
        now = {**WHO, "date_of_birth": "1938-03-15"}
        assert plans(await search(bench, client, now)) == [edith.plan_id]
        merged = {"plan_state": "merged", "merged_into": str(UUID(int=5)), "reason": "The same",
                  "identifiers_checked": ["nhs_number", "date_of_birth"]}  # fmt: skip
        change = edith.event(
            *("person", "plan-merged", edith.plan_id, "amended", merged),
            fields=["plan_state", "merged_into"],
        )
        await fold_directly(bench, plan_store("three"), [change])
        (item,) = (await search(bench, client, now)).json()["items"]
        assert (item["state"], item["merged_into"]) == ("merged", str(UUID(int=5)))


async def test_each_search_is_recorded_with_what_was_sought_and_without_whom_it_found(
    bench: Bench,
) -> None:
    edith = opened()
    await known(bench, edith)
    async with bench.service() as client:
        found = await search(bench, client, WHO)
        denied = await search(bench, client, WHO, person(str(edith.plan_id), "Edith"))
    records = {one["record_id"]: one for one in await bench.accesses()}
    record = records[found.headers["ledger-access-id"]]
    wanted = {"operation": "search", "type": "query.search", "what": "people-search",
              "result_count": 1, "decision": "permit", "purpose": "direct-care"}  # fmt: skip
    assert {name: record[name] for name in wanted} == wanted
    assert "plan_id" not in record
    assert record["policy_version"]
    assert len(record["inputs_sha256"]) == 64
    assert orjson.loads(base64.b64decode(record["query_raw"])) == WHO
    assert str(edith.plan_id) not in repr(record)
    (row,) = await bench.database.pool.fetch(
        "SELECT record FROM ledger.access_record WHERE access_id = $1", record["record_id"]
    )
    assert b"query_raw" not in row["record"], "what may tell of somebody can be erased"
    assert records[denied.headers["ledger-access-id"]]["operation"] == "denial"


async def test_who_may_not_search_and_what_is_no_search(bench: Bench) -> None:
    edith = opened()
    await known(bench, edith)
    async with bench.service(searches_a_minute=1_000) as client:
        refused = [
            await search(bench, client, WHO, claims)
            for claims in (
                person(str(edith.plan_id), "Edith"),
                related_person(str(edith.plan_id), "Ruth"),
                professional("ZZG01", "auditor", "Vera"),
                professional("ZZG01", "privacy-officer", "Vera"),
                professional("ZZG01", "data-quality", "Vera"),
            )
        ]
        assert codes(refused) == [(403, "not-permitted")] * 5
        purposes = [
            await search(bench, client, WHO, why={"Ledger-Purpose": one})
            for one in ("audit", "support", "emergency", "curiosity")
        ]
        assert codes(purposes) == [
            *[(403, "not-permitted")] * 2, *[(400, "parameter-invalid")] * 2,
        ]  # fmt: skip
        urgent = {"Ledger-Purpose": "emergency", "Ledger-Reason": "life-at-risk"}
        assert plans(await search(bench, client, WHO, why=urgent)) == [edith.plan_id]
        assert plans(await search(bench, client, WHO, system("ZZA01", "EPR"))) == [edith.plan_id]
        unreadable: list[Any] = [
            {"nhs_number": "9990000018"},
            {"nhs_number": "9990000018", "postcode": "ZZ99 3VZ"},
            {name: text for name, text in NAMED.items() if name != "first"},
            *({**WHO, "date_of_birth": one} for one in ("14/03/1938", "19380314", "1938-02-30")),
            *(
                {**WHO, "nhs_number": one}
                for one in (9990000018, " ", "9990000019", " 9990000018", "999 000 0018")
            ),
            *(
                {**WHO, "other_identifier": one}
                for one in (
                    "1403380007",
                    {**CHI, "value": "1403380008"},
                    {"value": "1"},
                    {**CHI, "a": 1},
                )
            ),
            {**WHO, "number": "9990000018"},
            {**WHO, "family": "x" * 101},
            [WHO],
            {},
        ]
        answers = [await search(bench, client, body) for body in unreadable]
        assert codes(answers) == [(422, "content-invalid")] * len(unreadable)
        assert not any("9990000018" in one.text for one in answers)
        answer = await client.post(
            "/v1/people:search?number=1", json=WHO, headers=bearer(bench, CREW)
        )
        assert codes([answer]) == [(400, "parameter-invalid")]


async def test_nobody_searches_without_bound(bench: Bench) -> None:
    async with bench.service(searches_a_minute=3, searches_a_minute_together=5) as client:
        mine = [await search(bench, client, WHO) for _ in range(4)]
        assert [one.status_code for one in mine] == [200, 200, 200, 429]
        assert mine[0].headers["ratelimit"].startswith('"caller";r=2')
        assert mine[3].headers["retry-after"]
        # Others of the same organisation share what it may ask; those of another do not.
        other = professional("ZZA01", "paramedic", "Sam Ambler-Synth")
        theirs = [await search(bench, client, WHO, other) for _ in range(3)]
        assert [one.status_code for one in theirs] == [200, 200, 429]
        elsewhere = professional("ZZH01", "nurse", "Ann Synth")
        assert (await search(bench, client, WHO, elsewhere)).status_code == 200
