"""Fixtures only; code to share lives in ``shared/testing``."""

import gc
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, settings

from deploy.local.servers.both import Servers, running

# The examples of a property are the same ones in every run, on every machine, however busy: what
# passes here passes there. New ones are looked for where somebody waits for them
# (`make test-properties`); one that fails is written down as an example of its own.
EVERYWHERE = settings(
    derandomize=True, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("everyday", EVERYWHERE, max_examples=25)
settings.register_profile("thorough", EVERYWHERE, max_examples=200)
settings.register_profile("searching", EVERYWHERE, max_examples=2_000, derandomize=False)
settings.load_profile("everyday")


def pytest_collection_finish() -> None:
    """What is loaded by now stays: the collector need not look at it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 10)


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
