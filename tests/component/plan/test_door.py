"""The plan is read as it is, by those who may."""

import asyncio
from dataclasses import replace
from uuid import uuid4

import orjson
import pytest

from services.plan.reads.current import CurrentPlans
from shared.chassis.accesses.record import TOLD_BYTES, TOLD_OF_EACH
from shared.chassis.http.parameters import cursor_of
from shared.chassis.wire.position import Position
from shared.cli.token import person, related_person
from shared.testing.events import GP, History
from shared.testing.eventually import eventually
from tests.component.plan.bench import Bench, codes, fold_directly, plan_store, short_history, shown
from tests.component.plan.withheld.readers import EVERYTHING, let_in, proxy, related

AT_ONCE = {"Prefer": "wait=0"}

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


async def test_the_plan_is_read_with_its_headers_and_not_sent_twice(bench: Bench) -> None:
    history = History()
    events = short_history(history)
    async with bench.service() as client:
        await bench.publish(*events)
        answer = await shown(client, history.plan_id, 5)
        assert answer.headers["etag"].startswith('"5-')
        assert answer.headers["ledger-version"] == "5"
        assert answer.headers["cache-control"] == "private, no-cache"
        assert answer.headers["vary"] == "Authorization, Accept"
        assert answer.headers["x-correlation-id"]
        await eventually(
            lambda: client.get(f"/v1/plans/{history.plan_id}"),
            "caught up",
            holds=lambda told: told.headers["ledger-lag"] == "0",
        )
        position = Position.decode(answer.headers["ledger-position"])
        assert position == Position(history.plan_id, {"person": 1, "needs": 1, "goals": 3})
        again = await client.get(
            f"/v1/plans/{history.plan_id}", headers={"If-None-Match": answer.headers["etag"]}
        )
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == answer.headers["etag"]
        assert again.headers["ledger-position"] == answer.headers["ledger-position"]

        full = await client.get(f"/v1/plans/{history.plan_id}?include=authorship,withdrawn")
        goal = full.json()["sections"]["goals"][0]
        assert (goal["state"], goal["current"]) == ("withdrawn", False)
        assert goal["authorship"]["aim"]["entry_version"] == 2
        assert goal["authorship"]["why"]["entry_version"] == 1
        assert goal["authorship"]["why"]["plan_version"] >= 1
        assert "identifier" not in goal["authorship"]["why"]["recorded_by"]
        assert full.headers["etag"] != answer.headers["etag"]
        only = await client.get(f"/v1/plans/{history.plan_id}?include=authorship")
        assert "goals" not in only.json()["sections"]
        assert "authorship" in only.json()["sections"]["needs"][0]


async def test_authorship_has_what_the_standard_asks_of_who_said_it_and_where(bench: Bench) -> None:
    history = History()
    number = {"kind": "nmc", "value": "98A7654Z"}
    nurse = {**GP, "grade": "Band 6", "contact": "01632 960110", "identifier": number}
    more = {"location": {"text": "At home"}, "supported_by": {"name": "Tom"}}
    need = uuid4()
    found = history.event("needs", "found", need, "created", {"what": 2}, stated_by=nurse)
    found = replace(found, provenance={**found.provenance, **more})
    bare = history.event("needs", "found", uuid4(), "created", {"what": 3})
    async with bench.service() as client:
        await bench.publish(history.opened(), found, bare)
        await shown(client, history.plan_id, 3)
        asked = f"/v1/plans/{history.plan_id}?include=authorship,derived"
        told = (await client.get(asked)).json()
    said, unsaid = (one["authorship"]["what"] for one in told["sections"]["needs"])
    assert {name: said[name] for name in more} == more
    assert (said["stated_by"]["grade"], said["stated_by"]["identifier"]) == ("Band 6", number)
    assert unsaid.keys().isdisjoint(more)
    # What their token is called stays with the ledger.
    assert "identifier" not in {**unsaid["stated_by"], **unsaid["recorded_by"]}
    assert "identifier" not in told["derived"]["lead"]
    (contributor,) = told["derived"]["contributors"]
    assert (contributor["grade"], contributor["contact"]) == ("Band 6", "01632 960110")


