"""The raw limit of appends: PostgreSQL's own pgbench, a C client without a thought."""

import asyncio
import re
import secrets
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from benchmarks.measuring.clusters import Servers
from benchmarks.measuring.measure import Sample, must_be
from benchmarks.scenarios.subject import sample_state

_TPS = re.compile(r"tps = ([\d.]+) \(without initial")
_DONE = re.compile(r"transactions actually processed: (\d+)")
_MEAN = re.compile(r"latency average = ([\d.]+) ms")


async def single_row_inserts(servers: Servers, clients: int, seconds: float) -> Sample:
    """Single-row INSERTs of an event's bytes into a table without an index, prepared."""
    name = f"bare_{secrets.token_hex(4)}"
    admin = await asyncpg.connect(servers.postgres_url)
    try:
        await admin.execute(f"CREATE DATABASE {name}")
        url = _of(servers.postgres_url, name)
        inside = await asyncpg.connect(url)
        try:
            await inside.execute("CREATE TABLE bare (state bytea NOT NULL)")
            told = await _pgbench(servers, url, clients, seconds)
            stored = await inside.fetchval("SELECT count(*) FROM bare")
        finally:
            await inside.close()
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await admin.close()
    done = int(_found(_DONE, told))
    must_be("rows that pgbench stored", stored, done)
    return Sample(done, float(_found(_TPS, told)), p50_ms=float(_found(_MEAN, told)))


async def _pgbench(servers: Servers, url: str, clients: int, seconds: float) -> str:
    script = servers.folder / "insert.sql"
    script.write_text(f"INSERT INTO bare VALUES ('\\x{sample_state().hex()}');\n")  # noqa: S608
    running = await asyncio.create_subprocess_exec(
        str(servers.binaries / "pgbench"),
        *("-n", "-M", "prepared", "-f", str(script)),
        *("-c", str(clients), "-j", str(min(2, clients)), "-T", str(max(1, round(seconds)))),
        url,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    told, _ = await running.communicate()
    must_be("pgbench ended with", running.returncode, 0)
    return told.decode()


def _found(pattern: re.Pattern[str], told: str) -> str:
    found = pattern.search(told)
    if found is None:
        raise ValueError(told)
    return found[1]


def _of(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))
