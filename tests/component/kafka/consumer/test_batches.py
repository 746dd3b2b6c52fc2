"""Whatever happens to a batch, it is handled once, and how much waits is told truly."""

import asyncio
from collections.abc import Sequence

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer

from shared.chassis.kafka.dead_letters import Record
from shared.chassis.kafka.offsets import BatchHandler, Transaction
from shared.chassis.kafka.running import running
from shared.testing.eventually import LONG_ENOUGH, eventually
from tests.component.kafka.consumer.bench import Bench, jumps, store

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


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
    await asyncio.wait_for(in_hand.wait(), LONG_ENOUGH)
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
        await asyncio.wait_for(started.wait(), LONG_ENOUGH)
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


async def test_a_stopped_consumer_tells_how_much_waits(bench: Bench) -> None:
    async def cannot(_records: Sequence[Record], _transaction: Transaction) -> None:
        raise ValueError("something our code cannot do")

    await bench.send("things", *[b"x"] * 5)
    async with bench.consumer(cannot) as consumer:
        await asyncio.wait_for(consumer.has_stopped.wait(), LONG_ENOUGH)
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
        await asyncio.wait_for(in_hand.wait(), LONG_ENOUGH)
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
        await asyncio.wait_for(consumer.has_stopped.wait(), LONG_ENOUGH)
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
        await asyncio.wait_for(in_hand.wait(), LONG_ENOUGH)
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


async def test_a_batch_is_bounded_by_its_bytes_and_nothing_is_passed_over(bench: Bench) -> None:
    """Kind: what is bounded by number alone, and of which each may be large."""
    bound, before = 100_000, jumps()
    for partition in (0, 1):
        await bench.send("things", *[b"x" * 30_000] * 10, partition=partition)
        await bench.send("things", b"x" * 250_000, b"x", partition=partition)
    batches: list[list[int]] = []

    def remember(records: Sequence[Record]) -> None:
        batches.append([len(record.value or b"") for record in records])

    consumer = bench.consumer(bench.record_into(before=remember), batch_bytes=bound)
    async with consumer:
        seen = await bench.until_seen(24)
        assert consumer.failure is None
    assert [(partition, offset) for _, partition, offset in seen] == [
        (partition, offset) for partition in (0, 1) for offset in range(12)
    ]
    assert [sizes for sizes in batches if sum(sizes) > bound] == [[250_000]] * 2, "one alone"
    assert jumps() == before, "what was put off is no gap"
