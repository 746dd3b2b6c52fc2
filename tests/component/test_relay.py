"""The relay on a real broker and a real database: everything published, in order, at least once."""

import asyncio
import os
import signal
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import orjson
import pytest
import pytest_asyncio
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.partitioner import DefaultPartitioner

import shared.chassis
import shared.chassis.kafka.relay
import shared.chassis.kafka.streams
import shared.chassis.kafka.windows
from deploy.local.servers.kafka import free_port
from services.goals.domain import Goal
from services.goals.section import SECTION
from shared.chassis.database.database import Database
from shared.chassis.database.outgoing import Outgoing, append_outgoing
from shared.chassis.kafka.dead_letters import Record
from shared.chassis.kafka.event_message import event_of, header
from shared.chassis.kafka.relay import Relay
from shared.chassis.kafka.streams import EventStream, OutgoingStream, streams_of
from shared.chassis.kafka.windows import Windows
from shared.chassis.settings import Settings
from shared.chassis.store.event_store import EventStore, Moved
from shared.chassis.store.rows import Appended, ReceiptRow, appends
from shared.chassis.wire.position import Position
from shared.ledger import Agent, CodedText, NeedRef, Organisation, Provenance
from shared.ledger.topics import AUDIT_RECORDS, events_topic, receipts_topic
from shared.testing.eventually import eventually
from shared.testing.stack import (
    PARTITIONS,
    TestDatabase,
    create_topics,
    delete_topics,
    fresh_database,
    fresh_prefix,
)
from shared.testing.topic_reader import TopicReader, value_of

ROOT = Path(__file__).resolve().parents[2]
MIGRATIONS = Path(shared.chassis.__path__[0]) / "database" / "migrations"
FOLDERS = (MIGRATIONS / "every_service", MIGRATIONS / "section")
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


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


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def made(postgres_url: str) -> AsyncIterator[TestDatabase]:
    async with fresh_database(postgres_url, "relay", *FOLDERS) as database:
        yield database


@pytest_asyncio.fixture(loop_scope="session")
async def bench(made: TestDatabase, kafka_servers: str) -> AsyncIterator[Bench]:
    owner = await asyncpg.connect(made.owner_url)
    await owner.execute("TRUNCATE stored_events, receipt, unique_key, outgoing, relay_mark")
    prefix = fresh_prefix()
    topics = [prefix + name for name in (events_topic(SECTION.name), AUDIT_RECORDS)]
    await create_topics(kafka_servers, topics)
    async with TopicReader(kafka_servers, *topics) as reader:
        bench = Bench(made, owner, kafka_servers, reader)
        bench.prefix = prefix
        yield bench
    await owner.close()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared.chassis.kafka.relay, "_POLL", 0.1)


def provenance(plan_id: UUID, entry_id: UUID) -> Provenance:
    person = Agent("person", "Edith Marlow-Synth", organisation=Organisation("ZZG01"))
    return Provenance(plan_id, entry_id, uuid4(), person, person)


def agreed() -> Goal:
    needs = (NeedRef("needs", uuid4()),)
    return Goal.agree(provenance(uuid4(), uuid4()), aim=CodedText("To sleep"), need_ids=needs)


def weighed(goal: Goal, importance: int = 7) -> Goal:
    goal.weigh(provenance(goal.plan_id, goal.id), importance)
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


# What is published.


async def test_events_come_in_position_order_where_a_keyed_producer_would_put_them(
    bench: Bench,
) -> None:
    async with bench.relay() as relay, bench.store(relay) as store:
        await contribute(store, goals=40, versions=3)
        records = await bench.published(120)
        await bench.until_marked(120)
        assert relay.lag == 0
    assert len(records) == 120
    every_partition = list(range(PARTITIONS))
    place = DefaultPartitioner()
    by_partition: Mapping[int, list[int]] = defaultdict(list)
    for record in records:
        assert record.key == value_of(record)["plan_id"].encode()
        assert record.partition == place(record.key, every_partition, every_partition)
        by_partition[record.partition].append(int(header(record, "ce_position") or 0))
    assert set(by_partition) == set(every_partition)
    for positions in by_partition.values():
        assert positions == sorted(positions)
    assert sorted(p for positions in by_partition.values() for p in positions) == list(
        range(1, 121)
    )


