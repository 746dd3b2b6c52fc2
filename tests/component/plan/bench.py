"""A plan service's database and topics of its own, and whatever runs on them."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import orjson
import stamina
from aiokafka import AIOKafkaProducer

import services.plan
from deploy.local.stack.issuer import ISS, Issuer
from services.plan.app import create_app
from services.plan.doors.events import CONSUMER, FoldEvents
from services.plan.store.ledger import ChangeStream
from services.plan.store.projection import PlanStore
from shared.chassis.database.database import TRANSIENT, Database
from shared.chassis.kafka.consumer import BatchConsumer
from shared.chassis.kafka.offsets import Transaction
from shared.chassis.kafka.windows import Message as Change
from shared.chassis.policy.decide import POLICY_VERSION
from shared.chassis.settings import Settings
from shared.cli.token import professional
from shared.ledger import RecordedEvent
from shared.ledger.recorded_event import PLAN_OPENED
from shared.ledger.topics import EVENTS_PATTERN
from shared.testing.contracts.holding import holding_to
from shared.testing.events import History, headers_of, record_of, value_of
from shared.testing.eventually import eventually
from shared.testing.plain_fold import Taken, plan_of
from shared.testing.stack import TestDatabase, fresh_prefix
from tests.component.plan.withheld.readers import let_in, related
from tests.faults.judge.published import difference

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

    def settings(self, instance: str = "one", **others: Any) -> Settings:
        given: dict[str, Any] = {
            "service": "plan",
            "database_url": self.made.url,
            "kafka_servers": self.servers,
            "topic_prefix": self.prefix,
            "instance": instance,
            "issuer": ISS,
            "jwks": str(self.issuer.jwks),
            "metadata_max_age_ms": 500,
            "event_partitions": 2,
        }
        return Settings(**{**given, **others})

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
        """Publish events. Whoever the service's client is has a relationship with each new plan."""
        opened = [one.plan_id for one in given if isinstance(one, RecordedEvent) and _opens(one)]
        await let_in(self.database, map(related, opened))
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

    async def accesses(self) -> list[dict[str, Any]]:
        """What is recorded of accesses, in the order of commits, with when that was."""
        rows = await self.database.pool.fetch(
            "SELECT * FROM ledger.access_record ORDER BY position"
        )
        return [
            {**orjson.loads(row["record"]), **orjson.loads(row["who"]), "at": row["recorded_at"]}
            for row in rows
        ]

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
        wanted = plan_of(str(plan_id), Taken(list(told)))
        assert difference(await self.document(plan_id), wanted) == ""
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
    async def service(self, **others: Any) -> AsyncIterator[httpx.AsyncClient]:
        app = create_app(self.settings(**others))
        async with AsyncExitStack() as opened:
            await opened.enter_async_context(app.router.lifespan_context(app))
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            client = await opened.enter_async_context(
                httpx.AsyncClient(
                    transport=transport, base_url="http://plan", event_hooks=holding_to("plan")
                )
            )
            claims = professional("ZZG01", "gp", "Dr A. Quill-Synth")
            client.headers["Authorization"] = f"Bearer {self.issuer.signer.sign(claims)}"
            yield client


def _opens(event: RecordedEvent) -> bool:
    return event.type.rpartition(".v")[0] == PLAN_OPENED


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


async def fold_directly(
    bench: Bench, store: PlanStore, events: Sequence[RecordedEvent], batch: int = BATCH
) -> int:
    """What one of several replicas does with its share: batches, in one transaction each."""
    handle = FoldEvents(store, folded=lambda: None)
    settings = bench.settings()
    for start in range(0, len(events), batch):
        records = [
            record_of(event, prefix=bench.prefix, offset=start + number)
            for number, event in enumerate(events[start : start + batch])
        ]
        await handle(records, Transaction(CONSUMER, bench.database, settings, (), there_is))
    return len(events)


async def there_is(_: str) -> bool:
    return True


class DyingStore(PlanStore):
    """A store whose transactions never commit."""

    async def write(self, *arguments: Any) -> Any:
        await super().write(*arguments)
        raise RuntimeError("killed")


async def until_written(bench: Bench, store: PlanStore, events: Sequence[RecordedEvent]) -> None:
    """As a consumer does: what the database refuses for the moment is tried again."""
    async for attempt in stamina.retry_context(on=TRANSIENT, attempts=5, wait_initial=0.01):
        with attempt:
            await fold_directly(bench, store, events)


async def shown(client: httpx.AsyncClient, plan_id: UUID, version: int) -> httpx.Response:
    async def ask() -> httpx.Response:
        return await client.get(f"/v1/plans/{plan_id}")

    def holds(answer: httpx.Response) -> bool:
        return answer.status_code == 200 and answer.json()["plan_version"] >= version

    return await eventually(ask, f"version {version} shown", holds=holds)


def codes(answers: Iterable[httpx.Response]) -> list[tuple[int, str]]:
    return [(answer.status_code, answer.json()["code"]) for answer in answers]
