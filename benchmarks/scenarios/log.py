"""The audit log: sealing what was recorded, and proofs out of the tiles of a long log."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
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
from services.audit.record.model import AuditRecord, Source
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


def _record(number: int) -> AuditRecord:
    told = {
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
    return record_of_message(told, None, Source("careplan.audit.records.v1", 0, number))
