"""A log of its own for each test: records without Kafka, a key, and sealings of it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import orjson

from services.audit.log.sealing import Sealing
from services.audit.log.signer import Signer
from services.audit.log.tree import StoredTree
from services.audit.log.witnesses import Witnesses
from services.audit.record.model import AuditRecord, Source, sealed
from services.audit.record.reading import record_of_message
from services.audit.store.records import AuditStore
from shared.tlog.notes import SigningKey
from shared.tlog.policy import Policy
from tests.component.audit.bench import Bench, refusal

ORIGIN = "log.example/careplan/test"


def record(number: int) -> AuditRecord:
    told = orjson.loads(refusal(number).value or b"")
    return record_of_message(told, None, Source("careplan.audit.records.v1", 0, number))


def made_key(folder: Path) -> Path:
    """The file of a new key, with nothing signed yet."""
    path = folder / "log.key"
    path.touch(mode=0o600)
    path.write_text(SigningKey.made(ORIGIN).text)
    return path


class Log:
    """The tables of a log, the file of its key, and whatever a test does to them."""

    def __init__(self, bench: Bench, key: Path) -> None:
        self.bench = bench
        self.key = key
        self.recorded = 0

    async def record(self, count: int) -> None:
        """Add so many records in one transaction."""
        records = [record(self.recorded + number) for number in range(count)]
        async with self.bench.database.transaction() as connection:
            await AuditStore(self.bench.database).append(connection, records)
        self.recorded += count

    @asynccontextmanager
    async def sealing(
        self, kind: type[Sealing] = Sealing, policy: Policy | None = None, **others: Any
    ) -> AsyncIterator[Sealing]:
        """A sealing on a connection of its own, which has not begun."""
        connection = await asyncpg.connect(self.bench.made.url)
        try:
            async with Witnesses(policy or Policy(), **others) as witnesses:
                yield kind(connection, Signer.of(str(self.key)), witnesses)
        finally:
            connection.terminate()

    async def seal(self, policy: Policy | None = None, **others: Any) -> int:
        """Begin anew, seal all there is, and show it; how far it is sealed."""
        async with self.sealing(policy=policy, **others) as sealing:
            await sealing.begin()
            while note := await sealing.seal():
                await sealing.show(note)
            return sealing.size

    async def checkpoints(self) -> list[dict[str, Any]]:
        return await self.bench.rows("SELECT * FROM log_checkpoint ORDER BY size")

    async def tampered(self, *statements: str) -> None:
        """Do what only somebody with the whole server can do: nothing there refuses it."""
        owner = await asyncpg.connect(self.bench.made.owner_url)
        try:
            await owner.execute("SET session_replication_role = replica")
            for statement in statements:
                await owner.execute(statement)
        finally:
            await owner.close()

    async def cut_off(self, count: int) -> None:
        """Leave only the first records, as if there had never been more."""
        await self.tampered(
            f"DELETE FROM audit_payload WHERE idx >= {count:d}",  # noqa: S608 - a number
            f"DELETE FROM audit_record WHERE idx >= {count:d}",  # noqa: S608 - a number
        )
        self.recorded = count

    async def put_back_to(self, size: int) -> None:
        """The database as it was when it had so many records, all of them signed."""
        await self.cut_off(size)
        await self.tampered(
            f"DELETE FROM log_witnessing WHERE size > {size:d}",  # noqa: S608 - a number
            f"DELETE FROM log_checkpoint WHERE size > {size:d}",  # noqa: S608 - a number
        )

    async def write_anew(self, idx: int, name: str) -> None:
        """Another name in a record, with commitment and leaf computed again to fit it."""
        was = record(idx)
        groups = {**was.groups, "actor": {**was.groups["actor"], "name_at_time": name}}
        [row] = await self.bench.rows("SELECT logged_at FROM audit_record WHERE idx = $1", idx)
        made = sealed(was._replace(groups=groups), bytes(range(256)) + bytes(128), row["logged_at"])
        owner = await asyncpg.connect(self.bench.made.owner_url)
        try:
            await owner.execute("SET session_replication_role = replica")
            await owner.execute(
                "UPDATE audit_payload SET salts = $2, groups = $3 WHERE idx = $1",
                *(idx, made.salts, made.groups),
            )
            await owner.execute(
                "UPDATE audit_record SET commitment = $2, leaf = $3 WHERE idx = $1",
                *(idx, made.commitment, made.leaf),
            )
        finally:
            await owner.close()

    async def leaves(self) -> list[bytes]:
        rows = await self.bench.rows("SELECT leaf FROM audit_record ORDER BY idx")
        return [row["leaf"] for row in rows]

    @property
    def tree(self) -> StoredTree:
        return StoredTree(self.bench.database.pool)


def is_growing(checkpoints: Sequence[dict[str, Any]]) -> bool:
    sizes = [row["size"] for row in checkpoints]
    return sizes == sorted(set(sizes))
