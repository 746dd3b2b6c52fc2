"""What a section and the plan know of relationships and Proxies, from the care team's events."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.chassis.database.database import Database
from shared.chassis.policy.access import Access
from shared.chassis.policy.access_copy import AccessCopy, access_copy
from shared.ledger import RecordedEvent
from shared.ledger.topics import events_topic
from shared.testing.events import History, headers_of, value_of
from shared.testing.eventually import LONG_ENOUGH, eventually
from shared.testing.service import Bench
from tests.component.contribute.running import Running

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]

ESTABLISHED = {
    "organisation": {"ods": "ZZC01"}, "kind": "referral", "live_from": "2026-01-01T00:00:00Z",
}  # fmt: skip


def anything(_: Access) -> bool:
    return True


async def publish(bench: Bench, *events: RecordedEvent) -> None:
    for event in events:
        await bench.producer.send_and_wait(
            bench.topic(events_topic(event.section)),
            value_of(event),
            str(event.plan_id).encode(),
            headers=headers_of(event),
        )


def established(history: History, entry_id: UUID) -> RecordedEvent:
    return history.event(
        *("care_team", "relationship-established", entry_id, "created", ESTABLISHED),
        entry_type="relationship",
    )


def ended(history: History, entry_id: UUID) -> RecordedEvent:
    return history.event(
        *("care_team", "relationship-ended", entry_id, "withdrawn", {"reason": "Moved"}),
        entry_type="relationship",
    )


async def known(copy: AccessCopy, plan_id: UUID, many: int) -> Access:
    async def ask() -> Access:
        return await copy.of(plan_id, anything, wait=False)

    found: Access = await eventually(
        ask, f"{many} relationships", holds=lambda access: len(access.relationships) == many
    )
    return found


async def test_every_section_knows_what_the_care_team_has_said(
    goals: Running, person: Running
) -> None:
    """The one that opens plans too: who may contribute there is judged in the same way."""
    for running in (goals, person):
        bench, history, entry_id = running.bench, History(), uuid4()
        async with Database(bench.database.url) as database:
            copy = access_copy(database, bench.settings())
            await publish(bench, history.opened(), established(history, entry_id))
            access = await known(copy, history.plan_id, 2)
            assert {one.organisation for one in access.relationships} == {"ZZG01", "ZZC01"}
            await publish(bench, ended(history, entry_id))
            (opened,) = (await known(copy, history.plan_id, 1)).relationships
            assert opened.entry_id == history.plan_id
            assert await running.door.not_ready() == []


async def test_what_comes_again_or_late_changes_nothing(goals: Running) -> None:
    """The kind: a rebuild reads the topic from its beginning into a table that has rows."""
    bench, history, entry_id = goals.bench, History(), uuid4()
    events = [established(history, entry_id), ended(history, entry_id)]
    async with Database(bench.database.url) as database:
        copy = access_copy(database, bench.settings())

        async def learn(*some: RecordedEvent) -> Access:
            async with database.pool.acquire() as connection, connection.transaction():
                assert await copy.learn(connection, some) == {history.plan_id}
            return await copy.of(history.plan_id, anything, wait=False)

        async def rows() -> list[Any]:
            return list(
                await bench.pool.fetch(
                    "SELECT entry_id, kind, leaves FROM access_entry WHERE plan_id = $1"
                    " ORDER BY entry_id",
                    history.plan_id,
                )
            )

        assert len((await learn(events[0])).relationships) == 1
        assert await learn(events[1], events[0]) == Access()
        once = await rows()
        assert await learn(*events) == Access()
        assert await learn(*reversed(events)) == Access()
        assert await rows() == once
        await bench.pool.execute("DELETE FROM access_entry WHERE entry_id = $1", entry_id)
        assert await learn(*events) == Access()


async def test_who_asks_a_moment_too_early_is_kept_waiting(goals: Running) -> None:
    bench, history, entry_id = goals.bench, History(), uuid4()
    asked: list[Access] = []

    def there(access: Access) -> bool:
        asked.append(access)
        if len(asked) == 1:
            return False
        return bool(access.relationships)

    async with Database(bench.database.url) as database:
        settings = bench.settings(copy_wait_seconds=LONG_ENOUGH)
        copy = access_copy(database, settings)
        await publish(bench, established(history, entry_id))
        found = await copy.of(history.plan_id, there)
        assert [one.entry_id for one in found.relationships] == [entry_id]
        assert len(asked) > 1
        never = await copy.of(uuid4(), lambda access: bool(access.relationships), wait=False)
        assert never == Access()
