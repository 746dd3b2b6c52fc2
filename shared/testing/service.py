"""Runs a section for tests, on a database, topics and an issuer of its own.

In this process, where a test can reach into it, or in one of its own, as it is deployed.
"""

import asyncio
import signal
import socket
import sys
from collections.abc import (
    AsyncIterator,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4, uuid5

import asyncpg
import httpx
import orjson
from aiokafka import AIOKafkaProducer

import shared.chassis
from shared.chassis.section_app import create_app
from shared.chassis.settings import Settings
from shared.ledger import Contributor, Organisation, Section
from shared.ledger.topics import (
    AUDIT_RECORDS,
    commands_topic,
    dead_letters_topic,
    events_topic,
    receipts_topic,
)
from shared.testing.contracts.holding import holding_to
from shared.testing.eventually import LONG_ENOUGH, eventually
from shared.testing.files import File
from shared.testing.stack import (
    OF_A_SECTION,
    PARTITIONS,
    TestDatabase,
    create_topics,
    delete_topics,
    fresh_database,
    fresh_prefix,
)
from shared.testing.tokens import ISS, TestIssuer
from shared.testing.topic_reader import TopicReader

_ROOT = Path(shared.chassis.__path__[0]).parents[1]

ORGANISATIONS = ("zzg01", "zzc01", "zzl01", "zzh01", "zzp01", "zzg02")
"""Those who have a topic for their receipts, where a test names no others."""

Headers = Sequence[tuple[str, bytes | None]]


@dataclass(frozen=True)
class Door:
    """The HTTP door of a running section."""

    url: str
    client: httpx.AsyncClient
    issuer: TestIssuer

    async def contribute(
        self, contribution: Any, by: Contributor, **headers: str
    ) -> httpx.Response:
        """Send one contribution, or a batch."""
        return await self.client.post(
            "/v1/contributions", json=contribution, headers={**self.issuer.bearer(by), **headers}
        )

    async def store(self, file: File, plan_id: UUID, by: Contributor) -> httpx.Response:
        """Store a file, for a contribution that names it."""
        return await self.client.post(
            "/v1/media",
            params={"plan_id": str(plan_id)},
            content=file.content,
            headers={**self.issuer.bearer(by), **file.headers},
        )

    async def fetch(
        self, sha256: str, plan_id: UUID, by: Contributor, **headers: str
    ) -> httpx.Response:
        """Ask for a stored file."""
        return await self.client.get(
            f"/v1/media/{sha256}",
            params={"plan_id": str(plan_id)},
            headers={**self.issuer.bearer(by), **headers},
        )

    async def validate(self, contribution: Any, by: Contributor) -> httpx.Response:
        """Ask what its receipt would be."""
        return await self.client.post(
            "/v1/contributions:validate", json=contribution, headers=self.issuer.bearer(by)
        )

    async def receipt(self, contribution_id: str, by: Contributor) -> httpx.Response:
        """Ask for a kept receipt."""
        return await self.client.get(
            f"/v1/contributions/{contribution_id}", headers=self.issuer.bearer(by)
        )

    async def not_ready(self) -> list[str]:
        """The parts that are not ready: consumers and relay too."""
        return await not_ready(self.client)

    async def until_ready(self) -> None:
        """Wait until every part is."""
        await until_ready(self.client)


@dataclass(frozen=True)
class Process:
    """A section in a process of its own, and what it has written so far."""

    door: Door
    pid: int
    output: Path

    @property
    def lines(self) -> list[str]:
        """Its log."""
        return self.output.read_text("utf-8", "replace").splitlines()


@dataclass(frozen=True)
class Bench:
    """Everything that one section needs to run, and a way to look into it."""

    section: Section
    database: TestDatabase
    servers: str
    issuer: TestIssuer
    prefix: str
    pool: asyncpg.Pool
    producer: AIOKafkaProducer
    folder: Path

    def settings(self, instance: str = "one", **others: Any) -> Settings:
        """Settings of one replica."""
        given: dict[str, Any] = {
            "service": self.section.name,
            "database_url": self.database.url,
            "kafka_servers": self.servers,
            "issuer": ISS,
            "jwks": str(self.issuer.jwks),
            "instance": instance,
            "topic_prefix": self.prefix,
            "event_partitions": PARTITIONS,
            "metadata_max_age_ms": 500,
            "media_store": str(self.folder / "media"),
        }
        return Settings(**{**given, **others})

    @asynccontextmanager
    async def running(self, instance: str = "one", **others: Any) -> AsyncIterator[Door]:
        """The section in this process, fully ready; its door is asked without a socket."""
        app = create_app(self.section, self.settings(instance, **others))
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(
                transport=transport,
                base_url="http://section",
                event_hooks=holding_to(self.section.name),
            ) as client,
        ):
            door = Door("http://section", client, self.issuer)
            await door.until_ready()
            yield door

    @asynccontextmanager
    async def in_a_process(self, instance: str = "one", **others: Any) -> AsyncIterator[Process]:
        """The section in a process of its own, fully ready; ended by SIGTERM."""
        with reserved_port() as port:
            settings = self.settings(instance, port=port, **others)
            async with self._process(settings) as process:
                yield process

    @asynccontextmanager
    async def _process(self, settings: Settings) -> AsyncIterator[Process]:
        output = self.folder / f"{settings.instance}-{settings.port}.log"
        with output.open("wb") as writing:
            child = await asyncio.create_subprocess_exec(
                "env",
                *(f"{name}={value}" for name, value in _environment(settings).items()),
                sys.executable,
                "-m",
                "shared.chassis.run",
                self.section.name,
                cwd=_ROOT,
                stdout=writing,
                stderr=asyncio.subprocess.STDOUT,
            )
        url = f"http://{settings.host}:{settings.port}"
        async with _client(url, self.section.name) as client:
            process = Process(Door(url, client, self.issuer), child.pid, output)
            try:
                await process.door.until_ready()
                yield process
            finally:
                if child.returncode is None:
                    child.send_signal(signal.SIGTERM)
                await asyncio.wait_for(child.wait(), LONG_ENOUGH)

    def topic(self, name: str) -> str:
        """A topic of this bench."""
        return self.prefix + name

    def reader(self, *names: str) -> TopicReader:
        """Reads some of its topics."""
        return TopicReader(self.servers, *(self.topic(name) for name in names))

    @property
    def events(self) -> TopicReader:
        """Reads what the section publishes."""
        return self.reader(events_topic(self.section.name))

    async def know_plans(
        self,
        plan_ids: Iterable[UUID],
        state: str = "open",
        version: int = 1,
        *,
        known_to: Iterable[str] = ORGANISATIONS,
    ) -> None:
        """Put plans into the section's own copy, as its consumer would.

        Each of ``known_to`` gets a live relationship with them.
        """
        plan_ids = list(plan_ids)
        await self.pool.executemany(
            "INSERT INTO plan_state VALUES ($1, $2, $3) ON CONFLICT (plan_id) DO UPDATE"
            " SET state = excluded.state, entry_version = excluded.entry_version",
            [(plan_id, state, version) for plan_id in plan_ids],
        )
        for organisation in known_to:
            await self.relate(plan_ids, organisation)

    async def relate(self, plan_ids: Iterable[UUID], organisation: str, **said: Any) -> list[UUID]:
        """Put a relationship of an organisation with each plan into the section's own copy.

        Left out, it covers everything and has no end; ``said`` are leaves of its content, as
        ``live_until`` and ``scope``. Said again, it is the same relationship with other leaves.
        """
        content = {
            "organisation": organisation.upper(),
            "kind": "caseload",
            "live_from": "2020-01-01T00:00:00Z",
            **said,
        }
        return await self._put_access("relationship", plan_ids, organisation, content)

    async def appoint(self, plan_id: UUID, sub: str, **said: Any) -> UUID:
        """Put a Proxy, theirs who have this ``sub``, into the section's own copy; its id.

        Left out, it may view and contribute everywhere; ``said`` are leaves of its content.
        """
        content = {
            "party": {"name": None, "identifiers": [["sub", sub]]},
            "scope": {"view": True, "contribute": True},
            "live_from": "2020-01-01T00:00:00Z",
            **said,
        }
        (entry_id,) = await self._put_access("proxy", [plan_id], sub, content)
        return entry_id

    async def _put_access(
        self, kind: str, plan_ids: Iterable[UUID], whose: str, content: Mapping[str, Any]
    ) -> list[UUID]:
        leaves = orjson.dumps({name: [1, value] for name, value in content.items()})
        rows = [(uuid5(plan_id, f"{kind} {whose}"), plan_id) for plan_id in plan_ids]
        await self.pool.executemany(
            "INSERT INTO access_entry (entry_id, plan_id, kind, leaves) VALUES ($1, $2, $3, $4)"
            " ON CONFLICT (entry_id, kind) DO UPDATE SET leaves = excluded.leaves",
            [(entry_id, plan_id, kind, leaves) for entry_id, plan_id in rows],
        )
        return [entry_id for entry_id, _ in rows]

    async def command(
        self, contribution: Mapping[str, Any], org: str, *, role: str | None = None
    ) -> None:
        """Put a contribution on the section's command topic, as intake does.

        ``role`` is a service role that the organisation's inbox was granted.
        """
        plan_id = str(contribution["plan_id"])
        headers = headers_of(contribution, org)
        if role is not None:
            headers.append(("ce_roles", role.encode()))
        await self.send(orjson.dumps(contribution), key=plan_id.encode(), headers=headers)

    async def send(self, value: bytes | None, *, key: bytes | None, headers: Headers = ()) -> None:
        """Put anything on the section's command topic."""
        await self.producer.send_and_wait(
            self.topic(commands_topic(self.section.name)), value, key, headers=list(headers)
        )

    async def rows(self) -> dict[str, int]:
        """How many rows each table of the ledger has."""
        row = await self.pool.fetchrow(
            "SELECT (SELECT count(*) FROM stored_events) AS stored_events,"
            " (SELECT count(*) FROM receipt) AS receipt,"
            " (SELECT count(*) FROM unique_key) AS unique_key,"
            " (SELECT count(*) FROM outgoing) AS outgoing"
        )
        return dict(row)


