"""The read model is made again from the ledger, beside the live one, and is provably the same."""

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import orjson
import pytest
import pytest_asyncio

import services.plan
from services.plan import rebuild as rebuilding
from services.plan.doors.events import CONSUMER, FoldEvents
from services.plan.rebuild import Busy, Rebuild, rebuild
from services.plan.store.made_again import MadeAgain, made_again
from services.plan.store.projection import PlanStore
from shared.chassis.database.database import Connection, Database
from shared.chassis.kafka.offsets import Transaction
from shared.chassis.policy.decide import POLICY_VERSION
from shared.chassis.settings import Settings
from shared.ledger import RecordedEvent
from shared.testing.events import History, record_of
from shared.testing.eventually import eventually
from shared.testing.hostile import as_it_comes, history_of
from shared.testing.stack import EVERY_SERVICE, TestDatabase, fresh_database

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]

FOLDERS = (
    EVERY_SERVICE,
    Path(services.plan.__path__[0]) / "migrations",
)
EVERYTHING = "SELECT * FROM plan ORDER BY plan_id"
LOCKS = """SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database
            WHERE datname = current_database()"""
COMMAND = (sys.executable, "-m", "shared.cli.main", "projection", "rebuild")


async def there_is(_: str) -> bool:
    return True


class Model:
    """A plan's database, written as the service writes it."""

    def __init__(self, database: Database, owner: asyncpg.Connection, made: TestDatabase) -> None:
        self.database = database
        self.database_url = made.url
        self.owner_url = made.owner_url
        self.owner = owner
        store = PlanStore(instance="one", policy_version=POLICY_VERSION)
        self._handle = FoldEvents(store, folded=lambda: None)

    async def take(self, *events: RecordedEvent) -> None:
        settings = Settings(service="plan")
        transaction = Transaction(CONSUMER, self.database, settings, (), there_is)
        await self._handle([record_of(event) for event in events], transaction)

    async def rows(self) -> list[asyncpg.Record]:
        return list(await self.database.pool.fetch(EVERYTHING))

    async def schema(self) -> str:
        found: str = await self.owner.fetchval(
            "SELECT table_schema FROM information_schema.view_table_usage WHERE view_name = 'plan'"
        )
        return found


@pytest_asyncio.fixture(loop_scope="session")
async def model(postgres_url: str) -> AsyncIterator[Model]:
    async with AsyncExitStack() as opened:
        made = await opened.enter_async_context(fresh_database(postgres_url, "plan", *FOLDERS))
        database = await opened.enter_async_context(Database(made.url))
        owner = await asyncpg.connect(made.owner_url)
        opened.push_async_callback(owner.close)
        yield Model(database, owner, made)


async def some_plans(model: Model) -> None:
    random = Random(7)  # noqa: S311 - histories, no secret
    for _ in range(60):
        plan_id, entries = uuid4(), [uuid4(), uuid4()]
        for batch in as_it_comes(random, history_of(random, plan_id, 15, entries)):
            await model.take(*batch)
    # One that an event has named and nothing else: it is in the model, and says nothing.
    await model.owner.execute("INSERT INTO plan (plan_id) VALUES ($1)", uuid4())


async def schemas(model: Model) -> list[str]:
    rows = await model.owner.fetch(
        "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'projection%' ORDER BY nspname"
    )
    return [row["nspname"] for row in rows]


async def the_table(model: Model, schema: str) -> list[asyncpg.Record]:
    """Its columns, options and indexes, without the name of the schema."""
    return list(
        await model.owner.fetch(
            """SELECT attname::text, format_type(atttypid, atttypmod), attnotnull::text,
                      attstorage::text
                 FROM pg_attribute WHERE attrelid = ($1 || '.plan')::regclass AND attnum > 0
               UNION ALL
               SELECT 'options', reloptions::text, '', '' FROM pg_class
                WHERE oid = ($1 || '.plan')::regclass
               UNION ALL
               SELECT 'index', regexp_replace(indexdef, '^.* USING', ''), '', '' FROM pg_indexes
                WHERE schemaname = $1
               ORDER BY 1, 2""",
            schema,
        )
    )


