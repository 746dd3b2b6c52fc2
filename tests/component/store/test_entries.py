"""Entries are loaded, held and saved, and what is held is never trusted."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio

from services.goals.domain import Goal
from services.goals.section import SECTION
from shared.chassis.database.database import Database
from shared.chassis.store.event_store import EventStore, Moved
from shared.chassis.store.recorder import Recorder
from shared.chassis.store.rows import ReceiptRow, appends
from shared.ledger import Agent, CodedText, NeedRef, Organisation, Provenance
from shared.testing.stack import TestDatabase
from tests.component.store.ledger import receipt, stored

pytestmark = [pytest.mark.component, pytest.mark.asyncio(loop_scope="session")]


def provenance(entry: tuple[UUID, UUID]) -> Provenance:
    person = Agent("person", "Edith Marlow-Synth", organisation=Organisation("ZZG01"))
    plan_id, entry_id = entry
    return Provenance(plan_id, entry_id, uuid4(), person, person)


def agreed(aim: str = "To sleep better") -> Goal:
    entry = (uuid4(), uuid4())
    needs = (NeedRef("needs", uuid4()),)
    return Goal.agree(provenance(entry), aim=CodedText(aim), need_ids=needs)


def weighed(goal: Goal, importance: int) -> Goal:
    goal.weigh(provenance((goal.plan_id, goal.id)), importance=importance)
    return goal


@pytest_asyncio.fixture(loop_scope="session")
async def stores(
    made: TestDatabase, owner: asyncpg.Connection
) -> AsyncIterator[tuple[EventStore, EventStore]]:
    del owner
    async with AsyncExitStack() as opened:
        database = await opened.enter_async_context(Database(made.url))
        both = [await opened.enter_async_context(appends(made.url)) for _ in range(2)]
        one, two = (EventStore(database, commits, SECTION) for commits in both)
        yield one, two


async def loaded(store: EventStore, entry_id: UUID, *, afresh: bool = False) -> Goal:
    goal = await store.load(entry_id, afresh=afresh)
    assert isinstance(goal, Goal)
    return goal


async def test_what_is_held_in_memory_is_never_trusted(
    stores: tuple[EventStore, EventStore],
) -> None:
    one, two = stores
    goal = agreed()
    assert await two.load(goal.id) is None
    await one.save([Moved(goal)], receipt())
    await two.save([Moved(weighed(await loaded(two, goal.id), 7))], receipt())
    behind = weighed(await loaded(one, goal.id), 5)
    assert behind.version == 2, "decided on what this replica remembers"
    answer = await one.save([Moved(behind)], receipt())
    assert (answer.verdict, answer.version) == ("stale", 2)
    assert (await loaded(one, goal.id, afresh=True)).version == 2
    assert (
        await one.save([Moved(weighed(await loaded(one, goal.id), 5))], receipt())
    ).verdict == "stored"
    assert (await loaded(two, goal.id)).version == 2
    assert (await loaded(two, goal.id, afresh=True)).version == 3


async def test_a_loaded_entry_can_be_thrown_away(stores: tuple[EventStore, EventStore]) -> None:
    store, _ = stores
    goal = agreed()
    await store.save([Moved(goal)], receipt())
    weighed(await loaded(store, goal.id), 7)  # decided, and refused by something else
    again = await loaded(store, goal.id)
    assert (again.version, list(again.pending_events)) == (1, [])


async def test_what_was_stored_elsewhere_is_read_on_from_what_is_held(
    stores: tuple[EventStore, EventStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = stores
    goal = agreed()
    await one.save([Moved(goal)], receipt())
    read: list[int] = []
    events = Recorder.events

    async def counted(*given: Any, **named: Any) -> Any:
        found = await events(*given, **named)
        read.append(len(found))
        return found

    monkeypatch.setattr(Recorder, "events", counted)
    assert (await loaded(one, goal.id, afresh=True)).version == 1
    assert read == [0], "nothing has moved"
    for importance in (3, 4):
        moved = weighed(await loaded(two, goal.id, afresh=True), importance)
        await two.save([Moved(moved)], receipt())
    read.clear()
    behind = await loaded(one, goal.id)
    assert (await loaded(one, goal.id, afresh=True)).version == 3
    assert read == [2], "only what is new"
    assert behind.version == 1, "what was lent out stays as it was"
    assert (await loaded(one, goal.id)).version == 3


async def test_several_entries_of_a_section_are_saved_in_one_append(
    stores: tuple[EventStore, EventStore], owner: asyncpg.Connection
) -> None:
    one, two = stores
    goals = [agreed(), agreed()]
    third = agreed()
    await one.save([Moved(third)], receipt())
    saved = await one.save([Moved(goal) for goal in goals], receipt(), read=[(third.id, 1)])
    assert saved.verdict == "stored"
    await two.save([Moved(weighed(await loaded(two, third.id), 7))], receipt())
    both = [Moved(weighed(await loaded(one, goal.id), 3)) for goal in goals]
    assert (await one.save(both, receipt(), read=[(third.id, 1)])).verdict == "stale"
    assert [(await loaded(one, goal.id)).version for goal in goals] == [1, 1]
    # What one of them has met stops the other as well.
    await two.save([Moved(weighed(await loaded(two, goals[0].id), 5))], receipt())
    both = [Moved(weighed(await loaded(one, goal.id), 3)) for goal in goals]
    assert (await one.save(both, receipt())).verdict == "stale"
    assert await owner.fetchval(
        "SELECT max(originator_version) FROM stored_events WHERE originator_id = $1", goals[1].id
    ) == 1  # fmt: skip


async def test_the_entries_held_in_memory_are_bounded_in_bytes_as_in_number(
    made: TestDatabase, owner: asyncpg.Connection
) -> None:
    """Kind: a bound on number alone, where one item may be as large as it likes."""
    del owner
    async with Database(made.url) as database, appends(made.url) as commits:
        store = EventStore(database, commits, SECTION, cache_size=3, cache_bytes=20_000)

        async def held(goals: Sequence[Goal]) -> list[bool]:
            found = []
            for goal in goals:
                with events_read() as read:
                    await store.load(goal.id)
                found.append(goal.id not in read)
            return found

        small = [agreed() for _ in range(4)]
        for goal in small:
            await store.save([Moved(goal)], receipt())
        assert await held(small[1:]) == [True] * 3
        large = [agreed("x" * 8_000) for _ in range(3)]
        for goal in large:
            await store.save([Moved(goal)], receipt())
        assert await held(large[1:]) == [True, True]
        assert await held(large[:1]) == [False]
        too_large = agreed("x" * 30_000)
        await store.save([Moved(too_large)], receipt())
        assert await held([too_large, too_large]) == [False, False]
        # An entry that grows takes more.
        goal = agreed()
        await store.save([Moved(goal)], receipt())
        for _ in range(3):
            assert await held([goal]) == [True]
            grown = await loaded(store, goal.id)
            grown.reword(provenance((goal.plan_id, goal.id)), why="y" * 6_000)
            await store.save([Moved(grown)], receipt())
        grown = await loaded(store, goal.id)
        grown.reword(provenance((goal.plan_id, goal.id)), why="y" * 6_000)
        await store.save([Moved(grown)], receipt())
        assert await held([goal]) == [False]


@contextmanager
def events_read() -> Iterator[list[UUID]]:
    """The entries whose events are read meanwhile."""
    read: list[UUID] = []
    events = Recorder.events

    async def noted(self: Recorder, entry_id: UUID, **named: Any) -> Any:
        read.append(entry_id)
        return await events(self, entry_id, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Recorder, "events", noted)
        yield read


async def test_many_at_one_entry_come_one_after_the_other(
    stores: tuple[EventStore, EventStore], owner: asyncpg.Connection
) -> None:
    goal = agreed()
    await stores[0].save([Moved(goal)], receipt())

    async def weigh(store: EventStore, importance: int) -> None:
        afresh = False
        while True:
            entry = weighed(await loaded(store, goal.id, afresh=afresh), importance)
            if (await store.save([Moved(entry)], receipt())).verdict == "stored":
                return
            afresh = True

    await asyncio.gather(*(weigh(stores[n % 2], 1 + n % 10) for n in range(24)))
    assert [version for _, version in await stored(owner)] == list(range(1, 26))


async def test_a_kept_receipt_says_what_only_its_commit_knew(
    stores: tuple[EventStore, EventStore],
) -> None:
    store, _ = stores
    goal = agreed()
    row = ReceiptRow(
        uuid4(),
        "org:ZZG01",
        b"hash",
        b'{"plan_id": "%s", "section": "goals"}' % str(goal.plan_id).encode(),
    )
    appended = await store.save([Moved(goal)], row)
    kept = await store.receipt(row.contribution_id)
    assert kept is not None
    assert (kept.contributor, kept.content_hash) == ("org:ZZG01", b"hash")
    assert datetime.fromisoformat(kept.receipt["recorded_at"]) == appended.recorded_at
    assert "ledger_position" in kept.receipt
    assert await store.receipt(uuid4()) is None


async def test_what_has_changed_since_a_version(stores: tuple[EventStore, EventStore]) -> None:
    store, _ = stores
    goal = weighed(weighed(agreed(), 7), 3)
    appended = await store.save([Moved(goal)], receipt())
    changes = await store.changes_since(goal.id, 1)
    assert [(change["entry_version"], change["fields"]) for change in changes] == [
        (2, ["importance"]),
        (3, ["importance"]),
    ]
    assert changes[0]["by"]["name"] == "Edith Marlow-Synth"
    assert datetime.fromisoformat(changes[0]["at"]) == appended.recorded_at
