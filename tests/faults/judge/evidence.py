"""What the judge looks at: databases as the superuser, topics from their beginning, the doors."""

import asyncio
import hashlib
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Any, Final

import asyncpg
import httpx
from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.broker.access import BrokerAccess
from tests.faults.judge.published import NaturalKey, Published
from tests.faults.load.sent import SECTIONS

EVENT_TOPICS: Final = [f"careplan.{wire}.events.v1" for wire in SECTIONS.values()]

_READ_WITHIN: Final = 90.0
_ASKED_AGAIN_FOR: Final = 60.0
_LENGTH_OF_AN_ID: Final = 36
_ASKED_AT_ONCE: Final = 8
_OF_THE_LIBRARY: Final = {"timestamp", "originator_topic", "class_version", "provenance"}


@dataclass(frozen=True)
class Surroundings:
    """Where everything is, for somebody with a superuser's password.

    ``reader`` gives a token for each plan, of somebody who may read it.
    """

    database: Callable[[str], str]
    broker: BrokerAccess
    plan_url: str
    audit_url: str
    reader: Callable[[str], str]
    auditor: str


@dataclass(frozen=True)
class Stored:
    """An event as its section keeps it."""

    section: str
    position: int
    entry_id: str
    version: int
    type: str
    raw: bytes
    recorded_at: datetime
    leaf_hash: str | None
    authn: bytes | None = None
    policy_version: str | None = None
    command: str | None = None
    inputs: bytes | None = None
    traceparent: str | None = None

    @property
    def key(self) -> NaturalKey:
        """What identifies it everywhere."""
        return self.section, self.entry_id, self.version

    @property
    def state(self) -> dict[str, Any]:
        """What is stored of it."""
        state: dict[str, Any] = json.loads(self.raw)
        return state

    @property
    def content(self) -> dict[str, Any]:
        """What it says: all that is stored, but for what the library adds, and the provenance."""
        return {name: given for name, given in self.state.items() if name not in _OF_THE_LIBRARY}

    @property
    def provenance(self) -> dict[str, Any]:
        """Who said it, with the ids of the contribution."""
        provenance: dict[str, Any] = self.state["provenance"]
        return provenance

    @property
    def contribution_id(self) -> str:
        """Which contribution caused it."""
        return str(self.provenance["contribution_id"])

    @property
    def plan_id(self) -> str:
        """The plan it is about."""
        return str(self.provenance["plan_id"])


