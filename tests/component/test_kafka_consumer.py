"""The safe consumer on a real broker and a real database: nothing lost, nothing twice."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import orjson
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import CorruptRecordException, KafkaError, NoOffsetForPartitionError
from opentelemetry.metrics import CallbackOptions

import shared.chassis
import shared.chassis.kafka.consumer
from shared.chassis.database.database import Database
from shared.chassis.database.outgoing import append_outgoing, headers_from_bytes
from shared.chassis.kafka import client
from shared.chassis.kafka.consumer import BatchConsumer
from shared.chassis.kafka.dead_letters import Record
from shared.chassis.kafka.offsets import (
    BatchHandler,
    DeadLetterLimitReached,
    Fenced,
    Reached,
    Transaction,
    fence_all,
)
from shared.chassis.kafka.running import running
from shared.chassis.settings import Settings
from shared.chassis.telemetry import Count, counter
from shared.testing.eventually import eventually
from shared.testing.raw_names import raw_name, raw_names_written
from shared.testing.stack import (
    TestDatabase,
    create_topics,
    delete_topics,
    fresh_database,
    fresh_prefix,
)

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]

EVERY_SERVICE = Path(shared.chassis.__path__[0]) / "database" / "migrations" / "every_service"
SEEN = "CREATE TABLE seen (topic text, partition int, record_offset bigint, instance text,"
SEEN += " PRIMARY KEY (topic, partition, record_offset));"
SEEN += " GRANT SELECT, INSERT ON seen TO ledger_writer"


class Bench:
    """A database with a table of what was seen, topics of its own, and consumers of them."""

    def __init__(self, made: TestDatabase, database: Database, servers: str) -> None:
        self.made = made
        self.database = database
        self.servers = servers
        self.prefix = fresh_prefix()
        self._made: list[BatchConsumer] = []

    def settings(self, instance: str = "one", **others: object) -> Settings:
        return Settings(
            service="bench",
            kafka_servers=self.servers,
            topic_prefix=self.prefix,
            instance=instance,
            metadata_max_age_ms=500,
            **others,  # type: ignore[arg-type]
        )

    def consumer(
        self,
        handle: BatchHandler | None = None,
        *,
        instance: str = "one",
        topics: Sequence[str] = ("things",),
        pattern: str | None = None,
        **others: object,
    ) -> BatchConsumer:
        consumer = BatchConsumer(
            consumer="bench",
            handle=handle or self.record_into(instance),
            database=self.database,
            settings=self.settings(instance, **others),
            topics=() if pattern else topics,
            pattern=pattern,
            max_records=50,
        )
        self._made.append(consumer)
        return consumer

    @property
    def has_stopped(self) -> bool:
        return any(consumer.has_stopped.is_set() for consumer in self._made)

    def record_into(
        self, instance: str = "one", before: Callable[[Sequence[Record]], None] | None = None
    ) -> BatchHandler:
        async def handle(records: Sequence[Record], transaction: Transaction) -> None:
            async with transaction() as connection:
                await store(connection, records, instance)
                if before is not None:
                    before(records)

        return handle

    async def until_it_stops(self, consumer: BatchConsumer) -> BaseException | None:
        """Why the consumer stopped; by then it is not ready, and asks for no new process."""
        async with consumer:
            await asyncio.wait_for(consumer.has_stopped.wait(), 20)
            part = await consumer.part()
            assert not part.ready
            assert part.detail.startswith("stopped: ")
            assert part.alive
        return consumer.failure

    async def seen(self) -> list[tuple[str, int, int]]:
        rows = await self.database.pool.fetch(
            "SELECT topic, partition, record_offset FROM seen ORDER BY 1, 2, 3"
        )
        return [tuple(row) for row in rows]

    async def until_seen(self, count: int) -> list[tuple[str, int, int]]:
        return await eventually(
            self.seen, f"{count} records seen", holds=lambda found: len(found) >= count
        )

    async def send(self, topic: str, *values: bytes | None, partition: int = 0) -> None:
        await self.send_with_headers(topic, *((value, []) for value in values), partition=partition)

    async def send_with_headers(
        self,
        topic: str,
        *records: tuple[bytes | None, list[tuple[str, bytes | None]]],
        partition: int = 0,
    ) -> None:
        async with AIOKafkaProducer(bootstrap_servers=self.servers) as producer:
            for value, headers in records:
                await producer.send_and_wait(
                    self.prefix + topic, value, b"key", partition, headers=headers
                )


async def is_made(servers: str, topic: str) -> bool:
    """Once the broker has let go of the topic of that name."""
    try:
        await create_topics(servers, [topic])
    except RuntimeError:
        return False
    return True


def jumps() -> float:
    return sum(one.value for one in counter(Count.OFFSET_JUMPS).observe(CallbackOptions()))


async def store(connection: asyncpg.Connection, records: Sequence[Record], instance: str) -> None:
    await connection.executemany(
        "INSERT INTO seen VALUES ($1, $2, $3, $4)",
        [(record.topic, record.partition, record.offset, instance) for record in records],
    )


@pytest_asyncio.fixture(loop_scope="session")
async def bench(postgres_url: str, kafka_servers: str) -> AsyncIterator[Bench]:
    async with AsyncExitStack() as opened:
        made = await opened.enter_async_context(
            fresh_database(postgres_url, "bench", EVERY_SERVICE)
        )
        owner = await asyncpg.connect(made.owner_url)
        await owner.execute(SEEN)
        await owner.close()
        database = await opened.enter_async_context(Database(made.url, size=8))
        bench = Bench(made, database, kafka_servers)
        await create_topics(kafka_servers, [bench.prefix + "things"])
        yield bench


async def test_odd_records_reach_the_handler_with_their_neighbours(bench: Bench) -> None:
    odd: list[tuple[bytes | None, list[tuple[str, bytes | None]]]] = [
        (b'{"first": 1}', []),
        (b"null header", [("ce_type", None)]),
        (b"not UTF-8 header", [("ce_type", b"\xff\xfe")]),
        (b"{not JSON", [("content-type", b"application/json")]),
        (b"\xff\xfe", []),
        (None, []),
        (b"", []),
        (b"reply", [("reply_to", (bench.prefix + "things").encode())]),
        (b'{"last": 1}', []),
    ]
    await bench.send_with_headers("things", *odd)
    async with bench.consumer() as consumer:
        seen = await bench.until_seen(len(odd))
        part = await eventually(consumer.part, "ready", holds=lambda said: said.ready)
    assert [offset for _, _, offset in seen] == list(range(len(odd)))
    assert part.lag == 0


async def test_a_header_whose_name_is_not_utf_8_reaches_the_handler_with_its_neighbours(
    bench: Bench,
) -> None:
    """What breaks aiokafka before a record is handed out ended services for ever."""
    odd: list[list[tuple[str, bytes | None]]] = [
        [],
        [("ce_id", b"1"), (raw_name(b"\xe9tiquette"), b"x")],
        [(raw_name(b"\xff" * 300), None)],
        [],
    ]
    names: list[str] = []

    def note_names(records: Sequence[Record]) -> None:
        names.extend(name for record in records for name, _ in record.headers)

    with raw_names_written():
        async with AIOKafkaProducer(bootstrap_servers=bench.servers) as producer:
            batch = producer.create_batch()
            for headers in odd:
                batch.append(key=b"key", value=b"{}", timestamp=None, headers=headers)
            batch.close()
            await (await producer.send_batch(batch, bench.prefix + "things", partition=0))
    await bench.send("things", b"after")
    async with bench.consumer(bench.record_into(before=note_names)) as consumer:
        seen = await bench.until_seen(5)
        await eventually(consumer.lag, "caught up", holds=lambda lag: lag == 0)
    assert [offset for _, _, offset in seen] == [0, 1, 2, 3, 4]
    assert names == ["ce_id", "\udce9tiquette", "\udcff" * 300]
    assert not bench.has_stopped


async def test_a_client_that_has_left_its_group_for_good_stops_the_consumer(bench: Bench) -> None:
    """aiokafka ends the task that keeps it in its group at an error that it does not know."""
    consumer = bench.consumer()

    async def closed(*_: object) -> None:
        raise RuntimeError("unable to perform operation; the handler is closed")

    async def break_it() -> None:
        await eventually(consumer.part, "ready", holds=lambda said: said.ready)
        coordinator = consumer._client()._coordinator
        coordinator._client.coordinator_lookup = closed
        coordinator.coordinator_dead()

    breaking = asyncio.create_task(break_it())
    failure = await bench.until_it_stops(consumer)
    await breaking
    assert isinstance(failure, KafkaError)


async def test_what_was_taken_beside_a_damaged_batch_is_not_passed_over(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """aiokafka takes from one partition after the other and forgets the first where one raises."""
    await bench.send("things", b"1", partition=0)
    await bench.send("things", b"2", partition=1)
    looks: list[bool] = []

    def is_whole(_: object) -> bool:
        looks.append(len(looks) != 1)  # of the second partition, once: damaged on its way
        return looks[-1]

    monkeypatch.setattr(client._Batch, "validate_crc", is_whole, raising=False)
    monkeypatch.setattr(shared.chassis.kafka.consumer, "_PAUSE_SECONDS", 0.05)
    async with bench.consumer():
        seen = await bench.until_seen(2)
    assert [(partition, offset) for _, partition, offset in seen] == [(0, 0), (1, 0)]
    assert not all(looks)
    assert not bench.has_stopped


async def test_a_batch_that_stays_damaged_stops_the_consumer_and_is_told_of_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a new try does not mend is not tried for ever, nor said with every try."""
    await bench.send("things", b"1")
    monkeypatch.setattr(client._Batch, "validate_crc", lambda _: False, raising=False)
    monkeypatch.setattr(shared.chassis.kafka.consumer, "_PAUSE_SECONDS", 0.05)
    consumer = bench.consumer()
    assert isinstance(await bench.until_it_stops(consumer), CorruptRecordException)
    assert not consumer.can_begin_again
    assert await bench.seen() == []
    told = capsys.readouterr().out
    assert told.count("consumer.poll_failed") == told.count("consumer.stopped") == 1


