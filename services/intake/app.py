"""The composition root of intake: the one place where its parts are put together."""

from fastapi import FastAPI

from services.intake.inboxes import CONSUMER, Inboxes
from services.intake.settings import IntakeSettings
from services.intake.store import Forgetting
from shared.chassis.accesses.recording import AccessRecords
from shared.chassis.database.database import Database
from shared.chassis.http.identity import Identity
from shared.chassis.kafka.consumer import BatchConsumer
from shared.chassis.kafka.relay import Relay
from shared.chassis.kafka.streams import AccessStream, OutgoingStream
from shared.chassis.letters.door import dead_letter_routes
from shared.chassis.letters.tending import Tending
from shared.chassis.service_app import service_app
from shared.chassis.settings import Settings, from_environment
from shared.chassis.telemetry import Gauge
from shared.contracts.discover import sections
from shared.ledger.topics import INBOXES_PATTERN


def create_app(settings: Settings, own: IntakeSettings | None = None) -> FastAPI:
    """Every inbox in by Kafka; commands, refusals and dead letters out by the relay."""
    own = own or from_environment(IntakeSettings)
    database = Database(
        settings.database_url,
        wait_seconds=settings.pool_wait_seconds,
        waiting_limit=settings.request_limit,
    )
    identity = Identity.of(settings)
    relay = Relay(settings.database_url, settings, [OutgoingStream(), AccessStream(settings)])
    accesses = AccessRecords(settings, database, lambda: relay.wake(AccessStream.name))
    inboxes = BatchConsumer(
        consumer=CONSUMER,
        handle=Inboxes(sections(), settings, own, written=relay.wake),
        database=database,
        settings=settings,
        pattern=INBOXES_PATTERN,
        in_turns=True,
    )
    forgetting = Forgetting(database, own.kept_days)
    tending = Tending(database, settings, accesses, relay, [inboxes], CONSUMER)
    return service_app(
        "Intake",
        settings,
        database=database,
        relay=relay,
        routes=[dead_letter_routes(tending, accesses, identity, settings.roles)],
        consumers={"inboxes": inboxes},
        opens=[forgetting, accesses],
        parts={"forgetting": forgetting.part, "accesses": accesses.part},
        gauges={Gauge.ACCESSES_WAITING: lambda: float(accesses.waiting)},
    )