class Evidence:
    """Reads what is there; judges nothing."""

    def __init__(self, where: Surroundings) -> None:
        self.where = where

    async def ask(self, service: str, query: str) -> Sequence[Mapping[str, Any]]:
        """Rows of a service's database."""
        connection = await asyncpg.connect(self.where.database(service), timeout=10)
        try:
            rows: Sequence[Mapping[str, Any]] = await connection.fetch(query, timeout=60)
            return rows
        finally:
            connection.terminate()

    async def stored(self, section: str) -> list[Stored]:
        """Every event of a section, in the order of positions."""
        rows = await self.ask(section, "SELECT * FROM stored_events ORDER BY notification_id")
        return [
            Stored(
                section=SECTIONS[section],
                position=row["notification_id"],
                entry_id=str(row["originator_id"]),
                version=row["originator_version"],
                type=row["topic"],
                raw=bytes(row["state"]),
                recorded_at=row["recorded_at"],
                leaf_hash=row["leaf_hash"].hex() if row["leaf_hash"] else None,
                authn=row["authn"],
                policy_version=row["policy_version"],
                command=row["command"],
                inputs=row["inputs_sha256"],
                traceparent=row["traceparent"],
            )
            for row in rows
        ]

    async def receipts(self, section: str) -> dict[str, dict[str, Any]]:
        """The receipts that a section keeps, by contribution."""
        rows = await self.ask(section, "SELECT contribution_id, body, event_position FROM receipt")
        return {
            str(row["contribution_id"]): {
                **json.loads(row["body"]),
                "last_position": row["event_position"],
            }
            for row in rows
        }

    async def published(self) -> list[Published]:
        """Every record of every topic of events, in the order of each partition."""
        return [
            Published(
                topic=record.topic,
                partition=record.partition,
                key=record.key,
                value=record.value,
                headers=_each(record.headers),
            )
            for record in await self.records(*EVENT_TOPICS)
        ]

    async def ends(self, topics: Sequence[str]) -> dict[TopicPartition, int]:
        """Where each partition of these topics ends."""
        consumer = AIOKafkaConsumer(**self.where.broker.options)
        await consumer.start()
        try:
            await _know(consumer, topics)
            ends: dict[TopicPartition, int] = await consumer.end_offsets(
                [
                    TopicPartition(topic, partition)
                    for topic in topics
                    for partition in consumer.partitions_for_topic(topic) or ()
                ]
            )
        finally:
            await consumer.stop()
        return ends

    async def records(self, *topics: str) -> list[Any]:
        """Every record of these topics, in the order of each partition."""
        ends = {at: end for at, end in (await self.ends(topics)).items() if end > 0}
        if not ends:
            return []
        consumer = AIOKafkaConsumer(
            **self.where.broker.options,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        records: list[Any] = []
        await consumer.start()
        try:
            consumer.assign(list(ends))
            await consumer.seek_to_beginning()
            async with asyncio.timeout(_READ_WITHIN):
                while any([await consumer.position(at) < end for at, end in ends.items()]):
                    for batch in (await consumer.getmany(timeout_ms=500)).values():
                        records.extend(batch)
        finally:
            await consumer.stop()
        return records

    async def log(self) -> Sequence[Mapping[str, Any]]:
        """What the audit's log commits to, with what is kept apart from it, in its order."""
        return await self.ask(
            "audit",
            "SELECT idx, kind, logged_at, commitment, leaf, salts, groups"
            " FROM audit_record LEFT JOIN audit_payload USING (idx) ORDER BY idx",
        )

    async def checkpoints(self) -> Sequence[Mapping[str, Any]]:
        """What the audit's log has signed of itself."""
        return await self.ask("audit", "SELECT size, root FROM log_checkpoint")

    @asynccontextmanager
    async def doors(self) -> AsyncIterator["Doors"]:
        """What readers and auditors are shown by HTTP."""
        async with httpx.AsyncClient(timeout=30, trust_env=False) as client:
            yield Doors(client, self.where)


class Doors:
    """Asks as a reader of plans and as an auditor, a few questions at a time."""

    def __init__(self, client: httpx.AsyncClient, where: Surroundings) -> None:
        self._client = client
        self._where = where
        self._few = asyncio.Semaphore(_ASKED_AT_ONCE)

    async def plan(self, path: str) -> httpx.Response:
        """What readers of plans get at this address below ``/v1/plans``."""
        token = self._where.reader(path[:_LENGTH_OF_AN_ID])
        return await self._get(f"{self._where.plan_url}/v1/plans/{path}", token)

    async def versions(self, plan_id: str) -> list[dict[str, Any]]:
        """The versions of a plan, newest first."""
        url = f"{self._where.plan_url}/v1/plans/{plan_id}/versions"
        return await self._pages(url, self._where.reader(plan_id))

    async def history(self, plan_id: str) -> list[dict[str, Any]]:
        """The contributions to a plan, newest first."""
        url = f"{self._where.plan_url}/v1/plans/{plan_id}/history"
        return await self._pages(url, self._where.reader(plan_id))

    async def audit(self, query: str = "") -> list[dict[str, Any]]:
        """The audit's records, newest first."""
        url = f"{self._where.audit_url}/v1/audit/records{query}"
        return await self._pages(url, self._where.auditor)

    async def _get(self, url: str, token: str) -> httpx.Response:
        """The answer; asked again while the service says that it cannot answer at present."""
        until = monotonic() + _ASKED_AGAIN_FOR
        async with self._few:
            while True:
                answer = await self._client.get(url, headers={"Authorization": f"Bearer {token}"})
                if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE or monotonic() > until:
                    return answer
                await asyncio.sleep(float(answer.headers["Retry-After"]))

    async def _pages(self, url: str, token: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        mark = "&" if "?" in url else "?"
        cursor: str | None = ""
        while cursor is not None:
            at = f"&cursor={cursor}" if cursor else ""
            answer = await self._get(f"{url}{mark}limit=200{at}", token)
            page = answer.raise_for_status().json()
            items += page["items"]
            cursor = page["next"]
        return items


def leaf_hash_of(event: Stored) -> str:
    """From the stored bytes: SHA-256 over 0x00, what was known before, and the bytes' own hash."""
    who = (event.authn or b"").decode()
    why = [event.command or "", event.policy_version or "", (event.inputs or b"").hex(), who]
    known = [event.section, event.entry_id, str(event.version), event.type, *why, ""]
    own = hashlib.sha256(event.raw).digest()
    return hashlib.sha256(b"\0" + "\n".join(known).encode() + own).hexdigest()


def by_contribution(stored: Iterable[Stored]) -> dict[str, list[Stored]]:
    """Events by the contribution that caused them."""
    found: dict[str, list[Stored]] = defaultdict(list)
    for event in stored:
        found[event.contribution_id].append(event)
    return found


def _each(headers: Iterable[tuple[str, bytes]]) -> dict[str, bytes]:
    """By their names; one that stands there twice is another one."""
    found: dict[str, bytes] = {}
    for name, value in headers:
        found[f"{name}, again" if name in found else name] = value
    return found


async def _know(consumer: AIOKafkaConsumer, topics: Sequence[str]) -> None:
    """Makes the client ask for these topics, all of which were made at the start."""
    consumer.assign([TopicPartition(topic, 0) for topic in topics])
    async with asyncio.timeout(_READ_WITHIN):
        while any(not consumer.partitions_for_topic(topic) for topic in topics):
            await consumer.topics()
