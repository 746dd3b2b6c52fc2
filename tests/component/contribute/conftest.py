"""The sections that contributions are made to."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from services.goals.section import SECTION as GOALS
from services.person.section import SECTION as PERSON
from shared.testing.service import Bench, bench_of
from tests.component.contribute.running import Running, section_running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def goals_bench(
    postgres_url: str, kafka_servers: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Bench]:
    folder = tmp_path_factory.mktemp("contributions-goals")
    async with bench_of(GOALS, postgres_url, kafka_servers, folder) as bench:
        yield bench


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def goals(goals_bench: Bench) -> AsyncIterator[Running]:
    async with goals_bench.running() as door:
        yield Running(goals_bench, door)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def person(
    postgres_url: str, kafka_servers: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Running]:
    folder = tmp_path_factory.mktemp("contributions-person")
    async with section_running(PERSON, postgres_url, kafka_servers, folder) as it:
        yield it
