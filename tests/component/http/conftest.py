"""One process for all tests of the HTTP door: each leaves it as it found it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from services.goals.section import SECTION
from shared.testing.service import bench_of
from tests.component.http.goals import PLAN, Goals


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def goals(
    postgres_url: str, kafka_servers: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Goals]:
    folder: Path = tmp_path_factory.mktemp("http-door")
    async with AsyncExitStack() as opened:
        bench = await opened.enter_async_context(
            bench_of(SECTION, postgres_url, kafka_servers, folder)
        )
        await bench.know_plans([PLAN])
        made = Goals(bench, await opened.enter_async_context(bench.in_a_process()))
        yield made
        made.must_have_logged_nothing_of_what_was_said()
