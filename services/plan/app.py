"""The composition root of the plan: the one place where its parts meet."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from zoneinfo import ZoneInfo

from fastapi import FastAPI

from services.plan.doors.api import plan_routes
from services.plan.doors.counts.contributions import contribution_counts_routes
from services.plan.doors.differences import difference_routes
from services.plan.doors.emergency import emergency_routes
from services.plan.doors.entries import entry_history_routes, entry_routes
from services.plan.doors.events import BATCH, CONSUMER, Folded, FoldEvents
from services.plan.doors.findings import findings_routes
from services.plan.doors.following.contributions import contribution_routes
from services.plan.doors.people.search import People, people_routes
from services.plan.doors.readers import Readers
from services.plan.doors.release import Release
from services.plan.doors.waiting import Waiting
from services.plan.doors.worklists.reviews import review_routes
from services.plan.reads.counts.contributions import ContributionCounts
from services.plan.reads.current import CurrentPlans
from services.plan.reads.derived import PlanDerived
from services.plan.reads.emergency import EmergencyPlans
from services.plan.reads.findings import PlanFindings
from services.plan.reads.worklists.reviews import Reviews
from services.plan.store.ledger import ChangeStream
from services.plan.store.projection import PlanStore
from shared.chassis.accesses.recording import AccessRecords
from shared.chassis.accesses.rows import KEEP_IF_IT_STANDS
from shared.chassis.database.database import Database
from shared.chassis.http.accesses.justify import justification_routes
from shared.chassis.http.identity import Identity
from shared.chassis.http.plain_requests import plain_reads
from shared.chassis.kafka.consumer import BatchConsumer
from shared.chassis.kafka.local_copy import LocalCopies
from shared.chassis.kafka.relay import Relay
from shared.chassis.kafka.streams import AccessStream, OutgoingStream
from shared.chassis.letters.door import dead_letter_routes
from shared.chassis.letters.tending import Tending
from shared.chassis.policy.access_copy import COPIED, access_copy
from shared.chassis.policy.decide import POLICY_VERSION, Facts
from shared.chassis.service_app import service_app
from shared.chassis.settings import Settings
from shared.chassis.telemetry import Gauge, Reading
from shared.ledger.topics import EVENTS_PATTERN
from shared.standard.declared import declared_fields, shown_in_an_emergency


def create_app(settings: Settings) -> FastAPI:
    """The plan's HTTP door, Kafka door and relay, over one read model."""
    database = Database(
        settings.database_url,
        size=8,
        wait_seconds=settings.pool_wait_seconds,
        waiting_limit=settings.request_limit,
    )
    identity = Identity.of(settings)
    relay = Relay(
        settings.database_url,
        settings,
        [
            ChangeStream(settings),
            OutgoingStream(),
            AccessStream(settings),
        ],
    )
    accesses = AccessRecords(
        settings, database, lambda: relay.wake(AccessStream.name), KEEP_IF_IT_STANDS
    )
    plans = PlanStore(
        instance=settings.instance_id,
        policy_version=POLICY_VERSION,
    )
    folded = Folded()

    def after_batch() -> None:
        folded()
        relay.wake()

    events = BatchConsumer(
        consumer=CONSUMER,
        handle=FoldEvents(plans, folded=after_batch),
        database=database,
        settings=settings,
        pattern=EVENTS_PATTERN,
        max_records=BATCH,
    )

    access = access_copy(database, settings)
    reader = f"{CONSUMER}-copies"
    copies = BatchConsumer(
        consumer=reader,
        handle=LocalCopies([access], reader),
        database=database,
        settings=settings,
        pattern=COPIED,
    )

    def behind() -> Reading:
        seconds = events.behind_seconds()
        return [] if seconds is None else seconds  # what is not known is not said to be nothing

    @asynccontextmanager
    async def parked_counted() -> AsyncIterator[None]:
        async with database.pool.acquire() as connection:
            await plans.count_parked(connection)
        yield

    zone = ZoneInfo(settings.time_zone)
    findings = PlanFindings(database, zone)
    derived = PlanDerived(database, zone, declared_fields())
    counts = ContributionCounts(database, access, zone)
    release = Release(accesses, events.behind_seconds)
    facts = Facts(settings.roles, restricting=frozenset(settings.restricting_labels))
    reading = database, identity, Readers(access, settings, release)
    waiting = Waiting(CurrentPlans(database), folded, release.lag)
    routes = plan_routes(*reading, waiting, release, (findings, derived))
    emergency = EmergencyPlans(database, shown_in_an_emergency())
    tending = Tending(database, settings, accesses, relay, [events, copies])
    in_emergency = emergency_routes(*reading[1:], release, emergency, derived)
    return service_app(
        "The shared plan",
        settings,
        database=database,
        relay=relay,
        routes=[
            routes,
            findings_routes(*reading, release, findings),
            in_emergency,
            justification_routes(accesses, identity),
            contribution_routes(*reading, release),
            difference_routes(*reading, release),
            entry_routes(*reading, waiting, release),
            entry_history_routes(*reading, release),
            contribution_counts_routes(*reading[1:], release, counts),
            review_routes(identity, release, Reviews(database, access, facts, zone), facts),
            people_routes(People(database, access), release, identity, settings),
            dead_letter_routes(tending, accesses, identity, settings.roles),
        ],
        plain=[*plain_reads(routes, identity)],
        consumers={"events": events, "copies": copies},
        opens=[parked_counted(), accesses],
        parts={"accesses": accesses.part},
        gauges={
            Gauge.PARKED_EVENTS: lambda: float(plans.parked_events),
            Gauge.PARKED_ENTRIES: lambda: float(plans.parked_entries),
            Gauge.PROJECTION_LAG: behind,
            Gauge.ACCESSES_WAITING: lambda: float(accesses.waiting),
        },
        door=("database", "accesses"),
    )
