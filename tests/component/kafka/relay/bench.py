"""A section's ledger, its topics, and a relay between them."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import orjson

import shared.chassis
from services.goals.domain import Goal
from services.goals.section import SECTION
from shared.chassis.database.database import Database
from shared.chassis.kafka.dead_letters import Record
from shared.chassis.kafka.event_message import event_of
from shared.chassis.kafka.relay import Relay
from shared.chassis.kafka.streams import EventStream, streams_of
from shared.chassis.settings import Settings
from shared.chassis.store.event_store import EventStore, Moved
from shared.chassis.store.rows import Appended, ReceiptRow, appends
from shared.ledger import Agent, CodedText, NeedRef, Organisation, Provenance
from shared.ledger.topics import AUDIT_RECORDS, events_topic, receipts_topic
from shared.testing.eventually import eventually
from shared.testing.stack import PARTITIONS, TestDatabase
from shared.testing.topic_reader import TopicReader

ROOT = Path(shared.chassis.__path__[0]).parents[1]
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Bench:
    """A section's ledger, its topics, and what was read from them."""

    def __init__(
        self, made: TestDatabase, owner: asyncpg.Connection, servers: str, reader: TopicReader
    ) -> None:
        self.made = made
        self.owner = owner
        self.servers = servers
        self.prefix = ""
        self.reader = reader

    @property
    def events(self) -> str:
        return self.prefix + events_topic(SECTION.name)

    @property
    def audit(self) -> str:
        return self.prefix + AUDIT_RECORDS

    @property
    def receipts(self) -> str:
        return self.prefix + receipts_topic("ZZG01")

    def settings(self, instance: str = "goals-1", partitions: int = PARTITIONS) -> Settings:
        return Settings(
            service="goals",
            kafka_servers=self.servers,
            topic_prefix=self.prefix,
            event_partitions=partitions,
            instance=instance,
        )

    def relay(self, instance: str = "goals-1", partitions: int = PARTITIONS) -> Relay:
        settings = self.settings(instance, partitions)
        return Relay(self.made.url, settings, streams_of(SECTION, settings))

    @asynccontextmanager
    async def store(self, relay: Relay | None = None) -> AsyncIterator[EventStore]:
        on_commit = relay.offer if relay else None
        async with (
            Database(self.made.url) as database,
            appends(self.made.url, on_commit=on_commit) as commits,
        ):
            yield EventStore(database, commits, SECTION)

    async def mark(self, stream: str = "events") -> int:
        mark = await self.owner.fetchval(
            "SELECT position FROM relay_mark WHERE stream = $1", stream
        )
        return int(mark or 0)

    async def until_marked(self, position: int, stream: str = "events") -> None:
        await eventually(
            lambda: self.mark(stream),
            f"{stream} published up to {position}",
            holds=lambda mark: mark == position,
        )

    async def published(self, count: int) -> list[Record]:
        """The records of the events topic, as soon as there are so many."""
        await self.reader.until(
            lambda records: len(of(records, self.events)) >= count, f"{count} events"
        )
        return of(self.reader.records, self.events)


def events_of(relay: Relay) -> EventStream:
    """The stream of its events."""
    stream = relay._published[0].stream
    assert isinstance(stream, EventStream)
    return stream


def of(records: Sequence[Record], topic: str) -> list[Record]:
    return [record for record in records if record.topic == topic]


def provenance(plan_id: UUID, entry_id: UUID) -> Provenance:
    person = Agent("person", "Edith Marlow-Synth", organisation=Organisation("ZZG01"))
    return Provenance(plan_id, entry_id, uuid4(), person, person)


def agreed() -> Goal:
    needs = (NeedRef("needs", uuid4()),)
    return Goal.agree(provenance(uuid4(), uuid4()), aim=CodedText("To sleep"), need_ids=needs)


def weighed(goal: Goal, importance: int = 7) -> Goal:
    goal.weigh(provenance(goal.plan_id, goal.id), importance=importance)
    return goal


def receipt(goal: Goal) -> ReceiptRow:
    told = {"plan_id": str(goal.plan_id), "section": "goals", "outcome": "accepted"}
    return ReceiptRow(uuid4(), "org:ZZG01", b"hash", orjson.dumps(told))


async def contribute(store: EventStore, goals: int = 1, versions: int = 1) -> list[Appended]:
    """So many goals with so many versions, one version after the other."""

    async def one() -> list[Appended]:
        goal = agreed()
        first = await store.save([Moved(goal)], receipt(goal))
        return [first] + [
            await store.save([Moved(weighed(goal))], receipt(goal)) for _ in range(versions - 1)
        ]

    return [a for answers in await asyncio.gather(*(one() for _ in range(goals))) for a in answers]


def _position(record: Record) -> int:
    return event_of(record).position or 0


def in_order_once_repeats_are_dropped(records: Sequence[Record]) -> list[int]:
    """What a consumer of the topic applies: every entry's versions from 1, none missing."""
    held: dict[UUID, int] = defaultdict(int)
    first: dict[tuple[UUID, int], bytes | None] = {}
    applied = []
    for record in records:
        event = event_of(record)
        said = first.setdefault((event.entry_id, event.entry_version), record.value)
        assert record.value == said, "a repeat says something else"
        if event.entry_version <= held[event.entry_id]:
            continue
        assert event.entry_version == held[event.entry_id] + 1, "a version came too early"
        held[event.entry_id] = event.entry_version
        applied.append(event.position or 0)
    return sorted(applied)
