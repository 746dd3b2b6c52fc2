"""Fixtures only; code to share lives in ``shared/testing``."""

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from hypothesis import settings

from deploy.local.servers.both import Servers, running

# A property is tried a little at every turn and much in `make test` (--hypothesis-profile).
settings.register_profile("everyday", max_examples=25, database=None)
settings.register_profile("thorough", max_examples=200)
settings.load_profile("everyday")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Servers]:
    """PostgreSQL and Kafka: those the environment names, or a pair of our own."""
    postgres, kafka = os.environ.get("DATABASE_URL"), os.environ.get("KAFKA_SERVERS")
    async with AsyncExitStack() as opened:
        if postgres and kafka:
            yield Servers(postgres, kafka, {})
        else:
            own = await opened.enter_async_context(running(tmp_path_factory.mktemp("servers")))
            yield Servers(postgres or own.postgres_url, kafka or own.kafka_servers, own.pids)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def postgres_url(servers: Servers) -> str:
    """The superuser's address: tests make their own databases (``fresh_database``)."""
    return servers.postgres_url


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def kafka_servers(servers: Servers) -> str:
    """The broker's address: tests make their own topics under a prefix (``fresh_prefix``)."""
    return servers.kafka_servers
