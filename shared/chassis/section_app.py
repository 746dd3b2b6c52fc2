"""The composition root of every section service: the one place where its parts meet."""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI

from shared.chassis.commands import CommandDoor
from shared.chassis.consumers import running
from shared.chassis.contribute import Contributions
from shared.chassis.database import Database
from shared.chassis.event_store import EventStore
from shared.chassis.group_commit import GroupCommit
from shared.chassis.health import Part, health_routes
from shared.chassis.http import contribution_routes
from shared.chassis.http_spans import HttpSpans
from shared.chassis.identity import Identity
from shared.chassis.kafka import BatchConsumer
from shared.chassis.local_copy import LocalCopy
from shared.chassis.plan_states import PLAN_EVENTS, PlanStates
from shared.chassis.problems import CorrelationIds, problem_handlers
from shared.chassis.relationships import Relationships
from shared.chassis.relay import Relay
from shared.chassis.settings import Settings
from shared.chassis.telemetry import Gauge, gauge
from shared.ledger import Section
from shared.ledger.topics import commands_topic


def create_app(section: Section, settings: Settings) -> FastAPI:
    """One section's HTTP door, Kafka door and relay, over one event store."""
    database = Database(settings.database_url)
    identity = Identity(settings.jwks, settings.issuer)
    relay = Relay(settings.database_url, settings, section)
    commits = GroupCommit(
        settings.database_url, queue_limit=settings.queue_limit, on_commit=relay.offer
    )
    store = EventStore(database, commits, section, cache_size=settings.entry_cache)
    plan_states = PlanStates(database, wait_seconds=settings.copy_wait_seconds)
    contributions = Contributions(section, store, plan_states, Relationships(), settings)
    commands = BatchConsumer(
        consumer=section.wire_name,
        handle=CommandDoor(contributions, settings),
        database=database,
        settings=settings,
        topics=[commands_topic(section.name)],
    )
    consumers = {"commands": commands}
    if not _opens_plans(section):
        reader = f"{section.wire_name}-plan-states"
        consumers["plan_states"] = BatchConsumer(
            consumer=reader,
            handle=LocalCopy(plan_states, reader),
            database=database,
            settings=settings,
            pattern=re.escape(PLAN_EVENTS),
        )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as opened:
            await opened.enter_async_context(database)
            await opened.enter_async_context(commits)
            await opened.enter_async_context(relay)
            await opened.enter_async_context(running(consumers.values()))
            for end in (
                gauge(Gauge.APPENDS_WAITING, lambda: float(commits.waiting)),
                gauge(Gauge.RELAY_LAG, lambda: float(relay.lag)),
                gauge(Gauge.RELAY_OLDEST, lambda: relay.oldest_seconds),
            ):
                opened.callback(end)
            yield

    async def database_part() -> Part:
        return Part(await database.is_answering())

    async def appends_part() -> Part:
        return Part(commits.is_alive, lag=commits.waiting, alive=commits.is_alive)

    parts = {
        "database": database_part,
        "appends": appends_part,
        "relay": relay.part,
        **{name: consumer.part for name, consumer in consumers.items()},
    }
    app = FastAPI(title=section.title, lifespan=lifespan, redirect_slashes=False)
    app.include_router(contribution_routes(contributions, identity))
    app.include_router(health_routes(parts, settings.service, door=("database", "appends")))
    app.exception_handlers.update(problem_handlers())
    app.add_middleware(HttpSpans)
    app.add_middleware(CorrelationIds)
    return app


def _opens_plans(section: Section) -> bool:
    return any(entry.opens_plan is not None for entry in section.entries)
