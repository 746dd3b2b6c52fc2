"""Events for the plan to fold, as they stand on Kafka, and a place where a plan service can run."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from uuid import UUID

from aiokafka import AIOKafkaProducer
from uuid_utils.compat import uuid7

import services.plan
from benchmarks.measuring.clusters import Servers
from shared.chassis.settings import Settings
from shared.ledger import RecordedEvent
from shared.ledger.topics import PLAN_CHANGES, dead_letters_topic, events_topic
from shared.testing.events import History, headers_of, value_of
from shared.testing.stack import (
    EVERY_SERVICE,
    TestDatabase,
    create_topics,
    delete_topics,
    fresh_database,
    fresh_prefix,
)

EVENTS_OF_A_PLAN = 40
_PARTITIONS = 4
_SECTIONS = ("person", "needs", "goals")
_MIGRATIONS = (
    EVERY_SERVICE,
    Path(services.plan.__path__[0]) / "migrations",
)
_WORDS = {"text": "Walk to the shop and back by myself before Christmas, with the frame"}

Message = tuple[str, bytes, bytes, list[tuple[str, bytes]]]


def history(events: int) -> list[Message]:
    """Plans of 40 events each, needs and goals that are reworded, as a busy day mixes them."""
    random = Random(20261124)  # noqa: S311 - the same events in every run
    plans = [
        (History(uuid7()), [(section, uuid7()) for section in ("needs", "goals") * 4])
        for _ in range(events // EVENTS_OF_A_PLAN)
    ]
    messages: list[Message] = []
    for history, _ in plans:
        messages.append(message(history.opened()))
    for _ in range(EVENTS_OF_A_PLAN - 1):
        random.shuffle(plans)
        for history, entries in plans:
            messages.append(message(said(history, *random.choice(entries))))
    return messages


def said(history: History, section: str, entry_id: UUID) -> RecordedEvent:
    """An entry agreed, or reworded where there is one."""
    made = history.versions[section, entry_id] == 0
    content = {"aim": _WORDS, "why": "So I can choose my own things"}
    name, change = ("agreed", "created") if made else ("reworded", "amended")
    return history.event(section, name, entry_id, change, content)


def message(event: RecordedEvent) -> Message:
    key = str(event.plan_id).encode()
    return events_topic(event.section), key, value_of(event), headers_of(event)


async def publish(settings: Settings, messages: Sequence[Message]) -> None:
    async with AIOKafkaProducer(
        bootstrap_servers=settings.kafka_servers, linger_ms=5, max_batch_size=65_536
    ) as producer:
        sent = [
            await producer.send(settings.topic_prefix + topic, value, key, headers=headers)
            for topic, key, value, headers in messages
        ]
        await asyncio.gather(*sent)


@asynccontextmanager
async def fresh_plan(servers: Servers) -> AsyncIterator[tuple[Settings, TestDatabase]]:
    """Topics and a database of a plan service's own."""
    prefix = fresh_prefix()
    names = [
        *(prefix + events_topic(section) for section in _SECTIONS),
        prefix + PLAN_CHANGES,
        prefix + dead_letters_topic("plan"),
    ]
    await create_topics(servers.kafka_servers, names, _PARTITIONS)
    async with fresh_database(servers.postgres_url, "plan", *_MIGRATIONS) as made:
        await servers.checkpoint()
        yield (
            Settings(
                service="plan",
                kafka_servers=servers.kafka_servers,
                topic_prefix=prefix,
                event_partitions=_PARTITIONS,
            ),
            made,
        )
    await delete_topics(servers.kafka_servers, names)
