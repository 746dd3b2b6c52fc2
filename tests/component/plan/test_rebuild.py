"""The read model is made again from the ledger, beside the live one, and is provably the same."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio

import services.plan
from services.plan import rebuild as rebuilding
from services.plan.doors.events import CONSUMER, FoldEvents
from services.plan.rebuild import EventUnreadable, ModelsDiffer, main, rebuild
from services.plan.store.projection import PlanStore
from shared.chassis.database.database import Connection, Database
from shared.chassis.kafka.offsets import Transaction
from shared.chassis.policy.decide import POLICY_VERSION
from shared.chassis.settings import Settings
from shared.ledger import RecordedEvent
from shared.testing.events import History, record_of
from shared.testing.hostile import as_it_comes, history_of
from shared.testing.stack import EVERY_SERVICE, fresh_database

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]

FOLDERS = (
    EVERY_SERVICE,
    Path(services.plan.__path__[0]) / "migrations",
)
EVERYTHING = "SELECT * FROM plan ORDER BY plan_id"


async def there_is(_: str) -> bool:
    return True


class Model:
    """A plan's database, written as the service writes it."""

    def __init__(self, database: Database, owner: asyncpg.Connection, owner_url: str) -> None:
        self.database = database
        self.owner_url = owner_url
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
        yield Model(database, owner, made.owner_url)


async def some_plans(model: Model) -> None:
    random = Random(7)  # noqa: S311 - histories, no secret
    for _ in range(60):
        plan_id, entries = uuid4(), [uuid4(), uuid4()]
        for batch in as_it_comes(random, history_of(random, plan_id, 15, entries)):
            await model.take(*batch)
    # One that an event has named and nothing else: it is in the model, and says nothing.
    await model.owner.execute("INSERT INTO plan (plan_id) VALUES ($1)", uuid4())


async def test_a_model_that_was_made_again_is_the_same_and_is_written_on(model: Model) -> None:
    await some_plans(model)
    before = await model.rows()
    assert await rebuild(model.owner, "projection_v2") == len(before) == 61
    assert await model.schema() == "projection_v2"
    assert await model.rows() == before
    history = History()
    await model.take(history.opened())
    assert await model.owner.fetchval("SELECT count(*) FROM projection_v2.plan") == 62
    assert await model.owner.fetchval("SELECT count(*) FROM projection_v1.plan") == 61
    again = history.event("needs", "found", uuid4(), "created", {"what": 1})
    await model.take(again)
    assert await rebuild(model.owner, "projection_v3") == 62


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
async def test_one_difference_stops_it_before_the_swap(model: Model, damage: str) -> None:
    histories = [History() for _ in range(3)]
    await model.take(*(history.opened() for history in histories))
    odd: UUID = histories[1].plan_id
    await model.owner.execute(damage, odd)
    before = await model.rows()
    with pytest.raises(ModelsDiffer) as stopped:
        await rebuild(model.owner, "projection_v2")
    assert stopped.value.plan_ids == [odd]
    assert await model.schema() == "projection_v1"
    assert await model.rows() == before


async def test_what_comes_while_it_is_made_is_in_it(model: Model) -> None:
    """Readers are served all the time, and no writer is lost between the two models."""
    histories = [History() for _ in range(150)]
    await model.take(*(history.opened() for history in histories))
    stop = asyncio.Event()
    written = 0

    async def write() -> None:
        nonlocal written
        while not stop.is_set():
            history = histories[written % len(histories)]
            await model.take(history.event("needs", "found", uuid4(), "created", {"n": written}))
            written += 1

    writing = asyncio.create_task(write())
    for number in range(2, 5):
        before = written
        await rebuild(model.owner, f"projection_v{number}")
        assert written > before
    stop.set()
    await writing
    assert sum(row["version"] for row in await model.rows()) == 150 + written
    assert await rebuild(model.owner, "projection_v9") == 150


async def test_it_runs_by_itself_again_and_again(
    model: Model, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    await model.take(History().opened())
    monkeypatch.setenv("CAREPLAN_DATABASE_URL", model.owner_url)
    for number in (2, 3):
        assert await asyncio.to_thread(main) == 0
        assert "1 plans were made again" in capsys.readouterr().out
        assert await model.schema() == f"projection_v{number}"


async def test_after_a_failure_the_next_attempt_works(
    model: Model, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also one that was noticed only while writers waited, and one that was killed."""
    history = History()
    await model.take(history.opened())
    monkeypatch.setenv("CAREPLAN_DATABASE_URL", model.owner_url)
    making = rebuilding._make
    calls = 0

    async def spoilt(connection: Connection, schema: str, ids: list[UUID], prefix: str) -> None:
        nonlocal calls
        calls += 1
        await making(connection, schema, ids, prefix)
        if calls == 2:  # the first transaction is committed by then
            raise ModelsDiffer([history.plan_id])

    with monkeypatch.context() as patched:
        patched.setattr(rebuilding, "_make", spoilt)
        assert await asyncio.to_thread(main) == 1
    assert str(history.plan_id) in capsys.readouterr().err
    there = "SELECT count(*) FROM pg_namespace WHERE nspname = 'projection_v2'"
    assert await model.owner.fetchval(there) == 0
    assert await model.schema() == "projection_v1"
    owner = await model.owner.fetchval("SELECT viewowner FROM pg_views WHERE viewname = 'plan'")
    await model.owner.execute(  # as a killed attempt leaves it
        f"CREATE SCHEMA projection_v2 AUTHORIZATION {owner} CREATE TABLE plan (plan_id uuid)"
    )
    assert (await asyncio.to_thread(main), capsys.readouterr().err) == (0, "")
    assert await model.schema() == "projection_v2"


async def test_an_event_that_can_no_longer_be_read_is_said_so(model: Model) -> None:
    history = History()
    await model.take(history.opened())
    await model.owner.execute("UPDATE ledger.plan_ledger SET event = '{}'")
    with pytest.raises(EventUnreadable, match=f"{history.plan_id} can no longer be read"):
        await rebuild(model.owner)
    assert await model.schema() == "projection_v1"


async def test_no_other_schema_than_one_of_a_model_is_dropped(model: Model) -> None:
    for schema in ("ledger", "public", "projection_v1", "projection_v2; DROP SCHEMA ledger"):
        with pytest.raises(ValueError, match="not a schema for a new model"):
            await rebuild(model.owner, schema)
    assert await model.rows() == []
