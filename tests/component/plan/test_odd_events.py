"""An event that cannot be applied waits or is a dead letter, and stops nothing."""

import re
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import orjson
import pytest

from services.plan.store.projection import PlanStore
from services.plan.store.reading import read_event
from shared.chassis.database.outgoing import headers_from_bytes
from shared.chassis.kafka.event_message import Unreadable
from shared.chassis.policy.decide import POLICY_VERSION
from shared.chassis.telemetry import unaccounted
from shared.chassis.wire.problem import STATUS
from shared.cli.token import professional
from shared.ledger import RecordedEvent
from shared.ledger.topics import AUDIT_RECORDS, dead_letters_topic
from shared.testing.events import History, headers_of, value_of
from shared.testing.eventually import eventually
from shared.testing.raw_names import raw_name, raw_names_written
from tests.component.plan.bench import (
    Bench,
    DyingStore,
    Message,
    fold_directly,
    message,
    plan_store,
    short_history,
    shown,
)
from tests.component.plan.withheld.readers import let_in

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


async def test_an_entry_named_under_another_plan_is_a_dead_letter(bench: Bench) -> None:
    history, other = History(), History()
    goal = uuid4()
    agreed = history.event("goals", "agreed", goal, "created", {"aim": 1})
    reworded = history.event("goals", "reworded", goal, "amended", {"aim": 2})
    stray = replace(reworded, plan_id=other.plan_id)
    async with bench.consumer():
        await bench.publish(agreed, stray)  # at once
        await bench.until_consumed(2)
        await bench.publish(stray, other.opened())  # later
        await bench.until_consumed(4)
        await bench.publish(reworded)
        tally = await bench.until_consumed(5)
    assert (tally["applied"], tally["dead_lettered"]) == (3, 2)
    letters = await bench.outgoing(dead_letters_topic("plan"))
    reasons = {dict(headers_from_bytes(row["headers"]))["dead-letter-reason"] for row in letters}
    assert reasons == {b"The entry is another plan's."}
    assert len(await bench.outgoing(AUDIT_RECORDS)) == 2
    assert "goals" not in (await bench.document(other.plan_id))["sections"]
    told = await bench.document(history.plan_id)
    assert told["sections"]["goals"][0]["entry_version"] == 2


async def test_no_odd_text_in_an_event_stops_the_plan(bench: Bench) -> None:
    """What PostgreSQL cannot store of a header is left out; a plan in no plan is a dead letter."""
    histories = [History() for _ in range(3)]
    odd: list[RecordedEvent | Message] = []
    for history, into in zip(histories, ("x" * 12_000, "no id", 5), strict=True):
        odd.append(history.opened())
        told = {"merged_into": into}
        odd.append(history.event("person", "plan-merged", history.plan_id, "amended", told))
    merged = len(histories)
    goal = uuid4()
    agreed = histories[0].event("goals", "agreed", goal, "created", {"aim": 1})
    waits = histories[0].event("goals", "reworded", goal, "amended", {"aim": 2})
    headers: list[tuple[str, bytes | None]] = [
        *headers_of(waits),
        ("traceparent", b"00-\x00"),
        ("ce_leafhash", b"\x00" * 64),
        ("ce_dataschema", b"x" * 12_000),
    ]
    odd.append((*message(waits)[:3], headers))
    async with bench.consumer():
        await bench.publish(*odd)
        tally = await bench.until_consumed(len(odd))
        assert tally["parked"] == 1
        await bench.publish(agreed)
        tally = await bench.until_consumed(len(odd) + 1)
    assert (tally["applied"], tally["parked"]) == (len(odd) + 1 - merged, 0)
    assert tally["dead_lettered"] == merged
    assert not bench.has_stopped
    for history in histories:
        told = await bench.document(history.plan_id)
        assert told["state"] == "open"
        assert "merged_into" not in told
    row = (await bench.ledger(histories[0].plan_id))[-1]
    assert (row["traceparent"], row["leaf_hash"], row["schema"]) == (None, None, None)


async def made_again_since(bench: Bench) -> UUID:
    """The id of the topic that what waits was on, where another has taken its name since."""
    kept = await bench.database.pool.fetch("SELECT from_topic_id FROM ledger.plan_parked")
    assert all(row["from_topic_id"] for row in kept), "the broker has told it"
    first_topic = uuid4()
    owner = await asyncpg.connect(bench.made.owner_url)
    try:
        await owner.execute("UPDATE ledger.plan_parked SET from_topic_id = $1", first_topic)
    finally:
        await owner.close()
    return first_topic


