"""The plan on a real broker and a real database: folded once, in order, and read as it is."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import orjson
import pytest
import pytest_asyncio
import stamina
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import services.plan
import shared.chassis
import shared.chassis.kafka.relay
from deploy.local.stack.issuer import ISS, Issuer
from services.plan.app import create_app
from services.plan.doors.events import CONSUMER, FoldEvents
from services.plan.reads.as_at import PastPlans
from services.plan.reads.current import CurrentPlans
from services.plan.reads.history import History as Lists
from services.plan.store.ledger import ChangeStream
from services.plan.store.projection import PlanStore
from shared.chassis import telemetry
from shared.chassis.database.database import TRANSIENT, Connection, Database
from shared.chassis.database.outgoing import headers_from_bytes
from shared.chassis.http.parameters import cursor_of
from shared.chassis.kafka.consumer import BatchConsumer
from shared.chassis.kafka.offsets import Transaction
from shared.chassis.kafka.relay import Relay
from shared.chassis.kafka.windows import Message as Change
from shared.chassis.policy.decide import POLICY_VERSION
from shared.chassis.settings import Settings
from shared.chassis.wire.position import Position
from shared.chassis.wire.problem import STATUS
from shared.cli.token import person, professional, related_person
from shared.ledger import RecordedEvent, instant
from shared.ledger.topics import AUDIT_RECORDS, EVENTS_PATTERN, PLAN_CHANGES, dead_letters_topic
from shared.testing import plain_fold
from shared.testing.events import History, headers_of, record_of, value_of
from shared.testing.eventually import eventually
from shared.testing.hostile import as_it_comes, history_of
from shared.testing.raw_names import raw_name, raw_names_written
from shared.testing.stack import TestDatabase, create_topics, fresh_database, fresh_prefix
from shared.testing.topic_reader import TopicReader
from tests.faults.judge.published import difference
from tests.faults.judge.refold import document_of

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]

EVERY_SERVICE = Path(shared.chassis.__path__[0]) / "database" / "migrations" / "every_service"
OWN = Path(services.plan.__path__[0]) / "migrations"
SECTIONS = ("person", "needs", "goals")
BATCH = 7
COUNTED = "SELECT sum(consumed), sum(applied), sum(duplicates), sum(parked), sum(dead_lettered)"
COUNTED += " FROM ledger.plan_counter"

Message = tuple[str, bytes | None, bytes | None, list[tuple[str, bytes | None]]]


def message(event: RecordedEvent) -> Message:
    headers: list[tuple[str, bytes | None]] = [*headers_of(event)]
    topic = f"careplan.{event.section}.events.v1"
    return topic, str(event.plan_id).encode(), value_of(event), headers


def plan_store(instance: str) -> PlanStore:
    return PlanStore(instance=instance, policy_version=POLICY_VERSION)


class Bench:
    """A plan service's database and topics of its own, and whatever runs on them."""

    def __init__(self, made: TestDatabase, database: Database, servers: str, jwks: Issuer) -> None:
        self.made = made
        self.database = database
        self.servers = servers
        self.issuer = jwks
        self.prefix = fresh_prefix()
        self._made: list[BatchConsumer] = []

    def settings(self, instance: str = "one") -> Settings:
        return Settings(
            service="plan",
            database_url=self.made.url,
            kafka_servers=self.servers,
            topic_prefix=self.prefix,
            instance=instance,
            issuer=ISS,
            jwks=str(self.issuer.jwks),
            metadata_max_age_ms=500,
            event_partitions=2,
        )

    def consumer(
        self, instance: str = "one", store: PlanStore | None = None, *, max_records: int = 500
    ) -> BatchConsumer:
        settings = self.settings(instance)
        plans = store or plan_store(instance)
        consumer = BatchConsumer(
            consumer=CONSUMER,
            handle=FoldEvents(plans, folded=lambda: None),
            database=self.database,
            settings=settings,
            pattern=EVENTS_PATTERN,
            max_records=max_records,
        )
        self._made.append(consumer)
        return consumer

    @property
    def has_stopped(self) -> bool:
        return any(consumer.has_stopped.is_set() for consumer in self._made)

    async def publish(self, *given: RecordedEvent | Message, partition: int | None = None) -> None:
        async with AIOKafkaProducer(bootstrap_servers=self.servers) as producer:
            sent = []
            for one in given:
                topic, key, value, headers = message(one) if isinstance(one, RecordedEvent) else one
                sent.append(
                    await producer.send(self.prefix + topic, value, key, partition, headers=headers)
                )
            await asyncio.gather(*sent)

    async def counted(self) -> tuple[int, ...]:
        row = await self.database.pool.fetchrow(COUNTED)
        return tuple(int(number or 0) for number in row)

    async def until_consumed(self, count: int) -> dict[str, int]:
        found = await eventually(
            self.counted, f"{count} records consumed", holds=lambda row: row[0] >= count
        )
        names = ("consumed", "applied", "duplicates", "parked", "dead_lettered")
        tally = dict(zip(names, found, strict=True))
        assert tally["consumed"] == sum(found[1:])
        return tally

    async def ledger(self, plan_id: UUID) -> list[asyncpg.Record]:
        return list(
            await self.database.pool.fetch(
                "SELECT * FROM ledger.plan_ledger WHERE plan_id = $1 ORDER BY plan_version", plan_id
            )
        )

    async def document(self, plan_id: UUID) -> dict[str, Any]:
        stored = await self.database.pool.fetchval(
            "SELECT document FROM plan WHERE plan_id = $1", plan_id
        )
        told: dict[str, Any] = orjson.loads(stored)
        return told

    async def must_be_folded(self, plan_id: UUID, events: Sequence[RecordedEvent]) -> None:
        """These events once each: on the ledger, in the document, and told as changes in turn."""
        rows = await self.ledger(plan_id)
        assert [row["plan_version"] for row in rows] == list(range(1, len(events) + 1))
        assert Counter(row["event"] for row in rows) == Counter(value_of(one) for one in events)
        told = [orjson.loads(row["event"]) for row in rows]
        assert difference(await self.document(plan_id), document_of(told)) == ""
        changes = [orjson.loads(change.value) for change in await self.changes()]
        named = ("section", "entry_id", "entry_version", "type", "contribution_id")
        assert [
            [change["plan_version"], *(change[name] for name in named)]
            for change in changes
            if change["plan_id"] == str(plan_id)
        ] == [[version, *(event[name] for name in named)] for version, event in enumerate(told, 1)]

    async def changes(self) -> list[Change]:
        """What subscribers are told of the whole ledger, in its order."""
        told, _ = await ChangeStream(self.settings()).read(self.database.pool.fetch, 0, 100_000, 1)
        return told

    async def outgoing(self, topic: str) -> list[asyncpg.Record]:
        return list(
            await self.database.pool.fetch(
                "SELECT * FROM outgoing WHERE topic = $1 ORDER BY position", self.prefix + topic
            )
        )

    @asynccontextmanager
    async def service(self) -> AsyncIterator[httpx.AsyncClient]:
        app = create_app(self.settings())
        async with AsyncExitStack() as opened:
            await opened.enter_async_context(app.router.lifespan_context(app))
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            client = await opened.enter_async_context(
                httpx.AsyncClient(transport=transport, base_url="http://plan")
            )
            claims = professional("ZZG01", "gp", "Dr A. Quill-Synth")
            client.headers["Authorization"] = f"Bearer {self.issuer.signer.sign(claims)}"
            yield client


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    issuer = Issuer(tmp_path_factory.mktemp("issuer"))
    issuer.prepare()
    return issuer


