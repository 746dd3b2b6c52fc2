"""A database and two roles per service: one that owns the tables, one that may only use them."""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import asyncpg

from shared.chassis.database.migrate import migrate

WRITERS = "ledger_writer"


async def create_service_database(
    admin_url: str, service: str, folders: Sequence[Path], suffix: str = ""
) -> str:
    """Creates what is missing, migrates, and returns the service's own address of the database.

    With a suffix it is another database for the same roles: a fresh one for each test.
    """
    database = f"careplan_{service}{suffix}"
    login, owner = f"careplan_{service}", f"careplan_{service}_owner"
    password = role_password(admin_url, login)
    admin = await asyncpg.connect(admin_url)
    try:
        await _ensure_roles(admin, login, owner, password)
        await _ensure_database(admin, database, login, owner)
    finally:
        await admin.close()
    inside = await asyncpg.connect(_address(admin_url, database))
    try:
        await migrate(inside, *folders)
    finally:
        await inside.close()
    return _address(admin_url, database, login, password)


async def drop_database(admin_url: str, service_url: str) -> None:
    """Removes one service's database, whoever is connected."""
    database = unquote(urlsplit(service_url).path.lstrip("/"))
    admin = await asyncpg.connect(admin_url)
    try:
        await admin.execute(f"DROP DATABASE IF EXISTS {_quoted(database)} WITH (FORCE)")
    finally:
        await admin.close()


def role_password(admin_url: str, role: str) -> str:
    """Derived from the administrator's password, so that no second file has to hold it."""
    key = urlsplit(admin_url).password
    if not key:
        return secrets.token_hex(16)
    return hmac.new(unquote(key).encode(), role.encode(), hashlib.sha256).hexdigest()[:32]


async def _ensure_roles(admin: asyncpg.Connection, login: str, owner: str, password: str) -> None:
    # Roles belong to the whole cluster: several services at once would create the same ones.
    async with admin.transaction():
        await admin.execute("SELECT pg_advisory_xact_lock(hashtext('careplan roles'))")
        for role, options in (
            (WRITERS, "NOLOGIN"),
            (owner, "NOLOGIN"),
            (login, f"LOGIN IN ROLE {WRITERS}"),
        ):
            if not await admin.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role):
                await admin.execute(f"CREATE ROLE {_quoted(role)} {options}")
        await admin.execute(f"ALTER ROLE {_quoted(login)} PASSWORD '{password}'")
        await admin.execute(f"GRANT {_quoted(owner)} TO CURRENT_USER")


async def _ensure_database(
    admin: asyncpg.Connection, database: str, login: str, owner: str
) -> None:
    name = _quoted(database)
    if not await admin.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", database):
        await admin.execute(f"CREATE DATABASE {name} OWNER {_quoted(owner)}")
    await admin.execute(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")
    await admin.execute(f"GRANT CONNECT ON DATABASE {name} TO {_quoted(login)}")


def _quoted(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'


def _address(admin_url: str, database: str, user: str = "", password: str = "") -> str:
    parts = urlsplit(admin_url)
    place = parts.netloc.rpartition("@")[2]
    who = f"{quote(user)}:{quote(password)}" if user else parts.netloc.rpartition("@")[0]
    return urlunsplit(
        parts._replace(netloc=f"{who}@{place}" if who else place, path=f"/{database}")
    )
