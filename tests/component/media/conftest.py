"""One section for all tests of media; each has plans of its own."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from services.about_me.section import SECTION
from shared.chassis.database.database import Database
from shared.testing.service import bench_of
from tests.component.media.running import AboutMe


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def about_me(
    postgres_url: str, kafka_servers: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[AboutMe]:
    folder: Path = tmp_path_factory.mktemp("media")
    async with AsyncExitStack() as opened:
        bench = await opened.enter_async_context(
            bench_of(SECTION, postgres_url, kafka_servers, folder)
        )
        yield AboutMe(bench, await opened.enter_async_context(bench.running()))


@pytest_asyncio.fixture(loop_scope="session")
async def database(about_me: AboutMe) -> AsyncIterator[Database]:
    async with Database(about_me.bench.database.url) as opened:
        yield opened
