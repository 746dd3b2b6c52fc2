"""The composition root of every section service: the one place where its parts meet."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from fastapi import FastAPI

from shared.chassis.accesses.claims import Claims
from shared.chassis.accesses.recording import AccessRecords
from shared.chassis.contribute.contribute import Contributions
from shared.chassis.contribute.media import MediaNamed, who_may_store
from shared.chassis.contribute.rights import Rights
from shared.chassis.contribute.showing import Showing
from shared.chassis.contribute.validate import Validations
from shared.chassis.database.database import Database
from shared.chassis.http.accesses.justify import justification_routes
from shared.chassis.http.contributions import contribution_routes, plain_contribution
from shared.chassis.http.identity import Identity
from shared.chassis.http.media import media_routes
from shared.chassis.http.overload import PerCallerAndOrganisation
from shared.chassis.kafka.commands import CommandDoor
from shared.chassis.kafka.consumer import BatchConsumer
from shared.chassis.kafka.local_copy import Copy, LocalCopies
from shared.chassis.kafka.relay import Relay
from shared.chassis.kafka.streams import AccessStream, streams_of
from shared.chassis.letters.door import dead_letter_routes
from shared.chassis.letters.tending import Tending
from shared.chassis.media.keeping import MediaKeeping
from shared.chassis.policy.access_copy import COPIED, access_copy
from shared.chassis.policy.plan_states import PlanStates
from shared.chassis.service_app import service_app
from shared.chassis.settings import Settings
from shared.chassis.store.event_store import EventStore
from shared.chassis.store.rows import appends
from shared.chassis.telemetry import Gauge, Reading
from shared.ledger import Section
from shared.ledger.topics import commands_topic


def create_app(section: Section, settings: Settings) -> FastAPI:
    """One section's HTTP door, Kafka door and relay, over one event store."""
    database = Database(
        settings.database_url,
        wait_seconds=settings.pool_wait_seconds,
        waiting_limit=settings.request_limit,
    )
    identity = Identity.of(settings)
    relay = Relay(settings.database_url, settings, streams_of(section, settings))
    accesses = AccessRecords(settings, database, lambda: relay.wake(AccessStream.name))
    commits = appends(
        settings.database_url,
        queue_limit=settings.queue_limit,
        queue_bytes=settings.queue_bytes,
        patience=settings.write_seconds,
        on_commit=relay.offer,
    )
    store = EventStore(
        database,
        commits,
        section,
        cache_size=settings.entry_cache,
        cache_bytes=settings.entry_cache_bytes,
    )
    plan_states = PlanStates(database, wait_seconds=settings.copy_wait_seconds)
    access = access_copy(database, settings)
    keeping = MediaKeeping(database, settings) if who_may_store(section) else None
    media = None
    if keeping is not None:
        media = MediaNamed(keeping.rows, Showing(keeping.rows, store, access).is_shown)
    rights = Rights(section, plan_states, access, settings)
    contributions = Contributions(section, store, rights, settings, media)
    validations = Validations(section, store, rights, settings, accesses, media)
    consumers = {
        "commands": BatchConsumer(
            consumer=section.wire_name,
            handle=CommandDoor(contributions, settings),
            database=database,
            settings=settings,
            topics=[commands_topic(section.name)],
        )
    }
    # Whoever opens plans knows from its own entries which are open.
    copies: list[Copy] = [access] if _opens_plans(section) else [plan_states, access]
    reader = f"{section.wire_name}-copies"
    consumers["copies"] = BatchConsumer(
        consumer=reader,
        handle=LocalCopies(copies, reader),
        database=database,
        settings=settings,
        pattern=COPIED,
    )

    often = PerCallerAndOrganisation(
        settings.validations_a_minute, settings.validations_a_minute_together
    )
    seconds = settings.write_seconds
    routes = [contribution_routes(contributions, validations, identity, often, seconds)]
    tending = Tending(database, settings, accesses, relay, [*consumers.values()], section.wire_name)
    routes.append(dead_letter_routes(tending, accesses, identity, settings.roles))
    opens: list[AbstractAsyncContextManager[Any]] = [commits, accesses]
    parts = {"appends": commits.part, "accesses": accesses.part}
    if keeping is not None:
        routes.append(
            media_routes(keeping, store, plan_states, access, identity, settings, accesses)
        )
        routes.append(justification_routes(accesses, identity))
        opens.append(keeping)
        parts["media"] = keeping.part
    gauges: dict[Gauge, Callable[[], Reading]] = {
        Gauge.APPENDS_WAITING: lambda: float(commits.waiting),
        Gauge.ACCESSES_WAITING: lambda: float(accesses.waiting),
    }
    if any(entry.gives_access for entry in section.entries):
        claims = Claims(database)
        opens.append(claims)
        gauges[Gauge.CLAIMS] = claims.reading

    return service_app(
        section.title,
        settings,
        database=database,
        relay=relay,
        routes=routes,
        plain=[plain_contribution(contributions, identity, seconds)],
        consumers=consumers,
        opens=opens,
        parts=parts,
        gauges=gauges,
        door=("database", "appends"),
    )


def _opens_plans(section: Section) -> bool:
    return any(entry.opens_plan is not None for entry in section.entries)
