"""Fresh databases and topics for tests, on a PostgreSQL and a Kafka that are running."""

import secrets
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

import shared.chassis.database
from shared.chassis.database.migrate import migrate

PARTITIONS = 2
"""Partitions of an event topic in tests: more than one, and few."""

_MIGRATIONS = Path(shared.chassis.database.__path__[0]) / "migrations"
EVERY_SERVICE = _MIGRATIONS / "every_service"
"""The folder of the migrations that every service has."""
OF_A_SECTION = (EVERY_SERVICE, _MIGRATIONS / "section")
"""The folders of those that a section has."""

_WRITER = "ledger_writer"


@dataclass(frozen=True)
class TestDatabase:
    """One database as a service has it: ``url`` is its role's, ``owner_url`` a superuser's."""

    __test__ = False  # not a test class, whatever its name says

    url: str
    owner_url: str


@asynccontextmanager
async def fresh_database(
    admin_url: str, service: str, *folders: Path
) -> AsyncIterator[TestDatabase]:
    """A database of its own with the migrations of these folders, dropped at the end."""
    name = f"careplan_{service}_{secrets.token_hex(5)}"
    owner = f"{name}_owner"
    password = secrets.token_hex(8)
    admin = await asyncpg.connect(admin_url)
    try:
        await _ensure_writer(admin)
        await admin.execute(f"CREATE ROLE {owner} NOLOGIN")
        await admin.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{password}' IN ROLE {_WRITER}")
        await admin.execute(f"CREATE DATABASE {name} OWNER {owner}")
        await admin.execute(f"REVOKE CONNECT ON DATABASE {name} FROM PUBLIC")
        await admin.execute(f"GRANT CONNECT ON DATABASE {name} TO {name}")
        owner_url = _with(admin_url, database=name)
        connection = await asyncpg.connect(owner_url)
        try:
            await migrate(connection, *folders)
        finally:
            await connection.close()
        try:
            yield TestDatabase(_with(admin_url, name, password, name), owner_url)
        finally:
            await admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            await admin.execute(f"DROP ROLE IF EXISTS {name}")
            await admin.execute(f"DROP ROLE IF EXISTS {owner}")
    finally:
        await admin.close()


def fresh_prefix() -> str:
    """What stands before the topics of one test module: no other module reads or writes them."""
    return f"t{secrets.token_hex(4)}."


async def create_topics(servers: str, names: Iterable[str], partitions: int = PARTITIONS) -> None:
    """Make these topics."""
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        answer = await admin.create_topics([NewTopic(name, partitions, 1) for name in names])
        failed = [error for error in answer.topic_errors if error[1]]
        if failed:
            raise RuntimeError(f"topics were not made: {failed}")
    finally:
        await admin.close()


async def delete_topics(servers: str, names: Sequence[str]) -> None:
    """Remove these topics."""
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        await admin.delete_topics(list(names))
    finally:
        await admin.close()


async def _ensure_writer(admin: asyncpg.Connection) -> None:
    if not await admin.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", _WRITER):
        try:
            await admin.execute(f"CREATE ROLE {_WRITER} NOLOGIN")
        except (asyncpg.DuplicateObjectError, asyncpg.UniqueViolationError):
            return  # another module made it at this moment


def _with(
    url: str, user: str | None = None, password: str | None = None, database: str = ""
) -> str:
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    who = f"{user}:{password}" if user else parts.netloc.rpartition("@")[0]
    return urlunsplit(parts._replace(netloc=f"{who}@{place}", path=f"/{database}"))
