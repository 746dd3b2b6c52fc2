"""An audit for each test, with or without its door."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest_asyncio

from shared.chassis.database.database import Database
from shared.ledger.topics import dead_letters_topic
from shared.testing.stack import EVERY_SERVICE, create_topics, fresh_database
from tests.component.audit.bench import OWN, Bench
from tests.component.audit.door import Door, open_door


@pytest_asyncio.fixture(loop_scope="session")
async def bench(postgres_url: str, kafka_servers: str) -> AsyncIterator[Bench]:
    async with AsyncExitStack() as opened:
        made = await opened.enter_async_context(
            fresh_database(postgres_url, "audit", EVERY_SERVICE, OWN)
        )
        database = await opened.enter_async_context(Database(made.url))
        yield Bench(made, kafka_servers, database)


@pytest_asyncio.fixture(loop_scope="session")
async def door(bench: Bench, tmp_path: Path) -> AsyncIterator[Door]:
    await bench.topics("goals", "needs", "person", "care_team")
    await create_topics(bench.servers, [bench.prefix + dead_letters_topic("audit")])
    async with open_door(bench, tmp_path) as opened:
        yield opened
