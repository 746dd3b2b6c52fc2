"""A service's database on a real PostgreSQL: its two roles, its migrations, and who is kept out."""

import asyncio
import uuid
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from deploy.local.servers.databases import create_service_database, drop_database
from shared.chassis.database.database import TRANSIENT, UNREACHABLE, Database, PoolBusy
from shared.chassis.database.migrate import MigrationChanged
from shared.testing.eventually import eventually

pytestmark = [pytest.mark.component, pytest.mark.asyncio]

_TABLE = "CREATE TABLE thing (x int); GRANT SELECT, INSERT ON thing TO ledger_writer;"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "0001_thing.sql").write_text(_TABLE)
    return folder


@pytest.fixture
def suffix() -> str:
    return f"_{uuid.uuid4().hex[:8]}"


async def test_the_service_uses_its_tables_and_owns_none(
    postgres_url: str, folder: Path, suffix: str
) -> None:
    url = await create_service_database(postgres_url, "goals", [folder], suffix)
    service = await asyncpg.connect(url)
    try:
        await service.execute("INSERT INTO thing VALUES (1)")
        for forbidden in ("UPDATE thing SET x = 2", "DROP TABLE thing", "CREATE TABLE other ()"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await service.execute(forbidden)
    finally:
        await service.close()
        await drop_database(postgres_url, url)


async def test_no_service_connects_to_the_database_of_another(
    postgres_url: str, folder: Path, suffix: str
) -> None:
    goals = await create_service_database(postgres_url, "goals", [folder], suffix)
    person = await create_service_database(postgres_url, "person", [folder], suffix)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await asyncpg.connect(
                goals.replace(f"/careplan_goals{suffix}", f"/careplan_person{suffix}")
            )
    finally:
        await drop_database(postgres_url, goals)
        await drop_database(postgres_url, person)


async def test_a_migration_is_applied_once_by_whoever_comes_first(
    postgres_url: str, folder: Path, suffix: str
) -> None:
    url = await create_service_database(postgres_url, "goals", [folder], suffix)
    (folder / "0002_more.sql").write_text("ALTER TABLE thing ADD COLUMN y int;")
    again = (create_service_database(postgres_url, "goals", [folder], suffix) for _ in range(3))
    assert set(await asyncio.gather(*again)) == {url}
    admin = await asyncpg.connect(postgres_url.rpartition("/")[0] + f"/careplan_goals{suffix}")
    try:
        names = await admin.fetch("SELECT name FROM schema_migration ORDER BY applied_at")
        owner = await admin.fetchval("SELECT tableowner FROM pg_tables WHERE tablename = 'thing'")
        files = [row["name"].rpartition("/")[2] for row in names]
        assert files == ["0001_thing.sql", "0002_more.sql"]
        assert owner == "careplan_goals_owner"
    finally:
        await admin.close()
        await drop_database(postgres_url, url)


async def test_a_migration_that_was_applied_may_not_change(
    postgres_url: str, folder: Path, suffix: str
) -> None:
    url = await create_service_database(postgres_url, "goals", [folder], suffix)
    (folder / "0001_thing.sql").write_text(_TABLE + "\nSELECT 1;")
    try:
        with pytest.raises(MigrationChanged, match="0001_thing"):
            await create_service_database(postgres_url, "goals", [folder], suffix)
    finally:
        await drop_database(postgres_url, url)


async def test_a_database_of_an_older_version_is_recognised_by_a_migration_that_is_gone(
    postgres_url: str, folder: Path, suffix: str
) -> None:
    url = await create_service_database(postgres_url, "goals", [folder], suffix)
    (folder / "0001_thing.sql").rename(folder / "0001_other.sql")
    try:
        with pytest.raises(MigrationChanged, match="0001_thing"):
            await create_service_database(postgres_url, "goals", [folder], suffix)
    finally:
        await drop_database(postgres_url, url)


async def test_a_migration_that_fails_leaves_nothing_of_itself(
    postgres_url: str, folder: Path, suffix: str
) -> None:
    url = await create_service_database(postgres_url, "goals", [folder], suffix)
    (folder / "0002_broken.sql").write_text("CREATE TABLE half (x int); SELECT nonsense;")
    try:
        with pytest.raises(asyncpg.UndefinedColumnError):
            await create_service_database(postgres_url, "goals", [folder], suffix)
        (folder / "0002_broken.sql").write_text("CREATE TABLE half (x int);")
        assert await create_service_database(postgres_url, "goals", [folder], suffix) == url
    finally:
        await drop_database(postgres_url, url)


async def test_nobody_waits_for_ever_for_a_connection_and_only_so_many_wait(
    postgres_url: str,
) -> None:
    """Kind: a wait without an end, and a line of those who wait without a bound."""
    async with Database(postgres_url, size=1, wait_seconds=0.3, waiting_limit=5) as database:
        pool = database.pool
        async with pool.acquire():
            waiting = [asyncio.create_task(pool.fetchval("SELECT 1")) for _ in range(5)]
            await asyncio.sleep(0)
            with pytest.raises(PoolBusy):
                await pool.fetchval("SELECT 1")
            assert not any(one.done() for one in waiting), "at once: before anybody gave up"
            # Whether the database answers is asked beside all of them.
            await eventually(database.is_answering, "it answers")
            ended = await asyncio.gather(*waiting, return_exceptions=True)
            assert [type(error) for error in ended] == [TimeoutError] * 5
            with pytest.raises(TimeoutError):
                async with database.transaction():
                    pass
            assert isinstance(PoolBusy(), UNREACHABLE), "a door answers it as it does a lost one"

        async def asked() -> list[Any]:
            asking = (pool.fetchval("SELECT 1") for _ in range(5))
            answers: list[Any] = await asyncio.gather(*asking, return_exceptions=True)
            return answers

        assert PoolBusy not in map(type, await asked()), "no place is lost"
        await eventually(asked, "each has its turn", holds=lambda answers: answers == [1] * 5)


async def test_a_database_that_is_away_does_not_answer_and_does_again(postgres_url: str) -> None:
    async with Database(postgres_url) as database:
        assert await database.is_answering()
        admin = await asyncpg.connect(postgres_url)
        # The services of other tests have theirs in databases of their own.
        mine = "application_name = 'careplan-probe' AND datname = current_database()"
        ended = await admin.fetchval(
            f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE {mine}"  # noqa: S608
        )
        await admin.close()
        assert ended == 1
        answers = [await database.is_answering() for _ in range(2)]
        assert answers[-1]
    away = Database("postgresql://nobody@127.0.0.1:1/nowhere")
    assert not await away.is_answering()


async def test_a_connection_to_a_server_that_is_read_only_is_not_taken_back(
    postgres_url: str, folder: Path, suffix: str
) -> None:
    """Kind: a pool hands out for minutes what has just turned out to be of no use."""
    url = await create_service_database(postgres_url, "goals", [folder], suffix)
    name = url.rpartition("/")[2]
    admin = await asyncpg.connect(postgres_url)
    try:
        await admin.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        async with Database(url, size=1) as database:

            async def in_a_transaction() -> None:
                async with database.transaction() as connection:
                    await connection.execute("INSERT INTO thing VALUES (1)")

            async def by_the_pool() -> None:
                await database.pool.execute("INSERT INTO thing VALUES (1)")

            for write in (in_a_transaction, by_the_pool):
                with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
                    await write()
                await admin.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
                await write()
                await admin.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
                await database.pool.expire_connections()
    finally:
        await admin.close()
        await drop_database(postgres_url, url)


async def test_a_lock_that_is_not_given_in_time_is_trouble_for_a_while(
    postgres_url: str, folder: Path, suffix: str
) -> None:
    url = await create_service_database(postgres_url, "goals", [folder], suffix)
    try:
        async with Database(url, size=2) as database, database.transaction() as other:
            await other.execute("SELECT pg_advisory_xact_lock(1)")
            with pytest.raises(TRANSIENT):
                await database.pool.execute(
                    "SET lock_timeout = '20ms'; SELECT pg_advisory_xact_lock(1)"
                )
    finally:
        await drop_database(postgres_url, url)
