"""The composition root of the plan: the one place where its parts meet."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI

from services.plan.api import plan_routes
from services.plan.consumers import BATCH, CONSUMER, Folded, FoldEvents
from services.plan.ledger import PlanLedger
from services.plan.store import PlanStore
from shared.chassis.consumers import running
from shared.chassis.database import Database
from shared.chassis.health import Part, health_routes
from shared.chassis.identity import Identity
from shared.chassis.kafka import BatchConsumer
from shared.chassis.problems import CorrelationIds, problem_handlers
from shared.chassis.relay import Relay
from shared.chassis.settings import Settings
from shared.chassis.telemetry import Gauge, Reading, gauge
from shared.ledger.topics import EVENTS_PATTERN


def create_app(settings: Settings) -> FastAPI:
    """The plan's HTTP door, Kafka door and relay, over one read model."""
    database = Database(settings.database_url, size=8)
    identity = Identity(settings.jwks, settings.issuer)
    relay = Relay(settings.database_url, settings, section=None)
    plans = PlanStore(topic_prefix=settings.topic_prefix, instance=settings.instance_id)
    folded = Folded()

    def after_batch() -> None:
        folded()
        relay.wake()

    events = BatchConsumer(
        consumer=CONSUMER,
        handle=FoldEvents(plans, topic_prefix=settings.topic_prefix, folded=after_batch),
        database=database,
        settings=settings,
        pattern=EVENTS_PATTERN,
        max_records=BATCH,
    )

    def behind() -> Reading:
        seconds = events.behind_seconds()
        return [] if seconds is None else seconds  # what is not known is not said to be nothing

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as opened:
            await opened.enter_async_context(database)
            async with database.pool.acquire() as connection:
                await plans.count_parked(connection)
            await opened.enter_async_context(relay)
            await opened.enter_async_context(running([events]))
            for name, read in {
                Gauge.PARKED_EVENTS: lambda: float(plans.parked_events),
                Gauge.PARKED_ENTRIES: lambda: float(plans.parked_entries),
                Gauge.PROJECTION_LAG: behind,
                Gauge.RELAY_LAG: lambda: float(relay.lag),
                Gauge.RELAY_OLDEST: lambda: relay.oldest_seconds,
            }.items():
                opened.callback(gauge(name, read))
            yield

    async def database_part() -> Part:
        return Part(await database.is_answering())

    parts = {"database": database_part, "relay": relay.part, "events": events.part}
    app = FastAPI(title="The shared plan", lifespan=lifespan, redirect_slashes=False)
    app.include_router(plan_routes(PlanLedger(database), identity, folded, events.behind_seconds))
    app.include_router(health_routes(parts, settings.service))
    app.exception_handlers.update(problem_handlers())
    app.add_middleware(CorrelationIds)
    return app