async def test_an_event_is_published_as_the_contract_says(bench: Bench) -> None:
    async with bench.relay() as relay, bench.store(relay) as store:
        goal = agreed()
        kept = receipt(goal)._replace(authn=b'{"jti":"a-token"}', policy_version="of-these-rules")
        appended = await store.save([Moved(goal)], kept)
        await store.save([Moved(weighed(goal))], receipt(goal))
        await bench.owner.execute("UPDATE stored_events SET traceparent = NULL")
        first, second = await bench.published(2)
    row = await bench.owner.fetchrow("SELECT * FROM stored_events WHERE notification_id = 1")
    contribution_id = value_of(first)["contribution_id"]
    recorded_at = value_of(first)["recorded_at"]
    assert datetime.fromisoformat(recorded_at) == appended.recorded_at
    told = {name: value.decode() for name, value in first.headers if "traceparent" not in name}
    assert told == {
        "content-type": "application/json",
        "ce_specversion": "1.0",
        "ce_id": f"{goal.id}.1",
        "ce_source": "urn:careplan:section:goals",
        "ce_type": "careplan.goals.agreed.v1",
        "ce_subject": f"plan/{goal.plan_id}/goals",
        "ce_time": recorded_at,
        "ce_recordedtime": recorded_at,
        "ce_dataschema": "urn:careplan:contract:careplan.goals.agreed:1.0",
        "ce_partitionkey": str(goal.plan_id),
        "ce_entryid": str(goal.id),
        "ce_entryversion": "1",
        "ce_position": "1",
        "ce_causationid": contribution_id,
        "ce_authtype": "app_user",
        "ce_authclaims": '{"jti":"a-token"}',
        "ce_policyversion": "of-these-rules",
        "ce_leafhash": row["leaf_hash"].hex(),
    }
    value = value_of(first)
    assert list(value["content"]) == ["aim", "need_ids"]
    assert value["provenance"]["stated_at"] == recorded_at
    assert "plan_id" not in value["provenance"]
    assert {name: value[name] for name in ("section", "entry_type", "entry_version", "change")} == {
        "section": "goals",
        "entry_type": "goal",
        "entry_version": 1,
        "change": "created",
    }
    assert event_of(second).fields == ("importance",)


async def test_the_trace_of_a_contribution_goes_on_in_its_event(bench: Bench) -> None:
    async with bench.store() as store:
        await contribute(store)
    await bench.owner.execute("UPDATE stored_events SET traceparent = $1", TRACEPARENT)
    async with bench.relay():
        (record,) = await bench.published(1)
    assert header(record, "traceparent") == TRACEPARENT
    assert header(record, "ce_traceparent") == TRACEPARENT


async def test_outgoing_is_published_as_it_stands_and_completed_where_it_asks(
    bench: Bench,
) -> None:
    async with bench.relay() as relay, bench.store(relay) as store:
        goal = agreed()
        row = receipt(goal)
        headers = (("null", None), ("raw", b"\xff\x00"), ("traceparent", TRACEPARENT.encode()))
        appended = await store.save(
            [Moved(weighed(goal))],
            row,
            outgoing=[
                Outgoing(bench.audit, None, headers, b"\x00not json"),
                Outgoing(bench.audit, b"key", (), row.body, completes=True),
            ],
        )
        refusal = b'{"code": "entry-unknown"}'
        await store.publish([Outgoing(bench.audit, b"key", (), refusal, completes=True)])
        await bench.until_marked(3, "outgoing")
        await bench.published(2)
        await bench.reader.count(5, "records")
    raw, accepted, refused = sorted(
        of(bench.reader.records, bench.audit), key=lambda r: (r.key is not None, r.offset)
    )
    assert (raw.key, raw.partition, raw.value) == (None, 0, b"\x00not json")
    assert raw.headers == headers
    told = value_of(accepted)
    assert datetime.fromisoformat(told["recorded_at"]) == appended.recorded_at
    position = Position.decode(told["ledger_position"])
    assert position == Position(goal.plan_id, {"goals": 2}), "the last event of the request"
    assert set(value_of(refused)) == {"code", "recorded_at"}