async def test_a_handler_that_fails_stops_the_consumer_and_loses_nothing(bench: Bench) -> None:
    await bench.send("things", *[b"x"] * 120)
    batches = 0

    def fail_the_second(_: Sequence[Record]) -> None:
        nonlocal batches
        batches += 1
        if batches == 2:
            raise ValueError("something our code cannot do")

    await bench.until_it_stops(bench.consumer(bench.record_into(before=fail_the_second)))
    assert len(await bench.seen()) == 50
    async with bench.consumer():
        seen = await bench.until_seen(120)
    assert [offset for _, _, offset in seen] == list(range(120))


@pytest.mark.parametrize(
    "trouble",
    [asyncpg.DeadlockDetectedError, asyncpg.LockNotAvailableError, asyncpg.PostgresIOError],
)
async def test_trouble_with_the_database_is_tried_again_in_place(
    bench: Bench, trouble: type[asyncpg.PostgresError]
) -> None:
    await bench.send("things", *[b"x"] * 10)
    attempts = 0

    def deadlock_twice(_: Sequence[Record]) -> None:
        nonlocal attempts
        attempts += 1
        if attempts < 3:
            raise trouble("for a while")

    async with bench.consumer(bench.record_into(before=deadlock_twice)):
        await bench.until_seen(10)
    assert attempts >= 3
    assert not bench.has_stopped


