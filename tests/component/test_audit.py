"""The audit on a real broker and a real database: every happening once, for good, and found."""

import asyncio
import hashlib
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import orjson
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, NumberDataPoint
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import services.audit
import shared.chassis
from deploy.local.stack.issuer import ISS, Issuer
from services.audit.app import create_app
from services.audit.doors import events as audit_events
from services.audit.doors.events import CONSUMER, OTHER_CONTENT, TOPICS, GapWatch, RecordMessages
from services.audit.queries.records import Wanted, statement
from services.audit.record.commitment import GROUPS, commitment, group_hash, leaf
from services.audit.store.records import AuditStore
from shared.chassis import telemetry
from shared.chassis.database.database import Connection, Database
from shared.chassis.database.outgoing import headers_from_bytes
from shared.chassis.http.parameters import cursor_of
from shared.chassis.kafka.consumer import BatchConsumer
from shared.chassis.settings import Settings
from shared.chassis.telemetry import Part
from shared.chassis.wire.problem import STATUS
from shared.cli.token import person, professional
from shared.ledger.topics import AUDIT_RECORDS, dead_letters_topic, events_topic
from shared.testing.eventually import eventually
from shared.testing.raw_names import raw_name, raw_names_written
from shared.testing.stack import TestDatabase, create_topics, fresh_database, fresh_prefix

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]

EVERY_SERVICE = Path(shared.chassis.__path__[0]) / "database" / "migrations" / "every_service"
OWN = Path(services.audit.__path__[0]) / "migrations"
ROOT = Path(shared.chassis.__path__[0]).parents[1]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Headers = list[tuple[str, bytes | None]]


@dataclass(frozen=True)
class Message:
    """One message to be put on a topic as it is."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = field(default_factory=list)


def event(
    section: str = "goals",
    *,
    position: int,
    entry: int = 1,
    version: int = 1,
    plan: int = 1,
    org: str = "ZZG01",
    sub: str = "quill",
    at: str = "2026-11-24T08:00:00Z",
    **others: Any,
) -> Message:
    plan_id = str(UUID(int=plan))
    value = {
        "plan_id": plan_id,
        "section": section,
        "entry_id": str(UUID(int=entry)),
        "entry_type": "goal",
        "entry_version": version,
        "type": f"careplan.{section}.agreed.v1",
        "change": "created",
        "contribution_id": str(uuid4()),
        "recorded_at": at,
        "content": {"aim": {"text": "Walk to the shop"}},
        "fields": ["aim"],
        "provenance": {
            "recorded_by": {
                "kind": "professional",
                "name": "Dr A. Quill-Synth",
                "role": "gp",
                "organisation": {"ods": org, "name": "Quill Surgery"},
                "identifier": {"kind": "sub", "value": sub},
            },
            "stated_by": {"kind": "person"},
        },
        **others,
    }
    headers: Headers = [
        ("ce_position", str(position).encode()),
        ("traceparent", f"00-{position:032x}-00f067aa0ba902b7-01".encode()),
        ("ce_authtype", b"user"),
        ("ce_authclaims", b'{"jti": "t-event", "idp": "cis2"}'),
        ("ce_policyversion", b"2026-11-30"),
    ]
    return Message(events_topic(section), plan_id.encode(), orjson.dumps(value), headers)


def refusal(contribution: int = 1, **others: Any) -> Message:
    value = {
        "record_id": f"goals/{UUID(int=contribution)}.0123456789abcdef.base-version-stale",
        "recorded_at": "2026-11-24T08:00:00.5Z",
        "operation": "refusal",
        "actor": {
            "kind": "professional",
            "id": "quill",
            "name": "Dr A. Quill-Synth",
            "role": "gp",
            "organisation": {"ods": "ZZG01", "name": "Quill Surgery"},
        },
        "plan_id": str(UUID(int=1)),
        "section": "goals",
        "code": "base-version-stale",
        "contribution_id": str(UUID(int=contribution)),
        "kept": True,
        **others,
    }
    return Message(AUDIT_RECORDS, str(UUID(int=1)).encode(), orjson.dumps(value))


class Bench:
    """An audit's database, topics of its own, and consumers of them."""

    def __init__(self, made: TestDatabase, servers: str, database: Database) -> None:
        self.made = made
        self.servers = servers
        self.database = database
        self.prefix = fresh_prefix()
        self._made: list[BatchConsumer] = []

    def settings(self, instance: str = "one", **others: Any) -> Settings:
        return Settings(
            service="audit",
            database_url=self.made.url,
            kafka_servers=self.servers,
            topic_prefix=self.prefix,
            instance=instance,
            metadata_max_age_ms=500,
            **others,
        )

    def consumer(
        self, store: AuditStore | None = None, instance: str = "one", **others: Any
    ) -> BatchConsumer:
        consumer = BatchConsumer(
            consumer=CONSUMER,
            handle=RecordMessages(store or AuditStore(self.database), topic_prefix=self.prefix),
            database=self.database,
            settings=self.settings(instance, **others),
            pattern=TOPICS,
        )
        self._made.append(consumer)
        return consumer

    @property
    def has_stopped(self) -> bool:
        return any(consumer.has_stopped.is_set() for consumer in self._made)

    async def topics(self, *sections: str) -> None:
        names = [AUDIT_RECORDS, *map(events_topic, sections)]
        await create_topics(self.servers, [self.prefix + name for name in names])

    async def publish(self, *messages: Message) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=self.servers, linger_ms=0)
        await producer.start()
        try:
            for message in messages:
                await producer.send(
                    self.prefix + message.topic,
                    message.value,
                    message.key,
                    headers=message.headers,
                )
            await producer.flush()
        finally:
            await producer.stop()

    async def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        async with self.database.pool.acquire() as connection:
            return [dict(row) for row in await connection.fetch(query, *values)]

    async def ids(self) -> list[str]:
        """The ids of all records, and on the way that the log has no hole and no step back."""
        rows = await self.rows("SELECT * FROM audit_record ORDER BY idx")
        assert [row["idx"] for row in rows] == list(range(len(rows)))
        times = [row["logged_at"] for row in rows]
        assert times == sorted(times)
        return [row["id"] for row in rows]

    async def groups(self, idx: int) -> dict[str, Any]:
        """What the groups of a record say."""
        (row,) = await self.rows("SELECT groups FROM audit_payload WHERE idx = $1", idx)
        told = zip(GROUPS, row["groups"].split(b"\n"), strict=True)
        return {name: orjson.loads(members) for name, members in told if members}

    async def until_recorded(self, count: int) -> list[str]:
        return await eventually(self.ids, f"{count} records", holds=lambda ids: len(ids) >= count)

    async def until_consumed(self, count: int) -> None:
        """All that was published has been taken, whatever became of it."""

        async def consumed() -> int:
            rows = await self.rows("SELECT sum(next_offset)::bigint AS n FROM consumer_offset")
            return int(rows[0]["n"] or 0)

        await eventually(consumed, f"{count} consumed", holds=lambda n: n == count)