async def test_what_cannot_be_asked_is_a_problem_that_names_it(bench: Bench) -> None:
    history = History()
    async with bench.service() as client:
        await bench.publish(history.opened())
        await shown(client, history.plan_id, 1)
        base = f"/v1/plans/{history.plan_id}"
        wrong = {
            f"{base}?include=everything": "include",
            f"{base}?at=2026-01-01T00:00:00Z": "at",
            f"{base}/versions?limit=201": "limit",
            f"{base}/versions?limit=0": "limit",
            f"{base}/versions?limit=many": "limit",
            f"{base}/versions?limit=1&limit=2": "limit",
            f"{base}/versions?limit=1%D9%A0": "limit",
            f"{base}/versions?limit=+5": "limit",
            f"{base}/history?cursor={cursor_of(2**63, 'history', str(history.plan_id))}": "cursor",
            f"{base}/history?cursor=abc": "cursor",
            f"{base}/history?cursor=%C3%A9": "cursor",
        }
        for url, name in wrong.items():
            answer = await client.get(url)
            assert codes([answer]) == [(400, "parameter-invalid")]
            assert answer.json()["parameter"] == name
            assert answer.headers["content-type"] == "application/problem+json"
        lists = (await client.get(f"{base}/versions?limit=1")).json()
        assert lists["next"] is None
        for headers, name in (
            ({"Ledger-Purpose": "curiosity"}, "Ledger-Purpose"),
            ({"Ledger-Purpose": "emergency"}, "Ledger-Reason"),
            ({"Ledger-Min-Position": "not one"}, "Ledger-Min-Position"),
            ([("Ledger-Purpose", "audit"), ("Ledger-Purpose", "review")], "Ledger-Purpose"),
        ):
            answer = await client.get(base, headers=headers)
            assert codes([answer]) == [(400, "parameter-invalid")]
            assert answer.json()["parameter"] == name
        urgent = {"Ledger-Purpose": "emergency", "Ledger-Reason": "cannot-ask"}
        assert (await client.get(base, headers=urgent)).status_code == 200
        unknown = [
            await client.get(f"/v1/plans/{uuid4()}{end}", headers=AT_ONCE)
            for end in ("", "/versions", "/versions/1", "/history")
        ]
        unknown.append(await client.get("/v1/plans/not-an-id"))
        assert codes(unknown) == [(403, "no-live-relationship")] * 5
        assert codes([await client.get(f"{base}/")]) == [(404, "not-found")]


async def test_a_person_opens_their_own_plan_and_no_other(bench: Bench) -> None:
    history, other = History(), History()
    async with bench.service() as client:
        await bench.publish(history.opened(), other.opened())
        await shown(client, history.plan_id, 1)
        await shown(client, other.plan_id, 1)
        claims = person(str(history.plan_id), "Edith Marlow-Synth")
        own = {"Authorization": f"Bearer {bench.issuer.signer.sign(claims)}"}
        assert (await client.get(f"/v1/plans/{history.plan_id}", headers=own)).status_code == 200
        claims = related_person(str(history.plan_id), "Ruth Marlow-Synth")
        near = {"Authorization": f"Bearer {bench.issuer.signer.sign(claims)}", **AT_ONCE}
        nobody = await client.get(f"/v1/plans/{history.plan_id}", headers=near)
        assert codes([nobody]) == [(403, "proxy-not-live")]
        await let_in(bench.database, [proxy(history.plan_id, str(claims["sub"]))])
        assert (await client.get(f"/v1/plans/{history.plan_id}", headers=near)).status_code == 200
        elsewhere = await client.get(f"/v1/plans/{other.plan_id}", headers=near)
        assert codes([elsewhere]) == [(403, "not-permitted")]
        refused = [
            await client.get(f"/v1/plans/{plan_id}{end}", headers=own)
            for plan_id in (other.plan_id, uuid4())
            for end in ("", "/versions", "/versions/1", "/history")
        ]
        assert codes(refused) == [(403, "not-permitted")] * 8
        nowhere = str(uuid4())
        claims = person(nowhere, "Nobody Marlow-Synth")
        new = {"Authorization": f"Bearer {bench.issuer.signer.sign(claims)}"}
        unknown = await client.get(f"/v1/plans/{nowhere}", headers=new)
        assert codes([unknown]) == [(404, "plan-unknown")]
        del client.headers["Authorization"]
        assert codes([await client.get(f"/v1/plans/{history.plan_id}")]) == [(401, "token-missing")]


