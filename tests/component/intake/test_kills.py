"""Killed at each step of its loop, intake loses nothing, doubles nothing and reorders nothing."""

import random
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from shared.chassis.kafka.event_message import header
from shared.ledger.topics import commands_topic
from shared.testing.eventually import eventually
from shared.testing.topic_reader import TopicReader
from tests.component.intake.bench import Bench, agree, binary, names_of

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]

LOCK_OF_OUTGOING, LOCK_OF_THE_RELAY = 7411, 7412
_BLOCKED = """
SELECT count(*) FROM pg_stat_activity
 WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0
"""

Hold = Callable[[asyncpg.Connection], AbstractAsyncContextManager[None]]


def contributions(plans: int, each: int) -> list[dict[str, Any]]:
    """So many of each of so many plans, in turns."""
    ids = [uuid4() for _ in range(plans)]
    return [agree(plan_id) for _ in range(each) for plan_id in ids]


@asynccontextmanager
async def in_the_transaction(connection: asyncpg.Connection) -> AsyncIterator[None]:
    """Nobody else appends what is to be published: a batch waits between fence and commit."""
    await connection.execute(f"SELECT pg_advisory_lock({LOCK_OF_OUTGOING})")
    try:
        yield
    finally:
        await connection.execute(f"SELECT pg_advisory_unlock({LOCK_OF_OUTGOING})")


@asynccontextmanager
async def before_it_is_published(connection: asyncpg.Connection) -> AsyncIterator[None]:
    """Somebody else is the relay, who publishes nothing."""
    await connection.execute(f"SELECT pg_advisory_lock({LOCK_OF_THE_RELAY})")
    try:
        yield
    finally:
        await connection.execute(f"SELECT pg_advisory_unlock({LOCK_OF_THE_RELAY})")


@asynccontextmanager
async def before_its_mark(connection: asyncpg.Connection) -> AsyncIterator[None]:
    """What is published cannot be noted: somebody else is about to note it."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute(
            "INSERT INTO relay_mark (stream, position) VALUES ('outgoing', 0)"
            " ON CONFLICT (stream) DO UPDATE SET position = relay_mark.position"
        )
        yield
    finally:
        await transaction.rollback()


@dataclass(frozen=True)
class Trial:
    """Contributions that are sent while intake is killed."""

    bench: Bench
    commands: TopicReader
    given: Sequence[dict[str, Any]]

    async def until_it_waits(self) -> None:
        """The process is at the step, and waits there."""
        await eventually(lambda: self.bench.pool.fetchval(_BLOCKED), "it is held up")

    async def until_it_is_stored(self) -> None:
        """All is committed, and nothing published."""
        await eventually(self.stored, "all is stored", holds=lambda n: n == len(self.given))

    async def until_it_is_out(self) -> None:
        """All is published, and none of it noted."""
        await self.until_published(len(self.given))
        await self.until_it_waits()

    async def until_published(self, count: int) -> None:
        """So many of them are on the topic of commands."""
        ids = {item["contribution_id"] for item in self.given}
        await self.commands.until(
            lambda records: len(ids & {*names_of(records)}) >= count, f"{count} are published"
        )

    async def stored(self) -> int:
        """How many rows are there to be published of these."""
        count: int = await self.bench.pool.fetchval(
            "SELECT count(*) FROM outgoing WHERE topic = $1"
            " AND convert_from(value, 'UTF8')::jsonb->>'contribution_id' = ANY($2::text[])",
            self.bench.prefix + commands_topic("goals"),
            [item["contribution_id"] for item in self.given],
        )
        return count

    async def finish(self) -> None:
        """Nothing is lost, doubled or reordered, once a new process has done the rest."""
        async with self.bench.in_a_process() as process:
            await process.until_ready()
            await self.until_published(len(self.given))
        assert await self.stored() == len(self.given)
        wanted: dict[bytes | None, list[str | None]] = defaultdict(list)
        for item in self.given:
            wanted[item["plan_id"].encode()].append(item["contribution_id"])
        came: dict[bytes | None, dict[str | None, None]] = defaultdict(dict)
        for record in self.commands.records:
            if record.key in wanted:
                came[record.key].setdefault(header(record, "ce_id"))
        assert {key: list(names) for key, names in came.items()} == wanted


@pytest.mark.parametrize(
    ("hold", "until", "copies"),
    [
        (in_the_transaction, Trial.until_it_waits, 1),
        (before_it_is_published, Trial.until_it_is_stored, 1),
        (before_its_mark, Trial.until_it_is_out, 2),
    ],
    ids=["in the transaction", "before it is published", "before its mark"],
)
async def test_killed_at_a_step(
    bench: Bench,
    readers: tuple[TopicReader, ...],
    hold: Hold,
    until: Callable[[Trial], Awaitable[None]],
    copies: int,
) -> None:
    trial = Trial(bench, readers[0], contributions(plans=10, each=20))
    async with bench.pool.acquire() as holding, hold(holding), bench.in_a_process() as process:
        await bench.send(*map(binary, trial.given))
        await until(trial)
        await process.kill()
    # What the server has not noticed to be gone would end what it began.
    await eventually(lambda: sessions(bench), "its sessions are gone", holds=lambda n: n == 0)
    await trial.finish()
    plans = {item["plan_id"].encode() for item in trial.given}
    came = sum(record.key in plans for record in trial.commands.records)
    assert came <= copies * len(trial.given)


async def sessions(bench: Bench) -> int:
    """Those of intake itself: of its own role."""
    count: int = await bench.pool.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND usename <> current_user"
    )
    return count


async def test_killed_again_and_again(bench: Bench, readers: tuple[TopicReader, ...]) -> None:
    """At places that nobody has chosen, while contributions come in."""
    chance = random.Random(20261201)  # noqa: S311 - the same places in every run
    given = contributions(plans=25, each=40)
    for start in range(0, len(given), 250):
        part = Trial(bench, readers[0], given[start : start + 250])
        async with bench.in_a_process() as process:
            await bench.send(*map(binary, part.given))
            await part.until_published(chance.randrange(1, len(part.given)))
            await process.kill()
    await Trial(bench, readers[0], given).finish()