async def test_a_handler_without_its_transaction_stops_the_consumer(bench: Bench) -> None:
    async def forgets(_records: Sequence[Record], _transaction: Transaction) -> None:
        return

    await bench.send("things", b"x")
    await bench.until_it_stops(bench.consumer(forgets))
    moved = "SELECT count(*) FROM consumer_offset WHERE next_offset > 0"
    assert await bench.database.pool.fetchval(moved) == 0


async def test_a_consumer_stopped_in_a_batch_leaves_it_to_the_next(bench: Bench) -> None:
    await bench.send("things", *[b"x"] * 5)
    in_hand = asyncio.Event()

    async def never_ends(records: Sequence[Record], transaction: Transaction) -> None:
        async with transaction() as connection:
            await store(connection, records, "one")
            in_hand.set()
            await asyncio.Event().wait()

    first = bench.consumer(never_ends)
    await first.__aenter__()
    await asyncio.wait_for(in_hand.wait(), 20)
    await first.__aexit__(None, None, None)
    assert await bench.seen() == []
    async with bench.consumer():
        assert len(await bench.until_seen(5)) == 5


async def test_a_fenced_batch_is_let_go_and_what_is_stored_is_sought(bench: Bench) -> None:
    await bench.send("things", *[b"x"] * 5)
    started, go_on = asyncio.Event(), asyncio.Event()
    handed_out: list[list[int]] = []

    async def slow(records: Sequence[Record], transaction: Transaction) -> None:
        handed_out.append([record.offset for record in records])
        started.set()
        await go_on.wait()
        async with transaction() as connection:
            await store(connection, records, "one")

    async with bench.consumer(slow):
        await asyncio.wait_for(started.wait(), 20)
        in_hand = len(handed_out[0])
        await bench.database.pool.execute(
            "INSERT INTO consumer_offset VALUES ('bench', $1, 0, 3)", bench.prefix + "things"
        )
        go_on.set()
        await eventually(
            bench.seen, "what follows the stored offset", holds=lambda found: len(found) == 2
        )
        await bench.send("things", b"after")
        seen = await bench.until_seen(3)
    assert in_hand >= 1
    assert [offset for _, _, offset in seen] == [3, 4, 5]
    assert not bench.has_stopped


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
    await asyncio.wait_for(has_moved.wait(), 20)


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


