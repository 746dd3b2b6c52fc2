"""A database that is away or slow makes appends wait or fail, and changes nothing of the past."""

import asyncio
from contextlib import suppress
from functools import partial
from uuid import uuid4

import asyncpg
import pytest

from shared.chassis.database.database import TRANSIENT, Database
from shared.chassis.database.outgoing import Outgoing
from shared.chassis.store.group_commit import QueueFull, Unavailable
from shared.chassis.store.rows import Append, Appends, StoredRow, appends
from shared.testing.eventually import LONG_ENOUGH, eventually
from shared.testing.stack import TestDatabase
from tests.component.store.ledger import (
    Proxy,
    event,
    message,
    nobody_can_append,
    receipt,
    stored,
    until_waiting_for_the_lock,
)

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


async def test_an_answer_lost_after_the_commit_is_given_by_the_receipt(
    proxy: Proxy, owner: asyncpg.Connection
) -> None:
    handed: list[StoredRow] = []
    async with appends(proxy.url, on_commit=lambda rows, _: handed.extend(rows)) as commits:
        await commits.append(Append([event(uuid4(), 1)], receipt()))
        proxy.lose_the_next_answer()
        entries = [uuid4() for _ in range(3)]
        answers = await asyncio.gather(
            *(
                commits.append(Append([event(e, 1)], receipt(), outgoing=[message()]))
                for e in entries
            )
        )
        assert proxy.lost.is_set()
        assert "repeated" in {answer.verdict for answer in answers}
        assert {a.receipt_position or a.first_position for a in answers} == {2, 3, 4}
    assert len(await stored(owner)) == 4
    assert await owner.fetchval("SELECT count(*) FROM receipt") == 4
    assert await owner.fetchval("SELECT count(*) FROM outgoing") == 3


async def test_an_answer_lost_without_a_receipt_is_not_guessed(
    proxy: Proxy, owner: asyncpg.Connection
) -> None:
    async with appends(proxy.url) as commits:
        await commits.append(Append([event(uuid4(), 1)], receipt()))
        proxy.lose_the_next_answer()
        entry_id = uuid4()
        with pytest.raises(Unavailable):
            await commits.append(Append([event(entry_id, 1)]))
        assert (await commits.append(Append([event(entry_id, 1)]))).verdict == "stale"
    assert len(await stored(owner)) == 2


async def test_a_connection_that_is_ended_in_the_append_changes_nothing(
    made: TestDatabase, owner: asyncpg.Connection
) -> None:
    async with appends(made.url) as commits:
        async with nobody_can_append(made):
            under_way = [
                asyncio.create_task(commits.append(Append([event(uuid4(), 1)], receipt())))
                for _ in range(5)
            ]
            for _ in range(2):
                (pid,) = await until_waiting_for_the_lock(owner)
                await owner.execute("SELECT pg_terminate_backend($1)", pid)
                await eventually(partial(_has_ended, owner, pid), "the session has ended")
        answers = await asyncio.gather(*under_way)
    assert {answer.verdict for answer in answers} == {"stored"}
    assert len(await stored(owner)) == 5


async def test_a_server_that_fails_to_make_a_connection_is_asked_again(
    proxy: Proxy, owner: asyncpg.Connection
) -> None:
    """Kind: an error that is for good in a statement, and passes where a connection is made."""
    async with appends(proxy.url) as commits, Database(proxy.url) as database:
        await proxy.fail_to_connect()
        waiting = asyncio.create_task(commits.append(Append([event(uuid4(), 1)], receipt())))
        await asyncio.wait_for(proxy.failed.wait(), LONG_ENOUGH)
        with pytest.raises(TRANSIENT):
            await database.pool.fetchval("SELECT 1")
        assert not await database.is_answering()
        await proxy.go_away()
        await proxy.come_back()
        assert (await waiting).verdict == "stored"
        assert commits.is_alive
        assert await eventually(database.is_answering, "the database answers again")
        assert await database.pool.fetchval("SELECT 1") == 1
    assert len(await stored(owner)) == 1


async def test_while_the_database_is_away_appends_wait(
    proxy: Proxy, owner: asyncpg.Connection
) -> None:
    async with appends(proxy.url) as patient, appends(proxy.url, patience=0.3) as hasty:
        await proxy.go_away()
        waiting = asyncio.create_task(patient.append(Append([event(uuid4(), 1)], receipt())))
        given_up = uuid4()
        with pytest.raises(Unavailable):
            await hasty.append(Append([event(given_up, 1)], receipt()))
        assert not waiting.done()
        await proxy.come_back()
        assert (await waiting).verdict == "stored"
        again = Append([event(given_up, 1)], receipt())

        async def verdict() -> str | None:
            with suppress(Unavailable):
                return (await hasty.append(again)).verdict
            return None

        assert await eventually(verdict, "it stores again") in {"stored", "repeated"}
    assert len(await stored(owner)) == 2


async def _has_ended(owner: asyncpg.Connection, pid: int) -> bool:
    there = await owner.fetchval("SELECT count(*) FROM pg_stat_activity WHERE pid = $1", pid)
    return bool(there == 0)


