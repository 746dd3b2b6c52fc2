"""The relay publishes everything, in order, as the contract says."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from uuid import uuid4

import pytest
from aiokafka.partitioner import DefaultPartitioner

import shared.chassis
import shared.chassis.kafka.relay
import shared.chassis.kafka.windows
from services.goals.domain import Goal
from shared.chassis.database.database import Database
from shared.chassis.database.outgoing import Outgoing, append_outgoing
from shared.chassis.kafka.event_message import event_of, header
from shared.chassis.kafka.relay import Relay
from shared.chassis.kafka.streams import OutgoingStream
from shared.chassis.store.event_store import Moved
from shared.chassis.wire.position import Position
from shared.ledger import CodedText, NeedRef
from shared.testing.stack import PARTITIONS
from shared.testing.topic_reader import value_of
from tests.component.kafka.relay.bench import (
    TRACEPARENT,
    Bench,
    agreed,
    contribute,
    in_order_once_repeats_are_dropped,
    of,
    provenance,
    receipt,
    weighed,
)

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


async def test_events_come_in_position_order_where_a_keyed_producer_would_put_them(
    bench: Bench,
) -> None:
    async with bench.relay() as relay, bench.store(relay) as store:
        await contribute(store, goals=40, versions=3)
        records = await bench.published(120)
        await bench.until_marked(120)
        assert relay.lag == 0
    assert len(records) == 120
    every_partition = list(range(PARTITIONS))
    place = DefaultPartitioner()
    by_partition: Mapping[int, list[int]] = defaultdict(list)
    for record in records:
        assert record.key == value_of(record)["plan_id"].encode()
        assert record.partition == place(record.key, every_partition, every_partition)
        by_partition[record.partition].append(int(header(record, "ce_position") or 0))
    assert set(by_partition) == set(every_partition)
    for positions in by_partition.values():
        assert positions == sorted(positions)
    assert sorted(p for positions in by_partition.values() for p in positions) == list(
        range(1, 121)
    )


async def test_an_event_is_published_as_the_contract_says(bench: Bench) -> None:
    async with bench.relay() as relay, bench.store(relay) as store:
        goal = agreed()
        kept = receipt(goal)._replace(
            authn=b'{"jti":"a-token"}',
            policy_version="of-these-rules",
            inputs_sha256=b"\xab" * 32,
        )
        appended = await store.save([Moved(goal)], kept)
        await store.save([Moved(weighed(goal))], receipt(goal))
        await bench.owner.execute("UPDATE stored_events SET traceparent = NULL")
        first, second = await bench.published(2)
    row = await bench.owner.fetchrow("SELECT * FROM stored_events WHERE notification_id = 1")
    contribution_id = value_of(first)["contribution_id"]
    recorded_at = value_of(first)["recorded_at"]
    assert datetime.fromisoformat(recorded_at) == appended.recorded_at
    told = {name: value.decode() for name, value in first.headers if "traceparent" not in name}
    assert told == {
        "content-type": "application/json",
        "ce_specversion": "1.0",
        "ce_id": f"{goal.id}.1",
        "ce_source": "urn:careplan:section:goals",
        "ce_type": "careplan.goals.agreed.v1",
        "ce_subject": f"plan/{goal.plan_id}/goals",
        "ce_time": recorded_at,
        "ce_recordedtime": recorded_at,
        "ce_dataschema": "urn:careplan:contract:careplan.goals.agreed:1.0",
        "ce_partitionkey": str(goal.plan_id),
        "ce_entryid": str(goal.id),
        "ce_entryversion": "1",
        "ce_position": "1",
        "ce_causationid": contribution_id,
        "ce_authtype": "app_user",
        "ce_authclaims": '{"jti":"a-token"}',
        "ce_policyversion": "of-these-rules",
        "ce_policyinputs": "ab" * 32,
        "ce_leafhash": row["leaf_hash"].hex(),
    }
    value = value_of(first)
    assert list(value["content"]) == ["aim", "need_ids"]
    assert value["provenance"]["stated_at"] == recorded_at
    assert "plan_id" not in value["provenance"]
    assert {name: value[name] for name in ("section", "entry_type", "entry_version", "change")} == {
        "section": "goals",
        "entry_type": "goal",
        "entry_version": 1,
        "change": "created",
    }
    assert event_of(second).fields == ("importance",)


async def test_the_trace_of_a_contribution_goes_on_in_its_event(bench: Bench) -> None:
    async with bench.store() as store:
        await contribute(store)
    await bench.owner.execute("UPDATE stored_events SET traceparent = $1", TRACEPARENT)
    async with bench.relay():
        (record,) = await bench.published(1)
    assert header(record, "traceparent") == TRACEPARENT
    assert header(record, "ce_traceparent") == TRACEPARENT


async def test_outgoing_is_published_as_it_stands_and_completed_where_it_asks(
    bench: Bench,
) -> None:
    async with bench.relay() as relay, bench.store(relay) as store:
        goal = agreed()
        row = receipt(goal)
        headers = (("null", None), ("raw", b"\xff\x00"), ("traceparent", TRACEPARENT.encode()))
        appended = await store.save(
            [Moved(weighed(goal))],
            row,
            outgoing=[
                Outgoing(bench.audit, None, headers, b"\x00not json"),
                Outgoing(bench.audit, b"key", (), row.body, completes=True),
            ],
        )
        refusal = b'{"code": "entry-unknown"}'
        await store.publish([Outgoing(bench.audit, b"key", (), refusal, completes=True)])
        await bench.until_marked(3, "outgoing")
        await bench.published(2)
        await bench.reader.count(5, "records")
    raw, accepted, refused = sorted(
        of(bench.reader.records, bench.audit), key=lambda r: (r.key is not None, r.offset)
    )
    assert (raw.key, raw.partition, raw.value) == (None, 0, b"\x00not json")
    assert raw.headers == headers
    told = value_of(accepted)
    assert datetime.fromisoformat(told["recorded_at"]) == appended.recorded_at
    position = Position.decode(told["ledger_position"])
    assert position == Position(goal.plan_id, {"goals": 2}), "the last event of the request"
    assert set(value_of(refused)) == {"code", "recorded_at"}


async def test_a_reader_s_outgoing_is_published_without_a_section(bench: Bench) -> None:
    relay = Relay(bench.made.url, bench.settings("plan-1"), [OutgoingStream()])
    async with relay, Database(bench.made.url) as database:
        async with database.transaction() as connection:
            await append_outgoing(connection, [Outgoing(bench.audit, b"k", (), b"{}")])
        relay.wake()
        await bench.reader.count(1, "record")
        await bench.until_marked(1, "outgoing")


async def test_more_than_a_window_and_more_than_a_batch(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared.chassis.kafka.relay, "WINDOW", 30)
    monkeypatch.setattr(shared.chassis.kafka.windows, "_LARGEST_BATCH", 65_536)
    big = "x" * 40_000  # two of them are more than a batch takes
    async with bench.store() as store:
        goals = [
            Goal.agree(
                provenance(uuid4(), uuid4()),
                aim=CodedText("To sleep"),
                need_ids=(NeedRef("needs", uuid4()),),
                why=big if number % 3 else None,
            )
            for number in range(70)
        ]
        for goal in goals:
            weighed(goal)
        await asyncio.gather(*(store.save([Moved(goal)], receipt(goal)) for goal in goals))
    async with bench.relay():
        await bench.until_marked(140)
        records = await bench.published(140)
    assert in_order_once_repeats_are_dropped(records) == list(range(1, 141))
    assert len(records) == 140