async def test_a_reader_s_outgoing_is_published_without_a_section(bench: Bench) -> None:
    relay = Relay(bench.made.url, bench.settings("plan-1"), [OutgoingStream()])
    async with relay, Database(bench.made.url) as database:
        async with database.transaction() as connection:
            await append_outgoing(connection, [Outgoing(bench.audit, b"k", (), b"{}")])
        relay.wake()
        await bench.reader.count(1, "record")
        await bench.until_marked(1, "outgoing")


async def test_more_than_a_window_and_more_than_a_batch(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared.chassis.kafka.relay, "WINDOW", 30)
    monkeypatch.setattr(shared.chassis.kafka.windows, "_LARGEST_BATCH", 65_536)
    big = "x" * 40_000  # two of them are more than a batch takes
    async with bench.store() as store:
        goals = [
            Goal.agree(
                provenance(uuid4(), uuid4()),
                aim=CodedText("To sleep"),
                need_ids=(NeedRef("needs", uuid4()),),
                why=big if number % 3 else None,
            )
            for number in range(70)
        ]
        for goal in goals:
            weighed(goal)
        await asyncio.gather(*(store.save([Moved(goal)], receipt(goal)) for goal in goals))
    async with bench.relay():
        await bench.until_marked(140)
        records = await bench.published(140)
    assert in_order_once_repeats_are_dropped(records) == list(range(1, 141))
    assert len(records) == 140


# Handing over.


