"""Killed or cut off, the audit leaves nothing out and its door stays open."""

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from services.audit.store.records import AuditStore
from shared.chassis.database.database import Connection, Database
from shared.ledger.topics import dead_letters_topic, events_topic
from shared.testing.eventually import LONG_ENOUGH, eventually
from shared.testing.stack import create_topics
from tests.component.audit.bench import ROOT, Bench, Message, history, ids_of
from tests.component.audit.door import fill, open_door

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


class MortalStore(AuditStore):
    """Goes no further, once, at one step of a batch, as a process that is killed there."""

    def __init__(self, database: Database, step: str) -> None:
        super().__init__(database)
        self._step = step
        self.died = asyncio.Event()

    async def _die_at(self, step: str) -> None:
        if step == self._step and not self.died.is_set():
            self.died.set()
            await asyncio.Event().wait()

    async def append(self, connection: Connection, records: Sequence[Any]) -> Any:
        await self._die_at("after the fence")
        appended = await super().append(connection, records)
        await self._die_at("after the records")
        return appended

    async def note_positions(self, connection: Connection, positions: Sequence[Any]) -> None:
        await super().note_positions(connection, positions)
        await self._die_at("before the commit")


@pytest.mark.parametrize("step", ["after the fence", "after the records", "before the commit"])
async def test_records_when_the_consumer_dies_then_the_next_one_leaves_nothing_out(
    bench: Bench, step: str
) -> None:
    await bench.topics("goals")
    store = MortalStore(bench.database, step)
    messages = history(5)
    consumer = bench.consumer(store)
    await bench.publish(*messages, Message(events_topic("goals"), b"k", b"unreadable"))
    await consumer.__aenter__()
    await asyncio.wait_for(store.died.wait(), LONG_ENOUGH)
    assert consumer._subscription is not None
    for task in consumer._subscription._subscriber.tasks:
        task.cancel()
    await consumer.__aexit__(None, None, None)
    assert await bench.ids() == []
    assert await bench.rows("SELECT 1 FROM consumer_offset") == []

    async with bench.consumer(store):
        await bench.until_consumed(len(messages) + 1)
    [letter] = Counter(await bench.ids()) - Counter(ids_of(messages))
    assert letter.startswith(f"audit/{bench.prefix}{events_topic('goals')}@")
    assert len(await bench.rows("SELECT 1 FROM outgoing")) == 1


async def test_records_when_the_process_is_killed_again_and_again_then_each_is_there_once(
    bench: Bench,
) -> None:
    await bench.topics("goals")
    messages = history(100)
    environment = {
        **os.environ,
        "CAREPLAN_DATABASE_URL": bench.made.url,
        "CAREPLAN_KAFKA_SERVERS": bench.servers,
        "CAREPLAN_TOPIC_PREFIX": bench.prefix,
        "CAREPLAN_METADATA_MAX_AGE_MS": "500",
        "CAREPLAN_PORT": "0",
        "CAREPLAN_ISSUER": "https://issuer.example",
        "CAREPLAN_JWKS": "https://issuer.example/jwks.json",
    }
    parts = [messages[start::4] for start in range(4)]
    published = 0
    for part in parts:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "shared.chassis.run",
            "audit",
            cwd=ROOT,
            env=environment,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            await bench.publish(*part[: len(part) // 2])
            await bench.until_recorded(published + 1)
            await bench.publish(*part[len(part) // 2 :])
        finally:
            process.send_signal(signal.SIGKILL)
            await process.wait()
        published = len(await bench.ids())
    async with bench.consumer(instance="audit-1"):
        await bench.until_consumed(len(messages))
    assert sorted(await bench.ids()) == sorted(ids_of(messages))


async def test_records_when_the_database_hangs_up_then_the_batch_is_tried_again(
    bench: Bench,
) -> None:
    await bench.topics("goals")
    messages = history(40)
    admin = await asyncpg.connect(bench.made.owner_url)
    try:
        async with bench.consumer():
            for start in range(0, len(messages), 20):
                await bench.publish(*messages[start : start + 20])
                await admin.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            await eventually(
                lambda: _consumed_as(admin), "all consumed", holds=lambda n: n == len(messages)
            )
    finally:
        await admin.close()
    assert not bench.has_stopped
    assert sorted(await bench.ids()) == sorted(ids_of(messages))


async def _consumed_as(admin: asyncpg.Connection) -> int:
    return int(await admin.fetchval("SELECT coalesce(sum(next_offset), 0) FROM consumer_offset"))


async def test_service_when_something_was_unreadable_then_its_dead_letter_is_published(
    bench: Bench, tmp_path: Path
) -> None:
    await bench.topics("goals", "needs")
    await create_topics(bench.servers, [bench.prefix + dead_letters_topic("audit")])

    async def published() -> int:
        return await _end_of(bench, dead_letters_topic("audit"))

    async with open_door(bench, tmp_path, publishes=True) as door:
        await fill(door)
        await eventually(published, "the dead letter published", holds=lambda n: n == 1)

        async def is_ready() -> bool:
            said = (await door.client.get("/readyz")).json()
            return bool(said["ready"]) and all(part["ready"] for part in said["parts"].values())

        await eventually(is_ready, "every part ready")


async def test_service_when_the_broker_is_away_then_its_door_is_open(
    bench: Bench, tmp_path: Path
) -> None:
    bench.servers = "127.0.0.1:1"
    async with open_door(bench, tmp_path) as door:
        assert (await door.get()).status_code == 200
        said = await door.client.get("/readyz")
        assert said.status_code == 200
        assert not said.json()["parts"]["records"]["ready"]
        assert (await door.client.get("/livez")).status_code == 200


async def _end_of(bench: Bench, topic: str) -> int:
    consumer = AIOKafkaConsumer(bootstrap_servers=bench.servers)
    await consumer.start()
    try:
        places = [TopicPartition(bench.prefix + topic, partition) for partition in range(2)]
        return sum((await consumer.end_offsets(places)).values())
    finally:
        await consumer.stop()