@pytest_asyncio.fixture(loop_scope="session")
async def bench(postgres_url: str, kafka_servers: str) -> AsyncIterator[Bench]:
    async with AsyncExitStack() as opened:
        made = await opened.enter_async_context(
            fresh_database(postgres_url, "audit", EVERY_SERVICE, OWN)
        )
        database = await opened.enter_async_context(Database(made.url))
        yield Bench(made, kafka_servers, database)


def history(entries: int = 20, versions: int = 3) -> list[Message]:
    return [
        event(
            "goals",
            position=entry * versions + version,
            entry=entry,
            version=version + 1,
            plan=entry % 7 + 1,
        )
        for entry in range(entries)
        for version in range(versions)
        if entry * versions + version > 0
    ]


def ids_of(messages: Sequence[Message]) -> list[str]:
    """What the records of these events are known by."""
    told = [orjson.loads(message.value or b"") for message in messages]
    return [f"{one['section']}/{one['entry_id']}.{one['entry_version']}" for one in told]


async def test_records_when_events_come_twice_and_two_consume_then_each_is_there_once(
    bench: Bench,
) -> None:
    await bench.topics("goals", "about-me")
    messages = history() + [event("about-me", position=n, entry=n) for n in range(1, 21)]
    async with bench.consumer(instance="one"), bench.consumer(instance="two"):
        await bench.publish(*messages)
        await bench.publish(*messages)
        await bench.until_consumed(2 * len(messages))

    ids = await bench.ids()
    assert sorted(ids) == sorted(ids_of(messages))
    for entry in range(20):
        of_entry = [id_ for id_ in ids if id_.startswith(f"goals/{UUID(int=entry)}.")]
        assert of_entry == sorted(of_entry)
    assert not bench.has_stopped


async def test_records_when_a_refusal_comes_twice_then_it_is_one(bench: Bench) -> None:
    await bench.topics()
    async with bench.consumer():
        await bench.publish(refusal(1), refusal(2), refusal(1))
        await bench.until_consumed(3)

    rows = await bench.rows("SELECT * FROM audit_record ORDER BY id")
    assert [row["contribution_id"] for row in rows] == [UUID(int=1), UUID(int=2)]
    assert (rows[0]["kind"], rows[0]["code"]) == (3, "base-version-stale")
    assert (await bench.groups(0))["change"] == {"kept": True}


async def test_records_when_a_contribution_is_refused_in_several_ways_then_each_is_a_record(
    bench: Bench,
) -> None:
    """Whatever differs in what happened is another happening: the kind of fault 12."""
    await bench.topics()
    start = f"goals/{UUID(int=1)}"
    somebody_else = {"kind": "person", "id": "edith", "name": "Edith Marlow-Synth"}
    messages = [
        refusal(1),
        refusal(1, record_id=f"{start}.0123456789abcdef.not-permitted", code="not-permitted"),
        refusal(1, record_id=f"{start}.ffff456789abcdef.not-permitted", actor=somebody_else),
    ]
    later = {"recorded_at": "2026-11-24T09:00:00Z", "authn": {"jti": "another"}}
    async with bench.consumer():
        await bench.publish(*messages, refusal(1, **later))
        await bench.until_consumed(4)

    ids = [orjson.loads(message.value or b"")["record_id"] for message in messages]
    assert sorted(await bench.ids()) == sorted(ids)
    assert await bench.rows("SELECT 1 FROM outgoing") == []


async def test_records_when_another_refusal_comes_under_an_id_then_it_is_not_dropped(
    bench: Bench,
) -> None:
    await bench.topics()
    async with bench.consumer():
        await bench.publish(refusal(1), refusal(1, actor={"kind": "person", "id": "edith"}))
        await bench.until_consumed(2)

    rows = await bench.rows("SELECT idx, operation, code FROM audit_record ORDER BY idx")
    assert [row["operation"] for row in rows] == ["refusal", "unreadable"]
    assert rows[1]["code"] == "content-invalid"
    assert (await bench.groups(rows[1]["idx"]))["change"] == {"reason": OTHER_CONTENT}
    assert len(await bench.rows("SELECT 1 FROM outgoing")) == 1


async def test_records_when_an_operation_is_not_known_then_it_is_kept_as_unknown(
    bench: Bench,
) -> None:
    await bench.topics()
    async with bench.consumer():
        await bench.publish(refusal(1, operation="consultation", weather="fine"))
        await bench.until_consumed(1)

    (row,) = await bench.rows("SELECT * FROM audit_record")
    assert (row["operation"], row["kind"], row["type"]) == ("unknown", 0, "consultation")
    assert (await bench.groups(0))["ext"] == {"bag": {"weather": "fine"}}
    assert await bench.rows("SELECT 1 FROM outgoing") == []


async def test_records_when_an_entry_changes_then_each_names_the_hash_before(
    bench: Bench,
) -> None:
    """In one batch and over several; an event whose predecessor never came names none."""
    await bench.topics("goals")
    texts = ["Walk", "Walk to the shop", "Walk home"]
    versions = [
        event(position=n, version=n, content={"aim": {"text": text}})
        for n, text in enumerate(texts, 1)
    ]
    async with bench.consumer():
        await bench.publish(*versions[:2])
        await bench.until_recorded(2)
        await bench.publish(versions[2], event(position=4, entry=9, version=2))
        await bench.until_recorded(4)

    changes = [(await bench.groups(idx))["change"] for idx in range(4)]
    after = [change["after_hash"] for change in changes]
    assert [change.get("before_hash") for change in changes] == [None, after[0], after[1], None]
    assert after[2] == hashlib.sha256(b'{"aim":{"text":"Walk home"}}').hexdigest()


