"""Intake with a database, topics and inboxes of its own, and readers of what it sends."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import orjson
from aiokafka import AIOKafkaProducer

import services.intake
import shared.chassis
from services.intake.app import create_app
from services.intake.settings import IntakeSettings
from shared.chassis.kafka.dead_letters import Record
from shared.chassis.kafka.event_message import header
from shared.chassis.settings import Settings
from shared.ledger.topics import (
    AUDIT_RECORDS,
    commands_topic,
    dead_letters_topic,
    inbox_topic,
    receipts_topic,
)
from shared.testing.contracts.holding import holding_to
from shared.testing.service import contribution, reserved_port, until_ready
from shared.testing.stack import (
    EVERY_SERVICE,
    TestDatabase,
    create_topics,
    fresh_database,
    fresh_prefix,
)
from shared.testing.tokens import ISS, TestIssuer
from shared.testing.topic_reader import TopicReader

_FOLDERS = (
    EVERY_SERVICE,
    Path(services.intake.__path__[0]) / "migrations",
)
ROOT = Path(shared.chassis.__path__[0]).parents[1]
ORGANISATIONS = ("zzc01", "zzg01", "x-harbour-homes")
NOT_REGISTERED = "zzx99"
SECTIONS = ("goals", "person", "care_team")

AGREE = "careplan.goals.commands.agree.v1"
GOAL = {
    "aim": {"text": "Walk to the shop"},
    "need_ids": [{"section": "needs", "entry_id": str(UUID(int=1))}],
}
BY_THE_PERSON = {"stated_by": {"kind": "person"}, "system": {"name": "Northmoor EPR"}}

Headers = list[tuple[str, bytes | None]]


@dataclass
class Sent:
    """One message of an organisation to its inbox, as it stands on the wire."""

    value: bytes | None
    key: bytes | None
    headers: Headers


@dataclass(frozen=True)
class Bench:
    """Everything that intake needs to run, and a way to look into it."""

    database: TestDatabase
    servers: str
    prefix: str
    pool: asyncpg.Pool
    producer: AIOKafkaProducer
    folder: Path
    issuer: TestIssuer

    def settings(self, instance: str = "one", **others: Any) -> Settings:
        """Settings of one replica."""
        given: dict[str, Any] = {
            "service": "intake",
            "database_url": self.database.url,
            "kafka_servers": self.servers,
            "instance": instance,
            "topic_prefix": self.prefix,
            "issuer": ISS,
            "jwks": str(self.issuer.jwks),
            "metadata_max_age_ms": 500,
        }
        return Settings(**{**given, **others})

    @asynccontextmanager
    async def running(self, instance: str = "one", **own: Any) -> AsyncIterator[httpx.AsyncClient]:
        """Intake in this process, fully ready."""
        app = create_app(self.settings(instance), IntakeSettings(**own))
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(
                transport=transport, base_url="http://intake", event_hooks=holding_to("intake")
            ) as client,
        ):
            await until_ready(client)
            yield client

    @asynccontextmanager
    async def in_a_process(self, instance: str = "one") -> AsyncIterator["Process"]:
        """Intake in a process of its own, which need not live to the end."""
        with reserved_port() as port:
            told = self.settings(instance, port=port).model_dump(exclude_unset=True)
            child = await asyncio.create_subprocess_exec(
                "env",
                *(f"CAREPLAN_{name.upper()}={value}" for name, value in told.items()),
                *(sys.executable, "-m", "shared.chassis.run", "intake"),
                cwd=ROOT,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
            async with httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{port}", trust_env=False
            ) as client:
                try:
                    yield Process(child, client)
                finally:
                    if child.returncode is None:
                        child.kill()
                    await child.wait()

    async def send(self, *messages: Sent, org: str = "zzc01") -> None:
        """Put messages on an organisation's inbox, in this order."""
        topic = self.prefix + inbox_topic(org)
        answers = [
            await self.producer.send(topic, one.value, one.key, headers=one.headers)
            for one in messages
        ]
        await asyncio.gather(*answers)

    def reader(self, *names: str) -> TopicReader:
        """Reads some of its topics."""
        return TopicReader(self.servers, *(self.prefix + name for name in names))


