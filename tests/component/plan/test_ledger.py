"""The plan's ledger keeps every fact, in an order that its times do not contradict."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import asyncpg
import orjson
import pytest

from shared.chassis.policy.decide import POLICY_VERSION
from shared.cli.token import professional, related_person
from shared.ledger import instant
from shared.testing.events import History, value_of
from shared.testing.eventually import eventually
from tests.component.plan.bench import Bench, fold_directly, plan_store
from tests.component.plan.withheld.readers import let_in, proxy, related

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


async def test_nobody_could_have_seen_a_version_at_the_time_of_the_next(bench: Bench) -> None:
    """Whoever waits for the lock of the ledger has no time yet: its time is that of its commit."""
    history = History()
    store = plan_store("one")
    async with bench.database.pool.acquire() as holder, holder.transaction():
        await holder.execute("SELECT pg_advisory_xact_lock(7411)")
        folding = asyncio.create_task(fold_directly(bench, store, [history.opened()]))
        waits = (
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        await eventually(
            lambda: bench.database.pool.fetchval(waits), "the plan waits", holds=lambda n: n == 1
        )
        released_at = await holder.fetchval("SELECT clock_timestamp()")
    await folding
    (row,) = await bench.ledger(history.plan_id)
    assert row["projected_at"] > released_at


async def test_the_time_of_a_version_is_never_before_that_of_the_one_before(bench: Bench) -> None:
    """A replica's clock may be behind that of the one which wrote the version before."""
    history = History()
    store, other = plan_store("one"), plan_store("two")
    await fold_directly(bench, store, [history.opened()])
    owner = await asyncpg.connect(bench.made.owner_url)
    try:
        await owner.execute("UPDATE ledger.plan_ledger SET projected_at = '2099-01-01T00:00:00Z'")
    finally:
        await owner.close()
    for number, replica in enumerate((other, other, store), 2):
        found = history.event("needs", "found", uuid4(), "created", {"what": number})
        await fold_directly(bench, replica, [found])
    years = [row["projected_at"].year for row in await bench.ledger(history.plan_id)]
    assert years == [2099] * 4


async def test_the_ledger_keeps_every_fact_of_an_event(bench: Bench) -> None:
    """What no reading again could recover: the headers, what it meant, and by which policy."""
    history = History()
    goal = uuid4()
    trace = f"00-{1:032x}-{2:016x}-01"
    agreed = history.event(
        "goals",
        "agreed",
        goal,
        "created",
        {"aim": {"text": "Walk"}, "starts_at": "2026-12-01T09:00:00+01:00", "reason": "So"},
        traceparent=trace,
        stated_by={"kind": "person"},
    )
    agreed = replace(agreed, leaf_hash="ab" * 32)
    left = history.event(
        "goals", "left", goal, "withdrawn", {"ends_at": "2026-11-30T00:00:00Z", "live_until": "x"}
    )
    confirmed = history.event("goals", "confirmed", goal)
    await fold_directly(bench, plan_store("one"), [history.opened(), agreed, left, confirmed])
    _, first, second, third = await bench.ledger(history.plan_id)
    assert first["fields"] == ["aim", "starts_at"]
    assert orjson.loads(first["stated_by"]) == {"kind": "person"}
    by = orjson.loads(first["by"])
    assert list(by) == ["kind", "name", "role", "organisation"]
    assert by["organisation"] == {"ods": "ZZG01", "name": "Northmoor Surgery"}
    assert first["leaf_hash"] == bytes.fromhex("ab" * 32)
    assert first["schema"] == "urn:careplan:contract:careplan.goals.agreed:1.0"
    assert first["traceparent"] == trace
    assert first["policy_version"] == POLICY_VERSION
    assert first["stated_at"] == agreed.recorded_at - timedelta(hours=1)
    assert first["event"] == value_of(agreed)
    starts = datetime(2026, 12, 1, 8, tzinfo=UTC)
    assert (first["effective_from"], first["effective_to"]) == (starts, None)
    # It says that the entry ended before it began, so it counts from when that did.
    assert second["effective_from"] == starts
    assert second["effective_to"] == datetime(2026, 11, 30, tzinfo=UTC)
    assert (second["leaf_hash"], second["traceparent"]) == (None, None)
    assert [row["in_order"] for row in (first, second, third)] == [True, True, True]
    shown = orjson.loads(third["entry"])
    assert (shown["entry_version"], shown["state"], third["current"]) == (3, "withdrawn", False)
    assert orjson.loads(third["leaves"]) == {
        "aim": 1,
        "starts_at": 1,
        "ends_at": 2,
        "live_until": 2,
    }
    assert orjson.loads(third["head"])["state"] == "open"
    assert orjson.loads(third["positions"]) == {"person": 1, "goals": 3}
    assert third["feed"] == third["plan_version"] == 4


@pytest.mark.parametrize(
    "columns",
    [
        "(plan_id, projected_at, plan_version)",
        "(section, entry_id, effective_latest, entry_version)",
        "(section, entry_id, plan_version)",
        "(section, entry_id, recorded_at, entry_version)",
    ],
)
async def test_the_ledger_can_be_sought_by_each_clock(bench: Bench, columns: str) -> None:
    """An index that comes late is built while nobody can write."""
    found = await bench.database.pool.fetch(
        "SELECT indexdef FROM pg_indexes WHERE schemaname = 'ledger'"
    )
    assert any(row["indexdef"].endswith(f"btree {columns}") for row in found)


