"""A ledger that every test finds empty."""

from collections.abc import AsyncIterator

import asyncpg
import pytest_asyncio

from shared.chassis.store.rows import Appends, appends
from shared.testing.stack import OF_A_SECTION, TestDatabase, fresh_database
from tests.component.store.ledger import Proxy


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def made(postgres_url: str) -> AsyncIterator[TestDatabase]:
    async with fresh_database(postgres_url, "events", *OF_A_SECTION) as database:
        yield database


@pytest_asyncio.fixture(loop_scope="session")
async def owner(made: TestDatabase) -> AsyncIterator[asyncpg.Connection]:
    """A superuser's connection; every test finds the ledger empty."""
    connection = await asyncpg.connect(made.owner_url)
    await connection.execute(
        "TRUNCATE stored_events, receipt, unique_key, outgoing, dead_letter, plan_state"
    )
    yield connection
    await connection.close()


@pytest_asyncio.fixture(loop_scope="session")
async def replicas(
    made: TestDatabase, owner: asyncpg.Connection
) -> AsyncIterator[tuple[Appends, Appends]]:
    del owner
    async with appends(made.url) as one, appends(made.url) as two:
        yield one, two


@pytest_asyncio.fixture(loop_scope="session")
async def proxy(made: TestDatabase, owner: asyncpg.Connection) -> AsyncIterator[Proxy]:
    del owner
    async with Proxy(made.url) as between:
        yield between