@asynccontextmanager
async def bench_of(
    section: Section,
    postgres_url: str,
    kafka_servers: str,
    folder: Path,
    *,
    organisations: Iterable[str] = ORGANISATIONS,
    without: Iterable[str] = (),
) -> AsyncIterator[Bench]:
    """A database with the section's migrations and every topic it needs, ``without`` some."""
    prefix = fresh_prefix()
    names = {
        events_topic(section.name),
        commands_topic(section.name),
        events_topic("person"),
        events_topic("care_team"),
        dead_letters_topic(section.name),
        AUDIT_RECORDS,
        *(receipts_topic(organisation) for organisation in organisations),
    }
    topics = sorted(prefix + name for name in names - set(without))
    async with AsyncExitStack() as opened:
        database = await opened.enter_async_context(
            fresh_database(postgres_url, section.name, *OF_A_SECTION)
        )
        pool = await opened.enter_async_context(
            asyncpg.create_pool(database.owner_url, min_size=1, max_size=2)
        )
        await create_topics(kafka_servers, topics)
        opened.push_async_callback(delete_topics, kafka_servers, topics)
        producer = AIOKafkaProducer(bootstrap_servers=kafka_servers)
        await opened.enter_async_context(producer)
        issuer = TestIssuer(folder)
        yield Bench(section, database, kafka_servers, issuer, prefix, pool, producer, folder)