async def test_the_ledger_cannot_be_changed_by_the_service(bench: Bench) -> None:
    async with bench.consumer():
        await bench.publish(History().opened())
        await bench.until_consumed(1)
    for statement in (
        "UPDATE ledger.plan_ledger SET plan_version = 7",
        "DELETE FROM ledger.plan_ledger",
        "TRUNCATE ledger.plan_ledger",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await bench.database.pool.execute(statement)


async def test_whoever_contributed_sees_how_far_it_has_come_and_nobody_else(bench: Bench) -> None:
    history, contribution_id = History(), uuid4()
    goal, another = uuid4(), uuid4()
    events = [
        history.opened(),
        *(
            history.event("goals", "agreed", one, "created", {"aim": {"text": "Walk"}})
            for one in (goal, another)
        ),
        *(
            history.event("goals", name, goal, "amended", content, contribution_id=contribution_id)
            for name, content in (("reworded", {"aim": {"text": "Run"}}), ("weighed", {"why": "x"}))
        ),
    ]
    address = f"/v1/plans/{history.plan_id}"
    async with bench.service() as client:
        theirs = bench.issuer.signer.sign(professional("ZZC01", "nurse", "Tom Okafor-Synth"))
        others = {"Authorization": f"Bearer {theirs}"}
        await bench.publish(*events[:3])
        await bench.until_consumed(3)
        await let_in(bench.database, [related(history.plan_id, "ZZC01")])
        unknown = await client.get(f"{address}/contributions/{contribution_id}")
        assert (unknown.status_code, unknown.json()["code"]) == (404, "contribution-unknown")
        # Who read before it was there, and the organisation itself, do not count.
        assert (await client.get(address, headers=others)).status_code == 200
        await bench.publish(*events[3:])
        await bench.until_consumed(5)
        assert (await client.get(address)).status_code == 200
        told = (await client.get(f"{address}/contributions/{contribution_id}")).json()
        assert (told["section"], told["entry_id"]) == ("goals", str(goal))
        assert [
            (one["type"], one["entry_version"], one["plan_version"]) for one in told["events"]
        ] == [("careplan.goals.reworded.v1", 2, 4), ("careplan.goals.weighed.v1", 3, 5)]
        assert told["first_read"] is None
        # Nor does who was shown another entry of the same section.
        by_itself = await client.get(f"{address}/entries/{another}", headers=others)
        assert by_itself.status_code == 200
        told = (await client.get(f"{address}/contributions/{contribution_id}")).json()
        assert told["first_read"] is None
        refused = await client.get(f"{address}/contributions/{contribution_id}", headers=others)
        assert (refused.status_code, refused.json()["code"]) == (404, "contribution-unknown")
        assert (await client.get(f"{address}/entries/{goal}", headers=others)).status_code == 200
        told = (await client.get(f"{address}/contributions/{contribution_id}")).json()
        assert told["first_read"]["organisation"]["ods"] == "ZZC01"
        accesses = await bench.accesses()
        read = [one for one in accesses if one["what"] == "entry"][-1]
        assert told["first_read"]["at"] == instant(read["at"])
        assert accesses[-1]["what"] == "contribution"


async def test_of_two_who_act_for_the_person_each_follows_their_own_contributions_alone(
    bench: Bench,
) -> None:
    """Kind: one Proxy who learns what another one said in a section that is not theirs to see."""
    history, contribution_id = History(), uuid4()
    ruth = related_person(str(history.plan_id), "Ruth Marlow-Synth")
    ned = {**related_person(str(history.plan_id), "Ned Marlow-Synth"), "sub": "ned"}
    said_by = {"kind": "related-person", "name": "Ruth Marlow-Synth",
               "identifier": {"kind": "sub", "value": ruth["sub"]}}  # fmt: skip
    need = history.event(
        *("needs", "found", uuid4(), "created", {"what": {"text": "Knee hurts"}}),
        recorded_by=said_by,
        contribution_id=contribution_id,
    )
    # The id of a contribution is its section's: others may have used the same one elsewhere.
    same = history.event(
        *("goals", "agreed", uuid4(), "created", {"aim": {"text": "Walk"}}),
        contribution_id=contribution_id,
    )
    await fold_directly(bench, plan_store("one"), [history.opened(), need, same])
    sections = {"sections": ["goals"]}
    plan_id = history.plan_id
    proxies = [proxy(plan_id, str(ruth["sub"])), proxy(plan_id, "ned", **sections)]
    await let_in(bench.database, [*proxies, related(plan_id)])
    path = f"/v1/plans/{plan_id}/contributions/{contribution_id}"
    async with bench.service() as client:
        hers, his = [
            await client.get(
                path, headers={"Authorization": f"Bearer {bench.issuer.signer.sign(claims)}"}
            )
            for claims in (ruth, ned)
        ]
        gps = await client.get(path)
    assert (hers.status_code, hers.json()["section"], len(hers.json()["events"])) == (
        *(200, "needs", 1),
    )
    assert (gps.json()["section"], len(gps.json()["events"])) == ("goals", 1)
    assert (his.status_code, his.json()["code"]) == (404, "contribution-unknown")