async def test_what_waits_in_another_plan_than_its_entry_leaves_as_a_dead_letter(
    bench: Bench,
) -> None:
    history, other = History(), History()
    goal = uuid4()
    agreed = history.event("goals", "agreed", goal, "created", {"aim": 1})
    reworded = history.event("goals", "reworded", goal, "amended", {"aim": 2})
    stray = replace(reworded, plan_id=other.plan_id)
    async with bench.consumer():
        await bench.publish(stray)
        await bench.until_consumed(1)
        assert (await bench.document(other.plan_id))["parked"] != []
        await bench.publish(reworded)
        tally = await bench.until_consumed(2)
        assert tally["parked"] == 2
        first_topic = await made_again_since(bench)
        await bench.publish(agreed)
        tally = await bench.until_consumed(3)
    assert (tally["applied"], tally["dead_lettered"], tally["parked"]) == (2, 1, 0)
    (letter,) = await bench.outgoing(dead_letters_topic("plan"))
    assert (letter["key"], letter["value"]) == (str(other.plan_id).encode(), value_of(stray))
    kept = headers_from_bytes(letter["headers"])
    assert list(kept[: len(headers_of(stray))]) == headers_of(stray)
    assert (dict(kept)["dead-letter-topic"] or b"").endswith(b"careplan.goals.events.v1")
    (audited,) = await bench.outgoing(AUDIT_RECORDS)
    assert f"@{first_topic.hex[:12]}/" in orjson.loads(audited["value"])["record_id"]
    told = await bench.document(history.plan_id)
    assert told["sections"]["goals"][0]["content"] == {"aim": 2}
    gone = "SELECT document IS NULL FROM plan WHERE plan_id = $1"
    assert await bench.database.pool.fetchval(gone, other.plan_id)


async def test_what_waits_and_can_no_longer_be_read_leaves_as_a_dead_letter(bench: Bench) -> None:
    """A later version of the code may read less: that takes no plan away."""
    history = History()
    goal = uuid4()
    agreed = history.event("goals", "agreed", goal, "created", {"aim": 1})
    reworded = history.event("goals", "reworded", goal, "amended", {"aim": 2})
    store = plan_store("one")
    await fold_directly(bench, store, [history.opened(), reworded])
    owner = await asyncpg.connect(bench.made.owner_url)
    try:
        await owner.execute("UPDATE ledger.plan_parked SET event = '{}'")
    finally:
        await owner.close()
    await fold_directly(bench, store, [agreed])
    assert await bench.counted() == (3, 2, 0, 0, 1)
    (letter,) = await bench.outgoing(dead_letters_topic("plan"))
    assert letter["value"] == b"{}"
    told = await bench.document(history.plan_id)
    assert (told["complete"], told["parked"]) == (True, [])
    assert told["sections"]["goals"][0]["entry_version"] == 1
    assert await bench.database.pool.fetchval("SELECT count(*) FROM ledger.plan_parked") == 0


async def test_how_much_waits_is_known_to_every_replica_and_after_the_commit_only(
    bench: Bench,
) -> None:
    history = History()
    goals = [uuid4(), uuid4()]
    made = [history.event("goals", "agreed", goal, "created", {"aim": 1}) for goal in goals]
    later = [
        history.event("goals", "reworded", goal, content={"aim": n})
        for goal in goals
        for n in (1, 2)
    ]
    one, two = plan_store("one"), plan_store("two")

    def told(store: PlanStore) -> tuple[int, int]:
        return store.parked_events, store.parked_entries

    await fold_directly(bench, one, later)
    assert told(one) == (4, 2)
    await fold_directly(bench, two, [made[0]])
    assert told(two) == (2, 1)
    await fold_directly(bench, one, [history.opened()])
    assert told(one) == (2, 1)
    new, dying = plan_store("three"), DyingStore(instance="four", policy_version=POLICY_VERSION)
    async with bench.database.pool.acquire() as connection:
        for store in (new, dying):
            await store.count_parked(connection)
    with pytest.raises(RuntimeError):
        await fold_directly(bench, dying, [made[1]])
    assert told(dying) == told(new) == (2, 1)
    await fold_directly(bench, new, [made[1]])
    assert told(new) == (0, 0)
    row = await bench.database.pool.fetchval("SELECT sum(parked_entries) FROM ledger.plan_counter")
    assert row == 0


async def test_what_cannot_be_read_is_a_dead_letter_and_its_neighbours_are_served(
    bench: Bench,
) -> None:
    history = History()
    events = short_history(history)
    topic, key, value, headers = message(events[2])
    assert value is not None
    late = re.sub(
        rb'"recorded_at":"[^"]*"', b'"recorded_at":"0001-01-01T00:00:00+14:00"', value, count=1
    )
    odd: list[Message] = [
        (topic, key, None, []),
        (topic, key, b"", headers),
        (topic, key, b"{not JSON", headers),
        (topic, key, b"\xff\xfe", headers),
        (topic, key, b"[]", headers),
        (topic, key, b"{}", headers),
        (topic, b"another key", value, headers),
        ("careplan.needs.events.v1", key, value, headers),
        (topic, key, value.replace(b'"change":"created"', b'"change":"moved"'), headers),
        (topic, key, value.replace(b'"goal"', b'"g\\u0000"'), headers),
        (topic, key, late, headers),
        (topic, key, value, [*headers, (raw_name(b"\xe9tiquette"), b"x")]),
        # A type is of its section: no other section ends a plan, whatever it writes.
        (
            topic,
            key,
            value.replace(b"careplan.goals.agreed", b"careplan.person.plan-ended"),
            headers,
        ),
        (topic, key, value.replace(b"goals.agreed", b"goals." + b"x" * 12_000), headers),
        (topic, key, value.replace(b'"goal"', b'"%b"' % (b"g" * 12_000)), headers),
        (topic, key, value.replace(b'"why":"Shop"', b'"why":' + b"[" * 300 + b"]" * 300), headers),
    ]
    fine: list[Message] = [
        (*message(events[2])[:3], [*headers, ("ce_x", None), ("ce_y", b"\xff\xfe")]),
    ]
    async with bench.consumer():
        with raw_names_written():
            await bench.publish(events[0], events[1], *odd[:6], *fine, *odd[6:], *events[3:])
        tally = await bench.until_consumed(4 + len(odd) + 1)
    assert (tally["applied"], tally["dead_lettered"]) == (5, len(odd))
    letters = await bench.outgoing(dead_letters_topic("plan"))
    records = [orjson.loads(row["value"]) for row in await bench.outgoing(AUDIT_RECORDS)]
    assert len(letters) == len(records) == len(odd)
    assert {record["operation"] for record in records} == {"unreadable"}
    assert {record["code"] for record in records} <= set(STATUS)
    assert len({record["record_id"] for record in records}) == len(odd)
    assert (await bench.document(history.plan_id))["plan_version"] == 5
    assert not bench.has_stopped


