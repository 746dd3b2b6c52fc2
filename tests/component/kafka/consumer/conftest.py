"""A database and topics for consumers."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import asyncpg
import pytest_asyncio

from shared.chassis.database.database import Database
from shared.testing.stack import EVERY_SERVICE, create_topics, fresh_database
from tests.component.kafka.consumer.bench import SEEN, Bench


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
