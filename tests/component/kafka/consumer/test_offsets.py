"""The database says where a consumer goes on, also when topics come, go and are made again."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any
from uuid import uuid4

import asyncpg
import orjson
import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import NoOffsetForPartitionError

from shared.chassis.database.outgoing import append_outgoing
from shared.chassis.kafka.consumer import BatchConsumer
from shared.chassis.kafka.dead_letters import Record
from shared.chassis.kafka.offsets import Fenced, Reached, Transaction, fence_all
from shared.testing.eventually import LONG_ENOUGH, eventually
from shared.testing.stack import create_topics, delete_topics
from tests.component.kafka.consumer.bench import Bench, is_made, jumps

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


async def test_it_starts_where_the_database_says_and_not_where_kafka_does(bench: Bench) -> None:
    await bench.send("things", *[b"x"] * 6)
    async with bench.consumer() as consumer:
        await bench.until_seen(6)
        await consumer._commit_to_kafka()
    await bench.database.pool.execute(
        "UPDATE consumer_offset SET next_offset = 4 WHERE topic = $1 AND partition = 0",
        bench.prefix + "things",
    )
    owner = await asyncpg.connect(bench.made.owner_url)
    await owner.execute("TRUNCATE seen")  # as a backup of that moment would have it
    await owner.close()
    async with bench.consumer():
        seen = await bench.until_seen(2)
    assert [offset for _, _, offset in seen] == [4, 5]


async def test_history_that_is_gone_stops_it_loudly(bench: Bench) -> None:
    await bench.send("things", b"x")
    await bench.database.pool.execute(
        "INSERT INTO consumer_offset VALUES ('bench', $1, 0, 99)", bench.prefix + "things"
    )
    await bench.until_it_stops(bench.consumer())


@pytest.mark.parametrize("is_running", [True, False], ids=["meanwhile", "before it starts"])
@pytest.mark.parametrize("count", [3, 9], ids=["shorter", "longer"])
async def test_a_topic_made_again_is_read_from_its_beginning(
    bench: Bench, is_running: bool, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kind: an offset is of one topic, and says nothing about another of the same name."""
    monkeypatch.setattr("shared.chassis.kafka.consumer._IDS_SECONDS", 0.2)
    taken: list[bytes | None] = []

    async def all_dead(records: Sequence[Record], transaction: Transaction) -> None:
        rows = [row for record in records for row in transaction.dead_letter(record, "no reason")]
        async with transaction() as connection:
            await append_outgoing(connection, rows)
        taken.extend(record.value for record in records)

    async def until_taken(value: bytes, count: int) -> None:
        await eventually(lambda: taken.count(value) >= count, f"{count} are taken")

    async def make_again() -> None:
        await delete_topics(bench.servers, [bench.prefix + "things"])
        await eventually(partial(is_made, bench.servers, bench.prefix + "things"), "made again")
        await bench.send("things", *[b"second"] * count)

    await bench.send("things", *[b"first"] * 5)
    async with bench.consumer(all_dead):
        await until_taken(b"first", 5)
        if is_running:
            await make_again()
            await until_taken(b"second", count)
    if not is_running:
        await make_again()
        async with bench.consumer(all_dead):
            await until_taken(b"second", count)
    assert not bench.has_stopped
    stored = await bench.database.pool.fetchval("SELECT sum(next_offset) FROM consumer_offset")
    assert stored == count
    rows = await bench.database.pool.fetch("SELECT * FROM outgoing")
    ids = {
        orjson.loads(row["value"])["record_id"]
        for row in rows
        if row["topic"].endswith("careplan.audit.records.v1")
    }
    assert len(ids) == 5 + count, "the ids of the first topic's dead letters are theirs alone"


async def test_whoever_holds_a_batch_of_the_first_topic_is_fenced(bench: Bench) -> None:
    """Kind: what an offset is compared with has to be of the same topic."""
    await bench.send("things", *[b"x"] * 5)
    async with bench.consumer():
        await bench.until_seen(5)
    partition = TopicPartition(bench.prefix + "things", 0)
    late = Reached({partition: 5}, {partition.topic: uuid4()})
    with pytest.raises(Fenced):
        async with bench.database.transaction() as connection:
            await fence_all(connection, "bench", {partition: (5, 6)}, late)


async def passes_over(
    bench: Bench, consumer: BatchConsumer, partition: TopicPartition, place: int
) -> None:
    """Have the client move on past one of two new records, as where another partition fails.

    They are there before it moves: a place beyond the end of the log would stop it.
    """
    client, has_moved = consumer._client(), asyncio.Event()
    getmany = client.getmany

    async def moves(**_: Any) -> Any:
        client.getmany = getmany
        await bench.send("things", b"passed over", b"x")
        client.seek(partition, place)
        has_moved.set()
        raise NoOffsetForPartitionError(partition)

    client.getmany = moves
    await asyncio.wait_for(has_moved.wait(), LONG_ENOUGH)


async def test_a_gap_that_was_read_through_is_no_jump_and_a_moved_table_is_one(
    bench: Bench,
) -> None:
    """Kind: an alarm tells what happened, and nothing else."""
    before = jumps()
    async with bench.consumer() as consumer:
        async with AIOKafkaProducer(
            bootstrap_servers=bench.servers, transactional_id=bench.prefix + "writer"
        ) as producer:
            for count in range(1, 4):
                async with producer.transaction():
                    await producer.send_and_wait(bench.prefix + "things", b"x", partition=0)
                await bench.until_seen(count)
        assert jumps() == before
        await bench.database.pool.execute("UPDATE consumer_offset SET next_offset = 1")
        await bench.send("things", b"x")
        await bench.until_seen(4)
        assert jumps() == before + 1
        await passes_over(bench, consumer, TopicPartition(bench.prefix + "things", 0), 8)
        await bench.until_seen(5)
    assert jumps() == before + 2


async def test_a_topic_created_later_is_noticed_and_read_from_its_beginning(bench: Bench) -> None:
    pattern = r"careplan\.[a-z-]+\.events\.v1"
    await create_topics(bench.servers, [bench.prefix + "careplan.goals.events.v1"])
    await bench.send("careplan.goals.events.v1", b"x")
    async with bench.consumer(pattern=pattern):
        await bench.until_seen(1)
        later = bench.prefix + "careplan.sleep-diary.events.v1"
        others = bench.prefix + "careplan.sleep-diary.events.v12"
        await create_topics(bench.servers, [later, others])
        await bench.send("careplan.sleep-diary.events.v12", b"not of the pattern")
        await bench.send("careplan.sleep-diary.events.v1", b"x", b"y")
        await bench.send("careplan.goals.events.v1", b"z")
        seen = await bench.until_seen(4)
    assert {topic for topic, _, _ in seen} == {later, bench.prefix + "careplan.goals.events.v1"}


async def test_a_member_that_comes_back_is_given_the_topics_made_meanwhile(bench: Bench) -> None:
    pattern = r"careplan\.[a-z-]+\.events\.v1"
    await create_topics(bench.servers, [bench.prefix + "careplan.first.events.v1"])
    await bench.send("careplan.first.events.v1", b"x")
    async with bench.consumer(pattern=pattern):
        await bench.until_seen(1)
    await create_topics(bench.servers, [bench.prefix + "careplan.second.events.v1"])
    await bench.send("careplan.second.events.v1", b"y", b"z")
    async with bench.consumer(pattern=pattern):
        await bench.until_seen(3)