async def test_records_when_committed_to_then_every_leaf_can_be_computed_again(
    bench: Bench,
) -> None:
    await bench.topics("goals")
    async with bench.consumer():
        await bench.publish(*history(4), refusal(1), Message(events_topic("goals"), b"k", b"odd"))
        await bench.until_consumed(13)

    rows = await bench.rows("SELECT * FROM audit_record JOIN audit_payload USING (idx)")
    assert len(rows) == 13
    assert len({salt for row in rows for salt in salts_of(row)}) == 13 * 12
    for row in rows:
        hashes = hashes_of(row)
        at = (row["logged_at"] - EPOCH) // timedelta(milliseconds=1)
        assert row["commitment"] == commitment(hashes)
        assert row["leaf"] == leaf(row["kind"], at, row["commitment"])


def salts_of(row: dict[str, Any]) -> list[bytes]:
    """The salts that are kept with a record, one for each group."""
    return [row["salts"][at : at + 32] for at in range(0, len(row["salts"]), 32)]


def hashes_of(row: dict[str, Any]) -> list[bytes]:
    """The hashes of a record's groups, as they follow from what is kept of it."""
    return [
        group_hash(salt, b'["' + name.encode() + b'",' + members + b"]") if members else salt
        for name, salt, members in zip(
            GROUPS, salts_of(row), row["groups"].split(b"\n"), strict=True
        )
    ]


async def test_records_when_a_group_is_erased_then_the_leaf_still_holds(bench: Bench) -> None:
    await bench.topics("goals")
    async with bench.consumer():
        await bench.publish(event(position=1))
        await bench.until_recorded(1)
    (before,) = await bench.rows("SELECT * FROM audit_record JOIN audit_payload USING (idx)")
    actor = GROUPS.index("actor")
    owner = await asyncpg.connect(bench.made.owner_url)
    try:
        erase = "SELECT erase_group(0, $1, $2)"
        assert await owner.fetchval(erase, actor + 1, "the entry was about somebody else")
        assert not await owner.fetchval(erase, actor + 1, "once more")
        for number, reason in ((0, "r"), (13, "r"), (1, ""), (1, None)):
            with pytest.raises(asyncpg.RaiseError):
                await owner.execute(erase, number, reason)
        with pytest.raises(asyncpg.PostgresError, match="of audit records is refused"):
            await owner.execute("UPDATE audit_payload SET groups = salts")
    finally:
        await owner.close()

    (after,) = await bench.rows("SELECT * FROM audit_record JOIN audit_payload USING (idx)")
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"salts", "groups", "erased_at", "erase_reason"}
    assert after["erase_reason"] == "the entry was about somebody else"
    expected = before["groups"].split(b"\n")
    expected[actor] = b""
    assert after["groups"].split(b"\n") == expected
    assert salts_of(after)[actor] == hashes_of(before)[actor]
    assert commitment(hashes_of(after)) == before["commitment"]
    # What was erased comes again with its message: it is a repeat and brings nothing back.
    async with bench.consumer(instance="two"):
        await bench.publish(event(position=1), event(position=2, entry=2))
        await bench.until_recorded(2)
    assert (await bench.groups(0)).get("actor") is None


FORBIDDEN = [
    "UPDATE audit_record SET code = 'x'",
    "UPDATE audit_record SET code = 'x' WHERE false",
    "DELETE FROM audit_record",
    "TRUNCATE audit_record",
    "DELETE FROM source_stream",
    "TRUNCATE source_stream",
    "DROP TABLE audit_record",
    "UPDATE audit_payload SET groups = salts",
    "DELETE FROM audit_payload",
    "TRUNCATE audit_payload",
    "SELECT erase_group(0, 4, 'no reason')",
    "ALTER TABLE audit_record DISABLE TRIGGER ALL",
]


async def test_records_when_the_service_would_change_them_then_it_is_refused(
    bench: Bench,
) -> None:
    async with bench.database.pool.acquire() as connection:
        for statement in FORBIDDEN:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)


async def test_records_when_even_their_owner_would_change_them_then_triggers_refuse(
    bench: Bench,
) -> None:
    owner = await asyncpg.connect(bench.made.owner_url)
    try:
        for statement in (
            "UPDATE audit_record SET code = 'x'",
            "DELETE FROM audit_record",
            "TRUNCATE audit_record",
            "UPDATE audit_payload SET groups = salts",
            "DELETE FROM audit_payload",
            "TRUNCATE audit_payload",
        ):
            with pytest.raises(asyncpg.PostgresError, match="of audit records is refused"):
                await owner.execute(statement)
    finally:
        await owner.close()


async def test_gaps_when_a_position_never_came_then_it_is_seen_until_it_comes(
    bench: Bench,
) -> None:
    store = AuditStore(bench.database)
    await bench.topics("goals", "needs")
    async with bench.consumer(store), GapWatch(store) as watch:
        await bench.publish(
            event(position=2, entry=2),
            event(position=5, entry=5),
            event("needs", position=1),
        )
        await bench.until_recorded(3)
        (gap,) = await store.gaps()
        assert (gap.source, gap.first, gap.missing) == ("goals", 1, 3)
        part = await watch.part()
        assert (part.ready, part.detail) == (True, "3 missing of goals from 1")

        await bench.publish(event(position=1, entry=1), event(position=3, entry=3))
        await bench.until_recorded(5)
        (gap,) = await store.gaps()
        assert (gap.first, gap.missing) == (4, 1)

        await bench.publish(event(position=4, entry=4))
        await bench.until_recorded(6)
        assert await store.gaps() == []


