"""A contribution with everything that happens to it: section, plan, audit, PostgreSQL, Kafka."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import asyncpg
from uuid_utils.compat import uuid7

import services.audit
import services.plan
from benchmarks.measuring.clusters import Servers
from benchmarks.measuring.load import apply_from_elsewhere
from benchmarks.measuring.measure import Sample, must_be
from benchmarks.measuring.processor import Processes, Used
from benchmarks.scenarios.append import Scenario
from benchmarks.scenarios.doors import PLANS, contributing, in_a_process, warmed_up
from deploy.local.servers.kafka import free_port
from services.goals.section import SECTION
from shared.ledger.topics import PLAN_CHANGES, dead_letters_topic, events_topic
from shared.testing.events import History, headers_of, value_of
from shared.testing.eventually import eventually
from shared.testing.service import Bench, bench_of
from shared.testing.stack import (
    EVERY_SERVICE,
    TestDatabase,
    create_topics,
    delete_topics,
    fresh_database,
)

_READERS = {"plan": services.plan, "audit": services.audit}


def command_to_everybody(in_flight: int) -> Scenario:
    """The section's door under load, until the plan and the audit have all of it as well."""

    async def scenario(servers: Servers, seconds: float) -> Sample:
        async with AsyncExitStack() as opened:
            folder = Path(opened.enter_context(TemporaryDirectory()))
            bench = await opened.enter_async_context(
                bench_of(SECTION, servers.postgres_url, servers.kafka_servers, folder)
            )
            readers = await opened.enter_async_context(_readers(bench, servers))
            section = await opened.enter_async_context(bench.in_a_process())
            plans = [uuid7() for _ in range(PLANS)]
            await _open(bench, plans)
            await bench.relate(plans, "ZZC01")
            await _until(bench.database.owner_url, "SELECT count(*) FROM plan_state", PLANS)
            await _until(readers.plans.owner_url, "SELECT count(*) FROM plan", PLANS)

            load = contributing(section.door.url, bench.issuer, plans, in_flight, seconds)
            first = await warmed_up(load)
            await _until_all_have(readers, PLANS, first)
            processes = Processes({"goals": section.pid, **readers.pids, **servers.pids})
            used = Used(processes)
            sample = await apply_from_elsewhere(load)
            done = first + sample.count
            await _until_all_have(readers, PLANS, done)
            told = used.microseconds(sample.count)
            must_be("events stored", (await bench.rows())["stored_events"], done)
        return replace(sample, processor_us={**sample.processor_us, **told})

    return scenario


class _Readers:
    """Plan and audit in processes of their own, and their databases."""

    def __init__(self, plans: TestDatabase, records: TestDatabase) -> None:
        self.plans = plans
        self.records = records
        self.pids: dict[str, int] = {}


@asynccontextmanager
async def _readers(bench: Bench, servers: Servers) -> AsyncIterator[_Readers]:
    names = [PLAN_CHANGES, *(dead_letters_topic(name) for name in _READERS)]
    topics = [bench.topic(name) for name in names]
    await create_topics(servers.kafka_servers, topics)
    async with AsyncExitStack() as opened:
        made = {
            name: await opened.enter_async_context(
                fresh_database(
                    servers.postgres_url,
                    name,
                    EVERY_SERVICE,
                    Path(package.__path__[0]) / "migrations",
                )
            )
            for name, package in _READERS.items()
        }
        readers = _Readers(made["plan"], made["audit"])
        for name, database in made.items():
            settings = bench.settings(
                service=name, database_url=database.url, port=free_port(), instance=f"{name}-1"
            )
            told = settings.model_dump(exclude_unset=True)
            environment = {f"CAREPLAN_{key.upper()}": str(value) for key, value in told.items()}
            readers.pids[name] = await opened.enter_async_context(
                in_a_process("shared.chassis.run", name, **environment)
            )
        yield readers
    await delete_topics(servers.kafka_servers, topics)


async def _open(bench: Bench, plans: Sequence[UUID]) -> None:
    """The first event of each plan, as the person section publishes it."""
    topic = bench.topic(events_topic("person"))
    sent = []
    for plan_id in plans:
        event = History(plan_id).opened()
        sent.append(
            await bench.producer.send(
                topic, value_of(event), str(plan_id).encode(), headers=headers_of(event)
            )
        )
    await asyncio.gather(*sent)


async def _until_all_have(readers: _Readers, opened: int, contributed: int) -> None:
    everything = opened + contributed
    await _until(readers.plans.owner_url, "SELECT sum(version) FROM plan", everything)
    await _until(readers.records.owner_url, "SELECT count(*) FROM audit_record", everything)


async def _until(url: str, count: str, wanted: int) -> None:
    connection = await asyncpg.connect(url)
    try:

        async def holds() -> bool:
            return bool(await connection.fetchval(count) == wanted)

        await eventually(holds, f"{count} is {wanted}", within=120, holds=bool)
    finally:
        await connection.close()