def headers_of(contribution: Mapping[str, Any], org: str) -> list[tuple[str, bytes | None]]:
    """The headers that intake gives a command."""
    return [
        ("content-type", b"application/json"),
        ("ce_specversion", b"1.0"),
        ("ce_id", str(contribution["contribution_id"]).encode()),
        ("ce_source", f"urn:careplan:org:{org.lower()}".encode()),
        ("ce_type", str(contribution["command"]).encode()),
        ("ce_partitionkey", str(contribution["plan_id"]).encode()),
    ]


def works_for(org: str, role: str = "nurse", sub: str = "") -> Contributor:
    """Somebody who works for an organisation."""
    return Contributor(
        kind="professional",
        sub=sub or f"synth-{org.lower()}-{role}",
        name="Tom Okafor-Synth",
        role=role,
        organisation=Organisation(org),
    )


def contribution(
    command: str,
    content: Mapping[str, Any],
    plan_id: UUID,
    *,
    entry_id: UUID | str | None = None,
    based_on: int | None = None,
    **others: Any,
) -> dict[str, Any]:
    """A contribution with an id of its own."""
    given: dict[str, Any] = {
        "contribution_id": str(uuid4()),
        "plan_id": str(plan_id),
        "command": command,
        "content": dict(content),
    }
    if entry_id is not None:
        given["entry_id"] = str(entry_id)
    if based_on is not None:
        given["based_on"] = based_on
    return {**given, **others}


async def not_ready(client: httpx.AsyncClient) -> list[str]:
    """The parts of a service that are not ready; its door alone while nobody answers."""
    try:
        told = (await client.get("/readyz")).json()
    except httpx.TransportError:
        return ["door"]
    return [name for name, part in told["parts"].items() if not part["ready"]]


async def until_ready(client: httpx.AsyncClient) -> None:
    """Wait until every part of a service is ready."""
    await eventually(
        lambda: not_ready(client),
        "every part is ready",
        holds=lambda parts: not parts,
        within=2 * LONG_ENOUGH,
    )


def _client(url: str, service: str) -> httpx.AsyncClient:
    # Few connections: the client looks through all of them for every request.
    limits = httpx.Limits(max_connections=24, max_keepalive_connections=24)
    return httpx.AsyncClient(
        base_url=url,
        timeout=LONG_ENOUGH,
        limits=limits,
        trust_env=False,
        event_hooks=holding_to(service),
    )


def _environment(settings: Settings) -> dict[str, str]:
    told = settings.model_dump(exclude_unset=True)
    return {f"CAREPLAN_{name.upper()}": str(value) for name, value in told.items()}


@contextmanager
def reserved_port() -> Iterator[int]:
    """A port that nobody else is given while a process starts that is to listen there."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        if sys.platform == "linux":
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        else:
            bound.close()
        yield port
