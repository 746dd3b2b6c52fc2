"""A plan service for each test."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from deploy.local.stack.issuer import Issuer
from shared.chassis.database.database import Database
from shared.ledger.topics import AUDIT_RECORDS, PLAN_CHANGES, dead_letters_topic
from shared.testing.stack import EVERY_SERVICE, create_topics, fresh_database
from tests.component.plan.bench import OWN, SECTIONS, Bench


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    issuer = Issuer(tmp_path_factory.mktemp("issuer"))
    issuer.prepare()
    return issuer


@pytest_asyncio.fixture(loop_scope="session")
async def bench(postgres_url: str, kafka_servers: str, issuer: Issuer) -> AsyncIterator[Bench]:
    async with AsyncExitStack() as opened:
        made = await opened.enter_async_context(
            fresh_database(postgres_url, "plan", EVERY_SERVICE, OWN)
        )
        database = await opened.enter_async_context(Database(made.url, size=12))
        bench = Bench(made, database, kafka_servers, issuer)
        topics = [f"careplan.{section}.events.v1" for section in SECTIONS]
        topics += [AUDIT_RECORDS, PLAN_CHANGES, dead_letters_topic("plan")]
        await create_topics(kafka_servers, [bench.prefix + topic for topic in topics])
        yield bench