@pytest_asyncio.fixture(loop_scope="session")
async def bench(postgres_url: str, kafka_servers: str, issuer: Issuer) -> AsyncIterator[Bench]:
    async with AsyncExitStack() as opened:
        made = await opened.enter_async_context(
            fresh_database(postgres_url, "plan", EVERY_SERVICE, OWN)
        )
        database = await opened.enter_async_context(Database(made.url, size=12))
        bench = Bench(made, database, kafka_servers, issuer)
        topics = [f"careplan.{section}.events.v1" for section in SECTIONS]
        topics += [AUDIT_RECORDS, PLAN_CHANGES, dead_letters_topic("plan")]
        await create_topics(kafka_servers, [bench.prefix + topic for topic in topics])
        yield bench


def short_history(history: History) -> list[RecordedEvent]:
    """A plan that opens, a need, and a goal that is agreed, reworded and set aside."""
    need, goal = uuid4(), uuid4()
    return [
        history.opened(),
        history.event("needs", "found", need, "created", {"what": {"text": "Knee hurts"}}),
        history.event("goals", "agreed", goal, "created", {"aim": {"text": "Walk"}, "why": "Shop"}),
        history.event("goals", "reworded", goal, "amended", {"aim": {"text": "Walk far"}}),
        history.event("goals", "set-aside", goal, "withdrawn", {"reason": "Moved"}),
    ]


async def test_events_become_a_plan_a_ledger_and_changes(bench: Bench) -> None:
    history = History()
    events = short_history(history)
    async with bench.consumer():
        await bench.publish(*events)
        tally = await bench.until_consumed(5)
    assert tally == {"consumed": 5, "applied": 5, "duplicates": 0, "parked": 0, "dead_lettered": 0}
    told = await bench.document(history.plan_id)
    assert told["plan_version"] == 5
    assert told["state"] == "open"
    assert told["complete"] is True
    assert list(told["sections"]) != []
    assert "goals" not in told["sections"]
    assert told["sections"]["needs"][0]["content"] == {"what": {"text": "Knee hurts"}}
    rows = await bench.ledger(history.plan_id)
    assert [row["plan_version"] for row in rows] == [1, 2, 3, 4, 5]
    times = [row["projected_at"] for row in rows]
    assert times == sorted(times)
    assert {row["event"] for row in rows} == {value_of(event) for event in events}
    changes = await bench.changes()
    values = [orjson.loads(change.value) for change in changes]
    assert [value["plan_version"] for value in values] == [1, 2, 3, 4, 5]
    assert {change.key for change in changes} == {str(history.plan_id).encode()}
    assert set(values[0]) == {
        "plan_id",
        "plan_version",
        "section",
        "entry_id",
        "entry_type",
        "entry_version",
        "change",
        "type",
        "contribution_id",
        "recorded_at",
        "projected_at",
        "stated_at",
    }
    assert not bench.has_stopped


async def test_repeats_gaps_and_disorder_give_the_same_plan(bench: Bench) -> None:
    straight, odd = History(), History()
    events = short_history(straight)
    same = [
        replace(event, plan_id=odd.plan_id, entry_id=moved(event, straight, odd))
        for event in events
    ]
    async with bench.consumer(max_records=3):
        await bench.publish(*events)
        await bench.until_consumed(5)
        await bench.publish(same[4], same[3], same[4], same[1])
        tally = await bench.until_consumed(9)
        assert (tally["parked"], tally["duplicates"]) == (2, 1)
        told = await bench.document(odd.plan_id)
        assert told["state"] == "unknown"
        assert told["complete"] is False
        assert told["parked"] == [
            {
                "section": "goals",
                "entry_id": str(same[4].entry_id),
                "waiting_from_version": 1,
                "since": told["parked"][0]["since"],
            }
        ]
        await bench.publish(same[2], same[2], same[0], *same)
        tally = await bench.until_consumed(17)
    assert (tally["parked"], tally["applied"], tally["duplicates"]) == (0, 10, 7)
    assert await bench.database.pool.fetchval("SELECT count(*) FROM ledger.plan_parked") == 0
    one, other = await bench.document(straight.plan_id), await bench.document(odd.plan_id)
    for told in (one, other):
        del told["plan_id"]
        for entries in told["sections"].values():
            for entry in entries:
                del entry["entry_id"]
    assert one == other
    versions = [
        row["entry_version"] for row in await bench.ledger(odd.plan_id) if row["section"] == "goals"
    ]
    assert versions == [1, 2, 3]


def moved(event: RecordedEvent, straight: History, odd: History) -> UUID:
    """The entry's counterpart in another plan: no entry may be in two."""
    if event.entry_id == straight.plan_id:
        return odd.plan_id
    return UUID(int=event.entry_id.int ^ 1)