async def test_a_server_that_has_become_read_only_is_waited_for(
    made: TestDatabase, owner: asyncpg.Connection
) -> None:
    name = await owner.fetchval("SELECT current_database()")
    async with appends(made.url) as commits:
        await owner.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        try:
            async with nobody_can_append(made):
                append = asyncio.create_task(commits.append(Append([event(uuid4(), 1)], receipt())))
                (pid,) = await until_waiting_for_the_lock(owner)
                await owner.execute("SELECT pg_terminate_backend($1)", pid)
            await eventually(lambda: commits._failed_in_a_row > 2, "it has tried several times")
            assert not append.done()
        finally:
            await owner.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
        assert (await append).verdict == "stored"


async def test_a_full_queue_takes_no_more(made: TestDatabase, owner: asyncpg.Connection) -> None:
    async with appends(made.url, queue_limit=3) as commits:
        async with nobody_can_append(made):
            in_hand = asyncio.create_task(commits.append(Append([event(uuid4(), 1)], receipt())))
            await until_waiting_for_the_lock(owner)
            queued = [
                asyncio.create_task(commits.append(Append([event(uuid4(), 1)], receipt())))
                for _ in range(3)
            ]
            await eventually(lambda: commits.waiting == 3, "three wait")
            with pytest.raises(QueueFull):
                await commits.append(Append([event(uuid4(), 1)], receipt()))
        answers = await asyncio.gather(in_hand, *queued)
    assert [answer.verdict for answer in answers] == ["stored"] * 4
    assert len(await stored(owner)) == 4


async def test_a_queue_full_of_bytes_takes_no_more(
    made: TestDatabase, owner: asyncpg.Connection
) -> None:
    async with appends(made.url, queue_bytes=1_000) as commits:
        for _ in range(2):  # what has left the queue no longer counts
            async with nobody_can_append(made):
                first = Append([event(uuid4(), 1, b"x" * 5_000)], receipt())
                in_hand = asyncio.create_task(commits.append(first))
                await until_waiting_for_the_lock(owner)
                # One that is larger than the bound is taken where nothing waits.
                large = Append(outgoing=[Outgoing("somewhere", b"key", (), b"x" * 900)])
                queued = [asyncio.create_task(commits.append(large))]
                await eventually(lambda: commits.waiting == 1, "one waits")
                with pytest.raises(QueueFull):
                    await commits.append(Append([event(uuid4(), 1, b"x" * 200)], receipt()))
                queued.append(asyncio.create_task(commits.append(Append((), receipt()))))
                await eventually(lambda: commits.waiting == 2, "two wait")
            answers = await asyncio.gather(in_hand, *queued)
            assert [answer.verdict for answer in answers] == ["stored"] * 3


async def test_what_a_cancelled_caller_appended_is_stored(
    made: TestDatabase, owner: asyncpg.Connection
) -> None:
    async with appends(made.url) as commits:
        async with nobody_can_append(made):
            flushed = asyncio.create_task(commits.append(Append([event(uuid4(), 1)], receipt())))
            await until_waiting_for_the_lock(owner)
            queued = asyncio.create_task(commits.append(Append([event(uuid4(), 1)], receipt())))
            await eventually(lambda: commits.waiting == 1, "the second waits")
            for task in (flushed, queued):
                task.cancel()
            await asyncio.gather(flushed, queued, return_exceptions=True)
        assert (await commits.append(Append(outgoing=[message()]))).verdict == "stored"
    assert len(await stored(owner)) == 2


async def test_whoever_waits_at_the_end_is_told(
    made: TestDatabase, owner: asyncpg.Connection
) -> None:
    async with nobody_can_append(made):
        async with appends(made.url) as commits:
            in_hand = asyncio.create_task(commits.append(Append([event(uuid4(), 1)], receipt())))
            await until_waiting_for_the_lock(owner)
            queued = asyncio.create_task(commits.append(Append([event(uuid4(), 1)], receipt())))
            await eventually(lambda: commits.waiting == 1, "the second waits")
        for task in (in_hand, queued):
            with pytest.raises(Unavailable):
                await asyncio.wait_for(task, LONG_ENOUGH)
        with pytest.raises(Unavailable):
            await commits.append(Append(outgoing=[message()]))
        assert not commits.is_alive


@pytest.mark.parametrize("table", ["stored_events", "receipt", "outgoing"])
async def test_the_service_cannot_change_the_past(
    made: TestDatabase, replicas: tuple[Appends, Appends], table: str
) -> None:
    await replicas[0].append(Append([event(uuid4(), 1)], receipt(), outgoing=[message()]))
    service = await asyncpg.connect(made.url)
    try:
        for statement in (
            f"UPDATE {table} SET recorded_at = now()",  # noqa: S608 - one of three
            f"DELETE FROM {table}",  # noqa: S608
            f"TRUNCATE {table}",
            f"DROP TABLE {table}",
            f"ALTER TABLE {table} ALTER recorded_at DROP NOT NULL",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await service.execute(statement)
    finally:
        await service.close()
