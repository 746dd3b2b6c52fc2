"""Every change of a plan is told, in the order of the plan."""

import asyncio
from collections import Counter
from dataclasses import replace
from random import Random
from uuid import uuid4

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

import shared.chassis
import shared.chassis.kafka.relay
from services.plan.store.ledger import ChangeStream
from shared.chassis.kafka.relay import Relay
from shared.ledger import instant
from shared.ledger.topics import PLAN_CHANGES
from shared.testing.events import History
from shared.testing.eventually import eventually
from shared.testing.topic_reader import TopicReader
from tests.component.plan.bench import Bench, fold_directly, plan_store, short_history, shown

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


async def test_the_changes_are_published_in_the_order_of_the_plan(bench: Bench) -> None:
    history = History()
    events = short_history(history)
    Random(7).shuffle(events)  # noqa: S311 - an order, no secret
    async with bench.service() as client:
        await bench.publish(*events)
        await shown(client, history.plan_id, 5)
        topic = bench.prefix + PLAN_CHANGES
        reader = AIOKafkaConsumer(bootstrap_servers=bench.servers, enable_auto_commit=False)
        await reader.start()
        try:
            partitions = [TopicPartition(topic, n) for n in range(2)]
            reader.assign(partitions)
            await reader.seek_to_beginning(*partitions)
            versions: list[int] = []
            while len(versions) < 5:
                found = await reader.getmany(timeout_ms=1000)
                for records in found.values():
                    versions += [orjson.loads(one.value)["plan_version"] for one in records]
        finally:
            await reader.stop()
        assert versions == [1, 2, 3, 4, 5]
        await eventually(
            lambda: client.get("/readyz"),
            "the consumer is ready",
            holds=lambda told: (
                told.json()["ready"] is True and told.json()["parts"]["events"]["ready"] is True
            ),
        )


async def test_a_change_is_told_as_it_always_was(bench: Bench) -> None:
    """Subscribers keep these bytes: the ledger's row makes the same message as the event did."""
    history = History()
    trace = f"00-{11:032x}-{12:016x}-01"
    opened = replace(history.opened(), traceparent=trace)
    found = history.event("needs", "found", uuid4(), "created", {"what": {"text": "Knee hurts"}})
    await fold_directly(bench, plan_store("one"), [opened, found])
    rows = await bench.ledger(history.plan_id)
    changes = await bench.changes()
    plan_id = str(history.plan_id)
    for version, event, row, change in zip((1, 2), (opened, found), rows, changes, strict=True):
        value = (
            f'{{"plan_id":"{plan_id}","plan_version":{version},"section":"{event.section}",'
            f'"entry_id":"{event.entry_id}","entry_type":"{event.entry_type}",'
            f'"entry_version":{event.entry_version},"change":"{event.change}",'
            f'"type":"{event.type}","contribution_id":"{event.contribution_id}",'
            f'"recorded_at":"{instant(event.recorded_at)}",'
            f'"projected_at":"{instant(row["projected_at"])}",'
            f'"stated_at":"{event.provenance["stated_at"]}"}}'
        )
        assert change.value.decode() == value
        assert change.key == plan_id.encode()
        assert change.topic == bench.prefix + PLAN_CHANGES
        assert change.headers == [
            ("content-type", b"application/json"),
            ("ce_specversion", b"1.0"),
            ("ce_id", f"{plan_id}.{version}".encode()),
            ("ce_source", b"urn:careplan:plan"),
            ("ce_type", b"careplan.plan.changed.v1"),
            ("ce_subject", f"plan/{plan_id}".encode()),
            ("ce_partitionkey", plan_id.encode()),
            *([("traceparent", trace.encode())] if event is opened else []),
        ]


async def test_every_change_is_published_whoever_writes_and_whatever_ends(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two replicas fold at once while two relays take turns: the first loses its lock at work."""
    monkeypatch.setattr(shared.chassis.kafka.relay, "WINDOW", 5)
    histories = [History() for _ in range(10)]
    shares = [
        [event for one in half for event in short_history(one)]
        for half in (histories[:5], histories[5:])
    ]
    relays = [
        Relay(bench.made.url, bench.settings(f"r{n}"), [ChangeStream(bench.settings(f"r{n}"))])
        for n in range(2)
    ]
    topic = bench.prefix + PLAN_CHANGES
    async with TopicReader(bench.servers, topic) as reader, relays[0] as first, relays[1] as second:
        await eventually(lambda: first._is_active or second._is_active, "one publishes")
        active = first if first._is_active else second
        folding = [
            asyncio.create_task(fold_directly(bench, plan_store(f"n{n}"), share))
            for n, share in enumerate(shares)
        ]
        active.wake()
        await reader.count(1, "changes")
        assert active._connection is not None
        active._connection.terminate()  # as a relay that is killed: its mark is behind
        await asyncio.gather(*folding)
        told = await bench.changes()
        assert [change.position for change in told] == list(range(1, 51))
        expected = Counter(change.value for change in told)
        await reader.until(
            lambda records: {record.value for record in records} == set(expected), "every change"
        )
        records = list(reader.records)
    assert set(expected.values()) == {1}
    for history in histories:
        seen: list[int] = []
        for record in records:
            value = orjson.loads(record.value or b"")
            if value["plan_id"] == str(history.plan_id) and value["plan_version"] not in seen:
                seen.append(value["plan_version"])
        assert seen == [1, 2, 3, 4, 5], "the first copies come in the order of the plan"


async def test_changes_are_not_written_twice(bench: Bench) -> None:
    """The ledger is their outbox: what it says is not said in `outgoing` again."""
    await fold_directly(bench, plan_store("one"), short_history(History()))
    assert await bench.outgoing(PLAN_CHANGES) == []
    assert len(await bench.changes()) == 5