@dataclass
class Process:
    """A process that runs intake."""

    child: asyncio.subprocess.Process
    client: httpx.AsyncClient

    async def until_ready(self) -> None:
        """Wait until every part is."""
        await until_ready(self.client)

    async def kill(self) -> None:
        """As if the machine were gone."""
        self.child.send_signal(signal.SIGKILL)
        await self.child.wait()


@dataclass
class Running:
    """Intake at work, and readers of everything that it sends."""

    bench: Bench
    client: httpx.AsyncClient
    commands: TopicReader
    receipts: TopicReader
    letters: TopicReader
    audit: TopicReader

    async def command(self, given: Mapping[str, Any]) -> Record:
        """The command that a contribution was passed on as."""
        named = given["contribution_id"]
        found = await self.commands.until(
            lambda records: any(header(one, "ce_id") == named for one in records),
            f"the command {named}",
        )
        return next(one for one in found if header(one, "ce_id") == named)

    async def letter(self, value: bytes | None) -> Record:
        """The dead letter with that value."""
        found = await self.letters.until(
            lambda records: any(one.value == (value or b"") for one in records), "the dead letter"
        )
        return next(one for one in found if one.value == (value or b""))


@asynccontextmanager
async def bench_of(postgres_url: str, kafka_servers: str, folder: Path) -> AsyncIterator[Bench]:
    """A database with intake's migrations, and every topic that it needs."""
    prefix = fresh_prefix()
    names = [
        AUDIT_RECORDS,
        dead_letters_topic("intake"),
        inbox_topic(NOT_REGISTERED),
        *(commands_topic(section) for section in SECTIONS),
        *(topic(org) for org in ORGANISATIONS for topic in (inbox_topic, receipts_topic)),
    ]
    async with AsyncExitStack() as opened:
        database = await opened.enter_async_context(
            fresh_database(postgres_url, "intake", *_FOLDERS)
        )
        pool = await opened.enter_async_context(
            asyncpg.create_pool(database.owner_url, min_size=1, max_size=4)
        )
        await create_topics(kafka_servers, [prefix + name for name in names])
        producer = AIOKafkaProducer(bootstrap_servers=kafka_servers)
        await opened.enter_async_context(producer)
        issuer = TestIssuer(folder)
        yield Bench(database, kafka_servers, prefix, pool, producer, folder, issuer)


@asynccontextmanager
async def readers_of(bench: Bench) -> AsyncIterator[tuple[TopicReader, ...]]:
    """Readers of commands, receipts, dead letters and audit records."""
    async with (
        bench.reader(*map(commands_topic, SECTIONS)) as commands,
        bench.reader(*map(receipts_topic, ORGANISATIONS)) as receipts,
        bench.reader(dead_letters_topic("intake")) as letters,
        bench.reader(AUDIT_RECORDS) as audit,
    ):
        yield commands, receipts, letters, audit


def agree(plan_id: UUID | None = None, **others: Any) -> dict[str, Any]:
    """A goal said by the person and written down by their organisation's system."""
    given = contribution(AGREE, GOAL, plan_id or uuid4(), provenance=BY_THE_PERSON)
    return {**given, **others}


def binary(given: Mapping[str, Any], org: str = "zzc01") -> Sent:
    """A contribution in binary mode: attributes are headers."""
    return Sent(
        orjson.dumps(given),
        str(given["plan_id"]).encode(),
        [
            ("content-type", b"application/json"),
            ("ce_specversion", b"1.0"),
            ("ce_id", str(given["contribution_id"]).encode()),
            ("ce_source", f"urn:careplan:org:{org}".encode()),
            ("ce_type", str(given["command"]).encode()),
        ],
    )


def structured(given: Mapping[str, Any], org: str = "zzc01", **attributes: Any) -> Sent:
    """A contribution in structured mode: the value has the attributes, and it as `data`."""
    event = {
        "specversion": "1.0",
        "id": given["contribution_id"],
        "source": f"urn:careplan:org:{org}",
        "type": given["command"],
        "data": given,
        **attributes,
    }
    return Sent(
        orjson.dumps(event),
        str(given["plan_id"]).encode(),
        [("content-type", b"application/cloudevents+json; charset=UTF-8")],
    )


def names_of(records: Sequence[Record]) -> list[str | None]:
    """Which contributions these are, in their order."""
    return [header(one, "ce_id") for one in records]
