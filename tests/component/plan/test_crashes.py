"""Ended at any step, the plan loses nothing, doubles nothing and stays readable."""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from services.plan.doors.events import FoldEvents
from services.plan.store.projection import PlanStore
from shared.chassis import telemetry
from shared.chassis.database.database import Connection
from shared.chassis.kafka.consumer import BatchConsumer
from shared.chassis.policy.decide import POLICY_VERSION
from shared.ledger.topics import dead_letters_topic
from shared.testing.events import History
from shared.testing.eventually import LONG_ENOUGH, eventually
from tests.component.plan.bench import Bench, short_history, shown, until_written

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


class PausedStore(PlanStore):
    """A store that stops once before it writes, until it is let on."""

    def __init__(self, instance: str) -> None:
        super().__init__(instance=instance, policy_version=POLICY_VERSION)
        self.has_paused = asyncio.Event()
        self.may_go_on = asyncio.Event()

    async def write(self, *arguments: Any) -> Any:
        if not self.has_paused.is_set():
            self.has_paused.set()
            await self.may_go_on.wait()
        return await super().write(*arguments)


@pytest.mark.parametrize("first", [0, 1])
async def test_two_replicas_at_once_leave_nothing_waiting_in_another_plan(
    bench: Bench, first: int
) -> None:
    """What one replica looks for, another may write meanwhile: looked for again in its turn."""
    history, other = History(), History()
    goal = uuid4()
    agreed = history.event("goals", "agreed", goal, "created", {"aim": 1})
    reworded = history.event("goals", "reworded", goal, "amended", {"aim": 2})
    shares = [[history.opened(), agreed], [replace(reworded, plan_id=other.plan_id)]]
    stores = [PausedStore("one"), PausedStore("two")]
    writing = [
        asyncio.create_task(until_written(bench, store, share))
        for store, share in zip(stores, shares, strict=True)
    ]
    for store in stores:
        await asyncio.wait_for(store.has_paused.wait(), LONG_ENOUGH)
    for number in (first, 1 - first):
        stores[number].may_go_on.set()
        await asyncio.wait_for(writing[number], LONG_ENOUGH)
    _, applied, duplicates, waiting, dead_lettered = await bench.counted()
    assert (applied, duplicates, waiting, dead_lettered) == (2, 0, 0, 1)
    assert await bench.database.pool.fetchval("SELECT count(*) FROM ledger.plan_parked") == 0
    assert len(await bench.outgoing(dead_letters_topic("plan"))) == 1
    told = await bench.document(history.plan_id)
    assert told["complete"] is True
    nothing = "SELECT document IS NULL FROM plan WHERE plan_id = $1"
    assert await bench.database.pool.fetchval(nothing, other.plan_id)


STEPS = ("take_up", "_write_parked", "_write_plans", "_write_counts", "_write_ledger", "write")


class MortalStore(PlanStore):
    """A store that fails once after a step, as a process does that is killed there."""

    def __init__(self, step: str, error: type[BaseException]) -> None:
        super().__init__(instance="one", policy_version=POLICY_VERSION)
        self.died = asyncio.Event()
        plain = getattr(self, step)

        async def die_after(connection: Connection, *arguments: Any) -> Any:
            result = await plain(connection, *arguments)
            if not self.died.is_set():
                self.died.set()
                if error is asyncio.CancelledError:
                    await asyncio.Event().wait()
                raise error("killed")
            return result

        setattr(self, step, die_after)


@pytest.mark.parametrize(
    ("step", "error"),
    [
        *((step, asyncio.CancelledError) for step in STEPS),
        ("_write_plans", RuntimeError),
        ("write", asyncpg.DeadlockDetectedError),
    ],
)
async def test_killed_at_any_step_nothing_is_lost_or_twice(
    bench: Bench, step: str, error: type[BaseException]
) -> None:
    history = History()
    events = short_history(history)
    disorder = [events[0], events[3], events[1], events[4], events[2]]
    store = MortalStore(step, error)
    await bench.publish(*disorder)
    consumer = bench.consumer(store=store, max_records=2)
    await consumer.__aenter__()
    await eventually(store.died.is_set, f"dead after {step}")
    if error is asyncpg.DeadlockDetectedError:
        await bench.until_consumed(5)  # tried again in place
        await consumer.__aexit__(None, None, None)
    elif error is RuntimeError:
        await eventually(consumer.has_stopped.is_set, "stopped loudly")
        await consumer.__aexit__(None, None, None)
    else:
        await stop_at_once(consumer)
    async with bench.consumer(store=store, max_records=2):
        tally = await bench.until_consumed(5)
        await bench.publish(*events)
        tally = await bench.until_consumed(10)
    assert (tally["applied"], tally["duplicates"], tally["parked"]) == (5, 5, 0)
    await bench.must_be_folded(history.plan_id, events)
    assert len(await bench.changes()) == 5


async def stop_at_once(consumer: BatchConsumer) -> None:
    """As at SIGTERM when the batch in hand does not end by itself."""
    assert consumer._subscription is not None
    for task in consumer._subscription._subscriber.tasks:
        task.cancel()
    await consumer.__aexit__(None, None, None)


@pytest.fixture
def measured() -> Iterator[None]:
    """Figures are kept, as in a process of its own."""
    telemetry.configure("plan")
    yield
    telemetry.shut_down()


@pytest.mark.usefixtures("measured")
async def test_the_door_stays_open_where_the_consumer_has_stopped_for_good(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was folded is read on; health, figures and log say that nothing more comes."""
    history = History()
    async with bench.service() as client:
        await bench.publish(history.opened())
        await shown(client, history.plan_id, 1)

        async def fails(*_: object) -> None:
            raise RuntimeError("nobody expected this")

        monkeypatch.setattr(FoldEvents, "_fold", fails)
        await bench.publish(history.event("needs", "found", uuid4(), "created", {"what": 1}))

        async def part() -> dict[str, Any]:
            told = (await client.get("/readyz")).json()
            assert told["ready"] is True, "the door is open"
            events: dict[str, Any] = told["parts"]["events"]
            return events

        def has_stopped(events: dict[str, Any]) -> bool:
            return (events["ready"], events.get("detail")) == (False, "stopped: RuntimeError")

        await eventually(part, "it says so", holds=has_stopped)
        assert (await client.get("/livez")).status_code == 200, "a new process would stop too"
        answer = await client.get(f"/v1/plans/{history.plan_id}")
        assert (answer.status_code, answer.json()["plan_version"]) == (200, 1)
        await eventually(part, "the lag is told", holds=lambda events: events.get("lag") == 1)
        figures = stopped_of(await client.get("/metrics"))
        assert figures == {"events": 1.0, "copies": 0.0, "relay": 0.0}


def stopped_of(metrics: httpx.Response) -> dict[str, float]:
    """The figure of each part that may stop."""
    found = re.findall(r'^careplan_stopped\S*{.*part="(\w+)".*} (\S+)$', metrics.text, re.MULTILINE)
    return {part: float(figure) for part, figure in found}