async def test_a_model_that_was_made_again_is_the_same_and_is_written_on(model: Model) -> None:
    await some_plans(model)
    before, table = await model.rows(), await the_table(model, "projection_v1")
    events = await model.owner.fetchval("SELECT count(*) FROM ledger.plan_ledger")
    told: list[tuple[int, int]] = []
    report = await rebuild(model.owner, tell=lambda now: told.append((now.plans, now.of_plans)))
    assert (report.plans, report.events, report.again) == (len(before), events, 0)
    assert (report.is_switched, report.differing, report.differences) == (True, 0, [])
    assert (told[0], told[-1]) == ((0, 61), (61, 61))
    assert await model.schema() == "projection_v2"
    assert await model.rows() == before
    assert await the_table(model, "projection_v2") == table
    # The planner knows the new table as it knew the old one, which is gone.
    known = "SELECT reltuples FROM pg_class WHERE oid = 'projection_v2.plan'::regclass"
    assert await model.owner.fetchval(known) == 61
    assert await schemas(model) == ["projection_v2"]
    history = History()
    await model.take(history.opened())
    again = history.event("needs", "found", uuid4(), "created", {"what": 1})
    await model.take(again)
    assert (await rebuild(model.owner)).plans == 62
    assert await model.schema() == "projection_v3"


async def test_what_is_only_compared_is_left_as_it_is(model: Model) -> None:
    await some_plans(model)
    before = await model.rows()
    report = await rebuild(model.owner, switch=False)
    assert (report.plans, report.differing, report.is_switched) == (61, 0, False)
    assert (await model.rows(), await schemas(model)) == (before, ["projection_v1"])


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE plan SET document = document || '\\x20' WHERE plan_id = $1",
        "UPDATE plan SET rest = '[]' WHERE plan_id = $1",
        "UPDATE plan SET state = 'ended' WHERE plan_id = $1",
        "UPDATE plan SET positions = '{}' WHERE plan_id = $1",
        "DELETE FROM plan WHERE plan_id = $1",
    ],
)
async def test_one_difference_stops_it_before_the_switch(model: Model, damage: str) -> None:
    histories = [History() for _ in range(3)]
    await model.take(*(history.opened() for history in histories))
    odd: UUID = histories[1].plan_id
    await model.owner.execute(damage, odd)
    before = await model.rows()
    report = await rebuild(model.owner)
    assert report.differences == [(odd, "it is not what its events give")]
    assert (report.differing, report.is_switched) == (1, False)
    assert await schemas(model) == ["projection_v1"]
    assert await model.rows() == before