async def test_gaps_when_positions_come_in_any_order_then_just_those_missing_are_told(
    bench: Bench,
) -> None:
    """What is kept follows the holes alone, whatever their number (the kind of fault 21)."""
    chance = random.Random(7)  # noqa: S311 - no secret
    store = AuditStore(bench.database)
    waiting = [*range(1, 301)] * 2
    chance.shuffle(waiting)
    came: set[int] = set()
    while waiting:
        count = chance.randint(1, 40)
        batch, waiting = waiting[:count], waiting[count:]
        async with bench.database.transaction() as connection:
            await store.note_positions(connection, [("goals", position) for position in batch])
        came.update(batch)
        missing = set(range(1, max(came))) - came
        rows = await bench.rows("SELECT first, beyond FROM source_gap ORDER BY first")
        kept = [position for row in rows for position in range(row["first"], row["beyond"])]
        assert kept == sorted(missing)
        told = [(gap.source, gap.first, gap.missing) for gap in await store.gaps()]
        assert told == ([("goals", min(missing), len(missing))] if missing else [])
    assert await bench.rows("SELECT * FROM source_gap") == []
    assert await bench.rows("SELECT * FROM source_stream") == [
        {"source": "goals", "last_position": 300}
    ]


async def test_gaps_when_something_is_lost_for_good_then_it_is_counted(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_events, "_LOST_AFTER_SECONDS", 0.0)
    monkeypatch.setattr(audit_events, "_LOOK_FOR_GAPS_SECONDS", 0.05)
    reader = InMemoryMetricReader()
    telemetry.configure("audit", reader=reader)
    try:
        await bench.topics("goals")
        async with bench.consumer(), GapWatch(AuditStore(bench.database)):
            await bench.publish(event(position=1, entry=1), event(position=4, entry=4))
            await eventually(lambda: _sum(reader, "careplan.gaps") == 2, "the first gap counted")
            # What stays lost from then on must not hide what is lost later.
            await bench.publish(event(position=6, entry=6))
            await eventually(lambda: _sum(reader, "careplan.gaps") == 3, "the second one too")
        # Another replica, or this one started again, does not tell it once more.
        again = GapWatch(AuditStore(bench.database))
        await again.tell_what_is_lost(0.0)
        assert _sum(reader, "careplan.gaps") == 3
    finally:
        telemetry.shut_down()


BAD_HEADERS: Headers = [("ce_position", b"7"), ("odd", None), ("odder", b"\xff\xfe")]


def bad_messages() -> list[Message]:
    good = event(position=9)
    value = orjson.loads(good.value or b"")
    nul = {**value, "provenance": {"recorded_by": {"kind": "person", "name": "a\x00b"}}}
    deep = b'{"a":' * 900 + b"1" + b"}" * 900
    return [
        Message(good.topic, good.key, b"{not json", BAD_HEADERS),
        Message(good.topic, good.key, None),
        Message(good.topic, b"another plan", good.value),
        Message(good.topic, b"\xff", b"\xff\xff"),
        Message(good.topic, good.key, orjson.dumps(nul)),
        Message(good.topic, good.key, orjson.dumps({**value, "section": "needs"})),
        Message(good.topic, good.key, orjson.dumps({**value, "entry_version": 2**60})),
        Message(good.topic, good.key, good.value, [("ce_position", b"9" * 40)]),
        Message(good.topic, good.key, good.value, [("ce_leafhash", b"none")]),
        Message(good.topic, good.key, good.value, [(raw_name(b"\xe9tiquette"), b"x")]),
        Message(AUDIT_RECORDS, None, refusal(9).value, [(raw_name(b"\xe9tiquette"), b"x")]),
        Message(AUDIT_RECORDS, None, b"[]"),
        Message(AUDIT_RECORDS, None, b'{"operation": "refusal"}'),
        Message(
            AUDIT_RECORDS, None, (refusal(9).value or b"")[:-1] + b',"relationship":' + deep + b"}"
        ),
        refusal(9, operation="change"),
        refusal(9, actor={"kind": "person", "name": "a\x00b"}),
    ]


async def test_records_when_some_cannot_be_read_then_they_are_dead_letters_and_others_served(
    bench: Bench,
) -> None:
    await bench.topics("goals")
    bad = bad_messages()
    async with bench.consumer():
        with raw_names_written():
            for n, message in enumerate(bad, 1):
                await bench.publish(event(position=n, entry=n), message)
        await bench.publish(refusal(1))
        await bench.until_consumed(2 * len(bad) + 1)

    assert not bench.has_stopped
    operations = await bench.rows(
        "SELECT operation, count(*) AS n FROM audit_record GROUP BY operation"
    )
    assert {row["operation"]: row["n"] for row in operations} == {
        "change": len(bad),
        "refusal": 1,
        "unreadable": len(bad),
    }
    letters = await bench.rows("SELECT * FROM outgoing ORDER BY position")
    assert {row["topic"] for row in letters} == {bench.prefix + dead_letters_topic("audit")}
    assert sorted(row["value"] for row in letters) == sorted(m.value or b"" for m in bad)
    first = next(row for row in letters if row["value"] == b"{not json")
    assert first["key"] == bad[0].key
    assert list(headers_from_bytes(first["headers"]))[:3] == BAD_HEADERS
    unread = await bench.rows("SELECT * FROM audit_record WHERE operation = 'unreadable'")
    for row in unread:
        assert row["code"] in STATUS
        assert len((await bench.groups(row["idx"]))["ext"]["raw_sha256"]) == 64


async def test_records_when_another_content_comes_under_an_id_then_it_is_no_repeat(
    bench: Bench,
) -> None:
    await bench.topics("goals")
    async with bench.consumer():
        await bench.publish(
            event(position=1),
            event(position=1, content={"aim": {"text": "Never leave the house"}}),
        )
        await bench.until_consumed(2)

    rows = await bench.rows("SELECT idx, operation, code FROM audit_record ORDER BY idx")
    assert [row["operation"] for row in rows] == ["change", "unreadable"]
    assert rows[1]["code"] == "content-invalid"
    assert (await bench.groups(rows[1]["idx"]))["change"] == {"reason": OTHER_CONTENT}
    assert len(await bench.rows("SELECT 1 FROM outgoing")) == 1


class MortalStore(AuditStore):
    """Goes no further, once, at one step of a batch, as a process that is killed there."""

    def __init__(self, database: Database, step: str) -> None:
        super().__init__(database)
        self._step = step
        self.died = asyncio.Event()

    async def _die_at(self, step: str) -> None:
        if step == self._step and not self.died.is_set():
            self.died.set()
            await asyncio.Event().wait()

    async def append(self, connection: Connection, records: Sequence[Any]) -> Any:
        await self._die_at("after the fence")
        appended = await super().append(connection, records)
        await self._die_at("after the records")
        return appended

    async def note_positions(self, connection: Connection, positions: Sequence[Any]) -> None:
        await super().note_positions(connection, positions)
        await self._die_at("before the commit")