LIST = "/v1/ops/dead-letters"


async def test_a_retried_event_is_folded_once_and_releases_what_waited_for_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first of an entry is a dead letter, the others wait for it: then they are released."""
    history = History()
    events = short_history(history)
    reader = "services.plan.doors.events.read_event"

    def of_an_older_version(record: Any, topic_id: Any) -> Any:
        read = read_event(record, topic_id)
        if read.event.type == "careplan.goals.agreed.v1":
            raise Unreadable("This version cannot read it.")
        return read

    monkeypatch.setattr(reader, of_an_older_version)
    async with bench.service() as client:
        await bench.publish(*events)
        await bench.until_consumed(len(events))
        (letter,) = await letters_in(bench, client)
        assert letter["type"] == "careplan.goals.agreed.v1"
        assert (letter["plan_id"], letter["organisation"]) == (str(history.plan_id), None)
        assert (await retry(bench, client, letter))["state"] == "held"
        monkeypatch.setattr(reader, read_event)
        assert (await retry(bench, client, letter))["state"] == "retried"
        await bench.must_be_folded(history.plan_id, [*events[:2], *events[2:]])
        # The same event once more, from Kafka: it is known by its own key.
        await bench.publish(events[2])
        tally = await bench.until_consumed(len(events) + 2)
        assert tally["duplicates"] == 1
        await bench.must_be_folded(history.plan_id, events)
        missing = {labels["consumer"]: number for number, labels in unaccounted()}
        assert missing["plan"] == 0


async def letters_in(bench: Bench, client: httpx.AsyncClient) -> list[dict[str, Any]]:
    async def look() -> list[dict[str, Any]]:
        found = await client.get(LIST, headers=operator(bench))
        return list(found.json()["items"])

    return await eventually(look, "a dead letter", holds=bool)


async def retry(bench: Bench, client: httpx.AsyncClient, letter: dict[str, Any]) -> dict[str, Any]:
    answer = await client.post(
        f"{LIST}/{letter['dead_letter_id']}:retry",
        json={"reason": "The new version reads it"},
        headers=operator(bench),
    )
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def operator(bench: Bench) -> dict[str, str]:
    claims = professional("ZZG09", "operator", "Sam Quill-Synth")
    return {"Authorization": f"Bearer {bench.issuer.signer.sign(claims)}"}


async def test_a_plan_of_which_each_event_waits_is_answered_as_that(bench: Bench) -> None:
    """Nobody takes it for a plan that is empty, or for none."""
    history = History()
    opened, _, agreed, reworded, _ = short_history(history)
    plan = f"/v1/plans/{history.plan_id}"
    asked = {
        **dict.fromkeys(("", "?include=authorship,withdrawn,derived,findings,reviews"), 200),
        **dict.fromkeys(("?section=goals", "/versions", "/history", "/findings"), 200),
        **dict.fromkeys(("/contributions?group_by=organisation",), 200),
        **dict.fromkeys(("/versions/1", f"/entries/{agreed.entry_id}"), 404),
        **dict.fromkeys(("/findings?version=1", "/diff?from=0&to=1"), 404),
    }
    await let_in(bench.database, [opened])
    async with bench.service() as client:
        await bench.publish(reworded)
        first = await eventually(
            lambda: client.get(plan), "it is shown", holds=lambda told: told.status_code == 200
        )
        told = first.json()
        assert (told["plan_version"], told["state"], told["complete"]) == (0, "unknown", False)
        assert [one["entry_id"] for one in told["parked"]] == [str(reworded.entry_id)]
        assert first.headers["ledger-version"] == "0"
        assert first.headers["etag"].startswith('"0-')
        found = {path: await client.get(plan + path) for path in asked}
        assert {path: one.status_code for path, one in found.items()} == asked
        await bench.publish(agreed, opened)
        told = (await shown(client, history.plan_id, 3)).json()
    assert (told["state"], told["complete"], told["parked"]) == ("open", True, [])