async def test_dead_letters_keep_the_record_and_beyond_the_limit_it_stops(bench: Bench) -> None:
    headers: list[tuple[str, bytes | None]] = [("a", None), ("b", b"\xff"), ("ce_source", b"x")]
    await bench.send_with_headers("things", (b"bad", headers), (None, []))

    async def all_dead(records: Sequence[Record], transaction: Transaction) -> None:
        rows = [row for record in records for row in transaction.dead_letter(record, "no reason")]
        async with transaction() as connection:
            await store(connection, records, "one")
            await append_outgoing(connection, rows)

    async with bench.consumer(all_dead, dead_letter_limit=2):
        await bench.until_seen(2)
    rows = await bench.database.pool.fetch("SELECT * FROM outgoing ORDER BY position")
    letters = [row for row in rows if row["topic"].endswith("careplan.bench.dead-letters.v1")]
    records = [row for row in rows if row["topic"].endswith("careplan.audit.records.v1")]
    assert len(letters) == len(records) == 2
    assert letters[0]["value"] == b"bad"
    kept = headers_from_bytes(letters[0]["headers"])
    assert list(kept[:3]) == headers
    assert dict(kept)["dead-letter-offset"] == b"0"
    assert dict(kept)["dead-letter-reason"] == b"no reason"
    assert dict(headers_from_bytes(letters[1]["headers"]))["dead-letter-value"] == b"null"
    audited = orjson.loads(records[0]["value"])
    assert audited["operation"] == "unreadable"
    assert (audited["code"], audited["reason"]) == ("content-invalid", "no reason")
    topic = re.escape(bench.prefix + "things")
    assert re.fullmatch(f"bench/{topic}@[0-9a-f]{{12}}/0\\.0", audited["record_id"])
    await bench.send("things", b"bad", b"bad", b"bad")
    stopped = await bench.until_it_stops(bench.consumer(all_dead, dead_letter_limit=2))
    assert isinstance(stopped, DeadLetterLimitReached)
    assert len(await bench.seen()) == 2
    # Of a batch with more than are left, what comes before the first too many is taken.
    stopped = await bench.until_it_stops(bench.consumer(all_dead, dead_letter_limit=3))
    assert isinstance(stopped, DeadLetterLimitReached)
    assert [offset for _, _, offset in await bench.seen()] == [0, 1, 2]
    # A new life of the process grants no more; an hour does.
    stopped = await bench.until_it_stops(bench.consumer(all_dead, dead_letter_limit=3))
    assert isinstance(stopped, DeadLetterLimitReached)
    await bench.database.pool.execute("UPDATE dead_letter_count SET at = at - interval '1 hour'")
    async with bench.consumer(all_dead, dead_letter_limit=3):
        await bench.until_seen(5)
    # And what no window asks for any more is not kept for ever.
    await bench.database.pool.execute("UPDATE dead_letter_count SET at = at - interval '1 day'")
    async with bench.consumer(all_dead, dead_letter_limit=3):
        await bench.send("things", b"bad")
        await bench.until_seen(6)
    assert len(await bench.database.pool.fetch("SELECT 1 FROM dead_letter_count")) == 1


