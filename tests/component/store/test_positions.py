"""Positions follow on without a hole and times never fall, whoever writes."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from shared.chassis.database.database import Database
from shared.chassis.database.outgoing import append_outgoing
from shared.chassis.store.rows import Append, Appended, Appends
from shared.testing.stack import TestDatabase
from tests.component.store.ledger import event, message, receipt

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


async def test_positions_are_contiguous_and_times_never_fall(
    replicas: tuple[Appends, Appends], owner: asyncpg.Connection
) -> None:
    async def one_entry(commits: Appends) -> list[Appended]:
        entry_id = uuid4()
        answers = []
        for version in range(1, 10, 2):
            pair = [event(entry_id, version), event(entry_id, version + 1)]
            answers.append(
                await commits.append(Append(pair, receipt(), outgoing=[message(), message()]))
            )
        return answers

    told = await asyncio.gather(*(one_entry(replicas[n % 2]) for n in range(40)))
    answers = [answer for entry in told for answer in entry]
    assert {answer.verdict for answer in answers} == {"stored"}
    rows = await owner.fetch("SELECT * FROM stored_events ORDER BY notification_id")
    assert [row["notification_id"] for row in rows] == list(range(1, 401))
    times = [row["recorded_at"] for row in rows]
    assert times == sorted(times)
    versions: dict[UUID, int] = {}
    for row in rows:
        assert row["originator_version"] == versions.get(row["originator_id"], 0) + 1
        versions[row["originator_id"]] = row["originator_version"]
    firsts = sorted(answer.first_position or 0 for answer in answers)
    assert firsts == list(range(1, 401, 2)), "two events of a request stand side by side"
    outgoing = await owner.fetch("SELECT * FROM outgoing ORDER BY position")
    assert [row["position"] for row in outgoing] == list(range(1, 401))
    assert {row["event_position"] for row in outgoing} == {first + 1 for first in firsts}
    assert await owner.fetchval("SELECT count(*) FROM receipt WHERE event_position % 2 = 0") == 200


async def test_the_time_does_not_fall_with_the_clock(
    replicas: tuple[Appends, Appends], owner: asyncpg.Connection
) -> None:
    ahead = datetime.now(UTC) + timedelta(hours=1)
    await owner.execute(
        "INSERT INTO stored_events VALUES ($1, 1, 'topic', '{}', 1, $2)", uuid4(), ahead
    )
    appended = await replicas[0].append(Append([event(uuid4(), 1)], receipt()))
    assert (appended.first_position, appended.recorded_at) == (2, ahead)
    refused = await replicas[0].append(Append((), receipt(), outgoing=[message()]))
    assert (refused.first_position, refused.recorded_at) == (None, ahead)
    assert await owner.fetchval("SELECT recorded_at FROM outgoing") == ahead


async def test_positions_of_outgoing_are_contiguous_whoever_writes(
    made: TestDatabase, replicas: tuple[Appends, Appends], owner: asyncpg.Connection
) -> None:
    async with Database(made.url) as database:

        async def in_a_transaction(number: int) -> None:
            async with database.transaction() as connection:
                await append_outgoing(connection, [message(number), message(number)])

        async def rolled_back() -> None:
            async with database.pool.acquire() as connection:
                transaction = connection.transaction()
                await transaction.start()
                await append_outgoing(connection, [message()])
                await transaction.rollback()

        await asyncio.gather(
            *(in_a_transaction(n) for n in range(30)),
            *(rolled_back() for _ in range(10)),
            *(replicas[n % 2].append(Append(outgoing=[message(n)])) for n in range(40)),
        )
    found = await owner.fetch("SELECT position, recorded_at FROM outgoing ORDER BY position")
    assert [row["position"] for row in found] == list(range(1, 101))
    times = [row["recorded_at"] for row in found]
    assert times == sorted(times)
