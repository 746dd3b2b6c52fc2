"""The audit log: sealing what was recorded, and proofs out of the tiles of a long log."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any
from uuid import UUID

import asyncpg

import services.audit
from benchmarks.measuring.clusters import Servers
from benchmarks.measuring.measure import Sample, closed_loop, must_be
from benchmarks.scenarios.append import Scenario
from services.audit.log.sealing import Sealing
from services.audit.log.signer import Signer
from services.audit.log.tree import StoredTree
from services.audit.log.witnesses import Witnesses
from services.audit.queries.search.finding import Searches
from services.audit.queries.search.language import terms_in
from services.audit.record.commitment import SALTS_BYTES
from services.audit.record.model import AuditRecord, Source, sealed
from services.audit.record.reading import record_of_message
from services.audit.store.log import add_tiles
from services.audit.store.records import AuditStore
from shared.chassis.database.database import Database
from shared.testing.stack import EVERY_SERVICE, TestDatabase, fresh_database
from shared.tlog.merkle import check_inclusion, leaf_hash
from shared.tlog.notes import SigningKey
from shared.tlog.policy import Policy
from shared.tlog.tiles import WIDTH, TileWriter

_OWN = Path(services.audit.__path__[0]) / "migrations"
_SEALED = 8_192
_BATCH = 512
# Leaves are all that a proof needs, so nothing else of these records is there.
_LEAVES = """
INSERT INTO audit_record (idx, id, kind, operation, type, recorded_at, logged_at, source_topic,
                          source_partition, source_offset, commitment, leaf)
SELECT n, n, 2, 'read', 'access.read', now(), now(), 't', 0, n, h,
       '\\x010200000000000000000000'::bytea || h
  FROM (SELECT n, sha256(int8send(n)) AS h FROM generate_series($1::bigint, $2::bigint) n) AS made
"""

# A record every so often over two years until now: 20,000 plans, 4,000 people of 40 organisations.
_SEARCHED = """
INSERT INTO audit_record (idx, id, kind, operation, type, recorded_at, logged_at, plan_id, section,
       sections, entry_id, contribution_id, change, code, actor_kind, actor_id, organisation, role,
       purpose, what, via, relationship, related_from, override, override_id, plan_version,
       source_topic, source_partition, source_offset, commitment, leaf)
SELECT n, n, 2, done,
       CASE done WHEN 'change' THEN 'careplan.goals.agreed.v1' ELSE 'access.read' END,
       at, at + interval '1 second', lpad(to_hex(p + 1), 32, '0')::uuid,
       CASE WHEN done = 'change' THEN 'goals' END, ARRAY['about-me', 'goals', 'needs'],
       CASE WHEN done = 'change' THEN lpad(to_hex(p + 1), 32, '0')::uuid END,
       CASE WHEN done IN ('change', 'refusal') THEN lpad(to_hex(n + 1), 32, '0')::uuid END,
       CASE WHEN done = 'change' AND n % 997 = 0 THEN 'withdrawn'
            WHEN done = 'change' THEN 'amended' END,
       CASE done WHEN 'denial' THEN 'no-live-relationship'
                 WHEN 'refusal' THEN 'base-version-stale' END,
       'professional', 'sub-' || a, 'ZZG' || lpad((a % 40)::text, 2, '0'),
       CASE a % 200 WHEN 0 THEN 'social worker' ELSE 'gp' END,
       CASE WHEN n % 5000 = 0 THEN 'emergency' WHEN done <> 'change' THEN 'direct-care' END,
       CASE WHEN done IN ('change', 'refusal') THEN NULL WHEN n % 700 = 0 THEN 'diff'
            ELSE 'plan' END,
       'api', CASE WHEN n % 5000 = 0 OR done = 'change' THEN NULL ELSE 'registered' END,
       CASE WHEN done <> 'change' THEN at - interval '90 days' END,
       CASE WHEN n % 5000 = 0 THEN 'break-glass' END,
       CASE WHEN n % 5000 = 0 THEN lpad(to_hex(n + 1), 32, '0')::uuid END,
       n % 40 + 1, 't', 0, n, h, '\\x010200000000000000000000'::bytea || h
  FROM (SELECT n, sha256(int8send(n)) AS h, (n * 7919) % 20000 AS p, (n * 104729) % 4000 AS a,
               now() - ($3::float8 - n) * (interval '730 days' / $3::float8) AS at,
               CASE WHEN n % 20 < 16 OR n % 5000 = 0 THEN 'read' WHEN n % 20 < 18 THEN 'change'
                    WHEN n % 100 = 98 THEN 'denial' WHEN n % 1000 = 999 THEN 'refusal'
                    ELSE 'query' END AS done
          FROM generate_series($1::bigint, $2::bigint) n) AS made