@pytest.mark.parametrize("step", ["after the fence", "after the records", "before the commit"])
async def test_records_when_the_consumer_dies_then_the_next_one_leaves_nothing_out(
    bench: Bench, step: str
) -> None:
    await bench.topics("goals")
    store = MortalStore(bench.database, step)
    messages = history(5)
    consumer = bench.consumer(store)
    await bench.publish(*messages, Message(events_topic("goals"), b"k", b"unreadable"))
    await consumer.__aenter__()
    await asyncio.wait_for(store.died.wait(), 20)
    assert consumer._subscription is not None
    for task in consumer._subscription._subscriber.tasks:
        task.cancel()
    await consumer.__aexit__(None, None, None)
    assert await bench.ids() == []
    assert await bench.rows("SELECT 1 FROM consumer_offset") == []

    async with bench.consumer(store):
        await bench.until_consumed(len(messages) + 1)
    [letter] = Counter(await bench.ids()) - Counter(ids_of(messages))
    assert letter.startswith(f"audit/{bench.prefix}{events_topic('goals')}@")
    assert len(await bench.rows("SELECT 1 FROM outgoing")) == 1


async def test_records_when_the_process_is_killed_again_and_again_then_each_is_there_once(
    bench: Bench,
) -> None:
    await bench.topics("goals")
    messages = history(100)
    environment = {
        **os.environ,
        "CAREPLAN_DATABASE_URL": bench.made.url,
        "CAREPLAN_KAFKA_SERVERS": bench.servers,
        "CAREPLAN_TOPIC_PREFIX": bench.prefix,
        "CAREPLAN_METADATA_MAX_AGE_MS": "500",
        "CAREPLAN_PORT": "0",
        "CAREPLAN_ISSUER": "https://issuer.example",
        "CAREPLAN_JWKS": "https://issuer.example/jwks.json",
    }
    parts = [messages[start::4] for start in range(4)]
    published = 0
    for part in parts:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "shared.chassis.run",
            "audit",
            cwd=ROOT,
            env=environment,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            await bench.publish(*part[: len(part) // 2])
            await bench.until_recorded(published + 1)
            await bench.publish(*part[len(part) // 2 :])
        finally:
            process.send_signal(signal.SIGKILL)
            await process.wait()
        published = len(await bench.ids())
    async with bench.consumer(instance="audit-1"):
        await bench.until_consumed(len(messages))
    assert sorted(await bench.ids()) == sorted(ids_of(messages))


async def test_records_when_the_database_hangs_up_then_the_batch_is_tried_again(
    bench: Bench,
) -> None:
    await bench.topics("goals")
    messages = history(40)
    admin = await asyncpg.connect(bench.made.owner_url)
    try:
        async with bench.consumer():
            for start in range(0, len(messages), 20):
                await bench.publish(*messages[start : start + 20])
                await admin.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            await eventually(
                lambda: _consumed_as(admin), "all consumed", holds=lambda n: n == len(messages)
            )
    finally:
        await admin.close()
    assert not bench.has_stopped
    assert sorted(await bench.ids()) == sorted(ids_of(messages))


async def _consumed_as(admin: asyncpg.Connection) -> int:
    return int(await admin.fetchval("SELECT coalesce(sum(next_offset), 0) FROM consumer_offset"))


async def test_consumer_when_something_unforeseen_happens_then_it_stops_loudly(
    bench: Bench,
) -> None:
    await bench.topics("goals")
    owner = await asyncpg.connect(bench.made.owner_url)
    try:
        await owner.execute("DROP TABLE source_stream")
    finally:
        await owner.close()
    await bench.publish(event(position=1))
    part = await until_it_stops(bench.consumer())
    assert not part.ready
    assert part.alive
    assert part.detail == "stopped: UndefinedTableError"
    assert await bench.ids() == []


async def test_consumer_when_more_is_unreadable_than_allowed_then_it_stops_loudly(
    bench: Bench,
) -> None:
    await bench.topics("goals")
    await bench.publish(*[Message(events_topic("goals"), b"k", b"odd") for _ in range(3)])
    part = await until_it_stops(bench.consumer(dead_letter_limit=2))
    assert part.detail == "stopped: DeadLetterLimitReached"


async def until_it_stops(consumer: BatchConsumer) -> Part:
    """What a consumer says of itself when it has stopped."""
    async with consumer:
        await asyncio.wait_for(consumer.has_stopped.wait(), 20)
        return await consumer.part()


async def test_records_when_a_new_section_appears_later_then_it_is_recorded_like_any_other(
    bench: Bench,
) -> None:
    await bench.topics("goals")
    async with bench.consumer() as consumer:
        await bench.publish(event(position=1))
        await bench.until_recorded(1)
        await create_topics(bench.servers, [bench.prefix + events_topic("medication")])
        await create_topics(bench.servers, [bench.prefix + "careplan.goals.events.v10"])
        await bench.publish(event("medication", position=1), event(position=2, entry=2))
        ids = await bench.until_recorded(3)
        assert f"medication/{UUID(int=1)}.1" in ids
        await eventually(consumer.lag, "caught up", holds=lambda lag: lag == 0)
    stored = await bench.rows("SELECT DISTINCT topic FROM consumer_offset ORDER BY topic")
    assert [row["topic"] for row in stored] == [
        bench.prefix + events_topic("goals"),
        bench.prefix + events_topic("medication"),
    ]


async def test_span_when_a_batch_is_recorded_then_it_links_to_what_caused_it(
    bench: Bench,
) -> None:
    exporter = InMemorySpanExporter()
    telemetry.configure("audit", span_exporter=exporter, reader=InMemoryMetricReader())
    try:
        await bench.topics("goals")
        await bench.publish(*[event(position=n, entry=n) for n in (1, 2, 3)])
        async with bench.consumer():
            await bench.until_recorded(3)
        spans = exporter.get_finished_spans()
    finally:
        telemetry.shut_down()
    assert {span.name for span in spans} == {"record audit"}
    linked = {link.context.trace_id for span in spans for link in span.links}
    assert linked == {1, 2, 3}
    counts = [(span.attributes or {})["messaging.batch.message_count"] for span in spans]
    assert sum(count for count in counts if isinstance(count, int)) == 3


def _sum(reader: InMemoryMetricReader, name: str) -> float:
    data = reader.get_metrics_data()
    points = [
        point
        for resource in (data.resource_metrics if data else ())
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == name
        for point in metric.data.data_points
    ]
    return float(sum(point.value for point in points if isinstance(point, NumberDataPoint)))


# ------------------------------------------------------------------------------ the HTTP door


@dataclass
class Door:
    """The audit's application with everything it needs, and tokens for it."""

    bench: Bench
    client: httpx.AsyncClient
    issuer: Issuer

    def token(self, role: str = "auditor") -> dict[str, str]:
        claims = professional("ZZG09", role, "Vera Auditor-Synth")
        return {"Authorization": f"Bearer {self.issuer.signer.sign(claims)}"}

    async def get(self, query: str = "", **others: Any) -> httpx.Response:
        headers = others.pop("headers", None) or self.token()
        return await self.client.get(f"/v1/audit/records{query}", headers=headers)

    async def ids(self, query: str) -> list[str]:
        answer = await self.get(query)
        assert answer.status_code == 200, answer.text
        return [item["record_id"] for item in answer.json()["items"]]


@asynccontextmanager
async def open_door(bench: Bench, folder: Path) -> AsyncIterator[Door]:
    issuer = Issuer(folder)
    issuer.prepare()
    app = create_app(bench.settings(jwks=str(issuer.jwks), issuer=ISS))
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://audit") as client,
    ):
        yield Door(bench, client, issuer)


@pytest_asyncio.fixture(loop_scope="session")
async def door(bench: Bench, tmp_path: Path) -> AsyncIterator[Door]:
    await bench.topics("goals", "needs")
    await create_topics(bench.servers, [bench.prefix + dead_letters_topic("audit")])
    async with open_door(bench, tmp_path) as opened:
        yield opened


async def fill(door: Door) -> None:
    """Five records in a known order; what nobody could read happened when it was logged."""
    messages = [
        event(position=1, entry=1, at="2024-11-20T08:00:00Z"),
        event(position=2, entry=2, plan=2, at="2024-11-21T08:00:00Z", org="ZZG02", sub="other"),
        event("needs", position=1, entry=3, at="2024-11-22T08:00:00Z"),
        refusal(1, recorded_at="2024-11-24T08:00:00.5Z", authn={"jti": "t-1"}),
        Message(events_topic("goals"), b"k", b"odd", [("odd", b"\xff")]),
    ]
    for count, message in enumerate(messages, 1):
        await door.bench.publish(message)
        await door.bench.until_recorded(count)


_MEMBERS = """record_id idx at logged_at operation type what status code via trace_id actor
on_behalf_of authn purpose purpose_of_use case relationship override decision policy_version
inputs_sha256 plan_id plan_version as_at sections section entry_id entry_version redactions
body_sha256 body_length media_type build event_type contribution_id result_count"""
MEMBERS = set(_MEMBERS.split())
"""The members of an item (``wire.md`` 6 and 12): each has all of them."""


async def test_list_when_asked_then_it_says_who_did_what_newest_first(door: Door) -> None:
    await fill(door)
    answer = await door.get()

    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "private, no-cache"
    body = answer.json()
    assert body["next"] is None
    assert [item["idx"] for item in body["items"]] == [4, 3, 2, 1, 0]
    assert all(item.keys() == MEMBERS for item in body["items"])
    unread, refused, _, _, first = body["items"]
    logged_at = first.pop("logged_at")
    assert datetime.fromisoformat(logged_at) > datetime.fromisoformat(first["at"])
    told = {name: given for name, given in first.items() if given is not None}
    assert str(UUID(told["contribution_id"])) == told.pop("contribution_id")
    assert told == {
        "record_id": f"goals/{UUID(int=1)}.1",
        "idx": 0,
        "at": "2024-11-20T08:00:00Z",
        "operation": "change",
        "type": "careplan.goals.agreed.v1",
        "event_type": "careplan.goals.agreed.v1",
        "trace_id": f"{1:032x}",
        "actor": {
            "kind": "professional",
            "id": "quill",
            "name": "Dr A. Quill-Synth",
            "role": "gp",
            "organisation": {"ods": "ZZG01", "name": "Quill Surgery"},
        },
        "authn": {
            "jti": "t-event",
            "client_id": None,
            "idp": "cis2",
            "acr": None,
            "auth_time": None,
        },
        "policy_version": "2026-11-30",
        "plan_id": str(UUID(int=1)),
        "sections": ["goals"],
        "section": "goals",
        "entry_id": str(UUID(int=1)),
        "entry_version": 1,
    }
    assert "Walk to the shop" not in answer.text
    assert (refused["operation"], refused["code"]) == ("refusal", "base-version-stale")
    assert (refused["type"], refused["authn"]["jti"]) == ("contribution.refused", "t-1")
    assert (unread["operation"], unread["actor"]) == ("unreadable", None)


async def test_list_when_the_reader_is_no_auditor_then_how_people_signed_in_is_not_shown(
    door: Door,
) -> None:
    await fill(door)
    for role in ("privacy-officer", "caldicott-guardian"):
        items = (await door.get(headers=door.token(role))).json()["items"]
        assert len(items) == 5
        assert all(item["authn"] is None for item in items)


async def test_list_when_a_group_was_erased_then_the_rest_is_shown(door: Door) -> None:
    await fill(door)
    owner = await asyncpg.connect(door.bench.made.owner_url)
    try:
        for number in range(1, 13):
            await owner.execute("SELECT erase_group(0, $1, 'a test')", number)
    finally:
        await owner.close()
    item = (await door.get()).json()["items"][-1]

    assert item.keys() == MEMBERS
    assert (item["record_id"], item["operation"]) == (f"goals/{UUID(int=1)}.1", "change")
    assert item["actor"] == {
        "kind": "professional",
        "id": "quill",
        "name": None,
        "role": None,
        "organisation": {"ods": "ZZG01"},
    }
    assert item["authn"] is None


async def test_list_when_narrowed_then_only_those_are_there(door: Door) -> None:
    await fill(door)
    goal_1, goal_2, need = (
        f"goals/{UUID(int=1)}.1",
        f"goals/{UUID(int=2)}.1",
        f"needs/{UUID(int=3)}.1",
    )
    refused = f"goals/{UUID(int=1)}.0123456789abcdef.base-version-stale"

    assert await door.ids(f"?plan_id={UUID(int=2)}") == [goal_2]
    assert await door.ids(f"?plan_id={UUID(int=1)}") == [refused, need, goal_1]
    assert await door.ids("?organisation=ZZG02") == [goal_2]
    assert await door.ids("?contributor=quill") == [refused, need, goal_1]
    assert await door.ids(f"?contribution_id={UUID(int=1)}") == [refused]
    assert await door.ids("?section=needs") == [need]
    assert await door.ids("?operation=change") == [need, goal_2, goal_1]
    assert await door.ids("?operation=refusal&organisation=ZZG01") == [refused]
    assert await door.ids("?operation=read") == []
    assert await door.ids(f"?plan_id={UUID(int=9)}") == []


async def test_list_when_asked_for_a_time_then_both_ends_are_included(door: Door) -> None:
    await fill(door)
    ids = {1: f"goals/{UUID(int=1)}.1", 2: f"goals/{UUID(int=2)}.1", 3: f"needs/{UUID(int=3)}.1"}
    for query, wanted in (
        ("?from=2024-11-21T08:00:00Z&to=2024-11-22T08:00:00Z", [3, 2]),
        ("?from=2024-11-21T10:00:00%2B02:00&to=2024-11-23", [3, 2]),
        ("?from=2024-11-21T08:00:00.000001Z&to=2024-11-23", [3]),
        ("?to=2024-11-21T07:59:59.999999Z", [1]),
        ("?from=2024-11-20&to=2024-11-20", [1]),
        ("?from=2024-11-21&to=2024-11-22", [3, 2]),
        ("?from=2024-11-22&to=2024-11-21", []),
    ):
        assert await door.ids(query) == [ids[number] for number in wanted], query


async def test_list_when_asked_for_a_day_then_it_is_a_day_of_london(door: Door) -> None:
    """In summer it begins and ends an hour before that of UTC; a day of the change has 23 hours."""
    times = [
        "2024-07-01T22:59:59Z",
        "2024-07-01T23:00:00Z",
        "2024-07-02T22:59:59Z",
        "2024-07-02T23:00:00Z",
        "2024-03-31T00:00:00Z",
        "2024-03-31T22:59:59.999999Z",
        "2024-03-31T23:00:00Z",
    ]
    await door.bench.publish(*[event(position=n, entry=n, at=at) for n, at in enumerate(times, 1)])
    await door.bench.until_recorded(len(times))

    async def at(query: str) -> list[str]:
        return [item["at"] for item in (await door.get(query)).json()["items"]]

    assert await at("?from=2024-07-02&to=2024-07-02") == [times[2], times[1]]
    assert await at("?from=2024-07-03") == [times[3]]
    assert await at("?from=2024-03-31&to=2024-03-31") == [times[5], times[4]]
    assert await at("?to=0001-01-01") == []
    assert await at("?from=9999-12-31") == []
    assert len(await at("?from=0001-01-01&to=9999-12-31")) == len(times)


FILTERS: dict[str, dict[str, Any]] = {
    "": {},
    "plan_id": {"plan_id": UUID(int=7)},
    "organisation": {"organisation": "ZZG07"},
    "contributor": {"contributor": "sub-7"},
    "contribution_id": {"contribution_id": UUID(int=77)},
    "section": {"section": "needs"},
    "operation": {"operation": "refusal"},
}
LONG_AGO = {
    "since": datetime(2020, 1, 1, 1, tzinfo=UTC),
    "until": datetime(2020, 1, 1, 2, tzinfo=UTC),
}
_MANY = """
INSERT INTO audit_record (idx, id, kind, operation, type, recorded_at, logged_at, plan_id, section,
       contribution_id, actor_id, organisation, source_topic, source_partition, source_offset,
       commitment, leaf)
SELECT n, n::text, 1, CASE WHEN n % 10 = 7 THEN 'refusal' ELSE 'change' END, 't',
       '2020-01-01Z'::timestamptz + n * interval '1 second', now(),
       lpad(to_hex(n % 100), 32, '0')::uuid, CASE WHEN n % 10 = 7 THEN 'needs' ELSE 'goals' END,
       lpad(to_hex(n), 32, '0')::uuid, 'sub-' || n % 100, 'ZZG0' || n % 10, 't', 0, n,
       sha256('c'), sha256('l') || '123456789012'
  FROM generate_series(0, 29999) AS n
"""


@pytest.mark.parametrize("times", [{}, LONG_AGO], ids=["now", "long ago"])
@pytest.mark.parametrize("name", FILTERS)
async def test_list_when_narrowed_then_an_index_finds_the_range(
    bench: Bench, name: str, times: dict[str, Any]
) -> None:
    """A list never walks the log: what it reads is what it shows (the kind of fault 21)."""
    wanted = Wanted(**FILTERS[name], **times, limit=20)
    query, values = statement(wanted, None)
    owner = await asyncpg.connect(bench.made.owner_url)
    try:
        await owner.execute(_MANY)
        await owner.execute(
            "INSERT INTO audit_payload (idx, salts, groups)"
            " SELECT idx, decode(repeat('00', 384), 'hex'), decode(repeat('0a', 11), 'hex')"
            "   FROM audit_record"
        )
        await owner.execute("ANALYZE audit_record, audit_payload")
        (told,) = await owner.fetch(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}", *values)
    finally:
        await owner.close()
    nodes = list(_nodes(orjson.loads(told[0])[0]["Plan"]))
    scans = [node for node in nodes if node.get("Relation Name") == "audit_record"]
    assert [node["Node Type"] for node in scans] == ["Index Scan"], scans
    assert scans[0]["Scan Direction"] == "Backward"
    assert scans[0].get("Rows Removed by Filter", 0) == 0
    assert scans[0]["Actual Rows"] <= wanted.limit
    assert ("recorded_at" in scans[0].get("Index Cond", "")) is bool(times)


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)


async def test_list_when_paged_while_records_arrive_then_each_is_there_once(door: Door) -> None:
    bench = door.bench
    await bench.publish(*[event(position=n, entry=n) for n in range(1, 12)])
    await bench.until_recorded(11)
    seen: list[int] = []
    query, position = "?limit=3", 12
    while True:
        body = (await door.get(query)).json()
        seen += [item["idx"] for item in body["items"]]
        if body["next"] is None:
            break
        await bench.publish(event(position=position, entry=position))
        await bench.until_recorded(position)
        position += 1
        query = f"?limit=3&cursor={body['next']}"
    assert seen == list(range(10, -1, -1))


UNREADABLE_QUERIES = [
    ("?plan_id=mine", "plan_id"),
    ("?plan_id=", "plan_id"),
    ("?plan_id=urn:uuid:0199c0de-0000-7000-8000-0000000000a1", "plan_id"),
    ("?plan_id=%7B0199c0de-0000-7000-8000-0000000000a1%7D", "plan_id"),
    ("?plan_id=0199C0DE-0000-7000-8000-0000000000A1", "plan_id"),
    ("?organisation=zzg01", "organisation"),
    ("?contributor=", "contributor"),
    ("?contributor=a%00b", "contributor"),
    ("?section=About%20me", "section"),
    ("?operation=%00", "operation"),
    ("?operation=refused", "operation"),
    ("?operation=unknown", "operation"),
    ("?operation=Change", "operation"),
    ("?operation=", "operation"),
    ("?contribution_id=mine", "contribution_id"),
    ("?contribution_id=0199C0DE-0000-7000-8000-0000000000A1", "contribution_id"),
    ("?from=2026-11-24T08:00:00", "from"),
    ("?from=2026-11-24T00:00:00", "from"),
    ("?from=2026-02-30", "from"),
    ("?from=0000-01-01", "from"),
    ("?from=2026-11", "from"),
    ("?from=%D9%A2026-11-24", "from"),
    ("?to=tomorrow", "to"),
    ("?from=1764000000", "from"),
    ("?to=0001-01-01T00:00:00%2B14:00", "to"),
    ("?limit=0", "limit"),
    ("?limit=201", "limit"),
    ("?limit=many", "limit"),
    ("?limit=+5", "limit"),
    ("?limit=1_0", "limit"),
    ("?cursor=mine", "cursor"),
    ("?cursor=WzFd%3D", "cursor"),
    (f"?cursor={cursor_of(2**63, 'records')}", "cursor"),
    (f"?cursor={cursor_of(-1, 'records')}", "cursor"),
    ("?limit=1&limit=2", "limit"),
    ("?since=2026-11-24T08:00:00Z", "since"),
    ("?colour=blue", "colour"),
]


async def test_list_when_a_parameter_cannot_be_read_then_it_is_named(door: Door) -> None:
    for query, parameter in UNREADABLE_QUERIES:
        answer = await door.get(query)
        body = answer.json()
        assert (answer.status_code, body["code"]) == (400, "parameter-invalid"), query
        assert body["errors"][0]["pointer"] == f"/{parameter}", query
        assert answer.headers["content-type"] == "application/problem+json"


async def test_list_when_an_operation_is_no_word_of_ours_then_the_right_ones_are_named(
    door: Door,
) -> None:
    detail = (await door.get("?operation=refused")).json()["detail"]

    for word in ("change", "refusal", "unreadable", "read", "denial", "system"):
        assert word in detail
    assert "refused" not in detail
    assert "unknown" not in detail


async def test_list_when_the_purpose_is_another_then_it_is_refused(door: Door) -> None:
    for sent, status, code in (
        ("audit", 200, None),
        ("direct-care", 403, "not-permitted"),
        ("support", 403, "not-permitted"),
        ("curiosity", 400, "parameter-invalid"),
    ):
        answer = await door.get(headers={**door.token(), "Ledger-Purpose": sent})
        assert (answer.status_code, answer.json().get("code")) == (status, code)


async def test_list_when_the_caller_may_not_then_a_problem(door: Door) -> None:
    for role in ("privacy-officer", "caldicott-guardian", "auditor"):
        assert (await door.get(headers=door.token(role))).status_code == 200
    refused = await door.get("?colour=blue", headers=door.token("gp"))
    assert (refused.status_code, refused.json()["code"]) == (403, "not-permitted")
    claims = person(str(UUID(int=1)), "Edith Marlow-Synth")
    token = {"Authorization": f"Bearer {door.issuer.signer.sign(claims)}"}
    assert (await door.get(headers=token)).status_code == 403
    assert (await door.client.get("/v1/audit/records/")).json()["code"] == "not-found"
    nobody = await door.client.get("/v1/audit/records")
    assert (nobody.status_code, nobody.json()["code"]) == (401, "token-missing")


async def test_service_when_something_was_unreadable_then_its_dead_letter_is_published(
    door: Door,
) -> None:
    await fill(door)

    async def published() -> int:
        return await _end_of(door.bench, dead_letters_topic("audit"))

    await eventually(published, "the dead letter published", holds=lambda n: n == 1)

    async def is_ready() -> bool:
        said = (await door.client.get("/readyz")).json()
        return bool(said["ready"]) and all(part["ready"] for part in said["parts"].values())

    await eventually(is_ready, "every part ready")


async def test_service_when_the_broker_is_away_then_its_door_is_open(
    bench: Bench, tmp_path: Path
) -> None:
    bench.servers = "127.0.0.1:1"
    async with open_door(bench, tmp_path) as door:
        assert (await door.get()).status_code == 200
        said = await door.client.get("/readyz")
        assert said.status_code == 200
        assert not said.json()["parts"]["records"]["ready"]
        assert (await door.client.get("/livez")).status_code == 200


async def _end_of(bench: Bench, topic: str) -> int:
    consumer = AIOKafkaConsumer(bootstrap_servers=bench.servers)
    await consumer.start()
    try:
        places = [TopicPartition(bench.prefix + topic, partition) for partition in range(2)]
        return sum((await consumer.end_offsets(places)).values())
    finally:
        await consumer.stop()
