"""Contributions are not intake's to keep: what was passed on long ago is removed, and no more."""

import asyncpg
import pytest

from services.intake.store import Forgetting
from shared.chassis.database.database import Database
from shared.testing.eventually import eventually
from tests.component.intake.bench import Bench, Running, agree, binary

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]

MARK = "SELECT position FROM relay_mark WHERE stream = 'outgoing'"


async def test_only_what_is_published_and_old_is_removed(bench: Bench, intake: Running) -> None:
    given = [agree() for _ in range(7)]
    await bench.send(*map(binary, given))
    for item in given:
        await intake.command(item)
    rows = await positions(bench.pool)
    await eventually(
        lambda: bench.pool.fetchval(MARK), "all is noted", holds=lambda n: n == rows[-1]
    )
    async with Database(bench.database.url) as database:
        forgetting = Forgetting(database, 14)
        assert await forgetting.forget() == 0
        old = "UPDATE outgoing SET recorded_at = recorded_at - interval '15 days'"
        await bench.pool.execute(f"{old} WHERE position < $1", rows[-2])
        assert await forgetting.forget() == len(rows) - 2
        # The row at the mark is the last of its kind: positions go on from it.
        await bench.pool.execute(old)
        assert await forgetting.forget() == 1
        assert await forgetting.forget() == 0
    assert await positions(bench.pool) == rows[-1:]
    after = agree()
    await bench.send(binary(after))
    await intake.command(after)
    assert await positions(bench.pool) == [rows[-1], rows[-1] + 1]


async def positions(pool: asyncpg.Pool) -> list[int]:
    return [row["position"] for row in await pool.fetch("SELECT position FROM outgoing ORDER BY 1")]
