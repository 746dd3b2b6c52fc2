"""A section that runs in this process, and what is contributed to it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from uuid import UUID, uuid4

from shared.chassis.contribute.contribute import Contributions
from shared.chassis.contribute.rights import Rights
from shared.chassis.database.database import Database
from shared.chassis.policy.access_copy import access_copy
from shared.chassis.policy.plan_states import PlanStates
from shared.chassis.store.event_store import EventStore
from shared.chassis.store.rows import appends
from shared.ledger import Contributor, Organisation, Section
from shared.ledger.topics import events_topic
from shared.testing.events import History, headers_of, value_of
from shared.testing.service import Bench, Door, bench_of, contribution, works_for

AGREE = "careplan.goals.commands.agree.v1"
REWORD = "careplan.goals.commands.reword.v1"
SET_ASIDE = "careplan.goals.commands.set-aside.v1"
RESUME = "careplan.goals.commands.resume.v1"
OPEN = "careplan.person.commands.open-plan.v1"
END = "careplan.person.commands.end-plan.v1"
REOPEN = "careplan.person.commands.reopen-plan.v1"
GOAL = {
    "aim": {"text": "Walk to the shop"},
    "need_ids": [{"section": "needs", "entry_id": str(UUID(int=1))}],
}
NURSE = works_for("ZZC01")
GP = works_for("ZZG01", role="gp")
SYSTEM = Contributor(kind="system", sub="a-system", name="EPR", organisation=Organisation("ZZC01"))
SAID = {"stated_by": {"kind": "person"}}

Answered = TypeVar("Answered")


@dataclass(frozen=True)
class Running:
    """A section that runs in this process."""

    bench: Bench
    door: Door

    async def publish(self, history: History, name: str, change: str = "amended") -> None:
        """Put an event of the plan's Person on the topic that the section's copy is fed from."""
        if name == "plan-opened":
            event = history.opened()
        else:
            content = {"merged_into": str(uuid4())} if name == "plan-merged" else {}
            event = history.event("person", name, history.plan_id, change, content)
        await self.bench.producer.send_and_wait(
            self.bench.topic(events_topic("person")),
            value_of(event),
            str(history.plan_id).encode(),
            headers=headers_of(event),
        )


@asynccontextmanager
async def section_running(
    section: Section, postgres_url: str, kafka_servers: str, folder: Path
) -> AsyncIterator[Running]:
    """A section with a bench of its own, until the end."""
    async with (
        bench_of(section, postgres_url, kafka_servers, folder) as bench,
        bench.running() as door,
    ):
        yield Running(bench, door)


@asynccontextmanager
async def contributions_of(bench: Bench) -> AsyncIterator[Contributions]:
    """The use case itself, without a door."""
    settings = bench.settings()
    async with Database(settings.database_url) as database, appends(database.url) as commits:
        store = EventStore(database, commits, bench.section)
        plan_states = PlanStates(database, wait_seconds=settings.copy_wait_seconds)
        rights = Rights(bench.section, plan_states, access_copy(database, settings), settings)
        yield Contributions(bench.section, store, rights, settings)


async def side_by_side(doing: Iterable[Awaitable[Answered]], at_once: int = 200) -> list[Answered]:
    """All of it, so many at once, answered in order."""
    limit = asyncio.Semaphore(at_once)

    async def one(awaited: Awaitable[Answered]) -> Answered:
        async with limit:
            return await awaited

    return list(await asyncio.gather(*(one(awaited) for awaited in doing)))


async def agreed(running: Running, plan_id: UUID) -> str:
    """The id of a new goal."""
    answer = await running.door.contribute(contribution(AGREE, GOAL, plan_id), NURSE)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["entry_id"])


async def a_plan(running: Running) -> UUID:
    """A plan that the section knows to be open."""
    plan_id = uuid4()
    await running.bench.know_plans([plan_id])
    return plan_id
