"""An empty ledger and topics of its own for each test."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

import shared.chassis
import shared.chassis.kafka.relay
from services.goals.section import SECTION
from shared.ledger.topics import AUDIT_RECORDS, events_topic
from shared.testing.stack import (
    OF_A_SECTION,
    TestDatabase,
    create_topics,
    fresh_database,
    fresh_prefix,
)
from shared.testing.topic_reader import TopicReader
from tests.component.kafka.relay.bench import Bench


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def made(postgres_url: str) -> AsyncIterator[TestDatabase]:
    async with fresh_database(postgres_url, "relay", *OF_A_SECTION) as database:
        yield database


@pytest_asyncio.fixture(loop_scope="session")
async def bench(made: TestDatabase, kafka_servers: str) -> AsyncIterator[Bench]:
    owner = await asyncpg.connect(made.owner_url)
    await owner.execute(
        "TRUNCATE stored_events, receipt, unique_key, outgoing, dead_letter, relay_mark"
    )
    prefix = fresh_prefix()
    topics = [prefix + name for name in (events_topic(SECTION.name), AUDIT_RECORDS)]
    await create_topics(kafka_servers, topics)
    async with TopicReader(kafka_servers, *topics) as reader:
        bench = Bench(made, owner, kafka_servers, reader)
        bench.prefix = prefix
        yield bench
    await owner.close()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared.chassis.kafka.relay, "_POLL", 0.1)