"""
_PAYLOADS = """
INSERT INTO audit_payload (idx, salts, groups)
SELECT n, decode(repeat('00', 384), 'hex'), $3 FROM generate_series($1::bigint, $2::bigint) n
"""
_PLAN = f"{'0' * 8}-0000-0000-0000-{7919 + 1:012x}"
_LONG_AGO = f"created:{(datetime.now(UTC) - timedelta(days=600)).date()}"
_ASKED = (
    "",
    "operation:read",
    "operation:denial,refusal",
    "-operation:read,query",
    "actor:sub-1200",
    "actor.org:ZZG07",
    'actor.org:ZZG00 role:"social worker"',
    "what:diff",
    "what:diff via:api",
    "event:careplan.goals.agreed.v1",
    "section:goals -role:gp",
    "relationship:registered purpose:direct-care version:7",
    "code:no-live-relationship",
)


async def seal(servers: Servers, _: float) -> Sample:
    """Records in batches, and then one sealing of all of them: hashed twice, in tiles, signed."""
    async with _audit(servers) as (made, database):
        store = AuditStore(database)
        for start in range(0, _SEALED, _BATCH):
            async with database.transaction() as connection:
                await store.append(connection, [_record(start + n) for n in range(_BATCH)])
        await servers.checkpoint()
        with TemporaryDirectory() as folder:
            signer = Signer(SigningKey.made("log.example/bench"), Path(folder) / "signed")
            connection = await asyncpg.connect(made.url)
            try:
                async with Witnesses(Policy()) as witnesses:
                    sealing = Sealing(connection, signer, witnesses)
                    await sealing.begin()
                    began, used = perf_counter(), process_time()
                    while note := await sealing.seal():
                        await sealing.show(note)
                    took, worked = perf_counter() - began, process_time() - used
            finally:
                await connection.close()
        must_be("records sealed", sealing.size, _SEALED)
    return Sample(
        count=_SEALED, rate=_SEALED / took, processor_us={"audit": worked / _SEALED * 1e6}
    )


def proofs(size: int) -> Scenario:
    """Inclusion proofs of records anywhere in a log of this size, 16 in flight."""

    async def scenario(servers: Servers, seconds: float) -> Sample:
        async with _audit(servers) as (made, database):
            await _grow(made, size)
            await servers.checkpoint()
            tree, chosen = StoredTree(database), random.Random(size)  # noqa: S311 - places to prove
            root = await tree.root(size)
            found: dict[int, list[bytes]] = {}

            async def call(_: int) -> None:
                idx = chosen.randrange(size)
                found[idx] = await tree.inclusion(idx, size)

            sample = await closed_loop(16, seconds, call)
            for idx in [*found][:500]:
                [row] = await database.fetch("SELECT leaf FROM audit_record WHERE idx = $1", idx)
                check_inclusion(idx, size, leaf_hash(row["leaf"]), found[idx], root)
        return sample

    return scenario


def searches(size: int) -> Scenario:
    """Searches of a log of so many records over two years, one after the other: page and count.

    Half of them ask about a day long ago. ``facts`` has the slowest of each, in milliseconds.
    """

    async def scenario(servers: Servers, seconds: float) -> Sample:
        async with _audit(servers) as (made, database):
            owner = await asyncpg.connect(made.owner_url, command_timeout=1_800)
            try:
                for start in range(0, size, 100_000):
                    end = min(size, start + 100_000) - 1
                    await owner.execute(_SEARCHED, start, end, size)
                    await owner.execute(_PAYLOADS, start, end, _groups())
                await owner.execute("VACUUM ANALYZE audit_record, audit_payload")
            finally:
                await owner.close()
            await servers.checkpoint()
            found = Searches(database, "Europe/London")
            asked = [one for text in _ASKED for one in (text, f"{text} {_LONG_AGO}")]
            took: dict[str, float] = dict.fromkeys(asked, 0.0)
            calls = 0

            async def call(_: int) -> None:
                nonlocal calls
                text, calls = asked[calls % len(asked)], calls + 1
                began = perf_counter()
                sought = found.read(terms_in(text))
                page = await found.page(sought, 50, None, shows_authn=True)
                count = await found.count(sought)
                took[text] = max(took[text], (perf_counter() - began) * 1_000)
                must_be(f"records of {text}", len(page), min(50, count))
                must_be(f"something of {text}", count > 0 or text.endswith(_LONG_AGO), True)

            for text in asked:  # whatever is read for the first time is read from the disk
                await call(asked.index(text))
            took.update(dict.fromkeys(asked, 0.0))
            sample = await closed_loop(1, max(seconds, 30.0), call)
            return replace(sample, facts=took)

    return scenario


async def select_one(servers: Servers, seconds: float) -> Sample:
    """``SELECT 1`` through the same pool, 16 in flight."""
    async with _audit(servers) as (_, database):

        async def call(_: int) -> None:
            await database.fetch("SELECT 1")

        return await closed_loop(16, seconds, call)


@asynccontextmanager
async def _audit(servers: Servers) -> AsyncIterator[tuple[TestDatabase, Database]]:
    async with (
        fresh_database(servers.postgres_url, "audit", EVERY_SERVICE, _OWN) as made,
        Database(made.url) as database,
    ):
        yield made, database


async def _grow(made: TestDatabase, size: int) -> None:
    owner = await asyncpg.connect(made.owner_url, command_timeout=600)
    try:
        writer = TileWriter()
        for start in range(0, size, 128 * WIDTH):
            end = min(size, start + 128 * WIDTH)
            await owner.execute(_LEAVES, start, end - 1)
            rows = await owner.fetch(
                "SELECT leaf FROM audit_record WHERE idx >= $1 ORDER BY idx", start
            )
            full = [one for row in rows for one in writer.append(leaf_hash(row["leaf"]))]
            await add_tiles(owner, full)
        await owner.execute("ANALYZE")
    finally:
        await owner.close()


def _groups() -> bytes:
    """What the groups of a record say, about as long as that of a read."""
    told = record_of_message(_told(7), None, Source("careplan.audit.records.v1", 0, 7))
    return sealed(told, bytes(SALTS_BYTES), datetime.now(UTC)).groups


def _record(number: int) -> AuditRecord:
    return record_of_message(_told(number), None, Source("careplan.audit.records.v1", 0, number))


def _told(number: int) -> dict[str, Any]:
    return {
        "record_id": f"read-{number}",
        "at": "2026-11-24T08:00:00.5Z",
        "operation": "read",
        "actor": {
            "kind": "professional",
            "id": f"sub-{number % 500}",
            "name": "Dr A. Quill-Synth",
            "role": "gp",
            "organisation": {"ods": "ZZG01", "name": "Quill Surgery"},
        },
        "plan_id": str(UUID(int=number % 2_000)),
        "what": "plan",
        "purpose": "direct-care",
        "plan_version": number % 40 + 1,
        "sections": ["about-me", "goals", "needs"],
        "status": 200,
        "body_sha256": f"{number:064x}",
        "body_length": 18_211,
    }