async def test_a_stopped_consumer_tells_how_much_waits(bench: Bench) -> None:
    async def cannot(_records: Sequence[Record], _transaction: Transaction) -> None:
        raise ValueError("something our code cannot do")

    await bench.send("things", *[b"x"] * 5)
    async with bench.consumer(cannot) as consumer:
        await asyncio.wait_for(consumer.has_stopped.wait(), 20)
        await eventually(consumer.lag, "five wait", holds=lambda lag: lag == 5)
        await bench.send("things", b"y")
        await eventually(consumer.lag, "one more waits", holds=lambda lag: lag == 6)
        behind = consumer.behind_seconds()
        assert behind is not None
        assert behind > 0


async def test_lag_is_true_after_a_fenced_batch_and_after_transactions(bench: Bench) -> None:
    """What nobody reads is no lag: marks of transactions, and what another member has stored."""
    in_hand, go_on = asyncio.Event(), asyncio.Event()

    async def slow(records: Sequence[Record], transaction: Transaction) -> None:
        in_hand.set()
        await go_on.wait()
        async with transaction() as connection:
            await store(connection, records, "one")

    await bench.send("things", *[b"x"] * 5)
    async with bench.consumer(slow) as consumer:
        await asyncio.wait_for(in_hand.wait(), 20)
        await bench.database.pool.execute(
            "INSERT INTO consumer_offset VALUES ('bench', $1, 0, 5)", bench.prefix + "things"
        )
        go_on.set()
        await eventually(consumer.lag, "nothing waits", holds=lambda lag: lag == 0)
        assert await bench.seen() == []
        async with AIOKafkaProducer(
            bootstrap_servers=bench.servers, transactional_id=bench.prefix + "writer"
        ) as producer:
            async with producer.transaction():
                await producer.send_and_wait(bench.prefix + "things", b"kept", partition=0)
            await bench.until_seen(1)
            await eventually(consumer.lag, "only a mark is left", holds=lambda lag: lag == 0)
            await producer.begin_transaction()
            await producer.send_and_wait(bench.prefix + "things", b"given up", partition=0)
            await producer.abort_transaction()
        await bench.send("things", b"last")
        await bench.until_seen(2)
        await eventually(consumer.lag, "caught up", holds=lambda lag: lag == 0)
    assert not bench.has_stopped


async def test_a_consumer_that_lost_its_client_begins_again_beside_an_open_door(
    bench: Bench,
) -> None:
    """Only where that may help: what could not be applied waits, and asks for no new process."""
    consumer = bench.consumer()

    async def closed(*_: object) -> None:
        raise RuntimeError("unable to perform operation; the handler is closed")

    async with running([consumer]):
        await eventually(consumer.part, "ready", holds=lambda said: said.ready)
        coordinator = consumer._client()._coordinator
        coordinator._client.coordinator_lookup = closed
        coordinator.coordinator_dead()
        await asyncio.wait_for(consumer.has_stopped.wait(), 20)
        await eventually(consumer.part, "ready again", holds=lambda said: said.ready)
        await bench.send("things", b"x")
        await bench.until_seen(1)


async def test_a_second_member_joins_while_a_batch_is_in_hand(bench: Bench) -> None:
    in_hand = asyncio.Event()

    def slowly(instance: str) -> BatchHandler:
        async def handle(records: Sequence[Record], transaction: Transaction) -> None:
            async with transaction() as connection:
                in_hand.set()
                await store(connection, records, instance)
                await connection.execute("SELECT pg_sleep(0.3)")

        return handle

    for partition in (0, 1):
        await bench.send("things", *[b"x"] * 60, partition=partition)
    async with bench.consumer(slowly("one"), instance="one"):
        await asyncio.wait_for(in_hand.wait(), 20)
        async with bench.consumer(slowly("two"), instance="two") as second:
            await eventually(second.part, "the second is ready", holds=lambda said: said.ready)
            for partition in (0, 1):
                await bench.send("things", *[b"y"] * 20, partition=partition)
            seen = await bench.until_seen(160)
    topic = bench.prefix + "things"
    assert seen == [(topic, partition, offset) for partition in (0, 1) for offset in range(80)]
    assert not bench.has_stopped
    by_instance = await bench.database.pool.fetch("SELECT DISTINCT instance FROM seen")
    assert {row[0] for row in by_instance} == {"one", "two"}