async def test_five_consumers_meet_on_one_plan_and_its_versions_follow_on(bench: Bench) -> None:
    histories = [History() for _ in range(3)]
    events: list[RecordedEvent] = []
    for _ in range(40):
        for history in histories:
            for section in SECTIONS:
                made = history.event(section, "made", uuid4(), "created", {"text": "x"})
                events.append(made)
                events.append(history.event(section, "changed", made.entry_id, "amended", {"b": 1}))
    stores = [plan_store(f"n{n}") for n in range(5)]
    shares: list[list[RecordedEvent]] = [[] for _ in stores]
    for number, event in enumerate(events):
        shares[number // 2 % 5].append(event)
    done = await asyncio.gather(
        *(fold_directly(bench, store, share) for store, share in zip(stores, shares, strict=True))
    )
    assert sum(done) == len(events)
    for history in histories:
        its_own = [event for event in events if event.plan_id == history.plan_id]
        await bench.must_be_folded(history.plan_id, its_own)
        times = [row["projected_at"] for row in await bench.ledger(history.plan_id)]
        assert times == sorted(times)
    assert len(await bench.changes()) == len(events)


async def fold_directly(bench: Bench, store: PlanStore, events: Sequence[RecordedEvent]) -> int:
    """What one of several replicas does with its share: batches, in one transaction each."""
    handle = FoldEvents(store, folded=lambda: None)
    settings = bench.settings()
    for start in range(0, len(events), BATCH):
        records = [
            record_of(event, prefix=bench.prefix, offset=start + number)
            for number, event in enumerate(events[start : start + BATCH])
        ]
        await handle(records, Transaction(CONSUMER, bench.database, settings, (), there_is))
    return len(events)


async def all_pages(lists: Lists, plan_id: UUID) -> list[bytes]:
    """The history of a plan, a few contributions at a time."""
    found, following = await lists.contributions(plan_id, None, 4)
    while following is not None:
        more, following = await lists.contributions(plan_id, following, 4)
        found += more
    return found


async def there_is(_: str) -> bool:
    return True


async def test_three_members_of_the_group_apply_everything_once(bench: Bench) -> None:
    histories = [History() for _ in range(12)]
    events = [event for history in histories for event in short_history(history)]
    async with AsyncExitStack() as opened:
        for number in range(3):
            await opened.enter_async_context(bench.consumer(f"m{number}", max_records=4))
            await bench.publish(*events[number::3])
        tally = await bench.until_consumed(60)
    assert (tally["applied"], tally["parked"], tally["dead_lettered"]) == (60, 0, 0)
    for history in histories:
        its_own = [event for event in events if event.plan_id == history.plan_id]
        await bench.must_be_folded(history.plan_id, its_own)
    assert not bench.has_stopped


async def test_nobody_could_have_seen_a_version_at_the_time_of_the_next(bench: Bench) -> None:
    """Whoever waits for the lock of the ledger has no time yet: its time is that of its commit."""
    history = History()
    store = plan_store("one")
    async with bench.database.pool.acquire() as holder, holder.transaction():
        await holder.execute("SELECT pg_advisory_xact_lock(7411)")
        folding = asyncio.create_task(fold_directly(bench, store, [history.opened()]))
        waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        await eventually(
            lambda: bench.database.pool.fetchval(waits), "the plan waits", holds=lambda n: n == 1
        )
        released_at = await holder.fetchval("SELECT clock_timestamp()")
    await folding
    (row,) = await bench.ledger(history.plan_id)
    assert row["projected_at"] > released_at


async def test_the_time_of_a_version_is_never_before_that_of_the_one_before(bench: Bench) -> None:
    """A replica's clock may be behind that of the one which wrote the version before."""
    history = History()
    store, other = plan_store("one"), plan_store("two")
    await fold_directly(bench, store, [history.opened()])
    owner = await asyncpg.connect(bench.made.owner_url)
    try:
        await owner.execute("UPDATE ledger.plan_ledger SET projected_at = '2099-01-01T00:00:00Z'")
    finally:
        await owner.close()
    for number, replica in enumerate((other, other, store), 2):
        found = history.event("needs", "found", uuid4(), "created", {"what": number})
        await fold_directly(bench, replica, [found])
    years = [row["projected_at"].year for row in await bench.ledger(history.plan_id)]
    assert years == [2099] * 4


async def test_the_ledger_keeps_every_fact_of_an_event(bench: Bench) -> None:
    """What no reading again could recover: the headers, what it meant, and by which policy."""
    history = History()
    goal = uuid4()
    trace = f"00-{1:032x}-{2:016x}-01"
    agreed = history.event(
        "goals",
        "agreed",
        goal,
        "created",
        {"aim": {"text": "Walk"}, "starts_at": "2026-12-01T09:00:00+01:00", "reason": "So"},
        traceparent=trace,
        stated_by={"kind": "person"},
    )
    agreed = replace(agreed, leaf_hash="ab" * 32)
    left = history.event(
        "goals", "left", goal, "withdrawn", {"ends_at": "2026-11-30T00:00:00Z", "live_until": "x"}
    )
    confirmed = history.event("goals", "confirmed", goal)
    await fold_directly(bench, plan_store("one"), [history.opened(), agreed, left, confirmed])
    _, first, second, third = await bench.ledger(history.plan_id)
    assert first["fields"] == ["aim", "starts_at"]
    assert orjson.loads(first["stated_by"]) == {"kind": "person"}
    by = orjson.loads(first["by"])
    assert list(by) == ["kind", "name", "role", "organisation"]
    assert by["organisation"] == {"ods": "ZZG01", "name": "Northmoor Surgery"}
    assert first["leaf_hash"] == bytes.fromhex("ab" * 32)
    assert first["schema"] == "urn:careplan:contract:careplan.goals.agreed:1.0"
    assert first["traceparent"] == trace
    assert first["policy_version"] == POLICY_VERSION
    assert first["stated_at"] == agreed.recorded_at - timedelta(hours=1)
    assert first["event"] == value_of(agreed)
    starts = datetime(2026, 12, 1, 8, tzinfo=UTC)
    assert (first["effective_from"], first["effective_to"]) == (starts, None)
    # It says that the entry ended before it began, so it counts from when that did.
    assert second["effective_from"] == starts
    assert second["effective_to"] == datetime(2026, 11, 30, tzinfo=UTC)
    assert (second["leaf_hash"], second["traceparent"]) == (None, None)
    assert [row["in_order"] for row in (first, second, third)] == [True, True, True]
    shown = orjson.loads(third["entry"])
    assert (shown["entry_version"], shown["state"], third["current"]) == (3, "withdrawn", False)
    assert orjson.loads(third["leaves"]) == {
        "aim": 1,
        "starts_at": 1,
        "ends_at": 2,
        "live_until": 2,
    }
    assert orjson.loads(third["head"])["state"] == "open"
    assert orjson.loads(third["positions"]) == {"person": 1, "goals": 3}
    assert third["feed"] == third["plan_version"] == 4


@pytest.mark.parametrize(
    "columns",
    [
        "(plan_id, recorded_at)",
        "(plan_id, projected_at)",
        "(section, entry_id, plan_version)",
        "(section, entry_id, recorded_at, entry_version)",
    ],
)
async def test_the_ledger_can_be_sought_by_each_clock(bench: Bench, columns: str) -> None:
    """An index that comes late is built while nobody can write."""
    found = await bench.database.pool.fetch(
        "SELECT indexdef FROM pg_indexes WHERE schemaname = 'ledger'"
    )
    assert any(row["indexdef"].endswith(f"btree {columns}") for row in found)


async def test_whatever_comes_the_plan_is_that_of_the_plain_fold(bench: Bench) -> None:
    """Repeats, gaps, disorder, strays and merges: documents, past plans, authors and history."""
    random = Random(20261130)  # noqa: S311 - histories, no secret
    plan_ids = [UUID(int=random.getrandbits(128)) for _ in range(12)]
    entries = {
        plan_id: [UUID(int=random.getrandbits(128)) for _ in range(3)] for plan_id in plan_ids
    }
    events = [
        event for plan_id in plan_ids for event in history_of(random, plan_id, 25, entries[plan_id])
    ]
    # Under another plan than its entry's: it is nobody's, whenever it comes.
    strays = [
        replace(event, plan_id=random.choice(plan_ids))
        for event in random.sample(events, 30)
        if event.entry_version > 1
    ]
    came = [event for batch in as_it_comes(random, [*events, *strays]) for event in batch]
    # What has come last of all settles whose each entry is.
    came += events
    stores = [plan_store(name) for name in ("one", "two")]
    plans, past = CurrentPlans(bench.database), PastPlans(bench.database)
    lists = Lists(bench.database)
    # Whether a version was complete depends on what waited when it was first shown.
    was_complete: dict[tuple[UUID, int], bool] = {}
    for start in range(0, len(came), BATCH):  # looked at after each: the next may change what waits
        await fold_directly(bench, random.choice(stores), came[start : start + BATCH])
        for plan_id in plan_ids:
            if (seen := await plans.current(plan_id)) is not None:
                shown = orjson.loads(seen.body)
                was_complete.setdefault((plan_id, shown["plan_version"]), shown["complete"])
    assert len(set(was_complete.values())) == 2
    for plan_id in plan_ids:
        rows = await bench.ledger(plan_id)
        of_the_plan = {one.natural_key: one for one in events if one.plan_id == plan_id}
        order = [(row["section"], row["entry_id"], row["entry_version"]) for row in rows]
        told = plain_fold.Taken([of_the_plan[key] for key in order])
        assert len(order) == 25
        view = await plans.current(plan_id)
        assert view is not None
        assert view.body == plain_fold.document(plan_id, told)
        assert await all_pages(lists, plan_id) == plain_fold.history(told)
        for version in (1, 13, 25):
            then = await past.version(plan_id, version, frozenset({"withdrawn", "authorship"}))
            assert then is not None
            told_then = plain_fold.Taken(told.events[:version])
            wanted = orjson.loads(plain_fold.document(plan_id, told_then, withdrawn=True))
            shown = orjson.loads(then.body)
            del shown["as_at"]
            is_complete, _ = shown.pop("complete"), wanted.pop("complete")
            assert is_complete == was_complete.get((plan_id, version), is_complete)
            for section, its_entries in shown["sections"].items():
                for entry in its_entries:
                    authors = {
                        leaf: said["entry_version"]
                        for leaf, said in entry.pop("authorship").items()
                    }
                    key = (section, UUID(entry["entry_id"]))
                    mine = [event for event in told_then.events if event.entry == key]
                    assert authors == plain_fold.authors(mine)
            assert shown == wanted


async def test_the_same_id_in_two_sections_is_two_entries(bench: Bench) -> None:
    history = History()
    shared_id = uuid4()
    async with bench.consumer():
        await bench.publish(
            history.opened(),
            history.event("goals", "agreed", shared_id, "created", {"aim": 1}),
            history.event("needs", "found", shared_id, "created", {"what": 2}),
        )
        await bench.until_consumed(3)
    told = await bench.document(history.plan_id)
    assert [e["content"] for e in told["sections"]["goals"]] == [{"aim": 1}]
    assert [e["content"] for e in told["sections"]["needs"]] == [{"what": 2}]


async def test_an_entry_named_under_another_plan_is_a_dead_letter(bench: Bench) -> None:
    history, other = History(), History()
    goal = uuid4()
    agreed = history.event("goals", "agreed", goal, "created", {"aim": 1})
    reworded = history.event("goals", "reworded", goal, "amended", {"aim": 2})
    stray = replace(reworded, plan_id=other.plan_id)
    async with bench.consumer():
        await bench.publish(agreed, stray)  # at once
        await bench.until_consumed(2)
        await bench.publish(stray, other.opened())  # later
        await bench.until_consumed(4)
        await bench.publish(reworded)
        tally = await bench.until_consumed(5)
    assert (tally["applied"], tally["dead_lettered"]) == (3, 2)
    letters = await bench.outgoing(dead_letters_topic("plan"))
    reasons = {dict(headers_from_bytes(row["headers"]))["dead-letter-reason"] for row in letters}
    assert reasons == {b"The entry is another plan's."}
    assert len(await bench.outgoing(AUDIT_RECORDS)) == 2
    assert "goals" not in (await bench.document(other.plan_id))["sections"]
    told = await bench.document(history.plan_id)
    assert told["sections"]["goals"][0]["entry_version"] == 2


async def test_no_odd_text_in_an_event_stops_the_plan(bench: Bench) -> None:
    """What PostgreSQL cannot store of a header is left out; a plan in no plan is a dead letter."""
    histories = [History() for _ in range(3)]
    odd: list[RecordedEvent | Message] = []
    for history, into in zip(histories, ("x" * 12_000, "no id", 5), strict=True):
        odd.append(history.opened())
        told = {"merged_into": into}
        odd.append(history.event("person", "plan-merged", history.plan_id, "amended", told))
    merged = len(histories)
    goal = uuid4()
    agreed = histories[0].event("goals", "agreed", goal, "created", {"aim": 1})
    waits = histories[0].event("goals", "reworded", goal, "amended", {"aim": 2})
    headers: list[tuple[str, bytes | None]] = [
        *headers_of(waits),
        ("traceparent", b"00-\x00"),
        ("ce_leafhash", b"\x00" * 64),
        ("ce_dataschema", b"x" * 12_000),
    ]
    odd.append((*message(waits)[:3], headers))
    async with bench.consumer():
        await bench.publish(*odd)
        tally = await bench.until_consumed(len(odd))
        assert tally["parked"] == 1
        await bench.publish(agreed)
        tally = await bench.until_consumed(len(odd) + 1)
    assert (tally["applied"], tally["parked"]) == (len(odd) + 1 - merged, 0)
    assert tally["dead_lettered"] == merged
    assert not bench.has_stopped
    for history in histories:
        told = await bench.document(history.plan_id)
        assert told["state"] == "open"
        assert "merged_into" not in told
    row = (await bench.ledger(histories[0].plan_id))[-1]
    assert (row["traceparent"], row["leaf_hash"], row["schema"]) == (None, None, None)


async def test_what_waits_in_another_plan_than_its_entry_leaves_as_a_dead_letter(
    bench: Bench,
) -> None:
    history, other = History(), History()
    goal = uuid4()
    agreed = history.event("goals", "agreed", goal, "created", {"aim": 1})
    reworded = history.event("goals", "reworded", goal, "amended", {"aim": 2})
    stray = replace(reworded, plan_id=other.plan_id)
    async with bench.consumer():
        await bench.publish(stray)
        await bench.until_consumed(1)
        assert (await bench.document(other.plan_id))["parked"] != []
        await bench.publish(reworded)
        tally = await bench.until_consumed(2)
        assert tally["parked"] == 2
        await bench.publish(agreed)
        tally = await bench.until_consumed(3)
    assert (tally["applied"], tally["dead_lettered"], tally["parked"]) == (2, 1, 0)
    (letter,) = await bench.outgoing(dead_letters_topic("plan"))
    assert (letter["key"], letter["value"]) == (str(other.plan_id).encode(), value_of(stray))
    kept = headers_from_bytes(letter["headers"])
    assert list(kept[: len(headers_of(stray))]) == headers_of(stray)
    assert (dict(kept)["dead-letter-topic"] or b"").endswith(b"careplan.goals.events.v1")
    told = await bench.document(history.plan_id)
    assert told["sections"]["goals"][0]["content"] == {"aim": 2}
    gone = "SELECT document IS NULL FROM plan WHERE plan_id = $1"
    assert await bench.database.pool.fetchval(gone, other.plan_id)


async def test_what_waits_and_can_no_longer_be_read_leaves_as_a_dead_letter(bench: Bench) -> None:
    """A later version of the code may read less: that takes no plan away."""
    history = History()
    goal = uuid4()
    agreed = history.event("goals", "agreed", goal, "created", {"aim": 1})
    reworded = history.event("goals", "reworded", goal, "amended", {"aim": 2})
    store = plan_store("one")
    await fold_directly(bench, store, [history.opened(), reworded])
    owner = await asyncpg.connect(bench.made.owner_url)
    try:
        await owner.execute("UPDATE ledger.plan_parked SET event = '{}'")
    finally:
        await owner.close()
    await fold_directly(bench, store, [agreed])
    assert await bench.counted() == (3, 2, 0, 0, 1)
    (letter,) = await bench.outgoing(dead_letters_topic("plan"))
    assert letter["value"] == b"{}"
    told = await bench.document(history.plan_id)
    assert (told["complete"], told["parked"]) == (True, [])
    assert told["sections"]["goals"][0]["entry_version"] == 1
    assert await bench.database.pool.fetchval("SELECT count(*) FROM ledger.plan_parked") == 0


async def test_how_much_waits_is_known_to_every_replica_and_after_the_commit_only(
    bench: Bench,
) -> None:
    history = History()
    goals = [uuid4(), uuid4()]
    made = [history.event("goals", "agreed", goal, "created", {"aim": 1}) for goal in goals]
    later = [
        history.event("goals", "reworded", goal, content={"aim": n})
        for goal in goals
        for n in (1, 2)
    ]
    one, two = plan_store("one"), plan_store("two")

    def told(store: PlanStore) -> tuple[int, int]:
        return store.parked_events, store.parked_entries

    await fold_directly(bench, one, later)
    assert told(one) == (4, 2)
    await fold_directly(bench, two, [made[0]])
    assert told(two) == (2, 1)
    await fold_directly(bench, one, [history.opened()])
    assert told(one) == (2, 1)
    new, dying = plan_store("three"), DyingStore(instance="four", policy_version=POLICY_VERSION)
    async with bench.database.pool.acquire() as connection:
        for store in (new, dying):
            await store.count_parked(connection)
    with pytest.raises(RuntimeError):
        await fold_directly(bench, dying, [made[1]])
    assert told(dying) == told(new) == (2, 1)
    await fold_directly(bench, new, [made[1]])
    assert told(new) == (0, 0)
    row = await bench.database.pool.fetchval("SELECT sum(parked_entries) FROM ledger.plan_counter")
    assert row == 0


class DyingStore(PlanStore):
    """A store whose transactions never commit."""

    async def write(self, *arguments: Any) -> Any:
        await super().write(*arguments)
        raise RuntimeError("killed")


class PausedStore(PlanStore):
    """A store that stops once before it writes, until it is let on."""

    def __init__(self, instance: str) -> None:
        super().__init__(instance=instance, policy_version=POLICY_VERSION)
        self.has_paused = asyncio.Event()
        self.may_go_on = asyncio.Event()

    async def write(self, *arguments: Any) -> Any:
        if not self.has_paused.is_set():
            self.has_paused.set()
            await self.may_go_on.wait()
        return await super().write(*arguments)


@pytest.mark.parametrize("first", [0, 1])
async def test_two_replicas_at_once_leave_nothing_waiting_in_another_plan(
    bench: Bench, first: int
) -> None:
    """What one replica looks for, another may write meanwhile: looked for again in its turn."""
    history, other = History(), History()
    goal = uuid4()
    agreed = history.event("goals", "agreed", goal, "created", {"aim": 1})
    reworded = history.event("goals", "reworded", goal, "amended", {"aim": 2})
    shares = [[history.opened(), agreed], [replace(reworded, plan_id=other.plan_id)]]
    stores = [PausedStore("one"), PausedStore("two")]
    writing = [
        asyncio.create_task(until_written(bench, store, share))
        for store, share in zip(stores, shares, strict=True)
    ]
    for store in stores:
        await asyncio.wait_for(store.has_paused.wait(), 30)
    for number in (first, 1 - first):
        stores[number].may_go_on.set()
        await asyncio.wait_for(writing[number], 30)
    _, applied, duplicates, waiting, dead_lettered = await bench.counted()
    assert (applied, duplicates, waiting, dead_lettered) == (2, 0, 0, 1)
    assert await bench.database.pool.fetchval("SELECT count(*) FROM ledger.plan_parked") == 0
    assert len(await bench.outgoing(dead_letters_topic("plan"))) == 1
    told = await bench.document(history.plan_id)
    assert told["complete"] is True
    nothing = "SELECT document IS NULL FROM plan WHERE plan_id = $1"
    assert await bench.database.pool.fetchval(nothing, other.plan_id)


async def until_written(bench: Bench, store: PlanStore, events: Sequence[RecordedEvent]) -> None:
    """As a consumer does: what the database refuses for the moment is tried again."""
    async for attempt in stamina.retry_context(on=TRANSIENT, attempts=5, wait_initial=0.01):
        with attempt:
            await fold_directly(bench, store, events)


async def test_what_cannot_be_read_is_a_dead_letter_and_its_neighbours_are_served(
    bench: Bench,
) -> None:
    history = History()
    events = short_history(history)
    topic, key, value, headers = message(events[2])
    assert value is not None
    late = re.sub(
        rb'"recorded_at":"[^"]*"', b'"recorded_at":"0001-01-01T00:00:00+14:00"', value, count=1
    )
    odd: list[Message] = [
        (topic, key, None, []),
        (topic, key, b"", headers),
        (topic, key, b"{not JSON", headers),
        (topic, key, b"\xff\xfe", headers),
        (topic, key, b"[]", headers),
        (topic, key, b"{}", headers),
        (topic, b"another key", value, headers),
        ("careplan.needs.events.v1", key, value, headers),
        (topic, key, value.replace(b'"change":"created"', b'"change":"moved"'), headers),
        (topic, key, value.replace(b'"goal"', b'"g\\u0000"'), headers),
        (topic, key, late, headers),
        (topic, key, value, [*headers, (raw_name(b"\xe9tiquette"), b"x")]),
        # A type is of its section: no other section ends a plan, whatever it writes.
        (
            topic,
            key,
            value.replace(b"careplan.goals.agreed", b"careplan.person.plan-ended"),
            headers,
        ),
        (topic, key, value.replace(b"goals.agreed", b"goals." + b"x" * 12_000), headers),
        (topic, key, value.replace(b'"goal"', b'"%b"' % (b"g" * 12_000)), headers),
        (topic, key, value.replace(b'"why":"Shop"', b'"why":' + b"[" * 300 + b"]" * 300), headers),
    ]
    fine: list[Message] = [
        (*message(events[2])[:3], [*headers, ("ce_x", None), ("ce_y", b"\xff\xfe")]),
    ]
    async with bench.consumer():
        with raw_names_written():
            await bench.publish(events[0], events[1], *odd[:6], *fine, *odd[6:], *events[3:])
        tally = await bench.until_consumed(4 + len(odd) + 1)
    assert (tally["applied"], tally["dead_lettered"]) == (5, len(odd))
    letters = await bench.outgoing(dead_letters_topic("plan"))
    records = [orjson.loads(row["value"]) for row in await bench.outgoing(AUDIT_RECORDS)]
    assert len(letters) == len(records) == len(odd)
    assert {record["operation"] for record in records} == {"unreadable"}
    assert {record["code"] for record in records} <= set(STATUS)
    assert len({record["record_id"] for record in records}) == len(odd)
    assert (await bench.document(history.plan_id))["plan_version"] == 5
    assert not bench.has_stopped


STEPS = ("take_up", "_write_parked", "_write_plans", "_write_counts", "_write_ledger", "write")


class MortalStore(PlanStore):
    """A store that fails once after a step, as a process does that is killed there."""

    def __init__(self, step: str, error: type[BaseException]) -> None:
        super().__init__(instance="one", policy_version=POLICY_VERSION)
        self.died = asyncio.Event()
        plain = getattr(self, step)

        async def die_after(connection: Connection, *arguments: Any) -> Any:
            result = await plain(connection, *arguments)
            if not self.died.is_set():
                self.died.set()
                if error is asyncio.CancelledError:
                    await asyncio.Event().wait()
                raise error("killed")
            return result

        setattr(self, step, die_after)


@pytest.mark.parametrize(
    ("step", "error"),
    [
        *((step, asyncio.CancelledError) for step in STEPS),
        ("_write_plans", RuntimeError),
        ("write", asyncpg.DeadlockDetectedError),
    ],
)
async def test_killed_at_any_step_nothing_is_lost_or_twice(
    bench: Bench, step: str, error: type[BaseException]
) -> None:
    history = History()
    events = short_history(history)
    disorder = [events[0], events[3], events[1], events[4], events[2]]
    store = MortalStore(step, error)
    await bench.publish(*disorder)
    consumer = bench.consumer(store=store, max_records=2)
    await consumer.__aenter__()
    await eventually(store.died.is_set, f"dead after {step}")
    if error is asyncpg.DeadlockDetectedError:
        await bench.until_consumed(5)  # tried again in place
        await consumer.__aexit__(None, None, None)
    elif error is RuntimeError:
        await eventually(consumer.has_stopped.is_set, "stopped loudly")
        await consumer.__aexit__(None, None, None)
    else:
        await stop_at_once(consumer)
    async with bench.consumer(store=store, max_records=2):
        tally = await bench.until_consumed(5)
        await bench.publish(*events)
        tally = await bench.until_consumed(10)
    assert (tally["applied"], tally["duplicates"], tally["parked"]) == (5, 5, 0)
    await bench.must_be_folded(history.plan_id, events)
    assert len(await bench.changes()) == 5


async def stop_at_once(consumer: BatchConsumer) -> None:
    """As at SIGTERM when the batch in hand does not end by itself."""
    assert consumer._subscription is not None
    for task in consumer._subscription._subscriber.tasks:
        task.cancel()
    await consumer.__aexit__(None, None, None)


async def test_a_section_never_heard_of_is_noticed_and_folded_from_its_beginning(
    bench: Bench,
) -> None:
    history = History()
    entry = uuid4()
    first = history.event("sleep_diary", "night-noted", entry, "created", {"hours": 6})
    second = history.event("sleep_diary", "night-corrected", entry, "amended", {"hours": 7})
    async with bench.consumer():
        await bench.publish(history.opened())
        await bench.until_consumed(1)
        await create_topics(bench.servers, [bench.prefix + "careplan.sleep-diary.events.v1"])
        await bench.publish(first, second)
        await bench.until_consumed(3)
    told = await bench.document(history.plan_id)
    assert told["sections"]["sleep-diary"][0]["content"] == {"hours": 7}


async def test_the_ledger_cannot_be_changed_by_the_service(bench: Bench) -> None:
    async with bench.consumer():
        await bench.publish(History().opened())
        await bench.until_consumed(1)
    for statement in (
        "UPDATE ledger.plan_ledger SET plan_version = 7",
        "DELETE FROM ledger.plan_ledger",
        "TRUNCATE ledger.plan_ledger",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await bench.database.pool.execute(statement)


async def test_one_span_for_a_batch_with_links_to_what_caused_its_events(bench: Bench) -> None:
    history = History()
    traces = [f"00-{n:032x}-{n:016x}-01" for n in (11, 12)]
    spans = InMemorySpanExporter()
    telemetry.configure("plan", span_exporter=spans)
    try:
        await bench.publish(
            replace(history.opened(), traceparent=traces[0]),
            history.event("goals", "agreed", uuid4(), "created", {}, traceparent=traces[1]),
        )
        async with bench.consumer():
            await bench.until_consumed(2)
        folds = [span for span in spans.get_finished_spans() if span.name == "fold plan"]
        links = {link.context.trace_id for span in folds for link in span.links}
        assert links == {11, 12}
        counts = [(span.attributes or {})["messaging.batch.message_count"] for span in folds]
        assert counts in ([2], [1, 1])
        assert b"careplan_consumed" in bytes(telemetry.metrics_response().body)
    finally:
        telemetry.shut_down()
    told = [dict(change.headers) for change in await bench.changes()]
    assert {headers["traceparent"] for headers in told} == {trace.encode() for trace in traces}


# The door


async def shown(client: httpx.AsyncClient, plan_id: UUID, version: int) -> httpx.Response:
    async def ask() -> httpx.Response:
        return await client.get(f"/v1/plans/{plan_id}")

    def holds(answer: httpx.Response) -> bool:
        return answer.status_code == 200 and answer.json()["plan_version"] >= version

    return await eventually(ask, f"version {version} shown", holds=holds)


def codes(answers: Iterable[httpx.Response]) -> list[tuple[int, str]]:
    return [(answer.status_code, answer.json()["code"]) for answer in answers]


async def test_the_plan_is_read_with_its_headers_and_not_sent_twice(bench: Bench) -> None:
    history = History()
    events = short_history(history)
    async with bench.service() as client:
        await bench.publish(*events)
        answer = await shown(client, history.plan_id, 5)
        assert answer.headers["etag"].startswith('"5-')
        assert answer.headers["ledger-version"] == "5"
        assert answer.headers["cache-control"] == "private, no-cache"
        assert answer.headers["vary"] == "Authorization, Accept"
        assert answer.headers["x-correlation-id"]
        await eventually(
            lambda: client.get(f"/v1/plans/{history.plan_id}"),
            "caught up",
            holds=lambda told: told.headers["ledger-lag"] == "0",
        )
        position = Position.decode(answer.headers["ledger-position"])
        assert position == Position(history.plan_id, {"person": 1, "needs": 1, "goals": 3})
        again = await client.get(
            f"/v1/plans/{history.plan_id}", headers={"If-None-Match": answer.headers["etag"]}
        )
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == answer.headers["etag"]
        assert again.headers["ledger-position"] == answer.headers["ledger-position"]

        full = await client.get(f"/v1/plans/{history.plan_id}?include=authorship,withdrawn")
        goal = full.json()["sections"]["goals"][0]
        assert (goal["state"], goal["current"]) == ("withdrawn", False)
        assert goal["authorship"]["aim"]["entry_version"] == 2
        assert goal["authorship"]["why"]["entry_version"] == 1
        assert goal["authorship"]["why"]["plan_version"] >= 1
        assert "identifier" not in goal["authorship"]["why"]["recorded_by"]
        assert full.headers["etag"] != answer.headers["etag"]
        only = await client.get(f"/v1/plans/{history.plan_id}?include=authorship")
        assert "goals" not in only.json()["sections"]
        assert "authorship" in only.json()["sections"]["needs"][0]


async def test_versions_history_and_past_plans(bench: Bench) -> None:
    history = History()
    goal, twice = uuid4(), uuid4()
    events = [
        history.opened(),
        history.event("goals", "agreed", goal, "created", {"aim": 1}, contribution_id=twice),
        history.event(
            "goals", "reworded", goal, "amended", {"aim": 2, "reason": "So"}, contribution_id=twice
        ),
        history.event("goals", "set-aside", goal, "withdrawn", {"reason": "Moved"}),
    ]
    async with bench.service() as client:
        for event in events:
            await bench.publish(event)
            await bench.until_consumed(event.position + (event.section == "goals"))  # type: ignore[operator]
        await shown(client, history.plan_id, 4)
        base = f"/v1/plans/{history.plan_id}"

        first = (await client.get(f"{base}/versions?limit=3")).json()
        assert [item["plan_version"] for item in first["items"]] == [4, 3, 2]
        rest = (await client.get(f"{base}/versions?limit=3&cursor={first['next']}")).json()
        assert [item["plan_version"] for item in rest["items"]] == [1]
        assert rest["next"] is None
        assert set(rest["items"][0]) == {
            "plan_version",
            "section",
            "entry_id",
            "entry_type",
            "entry_version",
            "change",
            "type",
            "contribution_id",
            "recorded_at",
            "projected_at",
            "stated_at",
            "by",
        }

        told = (await client.get(f"{base}/history?limit=2")).json()
        assert [item["plan_versions"] for item in told["items"]] == [[4], [2, 3]]
        made = told["items"][1]
        assert made["contribution_id"] == str(twice)
        assert made["reason"] == "So"
        assert [e["entry_version"] for e in made["events"]] == [1, 2]
        assert made["events"][1]["fields"] == ["aim"]
        assert made["events"][1]["content"] == {"aim": 2, "reason": "So"}
        assert told["items"][0]["reason"] == "Moved"
        assert made["by"] == made["stated_by"]
        rest = (await client.get(f"{base}/history?limit=2&cursor={told['next']}")).json()
        assert [item["plan_versions"] for item in rest["items"]] == [[1]]

        past = await client.get(f"{base}/versions/3")
        assert past.json()["sections"]["goals"][0]["content"] == {"aim": 2}
        assert past.headers["ledger-version"] == "3"
        assert past.headers["etag"].startswith('"3-')
        opened = await client.get(f"{base}/versions/1")
        assert list(opened.json()["sections"]) == ["person"]
        authored = await client.get(f"{base}/versions/3?include=authorship")
        full = authored.json()["sections"]["goals"][0]["authorship"]["aim"]
        assert full["entry_version"] == 2
        odd_versions = ("5", "0", "x", "-1", "1%D9%A0", "%D9%A1", "+1", "%201", "0_1", "01")
        assert codes([await client.get(f"{base}/versions/{n}") for n in odd_versions]) == [
            (404, "version-unknown")
        ] * len(odd_versions)
        newest = await client.get(f"{base}/versions/4")
        head = await client.head(f"{base}/versions/4")
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["etag"] == newest.headers["etag"]
        assert head.headers["content-length"] == newest.headers["content-length"]
        held = [("If-None-Match", '"other"'), ("If-None-Match", newest.headers["etag"])]
        assert (await client.get(f"{base}/versions/4", headers=held)).status_code == 304


async def test_a_past_plan_says_that_it_is_one_and_is_otherwise_what_was_shown(
    bench: Bench,
) -> None:
    """Byte for byte, but for what waited: that was said to be missing, and is not listed again."""
    history = History()
    events = short_history(history)
    opened, found, agreed, reworded, set_aside = events
    async with bench.service() as client:
        await bench.publish(opened)
        bodies = [(await shown(client, history.plan_id, 1)).content]
        await bench.publish(reworded)
        await eventually(bench.counted, "it waits", holds=lambda row: row[3] == 1)
        await bench.publish(found)
        body = (await shown(client, history.plan_id, 2)).content
        waits = orjson.loads(body)["parked"]
        assert [one["entry_id"] for one in waits] == [str(agreed.entry_id)]
        bodies.append(body.replace(b'"parked":' + orjson.dumps(waits), b'"parked":[]'))
        assert orjson.loads((await bench.ledger(history.plan_id))[1]["head"])["parked"] == waits
        await bench.publish(agreed)
        await shown(client, history.plan_id, 4)
        await bench.publish(set_aside)
        last = (await shown(client, history.plan_id, 5)).content
        base = f"/v1/plans/{history.plan_id}"
        rows = await bench.ledger(history.plan_id)
        told = [row["plan_version"] for row in rows]
        assert told == [1, 2, 3, 4, 5]
        for row, body in [*zip(rows, bodies, strict=False), (rows[4], last)]:
            past = await client.get(f"{base}/versions/{row['plan_version']}")
            marked = {
                "requested": row["plan_version"],
                "basis": "version",
                "resolved_version": row["plan_version"],
                "resolved_at": instant(row["projected_at"]),
                "without": [],
                "policy_version": POLICY_VERSION,
                "is_current": False,
            }
            assert past.json()["as_at"] == marked
            assert past.content.replace(b',"as_at":' + orjson.dumps(marked), b"") == body
            assert past.headers["ledger-current-version"] == "5"
            assert past.headers["ledger-policy"] == POLICY_VERSION
            at = parsedate_to_datetime(past.headers["memento-datetime"])
            assert at == row["projected_at"].replace(microsecond=0)
        links = [(await client.get(f"{base}/versions/{n}")).headers["link"] for n in (1, 4, 5)]
        both = f'<{base}>; rel="original", <{base}/versions>; rel="timemap"'
        assert links == [
            f'{both}, <{base}/versions/2>; rel="next"',
            f'{both}, <{base}/versions/3>; rel="prev", <{base}/versions/5>; rel="next"',
            f'{both}, <{base}/versions/4>; rel="prev"',
        ]
        full = await client.get(f"{base}/versions/4?include=withdrawn&include=authorship")
        more = "?include=authorship,withdrawn"
        assert full.headers["link"] == (
            f'{both}, <{base}/versions/3{more}>; rel="prev", <{base}/versions/5{more}>; rel="next"'
        )


async def test_what_cannot_be_asked_is_a_problem_that_names_it(bench: Bench) -> None:
    history = History()
    async with bench.service() as client:
        await bench.publish(history.opened())
        await shown(client, history.plan_id, 1)
        base = f"/v1/plans/{history.plan_id}"
        wrong = {
            f"{base}?include=everything": "include",
            f"{base}?as_at=2026-01-01T00:00:00Z": "as_at",
            f"{base}/versions?limit=201": "limit",
            f"{base}/versions?limit=0": "limit",
            f"{base}/versions?limit=many": "limit",
            f"{base}/versions?limit=1&limit=2": "limit",
            f"{base}/versions?limit=1%D9%A0": "limit",
            f"{base}/versions?limit=+5": "limit",
            f"{base}/history?cursor={cursor_of(2**63, 'history', str(history.plan_id))}": "cursor",
            f"{base}/history?cursor=abc": "cursor",
            f"{base}/history?cursor=%C3%A9": "cursor",
        }
        for url, name in wrong.items():
            answer = await client.get(url)
            assert codes([answer]) == [(400, "parameter-invalid")]
            assert answer.json()["parameter"] == name
            assert answer.headers["content-type"] == "application/problem+json"
        lists = (await client.get(f"{base}/versions?limit=1")).json()
        assert lists["next"] is None
        for headers, name in (
            ({"Ledger-Purpose": "curiosity"}, "Ledger-Purpose"),
            ({"Ledger-Purpose": "emergency"}, "Ledger-Reason"),
            ({"Ledger-Min-Position": "not one"}, "Ledger-Min-Position"),
            ([("Ledger-Purpose", "audit"), ("Ledger-Purpose", "review")], "Ledger-Purpose"),
        ):
            answer = await client.get(base, headers=headers)
            assert codes([answer]) == [(400, "parameter-invalid")]
            assert answer.json()["parameter"] == name
        urgent = {"Ledger-Purpose": "emergency", "Ledger-Reason": "cannot-ask"}
        assert (await client.get(base, headers=urgent)).status_code == 200
        unknown = [
            await client.get(f"/v1/plans/{uuid4()}{end}")
            for end in ("", "/versions", "/versions/1", "/history")
        ]
        unknown.append(await client.get("/v1/plans/not-an-id"))
        assert codes(unknown) == [(404, "plan-unknown")] * 5
        assert codes([await client.get(f"{base}/")]) == [(404, "not-found")]


async def test_a_person_opens_their_own_plan_and_no_other(bench: Bench) -> None:
    history, other = History(), History()
    async with bench.service() as client:
        await bench.publish(history.opened(), other.opened())
        await shown(client, history.plan_id, 1)
        await shown(client, other.plan_id, 1)
        claims = person(str(history.plan_id), "Edith Marlow-Synth")
        own = {"Authorization": f"Bearer {bench.issuer.signer.sign(claims)}"}
        assert (await client.get(f"/v1/plans/{history.plan_id}", headers=own)).status_code == 200
        claims = related_person(str(history.plan_id), "Ruth Marlow-Synth")
        near = {"Authorization": f"Bearer {bench.issuer.signer.sign(claims)}"}
        assert (await client.get(f"/v1/plans/{history.plan_id}", headers=near)).status_code == 200
        elsewhere = await client.get(f"/v1/plans/{other.plan_id}", headers=near)
        assert codes([elsewhere]) == [(403, "not-permitted")]
        refused = [
            await client.get(f"/v1/plans/{plan_id}{end}", headers=own)
            for plan_id in (other.plan_id, uuid4())
            for end in ("", "/versions", "/versions/1", "/history")
        ]
        assert codes(refused) == [(403, "not-permitted")] * 8
        del client.headers["Authorization"]
        assert codes([await client.get(f"/v1/plans/{history.plan_id}")]) == [(401, "token-missing")]


async def test_a_reader_waits_for_what_was_just_written(bench: Bench) -> None:
    history, other = History(), History()
    async with bench.service() as client:
        await bench.publish(history.opened())
        await shown(client, history.plan_id, 1)
        base = f"/v1/plans/{history.plan_id}"
        agreed = history.event("goals", "agreed", uuid4(), "created", {"aim": 1})
        asked = {"Ledger-Min-Position": Position(history.plan_id, {"goals": 1}).encode()}

        behind = await client.get(base, headers=asked)
        assert codes([behind]) == [(503, "projection-behind")]
        assert behind.headers["retry-after"] == "1"
        assert behind.json()["retryable"] is True
        assert "behind_seconds" in behind.json()
        reached = Position.decode(behind.json()["position"])
        assert reached == Position(history.plan_id, {"person": 1})

        reading = asyncio.create_task(client.get(base, headers={**asked, "Prefer": "wait=10"}))
        await bench.publish(agreed)
        answer = await reading
        assert answer.status_code == 200
        assert answer.headers["preference-applied"] == "wait"
        assert answer.json()["plan_version"] == 2
        assert (await client.get(base, headers=asked)).status_code == 200
        elsewhere = {"Ledger-Min-Position": Position(other.plan_id, {"goals": 1}).encode()}
        wrong = await client.get(base, headers=elsewhere)
        assert codes([wrong]) == [(400, "position-of-another-plan")]
        waits = await client.get(
            f"/v1/plans/{other.plan_id}", headers={**elsewhere, "Prefer": "wait=1"}
        )
        assert codes([waits]) == [(503, "projection-behind")]


async def test_a_merged_plan_stays_readable_and_both_name_each_other(bench: Bench) -> None:
    left, right = History(), History()
    async with bench.service() as client:
        merged = (
            left.opened(),
            left.event(
                "person",
                "plan-merged",
                left.plan_id,
                "amended",
                {"merged_into": str(right.plan_id), "reason": "The same person"},
            ),
        )
        await bench.publish(right.opened())
        alone = await shown(client, right.plan_id, 1)
        assert "merged_from" not in alone.json()
        await bench.publish(*merged)
        one = (await shown(client, left.plan_id, 2)).json()
        assert (one["state"], one["merged_into"]) == ("merged", str(right.plan_id))
        other = await shown(client, right.plan_id, 1)
        assert other.json()["merged_from"] == [str(left.plan_id)]
        await bench.publish(left.event("person", "plan-unmerged", left.plan_id))
        one = (await shown(client, left.plan_id, 3)).json()
        assert one["state"] == "open"
        again = await client.get(f"/v1/plans/{right.plan_id}")
        assert "merged_from" not in again.json()
        assert again.headers["etag"] != other.headers["etag"]


async def test_what_is_kept_of_plans_is_bounded_by_its_bytes_and_never_old(bench: Bench) -> None:
    histories = [History() for _ in range(8)]
    store = plan_store("one")
    await fold_directly(bench, store, [history.opened() for history in histories])
    stored = {history.plan_id: await bench.document(history.plan_id) for history in histories}
    size = max(len(orjson.dumps(document)) for document in stored.values())
    plans = CurrentPlans(bench.database, kept_bytes=3 * size)
    for _ in range(2):
        views = await asyncio.gather(*(plans.current(plan_id) for plan_id in stored))
        assert [orjson.loads(view.body) for view in views if view] == list(stored.values())
        assert 0 < plans.kept_bytes <= 3 * size
    last = histories[-1]
    again = await plans.current(last.plan_id)
    assert again is not None
    assert (await plans.current(last.plan_id)) is again
    found = last.event("needs", "found", uuid4(), "created", {"what": 1})
    await fold_directly(bench, store, [found])
    view = await plans.current(last.plan_id)
    assert view is not None
    assert view.version == 2
    assert await plans.current(uuid4()) is None


async def test_the_changes_are_published_in_the_order_of_the_plan(bench: Bench) -> None:
    history = History()
    events = short_history(history)
    Random(7).shuffle(events)  # noqa: S311 - an order, no secret
    async with bench.service() as client:
        await bench.publish(*events)
        await shown(client, history.plan_id, 5)
        topic = bench.prefix + PLAN_CHANGES
        reader = AIOKafkaConsumer(bootstrap_servers=bench.servers, enable_auto_commit=False)
        await reader.start()
        try:
            partitions = [TopicPartition(topic, n) for n in range(2)]
            reader.assign(partitions)
            await reader.seek_to_beginning(*partitions)
            versions: list[int] = []
            while len(versions) < 5:
                found = await reader.getmany(timeout_ms=1000)
                for records in found.values():
                    versions += [orjson.loads(one.value)["plan_version"] for one in records]
        finally:
            await reader.stop()
        assert versions == [1, 2, 3, 4, 5]
        await eventually(
            lambda: client.get("/readyz"),
            "the consumer is ready",
            holds=lambda told: (
                told.json()["ready"] is True and told.json()["parts"]["events"]["ready"] is True
            ),
        )


async def test_a_change_is_told_as_it_always_was(bench: Bench) -> None:
    """Subscribers keep these bytes: the ledger's row makes the same message as the event did."""
    history = History()
    trace = f"00-{11:032x}-{12:016x}-01"
    opened = replace(history.opened(), traceparent=trace)
    found = history.event("needs", "found", uuid4(), "created", {"what": {"text": "Knee hurts"}})
    await fold_directly(bench, plan_store("one"), [opened, found])
    rows = await bench.ledger(history.plan_id)
    changes = await bench.changes()
    plan_id = str(history.plan_id)
    for version, event, row, change in zip((1, 2), (opened, found), rows, changes, strict=True):
        value = (
            f'{{"plan_id":"{plan_id}","plan_version":{version},"section":"{event.section}",'
            f'"entry_id":"{event.entry_id}","entry_type":"{event.entry_type}",'
            f'"entry_version":{event.entry_version},"change":"{event.change}",'
            f'"type":"{event.type}","contribution_id":"{event.contribution_id}",'
            f'"recorded_at":"{instant(event.recorded_at)}",'
            f'"projected_at":"{instant(row["projected_at"])}",'
            f'"stated_at":"{event.provenance["stated_at"]}"}}'
        )
        assert change.value.decode() == value
        assert change.key == plan_id.encode()
        assert change.topic == bench.prefix + PLAN_CHANGES
        assert change.headers == [
            ("content-type", b"application/json"),
            ("ce_specversion", b"1.0"),
            ("ce_id", f"{plan_id}.{version}".encode()),
            ("ce_source", b"urn:careplan:plan"),
            ("ce_type", b"careplan.plan.changed.v1"),
            ("ce_subject", f"plan/{plan_id}".encode()),
            ("ce_partitionkey", plan_id.encode()),
            *([("traceparent", trace.encode())] if event is opened else []),
        ]


async def test_every_change_is_published_whoever_writes_and_whatever_ends(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two replicas fold at once while two relays take turns: the first loses its lock at work."""
    monkeypatch.setattr(shared.chassis.kafka.relay, "WINDOW", 5)
    histories = [History() for _ in range(10)]
    shares = [
        [event for one in half for event in short_history(one)]
        for half in (histories[:5], histories[5:])
    ]
    relays = [
        Relay(bench.made.url, bench.settings(f"r{n}"), [ChangeStream(bench.settings(f"r{n}"))])
        for n in range(2)
    ]
    topic = bench.prefix + PLAN_CHANGES
    async with TopicReader(bench.servers, topic) as reader, relays[0] as first, relays[1] as second:
        await eventually(lambda: first._is_active or second._is_active, "one publishes")
        active = first if first._is_active else second
        folding = [
            asyncio.create_task(fold_directly(bench, plan_store(f"n{n}"), share))
            for n, share in enumerate(shares)
        ]
        active.wake()
        await reader.count(1, "changes")
        assert active._connection is not None
        active._connection.terminate()  # as a relay that is killed: its mark is behind
        await asyncio.gather(*folding)
        told = await bench.changes()
        assert [change.position for change in told] == list(range(1, 51))
        expected = Counter(change.value for change in told)
        await reader.until(
            lambda records: {record.value for record in records} == set(expected), "every change"
        )
        records = list(reader.records)
    assert set(expected.values()) == {1}
    for history in histories:
        seen: list[int] = []
        for record in records:
            value = orjson.loads(record.value or b"")
            if value["plan_id"] == str(history.plan_id) and value["plan_version"] not in seen:
                seen.append(value["plan_version"])
        assert seen == [1, 2, 3, 4, 5], "the first copies come in the order of the plan"


async def test_changes_are_not_written_twice(bench: Bench) -> None:
    """The ledger is their outbox: what it says is not said in `outgoing` again."""
    await fold_directly(bench, plan_store("one"), short_history(History()))
    assert await bench.outgoing(PLAN_CHANGES) == []
    assert len(await bench.changes()) == 5


@pytest.fixture
def measured() -> Iterator[None]:
    """Figures are kept, as in a process of its own."""
    telemetry.configure("plan")
    yield
    telemetry.shut_down()


@pytest.mark.usefixtures("measured")
async def test_the_door_stays_open_where_the_consumer_has_stopped_for_good(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was folded is read on; health, figures and log say that nothing more comes."""
    history = History()
    async with bench.service() as client:
        await bench.publish(history.opened())
        await shown(client, history.plan_id, 1)

        async def fails(*_: object) -> None:
            raise RuntimeError("nobody expected this")

        monkeypatch.setattr(FoldEvents, "_fold", fails)
        await bench.publish(history.event("needs", "found", uuid4(), "created", {"what": 1}))

        async def part() -> dict[str, Any]:
            told = (await client.get("/readyz")).json()
            assert told["ready"] is True, "the door is open"
            events: dict[str, Any] = told["parts"]["events"]
            return events

        said = await eventually(part, "it says so", holds=lambda events: not events["ready"])
        assert said["detail"] == "stopped: RuntimeError"
        assert (await client.get("/livez")).status_code == 200, "a new process would stop too"
        answer = await client.get(f"/v1/plans/{history.plan_id}")
        assert (answer.status_code, answer.json()["plan_version"]) == (200, 1)
        await eventually(part, "how much waits is told", holds=lambda events: events["lag"] == 1)
        figures = stopped_of(await client.get("/metrics"))
        assert figures == {"events": 1.0, "relay": 0.0}


def stopped_of(metrics: httpx.Response) -> dict[str, float]:
    """The figure of each part that may stop."""
    found = re.findall(r'^careplan_stopped\S*{.*part="(\w+)".*} (\S+)$', metrics.text, re.MULTILINE)
    return {part: float(figure) for part, figure in found}
