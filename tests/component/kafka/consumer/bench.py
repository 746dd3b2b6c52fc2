"""Consumers of topics of their own, and a table of what they have seen."""

import asyncio
from collections.abc import Callable, Sequence

import asyncpg
from aiokafka import AIOKafkaProducer
from opentelemetry.metrics import CallbackOptions

from shared.chassis.database.database import Database
from shared.chassis.kafka.consumer import BatchConsumer
from shared.chassis.kafka.dead_letters import Record
from shared.chassis.kafka.offsets import BatchHandler, Transaction
from shared.chassis.settings import Settings
from shared.chassis.telemetry import Count, counter
from shared.testing.eventually import LONG_ENOUGH, eventually
from shared.testing.stack import TestDatabase, create_topics, fresh_prefix

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
            await asyncio.wait_for(consumer.has_stopped.wait(), LONG_ENOUGH)
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
