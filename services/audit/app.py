"""The composition root of the audit: the one place where its parts are put together."""

from fastapi import FastAPI

from services.audit.doors.api import record_routes
from services.audit.doors.events import (
    CONSUMER,
    FETCH_MIN_BYTES,
    TOPICS,
    GapWatch,
    RecordMessages,
)
from services.audit.queries.records import RecordList
from services.audit.store.records import AuditStore
from shared.chassis.database.database import Database
from shared.chassis.http.identity import Identity
from shared.chassis.kafka.consumer import BatchConsumer
from shared.chassis.kafka.relay import Relay
from shared.chassis.kafka.streams import OutgoingStream
from shared.chassis.service_app import service_app
from shared.chassis.settings import Settings


def create_app(settings: Settings) -> FastAPI:
    """Events and audit records in by Kafka, records out by HTTP, dead letters out by the relay."""
    database = Database(
        settings.database_url,
        wait_seconds=settings.pool_wait_seconds,
        waiting_limit=settings.request_limit,
    )
    store = AuditStore(database)
    identity = Identity.of(settings)
    relay = Relay(settings.database_url, settings, [OutgoingStream()])
    gaps = GapWatch(store)
    records = BatchConsumer(
        consumer=CONSUMER,
        handle=RecordMessages(
            store, topic_prefix=settings.topic_prefix, dead_letters_written=relay.wake
        ),
        database=database,
        settings=settings,
        pattern=TOPICS,
        fetch_min_bytes=FETCH_MIN_BYTES,
    )
    return service_app(
        "Audit",
        settings,
        database=database,
        relay=relay,
        routes=[record_routes(RecordList(database, settings.time_zone), identity, settings.roles)],
        consumers={"records": records},
        opens=[gaps],
        parts={"positions": gaps.part},
    )
