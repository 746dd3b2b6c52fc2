"""The plan: catching up from Kafka, and showing one event soon."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from time import perf_counter
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from uuid_utils.compat import uuid7

import services.plan
from benchmarks.measuring.clusters import Servers
from benchmarks.measuring.measure import Sample, must_be, of_latencies
from benchmarks.measuring.processor import Processes, Used
from benchmarks.scenarios.append import Goals
from benchmarks.scenarios.ledgers import fresh_ledger
from benchmarks.scenarios.plan_events import (
    EVENTS_OF_A_PLAN,
    fresh_plan,
    history,
    message,
    publish,
    said,
)
from benchmarks.scenarios.subject import receipt, sample_state
from services.goals.section import SECTION
from services.plan.doors.events import BATCH, CONSUMER, FoldEvents
from services.plan.fold.domain import Plan
from services.plan.rebuild import rebuild
from services.plan.store.batch import HeldPlan
from services.plan.store.projection import PlanStore
from services.plan.store.reading import read_event
from shared.chassis.database.database import Database
from shared.chassis.kafka.consumer import BatchConsumer
from shared.chassis.kafka.dead_letters import Record
from shared.chassis.kafka.offsets import Transaction
from shared.chassis.kafka.relay import Relay
from shared.chassis.kafka.streams import streams_of
from shared.chassis.policy.decide import POLICY_VERSION
from shared.chassis.settings import Settings
from shared.chassis.store.event_store import EventStore, Moved
from shared.chassis.store.rows import appends
from shared.ledger.topics import EVENTS_PATTERN
from shared.testing.events import History
from shared.testing.eventually import eventually
from shared.testing.stack import (
    EVERY_SERVICE,
    create_topics,
    delete_topics,
    fresh_database,
    fresh_prefix,
)

_EVENTS_A_SECOND = 10_000
_EVENTS_TO_READ = 4_000
_LONG_PLAN = 10_000
_BOTH = ("plan_id", "entry_id")
_PARTITIONS = 4
_SECTIONS = ("person", "needs", "goals")
_QUIET_A_SECOND = 20
_MIGRATIONS = (
    EVERY_SERVICE,
    Path(services.plan.__path__[0]) / "migrations",
)
_WORDS = {"text": "Walk to the shop and back by myself before Christmas, with the frame"}


async def from_kafka(servers: Servers, seconds: float) -> Sample:
    """A consumer that has everything before it: from its first batch to its last commit."""
    messages = history(round(seconds * _EVENTS_A_SECOND))
    events = len(messages)
    async with fresh_plan(servers) as (settings, made):
        await publish(settings, messages)
        async with Database(made.url, size=8) as database:
            watched = _Watched(settings)
            used = Used(Processes({"plan": os.getpid(), "postgres": servers.pids["postgres"]}))
            await watched.consume(database, settings, events)
            told = used.microseconds(events)
            shown = await database.pool.fetchval("SELECT sum(version) FROM plan")
            listed = await database.pool.fetchval("SELECT count(*) FROM ledger.plan_ledger")
    must_be("events in the plans", shown, events)
    must_be("rows of the ledger", listed, events)
    rate = events / (watched.ended - watched.begun)
    return Sample(events, rate, processor_us=told)


async def made_again(servers: Servers, seconds: float) -> Sample:
    """The read model made again from a ledger that holds as many events, compared and switched."""
    messages = history(round(seconds * _EVENTS_A_SECOND))
    events = len(messages)
    async with fresh_plan(servers) as (settings, made):
        await publish(settings, messages)
        async with Database(made.url, size=8) as database:
            watched = _Watched(settings)
            await watched.consume(database, settings, events)
        await servers.checkpoint()
        connection = await asyncpg.connect(made.owner_url)
        try:
            used = Used(Processes({"rebuild": os.getpid(), "postgres": servers.pids["postgres"]}))
            begun = perf_counter()
            report = await rebuild(connection, topic_prefix=settings.topic_prefix)
            took = perf_counter() - begun
            told = used.microseconds(events)
        finally:
            await connection.close()
    must_be("events that were folded", report.events, events)
    must_be("plans that differ", report.differing, 0)
    must_be("switched", report.is_switched, True)
    return Sample(events, events / took, processor_us=told)


async def beside_a_long_plan(servers: Servers, seconds: float) -> Sample:
    """The same catching up, while one of the plans has ten thousand versions already."""
    long = History(uuid7())
    entries = [("goals", uuid7()) for _ in range(8)]
    before = [message(long.opened())]
    before += [
        message(said(long, *entries[number % len(entries)])) for number in range(_LONG_PLAN - 1)
    ]
    messages = []
    for number, one in enumerate(history(round(seconds * _EVENTS_A_SECOND))):
        messages.append(one)
        if number % EVENTS_OF_A_PLAN == 0:
            messages.append(message(said(long, *entries[number % len(entries)])))
    async with fresh_plan(servers) as (settings, made), Database(made.url, size=8) as database:
        await publish(settings, before)
        first = _Watched(settings)
        await first.consume(database, settings, len(before))
        await publish(settings, messages)
        watched = _Watched(settings)
        await watched.consume(database, settings, len(messages))
        shown = await database.pool.fetchval("SELECT sum(version) FROM plan")
        longest = await database.pool.fetchval("SELECT max(version) FROM plan")
    must_be("events in the plans", shown, len(before) + len(messages))
    must_be("versions of the long plan", longest, long.made)
    return Sample(len(messages), len(messages) / (watched.ended - watched.begun))


async def in_memory(servers: Servers, seconds: float) -> Sample:  # noqa: ARG001 - needs none
    """The fold alone: the same records decoded and folded as a batch does it, nothing stored."""
    records: list[Any] = [
        SimpleNamespace(topic=topic, key=key, value=value, headers=headers)
        for topic, key, value, headers in history(round(seconds * _EVENTS_A_SECOND))
    ]
    plans: dict[UUID, HeldPlan] = {}
    begun = perf_counter()
    for record in records:
        read = read_event(record)
        held = plans.get(read.event.plan_id)
        if held is None:
            held = plans[read.event.plan_id] = HeldPlan(Plan(read.event.plan_id), 0)
        held.fold(read)
    took = perf_counter() - begun
    folded = sum(held.plan.version for held in plans.values())
    must_be("events in the plans", folded, len(records))
    return Sample(len(records), len(records) / took)


async def event_to_visible(servers: Servers, seconds: float) -> Sample:
    """One append in a quiet system, until the commit of the plan that shows it."""
    took: list[float] = []
    async with (
        fresh_plan(servers) as (settings, made),
        fresh_ledger(servers) as ledger,
        Database(made.url, size=8) as plans,
        Database(ledger.url) as database,
        Relay(
            ledger.url,
            settings.model_copy(update={"service": "goals"}),
            streams_of(SECTION, settings),
        ) as relay,
        appends(ledger.url, on_commit=relay.offer) as commits,
    ):
        store = EventStore(database, commits, SECTION)
        watched = _Watched(settings)
        async with watched.consumer(plans, settings) as consumer:
            await _until_ready(consumer, relay)
            number = round(seconds * _QUIET_A_SECOND)
            goals = Goals(number)
            for index in range(number):
                await asyncio.sleep(1 / _QUIET_A_SECOND)
                goal = goals.next_of(index)
                folded = asyncio.create_task(watched.next_batch())
                await asyncio.sleep(0)
                begun = perf_counter()
                await store.save([Moved(goal)], receipt(goal))
                await folded
                took.append(watched.ended - begun)
        shown = await plans.pool.fetchval("SELECT sum(version) FROM plan")
    must_be("events in the plans", shown, number)
    return of_latencies(took[number // 5 :])


async def commit_trip_commit(servers: Servers, seconds: float) -> Sample:
    """One commit, one broker round trip, one commit, by the drivers alone."""
    number = round(seconds * _QUIET_A_SECOND)
    topic = f"{fresh_prefix()}trip"
    await create_topics(servers.kafka_servers, [topic], 1)
    took: list[float] = []
    async with (
        _bare(servers) as connection,
        AIOKafkaProducer(bootstrap_servers=servers.kafka_servers, acks="all") as producer,
        AIOKafkaConsumer(bootstrap_servers=servers.kafka_servers, fetch_max_wait_ms=200) as reader,
    ):
        place = TopicPartition(topic, 0)
        reader.assign([place])
        await reader.seek_to_beginning(place)
        for _ in range(number):
            await asyncio.sleep(1 / _QUIET_A_SECOND)
            arriving = asyncio.create_task(reader.getone())
            await asyncio.sleep(0)
            begun = perf_counter()
            await connection.execute("INSERT INTO bare VALUES ($1)", sample_state())
            await producer.send(topic, sample_state())
            await arriving
            await connection.execute("INSERT INTO bare VALUES ($1)", sample_state())
            took.append(perf_counter() - begun)
        must_be("commits", await connection.fetchval("SELECT count(*) FROM bare"), 2 * number)
    await delete_topics(servers.kafka_servers, [topic])
    return of_latencies(took[number // 5 :])


async def one_commit(servers: Servers, seconds: float) -> Sample:
    """One prepared INSERT after the other, on one connection."""
    took: list[float] = []
    async with _bare(servers) as connection:
        insert = await connection.prepare("INSERT INTO bare VALUES ($1)")
        begun = now = perf_counter()
        while now < begun + seconds:
            before = now
            await insert.fetch(sample_state())
            now = perf_counter()
            took.append(now - before)
        must_be("commits", await connection.fetchval("SELECT count(*) FROM bare"), len(took))
    return of_latencies(took[len(took) // 5 :])


class _Watched:
    """A plan consumer, and when it began its first batch and committed its last one."""

    def __init__(self, settings: Settings) -> None:
        self.begun = self.ended = 0.0
        self.consumed = 0
        self._folded = asyncio.Event()
        store = PlanStore(
            instance=settings.instance_id,
            policy_version=POLICY_VERSION,
        )
        self._handle = FoldEvents(store, folded=self._note_the_end)

    def consumer(self, database: Database, settings: Settings) -> BatchConsumer:
        """The consumer as the plan service builds it."""
        return BatchConsumer(
            consumer=CONSUMER,
            handle=self,
            database=database,
            settings=settings,
            pattern=EVENTS_PATTERN,
            max_records=BATCH,
        )

    async def __call__(self, records: Sequence[Record], transaction: Transaction) -> None:
        self.begun = self.begun or perf_counter()
        await self._handle(records, transaction)
        self.consumed += len(records)

    def has_consumed(self, records: int) -> bool:
        """Whether so many were folded and committed."""
        return self.consumed >= records

    async def consume(self, database: Database, settings: Settings, records: int) -> None:
        """Run until so many were folded and committed."""
        async with self.consumer(database, settings):
            done = partial(self.has_consumed, records)
            await eventually(done, "all was folded", within=120, holds=bool)

    async def next_batch(self) -> None:
        """Until the next commit."""
        await self._folded.wait()
        self._folded.clear()

    def _note_the_end(self) -> None:
        self.ended = perf_counter()
        self._folded.set()


@asynccontextmanager
async def _bare(servers: Servers) -> AsyncIterator[asyncpg.Connection]:
    """A connection to a database with one table that has no index."""
    async with fresh_database(servers.postgres_url, "bare") as made:
        connection = await asyncpg.connect(made.owner_url)
        try:
            await connection.execute("CREATE TABLE bare (state bytea NOT NULL)")
            await servers.checkpoint()
            yield connection
        finally:
            await connection.close()


async def _until_ready(consumer: BatchConsumer, relay: Relay) -> None:
    async def are_ready() -> bool:
        return (await consumer.part()).ready and (await relay.part()).detail == "publishing"

    await eventually(are_ready, "consumer and relay are ready", holds=bool)
