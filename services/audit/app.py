"""The composition root of the audit: the one place where its parts meet."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from services.audit.api import record_routes
from services.audit.consumers import AuditConsumer
from services.audit.store import AuditStore
from shared.chassis.database import Database
from shared.chassis.health import Part, health_routes
from shared.chassis.identity import Identity
from shared.chassis.problems import CorrelationIds, problem_handlers
from shared.chassis.relay import Relay
from shared.chassis.settings import Settings
from shared.chassis.telemetry import Gauge, gauge


def create_app(settings: Settings) -> FastAPI:
    """Events and audit records in by Kafka, records out by HTTP, dead letters out by the relay."""
    database = Database(settings.database_url)
    store = AuditStore(database)
    identity = Identity(settings.jwks, settings.issuer)
    relay = Relay(settings.database_url, settings, section=None)
    consumer = AuditConsumer(
        database=database, store=store, settings=settings, dead_letters_written=relay.wake
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with database, relay, consumer:
            gauge(Gauge.RELAY_LAG, lambda: float(relay.lag))
            gauge(Gauge.RELAY_OLDEST, lambda: relay.oldest_seconds)
            yield

    async def database_part() -> Part:
        return Part(await database.is_answering())

    parts = {"database": database_part, "relay": relay.part, "records": consumer.part}
    app = FastAPI(title="Audit", lifespan=lifespan, redirect_slashes=False)
    app.include_router(record_routes(store, identity, settings.audit_reading_roles))
    app.include_router(health_routes(parts, settings.service))
    app.exception_handlers.update(problem_handlers())
    app.add_middleware(CorrelationIds)
    return app
