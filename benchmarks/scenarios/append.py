"""Appends: through aggregate, mapper and group commit; by the library's own recorder; in C."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
from eventsourcing.persistence import ApplicationRecorder, InfrastructureFactory
from eventsourcing.utils import Environment
from uuid_utils.compat import uuid7

from benchmarks.measuring import pgbench
from benchmarks.measuring.clusters import Servers
from benchmarks.measuring.measure import Sample, closed_loop, must_be
from benchmarks.scenarios.ledgers import fresh_ledger, must_hold
from benchmarks.scenarios.subject import LONGEST_STREAM, agreed, receipt, reword
from services.goals.domain.goal import Goal
from services.goals.section import SECTION
from shared.chassis.database.database import Database
from shared.chassis.store.event_store import EventStore, Moved
from shared.chassis.store.library_module import AsyncApplication
from shared.chassis.store.mapper import EntryMapper
from shared.chassis.store.rows import appends
from shared.testing.stack import fresh_database

Scenario = Callable[[Servers, float], Awaitable[Sample]]


def in_c(clients: int) -> Scenario:
    """``pgbench``: single-row INSERTs of the same bytes."""

    async def scenario(servers: Servers, seconds: float) -> Sample:
        return await pgbench.single_row_inserts(servers, clients, seconds)

    return scenario


def through_mapper(in_flight: int, past: int = 0) -> Scenario:
    """The library's aggregate and mapper into group commit, on a ledger with such a past."""

    async def scenario(servers: Servers, seconds: float) -> Sample:
        answered: dict[int, int] = {}
        goals = Goals(in_flight)
        async with fresh_ledger(servers, past) as database:
            async with AsyncApplication(database.url, SECTION.wire_name) as ledger:

                async def call(caller: int) -> None:
                    events = goals.next_of(caller).collect_events()
                    stored = [ledger.mapper.to_stored_event(event) for event in events]
                    positions = await ledger.recorder.insert(stored)
                    answered[positions[-1]] = hash(stored[-1].state)

                sample = await closed_loop(in_flight, seconds, call)
            await must_hold(database, answered, past)
        must_be("answers", len(answered), sample.count)
        return sample

    return scenario


def with_receipt(in_flight: int) -> Scenario:
    """The same with its receipt in the same commit, as every contribution is stored."""

    async def scenario(servers: Servers, seconds: float) -> Sample:
        goals = Goals(in_flight)
        async with fresh_ledger(servers) as made:
            async with Database(made.url) as database, appends(made.url) as commits:
                store = EventStore(database, commits, SECTION)
                mapper = EntryMapper()
                events: dict[int, object] = {}

                async def call(caller: int) -> None:
                    goal = goals.next_of(caller)
                    event, kept = goal.pending_events[-1], receipt(goal)
                    appended = await store.save([Moved(goal)], kept)
                    must_be("verdict", appended.verdict, "stored")
                    events[appended.first_position or 0] = event

                sample = await closed_loop(in_flight, seconds, call)
            answered = {
                position: hash(mapper.to_stored_event(event).state)
                for position, event in events.items()
            }
            await must_hold(made, answered, receipts=True)
        must_be("answers", len(answered), sample.count)
        return sample

    return scenario


def by_the_library(in_flight: int) -> Scenario:
    """The library's own recorder (psycopg) in threads, given the same stored events."""

    async def scenario(servers: Servers, seconds: float) -> Sample:
        goals = Goals(in_flight)
        mapper = EntryMapper()
        async with fresh_database(servers.postgres_url, f"stock_{secrets.token_hex(3)}") as made:
            recorder, close = await asyncio.to_thread(_stock, made.owner_url)
            await servers.checkpoint()

            async def call(caller: int) -> None:
                goal = goals.next_of(caller)
                stored = [mapper.to_stored_event(event) for event in goal.collect_events()]
                await asyncio.to_thread(recorder.insert_events, stored)

            try:
                sample = await closed_loop(in_flight, seconds, call)
                last = await asyncio.to_thread(recorder.max_notification_id)
            finally:
                await asyncio.to_thread(close)
            connection = await asyncpg.connect(made.owner_url)
            try:
                held = await connection.fetchval("SELECT count(*) FROM ledger_events")
            finally:
                await connection.close()
        must_be("events stored by the library", held, sample.count)
        must_be("its last position", last, sample.count)
        return sample

    return scenario


class Goals:
    """A goal for each caller; a new one when its stream has grown long enough."""

    def __init__(self, callers: int) -> None:
        self._plans = [uuid7() for _ in range(callers)]
        self._held: list[Goal | None] = [None] * callers
        self._made = 0

    def next_of(self, caller: int) -> Goal:
        """The caller's goal with one pending event."""
        goal = self._held[caller]
        if goal is None or goal.version >= LONGEST_STREAM:
            plan_id: UUID = self._plans[caller]
            goal = self._held[caller] = agreed(plan_id)
        else:
            self._made += 1
            reword(goal, self._made)
        return goal


def _stock(url: str) -> tuple[ApplicationRecorder, Callable[[], None]]:
    at = urlsplit(url)
    settings = {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": at.path.lstrip("/"),
        "POSTGRES_HOST": at.hostname or "",
        "POSTGRES_PORT": str(at.port),
        "POSTGRES_USER": at.username or "",
        "POSTGRES_PASSWORD": at.password or "",
    }
    factory = InfrastructureFactory.construct(Environment("Ledger", settings))
    return factory.application_recorder(), factory.close