async def test_what_comes_while_it_is_made_is_in_it(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Readers are served all the time, and no writer is lost between the two models."""
    monkeypatch.setattr(rebuilding, "_PLANS_AT_ONCE", 10)
    monkeypatch.setattr(rebuilding, "_FEW", 2)
    histories = [History() for _ in range(150)]
    await model.take(*(history.opened() for history in histories))
    stop = asyncio.Event()
    written = again = 0

    async def write() -> None:
        nonlocal written
        while not stop.is_set():
            history = histories[written % len(histories)]
            await model.take(history.event("needs", "found", uuid4(), "created", {"n": written}))
            written += 1

    writing = asyncio.create_task(write())
    for _ in range(3):
        before = written
        report = await rebuild(model.owner)
        assert report.is_switched
        assert written > before
        again += report.again
    stop.set()
    await writing
    assert again > 0
    assert sum(row["version"] for row in await model.rows()) == 150 + written
    assert (await rebuild(model.owner)).is_switched


async def test_what_differs_only_while_writers_wait_stops_it_as_well(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = History()
    await model.take(history.opened())
    calls = 0

    async def spoilt(connection: Connection, ids: Sequence[UUID], prefix: str) -> MadeAgain:
        nonlocal calls
        calls += 1
        if calls > 1:
            return MadeAgain([], dict.fromkeys(ids, "spoilt"), 0)
        made = await made_again(connection, ids, prefix)
        await model.take(history.event("needs", "found", uuid4(), "created", {"n": 1}))
        return made

    with monkeypatch.context() as patched:
        patched.setattr(rebuilding, "made_again", spoilt)
        report = await rebuild(model.owner)
    assert report.differences == [(history.plan_id, "spoilt")]
    assert await schemas(model) == ["projection_v1"]
    assert (await rebuild(model.owner)).is_switched


async def test_no_reader_waits_for_one_that_reads_for_long(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    await model.take(History().opened())
    monkeypatch.setattr(rebuilding, "_HELD_AT_MOST", "20ms")
    monkeypatch.setattr(rebuilding, "_ATTEMPTS", 3)
    async with model.database.pool.acquire() as reader, reader.transaction():
        await reader.fetch(EVERYTHING)
        with pytest.raises(Busy):
            await rebuild(model.owner)
        assert len(await model.rows()) == 1
    assert await schemas(model) == ["projection_v1"]
    assert (await rebuild(model.owner)).is_switched


async def test_the_longest_wait_is_told_also_where_it_was_in_vain(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    await model.take(History().opened())
    monkeypatch.setattr(rebuilding, "_HELD_AT_MOST", "200ms")
    making = rebuilding._Making
    switch = making._switch
    attempts = 0
    async with model.database.pool.acquire() as reader:
        reading = reader.transaction()
        await reading.start()
        await reader.fetch(EVERYTHING)

        async def in_vain_at_first(self: rebuilding._Making) -> None:
            nonlocal attempts
            attempts += 1
            try:
                await switch(self)
            except asyncpg.LockNotAvailableError:
                await reading.rollback()
                raise

        monkeypatch.setattr(making, "_switch", in_vain_at_first)
        report = await rebuild(model.owner)
    assert (attempts, report.is_switched) == (2, True)
    assert report.readers_waited is not None
    assert report.writers_waited is not None
    assert 0.2 <= report.readers_waited <= report.writers_waited


async def test_an_event_that_can_no_longer_be_read_is_said_so(model: Model) -> None:
    history = History()
    await model.take(history.opened())
    await model.owner.execute("UPDATE ledger.plan_ledger SET event = '{}'")
    report = await rebuild(model.owner)
    ((plan_id, reason),) = report.differences
    assert plan_id == history.plan_id
    assert reason.startswith("an event can no longer be read: It is not an event envelope")
    assert await model.schema() == "projection_v1"


async def test_what_waits_is_made_again_too(model: Model) -> None:
    history = History()
    entry_id = uuid4()
    await model.take(history.opened())
    history.event("needs", "found", entry_id, "created", {"n": 1})
    await model.take(history.event("needs", "reworded", entry_id, "amended", {"n": 2}))
    before = await model.rows()
    assert b"waiting_from_version" in before[0]["document"]
    assert (await rebuild(model.owner)).is_switched
    assert await model.rows() == before


async def test_no_other_schema_than_one_of_a_model_is_made_or_dropped(model: Model) -> None:
    await model.owner.execute("CREATE SCHEMA projection_other CREATE TABLE plan (plan_id uuid)")
    for schema in ("ledger", "public", "projection_v1", "projection_v2; DROP SCHEMA ledger"):
        with pytest.raises(ValueError, match="not a schema for a new model"):
            await rebuild(model.owner, schema)
    assert (await rebuild(model.owner)).is_switched
    assert await schemas(model) == ["projection_other", "projection_v2"]
    assert await model.rows() == []


async def careplan(*arguments: str) -> tuple[int, str, str]:
    """Exit code and both outputs of the command, in a process of its own."""
    running = await asyncio.create_subprocess_exec(
        *COMMAND, *arguments, stdout=PIPE, stderr=PIPE, env={"NO_COLOR": "1"}
    )
    out, err = await running.communicate()
    return running.returncode or 0, out.decode(), err.decode()


async def test_an_operator_is_told_what_was_done(model: Model) -> None:
    await some_plans(model)
    events = await model.owner.fetchval("SELECT count(*) FROM ledger.plan_ledger")
    code, out, err = await careplan("--database-url", model.owner_url)
    assert (code, f"61 plans with {events} events, beside projection_v1" in err) == (0, True), err
    assert "none: every plan is the same, byte for byte" in out
    assert "from projection_v1 to projection_v2" in out
    assert await model.schema() == "projection_v2"
    code, out, _ = await careplan("--database-url", model.owner_url, "--json", "--compare-only")
    told = orjson.loads(out)
    assert (code, told["switched"], told["live"]) == (0, False, "projection_v2")
    assert (told["plans"], told["events"], told["differing"]) == (61, events, 0)
    assert told["events_per_second"] > 0
    await model.owner.execute("UPDATE plan SET complete = NOT complete")
    odd = await model.owner.fetchval("SELECT plan_id FROM plan ORDER BY plan_id LIMIT 1")
    code, out, _ = await careplan("--database-url", model.owner_url)
    assert (code, f"The plan {odd} differs: it is not what its events give." in out) == (1, True)
    assert "56 more differ" in out
    assert "no: readers have projection_v2" in out


async def test_whoever_interrupts_the_commit_of_the_switch_is_told_what_readers_have(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C, when the server has the commit and the client not yet its answer."""
    await some_plans(model)
    execute, reports = asyncpg.Connection.execute, list[Rebuild]()
    is_interrupted = False

    async def interrupted(self: Connection, query: str, *given: Any, **more: Any) -> Any:
        nonlocal is_interrupted
        told = await execute(self, query, *given, **more)
        if query.startswith("CREATE OR REPLACE VIEW plan"):
            is_interrupted = True
        elif is_interrupted and query.startswith("COMMIT"):
            is_interrupted = False
            raise asyncio.CancelledError
        return told

    monkeypatch.setattr(asyncpg.Connection, "execute", interrupted)
    before = await model.schema()
    with pytest.raises(asyncio.CancelledError):
        await rebuild(model.owner, tell=reports.append)
    assert await model.schema() == reports[-1].made != before
    assert reports[-1].is_switched is True
    assert await schemas(model) == [reports[-1].made]


async def test_who_cannot_be_asked_is_named(model: Model, postgres_url: str) -> None:
    await model.take(History().opened())
    for url, says in (
        (model.database_url, "a role that may act as the owner"),  # the service's own
        (postgres_url, "it has no read model of plans"),
        (f"{model.owner_url}_that_is_not_there", "does not exist"),
        ("http://127.0.0.1/plan", "--database-url has to name"),
    ):
        code, out, err = await careplan("--database-url", url)
        assert (code, out, says in err) == (2, "", True), err
    code, _, err = await careplan("--database-url", "postgresql://nobody@127.0.0.1:1/plan")
    assert (code, err.startswith("careplan: PostgreSQL: ")) == (3, True)


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
async def test_one_that_was_ended_is_run_again(model: Model, sent: signal.Signals) -> None:
    await model.take(History().opened())
    # Whoever started the tests may have had SIGINT ignored, and that is passed on.
    as_in_a_terminal = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "from shared.cli.main import app; app()"
    )
    arguments = ("projection", "rebuild", "--database-url", model.owner_url)
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", as_in_a_terminal, *arguments), stdout=PIPE, stderr=PIPE
    )
    async with model.owner.transaction():
        # Whatever it has begun, here it stops until this transaction ends.
        await model.owner.execute("LOCK TABLE ledger.plan_parked IN ACCESS EXCLUSIVE MODE")
        await eventually(
            lambda: model.owner.fetchval(f"{LOCKS} AND NOT granted"),
            "it waits",
            holds=lambda locks: locks == 1,
        )
        code, _, err = await careplan("--database-url", model.owner_url)
        assert (code, "already being made again" in err) == (3, True)
        running.send_signal(sent)
        if sent is signal.SIGINT:
            _, told = await running.communicate()
            assert (running.returncode, b"nothing is switched" in told) == (130, True)
    await running.wait()
    await eventually(
        lambda: model.owner.fetchval(f"{LOCKS} AND locktype = 'advisory'"),
        "its server process has ended",
        holds=lambda locks: locks == 0,
    )
    assert await schemas(model) == (
        ["projection_v1"] if sent is signal.SIGINT else ["projection_v1", "projection_v2"]
    )
    assert (await careplan("--database-url", model.owner_url))[0] == 0
    assert await schemas(model) == ["projection_v2"]