async def test_a_gap_in_what_is_handed_over_is_read_from_the_table(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay = bench.relay()
    reads: list[int] = []
    ask = relay._ask

    async def counted(query: str, *arguments: Any) -> list[Any]:
        if query == EventStream.rows:
            reads.append(arguments[0])
        return await ask(query, *arguments)

    monkeypatch.setattr(relay, "_ask", counted)
    async with relay, bench.store() as elsewhere, bench.store(relay) as here:
        await eventually(lambda: relay._is_active, "the relay is active")
        await contribute(elsewhere, goals=5)
        await contribute(here, goals=5)
        await bench.until_marked(10)
        assert reads, "what another replica stored was read"
        await contribute(here, goals=3)
        await contribute(elsewhere, goals=2)
        await contribute(here, goals=20)
        await bench.until_marked(35)
        records = await bench.published(35)
    assert in_order_once_repeats_are_dropped(records) == list(range(1, 36))
    assert len(records) == 35


async def test_rows_handed_over_again_or_too_early_are_not_trusted(bench: Bench) -> None:
    relay = bench.relay()
    handed: list[Any] = []
    async with (
        relay,
        Database(bench.made.url) as database,
        appends(bench.made.url, on_commit=lambda rows, _: handed.extend(rows)) as commits,
    ):
        await eventually(lambda: relay._is_active, "the relay is active")
        await contribute(EventStore(database, commits, SECTION), goals=1, versions=6)
        relay.offer(handed[3:])  # 4, 5, 6: what is before has not been sent
        relay.offer(handed[:2])
        relay.offer(handed[4:])
        await bench.until_marked(6)
        records = await bench.published(6)
    assert [event_of(record).position for record in records] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(("bound", "most"), [("_HANDED_OVER", 10), ("_HANDED_BYTES", 12_000)])
async def test_what_is_handed_over_has_a_bound(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, bound: str, most: int
) -> None:
    """In number and in bytes: a few rows of a megabyte take as much as thousands of others."""
    monkeypatch.setattr(shared.chassis.kafka.streams, bound, most)
    async with bench.relay() as relay, bench.store(relay) as store:
        await eventually(lambda: relay._is_active, "the relay is active")
        events = events_of(relay)
        kept: list[int] = []
        offer = events.offer

        def noted(*given: Any) -> bool:
            offered = offer(*given)
            kept.append(len(events._handed) if bound == "_HANDED_OVER" else events._handed_bytes)
            return offered

        monkeypatch.setattr(events, "offer", noted)
        for _ in range(8):
            await contribute(store)
        await contribute(store, goals=60, versions=2)
        assert 0 < max(kept) <= most
        await bench.until_marked(128)
        records = await bench.published(128)
        assert (len(events._handed), events._handed_bytes) == (0, 0)
    assert in_order_once_repeats_are_dropped(records) == list(range(1, 129))


@pytest.mark.parametrize("table", ["stored_events", "outgoing"])
async def test_a_window_has_a_bound_in_bytes(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    """Five hundred rows of a megabyte would be read at once, and again after each failure."""
    monkeypatch.setattr(shared.chassis.kafka.relay, "_WINDOW_BYTES", 3_000)
    if table == "stored_events":
        async with bench.store() as store:
            await contribute(store, goals=10, versions=2)
    else:
        rows = [Outgoing(bench.audit, b"k", (), b"x" * size) for size in [900] * 18 + [9_000, 1]]
        async with Database(bench.made.url) as database, database.transaction() as connection:
            await append_outgoing(connection, rows)
    relay = bench.relay()
    sizes: list[tuple[int, int]] = []
    send = relay._send_window

    async def noted(*given: Any) -> Any:
        values = [len(message.value) for message in given[2]]
        sizes.append((sum(values), values[-1]))
        return await send(*given)

    monkeypatch.setattr(relay, "_send_window", noted)
    async with relay:
        await bench.until_marked(20, "events" if table == "stored_events" else "outgoing")
    assert len(sizes) >= 3
    if table == "outgoing":
        assert all(size - last < 3_000 for size, last in sizes), "no more than one beyond the bound"


# Crashes.


class Crash(OSError):
    """Stands for the end of a relay: what it had in memory is gone."""


def crash_once(
    monkeypatch: pytest.MonkeyPatch, relay: Relay, method: str, *, before: bool, call: int = 1
) -> list[str]:
    """Let one call of a method be the last that the relay does before it starts anew."""
    owner: Any = relay
    if hasattr(Windows, method):
        owner = Windows  # each producer has windows of its own
    elif method == "read":
        owner = events_of(relay)
    original: Callable[..., Awaitable[Any]] = getattr(owner, method)
    calls: list[str] = []

    async def crashing(*arguments: Any) -> Any:
        calls.append(method)
        if len(calls) == call and before:
            raise Crash
        result = await original(*arguments)
        if len(calls) == call:
            raise Crash
        return result

    monkeypatch.setattr(owner, method, crashing)
    return calls


@pytest.mark.parametrize(
    ("method", "before", "call"),
    [
        ("read", False, 2),
        ("_batches", False, 2),  # handed to the producer, while a window is under way
        ("_send", True, 2),  # a window of which the producer has a part
        ("_send", False, 3),
        ("_send_window", True, 2),
        ("_send_window", False, 3),
        ("_until_acknowledged", True, 2),  # several windows are under way
        ("_until_acknowledged", False, 2),  # acknowledged, and no mark
        ("_save_mark", True, 1),
        ("_save_mark", False, 2),
    ],
)
async def test_after_a_crash_at_any_step_everything_is_published_in_order(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, method: str, before: bool, call: int
) -> None:
    monkeypatch.setattr(shared.chassis.kafka.relay, "WINDOW", 10)
    async with bench.store() as store:
        await contribute(store, goals=5, versions=7)
    relay = bench.relay()
    calls = crash_once(monkeypatch, relay, method, before=before, call=call)
    async with relay:
        await bench.until_marked(35)
        if method == "_save_mark":  # a second mark to save, and the crash that comes with it
            async with bench.store(relay) as store:
                await contribute(store)
                await bench.until_marked(36)
    assert len(calls) >= call, "it crashed"
    events = await bench.mark()
    records = await bench.published(events)
    assert in_order_once_repeats_are_dropped(records) == list(range(1, events + 1))
    assert events <= len(await bench.reader.poll()) <= 2 * events, "at most once more"


class HeldBack:
    """A relay that does not see the answer to its first window until it may."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, relay: Relay) -> None:
        self.has_answer, self.may_go_on = asyncio.Event(), asyncio.Event()
        self.most_under_way = 0
        self._relay = relay
        self._until_acknowledged = relay._until_acknowledged
        self._send_window = relay._send_window
        monkeypatch.setattr(relay, "_until_acknowledged", self._held_back)
        monkeypatch.setattr(relay, "_send_window", self._counting)

    async def _held_back(self, *given: Any) -> None:
        await self._until_acknowledged(*given)
        self.has_answer.set()
        await self.may_go_on.wait()

    async def _counting(self, *given: Any) -> None:
        await self._send_window(*given)
        under_way = self._relay._published[0].under_way
        self.most_under_way = max(self.most_under_way, len(under_way.windows))


async def test_the_mark_moves_after_the_acknowledgement_and_never_back(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench.store() as store:
        await contribute(store, goals=4)
    relay = bench.relay()
    held_back = HeldBack(monkeypatch, relay)
    async with relay:
        await held_back.has_answer.wait()
        assert await bench.mark() == 0, "sent, and the relay has not yet seen the answer"
        # Meanwhile another relay has gone further: this one wakes up late.
        await bench.owner.execute(
            "INSERT INTO relay_mark (stream, position, acknowledged) VALUES ('events', 9, '{}')"
        )
        held_back.may_go_on.set()
        async with bench.store() as store:
            await contribute(store)
        await bench.published(5)  # so the mark of the window before has been saved, or not
        assert await bench.mark() == 9


async def test_windows_follow_each_other_and_the_mark_waits_for_the_first(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared.chassis.kafka.relay, "WINDOW", 10)
    async with bench.store() as store:
        await contribute(store, goals=5, versions=7)
    relay = bench.relay()
    held_back = HeldBack(monkeypatch, relay)
    async with relay:
        records = await bench.published(35)
        assert await bench.mark() == 0, "all of it is there, and the first window is not answered"
        assert relay.lag == 35
        acknowledged = relay._published[0].under_way.acknowledged
        assert acknowledged.keys() <= {f"{bench.events}/{n}" for n in range(PARTITIONS)}
        assert sum(acknowledged.values()) <= 10, "nothing of a window that is not its turn"
        held_back.may_go_on.set()
        await bench.until_marked(35)
        assert relay.lag == 0
    assert held_back.most_under_way == 4
    assert [event_of(record).position for record in sorted(records, key=_position)] == list(
        range(1, 36)
    )
    assert in_order_once_repeats_are_dropped(records) == list(range(1, 36))


@pytest.mark.parametrize(
    ("bound", "most", "windows"), [("UNDER_WAY", 3, 3), ("_BYTES_UNDER_WAY", 1, 1)]
)
async def test_what_is_under_way_has_a_bound(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, bound: str, most: int, windows: int
) -> None:
    monkeypatch.setattr(shared.chassis.kafka.relay, "WINDOW", 5)
    monkeypatch.setattr(shared.chassis.kafka.windows, bound, most)
    async with bench.store() as store:
        await contribute(store, goals=5, versions=7)
    relay = bench.relay()
    held_back = HeldBack(monkeypatch, relay)
    async with relay:
        await bench.published(5 * windows)
        await eventually(lambda: relay._published[0].under_way.is_full, "there is no room")
        held_back.may_go_on.set()
        await bench.until_marked(35)
    assert held_back.most_under_way == windows
    assert in_order_once_repeats_are_dropped(await bench.published(35)) == list(range(1, 36))


@pytest.mark.parametrize("position", [1, 14, 35])
async def test_nothing_of_a_partition_overtakes_what_the_broker_refuses(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, position: int
) -> None:
    """In the first window, where the broker does not know the producer yet; or a later one."""
    monkeypatch.setattr(shared.chassis.kafka.relay, "WINDOW", 5)
    async with bench.store() as store:
        await contribute(store, goals=5, versions=9)
        refused = await bench.owner.fetchrow(
            "SELECT originator_id FROM stored_events WHERE notification_id = $1", position
        )
        # No compression makes it small: the broker refuses its batch, and no other.
        await bench.owner.execute(
            "UPDATE stored_events SET state = convert_to(jsonb_set(convert_from(state, 'utf8')"
            "::jsonb, '{why}', to_jsonb($2::text))::text, 'utf8') WHERE notification_id = $1",
            position,
            os.urandom(20_000).hex(),
        )
    await set_largest_record(bench, 15_000)
    relay = bench.relay()
    calls: list[int] = []
    send = relay._send_window

    async def counted(*given: Any) -> Any:
        calls.append(given[2][0].position)
        return await send(*given)

    monkeypatch.setattr(relay, "_send_window", counted)
    async with relay:
        # The window of the event is handed over by a second producer, after what came behind it.
        first = (position - 1) // 5 * 5 + 1
        await eventually(lambda: calls.count(first) >= 3, "it has been tried again and again")
        assert await bench.mark() < position
        assert any(at > first for at in calls), "windows behind it were handed over"
        await set_largest_record(bench, 1_000_000)
        await bench.until_marked(45)
    records = await bench.published(45)
    assert in_order_once_repeats_are_dropped(records) == list(range(1, 46))
    place = next(record.partition for record in records if event_of(record).entry_id == refused[0])
    seen: list[int] = []
    for record in records:
        at = event_of(record).position or 0
        if record.partition == place and at not in seen:
            seen.append(at)
    assert seen == sorted(seen), "the first copies of a partition's events come in their order"


async def set_largest_record(bench: Bench, size: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bench.servers)
    await admin.start()
    try:
        changed = ConfigResource(
            ConfigResourceType.TOPIC, bench.events, configs={"max.message.bytes": str(size)}
        )
        await admin.alter_configs([changed])
    finally:
        await admin.close()


async def test_it_says_so_when_the_broker_does_not_answer(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared.chassis.kafka.relay, "_SILENT", 0.1)
    async with bench.store() as store:
        await contribute(store, goals=4)
    relay = bench.relay()
    held_back = HeldBack(monkeypatch, relay)
    async with relay:
        await held_back.has_answer.wait()

        async def is_ready() -> bool:
            return (await relay.part()).ready

        await eventually(is_ready, "it waits", holds=lambda ready: not ready)
        part = await relay.part()
        assert (part.detail, part.alive, part.lag) == ("waiting for the broker", True, 4)
        held_back.may_go_on.set()
        await eventually(is_ready, "it publishes", holds=bool)


# Two relays.


async def test_one_of_two_relays_is_active_and_the_other_takes_over(bench: Bench) -> None:
    async with bench.relay("goals-1") as one, bench.relay("goals-2") as two:
        first, second = await both_settled(one, two)
        async with bench.store(second) as store:  # its commits reach the active one by NOTIFY
            await contribute(store, goals=10)
            await bench.until_marked(10)
            assert (await second.part()).detail == "another replica publishes"
            assert (await second.part()).ready
            cut = first._connection
            assert cut is not None
            await bench.owner.execute("SELECT pg_terminate_backend($1)", cut.get_server_pid())
            await eventually(lambda: second._is_active, "the second takes over")
            await contribute(store, goals=10)
            await bench.until_marked(20)
        await eventually(
            lambda: first._detail == "another replica publishes", "the first waits its turn"
        )
        assert not first._is_active
        records = await bench.published(20)
    assert in_order_once_repeats_are_dropped(records) == list(range(1, 21))


async def both_settled(one: Relay, two: Relay) -> tuple[Relay, Relay]:
    """The active one and the waiting one."""
    await eventually(
        lambda: (
            (one._is_active or two._is_active)
            and "another replica publishes" in (one._detail, two._detail)
        ),
        "one relay is active and the other waits",
    )
    return (one, two) if one._is_active else (two, one)


async def test_a_silent_relay_loses_its_turn(bench: Bench) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        __file__,
        bench.made.url,
        bench.settings("goals-1").model_dump_json(),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        async with bench.store() as store:
            await contribute(store, goals=5)
            await bench.until_marked(5)
            async with bench.relay("goals-2") as second:
                await eventually(
                    lambda: second._detail == "another replica publishes", "the second waits"
                )
                process.send_signal(signal.SIGSTOP)
                stopped = asyncio.get_running_loop().time()
                await contribute(store, goals=5)
                await eventually(lambda: second._is_active, "it takes over", within=25)
                assert asyncio.get_running_loop().time() - stopped < 20
                await bench.until_marked(10)
                # The one that wakes up finds its connection gone, and waits its turn.
                process.send_signal(signal.SIGCONT)
                await contribute(store, goals=5)
                await bench.until_marked(15)
                assert second._is_active
        records = await bench.published(15)
        assert in_order_once_repeats_are_dropped(records) == list(range(1, 16))
    finally:
        process.kill()
        await process.wait()


# What is wrong on the broker.


async def test_a_missing_receipts_topic_holds_nobody_up(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    producers: list[Any] = []
    make = shared.chassis.kafka.windows.make_producer

    def noted(*given: Any) -> Any:
        producers.append(make(*given))
        return producers[-1]

    monkeypatch.setattr("shared.chassis.kafka.relay.make_producer", noted)

    def told(topic: str, number: int) -> Outgoing:
        return Outgoing(topic, b"key", (), b"%d" % number)

    async with bench.relay() as relay, bench.store(relay) as store:
        goal = agreed()
        to = [bench.audit, bench.receipts, bench.audit, bench.receipts, bench.audit]
        messages = [told(topic, number) for number, topic in enumerate(to)]
        await store.save([Moved(goal)], receipt(goal), outgoing=messages)
        await bench.until_marked(5, "outgoing")
        await bench.until_marked(1)
        await bench.reader.count(4, "records")
        assert relay.passed_over == 2
        (producer,) = producers
        # Or its client would ask for it every 30 s, and log each time that it is not there.
        assert bench.receipts not in producer.client._topics
        assert (await relay.part()).ready
    audit = of(bench.reader.records, bench.audit)
    assert [record.value for record in audit] == [b"0", b"2", b"4"]


async def test_a_receipts_topic_that_was_taken_away_holds_nobody_up(bench: Bench) -> None:
    await create_topics(bench.servers, [bench.receipts])
    sent = Outgoing(bench.receipts, b"key", (), b"{}")
    async with bench.relay() as relay, bench.store(relay) as store:
        goal = agreed()
        await store.save([Moved(goal)], receipt(goal), outgoing=[sent])
        await bench.until_marked(1, "outgoing")
    assert bench.receipts in await bench.owner.fetchval(
        "SELECT acknowledged FROM relay_mark WHERE stream = 'outgoing'"
    )
    await delete_topics(bench.servers, [bench.receipts])
    async with bench.relay() as relay, bench.store(relay) as store:
        goal = agreed()
        await store.save([Moved(goal)], receipt(goal), outgoing=[sent])
        await bench.until_marked(2)
        await bench.until_marked(2, "outgoing")
        assert relay.passed_over == 1


async def test_a_missing_topic_of_events_is_waited_for(bench: Bench) -> None:
    bench.prefix = fresh_prefix()
    async with bench.relay() as relay, bench.store(relay) as store:
        await contribute(store)
        await eventually(lambda: "waiting" in relay._detail, "it waits for the topic")
        assert not (await relay.part()).ready
        assert (await relay.part()).alive
        await create_topics(bench.servers, [bench.events, bench.audit])
        await bench.until_marked(1)


async def test_records_lost_by_the_broker_stop_it_loudly(bench: Bench) -> None:
    async with bench.relay() as relay, bench.store(relay) as store:
        await contribute(store, goals=10)
        await bench.until_marked(10)
    ends = orjson.loads(
        await bench.owner.fetchval("SELECT acknowledged FROM relay_mark WHERE stream = 'events'")
    )
    assert sum(ends.values()) == 10, "the place after the last acknowledged, per partition"
    async with bench.relay() as relay:
        await eventually(lambda: relay._is_active, "nothing is missing")
    place = f"{bench.events}/0"
    await bench.owner.execute(
        "UPDATE relay_mark SET acknowledged = $1 WHERE stream = 'events'",
        orjson.dumps({**ends, place: ends.get(place, 0) + 1}).decode(),
    )
    await stops_loudly(bench, "BrokerLostRecords")


async def test_another_number_of_partitions_stops_it_before_the_first_record(
    bench: Bench,
) -> None:
    async with bench.store() as store:
        await contribute(store, goals=5)
    await stops_loudly(bench, "TopicDiffers", partitions=PARTITIONS + 1)
    assert await bench.mark() == 0
    assert await bench.reader.poll() == []


async def stops_loudly(bench: Bench, why: str, partitions: int = PARTITIONS) -> None:
    async with bench.relay(partitions=partitions) as relay:
        await eventually(lambda: relay.has_stopped, "the relay has stopped")
        part = await relay.part()
        assert (part.ready, part.alive, part.detail) == (False, True, f"stopped: {why}")


async def test_the_lag_is_told_also_where_no_broker_can_be_reached(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared.chassis.kafka.relay, "_LONGEST_PAUSE", 0.2)
    nowhere = bench.settings().model_copy(update={"kafka_servers": f"127.0.0.1:{free_port()}"})
    relay = Relay(bench.made.url, nowhere, streams_of(SECTION, nowhere))
    async with relay, bench.store(relay) as store:
        await contribute(store, goals=2, versions=2)
        await eventually(lambda: relay.lag == 4, "four events to go")
        await contribute(store, goals=1, versions=3)
        await eventually(lambda: relay.lag == 7, "seven events to go")


async def test_the_lag_says_how_far_it_has_to_go(bench: Bench) -> None:
    async with bench.store() as store:
        await contribute(store, goals=3, versions=2)
    bench.prefix = fresh_prefix()  # there is no topic to publish to
    async with bench.relay() as relay:
        await eventually(lambda: relay.lag == 6, "six events to go")
        assert relay.oldest_seconds > 0
        await create_topics(bench.servers, [bench.events, bench.audit])
        await eventually(lambda: relay.lag == 0, "nothing to go")
        await eventually(lambda: relay.oldest_seconds == 0.0, "nothing is waiting")


async def relay_for_ever(url: str, settings: str) -> None:
    """What the other process does."""
    read = Settings.model_validate_json(settings)
    async with Relay(url, read, streams_of(SECTION, read)):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(relay_for_ever(sys.argv[1], sys.argv[2]))
