"""Intake at work, with inboxes of organisations that nobody else writes to."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from shared.testing.topic_reader import TopicReader
from tests.component.intake.bench import Bench, Running, bench_of, readers_of


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def bench(
    postgres_url: str, kafka_servers: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Bench]:
    async with bench_of(postgres_url, kafka_servers, tmp_path_factory.mktemp("intake")) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def readers(bench: Bench) -> AsyncIterator[tuple[TopicReader, ...]]:
    async with readers_of(bench) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def intake(bench: Bench, readers: tuple[TopicReader, ...]) -> AsyncIterator[Running]:
    async with bench.running(roles={"zzg01": ("registration-service",)}) as client:
        yield Running(bench, client, *readers)