async def test_a_reader_waits_for_what_was_just_written(bench: Bench) -> None:
    history, other = History(), History()
    async with bench.service() as client:
        await bench.publish(history.opened())
        await shown(client, history.plan_id, 1)
        base = f"/v1/plans/{history.plan_id}"
        goal = uuid4()
        agreed = history.event("goals", "agreed", goal, "created", {"aim": 1})
        alone = f"{base}/entries/{goal}"
        asked = {"Ledger-Min-Position": Position(history.plan_id, {"goals": 1}).encode()}

        behind = await client.get(base, headers=asked)
        assert codes([behind]) == [(503, "projection-behind")]
        assert behind.headers["retry-after"] == "1"
        assert behind.json()["retryable"] is True
        assert "behind_seconds" in behind.json()
        reached = Position.decode(behind.json()["position"])
        assert reached == Position(history.plan_id, {"person": 1})

        assert codes([await client.get(alone, headers=asked)]) == [(503, "projection-behind")]

        patient = {**asked, "Prefer": "wait=10"}
        reading = [asyncio.create_task(client.get(url, headers=patient)) for url in (base, alone)]
        await bench.publish(agreed)
        for answer in await asyncio.gather(*reading):
            assert answer.status_code == 200
            assert answer.headers["preference-applied"] == "wait"
            assert answer.json()["plan_version"] == 2
        assert (await client.get(base, headers=asked)).status_code == 200
        await let_in(bench.database, [related(other.plan_id)])
        elsewhere = {"Ledger-Min-Position": Position(other.plan_id, {"goals": 1}).encode()}
        wrong = await client.get(base, headers=elsewhere)
        assert codes([wrong]) == [(400, "position-of-another-plan")]
        waits = await client.get(
            f"/v1/plans/{other.plan_id}", headers={**elsewhere, "Prefer": "wait=1"}
        )
        assert codes([waits]) == [(503, "projection-behind")]


async def test_a_merged_plan_stays_readable_and_both_name_each_other(bench: Bench) -> None:
    left, right = History(), History()
    async with bench.service() as client:
        merged = (
            left.opened(),
            left.event(
                "person",
                "plan-merged",
                left.plan_id,
                "amended",
                {"merged_into": str(right.plan_id), "reason": "The same person"},
            ),
        )
        await bench.publish(right.opened())
        alone = await shown(client, right.plan_id, 1)
        assert "merged_from" not in alone.json()
        await bench.publish(*merged)
        one = (await shown(client, left.plan_id, 2)).json()
        assert (one["state"], one["merged_into"]) == ("merged", str(right.plan_id))
        other = await shown(client, right.plan_id, 1)
        assert other.json()["merged_from"] == [str(left.plan_id)]
        await bench.publish(left.event("person", "plan-unmerged", left.plan_id))
        one = (await shown(client, left.plan_id, 3)).json()
        assert one["state"] == "open"
        again = await client.get(f"/v1/plans/{right.plan_id}")
        assert "merged_from" not in again.json()
        assert again.headers["etag"] != other.headers["etag"]


async def test_what_is_kept_of_plans_is_bounded_by_its_bytes_and_never_old(bench: Bench) -> None:
    histories = [History() for _ in range(8)]
    store = plan_store("one")
    await fold_directly(bench, store, [history.opened() for history in histories])
    stored = {history.plan_id: await bench.document(history.plan_id) for history in histories}
    size = max(len(orjson.dumps(document)) for document in stored.values())
    size += TOLD_OF_EACH * TOLD_BYTES  # records of who read it, beside each form
    plans = CurrentPlans(bench.database, kept_bytes=3 * size)
    for _ in range(2):
        views = await asyncio.gather(*(plans.current(plan_id, EVERYTHING) for plan_id in stored))
        assert [orjson.loads(view.body) for view in views if view] == list(stored.values())
        assert 0 < plans.kept_bytes <= 3 * size
    last = histories[-1]
    again = await plans.current(last.plan_id, EVERYTHING)
    assert again is not None
    assert (await plans.current(last.plan_id, EVERYTHING)) is again
    found = last.event("needs", "found", uuid4(), "created", {"what": 1})
    await fold_directly(bench, store, [found])
    view = await plans.current(last.plan_id, EVERYTHING)
    assert view is not None
    assert view.version == 2
    assert await plans.current(uuid4(), EVERYTHING) is None
