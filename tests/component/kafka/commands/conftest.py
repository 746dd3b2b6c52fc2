"""A section that takes commands, and readers of what it publishes."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from services.goals.section import SECTION
from shared.ledger.topics import AUDIT_RECORDS, dead_letters_topic, receipts_topic
from shared.testing.service import Bench, bench_of
from shared.testing.topic_reader import TopicReader
from tests.component.kafka.commands.goals import NO_TOPIC, PLAN, Goals


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def bench(
    postgres_url: str, kafka_servers: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Bench]:
    folder = tmp_path_factory.mktemp("kafka-door")
    without = [receipts_topic(NO_TOPIC)]
    async with bench_of(SECTION, postgres_url, kafka_servers, folder, without=without) as made:
        await made.know_plans([PLAN])
        yield made


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def readers(bench: Bench) -> AsyncIterator[tuple[TopicReader, TopicReader, TopicReader]]:
    async with (
        bench.reader(receipts_topic("zzc01")) as receipts,
        bench.reader(dead_letters_topic("goals")) as letters,
        bench.reader(AUDIT_RECORDS) as audit,
    ):
        yield receipts, letters, audit


@pytest_asyncio.fixture(loop_scope="session")
async def goals(
    bench: Bench, readers: tuple[TopicReader, TopicReader, TopicReader]
) -> AsyncIterator[Goals]:
    async with bench.running() as door:
        yield Goals(bench, door, *readers)
