"""An audit's database and topics of its own, and consumers of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import orjson
from aiokafka import AIOKafkaProducer

import services.audit
import shared.chassis
from services.audit.doors.events import CONSUMER, TOPICS, RecordMessages
from services.audit.record.commitment import GROUPS
from services.audit.store.records import AuditStore
from shared.chassis.database.database import Database
from shared.chassis.kafka.consumer import BatchConsumer
from shared.chassis.settings import Settings
from shared.ledger.topics import AUDIT_RECORDS, events_topic
from shared.testing.eventually import eventually
from shared.testing.stack import TestDatabase, create_topics, fresh_prefix

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
        ("ce_policyinputs", b"ab" * 32),
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


def access(number: int, **others: Any) -> Message:
    """A read of a plan, as a reader records it."""
    value = {
        "record_id": str(UUID(int=number)),
        "operation": "read",
        "type": "access.read",
        "what": "plan",
        "status": 200,
        "via": "api",
        "recorded_at": f"2024-11-2{number}T08:00:00Z",
        "actor": {
            "kind": "professional",
            "id": "quill",
            "name": "Dr A. Quill-Synth",
            "role": "gp",
            "organisation": {"ods": "ZZG01", "name": "Quill Surgery"},
        },
        "authn": {"jti": f"t-{number}"},
        "purpose": "direct-care",
        "purpose_of_use": "TREAT",
        "relationship": {"id": str(UUID(int=70)), "kind": "registered", "self_claimed": False},
        "decision": "permit",
        "plan_id": str(UUID(int=1)),
        "plan_version": 5,
        "sections": ["goals", "needs"],
        "redactions": [],
        "body_sha256": f"{number:064x}",
        "body_length": 100,
        "media_type": "application/json",
        **others,
    }
    return Message(AUDIT_RECORDS, str(value["plan_id"]).encode(), orjson.dumps(value))


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
            handle=RecordMessages(
                store or AuditStore(self.database),
                topic_prefix=self.prefix,
                review_seconds=self.settings().override_review_seconds,
            ),
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
